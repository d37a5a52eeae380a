"""The worker's part before an engine runs: the source becomes a manifest, a try becomes a run's orders.

A batch is found again by its id, so a retry reads what an earlier try wrote. The plan is written last: without it
the manifest is not whole, nothing was submitted, and it is written anew.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.batch._files import (
    copy_of,
    objects_under,
    read_json,
    storage,
    write_json,
)
from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.index import Verdict, index_key
from airflow_provider_bda.batch.layout import SEGMENT
from airflow_provider_bda.batch.ledger import lines
from airflow_provider_bda.batch.plan import FORMAT, Plan, Run, orders_for
from airflow_provider_bda.batch.work import request_for
from airflow_provider_bda.exceptions import BdaError, BdaInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_provider_bda.batch.index import ProcessedIndex
    from airflow_provider_bda.batch.layout import BatchLayout

#: Documents asked for in the index at a time: a claim costs calls by the shard, not by the document.
CLAIM = 25_000
OTHERS = "another batch has processed it or is about to"


@dataclass(slots=True)
class Incremental:
    """Which documents other batches have processed already.

    :param index: the index.
    :param until: epoch seconds until which the documents claimed are this batch's; None only looks.
    :param versions: what of the project decides what is extracted, beside the request.
    """

    index: ProcessedIndex
    until: float | None
    versions: Mapping[str, Any]
    processed: int = 0
    leased: int = 0

    def key(self, run: Run, document: Document) -> bytes:
        """Answer what the index knows a document by."""
        request = {**request_for(run, document), "versions": self.versions}
        return index_key(document.input_s3_uri, document.etag, request)

    def new_ones(self, documents: Iterable[Document], run: Run, owner: str) -> Iterator[Document]:
        """Pass on the documents nobody has processed and nobody else is about to."""
        waiting: list[Document] = []
        for document in documents:
            waiting.append(document)
            if len(waiting) == CLAIM:
                yield from self._claimed(waiting, run, owner)
                waiting = []
        if waiting:
            yield from self._claimed(waiting, run, owner)

    def _claimed(self, documents: list[Document], run: Run, owner: str) -> Iterator[Document]:
        keys = [self.key(run, document) for document in documents if document.rejection is None]
        if self.until is None:
            verdicts = iter(self.index.look(keys, now=time.time()))
        else:
            verdicts = iter(self.index.claim(keys, owner=owner, until=self.until, now=time.time()))
        for document in documents:
            verdict = Verdict.NEW if document.rejection is not None else next(verdicts)
            if verdict is Verdict.NEW:
                yield document
            elif verdict is Verdict.PROCESSED:
                self.processed += 1
            else:
                self.leased += 1


def read_plan(s3: Any, layout: BatchLayout) -> Plan | None:
    """Answer the plan an earlier try has written, if any.

    :raises BdaError: a newer release has written it.
    """
    kept = read_json(s3, layout.plan)
    if kept is None:
        return None
    plan = Plan.from_json(kept)
    if plan.format > FORMAT:
        raise BdaError(
            f"{layout.plan} was written by a newer release of airflow-provider-bda (format {plan.format}, this one reads "
            f"{FORMAT}). Upgrade this worker; nothing was submitted"
        )
    return plan


def write_plan(
    s3: Any,
    layout: BatchLayout,
    documents: Iterable[Document],
    *,
    source: str,
    identity: Mapping[str, Any],
    skipped: Callable[[], int],
    estimate: Callable[[], Mapping[str, Any]],
    tagging: Mapping[str, str],
) -> Plan:
    """Write the manifest, a segment at a time, and then the plan.

    :param skipped: answers how many documents were left out, once all have been read.
    :param estimate: answers what they will take, likewise.
    :param tagging: arguments of PutObject.
    :raises BdaInputError: the source cannot be read, or an entry of it is wrong.
    """
    segment: list[bytes] = []
    total = rejected = number = 0
    for document in documents:
        segment.append(json.dumps(document.to_json(), separators=(",", ":")).encode())
        total += 1
        rejected += document.rejection is not None
        if len(segment) == SEGMENT:
            _put(s3, layout.manifest(number), b"\n".join(segment), tagging)
            number += 1
            segment = []
    if segment:
        _put(s3, layout.manifest(number), b"\n".join(segment), tagging)
        number += 1
    plan = Plan(
        batch_id=layout.batch_id,
        documents=total,
        segments=number,
        rejected=rejected,
        skipped=skipped(),
        source=source,
        created_at=time.time(),
        estimate=dict(estimate()),
        identity=dict(identity),
    )
    write_json(s3, layout.plan, plan.to_json(), **tagging)
    return plan


def has_ended(s3: Any, layout: BatchLayout) -> bool:
    """Tell whether a batch has come to an end before."""
    return read_json(s3, layout.summary) is not None


def reopen(s3: Any, layout: BatchLayout) -> None:
    """Take the summary of a batch away that has ended and goes on now."""
    if has_ended(s3, layout):
        bucket, key = split_s3_uri(layout.summary)
        with storage("delete", layout.summary):
            s3.delete_object(Bucket=bucket, Key=key)


def claim_again(
    s3: Any, layout: BatchLayout, plan: Plan, run: Run, incremental: Incremental, tagging: Mapping[str, str]
) -> int:
    """Claim what is left to do for this batch, whose leases have gone; leave to others what is theirs by now.

    :return: how many documents are left to others.
    """
    before = incremental.processed + incremental.leased
    for number in range(plan.segments):
        statuses = statuses_in(s3, layout, number)
        with copy_of(s3, layout.manifest(number)) as (manifest, _):
            documents = [Document.from_json(json.loads(line)) for line in manifest]
        places = {document.document_id: place for place, document in enumerate(documents)}
        left = [document for document in documents if statuses.get(document.document_id) != "succeeded"]
        new = {document.document_id for document in incremental.new_ones(left, run, layout.batch_id)}
        skips = [
            {"k": "skip", "i": places[document.document_id], "r": run.number, "words": OTHERS}
            for document in left
            if document.document_id not in new
        ]
        if skips:
            name = f"{int(time.time() * 1000):013d}-{uuid.uuid4().hex}-000000.jsonl"
            _put(s3, layout.ledger(number) + name, lines(skips), tagging)
    return incremental.processed + incremental.leased - before


def statuses_in(s3: Any, layout: BatchLayout, number: int) -> dict[str, str]:
    """Answer the status of each document of a segment that has a row, by its id."""
    try:
        with copy_of(s3, layout.part(number)) as (part, _):
            rows = (json.loads(line) for line in part)
            return {row["document_id"]: row["status"] for row in rows}
    except FileNotFoundError:
        return {}  # nothing of it was begun


def read_runs(s3: Any, layout: BatchLayout) -> list[Run]:
    """Answer the orders of every run so far."""
    found = [read_json(s3, uri) for uri, _ in objects_under(s3, layout.runs)]
    return [Run.from_json(orders) for orders in found if orders is not None]


def write_run(
    s3: Any, layout: BatchLayout, draft: Run, runs: list[Run], *, redrive: str, tagging: Mapping[str, str]
) -> Run:
    """Write the orders of the next run.

    :param draft: its orders but for number, beginning and what is done again.
    :param runs: those so far.
    :raises BdaError: another worker runs the same task instance at this moment.
    """
    orders = orders_for(runs[-1] if runs else None, max_tries=draft.max_tries, redrive=redrive)
    run = replace(draft, **orders)
    body = json.dumps(run.to_json(), indent=2).encode()
    try:
        _put(s3, layout.run(run.number), body, {**tagging, "IfNoneMatch": "*"})
    except BdaError as error:
        there = read_json(s3, layout.run(run.number))
        if there is None:
            raise
        # botocore may have repeated a call whose answer was lost: then what is there is ours.
        if there != json.loads(body):
            raise BdaError(
                f"{layout.run(run.number)} is there already: another worker has begun this try of the batch. A retry goes "
                "on from there"
            ) from error
    return run


def _put(s3: Any, uri: str, body: bytes, more: Mapping[str, str]) -> None:
    bucket, key = split_s3_uri(uri)
    with storage("write", uri):
        s3.put_object(Bucket=bucket, Key=key, Body=body, **more)


@dataclass(frozen=True, slots=True)
class Resolver:
    """Turns names in the overrides of a manifest into ARNs, each looked up once.

    :param project_arn: answers a project's ARN.
    :param blueprint_arn: answers a blueprint's ARN.
    """

    project_arn: Callable[[str], str]
    blueprint_arn: Callable[[str], str]
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def resolved(self, document: Document) -> Document:
        """Answer the document with ARNs in its overrides.

        :raises BdaInputError: a name is unknown or ambiguous; the document is named.
        """
        own = dict(document.overrides)
        if not own.get("project") and not own.get("blueprints"):
            return document
        try:
            if project := own.get("project"):
                own["project"] = self._look("project", project, self.project_arn)
            if blueprints := own.get("blueprints"):
                own["blueprints"] = [self._blueprint(blueprint) for blueprint in blueprints]
        except BdaInputError as error:
            raise BdaInputError(
                f"document {document.document_id} ({document.input_s3_uri}): {error}"
            ) from error
        return replace(document, overrides=own)

    def _blueprint(self, blueprint: Any) -> dict[str, Any]:
        if isinstance(blueprint, str):
            return {"blueprintArn": self._look("blueprint", blueprint, self.blueprint_arn)}
        arn = self._look("blueprint", blueprint["blueprintArn"], self.blueprint_arn)
        return {**blueprint, "blueprintArn": arn}

    def _look(self, kind: str, name: str, find: Callable[[str], str]) -> str:
        key = (kind, name)
        if key not in self._known:
            self._known[key] = find(name)
        return self._known[key]
