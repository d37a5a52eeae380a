"""What the readers make of real files, and what they refuse in which words."""

from __future__ import annotations

import random
import wave
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import docx
import pypdfium2
import pypdfium2.raw as pdfium_c
import pytest
from PIL import Image

from airflow_provider_bda.emulator.analysis import (
    AnalysisRejected,
    AnalysisRequest,
    Limits,
    analyse,
    modality_of,
)
from airflow_provider_bda.emulator.analysis.read import read

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples" / "documents"


def request(body: bytes, key: str, **changes) -> AnalysisRequest:
    return AnalysisRequest(
        body=body, bucket="in", key=key, job_id="job", output_bucket="out", output_prefix="run/job", **changes
    )


def pdf(
    *pages: list[tuple[float, float, str]], size: tuple[float, float] = (612, 792), rotate: int = 0
) -> bytes:
    """A PDF with texts at (x, y from the top)."""
    document = pypdfium2.PdfDocument.new()
    for texts in pages:
        page = document.new_page(*size)
        font = pdfium_c.FPDFText_LoadStandardFont(document, b"Helvetica")
        for x, y, text in texts:
            item = pdfium_c.FPDFPageObj_CreateTextObj(document, font, 10)
            units = (text + "\0").encode("utf-16-le")
            buffer = (pdfium_c.FPDF_WCHAR * (len(units) // 2)).from_buffer_copy(units)
            pdfium_c.FPDFText_SetText(item, buffer)
            pdfium_c.FPDFPageObj_Transform(item, 1, 0, 0, 1, x, size[1] - y)
            pdfium_c.FPDFPage_InsertObject(page, item)
        pdfium_c.FPDFPage_GenerateContent(page)
        page.set_rotation(rotate)
        page.close()
    out = BytesIO()
    document.save(out)
    document.close()
    return out.getvalue()


def protected_pdf() -> bytes:
    """A PDF whose password nobody knows: its check values are random."""
    noise = random.Random(7)
    owner, user = (noise.randbytes(32).hex() for _ in range(2))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>",
        f"<</Filter/Standard/V 1/R 2/O<{owner}>/U<{user}>/P -4>>".encode(),
    ]
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%sendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size 5/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]>>\nstartxref\n%d\n%%%%EOF" % start
    return bytes(out)


def picture(kind: str, size: tuple[int, int] = (40, 30), pages: int = 1) -> bytes:
    out = BytesIO()
    images = [Image.new("RGB", size, (200, 30, at)) for at in range(pages)]
    more = {"save_all": True, "append_images": images[1:]} if pages > 1 else {}
    images[0].save(out, kind, **more)
    return out.getvalue()


def sound(seconds: int = 2, rate: int = 8_000) -> bytes:
    out = BytesIO()
    with wave.open(out, "wb") as recording:
        recording.setnchannels(2)
        recording.setsampwidth(2)
        recording.setframerate(rate)
        recording.writeframes(bytes(4 * rate * seconds))
    return out.getvalue()


def word_file() -> bytes:
    document = docx.Document()
    document.add_paragraph("Invoice number: INV-9")
    table = document.add_table(rows=2, cols=2)
    for at, text in enumerate(("Description", "Amount", "Paper", "12.50")):
        table.rows[at // 2].cells[at % 2].text = text
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def rejected(body: bytes, key: str, **changes) -> AnalysisRejected:
    with pytest.raises(AnalysisRejected) as caught:
        analyse(request(body, key, **changes))
    return caught.value


@pytest.mark.parametrize(
    ("key", "head", "modality"),
    [
        ("a/b.pdf", b"%PDF-1.7", "DOCUMENT"),
        ("a/no-extension", b"\n%PDF-1.7", "DOCUMENT"),
        ("scan.tiff", b"II*\x00", "DOCUMENT"),
        ("letter.docx", b"PK\x03\x04", "DOCUMENT"),
        ("note.txt", b"hello", "DOCUMENT"),
        ("wrongly-named.pdf", b"\x89PNG\r\n\x1a\n", "IMAGE"),
        ("photo.JPG", b"", "IMAGE"),
        ("call.wav", b"RIFF\x00\x00\x00\x00WAVE", "AUDIO"),
        ("call", b"ID3\x04", "AUDIO"),
        ("voice.m4a", b"\x00\x00\x00\x20ftypM4A ", "AUDIO"),
        ("film", b"\x00\x00\x00\x20ftypisom", "VIDEO"),
        ("film.mov", b"\x00\x00\x00\x14ftypqt  ", "VIDEO"),
        ("film.avi", b"RIFF\x00\x00\x00\x00AVI ", "VIDEO"),
        ("film", b"\x1a\x45\xdf\xa3....webm", "VIDEO"),
    ],
)
def test_modality_follows_the_first_bytes_then_the_extension(key, head, modality):
    assert modality_of(key, head) == modality


def test_a_file_of_no_known_kind_is_rejected_with_what_is_supported():
    with pytest.raises(AnalysisRejected, match=r"not supported\. Supported are PDF"):
        modality_of("data.xlsx", b"PK\x03\x04")


def test_modality_routing_of_the_project_is_obeyed():
    project = {"overrideConfiguration": {"modalityRouting": {"png": "DOCUMENT", "mp4": "AUDIO"}}}

    assert modality_of("a.png", b"", project) == "DOCUMENT"
    assert modality_of("a.mp4", b"", project) == "AUDIO"
    assert modality_of("a.jpeg", b"", project) == "IMAGE"


def test_words_of_a_pdf_stand_where_they_were_drawn():
    document = read(
        request(pdf([(72, 72, "Invoice number"), (300, 72, "INV-7"), (72, 396, "Half way")]), "a.pdf")
    )

    (page,) = document.pages
    assert (page.width, page.height) == (612, 792)
    assert [[cell.text for cell in line.cells] for line in page.lines] == [
        ["Invoice number", "INV-7"],
        ["Half way"],
    ]
    first = page.lines[0].words[0].box
    assert first.left == pytest.approx(72 / 612, abs=0.01)
    assert first.bottom == pytest.approx(72 / 792, abs=0.01)
    assert page.lines[1].box.bottom == pytest.approx(0.5, abs=0.01)


def test_words_of_a_turned_page_stand_where_they_are_seen():
    document = read(request(pdf([(72, 72, "Corner")], rotate=90), "a.pdf"))

    (page,) = document.pages
    box = page.lines[0].words[0].box
    assert (page.width, page.height) == (792, 612)
    # The upper left corner, turned clockwise, is the upper right one.
    assert box.right == pytest.approx(1 - 60 / 792, abs=0.02)
    assert box.top == pytest.approx(72 / 612, abs=0.02)


def test_a_pdf_without_text_has_empty_pages():
    analysis = analyse(request(pdf([], []), "scan.pdf"))

    assert (analysis.modality, analysis.pages) == ("DOCUMENT", 2)


def test_pdfs_are_read_in_many_threads_at_once():
    files = [
        pdf([(72, 72 + 12 * line, f"File {name} line {line}") for line in range(20)]) for name in range(8)
    ]

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda body: read(request(body, "a.pdf")).text, files * 3))

    assert texts == [
        "\n".join(f"File {name} line {line}" for line in range(20)) for name in list(range(8)) * 3
    ]


def test_a_protected_pdf_is_rejected():
    error = rejected(protected_pdf(), "a.pdf")

    assert (error.error_type, error.message) == (
        "PasswordProtectedFile",
        "Password protected PDF files are not supported.",
    )


@pytest.mark.parametrize(
    ("key", "body"),
    [
        pytest.param("a.pdf", b"%PDF-1.7 and then nothing", id="pdf"),
        pytest.param("a.png", picture("PNG")[:60], id="cut-png"),
        pytest.param("a.jpg", b"\xff\xd8\xff and then nothing", id="jpeg"),
        pytest.param("a.docx", b"PK\x03\x04 and then nothing", id="docx"),
        pytest.param("a.docx", word_file()[:900], id="cut-docx"),
        pytest.param("a.txt", b"text\x00with zeros", id="binary-txt"),
    ],
)
def test_a_broken_file_is_rejected_in_words(key, body):
    error = rejected(body, key)

    assert error.error_type == "InvalidFile"
    assert error.message.startswith("The input is not a valid")


def test_an_empty_file_is_rejected():
    assert rejected(b"", "a.pdf").error_type == "EmptyFile"


def test_a_document_of_too_many_pages_is_rejected():
    body = pdf([], [], [])

    error = rejected(body, "a.pdf", limits=Limits(document_pages=2))
    assert error.error_type == "PageLimitExceeded"
    assert "3 pages, more than the 2" in error.message
    assert (
        rejected(body, "a.pdf", sync=True, limits=Limits(sync_document_pages=1)).error_type
        == error.error_type
    )
    assert analyse(request(body, "a.pdf", limits=Limits(document_pages=3))).pages == 3


def test_a_page_that_is_too_large_is_rejected():
    error = rejected(pdf([], size=(9_001, 100)), "a.pdf")

    assert (error.error_type, "9001 x 100" in error.message) == ("PageSizeExceeded", True)


@pytest.mark.parametrize(
    ("key", "body", "limits"),
    [
        ("a.txt", b"four", Limits(document_bytes=3)),
        ("a.png", picture("PNG"), Limits(image_bytes=3)),
        ("a.wav", sound(), Limits(audio_bytes=3)),
        ("a.mp4", b"\x00\x00\x00\x20ftypisom", Limits(video_bytes=3)),
    ],
)
def test_a_file_that_is_too_big_for_its_modality_is_rejected(key, body, limits):
    error = rejected(body, key, limits=limits)

    assert error.error_type == "FileSizeExceeded"
    assert f"{len(body)} bytes, more than the 3 supported" in error.message


def test_the_synchronous_call_takes_less():
    assert rejected(word_file(), "a.docx", sync=True).error_type == "UnsupportedFileType"
    assert rejected(sound(), "a.wav", sync=True).error_type == "UnsupportedFileType"
    assert rejected(b"four", "a.txt", sync=True, limits=Limits(sync_document_bytes=3)).error_type == (
        "FileSizeExceeded"
    )


def test_an_image_has_its_size_and_no_text():
    document = read(request(picture("JPEG", (64, 48)), "a.jpeg"))

    assert (document.modality, document.format, document.info) == (
        "IMAGE",
        "JPEG",
        {"width": 64, "height": 48},
    )
    assert document.text == ""


def test_an_image_with_too_many_pixels_is_rejected():
    error = rejected(picture("PNG", (50, 10)), "a.png", limits=Limits(image_pixels=49))

    assert (error.error_type, "50 x 10 pixels" in error.message) == ("ImageSizeExceeded", True)


def test_a_tiff_is_a_document_of_as_many_pages():
    assert analyse(request(picture("TIFF", pages=3), "scan.tif")).pages == 3
    assert rejected(picture("TIFF", pages=3), "scan.tif", limits=Limits(document_pages=2)).error_type == (
        "PageLimitExceeded"
    )


def test_a_docx_has_its_paragraphs_and_its_tables():
    document = read(request(word_file(), "a.docx"))

    assert (document.format, len(document.pages)) == ("DOCX", 1)
    assert [[cell.text for cell in line.cells] for line in document.pages[0].lines] == [
        ["Invoice number: INV-9"],
        ["Description", "Amount"],
        ["Paper", "12.50"],
    ]


def test_a_docx_that_unpacks_to_too_much_is_rejected():
    body = word_file()

    error = rejected(body, "a.docx", limits=Limits(document_bytes=len(body)))
    assert (error.error_type, "unpacks" in error.message) == ("FileSizeExceeded", True)


def test_plain_text_is_laid_out_in_pages_lines_and_cells():
    body = "Name:  Ada\tLovelace\n\nend of page\fnext\n" + "line\n" * 70
    document = read(request(body.encode(), "a.txt"))

    assert [len(page.lines) for page in document.pages] == [2, 60, 11]
    assert [cell.text for cell in document.pages[0].lines[0].cells] == ["Name:", "Ada", "Lovelace"]
    boxes = [word.box for page in document.pages for line in page.lines for word in line.words]
    assert all(min(box.left, box.top) >= 0 and max(box.right, box.bottom) <= 1 for box in boxes)


def test_text_in_another_encoding_is_read_as_far_as_it_goes():
    assert read(request("Größe: 3".encode("latin-1"), "a.txt")).text.endswith("e: 3")


def test_a_wav_says_how_long_it_is():
    document = read(request(sound(seconds=2), "call.wav"))

    assert (document.modality, document.pages) == ("AUDIO", ())
    assert document.info == {
        "format": "wav",
        "sample_rate": 8_000,
        "bitrate": 256_000,
        "number_of_channels": 2,
        "duration_millis": 2_000,
    }


def test_a_wav_of_another_codec_is_taken_as_it_is():
    assert read(request(b"RIFF\x04\x00\x00\x00WAVE", "call.wav")).info == {"format": "wav"}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"the real files are not at {SAMPLES}")
@pytest.mark.parametrize(
    ("name", "pages", "words"),
    [
        (
            "bank-statement-multipage.pdf",
            5,
            ("Example Inc. Credit Union", "ALEJANDRO ROSALEZ", "Account summary"),
        ),
        ("W2_XL_input_clean_1000.pdf", 1, ("Richardson-Brown PLC", "37-2766773", "55151.93")),
        (
            "homeowner_insurance_application_sample.pdf",
            1,
            ("Homeowners Insurance Application", "Ziggy Starpixel"),
        ),
        ("lending_package_pay_stub.pdf", 1, ()),  # a scan
        ("Evidence_of_Coverage_-_AnyHealth_Premium.pdf", 14, ("AnyHealth Premium\nEvidence of Coverage",)),
    ],
)
def test_real_pdfs_are_read(name, pages, words):
    document = read(request((SAMPLES / name).read_bytes(), name))

    assert len(document.pages) == pages
    assert [word for word in words if word not in document.text] == []
    assert bool(document.text.strip()) == bool(words)
