"""Outputs become Parquet that DuckDB reads: typed, whole, never doubled, whatever dies on the way."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import nullcontext
from operator import itemgetter
from types import SimpleNamespace

import duckdb
import pytest

from airflow_provider_bda.batch.bodies import Body
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaError, BdaInputError
from airflow_provider_bda.operators.tables import BdaResultsToParquetOperator
from airflow_provider_bda.results import CustomOutput
from airflow_provider_bda.tables import store
from airflow_provider_bda.tables import write as write_module
from airflow_provider_bda.tables.shapes import Shape, either, merged, shape_of_schema, shape_of_tree
from tests.operators.conftest import make_clients_quick

DATASET = "s3://documents/lake"
AWS_OWN = "arn:aws:bedrock:us-east-1:aws:blueprint/bedrock-data-automation-public-invoice"


def field(kind="string"):
    return {"type": kind, "inferenceType": "explicit", "instruction": "x"}


def schema(properties, **definitions):
    parts = {
        name: {"type": "object", "properties": {each: field(kind) for each, kind in members.items()}}
        for name, members in definitions.items()
    }
    return {
        "class": "invoice",
        "description": "x",
        "type": "object",
        "definitions": parts,
        "properties": properties,
    }


INVOICE = schema(
    {
        "Invoice Number": field(),
        "total": field("number"),
        "paid": field("boolean"),
        "supplier": {"$ref": "#/definitions/Party"},
        "lines": {"type": "array", "instruction": "x", "items": {"$ref": "#/definitions/Line"}},
        "tags": {"type": "array", "instruction": "x", "items": {"type": "string"}},
        "segment": field(),
    },
    Party={"name": "string", "rating": "number"},
    Line={"what": "string", "amount": "number"},
)
VALUES = {
    "Invoice Number": "INV-7",
    "total": 12.5,
    "paid": True,
    "supplier": {"name": "Brick Ltd", "rating": ""},
    "lines": [{"what": "bolts", "amount": 10}, {"what": "nuts", "amount": "2.5"}],
    "tags": ["a", "b"],
    "segment": "retail",
}


@pytest.fixture
def context(monkeypatch):
    make_clients_quick(monkeypatch)
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
    run = SimpleNamespace(
        logical_date=dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC),
        run_after=dt.datetime(2026, 9, 9, tzinfo=dt.UTC),
    )
    return {"ti": ti, "dag_run": run}


@pytest.fixture
def write(aws, a_batch, context):
    """Run the operator on the batch."""

    def write(results=None, **options):
        operator = BdaResultsToParquetOperator(
            task_id="t", results=results or a_batch.uri, dataset_s3_uri=DATASET, **options
        )
        return operator.execute(context)

    return write


@pytest.fixture
def lake(s3, keys, tmp_path):
    """Ask DuckDB of what lies in a table's folder just now: ``lake("invoice", "count(*)")`` answers the rows."""

    def lake(table, what="*", *, files=None):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for key in files or [key for key in keys(f"lake/{table}/data/") if key.endswith(".parquet")]:
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file("documents", key, str(path))
        with duckdb.connect() as db:
            db.execute(
                f"create view rows as select * from read_parquet('{folder}/**/*.parquet', "
                "hive_partitioning=true, hive_types_autocast=false, union_by_name=true)"
            )
            found = db.sql(f"select {what} from rows")
            return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    return lake


@pytest.fixture
def blueprint_of(aws):
    """Make a blueprint, or its next version; answer ARN and version."""
    control = aws.client("bedrock-data-automation")
    made = {}

    def blueprint_of(body, name="Supplier-Invoice"):
        text = json.dumps(body)
        if name in made:
            control.update_blueprint(blueprintArn=made[name], schema=text)
        else:
            answer = control.create_blueprint(blueprintName=name, type="DOCUMENT", schema=text)
            made[name] = answer["blueprint"]["blueprintArn"]
        version = control.create_blueprint_version(blueprintArn=made[name])["blueprint"]["blueprintVersion"]
        return made[name], version

    return blueprint_of


@pytest.fixture
def output(a_batch):
    """Leave a job's output as the service writes it; answer the row of its document."""

    def output(name, *segments, evidence=(), extra=None, **members):
        told = []
        for number, segment in enumerate(segments):
            if segment is None:
                told.append({"custom_output_status": "NO_MATCH"})
                continue
            (arn, version), values = segment
            body = {
                "matched_blueprint": {
                    "arn": arn,
                    "name": "Supplier-Invoice",
                    "version": version,
                    "confidence": 1,
                },
                "split_document": {"page_indices": [number]},
                **(values if "chapters" in values else {"inference_result": values}),
                "explainability_info": list(evidence),
            }
            uri = f"s3://documents/out/{name}/0/custom_output/{number}/result.json"
            a_batch.put(uri, json.dumps(body).encode())
            told.append({"custom_output_path": uri, "custom_output_status": "MATCH"})
        meta = {
            "job_id": name,
            "semantic_modality": "DOCUMENT",
            "output_metadata": [{"segment_metadata": told}],
        }
        uri = f"s3://documents/out/{name}/job_metadata.json"
        a_batch.put(uri, json.dumps(meta).encode())
        return a_batch.made(
            name,
            invocation_arn=f"arn:aws:bedrock:us-east-1:1:data-automation-invocation/{name}",
            output_s3_uri=uri,
            completed_at=1_790_000_000.25,
            extra=extra or {},
            **members,
        )

    return output


def test_a_row_has_its_keys_and_typed_columns(write, a_batch, lake, output, blueprint_of):
    of = blueprint_of(INVOICE)
    a_batch.part(0, output("a", (of, VALUES), None, generation=2), a_batch.made("bad", "failed"))
    report = write()
    (row,) = lake("supplier_invoice")
    assert row == {
        "document_id": "a",
        "segment": 0,
        "chapter": None,
        "invocation_arn": "arn:aws:bedrock:us-east-1:1:data-automation-invocation/a",
        "blueprint_arn": of[0],
        "blueprint_version": of[1],
        "processed_at": dt.datetime.fromtimestamp(1_790_000_000.25, dt.UTC).replace(tzinfo=None),
        "generation": 2,
        "input_s3_uri": "s3://documents/in/a.pdf",
        "invoice_number": "INV-7",
        "total": 12.5,
        "paid": True,
        "supplier": {"name": "Brick Ltd", "rating": None},
        "lines": [{"what": "bolts", "amount": 10.0}, {"what": "nuts", "amount": 2.5}],
        "tags": ["a", "b"],
        "field__segment": "retail",
        "date": "2026-01-02",
        "batch_id": "a-batch",
    }
    assert (report["rows"], report["documents"], report["segments_without_output"]) == (1, 1, 1)
    assert report["tables"]["supplier_invoice"]["inferred"] == []


def test_jobs_that_really_ran_become_rows_redacted_where_there_is_a_redacted_twin(
    write, a_batch, lake, blueprint, stored, keys
):
    row = a_batch.run("a", "Invoice number: SECRET-7\n", [blueprint], extra={"customer": 7})
    folder = f"{row.output_s3_uri.rsplit('/', 1)[0]}/0/custom_output/0"
    body = json.loads(stored(f"{folder}/result.json"))
    body["inference_result"]["invoice_number"] = body["explainability_info"][0]["invoice_number"]["value"] = (
        "[ID]"
    )
    a_batch.put(f"{folder}/redacted/result.json", json.dumps(body).encode())
    a_batch.part(0, row)
    write(extra={"customer": "integer"})
    (found,) = lake("an_invoice")
    assert (found["invoice_number"], found["order_number"], found["customer"]) == ("[ID]", None, 7)
    for key in keys("lake/"):
        assert b"SECRET" not in stored(f"s3://documents/{key}")
    write(view="full", extra={"customer": "integer"})
    assert lake("an_invoice", "invoice_number") == [{"invoice_number": "SECRET-7"}]


def test_a_batch_written_twice_has_its_rows_once_and_a_redone_one_its_new_rows(
    write, a_batch, lake, output, blueprint_of, keys, stored
):
    of = blueprint_of(INVOICE)
    rows = [output(str(number), (of, VALUES), (of, VALUES)) for number in range(5)]
    a_batch.part(0, *rows)
    first = write()
    before = set(keys("lake/supplier_invoice/data/"))
    assert write() == first
    assert lake("supplier_invoice", "count(*) n, count(distinct (document_id, segment)) d") == [
        {"n": 10, "d": 10}
    ]
    after = set(keys("lake/supplier_invoice/data/"))
    assert len(after) == 1
    assert not before & after
    # A clear did one again and lost another; written on another day, by another Dag.
    a_batch.part(0, output("0", (of, {**VALUES, "total": 99}), generation=1), *rows[2:])
    write(partition_date="2026-02-03")
    assert lake("supplier_invoice", "count(*) n, max(total) t, min(date) d") == [
        {"n": 7, "t": 99.0, "d": "2026-02-03"}
    ]
    manifest = json.loads(stored(f"{DATASET}/supplier_invoice/_manifests/a-batch.json"))
    (key,) = keys("lake/supplier_invoice/data/")
    (entry,) = manifest["entries"]
    assert (entry["url"], entry["mandatory"], entry["meta"]["record_count"]) == (
        f"s3://documents/{key}",
        True,
        7,
    )
    assert entry["meta"]["content_length"] == len(stored(f"s3://documents/{key}"))
    (symlink,) = keys("lake/supplier_invoice/_symlinks/")
    assert "date=2026-02-03/batch_id=a-batch" in symlink
    assert stored(f"s3://documents/{symlink}").decode() == f"s3://documents/{key}\n"


def test_another_batch_is_another_partition(write, a_batch, lake, output, blueprint_of):
    of = blueprint_of(INVOICE)
    a_batch.part(0, output("a", (of, VALUES)))
    write()
    other = a_batch.uri.replace("a-batch", "b-batch")
    a_batch.put(f"{other}/batch.json", b"{}")
    a_batch.put(
        f"{other}/results/part-00000.jsonl", json.dumps(output("b", (of, VALUES)).to_json()).encode() + b"\n"
    )
    write({"batch_s3_uri": other, "total": 1})
    assert lake("supplier_invoice", "batch_id, document_id") == [
        {"batch_id": "a-batch", "document_id": "a"},
        {"batch_id": "b-batch", "document_id": "b"},
    ]


def test_confidence_stands_beside_each_field_on_demand(write, a_batch, lake, output, blueprint_of):
    proof = {
        "total": {"value": 12.5, "confidence": 0.5, "success": True},
        "supplier": {"name": {"value": "Brick Ltd", "confidence": 0.25}},
        "lines": [{"what": {"value": "bolts", "confidence": 0.75}}],
    }
    a_batch.part(0, output("a", (blueprint_of(INVOICE), VALUES), evidence=[proof]))
    write(confidence=True)
    (row,) = lake("supplier_invoice")
    assert (row["total"], row["total__confidence"], row["paid__confidence"]) == (12.5, 0.5, None)
    assert row["supplier"] == {
        "name": "Brick Ltd", "name__confidence": 0.25, "rating": None, "rating__confidence": None
    }  # fmt: skip
    assert row["lines"][0] == {
        "what": "bolts", "what__confidence": 0.75, "amount": 10.0, "amount__confidence": None
    }  # fmt: skip
    assert row["tags__confidence"] == [None, None]
    with pytest.raises(BdaInputError, match=r"begun with nested='struct' and confidence=True"):
        write()


def test_exploded_each_list_is_a_flat_table_that_joins(write, a_batch, lake, output, blueprint_of):
    proof = {"lines": [{"what": {"value": "bolts", "confidence": 0.75}}]}
    a_batch.part(0, output("a", (blueprint_of(INVOICE), VALUES), evidence=[proof]))
    report = write(nested="explode", confidence=True)
    assert {name: table["rows"] for name, table in report["tables"].items()} == {
        "supplier_invoice": 1, "supplier_invoice__lines": 2, "supplier_invoice__tags": 2
    }  # fmt: skip
    (row,) = lake("supplier_invoice")
    assert (row["supplier__name"], row["supplier__rating"], "lines" in row) == ("Brick Ltd", None, False)
    assert lake("supplier_invoice__lines", "document_id, segment, line, what, what__confidence, amount") == [
        {
            "document_id": "a",
            "segment": 0,
            "line": 0,
            "what": "bolts",
            "what__confidence": 0.75,
            "amount": 10.0,
        },
        {
            "document_id": "a",
            "segment": 0,
            "line": 1,
            "what": "nuts",
            "what__confidence": None,
            "amount": 2.5,
        },
    ]
    assert lake("supplier_invoice__tags", "line, value") == [
        {"line": 0, "value": "a"}, {"line": 1, "value": "b"}
    ]  # fmt: skip


def test_columns_grow_with_a_blueprint_and_a_changed_type_gets_its_own(
    write, a_batch, lake, output, blueprint_of
):
    old = blueprint_of(schema({"number": field(), "total": field("number"), "gone": field()}))
    new = blueprint_of(
        schema(
            {"number": field(), "total": field(), "due": field(), "to": {"$ref": "#/definitions/P"}},
            P={"name": "string"},
        )
    )
    a_batch.part(0, output("a", (old, {"number": "1", "total": 5, "gone": "x"})))
    assert write()["tables"]["supplier_invoice"]["changes"] == []
    a_batch.part(
        0,
        output("a", (old, {"number": "1", "total": 5, "gone": "x"})),
        output("b", (new, {"number": "2", "total": "five", "due": "today", "to": {"name": "me"}})),
    )
    changes = write()["tables"]["supplier_invoice"]["changes"]
    about = ":".join(new)
    assert [(c["what"], c["field"], c["column"]) for c in changes if c["blueprint"] == about] == [
        ("missing", "gone", "gone"),
        ("type_changed", "total", "total__v2"),
        ("added", "due", "due"),
        ("added", "to", "to"),
    ]
    assert lake("supplier_invoice", 'number, total, total__v2, gone, due, "to"') == [
        {"number": "1", "total": 5.0, "total__v2": None, "gone": "x", "due": None, "to": None},
        {
            "number": "2",
            "total": None,
            "total__v2": "five",
            "gone": None,
            "due": "today",
            "to": {"name": "me"},
        },
    ]
    third = blueprint_of(schema({"number": field(), "more": field()}))
    a_batch.part(0, output("c", (third, {"number": "3", "more": "!"})))
    with pytest.raises(BdaInputError, match=r"columns would change \(more\)"):
        write(on_schema_change="fail")
    assert lake("supplier_invoice", "count(*) n") == [{"n": 2}]
    a_batch.part(0, output("c", (old, {"number": "3"})))
    assert write(on_schema_change="fail")["rows"] == 1


def test_columns_of_aws_own_blueprints_come_from_the_results(write, a_batch, lake, output):
    own = (AWS_OWN, None)
    proof = {"due": {"value": "", "type": "number", "confidence": 0.1}}
    a_batch.part(
        0,
        output("a", (own, {"total": 5, "due": "", "odd": 1, "rows": [], "nothing": ""}), evidence=[proof]),
        output("b", (own, {"total": 7.5, "due": "", "odd": "one", "rows": [{"x": 1}]})),
    )
    report = write()
    rows = lake("supplier_invoice", "document_id, total, due, odd, rows, typeof(due) as type")
    assert rows == [
        {"document_id": "a", "total": 5.0, "due": None, "odd": "1", "rows": [], "type": "DOUBLE"},
        {"document_id": "b", "total": 7.5, "due": None, "odd": "one", "rows": [{"x": 1.0}], "type": "DOUBLE"},
    ]
    assert report["tables"]["supplier_invoice"]["inferred"] == [AWS_OWN]


def test_a_value_that_does_not_fit_is_null_counted_and_not_told(
    write, a_batch, lake, output, blueprint_of, caplog
):
    values = {
        "total": "SECRET twelve",
        "paid": "TRUE",
        "lines": [{"amount": "SECRET"}, "SECRET"],
        "tags": "SECRET",
    }
    a_batch.part(0, output("a", (blueprint_of(INVOICE), values)))
    report = write()
    (row,) = lake("supplier_invoice")
    assert (row["total"], row["paid"], row["tags"]) == (None, True, None)
    assert row["lines"] == [{"what": None, "amount": None}, None]
    assert report["tables"]["supplier_invoice"]["misfits"] == {
        "lines[]": 1,
        "lines[].amount": 1,
        "tags": 1,
        "total": 1,
    }
    assert "SECRET" not in json.dumps(report) + caplog.text


def test_each_chapter_of_a_video_is_a_row(write, a_batch, lake, output, blueprint_of):
    chapters = [{"chapter_index": number, "inference_result": {"number": str(number)}} for number in range(3)]
    a_batch.part(0, output("v", (blueprint_of(schema({"number": field()})), {"chapters": chapters})))
    assert write()["rows"] == 3
    assert [row["chapter"] for row in lake("supplier_invoice", "chapter, number")] == [0, 1, 2]


def test_one_job_or_a_list_of_jobs_is_as_good_as_a_batch(write, aws, a_batch, lake, blueprint):
    rows = [a_batch.run(name, f"Invoice number: {name}\n", [blueprint]) for name in ("one", "two")]
    jobs = [
        {"output_s3_uri": row.output_s3_uri, "invocation_arn": row.invocation_arn,
         "job_completion_time": "2026-01-01T10:00:00+00:00"}
        for row in rows
    ]  # fmt: skip
    write(jobs[0])
    (first,) = lake("an_invoice")
    assert (first["invoice_number"], first["input_s3_uri"]) == ("one", "s3://documents/in/one.txt")
    assert (first["invocation_arn"], first["processed_at"]) == (
        rows[0].invocation_arn,
        dt.datetime(2026, 1, 1, 10),  # noqa: DTZ001 - as Parquet has it
    )
    # The same task again, after a clear has bought a second job of the same document.
    write([rows[0].invocation_arn, jobs[1]])
    again = lake("an_invoice", "document_id, invoice_number")
    assert [row["invoice_number"] for row in again] == ["one", "two"]
    assert again[0]["document_id"] == first["document_id"]


@pytest.mark.parametrize(
    ("after", "seen"),
    [(0, "before"), (1, "before"), (2, "after")],
    ids=["no file goes up", "the swap is refused", "the swap is done, the manifests are refused"],
)
def test_what_dies_on_the_way_leaves_the_rows_of_before_or_after(
    write, aws, a_batch, lake, output, blueprint_of, stored, after, seen
):
    of = blueprint_of(INVOICE)
    a_batch.part(0, output("before", (of, VALUES)))
    write()
    a_batch.part(0, output("after", (of, VALUES)), output("after too", (of, VALUES)))
    aws.fault(Fault(operation="s3:PUT", error="InternalError", status=500, after=after))
    with pytest.raises(BdaError):
        write()
    commit = json.loads(stored(f"{DATASET}/_commits/a-batch.json"))
    files = [
        file["s3_uri"].removeprefix("s3://documents/")
        for file in commit["tables"]["supplier_invoice"]["files"]
    ]
    assert {row["document_id"][:5] for row in lake("supplier_invoice", files=files)} == {seen[:5]}
    manifest = json.loads(stored(f"{DATASET}/supplier_invoice/_manifests/a-batch.json"))
    assert all(stored(entry["url"]) for entry in manifest["entries"])
    aws.clear_faults()
    write()
    assert {row["document_id"] for row in lake("supplier_invoice")} == {"after", "after too"}


def test_a_writer_that_was_overtaken_fails_and_leaves_nothing(
    write, a_batch, lake, output, blueprint_of, monkeypatch
):
    of = blueprint_of(INVOICE)
    a_batch.part(0, output("a", (of, VALUES)))
    write()
    swap = store.swap_commit

    def overtaken(*args, **kwargs):
        monkeypatch.setattr(store, "swap_commit", swap)
        write()
        return swap(*args, **kwargs)

    monkeypatch.setattr(store, "swap_commit", overtaken)
    with pytest.raises(BdaError, match="another writer has replaced"):
        write()
    assert lake("supplier_invoice", "count(*) n") == [{"n": 1}]


@pytest.mark.parametrize("step", [(store, "tell_readers"), (write_module, "delete")], ids=itemgetter(1))
def test_a_writer_that_stood_still_after_its_swap_takes_nothing_from_the_one_that_came_after(
    write, a_batch, lake, output, blueprint_of, stored, monkeypatch, step
):
    """A worker is frozen, its task is tried again and ends well, and then the worker wakes up."""
    of = blueprint_of(INVOICE)
    a_batch.part(0, output("a", (of, VALUES)))
    write()
    goes_on = getattr(*step)

    def stands_still(*args, **kwargs):
        monkeypatch.setattr(*step, goes_on)
        a_batch.part(0, output("b", (of, VALUES)), output("c", (of, VALUES)))
        write()
        return goes_on(*args, **kwargs)

    monkeypatch.setattr(*step, stands_still)
    # Once its rows have been seen as its own, it has done its work: what comes after is another's.
    known = step[0] is store
    with pytest.raises(BdaError, match="another writer has replaced") if known else nullcontext():
        write()
    assert {row["document_id"] for row in lake("supplier_invoice")} == {"b", "c"}
    manifest = json.loads(stored(f"{DATASET}/supplier_invoice/_manifests/a-batch.json"))
    assert sum(entry["meta"]["record_count"] for entry in manifest["entries"]) == 2
    assert all(stored(entry["url"]) for entry in manifest["entries"])


def test_a_writer_that_died_after_its_swap_doubles_no_rows_even_of_another_date(
    write, aws, a_batch, lake, output, blueprint_of
):
    of = blueprint_of(INVOICE)
    a_batch.part(0, output("a", (of, VALUES)))
    write(partition_date="2026-01-01")
    aws.fault(Fault(operation="s3:DELETE", error="InternalError", status=500))
    a_batch.part(0, output("a", None))
    for _ in range(2):
        with pytest.raises(BdaError):
            write(partition_date="2026-01-02")
    aws.clear_faults()
    a_batch.part(0, output("b", (of, VALUES)))
    write(partition_date="2026-01-03")
    assert lake("supplier_invoice", "document_id, date") == [{"document_id": "b", "date": "2026-01-03"}]


def test_what_a_writer_that_died_left_is_gone_with_the_next(write, a_batch, output, blueprint_of, keys):
    a_batch.part(0, output("a", (blueprint_of(INVOICE), VALUES)))
    left = "supplier_invoice/data/date=2026-01-02/batch_id=a-batch/0123456789ab-00000.parquet"
    a_batch.put(f"{DATASET}/{left}", b"half")
    write()
    assert len(keys("lake/supplier_invoice/data/")) == 1
    assert f"lake/{left}" not in keys("lake/")


def test_an_output_that_is_gone_fails_unless_it_is_tolerated(write, a_batch, lake, output, blueprint_of):
    of = blueprint_of(INVOICE)
    gone = a_batch.made("gone", output_s3_uri="s3://documents/out/gone/job_metadata.json")
    a_batch.part(0, output("a", (of, VALUES)), gone)
    with pytest.raises(
        BdaError, match=r"could not be read: there is no job metadata .* tolerated_unreadable=0"
    ):
        write()
    report = write(tolerated_unreadable=1)
    assert (report["rows"], report["unreadable"]) == (1, 1)


def test_a_batch_without_outputs_is_no_table_and_takes_the_old_rows_away(
    write, a_batch, lake, output, blueprint_of, keys
):
    a_batch.part(0, output("a", (blueprint_of(INVOICE), VALUES)))
    write()
    a_batch.part(0, output("a", None))
    report = write()
    assert (report["rows"], report["tables"], report["segments_without_output"]) == (0, {}, 1)
    assert [key for key in keys("lake/") if "_schema" not in key] == ["lake/_commits/a-batch.json"]


def test_many_rows_go_into_files_of_a_size(write, a_batch, lake, output, blueprint_of):
    of = blueprint_of(schema({"number": field()}))
    a_batch.part(0, *(output(str(number), (of, {"number": str(number)})) for number in range(7)))
    assert write(rows_per_file=3)["tables"]["supplier_invoice"]["files"] == 3
    assert lake("supplier_invoice", "count(*) n, count(distinct number) d") == [{"n": 7, "d": 7}]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dataset_s3_uri": "lake"}, "dataset_s3_uri: 'lake' is not an S3 URI"),
        ({"nested": "flat"}, "nested: 'flat' is not one of struct, explode"),
        ({"view": "raw"}, "view: 'raw'"),
        ({"partition_date": "today"}, "partition_date: 'today' is no date"),
        ({"on_schema_change": "warn"}, "on_schema_change"),
        ({"extra": "customer"}, "write a list"),
        ({"extra": {"customer": "date"}}, r"extra\['customer'\]: 'date' is not one of"),
        ({"rows_per_file": 0}, "rows_per_file"),
        ({"tolerated_unreadable": -1}, "tolerated_unreadable"),
    ],
)
def test_an_argument_that_cannot_work_is_told_when_the_dag_is_parsed(options, words):
    with pytest.raises(BdaInputError, match=words):
        BdaResultsToParquetOperator(
            **{"task_id": "t", "results": "s3://b/x", "dataset_s3_uri": DATASET, **options}
        )


@pytest.mark.parametrize("results", [{"status": "Success"}, "batch", 7])
def test_results_that_are_none_are_told(write, results):
    with pytest.raises(BdaInputError, match="results: "):
        write(results)


def test_a_bucket_that_is_not_there_is_told(a_batch, context, output, blueprint_of):
    a_batch.part(0, output("a", (blueprint_of(INVOICE), VALUES)))
    operator = BdaResultsToParquetOperator(
        task_id="t", results=a_batch.uri, dataset_s3_uri="s3://nowhere/lake"
    )
    with pytest.raises(BdaInputError, match="there is no bucket for s3://nowhere/lake"):
        operator.execute(context)


def test_results_of_no_batch_are_told_before_anything_is_written(write, keys):
    with pytest.raises(BdaInputError, match="there is no batch at"):
        write("s3://documents/out/_batches/other")
    assert keys("lake/") == []


def test_shapes_merge_where_a_column_can_hold_both():
    number, text = Shape("number"), Shape("string")
    assert merged(Shape("integer"), number) == number
    assert either(number, text) == text
    assert either(Shape("array", item=number), Shape("array", item=text)) == Shape("array", item=text)
    tree = CustomOutput({"inference_result": {"a": [{"x": 1}, {"x": "one", "y": True}]}}).tree
    seen = shape_of_tree(tree)
    assert seen.to_json() == {"object": {"a": {"array": {"object": {"x": "string", "y": "boolean"}}}}}
    assert Shape.from_json(json.loads(json.dumps(seen.to_json()))) == seen
    endless = {
        "properties": {"me": {"$ref": "#/definitions/M"}},
        "definitions": {"M": {"properties": {"me": {"$ref": "#/definitions/M"}}}},
    }
    assert shape_of_schema(endless).kind == "object"
    assert Body((), None).segments == ()
