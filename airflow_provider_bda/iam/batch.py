"""Who needs which action for a batch: the engine submits where it runs, the worker prepares and finishes. Pure."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_bda.iam.policy import Need, Who, needs

_ENGINE = frozenset({Who.WORKER, Who.TRIGGERER})
_WORKER = frozenset({Who.WORKER})
_BLOCKING = "on the worker only with deferrable=False"
_INDEX = "state_s3_uri= is given"
#: What a single job needs, too, of whoever runs the engine.
_OF_A_JOB = ("Submit", "Wait", "Tag", "ReadInput", "WriteOutput", "UseKey", "ReadEvents")

_OWN = (
    Need(
        "ReadProject",
        _ENGINE,
        ("bedrock:GetDataAutomationProject", "bedrock:GetBlueprint"),
        "described",
        "to see that project and blueprints were changed, and for the index of processed documents",
        only_if='on_project_change is not "ignore", or state_s3_uri= is given',
    ),
    Need(
        "BatchFiles",
        _ENGINE,
        ("s3:GetObject", "s3:PutObject"),
        "output_objects",
        "manifest, ledger, results; and to read what the jobs wrote",
    ),
    Need(
        "SeeSource",
        _WORKER,
        ("s3:GetObject",),
        "input_objects",
        "the manifest, size and ETag of the files, and some of them for their pages",
    ),
    Need(
        "SeeBuckets",
        _ENGINE,
        ("s3:ListBucket",),
        "buckets",
        "to list the source, the ledger and the index; without it AWS answers AccessDenied where an object is missing",
    ),
    Need(
        "TakeBack",
        _WORKER,
        ("s3:DeleteObject",),
        "batch_objects",
        "a batch that goes on after a retry or a clear loses its summary.json",
    ),
    Need(
        "LargeResults",
        _WORKER,
        ("s3:AbortMultipartUpload",),
        "batch_objects",
        "to take away a half-written results.jsonl",
        by_service=True,
    ),
    Need(
        "Index",
        _WORKER,
        ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
        "state_objects",
        "the index of processed documents",
        only_if=_INDEX,
    ),
    Need(
        "TagFiles",
        _ENGINE,
        ("s3:PutObjectTagging",),
        "batch_objects",
        "AWS asks for it when an object is written with tags",
        only_if="output_tags= is given",
        by_service=True,
    ),
    Need(
        "Purge",
        _WORKER,
        ("s3:DeleteObject",),
        "output_objects",
        "to delete what jobs wrote",
        only_if="BdaPurgeOperator deletes",
    ),
)


def batch_needs() -> tuple[Need, ...]:
    """Answer what ``BdaBatchOperator`` and ``BdaPurgeOperator`` need."""
    jobs = [
        replace(need, who=_ENGINE, only_if="; ".join(filter(None, (need.only_if, _BLOCKING))))
        for need in needs()
        if need.sid in _OF_A_JOB
    ]
    others = [replace(need, who=_WORKER) for need in needs() if need.sid in {"FindByName", "ReadQuotas"}]
    return (*jobs, *others, *_OWN)
