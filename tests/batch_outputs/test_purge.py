"""Purging deletes what a row proves to be its own job's, counts first, and can be repeated."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.purge import output_folder, purge_batch, purged_uri
from airflow_provider_bda.batch.results import iter_results
from airflow_provider_bda.batch.rows import Row
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaError, BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.operators._purge import BdaPurgeOperator

LAYOUT = BatchLayout("s3://documents/out/_batches/a-batch")
JOB = "arn:aws:bedrock:us-east-1:123456789012:data-automation-invocation/0b1c"


def sizes(s3, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="documents", Prefix=prefix)
    return [item["Size"] for page in pages for item in page.get("Contents", [])]


def folder(row):
    return row.output_s3_uri.removeprefix("s3://documents/").removesuffix("job_metadata.json")


@pytest.fixture
def ended(a_batch):
    """A batch that has ended: two jobs of its own, a failed one, and one skipped for a job of an earlier batch."""
    rows = [
        a_batch.run("a"),
        a_batch.run("b"),
        a_batch.made("c", "failed"),
        a_batch.run("d", status="skipped"),
    ]
    a_batch.part(0, *rows[:2])
    a_batch.part(1, *rows[2:])
    a_batch.put(a_batch.layout.summary, b"{}")
    a_batch.put("s3://documents/out/foreign/job_metadata.json", b"{}")
    return rows


def test_unless_told_otherwise_it_only_counts(aws, a_batch, ended, s3, keys):
    there = keys()
    purged = purge_batch(BdaBaseHook(), a_batch.uri)
    own = sizes(s3, folder(ended[0])) + sizes(s3, folder(ended[1]))
    assert (purged.jobs, purged.objects, purged.bytes) == (2, len(own), sum(own))
    assert purged.dry_run
    assert keys() == there


def test_it_deletes_what_its_own_jobs_wrote_and_nothing_else(aws, a_batch, ended, keys, stored):
    mine = [key for key in keys() if key.startswith((folder(ended[0]), folder(ended[1])))]
    rest = [key for key in keys() if key not in mine]
    counted = purge_batch(BdaBaseHook(), a_batch.uri)
    purged = purge_batch(BdaBaseHook(), a_batch.uri, dry_run=False)
    assert (purged.jobs, purged.objects, purged.bytes) == (2, len(mine), counted.bytes)
    assert [key for key in keys() if not key.endswith("/purged.json")] == rest
    assert list(iter_results(a_batch.uri)) == ended
    told = json.loads(stored(purged_uri(a_batch.layout)))
    assert (told["jobs"], told["objects"], told["bytes"]) == (2, len(mine), counted.bytes)


def test_a_second_time_there_is_nothing_left_and_what_is_written_down_stays(aws, a_batch, ended, stored):
    purge_batch(BdaBaseHook(), a_batch.uri, dry_run=False)
    told = stored(purged_uri(a_batch.layout))
    again = purge_batch(BdaBaseHook(), a_batch.uri, dry_run=False)
    assert (again.jobs, again.objects, again.bytes, again.refused) == (0, 0, 0, 0)
    assert stored(purged_uri(a_batch.layout)) == told


def test_after_an_error_it_goes_on_with_the_rest_and_counts_everything_once(aws, a_batch, ended, stored):
    whole = purge_batch(BdaBaseHook(), a_batch.uri)
    aws.fault(Fault(operation="s3:POST", error="SlowDown", status=503, times=1))
    with pytest.raises(BdaError, match=r"could not delete s3://documents/out/.*SlowDown.*retry"):
        purge_batch(BdaBaseHook(), a_batch.uri, dry_run=False)
    rest = purge_batch(BdaBaseHook(), a_batch.uri, dry_run=False)
    assert 0 < rest.objects < whole.objects
    told = json.loads(stored(purged_uri(a_batch.layout)))
    assert (told["jobs"], told["objects"], told["bytes"]) == (2, whole.objects, whole.bytes)


def test_objects_that_s3_keeps_are_an_error_that_says_how_many(aws, a_batch, ended, monkeypatch):
    def delete_objects(**request):
        keys = [item["Key"] for item in request["Delete"]["Objects"]]
        return {"Errors": [{"Key": key, "Code": "AccessDenied", "Message": "no"} for key in keys[:2]]}

    class Refusing:
        """An S3 client whose bucket forbids some deletions, which the emulator's does not know."""

        def __init__(self, client):
            self._client = client
            self.delete_objects = delete_objects

        def __getattr__(self, name):
            return getattr(self._client, name)

    from airflow_provider_bda.batch import _files, purge

    monkeypatch.setattr(purge, "s3_of", lambda hook: Refusing(_files.s3_of(hook)))
    with pytest.raises(BdaError, match=r"2 of \d+ objects could not be deleted, .*: AccessDenied: no"):
        purge_batch(BdaBaseHook(), a_batch.uri, dry_run=False)


def test_a_batch_that_may_still_run_is_purged_only_on_demand(aws, a_batch, keys):
    row = a_batch.run("a")
    a_batch.part(0, row)
    with pytest.raises(BdaInputError, match=r"no summary.json.*unfinished=True"):
        purge_batch(BdaBaseHook(), a_batch.uri, dry_run=False)
    assert keys(folder(row))
    assert purge_batch(BdaBaseHook(), a_batch.uri).objects
    assert purge_batch(BdaBaseHook(), a_batch.uri, dry_run=False, unfinished=True).objects
    assert not keys(folder(row))


def row(output, arn=JOB, status="succeeded"):
    return Row(
        document_id="x", input_s3_uri="s3://b/k", status=status, invocation_arn=arn, output_s3_uri=output
    )


@pytest.mark.parametrize(
    "output", ["s3://documents/out/0b1c/job_metadata.json", "s3://documents/out//0b1c/job_metadata.json"]
)
def test_the_folder_of_its_own_job_is_proven(output):
    assert output_folder(row(output), LAYOUT) == output.removesuffix("job_metadata.json")


@pytest.mark.parametrize(
    ("output", "arn"),
    [
        pytest.param("s3://documents/out/ffff/job_metadata.json", JOB, id="another job's"),
        pytest.param("s3://documents/out/a0b1c/job_metadata.json", JOB, id="a name that ends alike"),
        pytest.param("s3://documents/out/0b1c/0/job_metadata.json", JOB, id="deeper"),
        pytest.param("s3://documents/out/0b1c/", JOB, id="no metadata"),
        pytest.param("s3://documents/out/0b1c/result.json", JOB, id="another file"),
        pytest.param("s3://documents/other/0b1c/job_metadata.json", JOB, id="another prefix"),
        pytest.param("s3://documents/outer/0b1c/job_metadata.json", JOB, id="a prefix that begins alike"),
        pytest.param("s3://elsewhere/out/0b1c/job_metadata.json", JOB, id="another bucket"),
        pytest.param("s3://documents/out/_batches/0b1c/job_metadata.json", JOB, id="a batch's own files"),
        pytest.param("s3://documents/out/0b1c/job_metadata.json", None, id="no job"),
        pytest.param("s3://documents/out/0b1c/job_metadata.json", "0b1c", id="no ARN"),
        pytest.param("s3://documents/out//job_metadata.json", JOB.removesuffix("0b1c"), id="an empty job id"),
        pytest.param(
            "s3://documents/out/job_metadata.json", JOB.removesuffix("0b1c"), id="the prefix itself"
        ),
        pytest.param(
            "s3://documents/out/a/0b1c/job_metadata.json", JOB.replace("0b1c", "a/0b1c"), id="no job id"
        ),
    ],
)
def test_anything_else_is_left_alone_and_counted(aws, a_batch, keys, output, arn):
    assert output_folder(row(output, arn), LAYOUT) is None
    bucket, _, key = output.removeprefix("s3://").partition("/")
    if bucket == "documents":
        a_batch.put(output, b"{}")
    a_batch.part(0, row(output, arn))
    purged = purge_batch(BdaBaseHook(), a_batch.uri, dry_run=False, unfinished=True)
    assert (purged.objects, purged.refused, purged.refused_documents) == (0, 1, ["x"])
    assert bucket != "documents" or key in keys()


# --- the operator ----------------------------------------------------------------------------------


def operator(**arguments):
    return BdaPurgeOperator(
        task_id="purge", **{"batch_s3_uri": "s3://documents/out/_batches/a-batch", **arguments}
    )


def test_the_operator_counts_and_answers_plain_json(aws, a_batch, ended, keys):
    there = keys()
    result = operator().execute({})
    assert result == {
        "batch_s3_uri": a_batch.uri,
        "dry_run": True,
        "jobs": 2,
        "objects": result["objects"],
        "bytes": result["bytes"],
        "refused": 0,
        "refused_documents": [],
    }
    assert json.loads(json.dumps(result)) == result
    assert keys() == there
    assert operator(dry_run=False).execute({})["objects"] == result["objects"] > 0


@pytest.mark.parametrize(("given", "deletes"), [("True", False), ("False", True), (" false ", True)])
def test_dry_run_may_come_out_of_a_template(aws, a_batch, ended, given, deletes):
    op = operator(dry_run="{{ params.dry_run }}", batch_s3_uri="{{ params.uri }}")
    op.render_template_fields({"params": {"dry_run": given, "uri": a_batch.uri}})
    assert op.execute({})["dry_run"] is not deletes


@pytest.mark.parametrize("given", ["", "no", None, 0])
def test_what_is_neither_true_nor_false_deletes_nothing(aws, a_batch, ended, keys, given):
    there = keys()
    with pytest.raises(BdaInputError, match="dry_run"):
        operator(dry_run=given).execute({})
    assert keys() == there


def test_airflows_own_dry_run_of_a_task_still_works():
    operator().dry_run()


@pytest.mark.parametrize("uri", ["out/_batches/a-batch", "s3://documents/a b{c"])
def test_what_is_no_s3_uri_is_refused_when_the_dag_is_parsed(uri):
    with pytest.raises(BdaInputError, match="batch_s3_uri"):
        operator(batch_s3_uri=uri)
