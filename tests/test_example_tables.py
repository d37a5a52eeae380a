"""The examples about what follows extraction run to their end; DuckDB stands where Redshift and Athena would."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import duckdb
import pytest
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator
from airflow.providers.standard.operators.hitl import HITLEntryOperator

from airflow_provider_bda.batch import engine
from tests.example_world import SCHEMA, invoice, make_blueprint, make_bucket, make_project, objects_in, stored
from tests.pdf import a_pdf
from tests.test_example_dags import load

EXAMPLES = (
    "bda_results_to_parquet",
    "bda_results_to_redshift",
    "bda_results_to_athena",
    "bda_human_review",
    "bda_confidence_branch",
    "bda_evaluate_blueprint",
    "bda_purge",
)


@pytest.fixture
def conf(bda_emulator, monkeypatch):
    """Three documents, and a project with a blueprint."""
    monkeypatch.setattr(engine, "INTERVAL", (0.05, 0.1))
    # There is no scheduler here that has to notice first that the worker is through with the task.
    monkeypatch.setattr("airflow_provider_bda.triggers.batch.SETTLE", 0.0)
    bda_emulator.settings.duration = 0.0
    make_bucket(bda_emulator, {f"in/{number}.pdf": invoice(number) for number in range(3)})
    make_project(bda_emulator, make_blueprint(bda_emulator, "supplier-invoice"))
    return {
        "input_s3_uri": "s3://documents/in/",
        "output_s3_uri": "s3://documents/out",
        "dataset_s3_uri": "s3://documents/lake",
        "project": "invoices",
    }


@pytest.fixture
def database(tmp_path):
    with duckdb.connect(str(tmp_path / "stand-in.db")) as db:
        yield db


@pytest.fixture
def fetched(bda_emulator, tmp_path):
    """Bring objects here; answer DuckDB's list of their paths."""

    def fetched(uris):
        paths = []
        for uri in uris:
            path = tmp_path / uri.rsplit("/", 1)[1]
            bda_emulator.client("s3").download_file(
                "documents", uri.removeprefix("s3://documents/"), str(path)
            )
            paths.append(f"'{path}'")
        return f"[{', '.join(paths)}]"

    return fetched


def rows(database):
    return database.sql("SELECT invoice_number, total FROM supplier_invoice ORDER BY 1").fetchall()


WHOLE = [(f"{number:05d}", number + 0.5) for number in range(3)]


def test_a_prefix_becomes_a_table(bda_emulator, conf, run_dag, database, fetched):
    result = run_dag(load("bda_results_to_parquet"), conf)
    assert result.state == "success"
    assert result.xcom("tables", "rows") == 3
    told = result.xcom("tables", "tables")["supplier_invoice"]
    files = [entry["url"] for entry in json.loads(stored(bda_emulator, told["manifest_s3_uri"]))["entries"]]
    found = database.sql(
        f"SELECT invoice_number, total, total__confidence > 0 FROM read_parquet({fetched(files)}) ORDER BY 1"
    )
    assert found.fetchall() == [(*row, True) for row in WHOLE]


def test_redshift_has_each_document_once_however_often_it_is_loaded(
    bda_emulator, conf, run_dag, database, fetched, monkeypatch
):
    loads = []

    def execute(operator, context):
        loads.append(operator.sql)
        load_into(operator.sql)

    def load_into(statements):
        for statement in statements:
            copied = re.fullmatch(
                r"\s*COPY (\w+) FROM '(\S+)'\s+IAM_ROLE '\S+' FORMAT AS PARQUET MANIFEST\s*", statement
            )
            if copied is None:
                database.execute(statement)
                continue
            entries = json.loads(stored(bda_emulator, copied[2]))["entries"]
            files = fetched([entry["url"] for entry in entries])
            # COPY goes by the columns' order.
            database.execute(
                f"INSERT INTO {copied[1]} SELECT * FROM read_parquet({files}, hive_partitioning=false)"
            )
        database.execute("DROP TABLE incoming")

    monkeypatch.setattr(RedshiftDataOperator, "execute", execute)
    assert run_dag(load("bda_results_to_redshift"), conf).state == "success"
    assert rows(database) == WHOLE
    # As if an earlier extraction had found other totals, and more segments.
    database.execute("UPDATE supplier_invoice SET total = 0, invocation_arn = 'old'")
    database.execute("INSERT INTO supplier_invoice SELECT * REPLACE (1 AS segment) FROM supplier_invoice")
    load_into(loads[0])
    assert rows(database) == WHOLE


def test_athena_merges_by_document(bda_emulator, conf, run_dag, database, fetched, monkeypatch):
    asked = []

    def execute(operator, context):
        asked.append((operator.task_id, operator.query))
        if operator.task_id == "iceberg":  # the columns are Hive's words for types that DuckDB has too
            columns = operator.query.split("(", 1)[1].split("LOCATION")[0].strip().rstrip(")")
            database.execute(f"CREATE TABLE IF NOT EXISTS supplier_invoice ({columns})")
        if operator.task_id == "merge":
            report = context["ti"].xcom_pull("tables")
            symlink = (
                f"{conf['dataset_s3_uri']}/supplier_invoice/_symlinks/date={report['date']}"
                f"/batch_id={report['batch_id']}/manifest"
            )
            files = fetched(stored(bda_emulator, symlink).decode().splitlines())
            database.execute(
                f"CREATE OR REPLACE VIEW incoming_supplier_invoice AS SELECT *, '{report['batch_id']}' AS batch_id "
                f"FROM read_parquet({files}, hive_partitioning=false)"
            )
            database.execute(operator.query)

    monkeypatch.setattr(AthenaOperator, "execute", execute)
    assert run_dag(load("bda_results_to_athena"), conf).state == "success"
    assert rows(database) == WHOLE
    database.execute("UPDATE supplier_invoice SET total = 0")
    database.execute(asked[3][1])
    assert rows(database) == WHOLE
    assert [name for name, _ in asked[:4]] == ["incoming", "partition", "iceberg", "merge"]
    assert "LOCATION 's3://documents/lake/supplier_invoice/_symlinks/'" in asked[0][1]
    assert re.search(r"`date` = '\d{4}-\d\d-\d\d', batch_id = '[0-9a-f]{24}'", asked[1][1])


def test_a_person_corrects_what_the_batch_was_unsure_of(bda_emulator, conf, run_dag, monkeypatch):
    """The form is answered by the test: it holds what was read, and is of the documents in question alone."""
    bda_emulator.client("s3").put_object(
        Bucket="documents", Key="in/1.pdf", Body=a_pdf(70707)
    )  # says no total
    forms = []

    def execute(operator, context):
        forms.append((operator.subject, operator.body))
        return {
            "chosen_options": ["OK"],
            "params_input": {"invoice_number": None, "total": 99.5},
            "responded_at": datetime(2026, 1, 2, tzinfo=UTC),
            "responded_by_user": {"id": "1", "name": "ann"},
        }

    monkeypatch.setattr(HITLEntryOperator, "execute", execute)
    result = run_dag(load("bda_human_review"), conf)
    assert result.state == "success"
    asked = result.xcom("batch", "needs_review")
    assert len(forms) == asked == result.xcom("apply", "documents")
    (body,) = (body for subject, body in forms if subject == "Look at 1.pdf")
    assert body.startswith("s3://documents/in/1.pdf\n")
    assert re.search(r"\| total \|  \|.*\| missing \|", body)
    assert "| 70707 |" in body
    reviewed = [line["input_s3_uri"] for line in result.xcom("documents_to_review")]
    truths = dict(result.xcom("apply", "ground_truth"))
    assert list(truths) == reviewed
    truth = json.loads(stored(bda_emulator, truths["s3://documents/in/1.pdf"]))
    assert (truth["invoice_number"], truth["total"]) == ("70707", 99.5)
    # Values are in the form and its answer, and in no other XCom. (No account of an emulator has these digits.)
    others = {key: value for key, value in result.xcoms.items() if key[0] != "ask"}
    assert "70707" not in repr(others)


@pytest.fixture
def golden(bda_emulator, conf):
    """The documents with ground truth, and the blueprint at both stages."""
    control = bda_emulator.client("bedrock-data-automation")
    (row,) = control.list_blueprints()["blueprints"]
    arn = row["blueprintArn"]
    control.copy_blueprint_stage(blueprintArn=arn, sourceStage="LIVE", targetStage="DEVELOPMENT")
    lines = [
        json.dumps(
            {
                "input_s3_uri": f"s3://documents/in/{number}.pdf",
                "fields": {"invoice_number": f"{number:05d}", "total": number + 0.5},
            }
        )
        for number in range(3)
    ]
    bda_emulator.client("s3").put_object(
        Bucket="documents", Key="truth/golden.jsonl", Body="\n".join(lines).encode()
    )
    return {
        "golden_s3_uri": "s3://documents/in/",
        "ground_truth_s3_uri": "s3://documents/truth/",
        "output_s3_uri": "s3://documents/out",
        "project": "invoices",
        "blueprint_arn": arn,
    }


def test_a_blueprint_goes_live_only_if_it_is_no_worse(bda_emulator, golden, run_dag):
    result = run_dag(load("bda_evaluate_blueprint"), golden)
    assert (result.state, result.tasks["go_live"]) == ("success", "success")
    assert result.xcom("evaluate", "score")["f1"] == 1.0
    worse = {**SCHEMA, "properties": {"invoice_number": SCHEMA["properties"]["invoice_number"]}}
    bda_emulator.client("bedrock-data-automation").update_blueprint(
        blueprintArn=golden["blueprint_arn"], blueprintStage="DEVELOPMENT", schema=json.dumps(worse)
    )
    result = run_dag(load("bda_evaluate_blueprint"), golden)
    assert (result.tasks["evaluate"], result.tasks["go_live"]) == ("failed", "upstream_failed")
    page = stored(bda_emulator, "s3://documents/out/evaluation/evaluation.md").decode()
    assert "| total | 3 | 0 | 0 | 3 | 0 | 0.000 | -1.000 |" in page


@pytest.mark.parametrize(("total", "asked"), [(True, "skipped"), (False, "success")])
def test_one_document_goes_to_a_person_only_where_a_field_is_missing(
    bda_emulator, conf, run_dag, monkeypatch, total, asked
):
    if not total:
        bda_emulator.client("s3").put_object(Bucket="documents", Key="in/1.pdf", Body=a_pdf(1))
    answer = {
        "chosen_options": ["OK"],
        "params_input": {"total": 7.5},
        "responded_by_user": None,
        "responded_at": None,
    }
    monkeypatch.setattr(HITLEntryOperator, "execute", lambda operator, context: answer)
    result = run_dag(load("bda_confidence_branch"), {**conf, "input_s3_uri": "s3://documents/in/1.pdf"})
    assert result.state == "success"
    assert (result.tasks["ask"], result.tasks["apply"], result.tasks["take"]) == (asked, asked, "success")
    assert ("/corrected/" in result.xcom("take")) is not total


def test_outputs_go_once_they_are_in_a_table_if_the_run_is_told_so(bda_emulator, conf, run_dag):
    def outputs():
        return {
            key: body
            for key, body in objects_in(bda_emulator, "documents", "out/").items()
            if not key.startswith("out/_batches/")
        }

    counted = run_dag(load("bda_purge"), conf)
    assert counted.state == "success"
    before = outputs()
    assert (counted.xcom("purge", "dry_run"), counted.xcom("purge", "objects")) == (True, len(before))
    purged = run_dag(load("bda_purge"), {**conf, "dry_run": False})
    assert purged.state == "success"
    # Each run deletes what its own jobs wrote, and nothing else.
    assert (purged.xcom("purge", "dry_run"), purged.xcom("purge", "objects")) == (False, len(before))
    assert outputs() == before
    assert purged.xcom("tables", "rows") == 3
