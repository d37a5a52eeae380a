"""What is looked up before a submit (names, the account): an error there says that nothing was submitted."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.exceptions import BdaInputError, BdaJobLost
from airflow_provider_bda.jobs.decision import STALE_CREDENTIALS, Nature
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def before_submit(kind: str) -> Iterator[None]:
    """Turn a failed call into the error that says what a retry will do.

    :param kind: the kind of the job that was to be submitted.
    :raises BdaJobLost: it passes; a retry looks it up again.
    :raises BdaInputError: the service refuses the call; a retry changes nothing.
    """
    try:
        yield
    except CALL_ERRORS as raised:
        if isinstance(raised, BdaInputError):
            raise
        seen = call_error(raised)
        said: dict[str, Any] = {"kind": kind, "error_type": seen.code, "error_message": seen.message}
        what = f"{getattr(raised, 'operation_name', 'a lookup')} before the submit"
        if seen.nature in {Nature.THROTTLED, Nature.TRANSIENT} or seen.code in STALE_CREDENTIALS:
            raise BdaJobLost(
                f"{what} got no good answer, nothing was submitted: {seen.code}: {seen.message}. A retry asks again",
                **said,
            ) from raised
        raise BdaInputError(
            f"{what} was refused, nothing was submitted: {seen.code}: {seen.message}. The same call would be refused "
            "again, so there is no retry",
            **said,
        ) from raised
