from __future__ import annotations

import io
import json
import random
import struct
import zlib

import pypdfium2
import pytest

from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.estimate import Census, Pace, Range
from airflow_provider_bda.batch.pages import count_pages
from airflow_provider_bda.batch.prices import Prices
from airflow_provider_bda.emulator import Fault

PACE = Pace(document=(10.0, 1.0), image=(5.0, 0.0))


def pdf(pages):
    made = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        made.new_page(100, 100)
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def packed_pdf(pages, *, parent=b""):
    """A PDF of which the page tree lies in an object stream, as most writers do since PDF 1.5."""
    kids = b" ".join(b"%d 0 R" % number for number in range(10, 10 + pages))
    root = b"<< /Type /Catalog /Pages 2 0 R >> << /Type /Pages /Resources << /Font << >> >> /Kids [ " + kids
    inner = b"<< /Type /Pages /Parent 2 0 R /Count 9999 /Kids [] >>"
    text = root + b" ] /Count %d %s>> " % (pages, parent) + inner
    body = zlib.compress(text)
    head = b"%%PDF-1.5\n5 0 obj << /Type /ObjStm /N 2 /First 10 /Length %d >> stream\n" % len(body)
    return head + body + b"\nendstream endobj\n"


def tiff(pages, order="<"):
    body, at = {"<": b"II*\x00", ">": b"MM\x00*"}[order] + struct.pack(f"{order}I", 8), 8
    for page in range(pages):
        following = 0 if page == pages - 1 else at + 18
        body += struct.pack(f"{order}H12xI", 1, following)
        at += 18
    return body


@pytest.mark.parametrize("pages", [1, 7, 400])
def test_pages_are_counted_as_a_reader_counts_them(pages):
    body = pdf(pages)
    assert count_pages(body) == len(pypdfium2.PdfDocument(body)) == pages
    assert count_pages(packed_pdf(pages)) == pages
    assert count_pages(tiff(pages)) == count_pages(tiff(pages, ">")) == pages


def test_the_last_root_counts_and_a_linearized_file_says_it_at_once():
    assert count_pages(packed_pdf(5) + packed_pdf(3)) == 3
    assert count_pages(b"%PDF-1.4\n1 0 obj << /Linearized 1 /L 9 /O 3 /N 17 /T 9 >> endobj") == 17


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK\x03\x04 a docx",
        b"%PDF-1.7\n5 0 obj << /Type /ObjStm >> stream\nencrypted\nendstream",
        b"%PDF-1.7 /Type /Pages",
        b"%PDF-1.7 << /Type /Pages /Count 3",
        packed_pdf(2, parent=b"/Parent 1 0 R "),
        tiff(3)[:-20],
        b"II*\x00",
    ],
)
def test_what_cannot_be_counted_is_unknown(body):
    assert count_pages(body) is None


def test_counting_ends_on_any_bytes():
    draw = random.Random(7)
    words = [b"<<", b">>", b"/Type /Pages", b"/Type /ObjStm", b"stream\n", b"/Count 3", b"\x00"]
    for _ in range(300):
        count_pages(b"%PDF-" + b" ".join(draw.choices(words, k=60)))


def census(*documents, **more):
    made = Census(**more)
    assert list(made.watch(documents)) == list(documents)
    return made


def document(name, modality="document", **members):
    return Document(document_id=name, input_s3_uri=f"s3://documents/in/{name}", modality=modality, **members)


@pytest.fixture
def stored(aws):
    """Put files; answer their documents."""
    s3 = aws.client("s3")

    def stored(files):
        for name, body in files.items():
            s3.put_object(Bucket="documents", Key=f"in/{name}", Body=body)
        return [document(name, size=len(body)) for name, body in files.items()]

    return stored


def test_a_batch_that_is_read_whole_is_estimated_without_a_range(aws, stored):
    documents = stored({"a.pdf": pdf(3), "b.pdf": packed_pdf(5), "c.tif": tiff(2)})
    told = census(*documents, document("no.xlsx", rejection="unsupported file")).estimate(
        aws.client("s3"), slots={"document": 2}, custom=True, fields=40, pace=PACE, deadline_seconds=20
    )
    (share,) = told.shares
    assert (told.documents, told.rejected, told.sampled) == (3, 1, 3)
    assert share.units == Range(10, 10, 10)
    price = 10 * (0.040 + 10 * 0.0005)
    assert share.cost_usd == told.cost_usd == Range(*[pytest.approx(price)] * 3)
    days = (3 * 10 + 10) / 2 / 86_400
    assert told.days == Range(*[pytest.approx(days)] * 3)
    assert (share.slots, share.slots_for_deadline) == (2, 2)
    assert told.advice == ()
    assert json.loads(json.dumps(told.to_dict())) == told.to_dict()


def test_a_sample_gives_a_range_that_holds_the_truth(aws, stored):
    draw = random.Random(11)
    pages = [draw.randint(1, 12) for _ in range(120)]
    documents = stored({f"{number}.pdf": packed_pdf(count) for number, count in enumerate(pages)})
    told = census(*documents, sample=40).estimate(aws.client("s3"), custom=False)
    (share,) = told.shares
    assert told.sampled == 40
    assert share.units.low < sum(pages) < share.units.high
    assert share.units.high - share.units.low < 0.5 * sum(pages)
    backwards = census(*reversed(documents), sample=40).estimate(aws.client("s3"), custom=False)
    assert backwards == told


def test_files_that_cannot_be_counted_widen_the_range(aws, stored):
    documents = stored({"a.pdf": pdf(4), "b.pdf": pdf(8), "c.docx": b"PK", "d.docx": b"PK"})
    (share,) = census(*documents).estimate(aws.client("s3")).shares
    assert share.units == Range(4 * 2.5, 4 * 6.0, 4 * 8.0)


def test_unknown_pages_stay_unknown(aws, stored):
    documents = stored({"a.pdf": pdf(4)})
    aws.fault(Fault(operation="s3:GET", error="AccessDenied", status=403))
    for told in (census(*documents).estimate(aws.client("s3")), census(*documents).estimate()):
        assert told.shares[0].units == Range(1, None, None)
        assert told.cost_usd == Range(0.01, None, None)
        assert told.sampled == 0
        assert "1 or more pages" in told.lines()[1]


def test_not_knowing_whether_there_are_blueprints_widens_the_price(aws):
    made = census(*(document(f"{number}.png", "image") for number in range(100)))
    assert made.estimate(custom=None).cost_usd == Range(
        pytest.approx(0.3), pytest.approx(0.5), pytest.approx(0.5)
    )
    assert made.estimate(custom=False).cost_usd == Range(*[pytest.approx(0.3)] * 3)
    own = document("x.png", "image", overrides={"blueprints": ["one"]})
    assert census(own, document("y.png", "image")).estimate(custom=False).cost_usd.expected == pytest.approx(
        0.008
    )
    dear = Prices(as_of="today", image=(1.0, 2.0))
    assert made.estimate(custom=True, prices=dear).cost_usd.expected == 200


def test_minutes_are_told_from_sizes_and_unknown_without():
    megabyte = 1_000_000
    minute = 128e3 * 60 / 8
    song = document("a.mp3", "audio", size=int(10 * minute))
    (share,) = census(song).estimate(custom=False).shares
    assert share.units == Range(pytest.approx(4), pytest.approx(10), pytest.approx(40))
    (share,) = census(song, document("b.mov", "audio")).estimate().shares
    assert (share.units.low, share.units.expected, share.units.high) == (pytest.approx(4), None, None)
    (share,) = census(document("a.wav", "audio", size=megabyte)).estimate().shares
    assert share.units.expected == pytest.approx(8 / 1.411 / 60)


def test_over_a_day_a_quota_is_advised_and_modalities_run_side_by_side():
    pictures = [document(f"{number}.png", "image") for number in range(1_000)]
    pages = [document(f"{number}.jpg") for number in range(10)]
    slow = Pace(image=(8_640.0, 0.0), document=(1.0, 0.0))
    told = census(*pictures, *pages).estimate(pace=slow, deadline_seconds=43_200)
    by_modality = {share.modality: share for share in told.shares}
    assert told.days.expected == pytest.approx(1_000 * 8_640 / 20 / 86_400)
    assert by_modality["image"].slots_for_deadline == 200
    (line,) = told.advice
    assert line == (
        "image: over a day at 20 slots. Request more of Service Quotas L-BDD176EF (concurrent image jobs, by default 20): "
        "100 slots would take a day"
    )
    assert told.lines()[-1] == line
    assert told.lines()[0] == "1,010 documents may go, 0 are refused; 0.00 GB"


def test_a_batch_of_nothing():
    told = census().estimate()
    assert (told.documents, told.shares, told.cost_usd, told.days) == (0, (), Range(0, 0, 0), Range(0, 0, 0))
    assert told.lines()[0].startswith("0 documents may go")
