"""What an address names: a task of a run, one of its mapped instances, or a document; and what is known of it.

Every query is bound to the Dag in the path, which is the one that was authorized.
"""

# ruff: noqa: I002 - annotations are not postponed: FastAPI before 0.120 does not resolve those of a class that is a dependency.
from functools import cached_property, partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import HTTPException, Query

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.ui import airflow_data as data
from airflow_provider_bda.ui import monitor
from airflow_provider_bda.ui.batches import Batch
from airflow_provider_bda.ui.documents import Document, Hidden, Nothing, mode
from airflow_provider_bda.ui.reading import ReadError, Source, all_of

Text = Annotated[str, Query(max_length=300)]
#: Blueprints of a batch, and fields of each, that a page tells of.
_MAX_BLUEPRINTS = 20
_MAX_FIELDS = 200


class Place:
    """A dependency of the routes: its arguments are those of the address."""

    def __init__(
        self,
        dag_id: str,
        run_id: Text,
        task_id: Text,
        # Airflow leaves "{MAP_INDEX}" in the address for a task that is not mapped, so it is read as text.
        map_index: Annotated[str, Query(max_length=20)] = "",
        document_id: Text = "",
    ) -> None:
        self.dag_id, self.run_id, self.task_id = dag_id, run_id, task_id
        self.map_index = _index(map_index)
        self.document_id = document_id

    # --- the task ---------------------------------------------------------------------------------

    @cached_property
    def instances(self) -> list[data.Instance]:
        """Its task instances.

        :raises Nothing: there is none.
        """
        with data.session_scope() as session:
            found = data.find_instances(
                session, self.dag_id, self.run_id, self.task_id, map_index=self.map_index
            )
        if not found:
            raise Nothing("Airflow knows no such task of such a run")
        return found

    @cached_property
    def _group(self) -> data.Group | None:
        with data.session_scope() as session:
            groups = [
                group
                for group in data.find_groups(
                    session, since=None, dag_id=self.dag_id, run_id=self.run_id, task_id=self.task_id
                )
                if group.map_index is None or self.map_index in {None, group.map_index}
            ]
            data.fill_groups(session, groups[:1])
        return groups[0] if groups else None

    def batch(self) -> Batch | None:
        """Answer its batch, if it has one."""
        told = (one.xcoms.get(data.BATCH_KEY) for one in self.instances)
        return next((Batch(value) for value in told if isinstance(value, dict)), None)

    def jobs(self) -> list[monitor.Entry]:
        """Answer its jobs as documents."""
        inputs: dict[int, dict[str, Any]] = {}
        if any(one.label is None for one in self.instances):
            with data.session_scope() as session:
                inputs = data.rendered_fields(session, self.dag_id, self.run_id, self.task_id, self.map_index)
        return monitor.jobs_entries(self.instances, inputs)

    def entries(self) -> tuple[list[monitor.Entry], int]:
        """Answer its documents, and how many files of a ledger were not read yet."""
        batch = self.batch()
        if batch is None:
            return self.jobs(), 0
        rows = batch.rows(over=self._settled(batch))
        return monitor.batch_entries(rows), rows.unread

    @property
    def _over(self) -> bool:
        return all(
            monitor.status_of(one.state) in {"succeeded", "failed", "skipped"} for one in self.instances
        )

    def _settled(self, batch: Batch) -> bool:
        """Tell whether the batch's rows are final: a task that was marked failed leaves the rest in the ledger."""
        return self._over and bool(batch.summary())

    def task(self) -> dict[str, Any]:
        """Answer how far it is, why documents failed, how long they took."""
        instances, group, batch = self.instances, self._group, self.batch()
        if group is None:
            return {"kind": None, "instances": len(instances), "state": monitor.status_of(instances[0].state)}
        rows, _ = monitor.group_rows([group])
        shown = {**rows[0], "instances": len(instances)}
        if batch is None:
            entries = self.jobs()
            return {**shown, **self._figures(entries), "history": monitor.jobs_history(instances)}
        try:
            return {**shown, **self._batch_figures(batch, shown)}
        except ReadError as error:
            return {**shown, **self._figures([]), "problem": str(error), "history": []}

    @staticmethod
    def _figures(entries: list[monitor.Entry]) -> dict[str, Any]:
        seconds = [entry.seconds for entry in entries if entry.seconds is not None]
        return {
            "documents": len(entries),
            "failures": monitor.reasons(entries),
            "durations": monitor.histogram(seconds),
            "batch_id": None,
            "links": {},
        }

    def _batch_figures(self, batch: Batch, shown: dict[str, Any]) -> dict[str, Any]:
        status_of = partial(batch.status, over=self._over)
        if self._over:
            status, summary, rows, _ = all_of(
                [status_of, batch.summary, partial(batch.rows, over=True), batch.plan]
            )
        else:
            (status, _), summary, rows = all_of([status_of, batch.plan]), {}, None
        if not summary:
            rows = batch.rows(over=False)
        figures = self._figures(monitor.batch_entries(rows))
        counts = rows.counts()
        left_out = _left_out(batch)
        counts["skipped"] += left_out
        counts["total"] += left_out
        whole = not rows.more and not rows.unread and counts["total"] == shown["total"]
        if summary or not whole:
            figures["failures"] = monitor.told_reasons(status, summary)
        if whole and not self._over:
            # The ledger knows more than what the engine says once a minute.
            figures |= counts
        return {
            **figures,
            "why": status.get("why") if status.get("state") != "running" else None,
            "more": rows.more,
            "unread": rows.unread,
            "other_reasons": summary.get("other_reasons") or 0,
            "updated_at": monitor.moment(status.get("updated_at")),
            "jobs_submitted": summary.get("jobs_submitted", status.get("jobs_submitted")),
            "pages": (summary.get("pages") or {}).get("count"),
            "blueprints": _blueprints(summary),
            "history": monitor.batch_history(status),
            "source": batch.plan().get("source"),
            "batch_id": batch.layout.batch_id,
            "links": _links(batch.layout.batch_s3_uri, batch.region_name),
        }

    # --- a document -------------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """Answer what became of a document, and its segments if its job has ended well."""
        facts, found = self._found
        shown: dict[str, Any] = {"segments": [], "why": None}
        try:
            if found is None:
                shown["why"] = facts["why"]
            else:
                shown = {**Document(*found).overview(), "why": None}
        except (Hidden, Nothing, ReadError) as error:
            shown["why"] = str(error)
        return {**facts, **shown, "mode": mode()}

    def opened(self) -> Document:
        """Answer the document.

        :raises Nothing: its job left nothing to open.
        """
        facts, found = self._found
        if found is None:
            raise Nothing(facts["why"])
        return Document(*found)

    @cached_property
    def _found(self) -> tuple[dict[str, Any], tuple[Source, str, str | None] | None]:
        """What is known of a document, and where its results lie once they do."""
        batch = self.batch()
        if self.document_id and batch is not None:
            return self._of_batch(batch)
        if self.document_id or (len(self.instances) != 1 and self.map_index is None):
            raise Nothing("which document of the task?")
        return self._of_instance(self.instances[0])

    def _of_batch(self, batch: Batch) -> tuple[dict[str, Any], Any]:
        row = batch.row(self.document_id, over=self._settled(batch))
        if row is None:
            raise Nothing("the batch has no such document, or it is not begun yet")
        whole = row.whole()
        uri = whole.get("output_s3_uri")
        facts = {
            "name": row.name,
            "status": row.status,
            "reason": row.reason,
            "seconds": row.seconds,
            "input_s3_uri": whole.get("input_s3_uri"),
            "output_s3_uri": uri,
            "invocation_arn": whole.get("invocation_arn"),
            "title": "Bedrock Data Automation job",
            "submitted_at": monitor.moment(whole.get("submitted_at")),
            "jobs": whole.get("jobs"),
            "extra": whole.get("extra") if mode() != "off" else None,
            "links": _links(uri, batch.region_name),
            "why": _why_nothing(row.status),
        }
        if row.status != "succeeded" or not isinstance(uri, str):
            return facts, None
        given = whole.get("input_s3_uri")
        return facts, (batch.source, uri, given if isinstance(given, str) else None)

    def _of_instance(self, instance: data.Instance) -> tuple[dict[str, Any], Any]:
        job = monitor.job_of(instance)
        with data.session_scope() as session:
            fields = data.rendered_fields(
                session, self.dag_id, self.run_id, self.task_id, instance.map_index
            ).get(instance.map_index, {})
        (entry,) = monitor.jobs_entries([instance], {instance.map_index: fields})
        given = fields.get("input_s3_uri")
        uri = job["output_s3_uri"]
        facts = {
            "name": entry.name,
            "status": entry.status,
            "reason": entry.reason,
            "seconds": entry.seconds,
            "try_number": instance.try_number,
            "input_s3_uri": given,
            "output_s3_uri": uri,
            "invocation_arn": next(iter(job["handle"].values()), None),
            "title": job["title"],
            "submitted_at": job["submitted_at"],
            "links": _links(uri, job["region_name"]),
            "why": _why_nothing(entry.status)
            if job["kind"]
            else "No job of this package was submitted by this task.",
        }
        if job["kind"] not in {None, "data_automation"}:
            facts["why"] = f"A {job['title'] or job['kind']} leaves no document to look into."
            return facts, None
        if entry.status != "succeeded" or not isinstance(uri, str) or job["kind"] is None:
            return facts, None
        known = given if isinstance(given, str) and given.startswith("s3://") else None
        return facts, (Source(job["conn_id"], job["region_name"]), uri, known)


def _why_nothing(status: str) -> str:
    return {
        "running": "The job is still running; its results appear here when it has ended.",
        "waiting": "The task waits to be run.",
        "failed": "The job failed, so there are no results.",
        "rejected": "The document was rejected, so there are no results.",
        "skipped": "The document was skipped, so there are no results.",
    }.get(status, "There are no results.")


def _links(uri: Any, region: str | None) -> dict[str, str]:
    """Answer the address of an S3 place in the AWS console; the browser shows it and loads nothing of it."""
    if not isinstance(uri, str) or not uri.startswith("s3://"):
        return {}
    bucket, key = split_s3_uri(uri)
    folder = key.rpartition("/")[0] if key.endswith(".json") else key
    # The partition as the Region tells it; the console finds the bucket's own Region.
    domain = "amazonaws.cn" if (region or "").startswith("cn-") else "aws.amazon.com"
    domain = "amazonaws-us-gov.com" if (region or "").startswith("us-gov-") else domain
    where = f"{quote(bucket, safe='')}?prefix={quote(folder.rstrip('/') + '/', safe='')}"
    return {"console": f"https://console.{domain}/s3/buckets/{where}"}


def _left_out(batch: Batch) -> int:
    """Count the documents that other batches had processed; the manifest has none of them."""
    skipped = batch.plan().get("skipped")
    return skipped if isinstance(skipped, int) else 0


def _blueprints(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer how well the blueprints fitted, where the bodies were read."""
    listed = summary.get("blueprints")
    shown = []
    for entry in (listed if isinstance(listed, list) else [])[:_MAX_BLUEPRINTS]:
        if not isinstance(entry, dict):
            continue
        fields = entry.get("fields")
        pairs = list(fields.items())[:_MAX_FIELDS] if isinstance(fields, dict) else []
        shown.append(
            {
                "name": entry.get("name") or entry.get("arn"),
                "version": entry.get("version"),
                "segments": entry.get("segments"),
                "match_rate": entry.get("match_rate"),
                "fields": [
                    {
                        "name": name,
                        "fill_rate": told.get("fill_rate"),
                        "confidence": told.get("mean_confidence"),
                    }
                    for name, told in pairs
                    if isinstance(told, dict)
                ],
            }
        )
    return shown


def real(value: str) -> str | None:
    """Answer a value of the address; None where Airflow left its place-holder."""
    return value if value and not (value.startswith("{") and value.endswith("}")) else None


def _index(value: str) -> int | None:
    """Answer a map index; None where none was given.

    :raises HTTPException: it is no number.
    """
    given = real(value)
    if given is None:
        return None
    try:
        return int(given)
    except ValueError:
        raise HTTPException(422, "map_index is a number") from None
