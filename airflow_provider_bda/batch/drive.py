"""Runs an engine on the real services, and turns what it ends with into an event: plain JSON, never an exception."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch.budget import budget_for
from airflow_provider_bda.batch.engine import Engine
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.service import BdaService
from airflow_provider_bda.batch.store import S3Store, StoreError
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.waiting.hints import listening

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.aws import AwsTarget

log = logging.getLogger(__name__)


async def drive(
    batch_s3_uri: str,
    *,
    target: AwsTarget,
    s3_target: AwsTarget,
    say: Callable[..., None],
    log_interval: float,
    completion_queue: str | None = None,
) -> dict[str, Any]:
    """Work through a batch to the end of its latest run; answer how it ended.

    :param target: which AWS takes the jobs.
    :param s3_target: which AWS holds the batch's files.
    :param say: takes a line for the task's log.
    :param completion_queue: URL of an SQS queue whose events say which job to ask for next.
    :return: ``batch_s3_uri``, ``state`` and ``why`` as :class:`~airflow_provider_bda.batch.engine.Ended` has them;
        the state "broken" means that the engine could not go on: a retry goes on where the ledger ends.
    """
    store = S3Store(s3_target)
    engine = Engine(
        BatchLayout(batch_s3_uri),
        store=store,
        service=BdaService(target, store, listens=bool(completion_queue)),
        budget_for=lambda modality, limit: budget_for(target, modality, limit),
        say=say,
        log_interval=log_interval,
    )
    try:
        with listening(completion_queue, target, lambda text: say(text, warning=True)):
            ended = await engine.run()
    except (StoreError, FileNotFoundError, ValueError, BdaInputError) as error:
        log.exception("the engine of %s could not go on", batch_s3_uri)
        return {"batch_s3_uri": batch_s3_uri, "state": "broken", "why": f"{type(error).__name__}: {error}"}
    return {"batch_s3_uri": batch_s3_uri, "state": ended.state, "why": ended.why}
