"""The views on shapes the user guide shows and on shapes nobody has seen."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bda.results import (
    AudioOutput,
    CustomOutput,
    DocumentOutput,
    Field,
    JobMetadata,
    ResultsError,
    StandardOutput,
    VideoOutput,
    load_results,
    read_standard_output,
    standard_output,
)

URI = "s3://out/job/job_metadata.json"
STANDARD = "s3://out/job/0/standard_output/0/result.json"
CUSTOM = "s3://out/job/0/custom_output/0/result.json"


def job(**objects) -> dict[str, bytes]:
    """A job of one segment, with what it left by S3 URI."""
    metadata = {
        "job_id": "job",
        "job_status": "PROCESSED",
        "semantic_modality": "DOCUMENT",
        "output_metadata": [
            {
                "asset_id": 0,
                "segment_metadata": [
                    {
                        "standard_output_path": STANDARD,
                        "custom_output_path": CUSTOM,
                        "custom_output_status": "MATCH",
                    }
                ],
            }
        ],
    }
    return {URI: json.dumps(metadata).encode()} | {
        uri: json.dumps(body).encode() for uri, body in objects.items()
    }


def document(text: str) -> dict:
    return {
        "metadata": {"semantic_modality": "DOCUMENT"},
        "document": {"representation": {"text": text}},
    }


def twin(uri: str) -> str:
    return uri.replace("/result.json", "/redacted/result.json")


def test_auto_prefers_the_redacted_file():
    stored = job(**{STANDARD: document("SSN 123-45-6789"), twin(STANDARD): document("SSN [PII]")})

    assert load_results(stored.__getitem__, URI).standard.text == "SSN [PII]"
    assert load_results(stored.__getitem__, URI, view="full").standard.text == "SSN 123-45-6789"
    assert load_results(stored.__getitem__, URI, view="redacted").standard.text == "SSN [PII]"


def test_both_twins_are_found_when_the_metadata_names_the_redacted_one():
    stored = job(**{STANDARD: document("full"), twin(STANDARD): document("redacted")})
    stored[URI] = stored[URI].replace(STANDARD.encode(), twin(STANDARD).encode())

    assert load_results(stored.__getitem__, URI).standard.text == "redacted"
    assert load_results(stored.__getitem__, URI, view="full").standard.text == "full"


def test_redacted_says_what_to_set_when_there_is_none():
    results = load_results(job(**{STANDARD: document("full")}).__getitem__, URI, view="redacted")

    with pytest.raises(ResultsError, match="DETECTION_AND_REDACTION"):
        _ = results.segments[0].standard


def test_a_refused_redacted_file_never_shows_the_original():
    stored = job(**{STANDARD: document("SSN 123-45-6789")})

    def read(uri: str) -> bytes:
        if "/redacted/" in uri:
            raise PermissionError(uri)
        return stored[uri]

    with pytest.raises(PermissionError):
        _ = load_results(read, URI).standard


def test_a_segment_is_read_once_and_only_when_asked_for():
    stored = job(**{STANDARD: document("full")})
    asked: list[str] = []

    def read(uri: str) -> bytes:
        asked.append(uri)
        return stored[uri]

    results = load_results(read, URI, view="full")
    assert asked == [URI]
    assert results.segments[0].standard is results.segments[0].standard
    assert asked == [URI, STANDARD]


def test_a_result_the_metadata_names_but_is_not_there_is_an_error():
    results = load_results(job().__getitem__, URI)

    with pytest.raises(ResultsError, match=f"there is no result at {CUSTOM}"):
        _ = results.custom


def test_no_match_has_a_status_and_no_custom_output():
    segment = {"standard_output_path": STANDARD, "custom_output_status": "NO_MATCH"}
    metadata = {"job_id": "j", "output_metadata": [{"asset_id": 0, "segment_metadata": [segment]}]}
    results = load_results({URI: json.dumps(metadata).encode()}.__getitem__, URI)

    assert (results.segments[0].custom_output_status, results.segments[0].custom) == ("NO_MATCH", None)
    assert results.segments[0].paths.matched is False


def test_a_status_nobody_knows_is_kept():
    segment = {"custom_output_path": CUSTOM, "custom_output_status": "FALLBACK"}
    metadata = JobMetadata.from_dict({"output_metadata": [{"segment_metadata": [segment]}]})

    assert metadata.segments[0].custom_output_status == "FALLBACK"
    assert metadata.segments[0].matched is False


def test_missing_metadata_asks_whether_the_job_succeeded():
    with pytest.raises(ResultsError, match="has the job succeeded"):
        load_results({}.__getitem__, URI)


def test_an_unknown_view_is_refused_before_anything_is_read():
    with pytest.raises(ResultsError, match="view must be"):
        load_results({}.__getitem__, URI, view="half")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"secret 123-45-6789", "is not JSON", id="no-json"),
        pytest.param(b'["secret"]', "is a JSON list, not an object", id="a-list"),
        pytest.param(b'{"secret": 1}', "no job_metadata.json", id="other-object"),
        pytest.param(b"\xff\xfe\x00", "is not JSON", id="bytes"),
        pytest.param(b'{"a":' * 100_000, "is not JSON", id="deep"),
    ],
)
def test_errors_name_the_fault_and_no_value(body, words):
    with pytest.raises(ResultsError, match=words) as caught:
        JobMetadata.from_json(body)

    assert "secret" not in str(caught.value)
    assert "6789" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_custom_output_is_not_taken_for_a_standard_one():
    with pytest.raises(ResultsError, match="read it with CustomOutput"):
        standard_output({"inference_result": {}})


def test_a_modality_of_the_future_still_has_its_text():
    output = standard_output(
        {"metadata": {"semantic_modality": "HOLOGRAM"}, "hologram": {"summary": "a cube"}}
    )

    assert type(output) is StandardOutput
    assert (output.modality, output.summary, output.text) == ("HOLOGRAM", "a cube", None)


def test_reprs_hold_nothing_of_the_document():
    view = standard_output(document("SSN 123-45-6789"))

    assert "6789" not in repr(view)
    assert "6789" not in repr(Field("ssn", "123-45-6789"))


def test_elements_lines_and_words_of_a_document_count_pages_from_1():
    output = standard_output(
        {
            "metadata": {"semantic_modality": "DOCUMENT", "start_page_index": 2, "end_page_index": 4},
            "pages": [
                {"page_index": 2, "representation": {"markdown": "# A"}},
                {"page_index": 3, "representation": {"markdown": "B"}},
            ],
            "elements": [
                {
                    "type": "TABLE",
                    "page_indices": [2, 3],
                    "headers": ["date", "amount"],
                    "representation": {"csv": "date,amount\n"},
                    "csv_s3_uri": "s3://out/t.csv",
                    "locations": [{"page_index": 2, "bounding_box": {"left": 0, "top": 0, "width": 1}}],
                },
                {"type": "FIGURE", "sub_type": "CHART", "crop_images": ["s3://out/c.png"]},
            ],
            # The guide shows `locations` of lines as an object, elsewhere as a list.
            "text_lines": [{"text": "A", "locations": {"page_index": 2}}],
            "text_words": [{"text": "A", "page_index": 2}],
        }
    )

    assert isinstance(output, DocumentOutput)
    assert (output.first_page, output.last_page) == (3, 5)
    assert [page.page for page in output.pages] == [3, 4]
    assert output.text == "# A\n\nB"
    (table,) = output.tables
    assert (table.pages, table.headers, table.csv_s3_uri) == ((3, 4), ("date", "amount"), "s3://out/t.csv")
    assert table.representation.csv == "date,amount\n"
    assert (table.locations[0].page, table.locations[0].bounding_box) == (3, None)
    assert output.figures[0].crop_images == ("s3://out/c.png",)
    assert (output.text_lines[0].page, output.text_words[0].page) == (3, 3)


def test_audio_has_speakers_topics_and_moderation():
    output = standard_output(
        {
            "metadata": {"semantic_modality": "AUDIO", "duration_millis": 237560},
            "audio": {"summary": "A call.", "transcript": {"representation": {"text": "Hello. Hi."}}},
            "audio_segments": [
                {"segment_index": 0, "text": "Hello.", "speaker": {"speaker_label": "spk_0"}},
                {"segment_index": 1, "text": "Hi.", "speaker": "spk_1", "channel": {"channel_label": "ch_0"}},
            ],
            "topics": [{"topic_index": 0, "summary": "Greeting", "audio_segment_indices": [0, 1]}],
            "content_moderation": [
                {"moderation_categories": [{"category": "profanity", "confidence": 0.1582}]}
            ],
        }
    )

    assert isinstance(output, AudioOutput)
    assert (output.summary, output.text, output.transcript) == ("A call.", "Hello. Hi.", "Hello. Hi.")
    assert output.speakers == ("spk_0", "spk_1")
    assert output.segments[1].channel == "ch_0"
    assert output.topics[0].segment_indices == (0, 1)
    assert output.content_moderation[0].categories == {"profanity": 0.1582}
    assert output.duration_millis == 237560


def test_video_has_shots_chapters_and_frames():
    output = standard_output(
        {
            "metadata": {"semantic_modality": "VIDEO", "frame_width": 852, "height": 480, "frame_rate": 30},
            "shots": [{"shot_index": 3, "start_timestamp_millis": 8633, "chapter_indices": [1]}],
            "chapters": [
                {
                    "summary": "A park.",
                    "start_timecode_smpte": "00:00:00:00",
                    "frames": [{"frame_index": 105, "text_words": [{"text": "ANDREA"}]}],
                }
            ],
            "video": {"summary": "A film."},
        }
    )

    assert isinstance(output, VideoOutput)
    assert (output.summary, output.width, output.height, output.frame_rate) == ("A film.", 852, 480, 30.0)
    assert (output.shots[0].start_millis, output.shots[0].chapter_indices) == (8633, (1,))
    assert output.chapters[0].frames[0].text_words[0].text == "ANDREA"
    assert output.chapters[0].start_timecode == "00:00:00:00"


def test_chapters_of_a_video_have_their_own_fields():
    custom = CustomOutput.from_dict(
        {
            "split_video": {"chapter_indices": [0]},
            "chapters": [{"chapter_index": 0, "inference_result": {"mood": "calm"}}],
        }
    )

    assert custom.chapter_indices == (0,)
    assert custom.chapters[0].value("mood") == "calm"
    assert custom.fields == {}


def test_evidence_without_a_value_and_values_without_evidence_both_appear():
    custom = CustomOutput.from_dict(
        {
            "inference_result": {"only_value": "a", "rows": [{"x": 1}, {"x": 2}], "none": [], "lost": None},
            "explainability_info": [
                {"only_evidence": {"value": "b", "confidence": 0.5}, "rows": [{"x": {"confidence": 0.9}}]}
            ],
        }
    )

    assert {path: (field.value, field.confidence) for path, field in custom.fields.items()} == {
        "only_value": ("a", None),
        "rows[0].x": (1, 0.9),
        "rows[1].x": (2, None),
        "none": ([], None),
        "lost": (None, None),
        "only_evidence": ("b", 0.5),
    }


def test_fields_named_like_evidence_are_fields():
    custom = CustomOutput.from_dict(
        {
            "inference_result": {"type": "invoice", "value": {"type": "net", "value": 3}},
            "explainability_info": [
                {
                    "type": {"value": "invoice", "confidence": 0.7},
                    "value": {
                        "type": {"value": "net", "confidence": 0.8},
                        "value": {"value": 3, "confidence": 0.9},
                    },
                }
            ],
        }
    )

    assert {path: field.confidence for path, field in custom.fields.items()} == {
        "type": 0.7,
        "value.type": 0.8,
        "value.value": 0.9,
    }


def test_sensitive_data_of_a_blueprint_is_handed_on():
    detected = {"name": {"value": "[NAME]", "sensitive_data_detection": [{"entity_type": "NAME"}]}}
    custom = CustomOutput.from_dict({"blueprint_sensitive_data_detection": detected})

    assert custom.sensitive_data == detected
    assert CustomOutput.from_dict({}).sensitive_data is None


def test_results_as_a_dict_are_plain_json():
    stored = job(**{STANDARD: document("text"), CUSTOM: {"inference_result": {"a": 1}}})

    made = load_results(stored.__getitem__, URI).to_dict()

    assert json.loads(json.dumps(made)) == made
    assert made["segments"][0]["custom"] == {"inference_result": {"a": 1}}


def test_a_modality_is_guessed_from_the_parts_when_it_is_not_named():
    assert isinstance(read_standard_output('{"video": {}}'), VideoOutput)
