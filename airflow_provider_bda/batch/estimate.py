"""What a batch will take, told before it begins: pages, money, days, slots. An estimate, and it says how sure.

Documents are counted as they stream by; of them a sample is read for its pages. What is not known stays unknown and is
never a zero.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import statistics
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.batch.checks import MODALITIES, suffix_of
from airflow_provider_bda.batch.pages import count_pages
from airflow_provider_bda.batch.prices import UNITS, Prices
from airflow_provider_bda.jobs.quota import CONCURRENT_JOBS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_bda.batch.document import Document

DAY = 86_400.0
#: Documents read for their pages.
SAMPLE = 50
_THREADS = 8
_HEAD, _TAIL = 16 * 1024 * 1024, 1024 * 1024
#: From how many counted files on the spread of their mean is told by statistics, and not by the extremes.
_ENOUGH = 10
_ONE_PAGE = frozenset({"jpg", "jpeg", "png"})
#: Bits per second a file of that kind may have: lowest, usual, highest. Assumed.
_BITRATES: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "audio": (32e3, 128e3, 320e3),
        "wav": (128e3, 1_411e3, 4_608e3),
        "flac": (256e3, 900e3, 4_608e3),
        "video": (500e3, 3_000e3, 20_000e3),
    }
)


@dataclass(frozen=True, slots=True)
class Range:
    """A figure and how far off it may be. None is unknown."""

    low: float
    expected: float | None
    high: float | None

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, _sum(self.expected, other.expected), _sum(self.high, other.high))

    def times(self, low: float, expected: float | None = None, high: float | None = None) -> Range:
        """Multiply each end with its own factor, or all with the first."""
        middle = low if expected is None else expected
        top = low if high is None else high
        return Range(self.low * low, _product(self.expected, middle), _product(self.high, top))

    def text(self, form: str = "{:,.0f}") -> str:
        """Answer it in words."""
        if self.expected is None:
            return f"{form.format(self.low)} or more" + (
                f", at most {form.format(self.high)}" if self.high is not None else ""
            )
        if self.low == self.expected == self.high:
            return form.format(self.expected)
        top = "more" if self.high is None else form.format(self.high)
        return f"about {form.format(self.expected)} ({form.format(self.low)} to {top})"


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _product(one: float | None, other: float) -> float | None:
    return None if one is None else one * other


NOTHING = Range(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds a job runs: (for the file, for each page, image or minute of it).

    AWS publishes none, so these are assumed; a finished batch's summary has yours.
    """

    document: tuple[float, float] = (15.0, 2.0)
    image: tuple[float, float] = (10.0, 0.0)
    audio: tuple[float, float] = (20.0, 3.0)
    video: tuple[float, float] = (60.0, 15.0)

    def seconds(self, modality: str, files: int, units: Range) -> Range:
        """Answer the seconds that all jobs of a modality run, one after another."""
        per_file, per_unit = getattr(self, modality)
        fixed = files * per_file
        return units.times(per_unit) + Range(fixed, fixed, fixed) if per_unit else Range(fixed, fixed, fixed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part of one modality."""

    modality: str
    documents: int
    unit: str
    units: Range
    cost_usd: Range
    days: Range
    slots: int
    slots_for_deadline: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a batch will take.

    :param documents: that may go; ``rejected`` ones are not among them.
    :param sampled: documents of which the pages were counted.
    :param cost_usd: at the prices ``as_of``.
    :param days: at the slots given, from the first submit to the last end; the modalities run side by side.
    :param slots_source: where the slots are from.
    :param advice: what to do if it takes over a day.
    """

    documents: int
    rejected: int
    size: int
    shares: tuple[Share, ...]
    sampled: int
    cost_usd: Range
    days: Range
    prices_as_of: str
    prices_region: str
    deadline_seconds: float | None = None
    slots_source: str = "the default quota"
    advice: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Answer it as plain JSON."""
        told = asdict(self)
        return {**told, "shares": list(told["shares"]), "advice": list(told["advice"])}

    def lines(self) -> list[str]:
        """Answer it as lines for a log."""
        said = [
            f"{self.documents:,} documents may go, {self.rejected:,} are refused; {self.size / 1e9:,.2f} GB"
        ]
        for share in self.shares:
            read = f", pages counted in {self.sampled:,}" if share.modality == "document" else ""
            needed = (
                f"; {share.slots_for_deadline:,} slots for the deadline of {self.deadline_seconds:,.0f} s"
                if share.slots_for_deadline is not None
                else ""
            )
            said.append(
                f"{share.modality}: {share.documents:,} files, {share.units.text()} {share.unit}s{read}; USD "
                f"{share.cost_usd.text('{:,.2f}')}; {share.days.text('{:,.2f}')} days at {share.slots:,} slots{needed}"
            )
        said.append(
            f"in all USD {self.cost_usd.text('{:,.2f}')} at the prices of {self.prices_region} read "
            f"{self.prices_as_of}, and {self.days.text('{:,.2f}')} days at an assumed pace: an estimate. The slots are {self.slots_source}"
        )
        return [*said, *self.advice]


@dataclass(slots=True)
class _Count:
    files: int = 0
    custom: int = 0
    one_page: int = 0
    bytes_by_kind: Counter[str] = field(default_factory=Counter)
    unsized: int = 0


class Census:
    """Counts documents as they stream by, and keeps a sample that does not depend on their order.

    :param sample: how many documents are kept to be read for their pages.
    """

    def __init__(self, sample: int = SAMPLE) -> None:
        self.documents = self.rejected = self.size = 0
        self._sample = sample
        self._counts: dict[str, _Count] = {}
        self._kept: list[tuple[int, str]] = []

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Pass documents on and count them."""
        for document in documents:
            self.add(document)
            yield document

    def add(self, document: Document) -> None:
        """Count a document."""
        if document.rejection is not None:
            self.rejected += 1
            return
        self.documents += 1
        self.size += document.size or 0
        count = self._counts.setdefault(document.modality, _Count())
        count.files += 1
        count.custom += "blueprints" in document.overrides
        suffix = suffix_of(document.input_s3_uri)
        if document.modality in {"audio", "video"}:
            kind = suffix if suffix in _BITRATES else document.modality
            count.bytes_by_kind[kind] += document.size or 0
            count.unsized += document.size is None
        elif document.modality == "document":
            if suffix in _ONE_PAGE:
                count.one_page += 1
            else:
                self._keep(document)

    def _keep(self, document: Document) -> None:
        # Those of the lowest digests are as good as drawn at random, and the same ones each time.
        rank = -int.from_bytes(hashlib.blake2b(document.document_id.encode(), digest_size=8).digest())
        if len(self._kept) < self._sample:
            heapq.heappush(self._kept, (rank, document.input_s3_uri))
        elif rank > self._kept[0][0]:
            heapq.heapreplace(self._kept, (rank, document.input_s3_uri))

    def estimate(
        self,
        s3: Any = None,
        *,
        prices: Prices | None = None,
        slots: Mapping[str, int] | None = None,
        slots_source: str = "the default quota",
        custom: bool | None = None,
        fields: int = 0,
        deadline_seconds: float | None = None,
        pace: Pace | None = None,
    ) -> Estimate:
        """Answer what the documents counted so far will take.

        :param s3: a boto3 S3 client to read the sample with; None leaves the pages unknown.
        :param slots: jobs at once by modality: the applied quota where it may be read. What is missing has the default.
        :param slots_source: where these are from, for people.
        :param custom: whether the batch's request has blueprints: False pays for standard output, None does not know (a
            project may have some) and widens the range.
        :param fields: of the blueprint.
        :param deadline_seconds: tells the slots that it takes to end in that time.
        """
        prices, pace = prices or Prices(), pace or Pace()
        pages = self._read(s3) if s3 is not None and self._kept else []
        shares = []
        for modality in MODALITIES:
            if count := self._counts.get(modality):
                units = self._units(modality, count, pages)
                seconds = pace.seconds(modality, count.files, units)
                at_once = (slots or {}).get(modality, CONCURRENT_JOBS[modality].default)
                share = Share(
                    modality=modality,
                    documents=count.files,
                    unit=UNITS[modality],
                    units=units,
                    cost_usd=_cost(count, units, modality, prices, custom=custom, fields=fields),
                    days=seconds.times(1 / at_once / DAY),
                    slots=at_once,
                    slots_for_deadline=_slots(seconds, deadline_seconds),
                )
                shares.append(share)
        return Estimate(
            documents=self.documents,
            rejected=self.rejected,
            size=self.size,
            shares=tuple(shares),
            sampled=sum(number is not None for number in pages),
            cost_usd=sum((share.cost_usd for share in shares), NOTHING),
            days=_longest([share.days for share in shares]),
            prices_as_of=prices.as_of,
            prices_region=prices.region_name,
            deadline_seconds=deadline_seconds,
            slots_source=slots_source,
            advice=tuple(line for share in shares for line in _advice(share)),
        )

    def _read(self, s3: Any) -> list[int | None]:
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="bda-estimate") as pool:
            return list(pool.map(lambda kept: _pages_of(s3, kept[1]), sorted(self._kept)))

    def _units(self, modality: str, count: _Count, pages: list[int | None]) -> Range:
        if modality == "image":
            return Range(count.files, count.files, count.files)
        if modality == "document":
            single = Range(count.one_page, count.one_page, count.one_page)
            return _pages(count.files - count.one_page, pages) + single
        minutes = NOTHING
        for kind, size in count.bytes_by_kind.items():
            lowest, usual, highest = _BITRATES[kind]
            bits = size * 8 / 60
            minutes += Range(bits / highest, bits / usual, bits / lowest)
        return minutes if not count.unsized else Range(minutes.low, None, None)


def _pages_of(s3: Any, uri: str) -> int | None:
    """Count a file's pages out of its beginning and its end; what cannot be read is unknown."""
    bucket, key = split_s3_uri(uri)
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{_HEAD - 1}")
        body = answer["Body"].read()
        if int(answer.get("ContentRange", "/0").rpartition("/")[2]) > _HEAD:
            body += b"\n" + s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=-{_TAIL}")["Body"].read()
    except (ClientError, BotoCoreError, HTTPError, OSError):
        return None
    return count_pages(body)


def _pages(files: int, sample: list[int | None]) -> Range:
    """Answer the pages of all files, told from some."""
    if not files:
        return NOTHING
    counted = [number for number in sample if number is not None]
    if not counted:
        return Range(files, None, None)
    mean = statistics.fmean(counted)
    if len(counted) == files:
        return Range(sum(counted), sum(counted), sum(counted))
    if len(counted) < _ENOUGH:
        low, high = float(min(counted)), float(max(counted))
    else:
        spread = 1.96 * statistics.stdev(counted) * math.sqrt((1 - len(counted) / files) / len(counted))
        low, high = max(1.0, mean - spread), mean + spread
    # Files that could not be counted may be anything between one page and the longest that was seen.
    unknown = 1 - len(counted) / len(sample)
    low, high = low * (1 - unknown) + unknown, high * (1 - unknown) + max(counted) * unknown
    return Range(files * low, files * mean, files * high)


def _cost(
    count: _Count, units: Range, modality: str, prices: Prices, *, custom: bool | None, fields: int
) -> Range:
    dear = prices.of(modality, custom=True, fields=fields)
    cheap = dear if custom else prices.of(modality, custom=False)
    part = count.custom / count.files
    low, high = (
        cheap * (1 - part) + dear * part,
        dear if custom is not False else cheap * (1 - part) + dear * part,
    )
    # Not knowing is no reason to promise the lower price.
    return units.times(low, high, high)


def _slots(seconds: Range, deadline: float | None) -> int | None:
    if deadline is None or seconds.expected is None:
        return None
    return max(1, math.ceil(seconds.expected / deadline))


def _longest(days: list[Range]) -> Range:
    expected, high = [d.expected for d in days], [d.high for d in days]
    return Range(
        max((d.low for d in days), default=0.0),
        None if None in expected else max((d for d in expected if d is not None), default=0.0),
        None if None in high else max((d for d in high if d is not None), default=0.0),
    )


def _advice(share: Share) -> Iterator[str]:
    """Advise a quota for what takes over a day."""
    days = share.days.low if share.days.expected is None else share.days.expected
    if days > 1:
        quota = CONCURRENT_JOBS[share.modality]
        yield (
            f"{share.modality}: over a day at {share.slots:,} slots. Request more of Service Quotas {quota.code} (concurrent "
            f"{share.modality} jobs, by default {quota.default}): {math.ceil(days * share.slots):,} slots would take a day"
        )
