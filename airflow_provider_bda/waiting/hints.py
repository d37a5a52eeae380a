"""Events that say which job to ask for next: EventBridge puts them into an SQS queue, one consumer a queue reads it.

Never load-bearing. An event is believed in nothing but its ``job_id``, and only to choose the moment of a status call:
lost, doubled, late, foreign or forged ones change nothing else. What is meant for another triggerer goes back.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_provider_bda.waiting.client_pool import client_pool
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error
from airflow_provider_bda.waiting.poller import hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bda.aws import AwsTarget

log = logging.getLogger(__name__)

SOURCE = "aws.bedrock"
#: The detail types that AWS documents. Of a job that was created there is nothing to ask yet.
CREATED = "Bedrock Data Automation Job Created"
SUCCEEDED = "Bedrock Data Automation Job Succeeded"
ENDED = frozenset(
    {
        SUCCEEDED,
        "Bedrock Data Automation Job Failed With Client Error",
        "Bedrock Data Automation Job Failed With Service Error",
    }
)
#: Seconds one call waits for messages: the longest SQS knows.
LONG_POLL = 20
#: A message that concerns nobody here goes back at once so often, then after some seconds; then it is dropped.
AT_ONCE, LATER_SECONDS, MOST_RECEIVES = 10, 2, 20
#: Seconds between two attempts to read a queue that cannot be read.
PAUSE = (5.0, 300.0)
_REGION = re.compile(r"https://(?:sqs\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.(?:queue\.)?amazonaws\.")


@contextmanager
def listening(queue_url: str | None, target: AwsTarget, say: Callable[[str], None]) -> Iterator[None]:
    """Let a queue's events say when to ask, for as long as the context is open; None listens to nothing.

    :param queue_url: the queue.
    :param target: as whom to read it; a Region in the queue's URL goes before the target's own.
    :param say: takes a warning for the task's log: the queue cannot be read.
    """
    if not queue_url:
        yield
        return
    target = _at_home(queue_url, target)
    consumers = _CONSUMERS.setdefault(asyncio.get_running_loop(), {})
    consumer = consumers.setdefault((queue_url, target), Consumer(queue_url, target))
    member = object()
    consumer.join(member, say)
    try:
        yield
    finally:
        consumer.leave(member)


class Consumer:
    """Reads one queue for everybody in an event loop who waits for jobs whose events it holds."""

    def __init__(self, queue_url: str, target: AwsTarget) -> None:
        self.queue_url = queue_url
        self.target = target
        #: Who listens: how to tell their task's log something, in their own context.
        self._members: dict[object, tuple[contextvars.Context, Callable[[str], None]]] = {}
        self._told: set[object] = set()
        self._task: asyncio.Task[None] | None = None

    def join(self, member: object, say: Callable[[str], None]) -> None:
        """Listen."""
        self._members[member] = (contextvars.copy_context(), say)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())

    def leave(self, member: object) -> None:
        """Listen no more."""
        self._members.pop(member, None)
        self._told.discard(member)

    async def _run(self) -> None:
        pause = 0.0
        while self._members:
            try:
                await self._read()
                pause = 0.0
            except CALL_ERRORS as raised:
                pause = min(max(pause * 2, PAUSE[0]), PAUSE[1])
                error = call_error(raised)
                self._warn(f"{error.code}: {error.message}")
            except Exception:
                pause = PAUSE[1]
                log.exception("reading %s", self.queue_url)
                self._warn("a mistake of ours; the triggerer's log has more")
            if pause:
                await asyncio.sleep(pause)

    def _warn(self, why: str) -> None:
        """Tell everybody who was not told yet."""
        for member, (context, say) in self._members.items():
            if member not in self._told:
                self._told.add(member)
                context.copy().run(
                    say,
                    f"completion_queue {self.queue_url} cannot be read, so polling alone tells of ends: {why}",
                )

    async def _read(self) -> None:
        messages = await receive(self.queue_url, self.target)
        if not messages:
            return
        drop, back = [], []
        for number, message in enumerate(messages):
            entry = {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            received = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
            if _is_done_with(str(message.get("Body", ""))) or received >= MOST_RECEIVES:
                drop.append(entry)
            else:
                back.append({**entry, "VisibilityTimeout": 0 if received <= AT_ONCE else LATER_SECONDS})
        client = await client_pool().client(self.target, "sqs")
        if drop:
            await client.delete_message_batch(QueueUrl=self.queue_url, Entries=drop)
        if back:
            await client.change_message_visibility_batch(QueueUrl=self.queue_url, Entries=back)


async def receive(queue_url: str, target: AwsTarget) -> list[dict[str, Any]]:
    """Wait a while for messages (ReceiveMessage), ten at most.

    :raises Exception: out of ``CALL_ERRORS``.
    """
    client = await client_pool().client(_at_home(queue_url, target), "sqs")
    answer = await client.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=LONG_POLL,
        AttributeNames=["ApproximateReceiveCount"],
    )
    return list(answer.get("Messages") or ())


async def delete(queue_url: str, target: AwsTarget, messages: list[dict[str, Any]]) -> None:
    """Delete messages, ten at most (DeleteMessageBatch).

    :raises Exception: out of ``CALL_ERRORS``.
    """
    if not messages:
        return
    client = await client_pool().client(_at_home(queue_url, target), "sqs")
    entries = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
        for number, message in enumerate(messages)
    ]
    await client.delete_message_batch(QueueUrl=queue_url, Entries=entries)


def _at_home(queue_url: str, target: AwsTarget) -> AwsTarget:
    """Answer the target in the Region that the queue's URL names, if it names one."""
    region = _REGION.match(queue_url)
    return replace(target, region_name=region[1]) if region else target


def completed_job(body: str) -> dict[str, Any] | None:
    """Answer the detail of the event in a message's body, if it says that a job was created or has ended.

    :returns: the detail, with the ``detail-type``; None for anything else.
    """
    try:
        event = json.loads(body)
        known = event["source"] == SOURCE and event["detail-type"] in {CREATED, *ENDED}
        if not known or not isinstance(event["detail"]["job_id"], str):
            return None
        return {**event["detail"], "detail-type": event["detail-type"]}
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _is_done_with(body: str) -> bool:
    """Act on a message; tell whether nobody else needs it."""
    detail = completed_job(body)
    if detail is None:
        return False
    return detail["detail-type"] == CREATED or hint(detail["job_id"])


_CONSUMERS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, AwsTarget], Consumer]] = (
    WeakKeyDictionary()
)
