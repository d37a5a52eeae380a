from __future__ import annotations

import asyncio

import pytest

from airflow_provider_bda.waiting.rate import FLOOR, QUIET, AdaptiveRate


class FakeTime(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer: no test waits."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0

    def time(self):
        return self.now

    def _run_once(self):
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0].when())
        super()._run_once()


@pytest.fixture
def loop():
    loop = FakeTime()
    yield loop
    loop.close()


def test_calls_go_out_at_the_rate(loop):
    async def ten():
        rate, begun = AdaptiveRate(rate=5.0, ceiling=5.0), loop.time()
        for _ in range(10):
            await rate.acquire()
        return loop.time() - begun

    assert loop.run_until_complete(ten()) == pytest.approx(9 / 5, abs=0.05)


def test_throttling_halves_the_rate_once_for_a_burst(loop):
    async def burst():
        rate = AdaptiveRate(rate=8.0)
        rates = []
        for _ in range(3):
            rate.on_throttled()
            rates.append(rate.rate)
        await asyncio.sleep(QUIET)
        rate.on_throttled()
        return [*rates, rate.rate]

    assert loop.run_until_complete(burst()) == [4.0, 4.0, 4.0, 2.0]


def test_the_rate_grows_back_and_never_falls_below_the_floor(loop):
    async def long():
        rate = AdaptiveRate(rate=1.0, ceiling=10.0)
        for _ in range(20):
            rate.on_throttled()
            await asyncio.sleep(QUIET)
        lowest = rate.rate
        await asyncio.sleep(60)
        await rate.acquire()
        return lowest, rate.rate

    lowest, later = loop.run_until_complete(long())
    assert FLOOR <= lowest < 1.0
    assert later == 10.0
