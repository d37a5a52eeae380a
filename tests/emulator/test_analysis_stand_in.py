"""What the stand-in understands, and that nothing makes it fall over."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bda.emulator.analysis import AnalysisRejected, AnalysisRequest, Blueprint, analyse
from airflow_provider_bda.emulator.analysis.evidence import values_in
from airflow_provider_bda.emulator.analysis.labels import Wanted, words_of
from airflow_provider_bda.emulator.analysis.project import Sensitive
from airflow_provider_bda.emulator.analysis.redact import entities_in
from airflow_provider_bda.emulator.analysis.stand_in import Extraction, extract
from airflow_provider_bda.emulator.analysis.text import read_text
from airflow_provider_bda.emulator.analysis.values import number_in, value_of


def schema(klass: str = "Invoice", **types: object) -> dict:
    """A blueprint with fields of these types, or with these schemas."""
    properties = {
        name: kind if isinstance(kind, dict) else {"type": kind, "inferenceType": "explicit"}
        for name, kind in types.items()
    }
    return {"class": klass, "type": "object", "properties": properties}


def extracted(text: str, blueprint: dict) -> Extraction:
    return extract(read_text(text.encode(), 100), blueprint)


def values(text: str, blueprint: dict) -> dict:
    return values_in(extracted(text, blueprint).tree)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("$1,234.50", 1234.5),
        ("1.234,50 €", 1234.5),
        ("EUR 12,5", 12.5),
        ("1,234", 1234),
        ("1.234.567", 1234567),
        ("(12.00)", -12.0),
        ("- 567.18", -567.18),
        ("8 %", 8),
        ("40 hrs", 40),
        ("2 000", 2000),
        ("INV-7", None),
        ("2026-05-01", None),
        ("", None),
        ("7 apples", None),
    ],
)
def test_amounts_are_read_in_the_ways_they_are_written(text, number):
    assert number_in(text) == number
    assert type(number_in(text)) is type(number)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Yes", "boolean", True),
        ("no", "boolean", False),
        ("perhaps", "boolean", None),
        (" INV-7 ", "string", "INV-7"),
        ("word " * 20, "string", None),
        ("12.5", "number", 12.5),
        ("twelve", "number", None),
    ],
)
def test_a_value_has_the_blueprints_type_or_is_none(text, kind, value):
    assert value_of(text, kind) == value


@pytest.mark.parametrize(
    ("label", "field", "near"),
    [
        ("Invoice number:", "invoice_number", True),
        ("Invoice No.", "invoiceNumber", True),
        ("Invoice #", "invoice_number", True),
        ("Date", "invoice_date", True),
        ("Date", "delivery_date", False),
        ("Qty", "quantity", True),
        ("Unit prices", "unit_price", True),
        ("Total amount (incl. tax)", "total_amount", False),
        ("Greetings", "invoice_number", False),
        (":", "invoice_number", False),
    ],
)
def test_labels_are_near_to_names_of_the_same_words(label, field, near):
    wanted = Wanted.of(field, {}, frozenset({"invoice"}))

    assert (wanted.nearness(words_of(label)) >= 0.6) is near


def test_a_label_quoted_in_the_instruction_counts_as_the_name():
    blueprint = schema(total={"type": "number", "instruction": "What to pay, at 'Amount due' or \"To pay\""})

    assert values("Amount due: 12.50", blueprint) == {"total": 12.5}
    assert values("To pay   12.50", blueprint) == {"total": 12.5}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Invoice number: INV-7", id="beside"),
        pytest.param("Invoice number        INV-7", id="next-column"),
        pytest.param("Invoice number INV-7", id="a-word-apart"),
        pytest.param("Invoice number\nINV-7", id="below"),
        pytest.param("Invoice number:\nINV-7", id="below-colon"),
        pytest.param("Department     Invoice number\nBindery        INV-7", id="below-a-line-of-heads"),
        pytest.param("Total: 3.00 Invoice number: INV-7", id="second-in-a-line"),
        pytest.param("Invoice number: INV-7 Date: 2026-05-01", id="before-another"),
    ],
)
def test_a_value_is_found_beside_right_of_or_below_its_label(text):
    assert values(text, schema(invoice_number="string")) == {"invoice_number": "INV-7"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The number of auto accidents is 3.", id="prose"),
        pytest.param("Date of Birth", id="words-of-a-longer-label"),
        pytest.param("", id="nothing"),
        pytest.param("Invoice number:", id="label-alone"),
    ],
)
def test_nothing_is_made_up(text):
    blueprint = schema(invoice_number="string", invoice_date="string")

    assert values(text, blueprint) == {"invoice_number": "", "invoice_date": ""}


def test_a_number_is_not_read_from_words():
    assert values("Total: to be agreed", schema(total="number")) == {"total": ""}


def test_each_label_names_one_field_only():
    blueprint = schema(subtotal="number", total="number")

    assert values("Subtotal: 10.00\nTotal: 12.00", blueprint) == {"subtotal": 10.0, "total": 12.0}
    assert values("Total: 12.00", blueprint) == {"subtotal": "", "total": 12.0}


def test_an_address_takes_the_lines_below():
    text = "Billing address      Date: 2026-05-01\nAda Ltd.\n12 Main Street\nSpringfield\n\nThank you"

    assert values(text, schema(billing_address="string")) == {
        "billing_address": "Ada Ltd. 12 Main Street Springfield"
    }


def test_a_list_of_texts_is_parted_at_commas():
    blueprint = schema(tags={"type": "array", "items": {"type": "string"}})

    assert values("Tags: red, green", blueprint) == {"tags": ["red", "green"]}


def test_rows_go_on_where_the_head_is_repeated_on_the_next_page():
    rows = {
        "type": "array",
        "items": {"type": "object", "properties": {"item": {"type": "string"}, "price": {"type": "number"}}},
    }
    text = "Item        Price\nPaper        1.00\n  and card\n\fItem        Price\nInk          2.00\nTotal        3.00"

    found = extracted(text, schema(rows=rows))
    assert values_in(found.tree) == {
        "rows": [{"item": "Paper and card", "price": 1.0}, {"item": "Ink", "price": 2.0}]
    }
    assert [row["price"].places[0][0] for row in found.tree["rows"]] == [0, 1]


def test_a_heads_line_of_the_next_table_ends_the_rows():
    rows = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"earnings": {"type": "string"}, "current": {"type": "number"}},
        },
    }
    text = "Earnings     Current\nRegular       10.00\nDeductions   Current\nTax            3.00"

    assert values(text, schema(rows=rows)) == {"rows": [{"earnings": "Regular", "current": 10.0}]}


def test_a_schema_that_refers_to_itself_ends():
    blueprint = schema(top={"$ref": "#/definitions/NODE"})
    blueprint["definitions"] = {
        "NODE": {
            "type": "object",
            "properties": {"next": {"$ref": "#/definitions/NODE"}, "name": {"type": "string"}},
        }
    }

    found = values("Name: Ada", blueprint)
    assert found["top"]["name"] == "Ada" or found["top"]["next"]["name"] == "Ada"
    json.dumps(found)


def test_the_match_grows_with_what_is_found():
    blueprint = schema(invoice_number="string", total="number", currency="string", vendor="string")

    none = extracted("a letter to a friend", blueprint)
    some = extracted("Invoice number: 7\nTotal: 3.00", blueprint)
    titled = extracted("INVOICE\nInvoice number: 7\nTotal: 3.00", blueprint)
    assert (none.match, some.match, titled.match) == (0.0, 0.5, 0.75)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("ada@example.com", ["EMAIL"]),
        ("see https://example.com/a?b=c.", ["URL"]),
        ("DE89 3704 0044 0532 0130 00", ["INTERNATIONAL_BANK_ACCOUNT_NUMBER"]),
        ("DE88 3704 0044 0532 0130 00", []),
        ("10.0.0.255 but not 10.0.0.256", ["IP_ADDRESS"]),
        ("00:1B:44:11:3A:B7", ["MAC_ADDRESS"]),
        ("AKIAIOSFODNN7EXAMPLE", ["AWS_ACCESS_KEY"]),
        ("+44 20 7946 0958 or 555-010-4477", ["PHONE", "PHONE"]),
        ("000 4471 2093", []),
        ("2026-05-01, INV-2026-0042, $1,234.50", []),
        ("078-05-1120", ["US_SOCIAL_SECURITY_NUMBER"]),
    ],
)
def test_sensitive_data_is_known_by_its_form(text, kinds):
    assert [entity.type for entity in entities_in(text, Sensitive())] == kinds


def test_a_masked_text_holds_nothing_more_to_mask_of_the_kinds_with_a_form():
    request = AnalysisRequest(
        body=b"Mail: ada@example.com, card 4111-1111-1111-1111.",
        bucket="b", key="k.txt", job_id="j", output_bucket="o", output_prefix="p",
        project={
            "overrideConfiguration": {
                "document": {"sensitiveDataConfiguration": {"detectionMode": "DETECTION_AND_REDACTION"}}
            }
        },
    )  # fmt: skip

    twin = json.loads(analyse(request).files["p/0/standard_output/0/redacted/result.json"])
    assert twin["document"]["representation"]["text"] == "Mail: [EMAIL], card [CREDIT_DEBIT_CARD_NUMBER]."
    assert [word["text"] for word in twin["text_words"]] == [
        "Mail:",
        "[EMAIL],",
        "card",
        "[CREDIT_DEBIT_CARD_NUMBER].",
    ]


json_like = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from(["string", "array", "object", "#/definitions/A"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "$ref", "definitions", "A", "class", "instruction", "total"]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=25,
)


@settings(deadline=None)  # the machine may be busy, and the first call loads a library
@given(
    st.text(max_size=300), st.dictionaries(st.sampled_from(["properties", "definitions", "class"]), json_like)
)
def test_any_text_and_any_schema_end_in_an_output_or_a_rejection(text, odd):
    blueprints = (
        Blueprint(arn="a", name="odd", schema=odd),
        Blueprint(arn="b", name="even", schema=schema(total="number")),
    )
    request = AnalysisRequest(
        body=text.encode(),
        bucket="b",
        key="k.txt",
        job_id="j",
        output_bucket="o",
        output_prefix="p",
        blueprints=blueprints,
    )
    with suppress(AnalysisRejected):  # empty, or with a zero byte
        files = analyse(request).files
        assert json.loads(files["p/job_metadata.json"])["job_status"] == "PROCESSED"


@settings(deadline=None)  # the machine may be busy, and the first call loads a library
@given(
    st.binary(min_size=1, max_size=200), st.sampled_from(["pdf", "png", "jpg", "tif", "docx", "wav", "mp4"])
)
def test_any_bytes_end_in_an_output_or_a_rejection(body, extension):
    heads = {
        "pdf": b"%PDF-1.7\n",
        "png": b"\x89PNG\r\n\x1a\n",
        "jpg": b"\xff\xd8\xff",
        "tif": b"II*\x00",
        "docx": b"PK\x03\x04",
    }
    request = AnalysisRequest(
        body=heads.get(extension, b"") + body,
        bucket="b",
        key=f"k.{extension}",
        job_id="j",
        output_bucket="o",
        output_prefix="p",
    )
    with suppress(AnalysisRejected):
        assert list(analyse(request).files)[-1] == "p/job_metadata.json"
