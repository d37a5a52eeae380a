"""Who needs which action on what, and why: the calls of a job from the catalogue, the rest from one table. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.catalog import DATA_AUTOMATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bda.iam.scope import Scope
    from airflow_provider_bda.jobs.kind import JobKind


class Who(StrEnum):
    """Which process of Airflow calls AWS."""

    WORKER = "worker"
    TRIGGERER = "triggerer"
    API_SERVER = "api-server"
    #: ``python -m airflow_provider_bda.check``.
    PREFLIGHT = "preflight"


@dataclass(frozen=True, slots=True)
class Need:
    """Actions that somebody needs on one sort of resource.

    :param sid: the statement's id.
    :param who: who needs it.
    :param actions: IAM actions.
    :param on: which resources: a method's name of :class:`Scope`.
    :param why: the reason.
    :param only_if: when it is needed; empty for always.
    :param by_service: whether AWS uses the permission in the caller's name and no call of ours shows it.
    """

    sid: str
    who: frozenset[Who]
    actions: tuple[str, ...]
    on: str
    why: str
    only_if: str = ""
    by_service: bool = False


def action(service: str, operation: str) -> str:
    """Answer the IAM action of an operation; Bedrock's clients share one prefix of actions."""
    return f"{'bedrock' if service.startswith('bedrock') else service}:{operation}"


def _who(*who: Who) -> frozenset[Who]:
    return frozenset(who)


def needs(kind: JobKind = DATA_AUTOMATION) -> tuple[Need, ...]:
    """Answer what running jobs of a kind needs: its calls, and for BDA's own kind what lies around them."""
    status: tuple[str, ...] = (action(kind.service, kind.describe),)
    if kind.list_operation:
        status += (action(kind.service, kind.list_operation),)
    calls = [
        Need(
            "Submit",
            _who(Who.WORKER),
            (action(kind.service, kind.start),),
            "starts",
            "to submit the job; the service checks profile, project and blueprints",
        ),
        Need(
            "Wait",
            _who(Who.WORKER, Who.TRIGGERER, Who.PREFLIGHT),
            status,
            "jobs",
            "to ask how the job is: the triggerer while the task is deferred, the worker for a retry, a blocking wait "
            "or wait_for_completion=False",
        ),
    ]
    if kind.stop_operation:
        stop = (action(kind.service, kind.stop_operation),)
        calls.append(
            Need("Stop", _who(Who.WORKER), stop, "jobs", "to stop a job whose task is killed or cleared")
        )
    return (*calls, *_AROUND) if kind is DATA_AUTOMATION else tuple(calls)


_AROUND = (
    Need(
        "Tag",
        _who(Who.WORKER),
        ("bedrock:TagResource",),
        "jobs",
        "AWS asks for it when a request carries tags",
        only_if="[bda] airflow_tags is on (it is by default) or tags= is given",
        by_service=True,
    ),
    Need(
        "FindByName",
        _who(Who.WORKER, Who.PREFLIGHT),
        ("bedrock:ListDataAutomationProjects", "bedrock:ListBlueprints"),
        "anything",
        "to find the ARN of a name",
        only_if="project= or blueprints= holds names instead of ARNs",
    ),
    Need(
        "ReadProject",
        _who(Who.PREFLIGHT),
        ("bedrock:GetDataAutomationProject",),
        "projects",
        "to see that the project is there and complete",
    ),
    Need(
        "ReadInput",
        _who(Who.WORKER, Who.PREFLIGHT),
        ("s3:GetObject",),
        "input_objects",
        "BDA reads the input with the permissions of whoever submits the job",
        by_service=True,
    ),
    Need(
        "WriteOutput",
        _who(Who.WORKER, Who.PREFLIGHT),
        ("s3:PutObject",),
        "output_objects",
        "BDA writes the output with the permissions of whoever submits the job",
        by_service=True,
    ),
    Need(
        "ReadResults",
        _who(Who.WORKER, Who.PREFLIGHT),
        ("s3:GetObject",),
        "output_objects",
        "hook.get_results() and the operators that read what a job left",
        only_if="a task reads results",
    ),
    Need(
        "SeeBuckets",
        _who(Who.WORKER, Who.PREFLIGHT),
        ("s3:ListBucket",),
        "buckets",
        "without it AWS answers AccessDenied where an object is missing, and the preflight cannot list",
        only_if="an object that is missing shall be told from one that is forbidden",
        by_service=True,
    ),
    Need(
        "CleanUp",
        _who(Who.PREFLIGHT),
        ("s3:DeleteObject",),
        "output_objects",
        "to take away the small object the preflight wrote",
    ),
    Need(
        "UseKey",
        _who(Who.WORKER, Who.PREFLIGHT),
        ("kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"),
        "keys",
        "BDA encrypts the output in the caller's name",
        only_if="kms_key_id= is given, or a bucket is encrypted with a customer's key",
        by_service=True,
    ),
    Need(
        "ReadEvents",
        _who(Who.TRIGGERER),
        ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
        "queues",
        "to hear that jobs have ended",
        only_if="completion_queue= is given",
    ),
    Need(
        "ReadQuotas",
        _who(Who.PREFLIGHT),
        ("servicequotas:GetServiceQuota",),
        "anything",
        "to show how many jobs may run at once",
        only_if="the preflight shall show quotas",
    ),
)


def statement(need: Need, scope: Scope) -> dict[str, Any]:
    """Build one statement of a policy."""
    resources: list[str] = getattr(scope, need.on)()
    return {"Sid": need.sid, "Effect": "Allow", "Action": list(need.actions), "Resource": resources}


def find(sid: str) -> Need:
    """Answer a need of ``BdaInvokeOperator`` by its statement id."""
    return next(need for need in needs() if need.sid == sid)


def policy(who: Who, scope: Scope, *, whole: bool = True, of: Sequence[Need] | None = None) -> dict[str, Any]:
    """Build the policy for one process.

    :param who: the process.
    :param scope: what it is about.
    :param whole: whether what is needed only sometimes is in it.
    :param of: the needs; None takes those of ``BdaInvokeOperator``.
    """
    wanted = [
        need for need in (needs() if of is None else of) if who in need.who and (whole or not need.only_if)
    ]
    return {"Version": "2012-10-17", "Statement": [statement(need, scope) for need in wanted]}
