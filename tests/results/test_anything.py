"""Whatever lies on S3, reading it ends in a view or in ResultsError."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import is_dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bda.results import (
    CustomOutput,
    JobMetadata,
    ResultsError,
    load_results,
    standard_output,
)
from airflow_provider_bda.results.plain import View

#: Names the readers look for, so that the fuzz gets past the first look-up.
KEYS = (
    "metadata", "document", "image", "audio", "video", "pages", "elements", "text_lines", "text_words",
    "audio_segments", "topics", "shots", "chapters", "frames", "locations", "bounding_box",
    "boundingBox", "polygon", "vertices", "page", "page_index", "page_indices", "representation", "text",
    "summary", "statistics", "semantic_modality", "speaker", "content_moderation", "left", "top",
    "width", "height", "x", "y", "inference_result", "explainability_info", "confidence", "value",
    "type", "success", "geometry", "matched_blueprint", "split_document", "document_class", "job_id",
    "output_metadata", "segment_metadata", "standard_output_path", "custom_output_path", "asset_id",
    "asset_input_path", "moderation_categories", "category", "iab_categories", "logos",
)  # fmt: skip

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["DOCUMENT", "IMAGE", "AUDIO", "VIDEO", "0", "1e999", "NaN"]),
)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=4))
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=6)),
    max_leaves=40,
)

#: The machine may be busy: how long one example takes says nothing.
in_its_time = settings(deadline=None)


def look_everywhere(value: object) -> None:
    """Ask every property of a view, and of every view it answers."""
    if isinstance(value, (list, tuple)):
        for item in value:
            look_everywhere(item)
    elif isinstance(value, dict):
        look_everywhere(list(value.values()))
    elif is_dataclass(value):
        repr(value)
        json.dumps(getattr(value, "to_dict", dict)())
        if isinstance(value, View):
            for name in dir(type(value)):
                if not name.startswith("_") and name != "raw":
                    found = getattr(value, name)
                    if not callable(found):
                        look_everywhere(found)


@in_its_time
@given(anything)
def test_any_standard_output_is_a_view_or_a_results_error(parsed):
    try:
        view = standard_output(parsed)
    except ResultsError:
        return
    look_everywhere(view)
    assert type(view).from_dict(view.to_dict()).to_dict() == view.to_dict() or parsed != parsed  # noqa: PLR0124


@in_its_time
@given(anything)
def test_any_custom_output_is_a_view_or_a_results_error(parsed):
    try:
        view = CustomOutput.from_dict(parsed)
    except ResultsError:
        return
    look_everywhere(view)
    assert list(view.fields) == [field.path for field in view.fields.values()]


@in_its_time
@given(st.dictionaries(keys, anything, max_size=6))
def test_every_value_of_an_inference_result_is_reached_by_a_path(values):
    view = CustomOutput.from_dict({"inference_result": values})

    assert bool(view.fields) == bool(values)
    assert all(field.confidence is None for field in view.fields.values())


@in_its_time
@given(anything)
def test_any_job_is_read_or_a_results_error(parsed):
    body = json.dumps(parsed).encode()
    with suppress(ResultsError):
        results = load_results(lambda _uri: body, "s3://out/job_metadata.json")
        look_everywhere(results.metadata)
        for segment in results:
            look_everywhere([segment.standard, segment.custom])


@in_its_time
@given(st.binary(max_size=64))
def test_no_bytes_that_are_no_job_metadata_are_taken_for_it(body):
    with pytest.raises(ResultsError) as caught:
        JobMetadata.from_json(body)

    assert caught.value.__cause__ is None


def test_json_deeper_than_the_stack_is_a_results_error():
    deep: object = {}
    for _ in range(5_000):
        deep = {"a": deep}
    view = CustomOutput.from_dict({"inference_result": deep})

    with pytest.raises(ResultsError, match="nested too deeply"):
        _ = view.fields
    with pytest.raises(ResultsError, match="nested too deeply"):
        view.to_dict()
