"""The views on files the live service wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_bda.results import (
    AudioOutput,
    BoundingBox,
    CustomOutput,
    DocumentOutput,
    Geometry,
    ImageOutput,
    JobMetadata,
    Point,
    load_results,
    read_standard_output,
)

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples" / "bda_output"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"the real files are not at {SAMPLES}")


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def test_metadata_of_a_document_names_both_outputs_and_the_match():
    metadata = JobMetadata.from_json(sample("document_job_metadata_custom_match.json"))

    (segment,) = metadata.segments
    base = "s3://sagemaker-us-west-2-123456789012/bda/output/1f18fb18-fc0b-4a13-bec6-ecf7faaac9b2/0"
    assert (metadata.job_id, metadata.job_status, metadata.modality) == (
        "1f18fb18-fc0b-4a13-bec6-ecf7faaac9b2",
        "PROCESSED",
        "DOCUMENT",
    )
    assert segment.standard_output_path == f"{base}/standard_output/0/result.json"
    assert segment.custom_output_path == f"{base}/custom_output/0/result.json"
    assert (segment.custom_output_status, segment.matched) == ("MATCH", True)
    assert metadata.assets[0].asset_input_path is None


def test_newer_metadata_names_its_input():
    metadata = JobMetadata.from_json(sample("image_job_metadata.json"))

    assert metadata.assets[0].asset_id == 0
    assert metadata.assets[0].asset_input_path == (
        "s3://sagemaker-us-west-2-123456789012/bda-workshop/image/travel.png"
    )


def test_bank_statement_has_every_field_flat_with_evidence():
    custom = CustomOutput.from_json(sample("document_custom_output_bank_statement_result.json"))

    amount = custom.fields["account_summary[0].summary_amount"]
    assert (amount.value, amount.confidence, amount.type, amount.success, amount.found) == (
        18893.02,
        0.8046875,
        "number",
        True,
        True,
    )
    assert amount.geometry == (
        Geometry(
            page=1,
            bounding_box=BoundingBox(
                left=0.3764689493273355,
                top=0.6495352359549232,
                width=0.08380670227176834,
                height=0.02590099094546916,
            ),
            vertices=amount.geometry[0].vertices,
        ),
    )
    assert amount.geometry[0].vertices[0] == Point(0.3764689493273355, 0.6495440393471175)
    assert custom.tree["account_summary"][0]["summary_amount"] is amount
    assert len(custom.fields) == 33
    assert custom.value("transaction_details[2].date") == "06/09/2022"
    assert custom.value("no_such_field", "-") == "-"


def test_fields_not_found_are_told_from_those_found():
    custom = CustomOutput.from_json(sample("document_custom_output_bank_statement_result.json"))

    end = custom.fields["statement_end_date"]
    assert (end.value, end.found, end.success, end.geometry, end.pages) == ("", False, None, (), ())
    assert custom.fields["statement_start_date"].found


def test_pages_count_from_1_and_page_indices_from_0():
    custom = CustomOutput.from_json(sample("document_custom_output_bank_statement_result.json"))

    assert (custom.page_indices, custom.pages) == ((0,), (1,))
    assert custom.fields["account_number"].pages == custom.pages


def test_matched_blueprint_and_class_are_read():
    custom = CustomOutput.from_json(sample("document_custom_output_bank_statement_result.json"))

    assert custom.matched_blueprint is not None
    assert (custom.matched_blueprint.name, custom.matched_blueprint.version) == ("Bank-Statement", None)
    assert custom.matched_blueprint.confidence == 1.0
    assert custom.document_class == "Bank-Statement"


def test_fields_of_an_image_appear_without_evidence():
    custom = CustomOutput.from_json(sample("image_custom_output_result.json"))

    assert {path: field.value for path, field in custom.fields.items()} == {
        "image_background": "Indoor",
        "product_details.product_count": 2,
        "product_details.product_type": "Luggage/Suitcases",
        "product_details.scene_location": "Airport terminal",
    }
    assert {field.confidence for field in custom.fields.values()} == {None}
    assert custom.matched_blueprint is not None
    assert custom.matched_blueprint.version == "1"
    assert (custom.pages, custom.document_class, custom.chapters) == ((), None, ())


def test_fields_of_audio_keep_lists_and_truth_values():
    custom = CustomOutput.from_json(sample("audio_custom_output_result.json"))

    assert custom.value("issue_resolution") is True
    assert custom.fields["call_wrapup"].found
    assert custom.value("call_topics[1]") == "card"
    assert custom.metadata["dominant_asset_language"] == "EN"


def test_standard_output_of_a_document():
    output = read_standard_output(sample("document_standard_output_bank_statement_result.json"))

    assert isinstance(output, DocumentOutput)
    assert output.description == "This is a financial statement for Example Inc. Credit Union"
    assert output.summary is not None
    assert output.summary.startswith("This is a consolidated financial statement")
    assert output.markdown is not None
    assert output.text == output.markdown
    assert (output.page_count, output.first_page, output.last_page) == (1, 1, 1)
    (page,) = output.pages
    assert (page.page_index, page.page) == (0, 1)
    assert page.representation.markdown is not None
    assert page.representation.markdown.strip() == output.markdown.strip()
    assert page.rectified_image is not None
    assert (output.elements, output.tables, output.text_words, output.asset_id) == ((), (), (), 0)


def test_standard_output_of_an_image():
    output = read_standard_output(sample("image_standard_output_result.json"))

    assert isinstance(output, ImageOutput)
    assert (output.width, output.height, output.encoding) == (800, 450, "PNG")
    assert output.text == "Find more suitcases on Amazon.com\namazon"
    assert [category.category for category in output.iab_categories] == ["Travel", "Travel Accessories"]
    assert output.logos[0].name == "amazon"
    assert output.text_words[0].line_id == output.text_lines[0].id
    assert output.text_words[0].locations[0].page is None
    assert len(output.text_lines[0].locations[0].vertices) == 4
    assert output.content_moderation == ()
    assert output.statistics["word_count"] == 6


@pytest.mark.parametrize("name", ["image_standard_output_result.json", "image_custom_output_result.json"])
def test_to_dict_is_what_the_service_wrote(name):
    view = CustomOutput.from_json(sample(name))

    assert view.to_dict() == json.loads(sample(name))


def test_a_job_is_read_from_its_metadata_alone():
    metadata = json.loads(sample("image_job_metadata.json"))
    paths = metadata["output_metadata"][0]["segment_metadata"][0]
    objects = {
        "s3://out/job_metadata.json": sample("image_job_metadata.json"),
        paths["standard_output_path"]: sample("image_standard_output_result.json"),
        paths["custom_output_path"]: sample("image_custom_output_result.json"),
    }

    results = load_results(objects.__getitem__, "s3://out/job_metadata.json")

    assert results.modality == "IMAGE"
    assert isinstance(results.standard, ImageOutput)
    assert results.custom is not None
    assert results.custom.value("product_details.product_count") == 2


def test_audio_view_takes_an_output_without_any_optional_part():
    output = read_standard_output(b'{"metadata": {"semantic_modality": "AUDIO"}}')

    assert isinstance(output, AudioOutput)
    assert (output.summary, output.transcript, output.segments, output.speakers, output.topics) == (
        None,
        None,
        (),
        (),
        (),
    )
