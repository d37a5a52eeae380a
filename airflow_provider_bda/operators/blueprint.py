"""Operators that carry a blueprint from a file to LIVE: create, update, optimize, version, copy, delete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import check_choice, check_each, check_tags
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.operators._aws import BdaAwsOperator
from airflow_provider_bda.operators._blueprint_stages import (
    BdaCopyBlueprintStageOperator,
    BdaCreateBlueprintVersionOperator,
    blueprint_facts,
    check_stage,
)
from airflow_provider_bda.operators._optimize import BdaOptimizeBlueprintOperator
from airflow_provider_bda.operators._resource import (
    BdaResourceOperator,
    already_there,
    check_if_exists,
    check_if_missing,
    encryption,
    given,
    is_missing,
    resource_token,
    the_one_named,
)
from airflow_provider_bda.operators._schema import schema_text, storable
from airflow_provider_bda.operators._tags import all_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BdaCopyBlueprintStageOperator",
    "BdaCreateBlueprintOperator",
    "BdaCreateBlueprintVersionOperator",
    "BdaDeleteBlueprintOperator",
    "BdaOptimizeBlueprintOperator",
    "BdaUpdateBlueprintOperator",
]

_TYPES = ("DOCUMENT", "IMAGE", "AUDIO", "VIDEO")


class BdaCreateBlueprintOperator(BdaResourceOperator):
    """Create a blueprint (CreateBlueprint).

    :param blueprint_name: (templated) its name, unique in the account.
    :param schema: (templated) what to extract: a dict, JSON text, the path of a JSON file (from the Dag's own
        folder if it is relative), or a pydantic model, whose descriptions become the instructions.
    :param blueprint_type: (templated) "DOCUMENT", "IMAGE", "AUDIO" or "VIDEO".
    :param blueprint_stage: (templated) "DEVELOPMENT" or "LIVE"; None leaves it to the service (LIVE).
    :param kms_key_id: (templated) the customer's KMS key.
    :param kms_encryption_context: (templated) pairs; needs ``kms_key_id``.
    :param tags: (templated) its tags; ``airflow_dag_id`` and ``airflow_task_id`` are added.
    :param client_token: (templated) the idempotency token, 33 characters at least.
    :param if_exists: where a blueprint has the name: "fail", "skip" (answer that one) or "update" (put the schema
        in the place of that one's, at the stage).
    :returns: ``blueprint_arn, blueprint_name, blueprint_stage, blueprint_version, created``.
    """

    template_fields: Sequence[str] = (
        "blueprint_name",
        "schema",
        "blueprint_type",
        "blueprint_stage",
        "kms_key_id",
        "kms_encryption_context",
        "tags",
        "client_token",
        *BdaAwsOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"schema": "json", "tags": "json"}

    def __init__(
        self,
        *,
        blueprint_name: str,
        schema: dict[str, Any] | str | Path | type[Any],
        blueprint_type: str = "DOCUMENT",
        blueprint_stage: str | None = None,
        kms_key_id: str | None = None,
        kms_encryption_context: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
        client_token: str | None = None,
        if_exists: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_if_exists(if_exists)
        self.blueprint_name = blueprint_name
        self.schema = storable(schema)
        self.blueprint_type = blueprint_type
        self.blueprint_stage = blueprint_stage
        self.kms_key_id = kms_key_id
        self.kms_encryption_context = kms_encryption_context
        self.tags = tags
        self.client_token = client_token
        self.if_exists = if_exists
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        check_each(
            {
                "blueprint_type": (
                    self.blueprint_type,
                    lambda name, value: check_choice(name, value, *_TYPES),
                ),
                "blueprint_stage": (self.blueprint_stage, check_stage),
                "tags": (self.tags, check_tags),
            },
            everything=everything,
        )

    def execute(self, context: Any) -> dict[str, Any]:
        """Create it, or act on the one there is."""
        self._check(everything=True)
        schema = schema_text(self.schema, _dag_folder(self))
        found = None
        if self.if_exists != "fail":
            found = the_one_named(self.hook, "blueprint", self.blueprint_name)
        if found is None:
            try:
                return {**blueprint_facts(self._create(context, schema)), "created": True}
            except BdaInputError as error:
                # Another task may have been faster.
                if self.if_exists == "fail" or not already_there(error):
                    raise
                found = the_one_named(self.hook, "blueprint", self.blueprint_name)
                if found is None:
                    raise
        return {**blueprint_facts(self._existing(found, schema)), "created": False}

    def _create(self, context: Any, schema: str) -> dict[str, Any]:
        request = {
            "blueprintName": self.blueprint_name,
            "type": self.blueprint_type,
            "schema": schema,
            **given(blueprintStage=self.blueprint_stage, tags=all_tags(context, self.tags) or None),
            **encryption(self.kms_key_id, self.kms_encryption_context),
        }
        token = resource_token(context, self.client_token, request)
        return self.send("create_blueprint", {**request, "clientToken": token})

    def _existing(self, arn: str, schema: str) -> dict[str, Any]:
        request: dict[str, Any] = {"blueprintArn": arn, **given(blueprintStage=self.blueprint_stage)}
        if self.if_exists == "skip":
            try:
                return self.send("get_blueprint", request)
            except BdaInputError as error:
                # It is there, but not at this stage: what was asked for is not there yet.
                if not (is_missing(error) and self.blueprint_stage):
                    raise
        keys = encryption(self.kms_key_id, self.kms_encryption_context)
        return self.send("update_blueprint", {**request, "schema": schema, **keys})


class BdaUpdateBlueprintOperator(BdaResourceOperator):
    """Put a schema in the place of a blueprint's, at a stage (UpdateBlueprint).

    :param blueprint: (templated) its ARN or name.
    :param schema: (templated) as for :class:`BdaCreateBlueprintOperator`.
    :param blueprint_stage: (templated) "DEVELOPMENT" or "LIVE"; None leaves it to the service.
    :param kms_key_id: (templated) the customer's KMS key.
    :param kms_encryption_context: (templated) pairs; needs ``kms_key_id``.
    :returns: ``blueprint_arn, blueprint_name, blueprint_stage, blueprint_version``.
    """

    template_fields: Sequence[str] = (
        "blueprint",
        "schema",
        "blueprint_stage",
        "kms_key_id",
        "kms_encryption_context",
        *BdaAwsOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"schema": "json"}

    def __init__(
        self,
        *,
        blueprint: str,
        schema: dict[str, Any] | str | Path | type[Any],
        blueprint_stage: str | None = None,
        kms_key_id: str | None = None,
        kms_encryption_context: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.blueprint = blueprint
        self.schema = storable(schema)
        self.blueprint_stage = blueprint_stage
        self.kms_key_id = kms_key_id
        self.kms_encryption_context = kms_encryption_context
        check_each({"blueprint_stage": (blueprint_stage, check_stage)}, everything=False)

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Update it."""
        check_each({"blueprint_stage": (self.blueprint_stage, check_stage)}, everything=True)
        request = {
            "blueprintArn": self.hook.blueprint_arn(self.blueprint),
            "schema": schema_text(self.schema, _dag_folder(self)),
            **given(blueprintStage=self.blueprint_stage),
            **encryption(self.kms_key_id, self.kms_encryption_context),
        }
        return blueprint_facts(self.send("update_blueprint", request))


class BdaDeleteBlueprintOperator(BdaResourceOperator):
    """Delete a blueprint with all its stages and versions, or one version of it (DeleteBlueprint).

    :param blueprint: (templated) its ARN or name.
    :param blueprint_version: (templated) the version to delete; None deletes the blueprint.
    :param if_missing: where there is none: "skip" (a retry may find it gone) or "fail".
    :returns: ``deleted``.
    """

    template_fields: Sequence[str] = ("blueprint", "blueprint_version", *BdaAwsOperator.aws_template_fields)

    def __init__(
        self, *, blueprint: str, blueprint_version: str | None = None, if_missing: str = "skip", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_if_missing(if_missing)
        self.blueprint = blueprint
        self.blueprint_version = blueprint_version
        self.if_missing = if_missing

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Delete it."""
        arn: str | None = self.blueprint
        if not self.blueprint.startswith("arn:"):
            arn = the_one_named(self.hook, "blueprint", self.blueprint)
        if arn is None:
            return self.missing(
                BdaInputError(f"blueprint: none is named {self.blueprint!r}"), self.if_missing
            )
        try:
            self.send(
                "delete_blueprint", {"blueprintArn": arn, **given(blueprintVersion=self.blueprint_version)}
            )
        except BdaInputError as error:
            if not is_missing(error):
                raise
            return self.missing(error, self.if_missing)
        return {"deleted": True}


def _dag_folder(operator: Any) -> str:
    dag = operator.get_dag()
    return str(Path(dag.fileloc).parent) if dag is not None and dag.fileloc else "."
