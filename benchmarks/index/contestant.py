"""One run as a batch makes it: claim by segments, commit by handfuls, extend, compact; what each step took."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from airflow_provider_bda.batch.index import ProcessedIndex, Verdict, index_key
from airflow_provider_bda.batch.layout import SEGMENT
from benchmarks.index.service import SHARDS, URI, known_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Keys in one commit.
HANDFUL = 100
REQUEST = {"dataAutomationConfiguration": {"dataAutomationProjectArn": "arn:project", "stage": "LIVE"}}


class Contestant:
    """Measures step by step."""

    def __init__(self, s3: Any) -> None:
        self.calls: Counter[str] = Counter()
        s3.meta.events.register("before-call.s3", lambda model, **_: self._count(model.name))
        self.steps: dict[str, dict[str, float]] = {}

    def _count(self, operation: str) -> None:
        self.calls[operation] += 1

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        calls, start, cpu = self.calls.total(), time.perf_counter(), time.process_time()
        yield
        self.steps[name] = {
            "seconds": time.perf_counter() - start,
            "cpu": time.process_time() - cpu,
            "calls": self.calls.total() - calls,
        }


def peak() -> float:
    """Answer the most memory this process had so far, in MB."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint-url", required=True)
    parser.add_argument("--known", type=int, required=True)
    parser.add_argument("--new", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    s3 = boto3.client(
        "s3",
        endpoint_url=options.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="AKIABENCHMARK",
        aws_secret_access_key="no-secret",  # noqa: S106 - the emulator's
        config=Config(s3={"addressing_style": "path"}),
    )
    contestant, faults = Contestant(s3), []
    index = ProcessedIndex.open(s3, URI, create=False)
    before = peak()

    def claim(keys: list[bytes], owner: str) -> Counter[Verdict]:
        found: Counter[Verdict] = Counter()
        for start in range(0, len(keys), SEGMENT):
            now = time.time()
            found.update(index.claim(keys[start : start + SEGMENT], owner=owner, until=now + 3600, now=now))
        return found

    def expect(what: str, found: Counter[Verdict], **wanted: int) -> None:
        if found != Counter({Verdict[name]: count for name, count in wanted.items()}):
            faults.append(f"{what}: {dict(found)}")

    with contestant.step("keys"):
        keys = [
            index_key(f"s3://in/{number}.pdf", f"{number:032x}", REQUEST) for number in range(options.new)
        ]
    with contestant.step("claim"):
        expect("first claim", claim(keys, "batch-1"), NEW=options.new)
    with contestant.step("commit"):
        for start in range(0, len(keys), HANDFUL):
            index.commit(keys[start : start + HANDFUL], owner="batch-1")
    with contestant.step("extend"):
        index.extend(owner="batch-1", until=time.time() + 7200)
    with contestant.step("compact"):
        index.compact()
    after = peak()
    with contestant.step("claim again"):
        expect("another's claim", claim(keys, "batch-2"), PROCESSED=options.new)
    with contestant.step("compact fully"):
        index.compact(fully=True)
    expect("claim after compaction", claim(keys, "batch-2"), PROCESSED=options.new)
    known = known_keys(7, options.known)[:1000] + known_keys(SHARDS - 1, options.known)[-1000:]
    expect("claim of known ones", claim(known, "batch-2"), PROCESSED=len(known))
    options.out.write_text(
        json.dumps(
            {
                "steps": contestant.steps,
                "operations": contestant.calls,
                "memory": {"before": before, "after": after, "end": peak()},
                "faults": faults,
            }
        )
    )


if __name__ == "__main__":
    main()
