"""Works through a batch: submits within a window, waits with the shared poller, writes down what it learns.

The same engine runs in the triggerer and on the worker. It holds only what it can read back: killed at any moment,
the next one opens the segments that are not closed, reads their ledger and goes on. Two engines on one batch do the
same work under the same tokens, so nothing is bought twice; each reads what the other wrote before it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch import segments as files
from airflow_provider_bda.batch.ledger import End, spans
from airflow_provider_bda.batch.plan import FORMAT, Plan, Policy, Run
from airflow_provider_bda.batch.policy import Tally, stop_reason
from airflow_provider_bda.batch.progress import Progress, line
from airflow_provider_bda.batch.project_state import Unreadable, change
from airflow_provider_bda.batch.slots import DEFAULT, WINDOW
from airflow_provider_bda.batch.submit import BatchRefused, Refused, Submitter
from airflow_provider_bda.batch.work import GONE, NOT_SUBMITTED, Work, next_of, request_for, row_of, token_of
from airflow_provider_bda.batch.writer import LedgerWriter
from airflow_provider_bda.jobs.kind import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.batch.budget import Budget
    from airflow_provider_bda.batch.layout import BatchLayout
    from airflow_provider_bda.batch.segments import OpenSegment, Store
    from airflow_provider_bda.batch.submit import Service
    from airflow_provider_bda.jobs.event import JobEvent

#: Documents that one intent announces.
CHUNK = 25
#: Segments held at once: an old one may still wait for its last document.
OPEN_SEGMENTS = 4
#: Seconds between two status calls for a job: a fraction of what jobs take, within bounds.
INTERVAL = (2.0, 10.0)
INTERVAL_SHARE = 1 / 8
#: Seconds between two looks at project and blueprints: some calls of the control plane each.
LOOK_AT_PROJECT = 300.0
#: Longest pause before a document the service broke on goes again.
RETRY_PAUSE = 30.0
_ENDS = {
    Outcome.SUCCEEDED: End.SUCCEEDED,
    Outcome.PARTIAL: End.SUCCEEDED,
    Outcome.REJECTED: End.REJECTED,
    Outcome.BROKEN: End.BROKEN,
    Outcome.TIMEOUT: End.TIMEOUT,
    Outcome.LOST: End.LOST,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How an engine's work on a run ended.

    :param state: "done"; "portion" (a limit the author set was reached: success with documents remaining); "stopped"
        (the policy), "refused" (the service takes nothing of it), "deadline".
    :param why: in words, where it is not "done".
    """

    state: str
    why: str | None = None


class Engine:
    """One engine on one batch. ``run`` it once.

    :param layout: where the batch lies.
    :param store: the files on S3.
    :param service: what submits and waits.
    :param budget_for: answers the budget of a modality, given this batch's own limit.
    :param say: takes a line for the task's log; ``warning=True`` where somebody should look at it.
    :param log_interval: seconds between two lines of progress.
    """

    def __init__(
        self,
        layout: BatchLayout,
        *,
        store: Store,
        service: Service,
        budget_for: Callable[[str, int], Budget],
        say: Callable[..., None],
        log_interval: float = 60.0,
    ) -> None:
        self.layout = layout
        self.store = store
        self.service = service
        self.say = say
        self.log_interval = log_interval
        self.writer = LedgerWriter(store, layout)
        self._budget_for = budget_for
        self._budgets: dict[str, Budget] = {}
        self._runs: list[Run] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: Ended | None = None
        self._freed = asyncio.Event()
        self._broke: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over = False
        self._full = False
        self._open = 0
        self._begun = 0
        self._jobs = 0
        self._seconds: deque[float] = deque(maxlen=200)

    async def run(self) -> Ended:
        """Do what the latest run's orders leave to do.

        :raises StoreError: S3 refused or did not come back; what was done is written as far as it took it.
        :raises ValueError: what lies there is none of ours or of a newer release.
        """
        await self._read_orders()
        flushing = asyncio.create_task(self.writer.run())
        telling = asyncio.create_task(self._tell())
        working = asyncio.create_task(self._work())
        watching = asyncio.create_task(self._watch())
        try:
            all_of_it = {flushing, telling, working, watching, self._broke}
            await asyncio.wait(all_of_it, return_when=asyncio.FIRST_COMPLETED)
            for part in all_of_it:
                if part.done():
                    part.result()  # a mistake, or an S3 that refuses, ends the engine; nobody works on unheard
            ended = self._ended or Ended("done")
            telling.cancel()
            await self._write_progress(ended)
            return ended
        finally:
            self._over = True
            everything = {flushing, telling, working, watching, *self._tasks}
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)
            for budget in self._budgets.values():
                budget.leave(self)
            # Whatever ended us, what is known is worth one more try.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(5.0):
                    await self.writer.flush()

    async def _read_orders(self) -> None:
        self._plan = Plan.from_json(json.loads(await self.store.get(self.layout.plan)))
        if self._plan.format > FORMAT:
            raise ValueError(
                f"{self.layout.plan} was written by a newer release of airflow-provider-bda (format "
                f"{self._plan.format}, this one reads {FORMAT}): upgrade the triggerer's too"
            )
        uris = await self.store.list(self.layout.runs)
        bodies = await asyncio.gather(*map(self.store.get, uris))
        self._runs = [Run.from_json(json.loads(body)) for body in bodies]
        self._run = self._runs[-1]
        self.store.tags = self._run.output_tags
        self._policy = Policy.from_json(self._run.policy)
        self._submitter = Submitter(self.service, self._run.submit_rate)
        self._tally = Tally(self._plan.documents)
        self._progress = Progress(self._run.started_at)

    async def _work(self) -> None:
        marks = await files.read_marks(self.store, self.layout, self._run)
        for mark in marks.values():
            self._count(mark)
        for number in range(self._plan.segments):
            if number in marks:
                continue
            while self._open >= OPEN_SEGMENTS:
                self._freed.clear()
                await self._freed.wait()
            segment = await files.read_segment(self.store, self.layout, number, self._plan.draft)
            self._heed(segment)
            if self._ended is not None and not segment.states.begun():
                break  # segments are begun in order: from here on there is no job to wait for
            self._open += 1
            await self._work_on(segment)
        while self._tasks:
            await asyncio.wait(self._tasks)
            await asyncio.sleep(0)

    async def _work_on(self, segment: OpenSegment) -> None:
        """Hand out everything in a segment that is to be done."""
        works = await asyncio.to_thread(files.work_of, segment, self._run)
        left = {work.place for work in works}
        for place, document in enumerate(segment.documents):
            if place % 500 == 0:
                await asyncio.sleep(0)  # ten thousand at once would hold the loop
            state = segment.state(place)
            self._jobs += state.bought
            if state.begun_in is not None and state.begun_in >= self._run.began:
                segment.begun.add(place)
            if place not in left:
                row = row_of(document, state, segment.states.skip(place))
                status = row["status"] or "failed"
                self._tally.end(status, row["error_type"], row["error_message"], before=True)
        self._begun += len(segment.begun)
        if self._jobs and self._submitter.accepted_at is None:
            self._submitter.accepted_at = 0.0
        by_modality: dict[str, deque[Work]] = defaultdict(deque)
        for work in works:
            by_modality[segment.documents[work.place].modality].append(work)
        segment.busy += 1
        try:
            async with asyncio.TaskGroup() as group:
                for modality, queue in by_modality.items():
                    group.create_task(self._hand_out(segment, modality, queue))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        segment.handed_out = True
        self._put_down(segment)

    async def _hand_out(self, segment: OpenSegment, modality: str, queue: deque[Work]) -> None:
        budget = self._budget(modality)
        announced: set[int] = set()
        while queue:
            if queue[0].arn is None and not self._may_submit(begun=queue[0].place in segment.begun):
                return  # known jobs come first, then what was begun: all that is left may not be submitted
            if queue[0].arn is None and queue[0].place not in announced:
                announced = await self._announce(segment, queue)
                continue
            if not await self._canary_allows(segment, queue[0]):
                return
            await budget.acquire(self)
            work = queue.popleft()
            # Another engine may have begun or ended it meanwhile.
            if segment.state(work.place).last is not None:
                now = next_of(work.place, segment.state(work.place), self._run)
                if now is None:
                    budget.release(self)
                    self._count_row(segment, work.place)
                    continue
                work = now
            if work.arn is None and not self._may_submit(begun=work.place in segment.begun):
                budget.release(self)
                return
            self._begin(segment, work.place)
            segment.busy += 1
            task = asyncio.create_task(self._do(segment, work, budget))
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    async def _announce(self, segment: OpenSegment, queue: deque[Work]) -> set[int]:
        """Write what is about to be submitted, and drop what another engine has begun meanwhile."""
        chunk = [work for _, work in zip(range(CHUNK), queue, strict=False)]
        places = {work.place for work in chunk}
        segment.announced |= places
        intents = [
            {"k": "intent", "i": first, "n": count, "r": self._run.number, "w": self.writer.name}
            for first, count in spans(places)
        ]
        await self.writer.intend(segment.number, intents)
        if await files.catch_up(self.store, self.layout, segment, self.writer.name):
            for _ in chunk:
                queue.popleft()
            for work in reversed(chunk):
                now = next_of(work.place, segment.state(work.place), self._run)
                if segment.state(work.place).last is not None:
                    self._begin(segment, work.place)
                if now is not None:
                    queue.appendleft(now if segment.state(work.place).last is not None else work)
                else:
                    self._count_row(segment, work.place)
        self._heed(segment)
        return places

    def _heed(self, segment: OpenSegment) -> None:
        """Stop where the worker has ended this run, for want of an answer: it gives away what was not announced."""
        if segment.states.over >= self._run.number:
            self._stop(Ended("stopped", "the worker has ended this run"))

    def _begin(self, segment: OpenSegment, place: int) -> None:
        if place not in segment.begun:
            segment.begun.add(place)
            self._begun += 1

    async def _canary_allows(self, segment: OpenSegment, work: Work) -> bool:
        """Hold everything back until the first few have shown that the batch can work at all."""
        first = self._policy.canary
        if work.arn is not None or work.place in segment.begun:
            return True
        if not first or self._tally.succeeded or self._begun < first:
            return True
        while self._tasks and self._ended is None:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)
            if self._tally.succeeded:
                return True
        if self._ended is None:
            reasons = (
                (reason, n) for reason, n in self._tally.reasons.most_common() if reason[0] != NOT_SUBMITTED
            )
            (kind, words), _ = next(reasons, (("", "no reason was given"), 0))
            self._stop(Ended("stopped", f"none of the first {first} documents succeeded: {kind}: {words}"))
        return False

    def _may_submit(self, *, begun: bool) -> bool:
        """Tell whether a document may be submitted; note why not.

        :param begun: whether it was begun before: a portion that is full is over for others only.
        """
        if self._ended is not None:
            return begun and not self._is_over()
        run, now = self._run, time.time()
        if now >= run.deadline:
            self._stop(Ended("deadline", "wait_timeout has passed"))
        elif run.submit_until is not None and now >= run.submit_until:
            self._stop(Ended("portion", "submit_for has passed"))
        elif not begun and run.max_documents is not None and self._begun >= run.max_documents:
            self._full = True
            self._stop(
                Ended("portion", f"{run.max_documents:,} documents were begun, which is the limit set")
            )
        elif (why := stop_reason(self._policy, self._tally)) is not None:
            self._stop(Ended("stopped", why))
        return self._ended is None

    def _is_over(self) -> bool:
        """Tell whether nothing at all is submitted any more."""
        return self._ended is not None and not self._full

    def _stop(self, ended: Ended) -> None:
        if self._ended is None:
            self._ended = ended
            self.say(f"nothing more is submitted: {ended.why}", warning=ended.state != "portion")

    async def _do(self, segment: OpenSegment, work: Work, budget: Budget) -> None:
        """See one document through to its end in this run."""
        good = False
        try:
            now: Work | None = work
            while now is not None:
                if not await self._one_job(segment, now, budget):
                    return
                state = segment.state(work.place)
                good = state.outcome is End.SUCCEEDED
                now = next_of(work.place, state, self._run)
                if now is not None:
                    if self._is_over():
                        break
                    await asyncio.sleep(random.uniform(0.5, 1.0) * min(2.0**now.generation, RETRY_PAUSE))  # noqa: S311 - jitter
            self._count_row(segment, work.place)
        except BatchRefused as refused:
            self._stop(Ended("refused", str(refused)))
        finally:
            budget.release(self, good=good)
            self._put_down(segment)

    async def _one_job(self, segment: OpenSegment, work: Work, budget: Budget) -> bool:
        """Submit a job unless it is known, and wait for its end; tell whether it has one."""
        document = segment.documents[work.place]
        who = {"i": work.place, "g": work.generation, "r": work.run}
        arn, at = work.arn, work.submitted_at or time.time()
        if arn is None:
            request = request_for(self._runs[work.run], document)
            token = token_of(self._plan.batch_id, document.document_id, work.generation, request)
            until = self._run.deadline
            body = {**request, "clientToken": token}
            answer = await self._submitter.submit(
                body, budget, until, self._is_over, lambda: segment.unsure.add(work.place)
            )
            if answer is None:
                self._may_submit(begun=True)
                return False
            if isinstance(answer, Refused):
                self._end(segment, who, End.REJECTED, type=answer.error_type, words=answer.words)
                return True
            arn, at = answer.arn, answer.at
            self._jobs += arn not in {
                one for a in segment.state(work.place).attempts.values() for one in a.jobs
            }
            self._record(segment, {"k": "job", **who, "arn": arn, "at": at})
        deadline = self._run.deadline
        if self._run.document_timeout is not None:
            deadline = min(deadline, max(at, self._run.started_at) + self._run.document_timeout)
        event = await self.service.wait(arn, deadline=deadline, interval=self._interval())
        await self._note(segment, {**who, "arn": arn, "sub": at}, event)
        return True

    async def _note(self, segment: OpenSegment, who: dict[str, Any], event: JobEvent) -> None:
        end = _ENDS[event.outcome]
        if end is End.LOST and event.error_type != GONE:
            # It says nothing of this document: every job would be bought and none ever be seen to end.
            raise BatchRefused(
                f"the status of jobs cannot be read: {event.error_type}: {event.error_message}"
            )
        more: dict[str, Any] = {"type": event.error_type, "words": event.error_message}
        if end is End.TIMEOUT and not event.error_type:
            more = {
                "type": "BdaJobTimeout",
                "words": f"the job had not ended in time; its status was {event.status}",
            }
        if end is End.SUCCEEDED:
            uri = (event.answer.get("outputConfiguration") or {}).get("s3Uri")
            more = {"out": uri, "sec": event.answer.get("jobDurationInSeconds")}
            if uri:
                more["cos"] = await self.service.custom_output_status(uri)
            self._seconds.append(float(more["sec"] or time.time() - who["sub"]))
        self._end(segment, who, end, **more)

    def _end(self, segment: OpenSegment, who: dict[str, Any], end: End, **more: Any) -> None:
        known = {name: value for name, value in more.items() if value is not None}
        # The run that saw it end, not the one that began it: what is done again depends on it.
        seen = {**who, "r": self._run.number}
        self._record(segment, {"k": "end", **seen, "o": end.value, "at": time.time(), **known})

    def _record(self, segment: OpenSegment, record: dict[str, Any]) -> None:
        segment.states.add(record)
        self.writer.add(segment.number, record)

    def _count_row(self, segment: OpenSegment, place: int) -> None:
        row = row_of(segment.documents[place], segment.state(place), segment.states.skip(place))
        if row["status"] is not None:
            self._tally.end(row["status"], row["error_type"], row["error_message"])

    def _count(self, mark: files.Mark) -> None:
        for status, count in mark.statuses.items():
            if status == "succeeded":
                self._tally.succeeded += count
            elif status == "rejected":
                self._tally.rejected += count
            elif status == "skipped":
                self._tally.skipped += count
            else:
                self._tally.failed += count
        for kind, words, count in mark.reasons:
            self._tally.note(kind, words, count)
        self._begun += sum(count for run, count in mark.begun.items() if int(run) >= self._run.began)
        self._jobs += mark.jobs

    def _put_down(self, segment: OpenSegment) -> None:
        """Let go of a segment; the last one to do so closes it."""
        segment.busy -= 1
        if segment.busy == 0 and segment.handed_out and not self._over:
            task = asyncio.create_task(self._close(segment))
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    async def _close(self, segment: OpenSegment) -> None:
        for first, count in spans(segment.unsubmitted()):
            self.writer.add(segment.number, {"k": "free", "i": first, "n": count, "w": self.writer.name})
        await self.writer.flush()
        await files.close_segment(self.store, self.layout, segment, self._run, self.writer.name)
        self._open -= 1
        self._freed.set()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._broke.done():
            self._broke.set_exception(error)

    def _budget(self, modality: str) -> Budget:
        if modality not in self._budgets:
            limit = self._run.max_open_jobs.get(modality) or DEFAULT.get(modality, 20) * WINDOW
            self._budgets[modality] = self._budget_for(modality, limit)
            self._budgets[modality].join(self, limit)
        return self._budgets[modality]

    def _interval(self) -> float:
        if not self._seconds:
            return INTERVAL[1]
        typical = sum(self._seconds) / len(self._seconds)
        return min(max(typical * INTERVAL_SHARE, INTERVAL[0]), INTERVAL[1])

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(self.log_interval)
            await self._write_progress(None)

    async def _watch(self) -> None:
        """Look now and then whether project and blueprints are what they were when the run began."""
        seen, readable = self._run.project_state, True
        while True:
            await asyncio.sleep(LOOK_AT_PROJECT)
            if not seen or self._run.on_project_change == "ignore":
                continue
            try:
                now = await self.service.project_state(self._run.request)
            except Unreadable as error:
                if readable:
                    self.say(
                        f"project and blueprints cannot be read here, so changes show at the end only: {error}",
                        warning=True,
                    )
                readable = False
                continue
            changed, seen = change(seen, now), now
            if changed is None:
                continue
            if self._run.on_project_change == "fail":
                self._stop(Ended("stopped", f"{changed}, and on_project_change is 'fail'"))
            else:
                self.say(
                    f"{changed}, while the batch runs: its rows are made by different versions", warning=True
                )

    async def _write_progress(self, ended: Ended | None) -> None:
        now = time.time()
        self._progress.note(now, self._tally.ended)
        cost = self._run.cost_per_document
        told = self._progress.to_json(
            self._tally,
            running=len(self._tasks),
            state="running" if ended is None else ended.state,
            now=now,
            batch_id=self._plan.batch_id,
            skipped=self._plan.skipped + self._tally.skipped,
            jobs_submitted=self._jobs,
            estimated_cost_usd=None if cost is None else round(cost * self._jobs, 2),
            why=None if ended is None else ended.why,
        )
        self.say(line(told))
        await self.store.put(self.layout.progress, json.dumps(told).encode())
