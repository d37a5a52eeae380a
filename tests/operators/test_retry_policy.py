"""The ready retry policy says about every error of the tree whether and when to try again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_bda import exceptions
from airflow_provider_bda._compat import AirflowFailException, retry_policies
from airflow_provider_bda.exceptions import BdaError, BdaJobBroken, BdaJobError, BdaJobLost, BdaJobTimeout
from airflow_provider_bda.retry_policy import bda_retry_policy

TREE = [getattr(exceptions, name) for name in exceptions.__all__ if name.startswith("Bda")]
LEAVES = [error for error in TREE if error not in {BdaError, BdaJobError}]
has_policies = pytest.mark.skipif(retry_policies() is None, reason="Airflow 3.3 brought retry policies")


@has_policies
@pytest.mark.parametrize("error", LEAVES)
def test_every_error_has_a_rule_that_agrees_with_the_tree(error):
    decision = bda_retry_policy().evaluate(error("words"), 1, 3)
    action = retry_policies().RetryAction
    assert decision.action is (action.FAIL if issubclass(error, AirflowFailException) else action.RETRY)
    assert decision.reason


@has_policies
def test_a_job_that_goes_on_is_waited_for_at_once_and_a_service_in_trouble_gets_time():
    policy = bda_retry_policy(broken_delay=timedelta(hours=1), lost_delay=None)
    delays = [
        policy.evaluate(error("x"), 1, 3).retry_delay for error in (BdaJobTimeout, BdaJobBroken, BdaJobLost)
    ]
    assert delays == [timedelta(seconds=1), timedelta(hours=1), None]


@has_policies
def test_own_rules_come_first_and_foreign_errors_are_left_to_airflow():
    airflow = retry_policies()
    own = airflow.RetryRule(exception=BdaJobBroken, action=airflow.RetryAction.FAIL)
    policy = bda_retry_policy(rules=[own])
    assert policy.evaluate(BdaJobBroken("x"), 1, 3).action is airflow.RetryAction.FAIL
    assert policy.evaluate(OSError("x"), 1, 3).action is airflow.RetryAction.DEFAULT


@has_policies
def test_the_policy_survives_the_dags_serialisation():
    policy = bda_retry_policy()
    again = type(policy).deserialize(policy.serialize())
    assert again.serialize() == policy.serialize()


@pytest.mark.skipif(retry_policies() is not None, reason="this Airflow has retry policies")
def test_an_airflow_without_policies_is_told_what_to_do_instead():
    with pytest.raises(RuntimeError, match=r"came with Airflow 3\.3.*set retries and retry_delay"):
        bda_retry_policy()
