"""What a worker writes before an engine runs, and who may write it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from airflow_provider_bda.batch import prepare
from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.plan import Run
from airflow_provider_bda.exceptions import BdaError, BdaInputError

LAYOUT = BatchLayout("s3://documents/out/_batches/b")
DRAFT = Run(
    number=0,
    began=0,
    max_tries=1,
    try_number=1,
    started_at=1.0,
    deadline=2.0,
    request={},
    output_s3_uri="s3://documents/out",
)


@pytest.fixture
def s3(aws):
    return aws.client("s3")


def write(s3, draft, runs, redrive="failed"):
    return prepare.write_run(s3, LAYOUT, draft, runs, redrive=redrive, tagging={})


def test_a_retry_keeps_the_beginning_and_a_clear_begins_anew(s3):
    runs = []
    for max_tries in (1, 1, 3, 3):
        runs.append(write(s3, replace(DRAFT, max_tries=max_tries), runs))
    assert [(run.number, run.began, run.again, run.redo) for run in runs] == [
        (0, 0, [], []),
        (1, 0, ["broken", "lost", "timeout"], []),
        (2, 2, [], ["broken", "lost", "rejected", "timeout"]),
        (3, 2, ["broken", "lost", "timeout"], ["broken", "lost", "rejected", "timeout"]),
    ]
    assert prepare.read_runs(s3, LAYOUT) == runs
    assert write(s3, replace(DRAFT, max_tries=5), runs, "none").redo == []
    assert len(write(s3, replace(DRAFT, max_tries=7), prepare.read_runs(s3, LAYOUT), "all").redo) == 5


def test_of_two_workers_that_begin_the_same_try_one_is_told_so(s3):
    write(s3, DRAFT, [])
    assert write(s3, DRAFT, []) == DRAFT  # a repeated call whose first answer was lost
    with pytest.raises(BdaError, match="another worker has begun this try"):
        write(s3, replace(DRAFT, started_at=9.0), [])


def write_plan(s3, documents):
    return prepare.write_plan(
        s3,
        LAYOUT,
        documents,
        source="a source",
        identity={},
        skipped=lambda: 0,
        estimate=dict,
        tagging={},
    )


def listed(*numbers):
    return [Document(document_id=f"d{n}", input_s3_uri=f"s3://documents/in/{n}.pdf") for n in numbers]


def manifests(s3):
    found = s3.list_objects_v2(Bucket="documents", Prefix="out/_batches/b/manifest/").get("Contents", ())
    assert len({item["Key"].rpartition("/")[0] for item in found}) == 1
    bodies = [s3.get_object(Bucket="documents", Key=item["Key"])["Body"].read() for item in found]
    return [[json.loads(line)["document_id"] for line in body.splitlines()] for body in bodies]


@pytest.mark.parametrize("after", [0, 2, 3, 4], ids=lambda after: f"{after} documents later")
def test_a_worker_that_stood_still_changes_no_manifest_another_has_begun_to_work_through(
    s3, monkeypatch, after
):
    """The ledger knows a document by its place in the manifest: another list under it would mix them all up."""
    monkeypatch.setattr(prepare, "SEGMENT", 2)
    plans = []

    def stands_still():
        for number, document in enumerate(listed(1, 2, 3, 4)):
            if number == after:
                plans.append(write_plan(s3, listed(0, 1, 2, 3, 4)))
            yield document
        if after == 4:
            plans.append(write_plan(s3, listed(0, 1, 2, 3, 4)))

    with pytest.raises(BdaError, match="another worker has written"):
        write_plan(s3, stands_still())
    assert manifests(s3) == [["d0", "d1"], ["d2", "d3"], ["d4"]]
    assert prepare.read_plan(s3, LAYOUT) == plans[0]


def test_a_manifest_that_a_worker_has_left_half_written_is_written_anew(s3, monkeypatch):
    monkeypatch.setattr(prepare, "SEGMENT", 2)

    def dies():
        yield from listed(1, 2, 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_plan(s3, dies())
    assert write_plan(s3, listed(0, 1, 2, 3, 4)).documents == 5
    assert manifests(s3) == [["d0", "d1"], ["d2", "d3"], ["d4"]]


def test_names_in_overrides_are_looked_up_once_and_a_wrong_one_names_its_document():
    asked = []

    def find(name):
        asked.append(name)
        if name == "nobody":
            raise BdaInputError("no project is named nobody")
        return f"arn:{name}"

    resolver = prepare.Resolver(find, find)

    def document(**overrides):
        return Document(document_id="d", input_s3_uri="s3://documents/a.pdf", overrides=overrides)

    both = resolver.resolved(document(project="p", blueprints=["b", {"blueprintArn": "b", "version": "2"}]))
    assert both.overrides == {
        "project": "arn:p",
        "blueprints": [{"blueprintArn": "arn:b"}, {"blueprintArn": "arn:b", "version": "2"}],
    }
    plain = document(tags={"a": "b"})
    assert resolver.resolved(plain) is plain
    resolver.resolved(document(project="p"))
    assert asked == ["p", "b"]
    with pytest.raises(
        BdaInputError, match=r"document d \(s3://documents/a.pdf\): no project is named nobody"
    ):
        resolver.resolved(document(project="nobody"))
