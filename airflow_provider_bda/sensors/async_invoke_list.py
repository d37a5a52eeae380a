"""The sensor on many asynchronous invokes at once, selected by the filters of ListAsyncInvokes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import PokeReturnValue
from airflow.sdk.bases.sensor import BaseSensorOperator

from airflow_provider_bda._checks import check_choice, check_each
from airflow_provider_bda._compat import AirflowSkipException, conf
from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.exceptions import (
    BdaError,
    BdaEventError,
    BdaInputError,
    BdaJobBroken,
    BdaJobLost,
    BdaJobTimeout,
)
from airflow_provider_bda.hooks.bedrock_async_invoke import BedrockAsyncInvokeHook
from airflow_provider_bda.jobs.decision import Nature
from airflow_provider_bda.jobs.selection import Selection
from airflow_provider_bda.operators._base import TRIGGER_MARGIN
from airflow_provider_bda.operators._lineage import Lineage
from airflow_provider_bda.triggers.async_invoke_list import AsyncInvokeListTrigger
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BedrockAsyncInvokeListSensor"]

_STATUSES = ("InProgress", "Completed", "Failed")


class BedrockAsyncInvokeListSensor(Lineage, BaseSensorOperator):
    """Wait until every selected asynchronous invoke has ended (ListAsyncInvokes).

    The list is asked for anew each time, whole: one call a page, however many invokes. Without
    ``submit_time_before`` an invoke submitted meanwhile is waited for too. With ``status_equals="InProgress"``
    nothing is left of the selection when all have ended, so the counts are 0. Also takes Airflow's own
    ``poke_interval``, ``timeout``, ``mode`` and ``soft_fail``.

    :param submit_time_after: (templated) only those submitted after this moment; a datetime or ISO 8601.
    :param submit_time_before: (templated) only those submitted before this moment.
    :param status_equals: (templated) "InProgress", "Completed" or "Failed".
    :param sort_by: (templated) "SubmissionTime".
    :param sort_order: (templated) "Ascending" or "Descending".
    :param max_items: (templated) how many to select at most.
    :param page_size: (templated) how many a call answers, 1 to 1,000.
    :param starting_token: (templated) where an earlier list ended.
    :param at_least: wait until so many are selected: for invokes that others submit.
    :param fail_on_failed: whether an invoke that failed fails the task, once all have ended.
    :param deferrable: whether to wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param aws_conn_id: (templated) the Airflow connection; None for boto's own chain of credentials.
    :param region_name: (templated) the AWS Region; None for the connection's.
    :param verify: (templated) TLS verification or the path of a CA bundle; None for the connection's.
    :param botocore_config: (templated) arguments of ``botocore.config.Config``.
    :returns: ``total, going_on, completed, failed, failed_invocation_arns`` (100 at most).
    :raises BdaJobBroken: an invoke failed, and ``fail_on_failed`` is on.
    """

    template_fields: Sequence[str] = (
        "submit_time_after",
        "submit_time_before",
        "status_equals",
        "sort_by",
        "sort_order",
        "max_items",
        "page_size",
        "starting_token",
        "aws_conn_id",
        "region_name",
        "verify",
        "botocore_config",
    )

    def __init__(
        self,
        *,
        submit_time_after: datetime | str | None = None,
        submit_time_before: datetime | str | None = None,
        status_equals: str | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        max_items: int | str | None = None,
        page_size: int | str | None = None,
        starting_token: str | None = None,
        at_least: int = 0,
        fail_on_failed: bool = True,
        deferrable: bool | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("poke_interval", 30.0)
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.submit_time_after = submit_time_after
        self.submit_time_before = submit_time_before
        self.status_equals = status_equals
        self.sort_by = sort_by
        self.sort_order = sort_order
        self.max_items = max_items
        self.page_size = page_size
        self.starting_token = starting_token
        self.at_least = at_least
        self.fail_on_failed = fail_on_failed
        configured = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = configured if deferrable is None else deferrable
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self._listed_once = False
        check = (status_equals, lambda name, value: check_choice(name, value, *_STATUSES))
        check_each({"status_equals": check}, everything=False)
        if at_least and status_equals == "InProgress":
            raise BdaInputError(
                'at_least: with status_equals="InProgress" nothing is selected when all have ended'
            )

    @property
    def target(self) -> AwsTarget:
        """Which AWS this task talks to."""
        return AwsTarget.of(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)

    @cached_property
    def hook(self) -> BedrockAsyncInvokeHook:
        """The hook."""
        return BedrockAsyncInvokeHook.for_target(self.target)

    def execute(self, context: Any) -> Any:
        """Wait, in the way the task was told."""
        if not self.deferrable:
            return super().execute(context)
        return self._defer(time.time() + float(self.timeout))

    def _defer(self, deadline: float) -> Any:
        filters = {
            "submitTimeAfter": _iso("submit_time_after", self.submit_time_after),
            "submitTimeBefore": _iso("submit_time_before", self.submit_time_before),
            "statusEquals": self.status_equals,
            "sortBy": self.sort_by,
            "sortOrder": self.sort_order,
        }
        return self.defer(
            trigger=AsyncInvokeListTrigger(
                filters=_given(filters),
                paging=_given(
                    {
                        "MaxItems": _whole("max_items", self.max_items),
                        "PageSize": _whole("page_size", self.page_size),
                        "StartingToken": self.starting_token,
                    }
                ),
                target=self.target.to_dict(),
                poll_interval=float(self.poke_interval),
                deadline=deadline,
                at_least=self.at_least,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(deadline - time.time(), 0)) + TRIGGER_MARGIN,
        )

    def poke(self, context: Any) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """List once."""
        try:
            selection = self._list()
        except CALL_ERRORS as raised:
            error = call_error(raised)
            if isinstance(raised, BdaInputError):
                raise
            self.log.warning("the invokes could not be listed: %s: %s", error.code, error.message)
            if not self._listed_once and error.nature not in {Nature.THROTTLED, Nature.TRANSIENT}:
                raise self._skip_or(_lost(f"{error.code}: {error.message}")) from raised
            return PokeReturnValue(is_done=False)
        self._listed_once = True
        if not selection.is_over(self.at_least):
            self.log.info("%s invokes go on", selection.going_on)
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._finish(selection.to_dict()))

    def execute_complete(self, context: Any, event: Any) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Act on the trigger's event.

        :raises BdaEventError: it is none of ours.
        """
        outcome = event.get("outcome") if isinstance(event, dict) else None
        selection = event.get("selection") if isinstance(event, dict) else None
        if outcome == "ended" and isinstance(selection, dict):
            return self._finish(selection)
        if outcome == "timeout":
            going_on = (
                f"{selection['going_on']} invokes went on" if selection else "the invokes could not be listed"
            )
            raise self._skip_or(
                BdaJobTimeout(
                    f"when the deadline passed, {going_on} ({event.get('error') or 'no error'}). They are billed; a "
                    "retry waits for them again",
                    kind="async_invoke",
                )
            )
        if outcome == "lost":
            raise self._skip_or(_lost(str(event.get("error"))))
        raise BdaEventError(f"the task was resumed with an event that is none of ours: {outcome!r}")

    def _list(self) -> Selection:
        rows = self.hook.iter_async_invokes(
            submit_time_after=_moment("submit_time_after", self.submit_time_after),
            submit_time_before=_moment("submit_time_before", self.submit_time_before),
            status_equals=self.status_equals,
            sort_by=self.sort_by,
            sort_order=self.sort_order,
            max_items=_whole("max_items", self.max_items),
            page_size=_whole("page_size", self.page_size),
            starting_token=self.starting_token,
        )
        return Selection.of(rows)

    def _finish(self, result: dict[str, Any]) -> dict[str, Any]:
        self.log.info("%s invokes have ended, %s of them failed", result["total"], result["failed"])
        if result["failed"] and self.fail_on_failed:
            first = ", ".join(result["failed_invocation_arns"][:5])
            raise self._skip_or(
                BdaJobBroken(
                    f"{result['failed']} of {result['total']} invokes failed, among them {first}. A retry of this "
                    "sensor finds the same; retry or clear the tasks that started them",
                    kind="async_invoke",
                )
            )
        return result

    def _skip_or(self, error: BdaError) -> BdaError | AirflowSkipException:
        return AirflowSkipException(str(error)) if self.soft_fail else error


def _lost(error: str) -> BdaJobLost:
    return BdaJobLost(
        f"the invokes could not be listed: {error}. A retry lists them again", kind="async_invoke"
    )


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _moment(name: str, value: datetime | str | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise BdaInputError(f"{name}: {value!r} is no moment in ISO 8601") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(name: str, value: datetime | str | None) -> str | None:
    moment = _moment(name, value)
    return moment.isoformat() if moment is not None else None


def _whole(name: str, value: int | str | None) -> int | None:
    if value is None:
        return None
    try:
        return int(value)
    except ValueError as error:
        raise BdaInputError(f"{name}: {value!r} is no whole number") from error
