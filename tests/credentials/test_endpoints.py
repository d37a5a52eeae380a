"""Endpoints, proxy, CA bundle and FIPS of the connection: for hooks, pooled client, S3 and STS alike."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from botocore.exceptions import ClientError, ProxyConnectionError, SSLError

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.hooks import base as hook_module
from airflow_provider_bda.hooks.bedrock_data_automation import (
    BedrockDataAutomationHook,
    BedrockDataAutomationRuntimeHook,
)
from airflow_provider_bda.jobs import Outcome
from tests.credentials.loopback import Front, Proxy, allow_only, make_certificate, served

TARGET = AwsTarget.of()
SERVICES = ("bedrock-data-automation-runtime", "bedrock-data-automation", "s3", "sts")
ONE_ATTEMPT = {"retries": {"total_max_attempts": 1}}


def runtime():
    return BedrockDataAutomationRuntimeHook.for_target(TARGET)


def control():
    return BedrockDataAutomationHook.for_target(TARGET)


@pytest.fixture
def fronts(aws):
    """An address for each service."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(served(Front(aws))) for name in SERVICES}


def table(fronts):
    return {name: {"endpoint_url": front.url} for name, front in fronts.items()}


@pytest.fixture
def own_addresses(aws, connections, fronts, monkeypatch):
    """A connection with a role and an address for each service, in a process that must not go elsewhere."""
    del connections["aws_default"]["extra"]["endpoint_url"]
    connections["aws_default"]["extra"] |= {
        "role_arn": f"arn:aws:iam::{aws.account}:role/reader",
        "service_config": table(fronts),
        "config_kwargs": {"s3": {"addressing_style": "path"}},
    }
    # The emulator's own address is in no connection: only the fronts, in this same process, go there.
    return lambda: allow_only(monkeypatch, aws.endpoint_url, *(front.url for front in fronts.values()))


def test_each_service_of_the_hooks_goes_to_its_own_address(aws, worker, fronts, own_addresses, submit):
    handle = submit()
    strays = own_addresses()
    hook = runtime()
    assert hook.get_data_automation_status(**handle)["status"] == "InProgress"
    assert hook.read_s3("s3://documents/in/a.txt") == b"x"
    assert hook.account_id == aws.account
    assert list(control().iter_projects()) == []
    assert strays == []
    asked = {name: [asked for _, _, asked in front.seen] for name, front in fronts.items()}
    assert asked == {
        "bedrock-data-automation-runtime": ["GetDataAutomationStatus"],
        "bedrock-data-automation": ["POST /data-automation-projects/"],
        "s3": ["GET /documents/in/a.txt"],
        # The role for the first client, S3, the identity and the control plane; and the identity itself.
        "sts": ["POST /"] * 5,
    }
    for name in ("bedrock-data-automation-runtime", "bedrock-data-automation", "s3"):
        assert {key[:4] for _, key, _ in fronts[name].seen} == {"ASIA"}, "not with the role's credentials"


def test_the_pooled_client_and_its_role_go_to_their_own_addresses(
    aws, triggerer, fronts, own_addresses, submit, wait
):
    handle = submit()
    strays = own_addresses()

    async def main():
        return await wait(handle, deadline=0.0).task

    assert asyncio.run(main()).outcome is Outcome.TIMEOUT
    assert strays == []
    assert {name: len(front.seen) for name, front in fronts.items() if front.seen} == {
        "bedrock-data-automation-runtime": 1,
        "sts": 1,
    }


def test_assuming_a_role_does_not_take_the_connections_global_endpoint(aws, worker, connections, monkeypatch):
    """What the Amazon provider documents; the same connection must mean the same here."""
    connections["aws_default"]["extra"] |= {
        "role_arn": f"arn:aws:iam::{aws.account}:role/reader",
        "service_config": {},
        "config_kwargs": ONE_ATTEMPT,
    }
    strays = allow_only(monkeypatch, aws.endpoint_url)
    with pytest.raises(Exception, match=r"sts\.|look-up"):
        runtime().get_data_automation_status(invocationArn="arn:x")
    assert strays
    assert all(str(host).startswith("sts.") for host in strays)


@pytest.fixture
def proxied(aws, connections, monkeypatch):
    """A connection that knows no endpoint but AWS's own, FIPS ones, behind a proxy; and nothing else may be asked."""
    with served(Proxy()) as proxy:
        connections["aws_default"]["extra"] = {
            "region_name": "us-east-1",
            "config_kwargs": {"proxies": {"https": proxy.url}, "use_fips_endpoint": True, **ONE_ATTEMPT},
        }
        strays = allow_only(monkeypatch, proxy.url)
        yield proxy
        assert strays == []


FIPS = {
    "runtime": "bedrock-data-automation-runtime-fips.us-east-1.amazonaws.com:443",
    "control": "bedrock-data-automation-fips.us-east-1.amazonaws.com:443",
    "s3": "documents.s3-fips.us-east-1.amazonaws.com:443",
    "sts": "sts-fips.us-east-1.amazonaws.com:443",
}


@pytest.mark.parametrize(
    ("call", "host"),
    [
        (lambda: runtime().get_data_automation_status(invocationArn="arn:aws:x:y:z:w/1"), FIPS["runtime"]),
        (lambda: list(control().iter_projects()), FIPS["control"]),
        (lambda: runtime().read_s3("s3://documents/in/a.txt"), FIPS["s3"]),
        (lambda: runtime().account_id, FIPS["sts"]),
    ],
    ids=["runtime", "control", "s3", "sts"],
)
def test_hooks_go_through_the_proxy_to_fips_endpoints(worker, proxied, call, host):
    with pytest.raises(ProxyConnectionError):
        call()
    assert proxied.hosts == [host]


def test_assuming_the_role_goes_through_the_proxy_to_the_fips_endpoint(worker, proxied, connections):
    connections["aws_default"]["extra"]["role_arn"] = "arn:aws:iam::123456789012:role/reader"
    with pytest.raises(ProxyConnectionError):
        runtime().get_data_automation_status(invocationArn="arn:x")
    assert proxied.hosts == [FIPS["sts"]]


@pytest.mark.parametrize(
    ("role", "host"), [(None, FIPS["runtime"]), ("arn:aws:iam::123456789012:role/reader", FIPS["sts"])]
)
def test_the_pooled_client_goes_through_the_proxy_to_fips_endpoints(
    triggerer, proxied, connections, wait, role, host
):
    if role:
        connections["aws_default"]["extra"]["role_arn"] = role

    async def main():
        return await wait({"invocationArn": "arn:x"}, deadline=0.0).task

    event = asyncio.run(main())
    assert (event.outcome, event.error_type) == (Outcome.TIMEOUT, "ProxyConnectionError")
    assert proxied.hosts == [host]


@pytest.fixture
def private_authority(aws, connections, tmp_path):
    """Every service behind TLS that only the connection's CA bundle trusts."""
    pem, key = make_certificate(tmp_path)
    with served(Front(aws, (pem, key))) as front:
        connections["aws_default"]["extra"] = {
            "region_name": "us-east-1",
            "role_arn": f"arn:aws:iam::{aws.account}:role/reader",
            "endpoint_url": front.url,
            "service_config": {"sts": {"endpoint_url": front.url}},
            "verify": pem,
            "config_kwargs": {"s3": {"addressing_style": "path"}, **ONE_ATTEMPT},
        }
        yield connections["aws_default"]["extra"]


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # that is what verify=False asks for
@pytest.mark.parametrize("verify", ["the bundle", False], ids=["bundle", "off"])
def test_hooks_s3_and_both_sts_clients_trust_what_the_connection_trusts(
    aws, worker, private_authority, submit, verify
):
    if verify is False:
        private_authority["verify"] = False
    hook = runtime()
    assert hook.get_data_automation_status(**submit())["status"] == "InProgress"
    assert hook.read_s3("s3://documents/in/a.txt") == b"x"
    assert hook.account_id == aws.account


def test_the_pooled_client_trusts_what_the_connection_trusts(aws, triggerer, private_authority, submit, wait):
    async def main():
        return await wait(submit(), deadline=0.0).task

    assert asyncio.run(main()).error_type is None
    assert aws.calls("AssumeRole")
    assert aws.calls("GetDataAutomationStatus")


def test_without_the_bundle_nobody_is_trusted(worker, private_authority):
    del private_authority["verify"]
    with pytest.raises(SSLError):
        runtime().get_data_automation_status(invocationArn="arn:x")


def test_the_hook_reads_a_rotated_connection_again_and_makes_a_refused_call_once_more(
    aws, worker, connections, submit, monkeypatch
):
    monkeypatch.setattr(hook_module, "RENEW_AFTER", 0.0)
    with served(Front(aws)) as front:
        connections["aws_default"]["extra"]["endpoint_url"] = front.url
        hook, handle = runtime(), submit()
        assert hook.get_data_automation_status(**handle)["status"] == "InProgress"
        front.revoked.add(connections["aws_default"]["login"])
        connections["aws_default"] |= {"login": "AKIANEW"}
        assert hook.get_data_automation_status(**handle)["status"] == "InProgress"
        assert [key for _, key, _ in front.seen] == ["AKIABDAEMULATOR", "AKIABDAEMULATOR", "AKIANEW"]


def test_the_hook_does_not_ask_twice_with_credentials_it_has_just_read(aws, worker, connections, submit):
    with served(Front(aws)) as front:
        connections["aws_default"]["extra"]["endpoint_url"] = front.url
        front.revoked.add(connections["aws_default"]["login"])
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            runtime().get_data_automation_status(**submit())
        assert len(front.seen) == 1
