"""The rows of a batch, streamed from its parts on S3, also while it runs.

A part holds at most 10,000 rows and is copied to disk while it is read; no more than a row is in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch._files import copy_of, objects_under, read_json, s3_of
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.rows import MEMBERS, STATUSES, Row, is_row
from airflow_provider_bda.exceptions import BdaError, BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

#: What ``iter_results`` passes on: a dict of a row's members and the values they must have, or a function of a row.
Where = Mapping[str, Any] | Callable[[Row], Any]

#: URIs that :func:`result_parts` answers at most: Airflow maps a task over no more than 1,024 by default.
MOST_PARTS = 500
_PART = re.compile(r"part-(\d{5,})\.jsonl")
#: Several parts under one name, first and last number included. No object has it: "#" is not in a batch's keys.
_GROUP = re.compile(r"(?P<batch>s3://.+)/results/#(?P<first>\d+)-(?P<last>\d+)")
_ONE = re.compile(r"(?P<batch>s3://.+)/results/part-(?P<first>\d{5,})\.jsonl")


def iter_results(
    batch_uri: str,
    where: Where | None = None,
    *,
    aws_conn_id: str | None = "aws_default",
    region_name: str | None = None,
    hook: BdaBaseHook | None = None,
) -> Iterator[Row]:
    """Stream what became of a batch's documents, in the order of its source.

    While the batch runs, these are the documents of the segments that are closed by now. The objects the rows name
    are not read: pass ``row.output_s3_uri`` to ``BedrockDataAutomationRuntimeHook.get_results``.

    :param batch_uri: an operator's ``batch_s3_uri``, its ``results_s3_uri``, or one of its ``result_parts``.
    :param where: ``{"status": "failed"}`` or a function of a row; None for all.
    :param aws_conn_id: the Airflow connection that may read the batch.
    :param region_name: the AWS Region; None for the connection's.
    :param hook: a hook of this package, in the place of the two.
    :raises BdaInputError: there is no such batch, or ``where`` names what no row has.
    :raises BdaError: S3 refuses it, or a part is damaged.
    """
    wanted = _condition(where)
    s3 = s3_of(hook or BdaBaseHook(aws_conn_id=aws_conn_id, region_name=region_name))
    return (row for row in _rows(s3, batch_uri) if wanted(row))


def result_parts(
    batch_uri: str,
    *,
    aws_conn_id: str | None = "aws_default",
    region_name: str | None = None,
    hook: BdaBaseHook | None = None,
) -> list[str]:
    """Answer at most 500 URIs for a downstream task to map over; :func:`iter_results` reads each.

    A part has at most 10,000 rows. Where there are more than 500 parts, neighbours share a URI of the form
    ``{batch_s3_uri}/results/#0-3`` (parts 0 to 3), which only :func:`iter_results` understands.

    :raises BdaInputError: there is no such batch.
    :raises BdaError: S3 refuses it.
    """
    s3 = s3_of(hook or BdaBaseHook(aws_conn_id=aws_conn_id, region_name=region_name))
    return grouped(BatchLayout(batch_uri.rstrip("/")), part_uris(s3, batch_uri))


def grouped(layout: BatchLayout, parts: Sequence[str]) -> list[str]:
    """Answer the parts, or names of as even groups of neighbours as there may be."""
    if len(parts) <= MOST_PARTS:
        return list(parts)
    edges = [len(parts) * index // MOST_PARTS for index in range(MOST_PARTS + 1)]
    numbers = [_number(uri) for uri in parts]
    return [f"{layout.parts}#{numbers[first]}-{numbers[after - 1]}" for first, after in pairwise(edges)]


def part_uris(s3: Any, batch_uri: str) -> list[str]:
    """List the parts there are, in order.

    :param batch_uri: a batch, or what :func:`iter_results` takes.
    :raises BdaInputError: there is no such batch.
    """
    layout, first, last = _meant(batch_uri)
    try:
        found = [uri for uri, _ in objects_under(s3, layout.parts) if _PART.fullmatch(uri.rsplit("/", 1)[1])]
        there = bool(found) or read_json(s3, layout.plan) is not None
    except FileNotFoundError:
        found, there = [], False
    if not there:
        raise BdaInputError(
            f"batch_uri: there is no batch at {layout.batch_s3_uri} (it would have {layout.plan}); pass the "
            "batch_s3_uri that BdaBatchOperator returned"
        )
    within = [uri for uri in found if first <= _number(uri) and (last is None or _number(uri) <= last)]
    if last is not None and not within:
        raise BdaInputError(f"batch_uri: there is no {batch_uri}; the batch has {len(found)} parts")
    return sorted(within, key=_number)


def rows_in(copy: IO[bytes], uri: str) -> Iterator[dict[str, Any]]:
    """Parse a part's lines.

    :raises BdaError: a line is no row.
    """
    for number, line in enumerate(copy, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not is_row(value):
            raise BdaError(f"{uri}, line {number}: this is no row; something else has written it")
        yield value


def _rows(s3: Any, batch_uri: str) -> Iterator[Row]:
    for uri in part_uris(s3, batch_uri):
        with copy_of(s3, uri) as (copy, _):
            for value in rows_in(copy, uri):
                yield Row.from_json(value)


def _meant(uri: str) -> tuple[BatchLayout, int, int | None]:
    """Answer the batch, and the first and last number of the parts that are meant."""
    if not isinstance(uri, str) or not uri.startswith("s3://"):
        raise BdaInputError(f"batch_uri: {uri!r} is not an S3 URI; pass BdaBatchOperator's batch_s3_uri")
    if named := _GROUP.fullmatch(uri) or _ONE.fullmatch(uri):
        first = int(named["first"])
        return BatchLayout(named["batch"]), first, int(named.groupdict().get("last") or first)
    return BatchLayout(uri.rstrip("/").removesuffix("/results.jsonl").removesuffix("/results")), 0, None


def _number(uri: str) -> int:
    return int(_PART.findall(uri)[-1])


def _condition(where: Where | None) -> Callable[[Row], Any]:
    if where is None:
        return lambda _: True
    if callable(where):
        return where
    if unknown := sorted(set(where) - set(MEMBERS)):
        raise BdaInputError(f"where: a row has no {', '.join(unknown)}; it has {', '.join(MEMBERS)}")
    if where.get("status", "failed") not in STATUSES:
        raise BdaInputError(f"where: status {where['status']!r} is not one of {', '.join(STATUSES)}")
    pairs = [(name, tuple(value) if isinstance(value, list) else value) for name, value in where.items()]
    return lambda row: all(getattr(row, name) == value for name, value in pairs)
