"""Thousands of documents through Bedrock Data Automation as one task, and their outputs deleted again."""

from __future__ import annotations

import asyncio
import logging
import time
from copy import copy
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
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.source import Manifest, S3Prefix, source_of
from airflow_provider_bda.exceptions import BdaBatchError, BdaError, BdaEventError, BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.links import BdaMonitorLink, BdaOutputLink, BdaProjectLink
from airflow_provider_bda.operators._assets import announce
from airflow_provider_bda.operators._aws import BdaAwsOperator
from airflow_provider_bda.operators._purge import BdaPurgeOperator
from airflow_provider_bda.operators._request import DataAutomationRequest
from airflow_provider_bda.operators._resume import traceback_of, trigger_failure
from airflow_provider_bda.review import ReviewPolicy
from airflow_provider_bda.triggers.batch import BatchTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bda.aws import AwsTarget
    from airflow_provider_bda.batch.prices import Prices
    from airflow_provider_bda.operators._batch_try import BatchTry

__all__ = ["BdaBatchOperator", "BdaPurgeOperator"]

#: The engine's own deadline comes first; Airflow's trigger timeout is for a triggerer that is down.
TRIGGER_MARGIN = timedelta(minutes=5)
#: Where a batch lies while it runs, for people and the UI.
XCOM_KEY = "bda_batch"


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
        work = self._try()
        if self._only_told:
            return work.only_tell(context)
        layout, run = work.begin(context)
        if self.do_xcom_push:
            context["ti"].xcom_push(
                key=XCOM_KEY,
                value={
                    "batch_id": layout.batch_id,
                    "batch_s3_uri": layout.batch_s3_uri,
                    "aws_conn_id": self.aws_conn_id,
                    "s3_conn_id": self._s3_target.aws_conn_id,
                    "region_name": self.region_name,
                    "started_at": run.started_at,
                },
            )
            self.push_console_links(context, f"{layout.batch_s3_uri}/", run.request)
        if not self.deferrable:
            return announce(self, context, work.finish(layout, asyncio.run(self._drive(layout))))
        return self.defer(
            trigger=BatchTrigger(
                batch_s3_uri=layout.batch_s3_uri,
                **self.target.to_dict(),
                s3_conn_id=self._s3_target.aws_conn_id,
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
        return announce(self, context, self._try().finish(BatchLayout(event["batch_s3_uri"]), event))

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
                work = self._try()
                work.finish(work.layout_of(context["ti"]), {"state": "broken", "why": why})
            except BdaBatchError:
                raise
            except (BdaError, FileNotFoundError):
                # The engine may still be at work: then what it does is found by the retry.
                self.log.warning("results and summary could not be written", exc_info=True)
        raise BdaBatchError(
            f"{why}. Its jobs go on; a retry goes on where the ledger ends and buys nothing twice"
        )

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

    @property
    def _s3_target(self) -> AwsTarget:
        return self.target_of(self.s3_conn_id or self.aws_conn_id)

    def _try(self) -> BatchTry:
        # As in _drive.
        from airflow_provider_bda.operators._batch_try import BatchTry  # noqa: PLC0415

        return BatchTry(self, self._s3_target)
