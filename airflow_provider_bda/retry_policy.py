"""A retry policy that knows this package's errors (Airflow 3.3 and newer).

Without it Airflow already does the right thing about *whether*: what no retry can mend is never retried. The
policy adds *when*: a job that goes on is waited for again at once, a service in trouble is given time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._compat import retry_policies
from airflow_provider_bda.exceptions import (
    BdaBatchError,
    BdaEventError,
    BdaGateError,
    BdaInputError,
    BdaJobBroken,
    BdaJobLost,
    BdaJobPartial,
    BdaJobRejected,
    BdaJobTimeout,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryRule

__all__ = ["bda_retry_policy"]

_AT_ONCE = timedelta(seconds=1)


def bda_retry_policy(
    *,
    broken_delay: timedelta | None = timedelta(minutes=5),
    lost_delay: timedelta | None = timedelta(minutes=1),
    rules: Sequence[RetryRule] = (),
) -> ExceptionRetryPolicy:
    """Build the policy, for the argument ``retry_policy`` of any task of this package.

    ``retries`` still bounds the number of tries.

    :param broken_delay: before a new job is submitted in the place of one the service broke; None for the
        task's ``retry_delay``.
    :param lost_delay: before a job whose status could not be read is asked for again; None likewise.
    :param rules: rules of your own, tried first.
    :raises RuntimeError: this Airflow has no retry policies.
    """
    airflow: Any = retry_policies()
    if airflow is None:
        raise RuntimeError(
            "retry policies came with Airflow 3.3 and this one is older: leave retry_policy out and set retries and "
            "retry_delay. What no retry can mend is not retried either way"
        )
    retry, fail = airflow.RetryAction.RETRY, airflow.RetryAction.FAIL

    def rule(error: type[BaseException], action: Any, delay: timedelta | None, reason: str) -> Any:
        return airflow.RetryRule(exception=error, action=action, retry_delay=delay, reason=reason)

    policy: ExceptionRetryPolicy = airflow.ExceptionRetryPolicy(
        rules=[
            *rules,
            rule(
                BdaInputError,
                fail,
                None,
                "nothing was submitted, and the same request would be refused again",
            ),
            rule(BdaJobRejected, fail, None, "the service blames the request"),
            rule(BdaGateError, fail, None, "the same results would say the same"),
            rule(BdaJobTimeout, retry, _AT_ONCE, "the job goes on: wait for it again"),
            rule(BdaEventError, retry, _AT_ONCE, "ask for the job itself"),
            rule(BdaJobLost, retry, lost_delay, "ask for the same job again"),
            rule(BdaJobBroken, retry, broken_delay, "the service blames itself: submit a new job"),
            rule(BdaJobPartial, retry, None, "submit a new job"),
            rule(BdaBatchError, retry, None, "what failed is done again"),
        ]
    )
    return policy
