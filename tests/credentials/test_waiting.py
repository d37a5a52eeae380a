"""Credentials change while a job is waited for: connections in the database, as in a triggerer."""

from __future__ import annotations

import asyncio

import pytest
from blockbuster import blockbuster_ctx

from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.jobs import Outcome, decision
from airflow_provider_bda.waiting import client_pool as pool_module
from airflow_provider_bda.waiting import credentials as credentials_module
from airflow_provider_bda.waiting.client_pool import client_pool
from tests.credentials.loopback import Front, served

STATUS = "GetDataAutomationStatus"


def with_role(aws, **extra):
    connection = aws.connection()
    connection["extra"] |= {"role_arn": f"arn:aws:iam::{aws.account}:role/reader", **extra}
    return connection


def keys(aws):
    """Answer the access keys that asked for a status, in order, each once."""
    return list(dict.fromkeys(call.access_key_id for call in aws.calls(STATUS)))


def finish(aws):
    return asyncio.to_thread(aws.clock.advance, 61.0)


def test_the_connection_is_read_from_the_database_although_the_client_is_built_in_a_thread(
    aws, triggerer, submit, wait
):
    async def main():
        return await wait(submit(), deadline=0.0).task

    assert asyncio.run(main()).outcome is Outcome.TIMEOUT
    assert triggerer.asked == ["aws_default"]
    assert keys(aws) == [aws.connection()["login"]]


def test_a_role_is_assumed_anew_before_its_session_ends_and_nothing_blocks_the_loop(
    aws, triggerer, submit, wait, until, monkeypatch
):
    triggerer.connections["aws_default"] = with_role(aws)
    # Every session counts as one that is about to end.
    monkeypatch.setattr(credentials_module, "ADVISORY", 10_000.0)
    monkeypatch.setattr(credentials_module, "ADVISORY_PART", 10.0)

    class AlwaysRefresh(credentials_module.RefreshableCredentials):
        _advisory_refresh_timeout = 10_000.0

    monkeypatch.setattr("botocore.credentials.RefreshableCredentials", AlwaysRefresh)

    async def main():
        begun = wait(submit())
        await until(lambda: len(aws.calls("AssumeRole")) > 3 and len(keys(aws)) > 2)
        await finish(aws)
        return await begun.task

    # Not client_pool: its thread builds the client in a loop of its own, where it may block.
    with blockbuster_ctx(["airflow_provider_bda.waiting.poller", "airflow_provider_bda.waiting.credentials"]):
        event = asyncio.run(main())
    assert event.outcome is Outcome.SUCCEEDED
    assert {key[:4] for key in keys(aws)} == {"ASIA"}


def test_the_shortest_session_is_not_refreshed_at_every_call(aws, triggerer, submit, wait, until):
    triggerer.connections["aws_default"] = with_role(aws, assume_role_kwargs={"DurationSeconds": 900})

    async def main():
        begun = wait(submit())
        await until(lambda: len(aws.calls(STATUS)) > 5)
        await finish(aws)
        return await begun.task

    assert asyncio.run(main()).outcome is Outcome.SUCCEEDED
    # One to begin with, and one more because boto itself thinks 15 minutes are too short.
    assert len(aws.calls("AssumeRole")) <= 2


def test_while_sts_fails_the_credentials_in_hand_are_used_and_sts_is_not_hammered(
    aws, triggerer, submit, wait, until, monkeypatch
):
    triggerer.connections["aws_default"] = with_role(
        aws, config_kwargs={"retries": {"total_max_attempts": 1}}
    )
    monkeypatch.setattr(credentials_module, "ADVISORY", 10_000.0)
    monkeypatch.setattr(credentials_module, "ADVISORY_PART", 10.0)

    class AlwaysRefresh(credentials_module.RefreshableCredentials):
        _advisory_refresh_timeout = _mandatory_refresh_timeout = 10_000.0

    monkeypatch.setattr("botocore.credentials.RefreshableCredentials", AlwaysRefresh)
    aws.fault(Fault(operation="sts:AssumeRole", error="AccessDenied", status=403, after=3))

    async def main():
        begun = wait(submit())
        await until(lambda: [c.error for c in aws.calls("AssumeRole")].count("AccessDenied") == 1)
        calls = len(aws.calls(STATUS))
        await until(lambda: len(aws.calls(STATUS)) > calls + 5)
        await finish(aws)
        return await begun.task

    assert asyncio.run(main()).outcome is Outcome.SUCCEEDED
    assert [call.error for call in aws.calls("AssumeRole")].count("AccessDenied") == 1


def test_a_session_token_that_expires_is_replaced_from_the_connection(
    aws, triggerer, submit, wait, until, monkeypatch
):
    monkeypatch.setattr(pool_module, "REBUILD_PAUSE", 0.0)

    async def main():
        begun = wait(submit())
        await until(lambda: aws.calls(STATUS))
        triggerer.connections["aws_default"] = aws.connection() | {"login": "AKIAFRESH"}
        aws.fault(Fault(operation=STATUS, error="ExpiredTokenException", times=2))
        await until(lambda: aws.calls(STATUS)[-1].access_key_id == "AKIAFRESH")
        await finish(aws)
        return await begun.task

    assert asyncio.run(main()).outcome is Outcome.SUCCEEDED
    assert keys(aws) == [aws.connection()["login"], "AKIAFRESH"]


@pytest.fixture
def rotating(aws, triggerer):
    """AWS that takes a key until it is revoked; the connection leads there."""
    with served(Front(aws)) as front:
        triggerer.connections["aws_default"] = aws.connection()
        triggerer.connections["aws_default"]["extra"]["endpoint_url"] = front.url
        yield front


def test_a_rotated_key_is_read_from_the_connection_and_the_wait_goes_on(
    aws, triggerer, submit, wait, until, monkeypatch, rotating
):
    monkeypatch.setattr(pool_module, "REBUILD_PAUSE", 0.0)
    old = triggerer.connections["aws_default"]["login"]

    async def main():
        begun = wait(submit())
        await until(lambda: aws.calls(STATUS))
        triggerer.connections["aws_default"] |= {"login": "AKIANEW"}
        rotating.revoked.add(old)
        await until(lambda: aws.calls(STATUS)[-1].access_key_id == "AKIANEW")
        await finish(aws)
        return await begun.task, begun.notes

    event, notes = asyncio.run(main())
    assert event.outcome is Outcome.SUCCEEDED
    assert keys(aws) == [old, "AKIANEW"]
    assert not [note for note in notes if "failed" in note], "the call was made again at once"


def test_a_wait_that_begins_after_a_rotation_is_not_judged_by_the_old_client(
    aws, triggerer, submit, wait, until, monkeypatch, rotating
):
    monkeypatch.setattr(pool_module, "REBUILD_PAUSE", 0.0)

    async def main():
        first = wait(submit(), interval=3600.0, deadline=0.0)
        await first.task
        rotating.revoked.add(triggerer.connections["aws_default"]["login"])
        triggerer.connections["aws_default"] |= {"login": "AKIANEW"}
        return await wait(submit(), deadline=0.0).task

    # Without the second attempt: LOST, for a permanent error on the first answer ends a wait at once.
    assert asyncio.run(main()).outcome is Outcome.TIMEOUT


def test_a_client_that_was_just_built_is_not_built_again_for_every_refusal(
    aws, triggerer, submit, wait, until, rotating
):
    async def main():
        begun = wait(submit())
        await until(lambda: aws.calls(STATUS))
        rotating.revoked.add(triggerer.connections["aws_default"]["login"])
        refused = len(rotating.seen)
        await until(lambda: len(rotating.seen) >= refused + 3)
        begun.task.cancel()

    asyncio.run(main())
    assert triggerer.asked == ["aws_default"]


def test_access_withdrawn_for_a_minute_ends_no_wait(aws, triggerer, submit, wait, until):
    async def main():
        begun = wait(submit())
        await until(lambda: aws.calls(STATUS))
        aws.fault(Fault(operation=STATUS, error="AccessDeniedException", times=3))
        await until(lambda: [call.error for call in aws.calls(STATUS)].count("AccessDeniedException") == 3)
        await finish(aws)
        return await begun.task, begun.notes

    event, notes = asyncio.run(main())
    assert event.outcome is Outcome.SUCCEEDED
    assert any("AccessDeniedException" in note for note in notes)


def test_access_withdrawn_for_good_ends_the_wait_as_lost_with_the_services_words(
    aws, triggerer, submit, wait, until, monkeypatch
):
    monkeypatch.setattr(decision, "PERMANENT_MUST_PERSIST", 0.3)

    async def main():
        begun = wait(submit())
        await until(lambda: aws.calls(STATUS))
        aws.fault(Fault(operation=STATUS, error="AccessDeniedException", message="not authorized to perform"))
        return await begun.task

    event = asyncio.run(main())
    assert (event.outcome, event.error_type, event.error_message, event.status) == (
        Outcome.LOST,
        "AccessDeniedException",
        "not authorized to perform",
        "InProgress",
    )


def test_a_connection_deleted_in_mid_wait_ends_it_as_lost_and_no_other_credentials_are_used(
    aws, triggerer, submit, wait, until, monkeypatch
):
    for name, value in aws.environ().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT")
    monkeypatch.setattr(decision, "PERMANENT_MUST_PERSIST", 0.3)
    monkeypatch.setattr(pool_module, "TTL", 0.2)
    monkeypatch.setattr(pool_module, "REBUILD_PAUSE", 0.1)

    async def main():
        begun = wait(submit())
        await until(lambda: aws.calls(STATUS))
        del triggerer.connections["aws_default"]
        return await begun.task

    event = asyncio.run(main())
    assert (event.outcome, event.status) == (Outcome.LOST, "InProgress")
    assert "the Airflow connection 'aws_default' (aws_conn_id) does not exist" in event.error_message
    assert keys(aws) == [aws.connection()["login"]]


def test_airflow_that_fails_to_hand_out_the_connection_for_a_moment_ends_no_wait(
    aws, triggerer, submit, wait
):
    triggerer.fails = 2

    async def main():
        return await wait(submit(), deadline=0.0).task

    assert asyncio.run(main()).outcome is Outcome.TIMEOUT
    assert triggerer.asked == ["aws_default"] * 3


def test_when_a_new_client_cannot_be_built_the_old_one_stays_in_use(
    aws, triggerer, submit, wait, until, monkeypatch, caplog
):
    triggerer.connections["aws_default"] = with_role(
        aws, config_kwargs={"retries": {"total_max_attempts": 1}}
    )
    monkeypatch.setattr(pool_module, "TTL", 0.2)
    aws.fault(Fault(operation="sts:AssumeRole", error="ServiceUnavailable", status=503, after=1))

    async def main():
        begun = wait(submit())
        await until(lambda: len(aws.calls("AssumeRole")) > 1)
        calls = len(aws.calls(STATUS))
        await until(lambda: len(aws.calls(STATUS)) > calls + 2)
        await finish(aws)
        return await begun.task, begun.notes, len(client_pool()._retired)

    event, notes, retired = asyncio.run(main())
    assert (event.outcome, retired) == (Outcome.SUCCEEDED, 0)
    assert not [note for note in notes if "failed" in note]
    assert "the old one stays" in caplog.text


def test_a_changed_connection_is_noticed_after_the_clients_time_is_up(
    aws, triggerer, submit, wait, until, monkeypatch
):
    monkeypatch.setattr(pool_module, "TTL", 0.2)

    async def main():
        begun = wait(submit())
        await until(lambda: aws.calls(STATUS))
        triggerer.connections["aws_default"] |= {"login": "AKIANEW"}
        await until(lambda: aws.calls(STATUS)[-1].access_key_id == "AKIANEW")
        begun.task.cancel()

    asyncio.run(main())
    assert keys(aws) == [aws.connection()["login"], "AKIANEW"]


def test_a_connection_of_which_no_client_can_be_built_says_so(aws, triggerer, submit, wait):
    triggerer.connections["aws_default"]["extra"]["config_kwargs"] = {"no_such_setting": 1}

    async def main():
        return await wait(submit()).task

    event = asyncio.run(main())
    assert (event.outcome, event.error_type) == (Outcome.LOST, "BdaInputError")
    assert "connection 'aws_default': TypeError" in event.error_message
    assert "no_such_setting" in event.error_message


def test_no_credentials_now_may_be_credentials_later(aws, triggerer, submit, wait, until, monkeypatch):
    monkeypatch.setattr(pool_module, "REBUILD_PAUSE", 0.0)
    triggerer.connections["aws_default"] |= {"login": None, "password": None}

    async def main():
        begun = wait(submit())
        await until(lambda: begun.notes)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIALATE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
        await until(lambda: aws.calls(STATUS))
        begun.task.cancel()
        return begun.notes

    assert "NoCredentialsError" in asyncio.run(main())[0]
    assert keys(aws) == ["AKIALATE"]


AMBIENT = [
    (None, None, "aws_conn_id is None"),
    (
        "bare",
        {"login": None, "password": None},
        "the Airflow connection 'bare' has neither role_arn nor keys",
    ),
]


@pytest.mark.parametrize(("conn_id", "change", "words"), AMBIENT, ids=["None", "bare connection"])
def test_require_assumed_role_refuses_to_wait_on_the_machines_own_credentials(
    aws, triggerer, submit, wait, monkeypatch, conn_id, change, words
):
    for name, value in aws.environ().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    if change:
        triggerer.connections[conn_id] = aws.connection() | change

    async def main():
        return await wait(submit(), conn_id, deadline=0.0).task

    # As long as nobody forbids it, it works.
    assert asyncio.run(main()).outcome is Outcome.TIMEOUT
    asked = len(aws.calls(STATUS))
    monkeypatch.setenv("AIRFLOW__BDA__REQUIRE_ASSUMED_ROLE", "True")
    event = asyncio.run(main())
    assert event.outcome is Outcome.LOST
    assert event.error_message == (
        f"{words}, so this process would use the machine's own AWS credentials, which [bda] require_assumed_role "
        "forbids. Name a connection with role_arn in its extra"
    )
    assert len(aws.calls(STATUS)) == asked


@pytest.mark.parametrize("role", [True, False], ids=["role", "keys"])
def test_require_assumed_role_takes_a_role_or_keys(aws, triggerer, submit, wait, monkeypatch, role):
    monkeypatch.setenv("AIRFLOW__BDA__REQUIRE_ASSUMED_ROLE", "True")
    if role:
        triggerer.connections["aws_default"] = with_role(aws)

    async def main():
        return await wait(submit(), deadline=0.0).task

    assert asyncio.run(main()).outcome is Outcome.TIMEOUT
