"""Bedrock Data Automation itself: project, status, quotas, and a job of one page for whoever pays for it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.check.findings import Finding, Verdict
from airflow_provider_bda.check.page import ONE_PAGE_PDF
from airflow_provider_bda.check.scene import CONTROL, RUNTIME
from airflow_provider_bda.hooks.quotas import SERVICE, applied_quota
from airflow_provider_bda.jobs.catalog import DATA_AUTOMATION
from airflow_provider_bda.jobs.decision import JobWait
from airflow_provider_bda.jobs.kind import Outcome
from airflow_provider_bda.jobs.profile import partition_of, profile_arn
from airflow_provider_bda.jobs.quota import CONCURRENT_JOBS, OPEN_JOBS
from airflow_provider_bda.waiting.blocking import wait_blocking
from airflow_provider_bda.waiting.errors import CALL_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.check.scene import Scene

#: Seconds the bought page may take.
PAGE_TIMEOUT = 300.0
PAGE_INTERVAL = 3.0


def project(scene: Scene) -> Iterator[Finding]:
    """Find the project and see whether it is complete."""
    wanted = scene.plan.project
    if wanted is None:
        return
    client = scene.client(CONTROL)
    if scene.project_arn is None:
        found, finding = scene.attempt(
            "project by name",
            lambda: _arns(client, wanted),
            lambda arns: f"{wanted!r} is {', '.join(arns) or 'no project'}",
            statement=scene.statement("FindByName", "bedrock:ListDataAutomationProjects"),
        )
        if found is not None and len(found) != 1:
            words = f"{len(found)} projects have the name" if found else "no project has the name"
            finding = Finding(
                finding.what, Verdict.FAIL, f"{words} {wanted!r} in {scene.region}; pass the ARN"
            )
        yield finding
        if finding.verdict is not Verdict.PASS:
            return
        scene.project_arn = found[0]
    stage = {"projectStage": scene.plan.project_stage} if scene.plan.project_stage else {}
    answer, finding = scene.attempt(
        "project",
        lambda: client.get_data_automation_project(projectArn=scene.project_arn, **stage)["project"],
        lambda seen: (
            f"{seen.get('projectName')}, stage {seen.get('projectStage')}, status {seen.get('status')}"
        ),
        statement=scene.statement("ReadProject"),
    )
    yield _judged(finding, answer) if answer else finding


def _arns(client: Any, name: str) -> list[str]:
    pages = client.get_paginator("list_data_automation_projects").paginate()
    return sorted(
        {item["projectArn"] for page in pages for item in page["projects"] if item.get("projectName") == name}
    )


def _judged(finding: Finding, seen: dict[str, Any]) -> Finding:
    if seen.get("projectType") == "SYNC":
        words = f"{finding.detail}; it is of type SYNC, which only BdaInvokeSyncOperator takes"
        return Finding(finding.what, Verdict.FAIL, words)
    if seen.get("status") == "FAILED":
        return Finding(finding.what, Verdict.FAIL, f"{finding.detail}; mend the project")
    if seen.get("status") not in {"COMPLETED", None}:
        return Finding(finding.what, Verdict.CANNOT_TELL, f"{finding.detail}; it is not complete yet")
    return finding


def status(scene: Scene) -> Iterator[Finding]:
    """Ask for a job that does not exist: "not found" proves that the identity may ask."""
    account = scene.account or "000000000000"
    arn = (
        f"arn:{partition_of(scene.region)}:bedrock:{scene.region}:{account}:data-automation-invocation/"
        "00000000-0000-0000-0000-000000000000"
    )
    _, finding = scene.attempt(
        "status of a job",
        lambda: scene.client(RUNTIME).get_data_automation_status(invocationArn=arn),
        "a job that does not exist is not found: asking is allowed",
        statement=scene.statement("Wait"),
        fine=frozenset({"ResourceNotFoundException", "ValidationException"}),
    )
    yield finding


def quotas(scene: Scene) -> Iterator[Finding]:
    """Read how many jobs may run at once."""
    client = scene.client(SERVICE)
    values = []
    for quota in (*CONCURRENT_JOBS.values(), OPEN_JOBS):
        answer, finding = scene.attempt(
            "quotas",
            partial(applied_quota, client, quota),
            "",
            statement=scene.statement("ReadQuotas"),
            optional=True,
        )
        if answer is None:
            yield finding
            return
        values.append(f"{answer:,} {quota.what}")
    yield Finding("quotas", Verdict.PASS, ", ".join(values))


def submit(scene: Scene) -> Iterator[Finding]:
    """Buy one page, if that was asked for."""
    what, plan = "a job of one page", scene.plan
    if not plan.submit:
        words = (
            "not tried, for it costs a page; --submit does. Whether jobs may be submitted is known only then"
        )
        yield Finding(what, Verdict.CANNOT_TELL, words)
        return
    if not plan.output_s3_uri:
        yield Finding(what, Verdict.FAIL, "it needs an output prefix: pass --output")
        return
    root = f"{plan.output_s3_uri.rstrip('/')}/_airflow_bda_check/{uuid4()}"
    bucket, key = split_s3_uri(f"{root}/page.pdf")
    s3 = scene.client("s3")
    _, put = scene.attempt(
        what,
        lambda: s3.put_object(Bucket=bucket, Key=key, Body=ONE_PAGE_PDF),
        "",
        statement=scene.statement("WriteOutput"),
    )
    if put.verdict is not Verdict.PASS:
        yield put
        return
    answer, finding = scene.attempt(
        what,
        lambda: scene.client(RUNTIME).invoke_data_automation_async(
            **_request(scene, f"s3://{bucket}/{key}", root)
        ),
        "",
        statement=scene.statement("Submit"),
    )
    yield _follow(scene, what, answer, root) if answer else finding
    scene.attempt(what, lambda: s3.delete_object(Bucket=bucket, Key=key), "")


def _request(scene: Scene, document: str, output: str) -> dict[str, Any]:
    public = (
        f"arn:{partition_of(scene.region)}:bedrock:{scene.region}:aws:data-automation-project/public-default"
    )
    key = {"kmsKeyId": scene.plan.kms_key_id} if scene.plan.kms_key_id else {}
    stage = {"stage": scene.plan.project_stage} if scene.plan.project_stage else {}
    return {
        "inputConfiguration": {"s3Uri": document},
        "outputConfiguration": {"s3Uri": output},
        "dataAutomationProfileArn": scene.plan.profile_arn or profile_arn(scene.region, scene.account or ""),
        "dataAutomationConfiguration": {"dataAutomationProjectArn": scene.project_arn or public, **stage},
        # boto3 repeats a call whose answer was lost; this way it is still one page.
        "clientToken": uuid4().hex,
        **({"encryptionConfiguration": key} if key else {}),
    }


def _follow(scene: Scene, what: str, answer: dict[str, Any], root: str) -> Finding:
    handle = {"invocationArn": answer["invocationArn"]}
    wait = JobWait(DATA_AUTOMATION, handle, deadline=time.time() + PAGE_TIMEOUT)
    try:
        event = wait_blocking(
            wait,
            lambda: scene.client(RUNTIME).get_data_automation_status(**handle),
            PAGE_INTERVAL,
            lambda _note: None,
        )
    except CALL_ERRORS as error:  # pragma: no cover - the wait takes them all
        return Finding(what, Verdict.CANNOT_TELL, f"{handle['invocationArn']}: {error}")
    words = f"one page was bought: {handle['invocationArn']} ended as {event.status or event.outcome}"
    if event.outcome is Outcome.SUCCEEDED:
        return Finding(what, Verdict.PASS, f"{words}; its output stays under {root}/")
    said = ": ".join(part for part in (event.error_type, event.error_message) if part)
    verdict = Verdict.CANNOT_TELL if event.outcome is Outcome.TIMEOUT else Verdict.FAIL
    return Finding(what, verdict, f"{words}; {said or 'the service says no more'}")
