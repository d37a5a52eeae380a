"""What a job leaves, read back with the reader that users have."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from airflow_provider_bda.emulator.analysis import AnalysisRequest, Blueprint, analyse
from airflow_provider_bda.results import (
    AudioOutput,
    DocumentOutput,
    ImageOutput,
    Results,
    ResultsError,
    VideoOutput,
    load_results,
)

INVOICE = {
    "class": "Invoice",
    "description": "A bill",
    "type": "object",
    "definitions": {
        "ROW": {
            "type": "object",
            "properties": {
                "description": {"type": "string", "inferenceType": "explicit"},
                "amount": {"type": "number", "inferenceType": "explicit"},
            },
        },
        "PARTY": {"type": "object", "properties": {"name": {"type": "string", "inferenceType": "explicit"}}},
    },
    "properties": {
        "invoice_number": {"type": "string", "inferenceType": "explicit"},
        "total": {"type": "number", "inferenceType": "explicit"},
        "paid": {"type": "boolean", "inferenceType": "explicit"},
        "seller": {"$ref": "#/definitions/PARTY"},
        "rows": {"type": "array", "items": {"$ref": "#/definitions/ROW"}},
        "mood": {"type": "string", "inferenceType": "inferred"},
    },
}
RECEIPT = {
    "class": "Receipt",
    "properties": {
        "merchant": {"type": "string", "inferenceType": "explicit"},
        "card_number": {"type": "string", "inferenceType": "explicit"},
    },
}
TEXT = """INVOICE

Invoice number: INV-7     Paid: no
Seller name: Ada Ltd.

Description        Amount
Blue paper          12.50
Ink, black          30.00

Total: $42.50
"""
INVOICE_BLUEPRINT = Blueprint(arn="arn:invoice", name="invoice", version="2", schema=INVOICE)
RECEIPT_BLUEPRINT = Blueprint(arn="arn:receipt", name="receipt", schema=RECEIPT)


def request(body: bytes = TEXT.encode(), key: str = "in/invoice.txt", **changes) -> AnalysisRequest:
    return AnalysisRequest(
        body=body,
        bucket="inputs",
        key=key,
        job_id="3b0c8b0e-6c67-4a5c-9b1e-111122223333",
        output_bucket="outputs",
        output_prefix="run/3b0c8b0e-6c67-4a5c-9b1e-111122223333",
        **changes,
    )


def stored(made: AnalysisRequest) -> dict[str, bytes]:
    """The job's files by S3 URI."""
    return {f"s3://{made.output_bucket}/{key}": body for key, body in analyse(made).files.items()}


def results(made: AnalysisRequest, view: str = "auto") -> Results:
    uri = f"s3://{made.output_bucket}/{made.output_prefix}/job_metadata.json"
    return load_results(stored(made).__getitem__, uri, view)


def picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (40, 30)).save(out, "PNG")
    return out.getvalue()


def test_the_keys_are_those_of_the_service():
    analysis = analyse(request(blueprints=(INVOICE_BLUEPRINT,)))
    prefix = "run/3b0c8b0e-6c67-4a5c-9b1e-111122223333"

    assert list(analysis.files) == [
        f"{prefix}/0/.s3_access_check",
        f"{prefix}/0/standard_output/0/result.json",
        f"{prefix}/0/custom_output/0/result.json",
        f"{prefix}/job_metadata.json",
    ]
    assert (analysis.modality, analysis.pages) == ("DOCUMENT", 1)


def test_the_metadata_is_that_of_the_service():
    made = request(blueprints=(INVOICE_BLUEPRINT,))
    root = "s3://outputs/run/3b0c8b0e-6c67-4a5c-9b1e-111122223333"

    assert results(made).metadata.to_dict() == {
        "job_id": "3b0c8b0e-6c67-4a5c-9b1e-111122223333",
        "job_status": "PROCESSED",
        "semantic_modality": "DOCUMENT",
        "output_metadata": [
            {
                "asset_id": 0,
                "asset_input_path": {"s3_bucket": "inputs", "s3_key": "in/invoice.txt"},
                "segment_metadata": [
                    {
                        "standard_output_path": f"{root}/0/standard_output/0/result.json",
                        "custom_output_path": f"{root}/0/custom_output/0/result.json",
                        "custom_output_status": "MATCH",
                    }
                ],
            }
        ],
    }


def test_a_document_comes_back_as_it_was_read():
    output = results(request()).standard

    assert isinstance(output, DocumentOutput)
    assert (output.input_s3_uri, output.file_type) == ("s3://inputs/in/invoice.txt", "TXT")
    assert (output.page_count, output.first_page, output.last_page) == (1, 1, 1)
    assert output.text is not None
    assert "Invoice number: INV-7 Paid: no" in output.text
    assert [page.page for page in output.pages] == [1]
    assert [line.text for line in output.text_lines][:2] == ["INVOICE", "Invoice number: INV-7 Paid: no"]
    line, word = output.text_lines[1], output.text_words[1]
    assert (word.text, word.line_id, word.page) == ("Invoice", line.id, 1)
    assert word.locations[0].bounding_box is not None
    assert output.statistics["word_count"] == len(output.text_words) == 20
    assert output.summary is None


def test_a_table_of_three_columns_is_an_element_with_markdown_and_csv():
    text = "Item    Qty    Price\nPaper    2     12.50\nInk, black    1     30.00\n"
    output = results(request(text.encode())).standard

    assert isinstance(output, DocumentOutput)
    (table,) = output.tables
    assert table.headers == ("Item", "Qty", "Price")
    assert table.representation.csv == 'Item,Qty,Price\nPaper,2,12.50\n"Ink, black",1,30.00\n'
    assert table.representation.markdown == (
        "| Item | Qty | Price |\n| --- | --- | --- |\n| Paper | 2 | 12.50 |\n| Ink, black | 1 | 30.00 |"
    )
    assert table.locations[0].page == 1


def test_the_projects_granularity_and_formats_are_obeyed():
    document = {
        "extraction": {"granularity": {"types": ["PAGE"]}, "boundingBox": {"state": "DISABLED"}},
        "outputFormat": {"textFormat": {"types": ["HTML"]}},
    }
    output = results(request(project={"standardOutputConfiguration": {"document": document}})).standard

    assert isinstance(output, DocumentOutput)
    assert set(output.raw) == {"metadata", "document", "pages"}
    assert set(output.pages[0].raw["representation"]) == {"html"}
    assert output.text is not None
    assert "<p>Total: $42.50</p>" in output.text


def test_places_are_left_out_where_the_project_wants_none():
    document = {"extraction": {"granularity": {"types": ["ELEMENT", "LINE"]}}}
    output = results(request(project={"standardOutputConfiguration": {"document": document}})).standard

    assert isinstance(output, DocumentOutput)
    assert {line.locations for line in output.text_lines} == {()}
    assert {element.locations for element in output.elements} == {()}
    assert output.text_words == ()


def test_further_files_are_written_where_the_project_wants_them():
    document = {
        "outputFormat": {
            "additionalFileFormat": {"state": "ENABLED"},
            "textFormat": {"types": ["CSV", "MARKDOWN"]},
        }
    }
    made = request(
        b"Item    Qty    Price\nPaper    2    3.00\nInk    1    4.00\n",
        project={"standardOutputConfiguration": {"document": document}},
    )
    files = stored(made)
    root = "s3://outputs/run/3b0c8b0e-6c67-4a5c-9b1e-111122223333/0/standard_output/0/assets"

    assert files[f"{root}/table_0.csv"] == b"Item,Qty,Price\nPaper,2,3.00\nInk,1,4.00\n"
    assert files[f"{root}/result.md"].startswith(b"| Item | Qty | Price |")
    output = results(made).standard
    assert isinstance(output, DocumentOutput)
    assert output.tables[0].csv_s3_uri == f"{root}/table_0.csv"
    assert not [key for key in stored(replace(made, sync=True)) if "/assets/" in key]


def test_fields_are_found_with_the_words_they_were_read_from():
    custom = results(request(blueprints=(INVOICE_BLUEPRINT,))).custom

    assert custom is not None
    assert custom.inference_result == {
        "invoice_number": "INV-7",
        "total": 42.5,
        "paid": False,
        "seller": {"name": "Ada Ltd."},
        "rows": [
            {"description": "Blue paper", "amount": 12.5},
            {"description": "Ink, black", "amount": 30.0},
        ],
        "mood": "",
    }
    number = custom.fields["invoice_number"]
    assert (number.confidence, number.type, number.success, number.pages) == (1.0, "string", True, (1,))
    box = number.geometry[0].bounding_box
    assert box is not None
    lines = results(request()).standard
    assert isinstance(lines, DocumentOutput)
    word = next(word for word in lines.text_words if word.text == "INV-7")
    assert word.locations[0].bounding_box == box
    assert len(number.geometry[0].vertices) == 4


def test_a_field_not_found_is_empty_with_confidence_0_and_neither_success_nor_place():
    custom = results(request(blueprints=(INVOICE_BLUEPRINT,))).custom

    assert custom is not None
    mood = custom.fields["mood"]
    assert (mood.value, mood.confidence, mood.success, mood.geometry) == ("", 0.0, None, ())
    assert "success" not in custom.raw["explainability_info"][0]["mood"]


def test_the_blueprint_class_and_pages_are_those_of_the_segment():
    custom = results(request(("\f" + TEXT).encode(), blueprints=(INVOICE_BLUEPRINT,))).custom

    assert custom is not None
    assert (custom.document_class, custom.page_indices, custom.pages) == ("Invoice", (0, 1), (1, 2))
    assert custom.fields["invoice_number"].pages == (2,)
    assert custom.matched_blueprint is not None
    assert custom.matched_blueprint.to_dict() == {
        "arn": "arn:invoice",
        "name": "invoice",
        "version": "2",
        "confidence": 1.0,
    }


def test_one_blueprint_is_forced_whatever_the_document():
    read = results(request(b"nothing of the kind", blueprints=(INVOICE_BLUEPRINT,)))

    assert read.segments[0].custom_output_status == "MATCH"
    assert read.custom is not None
    assert not [field for field in read.custom.fields.values() if field.found]


def test_the_best_of_several_blueprints_matches():
    read = results(request(blueprints=(RECEIPT_BLUEPRINT, INVOICE_BLUEPRINT)))

    assert read.custom is not None
    assert read.custom.matched_blueprint is not None
    assert read.custom.matched_blueprint.name == "invoice"


def test_none_of_several_blueprints_is_no_match_and_leaves_no_custom_output():
    made = request(b"a letter to a friend", blueprints=(RECEIPT_BLUEPRINT, INVOICE_BLUEPRINT))

    (segment,) = results(made).segments
    assert segment.paths.to_dict().keys() == {"standard_output_path", "custom_output_status"}
    assert (segment.custom_output_status, segment.custom) == ("NO_MATCH", None)
    assert not [uri for uri in stored(made) if "custom_output" in uri]


def test_a_fallback_is_used_with_confidence_0_and_one_blueprint_is_then_not_forced():
    made = request(b"a letter to a friend", blueprints=(RECEIPT_BLUEPRINT,), fallback=INVOICE_BLUEPRINT)

    (segment,) = results(made).segments
    assert (segment.custom_output_status, segment.paths.matched) == ("FALLBACK", False)
    assert segment.custom is not None
    assert segment.custom.matched_blueprint is not None
    assert (segment.custom.matched_blueprint.name, segment.custom.matched_blueprint.confidence) == (
        "invoice",
        0.0,
    )


def test_no_standard_output_is_written_where_none_is_wanted():
    (segment,) = results(request(blueprints=(INVOICE_BLUEPRINT,), standard_output=False)).segments

    assert (segment.paths.standard_output_path, segment.standard) == (None, None)
    assert segment.custom is not None


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("in/*.txt", id="glob-on-key"),
        pytest.param("inputs/in/inv*", id="glob-on-bucket-and-key"),
        pytest.param(hashlib.sha256(TEXT.encode()).hexdigest(), id="hash"),
    ],
)
def test_a_fixture_comes_before_what_stands_on_the_page(name):
    made = request(blueprints=(INVOICE_BLUEPRINT,), fixtures={name: {"invoice_number": "INV-7", "total": 1}})

    custom = results(made).custom
    assert custom is not None
    assert custom.inference_result == {"invoice_number": "INV-7", "total": 1}
    # What stands on the page is given its place, what does not has none.
    assert custom.fields["invoice_number"].pages == (1,)
    assert (custom.fields["total"].confidence, custom.fields["total"].pages) == (1.0, ())


def test_a_fixture_names_the_blueprint_and_may_bring_its_own_evidence():
    fixture = {
        "inference_result": {"merchant": "Cafe"},
        "blueprint": "receipt",
        "explainability_info": [{"merchant": {"confidence": 0.31, "value": "Cafe", "type": "string"}}],
    }
    made = request(blueprints=(INVOICE_BLUEPRINT, RECEIPT_BLUEPRINT), fixtures={"*": fixture})

    custom = results(made).custom
    assert custom is not None
    assert custom.matched_blueprint is not None
    assert custom.matched_blueprint.name == "receipt"
    assert custom.fields["merchant"].confidence == 0.31


def test_an_extractor_comes_after_the_fixtures_and_before_the_stand_in():
    asked: list[tuple[str, str]] = []

    def extractor(document, blueprint):
        asked.append((document.format, blueprint.name))
        return {"total": 42.5} if "INV-7" in document.text else None

    made = request(blueprints=(INVOICE_BLUEPRINT,), extractor=extractor)
    custom = results(made).custom
    assert custom is not None
    assert custom.inference_result == {"total": 42.5}
    assert custom.fields["total"].pages == (1,)
    other = results(replace(made, body=TEXT.replace("INV-7", "INV-8").encode())).custom
    assert other is not None
    assert other.value("invoice_number") == "INV-8"
    assert asked == [("TXT", "invoice"), ("TXT", "invoice")]
    fixed = results(replace(made, fixtures={"*": {"total": 3}})).custom
    assert fixed is not None
    assert (fixed.value("total"), len(asked)) == (3, 2)


def test_a_document_is_split_where_the_splitter_is_on():
    receipt = "RECEIPT\nMerchant: Cafe Lumen\nCard number: 1234 5678\n"
    project = {"overrideConfiguration": {"document": {"splitter": {"state": "ENABLED"}}}}
    made = request(
        (TEXT + "\fpage two of the invoice\n\f" + receipt).encode(),
        blueprints=(INVOICE_BLUEPRINT, RECEIPT_BLUEPRINT),
        project=project,
    )

    read = results(made)
    assert [segment.custom.document_class for segment in read if segment.custom] == ["Invoice", "Receipt"]
    assert [segment.custom.pages for segment in read if segment.custom] == [(1, 2), (3,)]
    second = read.segments[1]
    assert isinstance(second.standard, DocumentOutput)
    assert (second.standard.first_page, second.standard.last_page, second.standard.page_count) == (3, 3, 1)
    assert second.custom is not None
    assert second.custom.fields["merchant"].pages == (3,)
    assert len(results(replace(made, project=None))) == 1


def test_an_image_has_its_size_and_what_a_fixture_says():
    made = request(
        picture(),
        "in/ad.png",
        blueprints=(INVOICE_BLUEPRINT,),
        fixtures={
            "*.png": {
                "inference_result": {"invoice_number": "on the wall"},
                "standard_output": {"image": {"summary": "A wall."}},
            }
        },
    )

    read = results(made)
    assert isinstance(read.standard, ImageOutput)
    assert (read.standard.width, read.standard.height, read.standard.summary) == (40, 30, "A wall.")
    assert read.custom is not None
    assert read.custom.raw.keys() == {"matched_blueprint", "inference_result"}
    assert read.custom.value("invoice_number") == "on the wall"


def test_a_blueprint_for_another_kind_of_input_takes_no_part():
    for_documents = replace(INVOICE_BLUEPRINT, type="DOCUMENT")
    for_images = replace(RECEIPT_BLUEPRINT, type="IMAGE")

    (of_image,) = results(request(picture(), "in/ad.png", blueprints=(for_documents, for_images))).segments
    assert of_image.custom is not None
    assert of_image.custom.matched_blueprint is not None
    assert of_image.custom.matched_blueprint.name == "receipt"
    (without,) = results(request(picture(), "in/ad.png", blueprints=(for_documents,))).segments
    assert (without.custom_output_status, without.custom) == (None, None)


def test_sound_says_nothing_unless_a_fixture_does():
    silent = results(request(b"ID3 and so on", "in/call.mp3")).standard
    assert isinstance(silent, AudioOutput)
    assert (silent.summary, silent.transcript, silent.segments) == (None, None, ())

    spoken = {"audio": {"transcript": {"representation": {"text": "Hello."}}}}
    heard = results(
        request(b"ID3 and so on", "in/call.mp3", fixtures={"*": {"standard_output": spoken}})
    ).standard
    assert isinstance(heard, AudioOutput)
    assert heard.transcript == "Hello."
    assert heard.metadata["format"] == "mp3"


def test_a_video_has_its_fields_in_chapters():
    made = request(
        b"\x00\x00\x00\x20ftypisom",
        "in/film.mp4",
        blueprints=(INVOICE_BLUEPRINT,),
        fixtures={
            "*": {"chapters": [{"inference_result": {"total": 1}}, {"inference_result": {"total": 2}}]}
        },
    )

    read = results(made)
    assert isinstance(read.standard, VideoOutput)
    assert read.custom is not None
    assert [chapter.value("total") for chapter in read.custom.chapters] == [1, 2]
    assert read.custom.chapter_indices == (0, 1)


def test_the_same_job_leaves_the_same_bytes():
    made = request(blueprints=(INVOICE_BLUEPRINT,))

    assert stored(made) == stored(made)


# --- the redacted twin

SECRETS = """INVOICE
Invoice number: INV-7   SSN: 078-05-1120
Write to ada@example.com or call (555) 010-4477 today.
Card 4111 1111 1111 1111, not 4111 1111 1111 1112
"""


def sensitive(mode: str = "DETECTION_AND_REDACTION", **more) -> dict:
    return {
        "overrideConfiguration": {"document": {"sensitiveDataConfiguration": {"detectionMode": mode, **more}}}
    }


PERSON = {
    "class": "Invoice",
    "properties": {
        "invoice_number": {"type": "string", "inferenceType": "explicit"},
        "ssn": {"type": "string", "inferenceType": "explicit"},
    },
}


def test_the_redacted_twin_masks_every_form_of_the_text_and_the_original_none():
    made = request(SECRETS.encode(), project=sensitive())

    hidden, full = results(made).standard, results(made, "full").standard
    assert hidden is not None
    assert full is not None
    body = json.dumps(hidden.to_dict())
    for secret in ("078-05-1120", "ada@example.com", "010-4477", "(555)", "4111 1111 1111 1111"):
        assert secret not in body
        assert secret in json.dumps(full.to_dict())
    assert hidden.text is not None
    assert "SSN: [US_SOCIAL_SECURITY_NUMBER]" in hidden.text
    assert "Write to [EMAIL] or call [PHONE] today." in hidden.text
    # The second number fails the check digit: it is no card.
    assert "Card [CREDIT_DEBIT_CARD_NUMBER], not 4111 1111 1111 1112" in hidden.text


def test_words_of_a_masked_number_are_one_mask_and_ids_stay_those_of_the_original():
    made = request(SECRETS.encode(), project=sensitive())

    hidden, full = results(made).standard, results(made, "full").standard
    assert isinstance(hidden, DocumentOutput)
    assert isinstance(full, DocumentOutput)
    assert [word.text for word in hidden.text_words if word.line_id == hidden.text_lines[2].id] == [
        "Write", "to", "[EMAIL]", "or", "call", "[PHONE]", "today.",
    ]  # fmt: skip
    assert [line.id for line in hidden.text_lines] == [line.id for line in full.text_lines]


def test_custom_output_has_a_twin_too_and_lists_what_was_detected():
    made = request(
        SECRETS.encode(),
        project=sensitive(),
        blueprints=(Blueprint(arn="arn:p", name="p", schema=PERSON),),
    )

    hidden, full = results(made).custom, results(made, "full").custom
    assert hidden is not None
    assert full is not None
    assert (hidden.value("ssn"), full.value("ssn")) == ("[US_SOCIAL_SECURITY_NUMBER]", "078-05-1120")
    assert hidden.value("invoice_number") == "INV-7"
    assert "078-05-1120" not in json.dumps(hidden.to_dict())
    assert full.sensitive_data == {
        "ssn": {
            "value": "078-05-1120",
            "sensitive_data_detection": [
                {
                    "index": 0,
                    "entity_type": "US_SOCIAL_SECURITY_NUMBER",
                    "content": "078-05-1120",
                    "start_character_offset": 0,
                    "end_character_offset": 11,
                }
            ],
        }
    }


def test_masks_hide_the_kind_where_the_project_wants_it():
    made = request(SECRETS.encode(), project=sensitive(piiEntitiesConfiguration={"redactionMaskMode": "PII"}))

    assert "SSN: [PII]" in (results(made).standard.text or "")


def test_only_the_kinds_asked_for_are_masked():
    entities = {"piiEntityTypes": ["EMAIL"]}
    made = request(SECRETS.encode(), project=sensitive(piiEntitiesConfiguration=entities))

    text = results(made).standard.text or ""
    assert "[EMAIL]" in text
    assert "078-05-1120" in text


def test_detection_alone_lists_finds_with_offsets_and_writes_no_twin():
    made = request(SECRETS.encode(), project=sensitive("DETECTION"))

    full = results(made).standard
    assert isinstance(full, DocumentOutput)
    assert not [uri for uri in stored(made) if "/redacted/" in uri]
    (page,) = full.raw["sensitive_data_detection"]["pages"]
    text = "\n".join(line.text for line in full.text_lines)
    assert [
        (find["entity_type"], text[find["start_character_offset"] : find["end_character_offset"]])
        for find in page["sensitive_data_detection"]
    ] == [
        ("US_SOCIAL_SECURITY_NUMBER", "078-05-1120"),
        ("EMAIL", "ada@example.com"),
        ("PHONE", "(555) 010-4477"),
        ("CREDIT_DEBIT_CARD_NUMBER", "4111 1111 1111 1111"),
    ]


def test_a_scope_leaves_the_other_output_alone():
    made = request(
        SECRETS.encode(),
        project=sensitive(detectionScope=["CUSTOM"]),
        blueprints=(Blueprint(arn="arn:p", name="p", schema=PERSON),),
    )

    with pytest.raises(ResultsError, match="DETECTION_AND_REDACTION"):
        _ = results(made, "redacted").standard
    assert results(made, "redacted").custom is not None


def test_a_transcript_from_a_fixture_is_masked_in_the_twin():
    audio = {"audio": {"transcript": {"representation": {"text": "Call +44 20 7946 0958."}}}}
    project = {
        "overrideConfiguration": {
            "audio": {"sensitiveDataConfiguration": {"detectionMode": "DETECTION_AND_REDACTION"}}
        }
    }
    made = request(b"ID3", "a.mp3", project=project, fixtures={"*": {"standard_output": audio}})

    assert results(made).standard.text == "Call [PHONE]."
    assert results(made, "full").standard.text == "Call +44 20 7946 0958."
