"""Operators on a blueprint's way to LIVE: freeze a version of it, copy it from one stage to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda._checks import check_choice, check_each
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.operators._aws import BdaAwsOperator
from airflow_provider_bda.operators._resource import BdaResourceOperator, resource_token

if TYPE_CHECKING:
    from collections.abc import Sequence

_STAGES = ("DEVELOPMENT", "LIVE")


def check_stage(name: str, value: Any) -> None:
    """Refuse what is no stage."""
    check_choice(name, value, *_STAGES)


class BdaCreateBlueprintVersionOperator(BdaResourceOperator):
    """Freeze a blueprint's schema as its next version (CreateBlueprintVersion).

    :param blueprint: (templated) its ARN or name.
    :param client_token: (templated) the idempotency token, 33 characters at least. None builds one that is the
        same for every try of this task instance, so that a retry makes no second version.
    :returns: ``blueprint_arn, blueprint_name, blueprint_stage, blueprint_version``.
    """

    template_fields: Sequence[str] = ("blueprint", "client_token", *BdaAwsOperator.aws_template_fields)

    def __init__(self, *, blueprint: str, client_token: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.blueprint = blueprint
        self.client_token = client_token

    def execute(self, context: Any) -> dict[str, Any]:
        """Make the version."""
        request = {"blueprintArn": self.hook.blueprint_arn(self.blueprint)}
        token = resource_token(context, self.client_token, request)
        return blueprint_facts(self.send("create_blueprint_version", {**request, "clientToken": token}))


class BdaCopyBlueprintStageOperator(BdaResourceOperator):
    """Copy a blueprint from one stage to the other (CopyBlueprintStage): how it goes LIVE.

    :param blueprint: (templated) its ARN or name.
    :param source_stage: (templated) "DEVELOPMENT" or "LIVE".
    :param target_stage: (templated) the other.
    :param client_token: (templated) the idempotency token, 33 characters at least.
    :returns: ``blueprint_arn, blueprint_stage``.
    """

    template_fields: Sequence[str] = (
        "blueprint",
        "source_stage",
        "target_stage",
        "client_token",
        *BdaAwsOperator.aws_template_fields,
    )

    def __init__(
        self,
        *,
        blueprint: str,
        source_stage: str = "DEVELOPMENT",
        target_stage: str = "LIVE",
        client_token: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.blueprint = blueprint
        self.source_stage = source_stage
        self.target_stage = target_stage
        self.client_token = client_token
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        stages = {
            "source_stage": (self.source_stage, check_stage),
            "target_stage": (self.target_stage, check_stage),
        }
        check_each(stages, everything=everything)
        if everything and self.source_stage == self.target_stage:
            raise BdaInputError(f"source_stage, target_stage: both are {self.source_stage}")

    def execute(self, context: Any) -> dict[str, Any]:
        """Copy it."""
        self._check(everything=True)
        request = {
            "blueprintArn": self.hook.blueprint_arn(self.blueprint),
            "sourceStage": self.source_stage,
            "targetStage": self.target_stage,
        }
        token = resource_token(context, self.client_token, request)
        self.send("copy_blueprint_stage", {**request, "clientToken": token})
        return {"blueprint_arn": request["blueprintArn"], "blueprint_stage": self.target_stage}


def blueprint_facts(answer: dict[str, Any]) -> dict[str, Any]:
    """Answer what an operator returns of a blueprint."""
    found = answer["blueprint"]
    names = {
        "blueprint_arn": "blueprintArn",
        "blueprint_name": "blueprintName",
        "blueprint_stage": "blueprintStage",
        "blueprint_version": "blueprintVersion",
    }
    return {name: found.get(member) for name, member in names.items()}
