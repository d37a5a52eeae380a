from __future__ import annotations

import pytest

from airflow_provider_bda.batch.checks import FORMATS, Limits, Rules, checked, suffix_of
from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.exceptions import BdaInputError

MIB = 1024 * 1024


def judged(name, size=1, **rules):
    document = Document(document_id="d", input_s3_uri=f"s3://bucket/{name}", size=size)
    document = checked(document, Rules(**rules))
    return document.modality, document.rejection


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("a.pdf", "document"),
        ("a.TIFF", "document"),
        ("a.docx", "document"),
        ("a.JPG", "image"),
        ("a.png", "image"),
        ("a.m4a", "audio"),
        ("a.mp4", "video"),
        ("a.webm", "video"),
        ("folder.pdf/a", "document"),
    ],
)
def test_the_suffix_tells_the_modality(name, modality):
    assert judged(name) == (modality, None)


def test_a_file_that_is_certain_to_be_refused_is_refused_with_the_reason():
    known = ", ".join(sorted(FORMATS))
    assert judged("a.xlsx") == ("document", f"unsupported file: .xlsx is none of {known}")
    assert judged("a.pdf", 0) == ("document", "empty file: it has 0 bytes")
    assert judged("a.pdf", 500 * MIB) == ("document", None)
    assert judged("a.pdf", 500 * MIB + 1) == (
        "document",
        "too large: 524,288,001 bytes, and document may have 524,288,000",
    )
    assert judged("a[1].pdf")[1].startswith("unusable name: the service does not take 's3://bucket/a[1].pdf'")
    assert judged("x" * 1100 + ".pdf")[1].startswith("unusable name: 1116 characters")


def test_what_a_name_cannot_tell_goes():
    assert judged("scan-0001", None) == ("document", None)
    assert judged(".hidden", None, modalities=["audio"]) == ("audio", None)
    assert judged("a.pdf", None) == ("document", None)


def test_a_picture_over_the_image_limit_may_still_be_a_document_unless_the_batch_takes_images_only():
    assert judged("a.jpg", 6 * MIB) == ("document", None)
    assert judged("a.jpg", 6 * MIB, modalities="image") == (
        "image",
        "too large: 6,291,456 bytes, and image may have 5,242,880",
    )


def test_a_modality_the_batch_does_not_take_is_refused():
    assert judged("a.mkv", modalities=["document", "image"]) == (
        "video",
        "wrong modality: .mkv is video, and the batch takes document, image",
    )
    assert judged("a.mov", modalities=["audio"]) == ("audio", None)
    assert judged("a.png", modalities=["document"]) == ("document", None)


def test_limits_and_formats_are_settings():
    assert (
        judged("a.pdf", 11, limits=Limits(document=10))[1] == "too large: 11 bytes, and document may have 10"
    )
    assert judged("a.txt", formats={**FORMATS, "txt": ("document",)}) == ("document", None)


def test_a_video_segment_of_something_else_is_refused():
    overrides = {"video_segment": [0, 600_000]}
    pdf = Document(document_id="d", input_s3_uri="s3://bucket/a.pdf", overrides=overrides)
    mov = Document(document_id="d", input_s3_uri="s3://bucket/a.mov", overrides=overrides)
    assert checked(pdf, Rules()).rejection == "no video: video_segment is given, and the file is document"
    assert checked(mov, Rules()).rejection is None


def test_an_earlier_reason_stands():
    gone = Document(document_id="d", input_s3_uri="s3://bucket/a.pdf", size=0, rejection="missing file")
    assert checked(gone, Rules()).rejection == "missing file"


@pytest.mark.parametrize("modalities", [["documents"], [], [""]])
def test_rules_for_no_modality_are_refused(modalities):
    with pytest.raises(BdaInputError, match="write one or more of document, image, audio, video"):
        Rules(modalities=modalities)


@pytest.mark.parametrize(
    ("uri", "suffix"),
    [("s3://b/a.PDF", "pdf"), ("s3://bucket/a.b/c", ""), ("s3://b/.pdf", ""), ("s3://b/a.tar.gz", "gz")],
)
def test_suffix_of(uri, suffix):
    assert suffix_of(uri) == suffix
