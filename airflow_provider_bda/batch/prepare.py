"""The worker's part before an engine runs: the source becomes a manifest, a try becomes a run's orders.

A batch is found again by its id, so a retry reads what an earlier try wrote. The plan is written last: without it
the manifest is not whole, nothing was submitted, and it is written anew.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch._files import (
    delete,
    objects_under,
    put_bytes,
    read_json,
    swap,
)
from airflow_provider_bda.batch.layout import SEGMENT
from airflow_provider_bda.batch.plan import FORMAT, Plan, Run, orders_for
from airflow_provider_bda.exceptions import BdaError, BdaInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_bda.batch.document import Document
    from airflow_provider_bda.batch.layout import BatchLayout

_log = logging.getLogger(__name__)


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

    The ledger knows a document by its place in the manifest, so no worker writes over another's: each writes a draft of its own, and
    the plan, of which there is only ever the first, says whose counts.

    :param skipped: answers how many documents were left out, once all have been read.
    :param estimate: answers what they will take, likewise.
    :param tagging: arguments of PutObject.
    :raises BdaInputError: the source cannot be read, or an entry of it is wrong.
    :raises BdaError: another worker was faster; a retry goes on from its plan.
    """
    draft = uuid.uuid4().hex[:12]
    segment: list[bytes] = []
    total = rejected = number = 0
    for document in documents:
        segment.append(json.dumps(document.to_json(), separators=(",", ":")).encode())
        total += 1
        rejected += document.rejection is not None
        if len(segment) == SEGMENT:
            put_bytes(s3, layout.manifest(number, draft), b"\n".join(segment), **tagging)
            number += 1
            segment = []
    if segment:
        put_bytes(s3, layout.manifest(number, draft), b"\n".join(segment), **tagging)
        number += 1
    plan = Plan(
        batch_id=layout.batch_id,
        documents=total,
        segments=number,
        draft=draft,
        rejected=rejected,
        skipped=skipped(),
        source=source,
        created_at=time.time(),
        estimate=dict(estimate()),
        identity=dict(identity),
    )
    body = json.dumps(plan.to_json(), indent=2).encode()
    counts = swap(s3, layout.plan, body, None, ContentType="application/json", **tagging)
    _sweep(s3, layout, draft, counts=counts)
    if not counts:
        raise BdaError(
            f"another worker has written {layout.plan} meanwhile: it runs the same try of this task. Nothing was submitted by this "
            "one; a retry goes on from what the other has done"
        )
    return plan


def _sweep(s3: Any, layout: BatchLayout, draft: str, *, counts: bool) -> None:
    """Delete the drafts that do not count: this one, or those of workers that died or come too late."""
    own = layout.manifest(0, draft).rpartition("/")[0]
    try:
        delete(
            s3, [uri for uri, _ in objects_under(s3, layout.manifests) if uri.startswith(own) is not counts]
        )
    except BdaError as error:
        _log.warning("drafts of the manifest are left: %s", error)


def has_ended(s3: Any, layout: BatchLayout) -> bool:
    """Tell whether a batch has come to an end before."""
    return read_json(s3, layout.summary) is not None


def reopen(s3: Any, layout: BatchLayout) -> None:
    """Take the summary of a batch away that has ended and goes on now."""
    if has_ended(s3, layout):
        delete(s3, [layout.summary])


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
    if not swap(s3, layout.run(run.number), body, None, **tagging):
        raise BdaError(
            f"{layout.run(run.number)} is there already: another worker has begun this try of the batch. A retry goes on from there"
        )
    return run


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
