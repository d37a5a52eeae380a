"""The status service both contestants ask: GetDataAutomationStatus over HTTP, in a process of its own.

It must never be the limit, so it parses by hand. It owns the truth: which job ends when and how, and how many
calls were made. A job's time runs from the first call for it, so that a contestant whose start takes long makes
as many calls for each job as one that starts at once. Two more paths serve the benchmark: ``/started`` answers
when every job has been asked for once, ``/report`` at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PREFIX = "arn:aws:bedrock:us-east-1:123456789012:data-automation-invocation/"
WARM_UP = f"{PREFIX}warm-up"
#: Every tenth job fails: a contestant that calls everything a success is found out.
FAILS_EVERY = 10
#: Seconds until a status call is answered, about what a call to a Region nearby takes.
LATENCY = 0.03


def arn_of(number: int) -> str:
    """Answer the handle of a job."""
    return f"{PREFIX}job-{number:06d}"


def fails(number: int) -> bool:
    """Answer whether a job ends as ClientError."""
    return number % FAILS_EVERY == FAILS_EVERY - 1


@dataclass
class Jobs:
    """The jobs, and what was asked.

    :param seconds: how long each job takes, from the first call for it.
    """

    seconds: list[float]
    calls: int = 0
    calls_before_started: int = 0
    unknown: int = 0
    ends: dict[int, float] = field(default_factory=dict)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    submitted: str = field(default_factory=lambda: _iso(time.time()))

    @classmethod
    def spread(cls, count: int, first: float, last: float) -> Jobs:
        """Spread how long jobs take evenly, in an order that is not theirs (the same each time)."""
        step = (last - first) / max(count - 1, 1)
        seconds = [first + step * place for place in range(count)]
        random.Random(count).shuffle(seconds)  # noqa: S311 - an order, no secret
        return cls(seconds)

    def status(self, arn: str) -> dict[str, Any] | None:
        """Answer a job's status as the service does; None for an unknown job."""
        if arn == WARM_UP:
            return self._ended(arn, ended=time.time(), failed=False)
        name = arn.removeprefix(f"{PREFIX}job-")
        number = int(name) if name.isdecimal() else len(self.seconds)
        if number >= len(self.seconds):
            self.unknown += 1
            return None
        now = time.time()
        end = self.ends.setdefault(number, now + self.seconds[number])
        self._count()
        if now < end:
            return {"status": "InProgress", "jobSubmissionTime": self.submitted}
        return self._ended(arn, end, failed=fails(number))

    def report(self) -> dict[str, Any]:
        """Answer what a judge needs."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "ends": {arn_of(number): end for number, end in self.ends.items()},
            "calls": self.calls,
            "calls_before_started": self.calls_before_started,
            "unknown": self.unknown,
            "service_cpu": usage.ru_utime + usage.ru_stime,
        }

    def _count(self) -> None:
        self.calls += 1
        if not self.started.is_set():
            self.calls_before_started += 1
            if len(self.ends) == len(self.seconds):
                self.started.set()

    def _ended(self, arn: str, ended: float, *, failed: bool) -> dict[str, Any]:
        output = {"s3Uri": f"s3://bench/output/{arn[len(PREFIX) :]}/job_metadata.json"}
        error = {"errorType": "ClientError", "errorMessage": "the document cannot be read"} if failed else {}
        return {
            "status": "ClientError" if failed else "Success",
            "outputConfiguration": output,
            "jobSubmissionTime": self.submitted,
            "jobCompletionTime": _iso(ended),
            "jobDurationInSeconds": 60,
            **error,
        }


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection with keep-alive, one request at a time."""

    def __init__(self, jobs: Jobs, latency: float) -> None:
        self._jobs = jobs
        self._latency = latency
        self._buffer = bytearray()
        self._transport: Any = None
        self._waiting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            length = _content_length(head)
            if len(self._buffer) < end + 4 + length:
                return
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            self._serve(head, body)

    def _serve(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path == b"/started":
            self._waiting = asyncio.get_running_loop().create_task(self._started())
        elif path == b"/report":
            self._send(200, self._jobs.report())
        elif b"GetDataAutomationStatus" in head:
            answer = self._jobs.status(json.loads(body)["invocationArn"])
            later = asyncio.get_running_loop().call_later
            if answer is None:
                unknown = {"__type": "ResourceNotFoundException", "message": "no such invocation"}
                later(self._latency, self._send, 400, unknown)
            else:
                later(self._latency, self._send, 200, answer)
        else:
            self._send(
                400, {"__type": "UnknownOperationException", "message": "only GetDataAutomationStatus"}
            )

    async def _started(self) -> None:
        await self._jobs.started.wait()
        self._send(200, self._jobs.report())

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self._transport.write(
            b"HTTP/1.1 %d OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
            b"x-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\nContent-Length: %d\r\n\r\n"
            % (status, len(body))
            + body
        )


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


async def serve(jobs: Jobs) -> None:
    """Serve on a free port of this machine, tell it on stdout, and go on until killed."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(jobs, LATENCY), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _main(options: argparse.Namespace) -> None:
    await serve(Jobs.spread(options.jobs, options.first, options.last))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--first", type=float, required=True)
    parser.add_argument("--last", type=float, required=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(_main(parser.parse_args()))
