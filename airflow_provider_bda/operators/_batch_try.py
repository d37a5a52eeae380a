"""What one try of a batch does on the worker: it writes the engine's orders, and when the engine has ended the verdict."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.aws import AwsTarget, split_s3_uri, tagging
from airflow_provider_bda.batch import closing, incremental, prepare
from airflow_provider_bda.batch._files import s3_of
from airflow_provider_bda.batch.checks import Rules
from airflow_provider_bda.batch.estimate import Census
from airflow_provider_bda.batch.finish import finish_batch
from airflow_provider_bda.batch.incremental import Incremental, States
from airflow_provider_bda.batch.index import ProcessedIndex
from airflow_provider_bda.batch.layout import BatchLayout, batch_id_of
from airflow_provider_bda.batch.objects import Buckets
from airflow_provider_bda.batch.plan import Plan, Policy, Run, expected_cost
from airflow_provider_bda.batch.project_state import Unreadable, change, name_of, read_state
from airflow_provider_bda.batch.results import result_parts
from airflow_provider_bda.batch.settle import settle
from airflow_provider_bda.batch.slots import Slots, slots_of
from airflow_provider_bda.batch.source import source_of
from airflow_provider_bda.batch.store import S3Store, StoreError
from airflow_provider_bda.exceptions import BdaBatchError, BdaError, BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.jobs.catalog import DATA_AUTOMATION
from airflow_provider_bda.operators._aws import wait_seconds
from airflow_provider_bda.operators._lookups import before_submit
from airflow_provider_bda.operators._tags import notification_and_tags
from airflow_provider_bda.waiting import metrics
from airflow_provider_bda.waiting.errors import CALL_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_bda.batch.document import Document
    from airflow_provider_bda.batch.settle import Open
    from airflow_provider_bda.operators.batch import BdaBatchOperator

DEFAULT_WAIT = timedelta(days=7)
#: How long after the batch's deadline its documents are no other batch's.
LEASE_MARGIN = 3600.0


@dataclass
class BatchTry:
    """One try. Made on the worker that begins it, and again on the one that ends it.

    :param op: the operator, rendered and checked.
    :param s3_target: where the batch's files are.
    """

    op: BdaBatchOperator
    s3_target: AwsTarget

    def begin(self, context: Any) -> tuple[BatchLayout, Run]:
        """Write the manifest, or find the one an earlier try has written, and this try's orders for the engine.

        :raises BdaError: it cannot work; nothing was submitted by this try.
        """
        ti = context["ti"]
        layout = self.layout_of(ti)
        draft = self._draft(context)
        s3 = self._s3
        runs = prepare.read_runs(s3, layout)
        index = self._index(draft)
        plan = prepare.read_plan(s3, layout)
        try:
            fresh = plan is None
            plan = plan or self._write_plan(layout, draft, index, self._identity(ti))
            draft = self._admitted(layout, draft, plan, runs)
        except BaseException:
            if index is not None and not runs:
                self._give_back(layout, index)
            raise
        run = prepare.write_run(s3, layout, draft, runs, redrive=self.op.redrive, tagging=self._tagging)
        if index is not None:
            self._keep_claims(layout, plan, [*runs, run], index, fresh=fresh)
        prepare.reopen(s3, layout)
        return layout, run

    def only_tell(self, context: Any) -> dict[str, Any]:
        """Say what there is to do, and leave nothing behind."""
        layout, draft = self.layout_of(context["ti"]), self._draft(context)
        index = self._index(draft, only_told=True)
        total = rejected = 0
        if index is not None:
            index.until = None
        census = Census()
        for document in census.watch(self._documents(layout, draft, index)):
            total += 1
            rejected += document.rejection is not None
        estimate = self._estimate(census, draft)
        skipped = index.processed + index.leased if index else 0
        return {
            "batch_id": layout.batch_id,
            "batch_s3_uri": layout.batch_s3_uri,
            "total": total + skipped,
            "rejected": rejected,
            "skipped": skipped,
            "remaining": total - rejected,
            "jobs_submitted": 0,
            "estimated_cost_usd": estimate["cost_usd"]["expected"],
            "estimate": estimate,
        }

    def finish(self, layout: BatchLayout, ended: Mapping[str, Any]) -> dict[str, Any]:
        """Write results and summary, tell the index, and answer the counts.

        :param ended: how the engine ended.
        :raises BdaBatchError: what the batch failed of.
        """
        s3 = self._s3
        plan, runs = prepare.read_plan(s3, layout), prepare.read_runs(s3, layout)
        if plan is None or not runs:
            raise BdaBatchError(f"{layout.plan} is gone: the batch's files were deleted while it ran")
        run = runs[-1]
        if ended["state"] not in closing.GOOD:
            self.op.log.warning("the engine ended as %s: %s", ended["state"], ended["why"])
        tells = self._uses_index and bool(run.project_state)
        open_jobs: dict[int, Open] = {}
        if tells or ended["state"] == "broken":
            open_jobs = self._settle(layout, run, is_over=tells)
        summary = finish_batch(
            self._s3_hook,
            layout.batch_s3_uri,
            cost_per_job_usd=run.cost_per_document,
            review=self.op.review,
            put=self._tagging,
        )
        now = self._project_state(run.request)
        if tells:
            states = States(self._project_state, {name_of(run.request): now})
            index = ProcessedIndex.open(s3, str(self.op.state_s3_uri), create=self.op.create_index)
            told = incremental.tell_index(s3, layout, plan, runs, Incremental(index, None, states), open_jobs)
            self.op.log.info("%s documents stand in the index of processed documents", f"{told:,}")
        if self.op.on_project_change != "ignore" and (changed := change(run.project_state, now)) is not None:
            self._changed(changed, "while the batch ran")
        result = self._result(layout, plan, run, summary)
        self.op.lineage_note(result)
        metrics.cost(result["estimated_cost_usd"], dag_id=self.op.dag_id, task_id=self.op.task_id)
        closing.verdict(layout, plan, run, summary, ended)
        return result

    def layout_of(self, ti: Any) -> BatchLayout:
        """Answer where the batch of a task instance lies."""
        identity = self._identity(ti)
        return BatchLayout.of(self.op.output_s3_uri, batch_id_of(**identity))

    @staticmethod
    def _identity(ti: Any) -> dict[str, Any]:
        map_index = ti.map_index if ti.map_index is not None else -1
        return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": map_index}

    def _draft(self, context: Any) -> Run:
        """Answer the run's orders as far as they are this try's own."""
        now = time.time()
        with before_submit(DATA_AUTOMATION.name):
            processing = self.op.processing()
        request = processing | notification_and_tags(
            context,
            self.op.tags,
            event_bridge_enabled=bool(self.op.completion_queue) or self.op.event_bridge_enabled,
        )
        return Run(
            number=0,
            began=0,
            max_tries=context["ti"].max_tries,
            try_number=context["ti"].try_number,
            started_at=now,
            deadline=now + wait_seconds(self.op, self.op.wait_timeout, DEFAULT_WAIT),
            request=request,
            output_s3_uri=self.op.output_s3_uri.rstrip("/"),
            max_open_jobs=self.slots.windows(self.op.max_open_jobs),
            submit_rate=self.op.submit_rate,
            max_retries_per_document=self.op.max_retries_per_document,
            max_documents=self.op.max_documents,
            submit_until=now + self.op.submit_for if self.op.submit_for else None,
            document_timeout=self.op.document_timeout,
            on_project_change=self.op.on_project_change,
            project_state=self._own_state(request) if self._uses_index else self._project_state(request),
            output_tags=dict(self.op.output_tags or {}),
            policy=Policy(
                tolerated_failures=self.op.tolerated_failures,
                tolerated_failure_percentage=self.op.tolerated_failure_percentage,
                tolerated_rejections=self.op.tolerated_rejections,
                canary=self.op.canary,
                max_consecutive_rejections=self.op.max_consecutive_rejections,
                fail_fast=self.op.fail_fast,
            ).to_json(),
        )

    def _admitted(self, layout: BatchLayout, draft: Run, plan: Plan, runs: Sequence[Run]) -> Run:
        """Answer the orders as far as the plan allows them.

        :raises BdaError: they may not be given.
        """
        self.op.log.info(
            "batch %s: %s documents, %s rejected before submit, %s skipped",
            layout.batch_s3_uri,
            f"{plan.documents:,}",
            f"{plan.rejected:,}",
            f"{plan.skipped:,}",
        )
        # Before the orders are written: else the next retry would compare the changed project with itself.
        self._compare(runs[-1] if runs else None, draft)
        return self._within_budget(draft, plan)

    def _within_budget(self, draft: Run, plan: Plan) -> Run:
        """Turn money into a number of documents.

        :raises BdaInputError: it cannot be told what a document costs.
        """
        cost = expected_cost(plan.estimate)
        if self.op.max_cost_usd is None or plan.documents == plan.rejected:
            return replace(draft, cost_per_document=cost)
        if not cost:
            raise BdaInputError(
                "max_cost_usd: it cannot be told what a document of this source costs (its pages could not be counted, or "
                "the sizes are unknown). Use max_documents= instead; nothing was submitted"
            )
        most = int(self.op.max_cost_usd / cost)
        if most < 1:
            raise BdaInputError(
                f"max_cost_usd: {self.op.max_cost_usd:g} pays for no document; one is estimated to cost {cost:.4f}"
            )
        limit = most if draft.max_documents is None else min(most, draft.max_documents)
        return replace(draft, cost_per_document=cost, max_documents=limit)

    def _write_plan(
        self,
        layout: BatchLayout,
        draft: Run,
        index: Incremental | None,
        identity: Mapping[str, Any],
    ) -> Plan:
        census = Census()
        return prepare.write_plan(
            self._s3,
            layout,
            census.watch(self._documents(layout, draft, index)),
            estimate=lambda: self._estimate(census, draft),
            source=source_of(self.op.source).describe(),
            identity=identity,
            skipped=lambda: index.processed + index.leased if index else 0,
            tagging=self._tagging,
        )

    def _estimate(self, census: Census, draft: Run) -> dict[str, Any]:
        """Say what the batch will take, in the task's log."""
        estimate = census.estimate(
            self._s3,
            prices=self.op.prices,
            slots=self.slots.by_modality,
            slots_source=self.slots.source,
            custom=True if draft.request.get("blueprints") else None,
            deadline_seconds=draft.deadline - draft.started_at,
        )
        for line in estimate.lines():
            self.op.log.info("%s", line)
        return estimate.to_dict()

    def _documents(self, layout: BatchLayout, draft: Run, index: Incremental | None) -> Iterator[Document]:
        rules = Rules(
            modalities=self.op.modalities,
            region_name=self.op.hook.conn_region_name,
            output_s3_uri=self.op.output_s3_uri,
        )
        Buckets(self._s3, rules.region_name).check(split_s3_uri(self.op.output_s3_uri)[0], "output_s3_uri")
        resolver = prepare.Resolver(self.op.control_plane.project_arn, self.op.control_plane.blueprint_arn)
        documents = map(resolver.resolved, source_of(self.op.source).documents(self._s3, rules))
        if index is None:
            return documents
        return index.new_ones(documents, draft, layout.batch_id)

    def _index(self, draft: Run, *, only_told: bool = False) -> Incremental | None:
        """Answer the index of processed documents, if the batch uses one.

        :raises BdaInputError: there is none, or it cannot be told what to ask it.
        """
        if not self._uses_index:
            return None
        s3, uri = self._s3, str(self.op.state_s3_uri)
        if only_told and self.op.create_index and not ProcessedIndex.is_there(s3, uri):
            return None  # it would be empty
        states = States(self._own_state, {name_of(draft.request): draft.project_state})
        index = ProcessedIndex.open(s3, uri, create=self.op.create_index)
        return Incremental(index, draft.deadline + LEASE_MARGIN, states)

    @property
    def _uses_index(self) -> bool:
        return self.op.state_s3_uri is not None if self.op.skip_processed is None else self.op.skip_processed

    def _own_state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return read_state(self.op.control_plane.call, request)
        except Unreadable as error:
            raise BdaInputError(
                f"skip_processed: project and blueprints could not be read ({error}), so it cannot be told which documents "
                "were processed in the same way. Allow bedrock:GetDataAutomationProject and bedrock:GetBlueprint. Nothing "
                "was submitted"
            ) from error

    def _give_back(self, layout: BatchLayout, index: Incremental) -> None:
        """Let others have what was claimed for a run that does not begin."""
        s3 = self._s3
        try:
            index.index.abandon(owner=layout.batch_id, unless=lambda: bool(prepare.read_runs(s3, layout)))
        except (BdaError, *CALL_ERRORS):
            self.op.log.warning("the documents claimed stay this batch's until its deadline", exc_info=True)

    def _keep_claims(
        self, layout: BatchLayout, plan: Plan, runs: Sequence[Run], index: Incremental, *, fresh: bool
    ) -> None:
        """Make sure that what is left to do is this batch's, or leave it to others."""
        s3, run = self._s3, runs[-1]
        # A batch that has ended has given back what it did not do, and what was left to others is asked for anew.
        stands = fresh or (
            run.number == 1
            and not prepare.has_ended(s3, layout)
            and incremental.is_unchanged(incremental.begun_of(s3, layout, runs[0]), run, index.states)
        )
        # Later than it was claimed for: see Owners.abandon.
        until = run.deadline + LEASE_MARGIN + 1.0
        if not (stands and index.index.extend(owner=layout.batch_id, until=until)):
            jobs = self._settle(layout, runs[-2], is_over=False) if len(runs) > 1 else {}
            others = incremental.claim_again(s3, layout, plan, run, index, self._tagging, jobs)
            if others:
                self.op.log.info("%s documents are left to other batches", f"{others:,}")
        incremental.write_states(s3, layout, run, index.states, self._tagging)

    def _project_state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self.op.on_project_change == "ignore" and not self.op.state_s3_uri:
            return {}
        try:
            return read_state(self.op.control_plane.call, request)
        except Unreadable as error:
            self.op.log.warning(
                "project and blueprints could not be read, so changes to them will not be seen: %s", error
            )
            return {}

    def _compare(self, before: Run | None, now: Run) -> None:
        """Act on a project that was changed since the run before.

        :raises BdaBatchError: it was, and that is to fail the task.
        """
        if before is None or self.op.on_project_change == "ignore":
            return
        if (changed := change(before.project_state, now.project_state)) is not None:
            self._changed(changed, "since the batch began")

    def _changed(self, changed: str, when: str) -> None:
        if self.op.on_project_change == "fail":
            raise BdaBatchError(
                f"{changed}, {when}, and on_project_change is 'fail'. Documents done so far keep their results; set "
                "on_project_change='warn' and clear the task to go on with the changed project"
            )
        self.op.log.warning("%s, %s: rows of one batch are made by different versions", changed, when)

    def _settle(self, layout: BatchLayout, run: Run, *, is_over: bool) -> dict[int, Open]:
        store = S3Store(self.s3_target)
        store.tags = run.output_tags
        try:
            return asyncio.run(settle(store, layout, run, is_over=is_over))
        except (StoreError, FileNotFoundError, ValueError) as error:
            raise BdaError(
                f"what the engine of {layout.batch_s3_uri} left could not be read: {error}. Nothing is lost: a retry goes on"
            ) from error

    def _result(
        self, layout: BatchLayout, plan: Plan, run: Run, summary: Mapping[str, Any]
    ) -> dict[str, Any]:
        done = sum(summary[status] for status in ("succeeded", "failed", "rejected", "skipped"))
        return {
            "batch_id": layout.batch_id,
            "batch_s3_uri": layout.batch_s3_uri,
            "results_s3_uri": layout.results,
            "result_parts": result_parts(layout.batch_s3_uri, hook=self._s3_hook),
            "total": plan.documents + plan.skipped,
            "succeeded": summary["succeeded"],
            "failed": summary["failed"],
            "rejected": summary["rejected"],
            "skipped": plan.skipped + summary["skipped"],
            "remaining": plan.documents - done,
            "jobs_submitted": summary["jobs_submitted"],
            "estimated_cost_usd": summary["estimated_cost_usd"],
            "seconds": round(time.time() - run.started_at, 1),
            **self._reviewed(layout, summary),
        }

    def _reviewed(self, layout: BatchLayout, summary: Mapping[str, Any]) -> dict[str, Any]:
        if self.op.review is None:
            return {}
        return {
            "needs_review": summary["needs_review"]["documents"],
            "needs_review_s3_uri": layout.needs_review,
        }

    @cached_property
    def slots(self) -> Slots:
        """How many jobs the service runs at once."""
        return slots_of(self.op.hook, self.op.max_concurrent_jobs)

    @property
    def _s3_hook(self) -> BdaBaseHook:
        return BdaBaseHook.for_target(self.s3_target)

    @cached_property
    def _s3(self) -> Any:
        return s3_of(self._s3_hook)

    @property
    def _tagging(self) -> dict[str, str]:
        return tagging(self.op.output_tags)
