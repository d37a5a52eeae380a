"""The demo's documents are what its table promises: six PDFs whose fields the stand-in finds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from airflow_provider_bda.emulator.analysis import AnalysisRequest, Blueprint, analyse
from airflow_provider_bda.results import Results, load_results

_SPEC = importlib.util.spec_from_file_location(
    "demo_documents", Path(__file__).parents[2] / "demo" / "documents.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
documents = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(documents)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("documents")
    documents.make_documents(made)
    return made


def results(path: Path) -> Results:
    blueprints = tuple(
        Blueprint(arn=f"arn:{name}", name=name, schema=schema)
        for name, schema in documents.BLUEPRINTS.items()
    )
    request = AnalysisRequest(
        body=path.read_bytes(),
        bucket="in",
        key=path.name,
        job_id="job",
        output_bucket="out",
        output_prefix="run/job",
        blueprints=blueprints,
    )
    files = {f"s3://out/{key}": body for key, body in analyse(request).files.items()}
    return load_results(files.__getitem__, "s3://out/run/job/job_metadata.json")


def test_six_documents_are_made_again_and_again(folder):
    assert documents.make_documents(folder) == sorted(folder.iterdir())
    assert len(list(folder.iterdir())) == 6


@pytest.mark.parametrize(
    ("name", "blueprint", "pages", "values"),
    [
        (
            "invoice-juniper.pdf",
            "invoice",
            1,
            {
                "vendor_name": "Juniper Paper Supply",
                "invoice_number": "INV-2026-0042",
                "due_date": "2026-10-14",
                "billing_address": "Okonkwo & Daughters Ltd. 88 Canal Street Rivertown, NY 10999",
                "total_amount": 1000.66,
                "line_items[1].description": "Recycled kraft envelopes, box of 250",
                "line_items[4].amount": 85.0,
            },
        ),
        (
            "invoice-brightwater.pdf",
            "invoice",
            1,
            {"invoice_number": "BW-7719", "invoice_date": "August 3, 2026", "line_items[2].amount": 1250.0},
        ),
        (
            "invoice-mabel-finch.pdf",
            "invoice",
            2,
            {"invoice_number": "MF-30218", "total_amount": 2862.35, "line_items[33].quantity": 8},
        ),
        (
            "bank-statement-lantern.pdf",
            "bank-statement",
            3,
            {
                "account_holder_name": "Tobias Wren",
                "account_number": "000 4471 2093",
                "closing_balance": 4462.02,
                "transactions[53].balance": 4462.02,
            },
        ),
        (
            "pay-stub-quill-works.pdf",
            "pay-stub",
            1,
            {"employee_name": "Imani Delacroix", "net_pay": 2355.86, "earnings[2].earnings": "Holiday"},
        ),
        (
            "receipt-cafe-lumen.pdf",
            "receipt",
            1,
            {"merchant_name": "Cafe Lumen", "total": 29.25, "items[3].item": "Sourdough loaf"},
        ),
    ],
)
def test_the_fields_of_a_document_are_found(folder, name, blueprint, pages, values):
    (segment,) = results(folder / name).segments

    assert (segment.custom_output_status, segment.custom is not None) == ("MATCH", True)
    custom = segment.custom
    assert custom.matched_blueprint.name == blueprint
    assert custom.pages == tuple(range(1, pages + 1))
    assert {path: custom.value(path) for path in values} == values
    # A movement of an account is a withdrawal or a deposit, never both; all else is found.
    empty = [path for path, field in custom.fields.items() if not field.found]
    assert [path for path in empty if not path.endswith((".withdrawals", ".deposits"))] == []
    assert all(field.geometry for field in custom.fields.values() if field.found)


def test_rows_are_found_on_every_page(folder):
    custom = results(folder / "bank-statement-lantern.pdf").custom

    pages = {field.pages for path, field in custom.fields.items() if path.endswith("].date")}
    assert pages == {(1,), (2,), (3,)}
    assert len(custom.tree["transactions"]) == 54


@pytest.mark.parametrize("name", documents.BLUEPRINTS)
def test_blueprints_keep_the_limits_of_the_service(name):
    schema = documents.BLUEPRINTS[name]

    tables = [schema, *schema["definitions"].values()]
    fields = {field: entry for table in tables for field, entry in table["properties"].items()}
    assert len(fields) <= 100
    assert max(map(len, fields)) <= 60
    assert max(len(entry["instruction"]) for entry in fields.values()) <= 500
    assert {entry.get("type") for entry in fields.values()} <= {"string", "number", "array"}
