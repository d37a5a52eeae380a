"""The way to AWS and who is asking: connection, names, identity, Region."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.utils import get_environ_proxies

from airflow_provider_bda.check.findings import Finding, Verdict
from airflow_provider_bda.check.scene import CONTROL, DENIED, RUNTIME
from airflow_provider_bda.jobs.profile import PROFILE_IDS
from airflow_provider_bda.waiting.errors import CALL_ERRORS, REFUSALS, call_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.check.scene import Scene


def connection(scene: Scene) -> Iterator[Finding]:
    """Read the connection and build a client of it, which assumes its role."""
    what = "connection"
    name = f"{scene.hook.aws_conn_id}" if scene.hook.aws_conn_id else "none: boto's own chain of credentials"
    try:
        wrapped = scene.hook.conn_config
        client = scene.client(RUNTIME)
        scene.region = client.meta.region_name
    except CALL_ERRORS as error:
        seen = call_error(error)
        denied = seen.code in DENIED
        yield Finding(
            what, Verdict.FAIL, f"{name}: {seen.code}: {seen.message}", _assume(scene) if denied else None
        )
        return
    except Exception as error:  # noqa: BLE001 - whatever a connection holds, the table says so
        yield Finding(what, Verdict.FAIL, f"{name}: {type(error).__name__}: {error}")
        return
    facts = [f"role {wrapped.role_arn}" if wrapped.role_arn else "no role", f"region {scene.region}"]
    yield Finding(what, Verdict.PASS, f"{name}: {', '.join(facts)}")
    if (
        wrapped.role_arn
        and wrapped.endpoint_url
        and not wrapped.get_service_config("sts").get("endpoint_url")
    ):
        yield Finding(
            "endpoint for the role",
            Verdict.CANNOT_TELL,
            "the connection's endpoint_url does not count for the call that assumes the role (the Amazon provider's "
            "rule); if that call shall go elsewhere than to AWS, set service_config.sts.endpoint_url",
        )


def _assume(scene: Scene) -> dict[str, Any] | None:
    role = scene.hook.conn_config.role_arn
    if not role:
        return None
    return {"Sid": "AssumeRole", "Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [role]}


def names(scene: Scene) -> Iterator[Finding]:
    """Resolve the name of each service's endpoint."""
    for service in (RUNTIME, CONTROL, "s3", "sts"):
        url = scene.client(service).meta.endpoint_url
        host = urlsplit(url).hostname or ""
        what = f"name of {service}"
        proxies = getattr(scene.hook.config, "proxies", None) or get_environ_proxies(url)
        if urlsplit(url).scheme in (proxies or {}):
            yield Finding(what, Verdict.CANNOT_TELL, f"{host}: behind a proxy, which resolves it")
            continue
        try:
            found = sorted({entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
        except OSError as error:
            yield Finding(
                what,
                Verdict.FAIL,
                f"{host} does not resolve ({error}): is there a VPC endpoint, or a way out? Is the Region right?",
            )
        else:
            yield Finding(what, Verdict.PASS, f"{host} is {', '.join(map(str, found[:3]))}")


def identity(scene: Scene) -> Iterator[Finding]:
    """Ask STS who is asking. It needs no permission, so a refusal means the credentials."""
    answer, finding = scene.attempt(
        "identity", scene.client("sts").get_caller_identity, lambda a: f"{a['Arn']} in account {a['Account']}"
    )
    if answer:
        scene.account = str(answer["Account"])
    yield finding


def is_hopeless(finding: Finding) -> bool:
    """Tell whether nothing else is worth asking: the credentials themselves are refused or missing."""
    return finding.verdict is Verdict.FAIL and finding.detail.partition(":")[0] in REFUSALS - DENIED


def region(scene: Scene) -> Iterator[Finding]:
    """Look the Region's profile up, and compare the Region with the project's."""
    what = "region"
    profile = scene.plan.profile_arn or PROFILE_IDS.get(scene.region)
    if profile is None:
        yield Finding(
            what,
            Verdict.FAIL,
            f"no data-automation profile is known for {scene.region}; known: {', '.join(sorted(PROFILE_IDS))}. Use one "
            "of these, or pass the profile's ARN",
        )
        return
    if scene.project_arn and scene.project_arn.count(":") >= 5:
        theirs = scene.project_arn.split(":")[3]
        if theirs != scene.region:
            yield Finding(
                what, Verdict.FAIL, f"the connection's is {scene.region}, the project lies in {theirs}"
            )
            return
    yield Finding(what, Verdict.PASS, f"{scene.region}, profile {profile}")
