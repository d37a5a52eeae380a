"""Thousands of documents through Bedrock Data Automation as one task, and their outputs deleted again."""

from __future__ import annotations

import asyncio
import logging
import time
from copy import copy
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import (
    check_choice,
    check_each,
    check_queue_url,
    check_s3_uri,
    check_tags,
    duration,
    is_rendered,
)
from airflow_provider_bda._compat import conf
from airflow_provider_bda.aws import AwsTarget, split_s3_uri, tagging
from airflow_provider_bda.batch import closing, incremental, prepare
from airflow_provider_bda.batch._files import s3_of
from airflow_provider_bda.batch.checks import Rules
from airflow_provider_bda.batch.estimate import Census
from airflow_provider_bda.batch.incremental import Incremental, States
from airflow_provider_bda.batch.index import ProcessedIndex
from airflow_provider_bda.batch.layout import BatchLayout, batch_id_of
from airflow_provider_bda.batch.objects import Buckets
from airflow_provider_bda.batch.plan import Plan, Policy, Run, expected_cost
from airflow_provider_bda.batch.project_state import Unreadable, change, name_of, read_state
from airflow_provider_bda.batch.results import result_parts
from airflow_provider_bda.batch.settle import settle
from airflow_provider_bda.batch.slots import Slots, slots_of
from airflow_provider_bda.batch.source import Manifest, S3Prefix, source_of
from airflow_provider_bda.batch.store import S3Store, StoreError
from airflow_provider_bda.exceptions import BdaBatchError, BdaError, BdaEventError, BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.jobs.catalog import DATA_AUTOMATION
from airflow_provider_bda.links import BdaMonitorLink, BdaOutputLink, BdaProjectLink
from airflow_provider_bda.operators._assets import announce
from airflow_provider_bda.operators._aws import BdaAwsOperator, wait_seconds
from airflow_provider_bda.operators._lookups import before_submit
from airflow_provider_bda.operators._purge import BdaPurgeOperator
from airflow_provider_bda.operators._request import DataAutomationRequest
from airflow_provider_bda.operators._resume import traceback_of, trigger_failure
from airflow_provider_bda.operators._tags import notification_and_tags
from airflow_provider_bda.review import ReviewPolicy
from airflow_provider_bda.triggers.batch import BatchTrigger
from airflow_provider_bda.waiting import metrics
from airflow_provider_bda.waiting.errors import CALL_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_bda.batch.document import Document
    from airflow_provider_bda.batch.prices import Prices
    from airflow_provider_bda.batch.settle import Open

__all__ = ["BdaBatchOperator", "BdaPurgeOperator"]

DEFAULT_WAIT = timedelta(days=7)
#: The engine's own deadline comes first; Airflow's trigger timeout is for a triggerer that is down.
TRIGGER_MARGIN = timedelta(minutes=5)
#: Where a batch lies while it runs, for people and the UI.
XCOM_KEY = "bda_batch"
#: How long after the batch's deadline its documents are no other batch's.
LEASE_MARGIN = 3600.0


class BdaBatchOperator(DataAutomationRequest, BdaAwsOperator):
    """Send a source of documents through Bedrock Data Automation, as one task that holds no worker slot.

    Each document is bought once, whatever crashes: a ledger on S3 says what became of it, and a retry or a clear goes
    on from there. A *retry* does again what was not submitted, lost, timed out or failed by the service's own fault; a
    *clear* does again all that did not succeed.

    :param source: (templated) :class:`~airflow_provider_bda.batch.S3Prefix`, :class:`~airflow_provider_bda.batch.Manifest`,
        a list of URIs or dicts, or a string: a prefix if it ends in "/", a manifest by ``.jsonl``, ``.csv`` or
        ``manifest.json``.
    :param output_s3_uri: (templated) the prefix under which the service writes, and the batch its own files.
    :param project: (templated) the project's ARN or name, for documents that name none of their own.
    :param project_stage: (templated) "LIVE" or "DEVELOPMENT".
    :param blueprints: (templated) ARNs, names, or dicts as the API has them.
    :param profile_arn: (templated) the data-automation profile; None builds it from the Region.
    :param kms_key_id: (templated) the customer's KMS key for the jobs' output.
    :param kms_encryption_context: (templated) up to ten pairs; needs ``kms_key_id``.
    :param event_bridge_enabled: (templated) whether the service also sends events to EventBridge.
    :param completion_queue: (templated) URL of an SQS queue that gets these events: the batch then hears of each end at
        once. It switches ``event_bridge_enabled`` on.
    :param tags: (templated) tags of every job.
    :param max_concurrent_jobs: how many jobs the service runs at once for this account; None reads
        the applied quota (Service Quotas), where that is not allowed the default one.
    :param max_open_jobs: jobs that may be open at once; None takes twice as many as run, so that the service's slots
        stay full and nobody else waits behind the whole batch.
    :param submit_rate: submits a second that are never passed; None finds the service's own limit.
    :param max_retries_per_document: how often, in one run, a document goes again that the service failed by its own
        fault; each is a paid job.
    :param tolerated_failures: documents that may fail.
    :param tolerated_failure_percentage: percentage of all documents that may fail; the higher of the two counts.
    :param tolerated_rejections: documents that may be rejected; None counts them as failures.
    :param canary: so many documents go alone first; where none of them succeeds, nothing else is bought.
    :param max_consecutive_rejections: documents rejected in a row that stop the batch.
    :param fail_fast: whether to stop submitting once more have failed than are tolerated.
    :param wait_timeout: seconds (or a timedelta) one run may take; None is ``execution_timeout``, else 7 days.
    :param document_timeout: seconds (or a timedelta) one job may take; a retry waits for it again.
    :param skip_processed: whether documents that any batch with the same ``state_s3_uri`` has processed in the same way
        are left out; None is whether ``state_s3_uri`` is given.
    :param state_s3_uri: (templated) the prefix of the index of processed documents.
    :param create_index: whether to begin an index where there is none; else that is an error, for with an empty one
        everything would be bought again.
    :param redrive: (templated) what a clear does again: "failed" (all that did not succeed), "all" or "none".
    :param dry_run: whether to stop before anything is submitted, and only say what there is to do.
    :param max_cost_usd: estimated US dollars to spend at most in one run; the rest remains, and that is success.
    :param prices: what a page, image or minute costs (:class:`~airflow_provider_bda.batch.prices.Prices`); None takes the
        list prices this release knows.
    :param max_documents: documents to begin at most; the rest remains, and that is success.
    :param submit_for: seconds (or a timedelta) after which nothing more is submitted; the rest remains.
    :param on_project_change: "warn", "fail" or "ignore": what follows where project or blueprints were changed while the
        batch went on.
    :param modalities: "document", "image", "audio", "video": files of others are rejected; None takes all.
    :param review: a :class:`~airflow_provider_bda.review.ReviewPolicy` (or a dict of its arguments): which documents a person
        should look at; they stand in ``needs_review.jsonl``. With it every output is read at the end.
    :param output_tags: S3 object tags of the files the batch itself writes.
    :param s3_conn_id: the Airflow connection for the batch's files and the source; None is ``aws_conn_id``.
    :param log_interval: seconds between two lines of progress in the task's log.
    :param deferrable: whether the engine runs in the triggerer instead of on the worker. Default: Airflow's
        ``[operators] default_deferrable``.
    :returns: ``batch_id, batch_s3_uri, results_s3_uri, result_parts, total, succeeded, failed, rejected, skipped,
        remaining, jobs_submitted, estimated_cost_usd, seconds``; with ``review`` also ``needs_review`` (how many) and
        ``needs_review_s3_uri``.
    :raises BdaInputError: an argument, a manifest's line or the index cannot work; nothing was submitted.
    :raises BdaBatchError: more failed than was tolerated, or it could not go on; it says whether a retry or a clear helps.
    """

    hook_class = BedrockDataAutomationRuntimeHook
    operator_extra_links = (BdaMonitorLink(), BdaOutputLink(), BdaProjectLink())
    ui_color = "#cfe3dc"
    lineage_inputs = ("source",)
    lineage_outputs = ("output_s3_uri", "batch_s3_uri")
    lineage_rows = "total"
    template_fields: Sequence[str] = (
        "source",
        "output_s3_uri",
        *DataAutomationRequest.processing_template_fields,
        "event_bridge_enabled",
        "completion_queue",
        "tags",
        "state_s3_uri",
        "redrive",
        *BdaAwsOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DataAutomationRequest.template_fields_renderers,
        "tags": "json",
    }

    def __init__(
        self,
        *,
        source: Any,
        output_s3_uri: str,
        project: str | None = None,
        project_stage: str | None = None,
        blueprints: list[str | dict[str, str]] | None = None,
        profile_arn: str | None = None,
        kms_key_id: str | None = None,
        kms_encryption_context: dict[str, str] | None = None,
        event_bridge_enabled: bool | str = False,
        completion_queue: str | None = None,
        tags: dict[str, str] | None = None,
        max_concurrent_jobs: int | None = None,
        max_open_jobs: int | None = None,
        submit_rate: float | None = None,
        max_retries_per_document: int = 2,
        tolerated_failures: int = 0,
        tolerated_failure_percentage: float | None = None,
        tolerated_rejections: int | None = None,
        canary: int = 0,
        max_consecutive_rejections: int | None = None,
        fail_fast: bool = False,
        wait_timeout: float | timedelta | None = None,
        document_timeout: float | timedelta | None = None,
        skip_processed: bool | None = None,
        state_s3_uri: str | None = None,
        create_index: bool = False,
        redrive: str = "failed",
        dry_run: bool = False,
        max_cost_usd: float | None = None,
        prices: Prices | None = None,
        max_documents: int | None = None,
        submit_for: float | timedelta | None = None,
        on_project_change: str = "warn",
        modalities: Sequence[str] | None = None,
        review: ReviewPolicy | Mapping[str, Any] | None = None,
        output_tags: dict[str, str] | None = None,
        s3_conn_id: str | None = None,
        log_interval: float = 60,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # A copy: Airflow renders the templates inside in place, and mapped tasks are given one and the same.
        self.source = copy(source) if isinstance(source, S3Prefix | Manifest) else source
        self.output_s3_uri = output_s3_uri
        self.project = project
        self.project_stage = project_stage
        self.blueprints = blueprints
        self.profile_arn = profile_arn
        self.kms_key_id = kms_key_id
        self.kms_encryption_context = kms_encryption_context
        self.event_bridge_enabled = event_bridge_enabled
        self.completion_queue = completion_queue
        self.tags = tags
        self.max_concurrent_jobs = max_concurrent_jobs
        self.max_open_jobs = max_open_jobs
        self.submit_rate = submit_rate
        self.max_retries_per_document = max_retries_per_document
        self.tolerated_failures = tolerated_failures
        self.tolerated_failure_percentage = tolerated_failure_percentage
        self.tolerated_rejections = tolerated_rejections
        self.canary = canary
        self.max_consecutive_rejections = max_consecutive_rejections
        self.fail_fast = fail_fast
        self.wait_timeout = duration("wait_timeout", wait_timeout)
        self.document_timeout = duration("document_timeout", document_timeout)
        self.skip_processed = skip_processed
        self.state_s3_uri = state_s3_uri
        self.create_index = create_index
        self.redrive = redrive
        # BaseOperator.dry_run is the command line's.
        self._only_told = dry_run
        self.max_cost_usd = max_cost_usd
        self.prices = prices
        self.max_documents = max_documents
        self.submit_for = duration("submit_for", submit_for)
        self.on_project_change = on_project_change
        self.modalities = modalities
        self.review = None if review is None else ReviewPolicy.of(review)
        self.output_tags = output_tags
        self.s3_conn_id = s3_conn_id
        self.log_interval = duration("log_interval", log_interval)
        self.deferrable = (
            conf.getboolean("operators", "default_deferrable", fallback=False)
            if deferrable is None
            else deferrable
        )
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        if self.skip_processed and not self.state_s3_uri:
            raise BdaInputError(
                "skip_processed: it needs state_s3_uri=, the prefix of the index of processed documents"
            )
        counts = {
            name: getattr(self, name)
            for name in (
                "max_concurrent_jobs",
                "max_open_jobs",
                "max_documents",
                "max_consecutive_rejections",
            )
        }
        for name, value in counts.items():
            if value is not None and (type(value) is not int or value < 1):
                raise BdaInputError(f"{name}: {value!r} is no whole number above 0")
        if is_rendered(self.source):
            source_of(self.source)
        check_each(
            {
                "output_s3_uri": (self.output_s3_uri, check_s3_uri),
                "state_s3_uri": (self.state_s3_uri, check_s3_uri),
                "completion_queue": (self.completion_queue, check_queue_url),
                "tags": (self.tags, check_tags),
                "redrive": (
                    self.redrive,
                    lambda name, value: check_choice(name, value, "failed", "all", "none"),
                ),
                "on_project_change": (
                    self.on_project_change,
                    lambda name, value: check_choice(name, value, "warn", "fail", "ignore"),
                ),
            },
            everything=everything,
        )
        self.check_processing(everything=everything)

    def execute(self, context: Any) -> Any:
        """Write the manifest, or find the one an earlier try has written, and have the engine work through it."""
        self._check(everything=True)
        ti = context["ti"]
        layout = self._layout(ti)
        draft = self._draft(context)
        s3 = self._s3
        runs = prepare.read_runs(s3, layout)
        index = self._index(draft)
        plan = prepare.read_plan(s3, layout)
        if self._only_told:
            return self._dry(layout, draft, index)
        try:
            fresh = plan is None
            plan = plan or self._write_plan(layout, draft, index, self._identity(ti))
            draft = self._admitted(layout, draft, plan, runs)
        except BaseException:
            if index is not None and not runs:
                self._give_back(layout, index)
            raise
        run = prepare.write_run(s3, layout, draft, runs, redrive=self.redrive, tagging=self._tagging)
        if index is not None:
            self._keep_claims(layout, plan, [*runs, run], index, fresh=fresh)
        prepare.reopen(s3, layout)
        if self.do_xcom_push:
            ti.xcom_push(
                key=XCOM_KEY,
                value={
                    "batch_id": layout.batch_id,
                    "batch_s3_uri": layout.batch_s3_uri,
                    "aws_conn_id": self.aws_conn_id,
                    "s3_conn_id": self._s3_conn_id,
                    "region_name": self.region_name,
                    "started_at": run.started_at,
                },
            )
            self.push_console_links(context, f"{layout.batch_s3_uri}/", run.request)
        if not self.deferrable:
            return announce(self, context, self._finish(layout, asyncio.run(self._drive(layout))))
        return self.defer(
            trigger=BatchTrigger(
                batch_s3_uri=layout.batch_s3_uri,
                **self.target.to_dict(),
                s3_conn_id=self._s3_conn_id,
                log_interval=self.log_interval,
                completion_queue=self.completion_queue,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(run.deadline - time.time(), 0)) + TRIGGER_MARGIN,
        )

    def execute_complete(self, context: Any, event: Any) -> Any:
        """Write results and summary, tell the index, and return the counts or raise what the batch failed of.

        :raises BdaEventError: the event is none of ours.
        """
        if not isinstance(event, dict) or not {"batch_s3_uri", "state", "why"} <= event.keys():
            raise BdaEventError(
                "the task was resumed with an event that is none of ours. A retry goes on where the ledger ends"
            )
        return announce(self, context, self._finish(BatchLayout(event["batch_s3_uri"]), event))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Resume. A trigger that failed says nothing of the documents: a retry goes on."""
        failure = trigger_failure(next_method, next_kwargs)
        if failure is None:
            return super().resume_execution(next_method, next_kwargs, context)
        if trace := traceback_of(next_kwargs):
            self.log.error("the trigger failed:\n%s", trace)
        why = f"the trigger of the batch ended without an answer ({failure})"
        if "ti" in context:
            try:
                self._finish(self._layout(context["ti"]), {"state": "broken", "why": why})
            except BdaBatchError:
                raise
            except (BdaError, FileNotFoundError):
                # The engine may still be at work: then what it does is found by the retry.
                self.log.warning("results and summary could not be written", exc_info=True)
        raise BdaBatchError(
            f"{why}. Its jobs go on; a retry goes on where the ledger ends and buys nothing twice"
        )

    def _layout(self, ti: Any) -> BatchLayout:
        identity = self._identity(ti)
        return BatchLayout.of(self.output_s3_uri, batch_id_of(**identity))

    def _identity(self, ti: Any) -> dict[str, Any]:
        map_index = ti.map_index if ti.map_index is not None else -1
        return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": map_index}

    def _draft(self, context: Any) -> Run:
        """Answer the run's orders as far as they are this try's own."""
        now = time.time()
        with before_submit(DATA_AUTOMATION.name):
            processing = self.processing()
        request = processing | notification_and_tags(
            context, self.tags, event_bridge_enabled=bool(self.completion_queue) or self.event_bridge_enabled
        )
        return Run(
            number=0,
            began=0,
            max_tries=context["ti"].max_tries,
            try_number=context["ti"].try_number,
            started_at=now,
            deadline=now + wait_seconds(self, self.wait_timeout, DEFAULT_WAIT),
            request=request,
            output_s3_uri=self.output_s3_uri.rstrip("/"),
            max_open_jobs=self._slots.windows(self.max_open_jobs),
            submit_rate=self.submit_rate,
            max_retries_per_document=self.max_retries_per_document,
            max_documents=self.max_documents,
            submit_until=now + self.submit_for if self.submit_for else None,
            document_timeout=self.document_timeout,
            on_project_change=self.on_project_change,
            project_state=self._own_state(request) if self._uses_index else self._project_state(request),
            output_tags=dict(self.output_tags or {}),
            policy=Policy(
                tolerated_failures=self.tolerated_failures,
                tolerated_failure_percentage=self.tolerated_failure_percentage,
                tolerated_rejections=self.tolerated_rejections,
                canary=self.canary,
                max_consecutive_rejections=self.max_consecutive_rejections,
                fail_fast=self.fail_fast,
            ).to_json(),
        )

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
            source=source_of(self.source).describe(),
            identity=identity,
            skipped=lambda: index.processed + index.leased if index else 0,
            tagging=self._tagging,
        )

    def _estimate(self, census: Census, draft: Run) -> dict[str, Any]:
        """Say what the batch will take, in the task's log."""
        estimate = census.estimate(
            self._s3,
            prices=self.prices,
            slots=self._slots.by_modality,
            slots_source=self._slots.source,
            custom=True if draft.request.get("blueprints") else None,
            deadline_seconds=draft.deadline - draft.started_at,
        )
        for line in estimate.lines():
            self.log.info("%s", line)
        return estimate.to_dict()

    def _admitted(self, layout: BatchLayout, draft: Run, plan: Plan, runs: Sequence[Run]) -> Run:
        """Answer the orders as far as the plan allows them.

        :raises BdaError: they may not be given.
        """
        self.log.info(
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
        if self.max_cost_usd is None or plan.documents == plan.rejected:
            return replace(draft, cost_per_document=cost)
        if not cost:
            raise BdaInputError(
                "max_cost_usd: it cannot be told what a document of this source costs (its pages could not be counted, or "
                "the sizes are unknown). Use max_documents= instead; nothing was submitted"
            )
        most = int(self.max_cost_usd / cost)
        if most < 1:
            raise BdaInputError(
                f"max_cost_usd: {self.max_cost_usd:g} pays for no document; one is estimated to cost {cost:.4f}"
            )
        limit = most if draft.max_documents is None else min(most, draft.max_documents)
        return replace(draft, cost_per_document=cost, max_documents=limit)

    def _documents(self, layout: BatchLayout, draft: Run, index: Incremental | None) -> Iterator[Document]:
        rules = Rules(
            modalities=self.modalities,
            region_name=self.hook.conn_region_name,
            output_s3_uri=self.output_s3_uri,
        )
        Buckets(self._s3, rules.region_name).check(split_s3_uri(self.output_s3_uri)[0], "output_s3_uri")
        resolver = prepare.Resolver(self._control_plane.project_arn, self._control_plane.blueprint_arn)
        documents = map(resolver.resolved, source_of(self.source).documents(self._s3, rules))
        if index is None:
            return documents
        return index.new_ones(documents, draft, layout.batch_id)

    @property
    def _uses_index(self) -> bool:
        return self.state_s3_uri is not None if self.skip_processed is None else self.skip_processed

    def _index(self, draft: Run) -> Incremental | None:
        """Answer the index of processed documents, if the batch uses one.

        :raises BdaInputError: there is none, or it cannot be told what to ask it.
        """
        if not self._uses_index:
            return None
        s3, uri = self._s3, str(self.state_s3_uri)
        if self._only_told and self.create_index and not ProcessedIndex.is_there(s3, uri):
            return None  # it would be empty
        states = States(self._own_state, {name_of(draft.request): draft.project_state})
        index = ProcessedIndex.open(s3, uri, create=self.create_index)
        return Incremental(index, draft.deadline + LEASE_MARGIN, states)

    def _own_state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return read_state(self._control_plane.call, request)
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
            self.log.warning("the documents claimed stay this batch's until its deadline", exc_info=True)

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
                self.log.info("%s documents are left to other batches", f"{others:,}")
        incremental.write_states(s3, layout, run, index.states, self._tagging)

    def _settle(self, layout: BatchLayout, run: Run, *, is_over: bool) -> dict[int, Open]:
        store = S3Store(self._s3_target)
        store.tags = run.output_tags
        try:
            return asyncio.run(settle(store, layout, run, is_over=is_over))
        except (StoreError, FileNotFoundError, ValueError) as error:
            raise BdaError(
                f"what the engine of {layout.batch_s3_uri} left could not be read: {error}. Nothing is lost: a retry goes on"
            ) from error

    def _project_state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self.on_project_change == "ignore" and not self.state_s3_uri:
            return {}
        try:
            return read_state(self._control_plane.call, request)
        except Unreadable as error:
            self.log.warning(
                "project and blueprints could not be read, so changes to them will not be seen: %s", error
            )
            return {}

    def _compare(self, before: Run | None, now: Run) -> None:
        """Act on a project that was changed since the run before.

        :raises BdaBatchError: it was, and that is to fail the task.
        """
        if before is None or self.on_project_change == "ignore":
            return
        if (changed := change(before.project_state, now.project_state)) is not None:
            self._changed(changed, "since the batch began")

    def _changed(self, changed: str, when: str) -> None:
        if self.on_project_change == "fail":
            raise BdaBatchError(
                f"{changed}, {when}, and on_project_change is 'fail'. Documents done so far keep their results; set "
                "on_project_change='warn' and clear the task to go on with the changed project"
            )
        self.log.warning("%s, %s: rows of one batch are made by different versions", changed, when)

    async def _drive(self, layout: BatchLayout) -> dict[str, Any]:
        # Here, for a Dag file that names a batch drives none.
        from airflow_provider_bda.batch.drive import drive  # noqa: PLC0415

        def say(text: str, *, warning: bool = False) -> None:
            self.log.log(logging.WARNING if warning else logging.INFO, "%s", text)

        return await drive(
            layout.batch_s3_uri,
            target=self.target,
            s3_target=self._s3_target,
            say=say,
            log_interval=self.log_interval,
            completion_queue=self.completion_queue,
        )

    def _finish(self, layout: BatchLayout, ended: Mapping[str, Any]) -> dict[str, Any]:
        from airflow_provider_bda.batch.finish import finish_batch  # noqa: PLC0415 - as in _drive

        s3 = self._s3
        plan, runs = prepare.read_plan(s3, layout), prepare.read_runs(s3, layout)
        if plan is None or not runs:
            raise BdaBatchError(f"{layout.plan} is gone: the batch's files were deleted while it ran")
        run = runs[-1]
        if ended["state"] not in closing.GOOD:
            self.log.warning("the engine ended as %s: %s", ended["state"], ended["why"])
        tells = self._uses_index and bool(run.project_state)
        open_jobs: dict[int, Open] = {}
        if tells or ended["state"] == "broken":
            open_jobs = self._settle(layout, run, is_over=tells)
        summary = finish_batch(
            self._s3_hook,
            layout.batch_s3_uri,
            cost_per_job_usd=run.cost_per_document,
            review=self.review,
            put=self._tagging,
        )
        now = self._project_state(run.request)
        if tells:
            states = States(self._project_state, {name_of(run.request): now})
            index = ProcessedIndex.open(s3, str(self.state_s3_uri), create=self.create_index)
            told = incremental.tell_index(s3, layout, plan, runs, Incremental(index, None, states), open_jobs)
            self.log.info("%s documents stand in the index of processed documents", f"{told:,}")
        if self.on_project_change != "ignore" and (changed := change(run.project_state, now)) is not None:
            self._changed(changed, "while the batch ran")
        result = self._result(layout, plan, run, summary)
        self.lineage_note(result)
        metrics.cost(result["estimated_cost_usd"], dag_id=self.dag_id, task_id=self.task_id)
        closing.verdict(layout, plan, run, summary, ended)
        return result

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
        if self.review is None:
            return {}
        return {
            "needs_review": summary["needs_review"]["documents"],
            "needs_review_s3_uri": layout.needs_review,
        }

    def _dry(self, layout: BatchLayout, draft: Run, index: Incremental | None) -> dict[str, Any]:
        """Say what there is to do, and leave nothing behind."""
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

    @property
    def _slots(self) -> Slots:
        if "_slots_known" not in self.__dict__:
            self.__dict__["_slots_known"] = slots_of(self.hook, self.max_concurrent_jobs)
        slots: Slots = self.__dict__["_slots_known"]
        return slots

    @property
    def _s3_conn_id(self) -> str | None:
        return self.s3_conn_id or self.aws_conn_id

    @property
    def _s3_target(self) -> AwsTarget:
        return self.target_of(self._s3_conn_id)

    @property
    def _s3_hook(self) -> BdaBaseHook:
        return BdaBaseHook.for_target(self._s3_target)

    @property
    def _s3(self) -> Any:
        if "_s3_client" not in self.__dict__:
            self.__dict__["_s3_client"] = s3_of(self._s3_hook)
        return self.__dict__["_s3_client"]

    @property
    def _tagging(self) -> dict[str, str]:
        return tagging(self.output_tags)
