"""Reads the CSV files of a data ingestion job and counts what is wrong with them.

A file has a timestamp in its first column and a sensor in each other one. Other files, empty ones and those
without a data row are discarded, which does not make a job fail.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.backing import Moto

#: A sensor whose values span less counts as one with a short date range.
_SHORT_SECONDS = 14 * 86_400


class _Quality:
    """The counts over all files of one job."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: float | None = None
        self.last: float | None = None

    def take(self, rows: list[list[str]]) -> None:
        """Count one file: a head and at least one row."""
        sensors = [Counter[str]() for _ in rows[0][1:]]
        moments: list[float] = []
        for row in rows[1:]:
            moment = _moment(row[0])
            if moment is None:
                self.counts["unsupported timestamps"] += 1
            else:
                moments.append(moment)
            for sensor, text in zip(sensors, [*row[1:], *[""] * len(sensors)], strict=False):
                sensor["missing" if not text.strip() else "good" if _is_number(text) else "invalid"] += 1
        self.counts["duplicates"] += len(moments) - len(set(moments))
        span = max(moments) - min(moments) if moments else 0.0
        for sensor in sensors:
            self.counts["empty sensors"] += not sensor["good"]
            self.counts["short sensors"] += bool(sensor["good"]) and span < _SHORT_SECONDS
            self.counts["missing"] += sensor["missing"]
            self.counts["sensors missing"] += bool(sensor["missing"])
            self.counts["invalid"] += sensor["invalid"]
            self.counts["sensors invalid"] += bool(sensor["invalid"])
        known = [*moments, *(edge for edge in (self.first, self.last) if edge is not None)]
        if known:
            self.first, self.last = min(known), max(known)

    def summary(self) -> dict[str, Any]:
        """Answer the DataQualitySummary."""
        count = self.counts
        return {
            "InsufficientSensorData": {
                "MissingCompleteSensorData": {"AffectedSensorCount": count["empty sensors"]},
                "SensorsWithShortDateRange": {"AffectedSensorCount": count["short sensors"]},
            },
            "MissingSensorData": {
                "AffectedSensorCount": count["sensors missing"],
                "TotalNumberOfMissingValues": count["missing"],
            },
            "InvalidSensorData": {
                "AffectedSensorCount": count["sensors invalid"],
                "TotalNumberOfInvalidValues": count["invalid"],
            },
            "UnsupportedTimestamps": {"TotalNumberOfUnsupportedTimestamps": count["unsupported timestamps"]},
            "DuplicateTimestamps": {"TotalNumberOfDuplicateTimestamps": count["duplicates"]},
        }


def ingest(moto: Moto, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Read every file of an S3InputConfiguration and answer what Describe says about them.

    :raises ObjectMissing: no such bucket.
    """
    bucket, prefix = given["Bucket"], given.get("Prefix", "")
    pattern = _glob(given.get("KeyPattern"), prefix)
    quality, size, taken = _Quality(), 0, 0
    discarded: list[dict[str, str]] = []
    files = [item for item in moto.list_objects(region, bucket, prefix) if not item.key.endswith("/")]
    for item in files:
        rows = _table(moto.read_object(region, bucket, item.key)) if fnmatchcase(item.key, pattern) else None
        if rows is None:
            discarded.append({"Bucket": bucket, "Key": item.key})
            continue
        quality.take(rows)
        taken, size = taken + 1, size + item.size
    return {
        "IngestedFilesSummary": {
            "TotalNumberOfFiles": len(files),
            "IngestedNumberOfFiles": taken,
            "DiscardedFiles": discarded,
        },
        "DataQualitySummary": quality.summary() if taken else None,
        "IngestedDataSize": size,
        "DataStartTime": quality.first,
        "DataEndTime": quality.last,
    }


def _glob(pattern: str | None, prefix: str) -> str:
    """Turn a KeyPattern such as ``{prefix}/{component_name}_*`` into a glob."""
    if pattern is None:
        return "*"
    return pattern.replace("{prefix}", prefix.rstrip("/")).replace("{component_name}", "*").lstrip("/")


def _table(body: bytes) -> list[list[str]] | None:
    """Read a CSV file; None for one that is discarded."""
    try:
        rows = [row for row in csv.reader(io.StringIO(body.decode())) if row]
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows if len(rows) > 1 and len(rows[0]) > 1 else None


def _moment(text: str) -> float | None:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
