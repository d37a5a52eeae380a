"""Where everything durable of a batch lies on S3.

```
{output_s3_uri}/_batches/{batch_id}/
  batch.json                  what the worker decided: request, limits, policy; written last, so it marks a whole manifest
  manifest/{draft}/00000.jsonl  the documents, in segments of 10,000; the plan says which worker's draft it is
  runs/0000.json              one per try: its orders, and what was to be done again
  states/0000.json            with an index: projects and blueprints of documents that name their own, when a run began
  ledger/00000/*.jsonl        append-only: what became of the documents of that segment
  closed/00000-0000.json      a segment with nothing left to do, by run: counts only
  results/part-00000.jsonl    a row per document of a closed segment
  progress.json               how far it is, now and then
  results.jsonl failures.jsonl summary.json
  needs_review.jsonl          the documents a person should look at, where a policy says which
```
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

#: Documents in one segment of the manifest: what an engine holds in memory at a time.
SEGMENT = 10_000


def batch_id_of(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Answer the id of a task instance's batch: the same for a retry and after a clear."""
    text = "\n".join((dag_id, run_id, task_id, str(map_index)))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class BatchLayout:
    """The URIs of one batch.

    :param batch_s3_uri: its folder, without a slash at the end.
    """

    batch_s3_uri: str

    @classmethod
    def of(cls, output_s3_uri: str, batch_id: str) -> BatchLayout:
        """Answer the layout of a batch that writes under a prefix."""
        return cls(f"{output_s3_uri.rstrip('/')}/_batches/{batch_id}")

    @property
    def batch_id(self) -> str:
        """The last part of the URI."""
        return self.batch_s3_uri.rsplit("/", 1)[-1]

    @property
    def plan(self) -> str:
        """What the worker decided."""
        return f"{self.batch_s3_uri}/batch.json"

    @property
    def progress(self) -> str:
        """How far it is."""
        return f"{self.batch_s3_uri}/progress.json"

    @property
    def results(self) -> str:
        """Every row, once the batch has ended."""
        return f"{self.batch_s3_uri}/results.jsonl"

    @property
    def failures(self) -> str:
        """The rows that are neither a success nor skipped."""
        return f"{self.batch_s3_uri}/failures.jsonl"

    @property
    def needs_review(self) -> str:
        """The documents a person should look at, and why."""
        return f"{self.batch_s3_uri}/needs_review.jsonl"

    @property
    def summary(self) -> str:
        """Counts, durations and what was extracted."""
        return f"{self.batch_s3_uri}/summary.json"

    @property
    def manifests(self) -> str:
        """The prefix of all drafts of the manifest."""
        return f"{self.batch_s3_uri}/manifest/"

    def manifest(self, segment: int, draft: str = "") -> str:
        """Answer where the documents of a segment stand.

        :param draft: the plan's.
        """
        return f"{self.manifests}{draft}{'/' if draft else ''}{segment:05d}.jsonl"

    def run(self, number: int) -> str:
        """Answer where a run's orders stand: 0 is the first, each clear begins another."""
        return f"{self.batch_s3_uri}/runs/{number:04d}.json"

    @property
    def runs(self) -> str:
        """The prefix of all runs' orders."""
        return f"{self.batch_s3_uri}/runs/"

    def states(self, run: int) -> str:
        """Answer where it stands what held of documents' own projects and blueprints when a run began."""
        return f"{self.batch_s3_uri}/states/{run:04d}.json"

    def ledger(self, segment: int) -> str:
        """Answer the prefix of a segment's ledger."""
        return f"{self.batch_s3_uri}/ledger/{segment:05d}/"

    @property
    def closed(self) -> str:
        """The prefix of the marks of closed segments."""
        return f"{self.batch_s3_uri}/closed/"

    def mark(self, segment: int, run: int) -> str:
        """Answer where it stands that a run has nothing left to do in a segment."""
        return f"{self.closed}{segment:05d}-{run:04d}.json"

    @property
    def parts(self) -> str:
        """The prefix of all result parts."""
        return f"{self.batch_s3_uri}/results/"

    def part(self, segment: int) -> str:
        """Answer where the rows of a segment stand."""
        return f"{self.parts}part-{segment:05d}.jsonl"
