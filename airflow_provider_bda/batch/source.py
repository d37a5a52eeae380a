"""Where a batch's documents come from: a prefix, a manifest, a list.

A source is a small description that a Dag file makes and Airflow renders; on the worker it streams documents, each judged by
the batch's rules, and fails on the first thing that cannot be meant, before anything is submitted.
"""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from airflow_provider_bda._checks import check_s3_uri, is_rendered
from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.batch.checks import Rules, checked
from airflow_provider_bda.batch.document import Document, document_id_of
from airflow_provider_bda.batch.entry import URI_COLUMN, document_of
from airflow_provider_bda.batch.inventory import inventory_rows
from airflow_provider_bda.batch.lookup import looked_up
from airflow_provider_bda.batch.manifest import Found, at, csv_rows, json_lines
from airflow_provider_bda.batch.objects import Buckets, refusals
from airflow_provider_bda.batch.unique import Seen
from airflow_provider_bda.exceptions import BdaInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

log = logging.getLogger(__name__)

_READERS: Mapping[str, Callable[[Any, str, str], Iterator[Found]]] = {
    "jsonl": json_lines,
    "csv": csv_rows,
    "inventory": lambda s3, uri, _: inventory_rows(s3, uri),
}
#: End of a manifest's URI -> its format.
_ENDINGS = {
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".csv": "csv",
    ".csv.gz": "csv",
    "manifest.json": "inventory",
}


@runtime_checkable
class Source(Protocol):
    """What a batch asks of its source."""

    def documents(self, s3: Any, rules: Rules | None = None) -> Iterator[Document]:
        """Stream the documents, each id once.

        :param s3: a boto3 S3 client.
        :param rules: what the batch takes; refused ones come with their reason.
        :raises BdaInputError: the source cannot be read, or an entry of it is wrong.
        """
        ...

    def describe(self) -> str:
        """Answer what it is, for a log line."""
        ...


class _Described:
    """Shows what was given only, the same in every process: Airflow compares it to tell one Dag version from another."""

    def __repr__(self) -> str:
        shown = [(item.name, item.default, getattr(self, item.name)) for item in fields(self)]  # type: ignore[arg-type]
        given = ", ".join(f"{name}={_plain(value)!r}" for name, default, value in shown if value != default)
        return f"{type(self).__name__}({given})"


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | tuple | list) or value is None else str(value)


@dataclass(repr=False)
class S3Prefix(_Described):
    """The files below a prefix.

    All but ``recursive`` may be templates. A reference to another task's output inside of it is resolved, but sets no
    dependency: say ``upstream >> batch``.

    :param uri: ``s3://bucket/folder/``; read as a folder, with or without the slash.
    :param pattern: a glob on the key below the prefix, as in :mod:`fnmatch`: ``*`` also matches slashes.
    :param suffix: how a file's name ends, or several of them; case does not matter.
    :param modified_since: files modified at this moment or later: a datetime or ISO text, UTC if it does not say.
    :param modified_before: and before this one, so that neighbouring intervals share no file.
    :param min_size: bytes, inclusive.
    :param max_size: bytes, inclusive. Larger files are passed over, not rejected.
    :param recursive: False leaves out what lies in folders below.
    :raises BdaInputError: an argument cannot be meant.
    """

    template_fields: ClassVar[Sequence[str]] = (
        "uri",
        "pattern",
        "suffix",
        "modified_since",
        "modified_before",
        "min_size",
        "max_size",
    )

    uri: str
    _: KW_ONLY
    pattern: str | None = None
    suffix: str | tuple[str, ...] | list[str] | None = None
    modified_since: datetime | str | None = None
    modified_before: datetime | str | None = None
    min_size: int | str | None = None
    max_size: int | str | None = None
    recursive: bool = True

    def __post_init__(self) -> None:
        given = [getattr(self, name) for name in self.template_fields]
        if all(isinstance(value, datetime) or is_rendered(value) for value in given):
            self._filter()

    def describe(self) -> str:
        """Answer what it is, for a log line."""
        return repr(self)

    def documents(self, s3: Any, rules: Rules | None = None) -> Iterator[Document]:
        """Stream the files of the listing that pass the filter, in the order of their keys."""
        rules = rules or Rules()
        chosen = self._filter()
        output = _folder(rules.output_s3_uri) if rules.output_s3_uri else None
        if output == chosen.folder:
            raise BdaInputError(
                f"source: {chosen.folder} is also output_s3_uri, so the next run would buy this one's output. Write to "
                "another prefix; it may lie below the source"
            )
        return self._listed(s3, rules, chosen, output)

    def _listed(self, s3: Any, rules: Rules, chosen: _Filter, output: str | None) -> Iterator[Document]:
        bucket, folder = split_s3_uri(chosen.folder)
        Buckets(s3, rules.region_name).check(bucket, "source")
        skipped = split_s3_uri(output)[1] if output and output.startswith(chosen.folder) else None
        where: dict[str, Any] = {"Bucket": bucket, "Prefix": folder + chosen.head}
        if not self.recursive:
            where["Delimiter"] = "/"
        with refusals("source", f"s3://{bucket}/{folder}", "s3:ListBucket"):
            for page in s3.get_paginator("list_objects_v2").paginate(**where):
                for item in page.get("Contents", ()):
                    if skipped is not None and item["Key"].startswith(skipped):
                        continue
                    if chosen.takes(item["Key"][len(folder) :], item):
                        yield checked(_listed_document(bucket, item), rules)

    def _filter(self) -> _Filter:
        folder = _folder(self.uri)
        since, before = (
            _moment("modified_since", self.modified_since),
            _moment("modified_before", self.modified_before),
        )
        _check_interval(since, before)
        smallest, largest = _bytes("min_size", self.min_size), _bytes("max_size", self.max_size)
        if smallest is not None and largest is not None and smallest > largest:
            raise BdaInputError(
                f"min_size, max_size: no file has {smallest} or more and {largest} or less bytes"
            )
        suffixes = (self.suffix,) if isinstance(self.suffix, str) else tuple(self.suffix or ())
        return _Filter(
            folder=folder,
            pattern=self.pattern or None,
            suffixes=tuple(suffix.lower() for suffix in suffixes if suffix),
            since=since,
            before=before,
            smallest=smallest,
            largest=largest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    """A rendered :class:`S3Prefix`."""

    folder: str
    pattern: str | None
    suffixes: tuple[str, ...]
    since: datetime | None
    before: datetime | None
    smallest: int | None
    largest: int | None

    @property
    def head(self) -> str:
        """What every match of the pattern begins with: S3 need not list the rest."""
        pattern = self.pattern or ""
        magic = [place for place in map(pattern.find, "*?[") if place >= 0]
        return pattern[: min(magic)] if magic else pattern

    def takes(self, name: str, item: Mapping[str, Any]) -> bool:
        """Tell whether a file of the listing is meant; a console's folder mark never is."""
        size, modified = item["Size"], item["LastModified"]
        return (
            bool(name)
            and not name.endswith("/")
            and (self.pattern is None or fnmatch.fnmatchcase(name, self.pattern))
            and (not self.suffixes or name.lower().endswith(self.suffixes))
            and (self.since is None or modified >= self.since)
            and (self.before is None or modified < self.before)
            and (self.smallest is None or size >= self.smallest)
            and (self.largest is None or size <= self.largest)
        )


@dataclass(repr=False)
class Manifest(_Described):
    """A file on S3 that names the documents: JSON lines, CSV, or the ``manifest.json`` of S3 Inventory.

    A line has ``input_s3_uri`` and, if wanted, ``document_id``, ``etag``, ``size``, the overrides ``project``,
    ``project_stage``, ``blueprints``, ``tags``, ``video_segment``, and anything else, which travels into the results as
    ``extra``. In CSV, ``blueprints``, ``tags`` and ``video_segment`` are JSON. JSON lines and CSV may be packed with gzip.

    :param uri: of the manifest (templated).
    :param format: "jsonl", "csv" or "inventory"; None tells it by the name (templated).
    :param s3_uri_column: the member or column with the file's URI (templated).
    :param look_up: ask S3 for the size and ETag of files of which the manifest does not tell them: one call each.
    :raises BdaInputError: an argument cannot be meant.
    """

    template_fields: ClassVar[Sequence[str]] = ("uri", "format", "s3_uri_column")

    uri: str
    _: KW_ONLY
    format: str | None = None
    s3_uri_column: str = URI_COLUMN
    look_up: bool = False

    def __post_init__(self) -> None:
        if is_rendered(self.uri) and is_rendered(self.format):
            self._format()

    def describe(self) -> str:
        """Answer what it is, for a log line."""
        return repr(self)

    def documents(self, s3: Any, rules: Rules | None = None) -> Iterator[Document]:
        """Stream the documents in the manifest's order."""
        found = _READERS[self._format()](s3, self.uri, self.s3_uri_column)
        return _resolved(found, f"manifest {self.uri}", s3, rules or Rules(), look_up=self.look_up)

    def _format(self) -> str:
        check_s3_uri("manifest", self.uri)
        if self.format:
            if self.format not in _READERS:
                raise BdaInputError(f"format: {self.format!r} is not one of {', '.join(_READERS)}")
            return self.format
        found = _format_of(self.uri)
        if found is None:
            raise BdaInputError(
                f"manifest: the name of {self.uri!r} does not tell its format (by {', '.join(_ENDINGS)}); pass format="
            )
        return found


@dataclass(repr=False)
class Listed(_Described):
    """A list of URIs, or of dicts with the members of a manifest's line. S3 is asked for size and ETag of each."""

    entries: Sequence[Any]

    def describe(self) -> str:
        """Answer what it is, for a log line."""
        return f"a list of {len(self.entries)}"

    def documents(self, s3: Any, rules: Rules | None = None) -> Iterator[Document]:
        """Stream the documents in the list's order."""
        return _resolved(self._found(), "source", s3, rules or Rules(), look_up=True)

    def _found(self) -> Iterator[Found]:
        for number, entry in enumerate(self.entries, 1):
            with at(f"source, entry {number}"):
                document, given = document_of(entry)
            yield Found(document, number, given)


def source_of(value: Any) -> Source:
    """Answer the source that a rendered ``source=`` means.

    :param value: a source, a list of URIs or dicts, or a string: a prefix if it ends in "/", a manifest by ``.jsonl``,
        ``.csv`` or ``manifest.json``.
    :raises BdaInputError: it means none.
    """
    if isinstance(value, S3Prefix | Manifest | Listed):
        return value
    if isinstance(value, str):
        return _source_of_text(value)
    if isinstance(value, Mapping | bytes) or not hasattr(value, "__iter__"):
        if isinstance(value, Source):
            return value
        raise BdaInputError(
            f"source: {type(value).__name__} is none; pass S3Prefix(...), Manifest(...), a list of URIs or dicts, or a string"
        )
    return Listed(list(value))


def _source_of_text(value: str) -> Source:
    if value.lstrip().startswith(("[", "{")):
        raise BdaInputError(
            "source: a template rendered to the text of a list; pass the task's output itself (source=op.output), or set "
            "render_template_as_native_obj=True on the Dag"
        )
    check_s3_uri("source", value)
    if value.endswith("/"):
        return S3Prefix(value)
    if _format_of(value):
        return Manifest(value)
    raise BdaInputError(
        f"source: {value!r} is neither a prefix (it would end in '/') nor a manifest ({', '.join(_ENDINGS)}); for one file "
        f"write source=[{value!r}], for a manifest of another name Manifest({value!r}, format=...)"
    )


def _format_of(uri: str) -> str | None:
    return next((kind for ending, kind in _ENDINGS.items() if uri.lower().endswith(ending)), None)


def _resolved(
    found: Iterable[Found], name: str, s3: Any, rules: Rules, *, look_up: bool
) -> Iterator[Document]:
    """Answer the documents: of buckets that will do, with what S3 tells if wanted, each id once, judged."""
    found = _in_reach(found, name, Buckets(s3, rules.region_name))
    found = looked_up(found, s3) if look_up else found
    for document in _once(found, name):
        yield checked(document, rules)


def _in_reach(found: Iterable[Found], name: str, buckets: Buckets) -> Iterator[Found]:
    for one in found:
        buckets.check(split_s3_uri(one.document.input_s3_uri)[0], f"{name}, line {one.line}")
        yield one


def _once(found: Iterable[Found], name: str) -> Iterator[Document]:
    again, first_again = 0, ""
    with Seen() as seen:
        for document, line, given in found:
            before = seen.before(document.document_id, line, given=given)
            if before is None:
                yield document
            elif given or before[1]:
                raise BdaInputError(
                    f"{name}: lines {before[0]} and {line} both have document_id {document.document_id!r}; give each document "
                    "its own. Nothing was submitted"
                )
            else:
                again += 1
                first_again = first_again or f"line {line} is line {before[0]} again"
    if again:
        log.warning(
            "%s: %d of its lines name a file that was named before (%s, for one). Each is one document, taken once",
            name,
            again,
            first_again,
        )


def _listed_document(bucket: str, item: Mapping[str, Any]) -> Document:
    uri, etag = f"s3://{bucket}/{item['Key']}", item["ETag"].strip('"')
    return Document(document_id=document_id_of(uri, etag), input_s3_uri=uri, etag=etag, size=item["Size"])


def _folder(uri: str) -> str:
    check_s3_uri("source", uri)
    return uri.rstrip("/") + "/"


def _moment(name: str, value: datetime | str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
    except (ValueError, AttributeError):
        raise BdaInputError(
            f"{name}: {value!r} is no time; write ISO 8601, such as 2026-11-22T00:00:00Z. (A run that was started by hand or "
            "by an asset has no data interval: its template renders to 'None' or to nothing.)"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check_interval(since: datetime | None, before: datetime | None) -> None:
    if since is None or before is None or since < before:
        return
    if since > before:
        raise BdaInputError(
            f"modified_since, modified_before: {since.isoformat()} is after {before.isoformat()}"
        )
    raise BdaInputError(
        f"modified_since, modified_before: both are {since.isoformat()}, so no file could be between them. In Airflow 3 a Dag "
        "with a cron schedule has data_interval_start == data_interval_end; give it "
        "schedule=CronDataIntervalTimetable(..., timezone=...) from airflow.timetables.interval (or set "
        "[scheduler] create_cron_data_intervals), or compute the bounds yourself"
    )


def _bytes(name: str, value: int | str | None) -> int | None:
    if value is None or (type(value) is int and value >= 0):
        return value
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    raise BdaInputError(f"{name}: {value!r} is no number of bytes")
