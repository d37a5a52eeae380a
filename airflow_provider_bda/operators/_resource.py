"""What every operator on a resource does: one call or two, safe to repeat, its refusal a clear error.

Resources are not billed and their names are unique, so repeating is made safe by name and by a client token that
is the same for every try of a task instance; there is nothing to wait for and nothing to save.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import check_choice
from airflow_provider_bda.exceptions import BdaError, BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationHook
from airflow_provider_bda.jobs.decision import STALE_CREDENTIALS, Nature
from airflow_provider_bda.jobs.token import client_token
from airflow_provider_bda.operators._aws import BdaAwsOperator
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.hooks.base import BdaBaseHook
    from airflow_provider_bda.jobs.decision import CallError

IF_EXISTS = ("fail", "skip", "update")
IF_MISSING = ("fail", "skip")
_NOT_THERE = "ResourceNotFoundException"
_IS_THERE = "ConflictException"


class BdaResourceOperator(BdaAwsOperator):
    """Do something with a project, blueprint or library. Returns plain JSON.

    :raises BdaInputError: the service refuses the request; a retry changes nothing.
    :raises BdaError: the service gave no good answer; a retry repeats the same request.
    """

    hook_class: ClassVar[type[BdaBaseHook]] = BedrockDataAutomationHook

    def send(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation; its errors become ours."""
        try:
            answer: dict[str, Any] = self.hook.call(operation, request)
        except CALL_ERRORS as raised:
            if isinstance(raised, BdaInputError):
                raise
            raise refusal(operation, call_error(raised)) from raised
        return answer

    def missing(self, error: BdaInputError, if_missing: str) -> dict[str, Any]:
        """Answer that what was to be deleted is not there, or raise the error that says so."""
        if if_missing == "fail":
            raise error
        self.log.warning("there was nothing to delete: %s", error)
        return {"deleted": False}


def refusal(operation: str, error: CallError) -> BdaError:
    """Turn a failed call into the error that says what a retry will do."""
    said: dict[str, Any] = {"error_type": error.code, "error_message": error.message}
    passing = error.nature in {Nature.THROTTLED, Nature.TRANSIENT} or error.code in STALE_CREDENTIALS
    if passing:
        return BdaError(
            f"{operation} got no good answer: {error.code}: {error.message}. A retry repeats the same request",
            **said,
        )
    return BdaInputError(
        f"{operation} was refused: {error.code}: {error.message}. The same request would be refused again, so there "
        "is no retry",
        **said,
    )


def is_missing(error: BdaError) -> bool:
    """Tell whether an error says that the resource is not there."""
    return error.error_type == _NOT_THERE


def already_there(error: BdaError) -> bool:
    """Tell whether an error says that the name is taken, or that something else is under way."""
    return error.error_type == _IS_THERE


def resource_token(context: Any, own: str | None, request: Mapping[str, Any]) -> str:
    """Answer the author's token, or one that is the same for every try of this task instance."""
    ti = context["ti"]
    return own or client_token(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=ti.map_index if ti.map_index is not None else -1,
        max_tries=ti.max_tries,
        generation=0,
        request=request,
    )


def check_if_exists(value: Any) -> None:
    """Refuse what is none of the three."""
    check_choice("if_exists", value, *IF_EXISTS)


def check_if_missing(value: Any) -> None:
    """Refuse what is neither."""
    check_choice("if_missing", value, *IF_MISSING)


def the_one_named(hook: Any, what: str, name: str) -> str | None:
    """Answer the ARN of the resource with a name, None if there is none.

    :raises BdaInputError: more than one has the name.
    """
    arns = hook.arns_named(what, name)
    if len(arns) > 1:
        raise BdaInputError(f"{what}: {len(arns)} are named {name!r}: {', '.join(arns)}; name the ARN of one")
    return arns[0] if arns else None


def encryption(kms_key_id: str | None, kms_encryption_context: dict[str, str] | None) -> dict[str, Any]:
    """Build the member ``encryptionConfiguration``; nothing without a key.

    :raises BdaInputError: a context without a key.
    """
    if not kms_key_id:
        if kms_encryption_context:
            raise BdaInputError("kms_encryption_context: it needs kms_key_id=")
        return {}
    pairs = {"kmsEncryptionContext": kms_encryption_context} if kms_encryption_context else {}
    return {"encryptionConfiguration": {"kmsKeyId": kms_key_id, **pairs}}


def given(**members: Any) -> dict[str, Any]:
    """Answer the members that were given."""
    return {name: value for name, value in members.items() if value is not None}
