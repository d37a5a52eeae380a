"""The page ``docs/iam.md``, written from the same table as the policies. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_bda.iam.batch import batch_needs
from airflow_provider_bda.iam.policy import Who, action, needs, policy
from airflow_provider_bda.iam.scope import Scope
from airflow_provider_bda.jobs.catalog import JOB_KINDS

if TYPE_CHECKING:
    from airflow_provider_bda.jobs.kind import JobKind

_EXAMPLE = Scope(
    region="us-east-1",
    account="123456789012",
    project="arn:aws:bedrock:us-east-1:123456789012:data-automation-project/0123456789ab",
    input_s3_uri="s3://my-documents/in/",
    output_s3_uri="s3://my-documents/out/",
    kms_key="arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000",
    completion_queue="https://sqs.us-east-1.amazonaws.com/123456789012/bda-ends",
)

_HEAD = """# IAM: who needs what

<!-- Written by `python -m airflow_provider_bda.iam --markdown`; a test holds it against the code and the calls. -->

`BdaInvokeOperator` and its sensor call AWS from two processes of Airflow, and they need different things. Give
the triggerer a connection of its own if it shall not be able to submit jobs or read documents: the trigger only
ever asks for a status. With `[bda] require_assumed_role = True` it refuses to wait on the machine's own
credentials.

A policy for your own names: `python -m airflow_provider_bda.iam worker --region us-east-1 --account 123456789012
--project ARN --input s3://bucket/in/ --output s3://bucket/out/`. Whether what you have is enough:
`python -m airflow_provider_bda.check`.

`sts:GetCallerIdentity` needs no permission. A connection with `role_arn` needs `sts:AssumeRole` on that role for
its own keys, and the role's trust policy must name them.
"""


def markdown() -> str:
    """Write the page of the documentation."""
    people = [Who.WORKER, Who.TRIGGERER, Who.API_SERVER, Who.PREFLIGHT]
    lines = [_HEAD, "| action | " + " | ".join(people) + " | why | only if |", "|---" * 7 + "|"]
    for need in needs():
        marks = " | ".join("yes" if who in need.who else "" for who in people)
        actions = ", ".join(f"`{name}`" for name in need.actions)
        lines.append(f"| {actions} | {marks} | {need.why} | {need.only_if} |")
    lines += [
        "",
        "The api-server calls AWS for nothing: links are made from what the worker left in XCom.",
        "",
    ]
    for who in (Who.WORKER, Who.TRIGGERER, Who.PREFLIGHT):
        body = json.dumps(policy(who, _EXAMPLE), indent=2)
        lines += [f"## Policy of the {who}", "", "```json", body, "```", ""]
    lines += _batch()
    lines += ["## Other job kinds", "", "| kind | worker | triggerer |", "|---|---|---|"]
    for kind in JOB_KINDS.values():
        lines.append(f"| {kind.title} | {_calls(kind, Who.WORKER)} | {_calls(kind, Who.TRIGGERER)} |")
    return "\n".join(lines) + "\n"


_BATCH = """## Batches

`BdaBatchOperator` submits where its engine runs: in the triggerer, or with `deferrable=False` on the worker. With
`--batch` the command prints these policies, `--state` names the index."""


def _batch() -> list[str]:
    people = [Who.WORKER, Who.TRIGGERER]
    lines = [_BATCH, "", "| action | " + " | ".join(people) + " | why | only if |", "|---" * 5 + "|"]
    for need in batch_needs():
        marks = " | ".join("yes" if who in need.who else "" for who in people)
        actions = ", ".join(f"`{name}`" for name in need.actions)
        lines.append(f"| {actions} | {marks} | {need.why} | {need.only_if} |")
    scope = replace(_EXAMPLE, state_s3_uri="s3://my-documents/index/")
    for who in people:
        body = json.dumps(policy(who, scope, of=batch_needs()), indent=2)
        lines += ["", f"### Policy of the {who}", "", "```json", body, "```"]
    return [*lines, ""]


def _calls(kind: JobKind, who: Who) -> str:
    found = [name for need in needs(kind)[:3] if who in need.who for name in need.actions]
    known = {
        action(kind.service, name)
        for name in (kind.start, kind.describe, kind.list_operation, kind.stop_operation)
        if name
    }
    return ", ".join(f"`{name}`" for name in found if name in known)
