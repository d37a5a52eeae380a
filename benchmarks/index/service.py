"""The S3 that the index lies on: the emulator (moto behind HTTP), in a process of its own, with the known keys in it.

They are written as the shards that compaction leaves, not committed one run after the other.
"""

from __future__ import annotations

import argparse
import json
import sys
from random import Random

from airflow_provider_bda.batch.index import ProcessedIndex
from airflow_provider_bda.emulator import Emulator

BUCKET = "benchmark"
URI = f"s3://{BUCKET}/index"
SHARDS = 256


def known_keys(shard: int, known: int) -> list[bytes]:
    """Answer the known keys of a shard, sorted: the same in every process."""
    count = known // SHARDS + (shard < known % SHARDS)
    run = Random(shard).randbytes(15 * count)  # noqa: S311 - not a secret
    head = bytes([shard])
    return sorted(head + run[start : start + 15] for start in range(0, len(run), 15))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--known", type=int, required=True)
    known = parser.parse_args().known
    with Emulator() as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        ProcessedIndex.open(s3, URI, create=True, shards=SHARDS)
        for shard in range(SHARDS):
            s3.put_object(
                Bucket=BUCKET, Key=f"index/shards/{shard:04x}", Body=b"".join(known_keys(shard, known))
            )
        print(json.dumps({"endpoint_url": aws.endpoint_url}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
