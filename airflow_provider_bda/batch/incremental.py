"""Which documents other batches have processed: claimed before a run, told to the index after it.

A document is known by its file, what of its request decides the extraction, and the versions of the blueprints that
names. It is claimed under what holds when a run begins, and committed under what held when its job was submitted.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch._files import copy_of, put_bytes, read_json, write_json
from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.index import Verdict, index_key
from airflow_provider_bda.batch.ledger import lines
from airflow_provider_bda.batch.project_state import name_of, request_of, state_of_job
from airflow_provider_bda.batch.work import request_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_bda.batch.index import ProcessedIndex
    from airflow_provider_bda.batch.layout import BatchLayout
    from airflow_provider_bda.batch.plan import Plan, Run
    from airflow_provider_bda.batch.settle import Open

State = dict[str, Any]
#: Documents asked for in the index at a time: a claim costs calls by the shard, not by the document.
CLAIM = 25_000
OTHERS = "another batch has processed it or is about to"


@dataclass(slots=True)
class States:
    """The states of projects and blueprints at this moment, each read once.

    :param read: reads that of a request.
    :param known: by what the request names.
    """

    read: Callable[[Mapping[str, Any]], State]
    known: dict[str, State] = field(default_factory=dict)

    def of(self, request: Mapping[str, Any]) -> State:
        """Answer the state of a request's project and blueprints."""
        name = name_of(request)
        if name not in self.known:
            self.known[name] = self.read(request)
        return self.known[name]


@dataclass(frozen=True, slots=True)
class Begun:
    """A run, and the states that held when it began.

    :param states: by what a request names.
    """

    run: Run
    states: Mapping[str, State]


@dataclass(slots=True)
class Incremental:
    """One batch's dealings with the index.

    :param index: the index.
    :param until: epoch seconds until which the documents claimed are this batch's; None only looks.
    :param states: what holds now.
    """

    index: ProcessedIndex
    until: float | None
    states: States
    processed: int = 0
    leased: int = 0

    def key(self, run: Run, document: Document) -> bytes:
        """Answer what the index knows a document by that a run would submit now."""
        request = request_for(run, document)
        return _key(document, request, self.states.of(request))

    def key_of_claim(self, begun: Begun, document: Document) -> bytes:
        """Answer what a run has claimed a document by."""
        request = request_for(begun.run, document)
        state = begun.states.get(name_of(request))
        return _key(document, request, self.states.of(request) if state is None else state)

    def key_of_job(self, begun: Begun, document: Document, submitted_at: float | None) -> bytes:
        """Answer what a document is known by whose job was submitted at that time under the orders of that run."""
        request = request_for(begun.run, document)
        now = self.states.of(request)
        before = begun.states.get(name_of(request))
        return _key(document, request, now if before is None else state_of_job(before, now, submitted_at))

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


def _key(document: Document, request: Mapping[str, Any], state: Mapping[str, Any]) -> bytes:
    versions = {"blueprints": state.get("blueprints")}
    return index_key(document.input_s3_uri, document.etag, {**request, "versions": versions})


def write_states(s3: Any, layout: BatchLayout, run: Run, states: States, put: Mapping[str, Any]) -> None:
    """Write down what held when a run began, for documents that name a project or blueprints of their own.

    :param put: further arguments of PutObject.
    """
    own = {name: state for name, state in states.known.items() if name != name_of(run.request)}
    if own:
        write_json(s3, layout.states(run.number), own, **put)


def begun_of(s3: Any, layout: BatchLayout, run: Run) -> Begun:
    """Answer a run with what held when it began."""
    own = read_json(s3, layout.states(run.number)) or {}
    # A run that did not know its project's state did not claim anything.
    return Begun(run, own | ({name_of(run.request): run.project_state} if run.project_state else {}))


def apart(runs: Sequence[Begun]) -> list[Begun]:
    """Answer the runs that may know a document by different keys: of those alike the last."""
    alike = {}
    for begun in runs:
        request = {name: value for name, value in begun.run.request.items() if name != "tags"}
        states = {name: state.get("blueprints") for name, state in begun.states.items()}
        alike[json.dumps([request, states], sort_keys=True)] = begun
    return list(alike.values())


def is_unchanged(before: Begun, run: Run, states: States) -> bool:
    """Tell whether a run would claim each document as an earlier one has.

    :param states: what holds now; what the earlier run has seen is read anew.
    """
    for name in before.states:
        states.of(request_of(name))
    return len(apart([before, Begun(run, states.known)])) == 1


def claim_again(
    s3: Any,
    layout: BatchLayout,
    plan: Plan,
    run: Run,
    incremental: Incremental,
    put: Mapping[str, Any],
    open_jobs: Mapping[int, Open],
) -> int:
    """Claim what is left to do for this batch; leave to others what is theirs by now.

    What has a job already is waited for, whoever else has the document.

    :param put: further arguments of PutObject.
    :param open_jobs: the documents of which a job may be open, by segment.
    :return: how many documents are left to others.
    """
    left_to_others = 0
    for number in range(plan.segments):
        rows = rows_of_part(s3, layout, number)
        with copy_of(s3, layout.manifest(number, plan.draft)) as (manifest, _):
            documents = [Document.from_json(json.loads(line)) for line in manifest]
        places = {document.document_id: place for place, document in enumerate(documents)}
        left = [
            document
            for document in documents
            if (row := rows.get(document.document_id, _NO_ROW))["status"] != "succeeded"
            or run.redoes_outcome("succeeded", row["run"] or 0)
        ]
        new = {document.document_id for document in incremental.new_ones(left, run, layout.batch_id)}
        jobs = open_jobs[number].jobs if number in open_jobs else ()
        skips = [
            {"k": "skip", "i": place, "r": run.number, "words": OTHERS}
            for document in left
            if document.document_id not in new
            and (place := places[document.document_id]) not in jobs
            # What succeeded and is ordered again is bought, whoever has processed it.
            and rows.get(document.document_id, _NO_ROW)["status"] != "succeeded"
        ]
        left_to_others += len(skips)
        if skips:
            name = f"{int(time.time() * 1000):013d}-{uuid.uuid4().hex}-000000.jsonl"
            put_bytes(s3, layout.ledger(number) + name, lines(skips), **put)
    return left_to_others


_NO_ROW: Mapping[str, Any] = {"status": None}


def rows_of_part(s3: Any, layout: BatchLayout, number: int) -> dict[str, dict[str, Any]]:
    """Answer of each document of a segment that has a row its status, run and time of submit, by its id."""
    wanted = ("status", "run", "submitted_at")
    try:
        with copy_of(s3, layout.part(number)) as (part, _):
            rows = (json.loads(line) for line in part)
            return {row["document_id"]: {name: row.get(name) for name in wanted} for row in rows}
    except FileNotFoundError:
        return {}  # nothing of it was begun


def tell_index(
    s3: Any,
    layout: BatchLayout,
    plan: Plan,
    runs: Sequence[Run],
    incremental: Incremental,
    open_jobs: Mapping[int, Open],
) -> int:
    """Tell the index which documents are processed, and let go of those that are free; answer how many it was told.

    Free is what has no job that may be open: never submitted, rejected, or failed by the service's own word.

    :param runs: all of the batch.
    :param open_jobs: the documents of which a job may be open, by segment.
    :raises BdaError: S3 refuses; a retry tells it again.
    """
    begun = [begun_of(s3, layout, run) for run in runs]
    claims = apart(begun)
    told = 0
    for number in range(plan.segments):
        rows = rows_of_part(s3, layout, number)
        kept = open_jobs[number].all if number in open_jobs else frozenset()
        done: list[bytes] = []
        free: list[bytes] = []
        with copy_of(s3, layout.manifest(number, plan.draft)) as (manifest, _):
            for place, line in enumerate(manifest):
                document = Document.from_json(json.loads(line))
                row = rows.get(document.document_id, _NO_ROW)
                if document.rejection is not None or row["status"] == "skipped":
                    continue
                if row["status"] == "succeeded":
                    of_run = begun[row["run"] or 0]
                    done.append(incremental.key_of_job(of_run, document, row["submitted_at"]))
                    if len(claims) == 1:
                        continue
                elif place in kept:
                    continue
                free += {incremental.key_of_claim(claim, document) for claim in claims}
        incremental.index.commit(done, owner=layout.batch_id)
        incremental.index.release(set(free).difference(done), owner=layout.batch_id)
        told += len(done)
    return told
