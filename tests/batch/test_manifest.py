from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import IncompleteReadError

from airflow_provider_bda.batch import objects
from airflow_provider_bda.batch.document import Document, document_id_of
from airflow_provider_bda.batch.source import Manifest
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaInputError


@pytest.fixture
def s3(aws):
    return aws.client("s3")


@pytest.fixture
def manifest(s3):
    """Put a manifest and read it."""

    def manifest(name, body, **arguments):
        body = body.encode() if isinstance(body, str) else body
        s3.put_object(Bucket="documents", Key=name, Body=body)
        return list(Manifest(f"s3://documents/{name}", **arguments).documents(s3))

    return manifest


def lines(*entries):
    return "".join(json.dumps(entry) + "\n" for entry in entries)


A, B = "s3://documents/in/a.pdf", "s3://documents/in/b.mp4"


def test_json_lines_become_documents(manifest):
    first = {
        "input_s3_uri": A,
        "document_id": "a-1",
        "etag": '"e"',
        "size": 7,
        "project": "claims",
        "tags": {"x": "y"},
        "claim": 3,
    }
    found = manifest("m.jsonl", "\ufeff" + lines(first) + "\n" + lines({"input_s3_uri": B}))
    assert found == [
        Document(
            document_id="a-1",
            input_s3_uri=A,
            etag="e",
            size=7,
            overrides={"project": "claims", "tags": {"x": "y"}},
            extra={"claim": 3},
        ),
        Document(document_id=document_id_of(B), input_s3_uri=B, modality="video"),
    ]


def test_csv_with_quotes_line_breaks_and_json_cells(manifest):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "document_id", "size", "blueprints", "tags", "note"])
    writer.writerow([A, "a", "7", "an-invoice", '{"x": "y"}', 'two\nlines, a "quote"'])
    writer.writerow([])
    writer.writerow([B, "", "", '["one", {"blueprintArn": "two", "version": "1"}]', "", ""])
    found = manifest("m.csv", "\ufeff" + text.getvalue(), s3_uri_column="file")
    assert found == [
        Document(
            document_id="a",
            input_s3_uri=A,
            size=7,
            overrides={"blueprints": ["an-invoice"], "tags": {"x": "y"}},
            extra={"note": 'two\nlines, a "quote"'},
        ),
        Document(
            document_id=document_id_of(
                B, None, {"blueprints": ["one", {"blueprintArn": "two", "version": "1"}]}
            ),
            input_s3_uri=B,
            modality="video",
            overrides={"blueprints": ["one", {"blueprintArn": "two", "version": "1"}]},
        ),
    ]


def test_a_manifest_may_be_packed_and_of_any_name(manifest):
    packed = gzip.compress(lines({"input_s3_uri": A}).encode())
    assert [document.input_s3_uri for document in manifest("m.jsonl.gz", packed)] == [A]
    assert [document.input_s3_uri for document in manifest("today", packed, format="jsonl")] == [A]


def test_a_manifest_can_be_looked_up(manifest, s3):
    s3.put_object(Bucket="documents", Key="in/a.pdf", Body=b"xyz")
    (document,) = manifest("m.jsonl", lines({"input_s3_uri": A}), look_up=True)
    assert (document.size, bool(document.etag)) == (3, True)


GOOD = lines({"input_s3_uri": A})


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        (
            "m.jsonl",
            GOOD + "{no json}\n",
            r"m.jsonl, line 2: no JSON \(.* at column 2\); write one JSON object a line",
        ),
        ("m.jsonl", GOOD + "\n[1]\n", "line 3: list is no entry"),
        ("m.jsonl", GOOD + lines({"uri": A}), "line 2: there is no input_s3_uri"),
        ("m.jsonl", lines({"input_s3_uri": "in/a.pdf"}), "line 1: input_s3_uri 'in/a.pdf' is no S3 URI"),
        (
            "m.jsonl",
            lines({"input_s3_uri": A, "project_stage": "live"}),
            "line 1: project_stage: 'live' is not one of",
        ),
        ("m.jsonl", b'{"input_s3_uri": "s3://documents/\xff"}', "line 1: it is not UTF-8"),
        ("m.jsonl", b" " * (1024 * 1024 + 5), None),
        ("m.jsonl", b'"' + b"x" * (1024 * 1024), "line 1: more than 1,048,576 bytes"),
        (
            "m.jsonl",
            lines(*[{"input_s3_uri": A, "document_id": "x"}] * 2),
            "lines 1 and 2 both have document_id 'x'",
        ),
        (
            "m.jsonl",
            GOOD + lines({"input_s3_uri": "s3://not-there-at-all/a.pdf"}),
            "line 2: there is no bucket not-there",
        ),
        ("m.jsonl.gz", gzip.compress(b"x" * 500_000)[:-9], "it is no whole gzip file"),
        ("m.csv", "", "line 1: the header has no column 'input_s3_uri'"),
        ("m.csv", "uri,x\n", r"line 1: .* pass s3_uri_column= \(there are: uri, x\)"),
        ("m.csv", "input_s3_uri,x,x\n", "line 1: a column of the header has no name, or one another has"),
        ("m.csv", f"input_s3_uri,x\n{A},1\n{A}\n", "line 3: 1 cells under a header of 2"),
        ("m.csv", f'input_s3_uri,x\n{A},"1\n', "line 2: no CSV .* a quote that is not closed"),
        ("m.csv", f"input_s3_uri,tags\n{A},x=y\n", 'line 2: tags is no JSON .* write {"team": "claims"}'),
        (
            "m.csv",
            b"input_s3_uri\ns3://documents/a.pdf\ns3://documents/\xfc.pdf\n",
            "line 3: it is not UTF-8",
        ),
        ("m.csv", f"input_s3_uri,size\n{A},big\n", "line 2: size 'big' is no number of bytes"),
    ],
)
def test_a_wrong_manifest_names_line_and_mend(manifest, name, body, words):
    if words is None:
        assert manifest(name, body) == []
        return
    with pytest.raises(BdaInputError, match=words) as error:
        manifest(name, body)
    assert str(error.value).startswith("manifest s3://documents/m.")
    assert "Nothing was submitted" in str(error.value)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://documents/gone.jsonl", "there is no such object in bucket documents"),
        ("s3://not-there-at-all/gone.jsonl", "there is no bucket not-there-at-all"),
    ],
)
def test_a_manifest_that_is_not_there(s3, uri, words):
    with pytest.raises(BdaInputError, match=words):
        list(Manifest(uri).documents(s3))


def test_a_manifest_that_may_not_be_read(aws, s3):
    s3.put_object(Bucket="documents", Key="m.jsonl", Body=GOOD.encode())
    aws.fault(Fault(operation="s3:*", error="AccessDenied", status=403))
    with pytest.raises(
        BdaInputError, match="access is denied; allow s3:GetObject on it; without s3:ListBucket"
    ):
        list(Manifest("s3://documents/m.jsonl").documents(s3))


@pytest.mark.parametrize(
    "arguments", [{"uri": "s3://documents/m.txt"}, {"uri": "s3://documents/m.csv", "format": "xml"}]
)
def test_a_manifest_of_no_known_format_is_refused_in_the_dag_file(arguments):
    with pytest.raises(BdaInputError, match="format"):
        Manifest(**arguments)


class Breaking:
    """A client of which the connection breaks in every other body; no fault of the emulator does."""

    def __init__(self, s3):
        self.s3 = s3
        self.reads = 0

    def __getattr__(self, name):
        return getattr(self.s3, name)

    def get_object(self, **arguments):
        self.reads += 1
        answer = self.s3.get_object(**arguments)
        return {"Body": self} if self.reads % 2 else answer

    def read(self):
        raise IncompleteReadError(actual_bytes=1, expected_bytes=2)


def test_a_manifest_is_read_in_ranges_and_a_broken_body_is_read_again(s3, monkeypatch):
    monkeypatch.setattr(objects, "CHUNK", 4_000)
    entries = [{"input_s3_uri": f"s3://documents/in/{number}.pdf"} for number in range(500)]
    body = lines(*entries).encode()
    s3.put_object(Bucket="documents", Key="m.jsonl", Body=body)
    client = Breaking(s3)
    found = list(Manifest("s3://documents/m.jsonl").documents(client))
    assert [document.input_s3_uri for document in found] == [entry["input_s3_uri"] for entry in entries]
    assert client.reads == 2 * -(-len(body) // 4_000)


def test_a_manifest_that_changes_while_it_is_read_is_an_error(s3, monkeypatch):
    monkeypatch.setattr(objects, "CHUNK", 4_000)
    entries = [{"input_s3_uri": f"s3://documents/in/{number}.pdf"} for number in range(500)]
    s3.put_object(Bucket="documents", Key="m.jsonl", Body=lines(*entries).encode())
    documents = Manifest("s3://documents/m.jsonl").documents(s3)
    next(documents)
    s3.put_object(Bucket="documents", Key="m.jsonl", Body=lines(*reversed(entries)).encode())
    with pytest.raises(BdaInputError, match="it changed while it was read"):
        list(documents)


# --- S3 Inventory ------------------------------------------------------------------------------

SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"
ROWS = [
    ("documents", "in/a b+c.pdf", "v2", True, False, 7, "e1"),
    ("documents", "in/a b+c.pdf", "v1", False, False, 6, "e0"),
    ("documents", "in/gone.pdf", "v3", True, True, None, None),
    ("documents", "in/folder/", "v4", True, False, 0, "e3"),
    ("documents", "in/\u00fc.mp3", "v5", True, False, 9, "e4"),
]
EXPECTED = [
    Document(
        document_id=document_id_of("s3://documents/in/a b+c.pdf", "e1"),
        input_s3_uri="s3://documents/in/a b+c.pdf",
        etag="e1",
        size=7,
    ),
    Document(
        document_id=document_id_of("s3://documents/in/\u00fc.mp3", "e4"),
        input_s3_uri="s3://documents/in/\u00fc.mp3",
        etag="e4",
        size=9,
        modality="audio",
    ),
]


def csv_part(rows=ROWS):
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    for bucket, key, version, latest, deleted, size, etag in rows:
        flags = [str(flag).lower() for flag in (latest, deleted)]
        writer.writerow(
            [
                bucket,
                quote_plus(key, safe="/"),
                version,
                *flags,
                "" if size is None else size,
                "2026-11-22T00:00:00.000Z",
                etag or "",
            ]
        )
    return gzip.compress(text.getvalue().encode())


def parquet_part():
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    names = ["bucket", "key", "version_id", "is_latest", "is_delete_marker", "size", "e_tag"]
    table = pyarrow.table(dict(zip(names, map(list, zip(*ROWS, strict=True)), strict=True)))
    file = io.BytesIO()
    parquet.write_table(table, file, row_group_size=2)
    return file.getvalue()


@pytest.fixture
def inventory(s3, manifest):
    """Put an inventory of these parts and read it."""

    def inventory(*parts, kind="CSV", schema=SCHEMA, **changes):
        files = []
        for number, part in enumerate(parts):
            key = f"inventory/data/{number}.part"
            s3.put_object(Bucket="documents", Key=key, Body=part)
            files.append({"key": key, "size": len(part), "MD5checksum": "0"})
        text = {
            "sourceBucket": "documents",
            "destinationBucket": "arn:aws:s3:::documents",
            "version": "2016-11-30",
            "creationTimestamp": "1514944800000",
            "fileFormat": kind,
            "fileSchema": schema,
            "files": files,
            **changes,
        }
        return manifest("inventory/manifest.json", json.dumps(text))

    return inventory


def test_an_inventory_of_csv(inventory):
    more = [("documents", "in/more.pdf", "v", True, False, 1, "e9")]
    found = inventory(csv_part(), csv_part(more))
    assert found[:2] == EXPECTED
    assert [document.input_s3_uri for document in found[2:]] == ["s3://documents/in/more.pdf"]


def test_an_inventory_of_current_versions_with_the_least_columns(inventory):
    part = gzip.compress(b'"documents","in/a.pdf"\n"documents","in/b.pdf"\n')
    found = inventory(part, schema="Bucket, Key")
    assert [document.to_json() for document in found] == [
        {"document_id": document_id_of(uri), "input_s3_uri": uri, "modality": "document"}
        for uri in ("s3://documents/in/a.pdf", "s3://documents/in/b.pdf")
    ]


def test_an_inventory_of_parquet(inventory):
    schema = "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);}"
    assert inventory(parquet_part(), kind="Parquet", schema=schema) == EXPECTED


def test_parquet_without_pyarrow_says_what_to_install(inventory, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BdaInputError, match=r"pip install 'airflow-provider-bda\[parquet\]'"):
        inventory(b"PAR1", kind="Parquet")


@pytest.mark.parametrize(
    ("parts", "changes", "words"),
    [
        (
            [b""],
            {"kind": "ORC"},
            "inventories of format ORC cannot be read; configure the inventory as CSV or Parquet",
        ),
        ([csv_part()], {"schema": "Bucket, Size"}, "its schema has no key"),
        ([csv_part()], {"schema": "Bucket, Key"}, "data/0.part, row 1: 8 cells, and its fileSchema has 2"),
        ([csv_part([("documents", "a.pdf", "v", True, False, "big", "e")])], {}, "row 1: invalid literal"),
        ([b'"documents","\xff.pdf"'], {"schema": "Bucket, Key"}, "data/0.part: it is no CSV in UTF-8"),
        ([b'"documents","a.pdf"x'], {"schema": "Bucket, Key"}, "data/0.part: it is no CSV in UTF-8"),
        ([b"no parquet"], {"kind": "Parquet"}, "inventory part s3://documents/inventory/data/0.part: "),
        (
            [],
            {"files": [{"key": "gone.csv.gz"}]},
            "inventory part s3://documents/gone.csv.gz: there is no such object",
        ),
        ([], {"files": None}, "it is no manifest of S3 Inventory"),
    ],
)
def test_a_broken_inventory_is_a_clear_error(inventory, parts, changes, words):
    with pytest.raises(BdaInputError, match=words) as error:
        inventory(*parts, **changes)
    assert "Nothing was submitted" in str(error.value)


def test_any_other_manifest_json_is_refused(manifest):
    with pytest.raises(BdaInputError, match='pass format="jsonl"'):
        manifest("manifest.json", GOOD)
