"""The code in the pages about tables, review and evaluation does what it says: operators are built, queries run."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from airflow.sdk import DAG

from airflow_provider_bda.operators.batch import BdaBatchOperator
from airflow_provider_bda.operators.invocation import BdaInvokeOperator

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("tables", "review", "evaluation")


def blocks(page, language):
    return re.findall(
        rf"^```{language}\n(.*?)^```", (DOCS / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_operators_of_a_page_can_be_built(page):
    found = blocks(page, "python")
    assert found
    with DAG("of_the_docs", schedule=None) as dag:
        batch = BdaBatchOperator(
            task_id="batch", source="s3://my-bucket/in/", output_s3_uri="s3://my-bucket/out", project="p"
        )
        extract = BdaInvokeOperator(
            task_id="extract",
            input_s3_uri="s3://my-bucket/in/a.pdf",
            output_s3_uri="s3://my-bucket/out",
            project="p",
        )
        names = {"batch": batch, "extract": extract}
        for block in found:
            exec(compile(block, f"{page}.md", "exec"), names)  # noqa: S102 - our own page
    assert len(dag.tasks) > 1


def test_the_query_of_the_page_of_tables_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as db:
        for table, columns in {
            "supplier_invoice": "'INV-7' AS invoice_number",
            "supplier_invoice__lines": "unnest([1.5, 2.5]) AS amount",
        }.items():
            folder = tmp_path / f"lake/{table}/data/date=2026-01-01/batch_id=b"
            folder.mkdir(parents=True)
            db.execute(f"COPY (SELECT 'a' AS document_id, 0 AS segment, {columns}) TO '{folder}/a.parquet'")
        (query,) = (block for block in blocks("tables", "text") if block.startswith("SELECT"))
        assert db.execute(query).fetchall() == [("a", "INV-7", 2, 4.0)]
