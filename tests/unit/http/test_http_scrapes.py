"""A scrape costs the same however slow what computes the gauges is, and tells nothing that is long past."""

import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client import Gauge
from starlette.requests import Request

from shared.http import system
from shared.http.system import Scraper
from shared.observability.metrics import REGISTRY


class Slow:
    """Gauges behind a database that answers when it is let."""

    def __init__(self) -> None:
        self.gauge = Gauge("tam_test_turns", "How often the gauges were refreshed.", registry=REGISTRY)
        self.turns = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def refresh(self) -> None:
        await self.may_answer.wait()
        self.turns += 1
        self.gauge.set(self.turns)


async def told(scraper: Scraper) -> float:
    """What a scrape says, which must not take long."""
    request = Request({"type": "http", "method": "GET", "path": "/metrics", "headers": []})
    async with asyncio.timeout(2):
        body = bytes((await scraper(request)).body).decode()
    (line,) = (line for line in body.splitlines() if line.startswith("tam_test_turns "))
    return float(line.split()[1])


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    monkeypatch.setattr(system, "SCRAPE_KEPT_SECONDS", 0.0)
    made = Slow()
    yield made
    REGISTRY.unregister(made.gauge)


async def test_who_asks_again_waits_for_nothing_and_is_told_what_was_last_found(slow: Slow):
    scraper = Scraper([(Slow.refresh, slow)])
    assert await told(scraper) == 1, "the first one waits"
    slow.may_answer.clear()
    assert [await told(scraper) for _ in range(3)] == [1, 1, 1]
    slow.may_answer.set()
    await asyncio.sleep(0.01)
    assert slow.turns == 2, "one refresh for all who asked meanwhile"
    assert await told(scraper) >= 2


async def test_after_a_long_pause_a_scrape_waits_for_what_is_so_now(slow: Slow):
    scraper = Scraper([(Slow.refresh, slow)], fresh_seconds=0.0)

    assert [await told(scraper) for _ in range(3)] == [1, 2, 3]


async def test_scrapes_within_a_second_share_a_refresh(slow: Slow, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(system, "SCRAPE_KEPT_SECONDS", 60.0)
    scraper = Scraper([(Slow.refresh, slow)])

    assert [await told(scraper) for _ in range(3)] == [1, 1, 1]


def test_no_metric_tells_when_it_was_made_nor_has_more_buckets_than_it_needs():
    """Each would be a series more for every label there is."""
    for family in REGISTRY.collect():
        assert not any(sample.name.endswith("_created") for sample in family.samples), family.name
        if family.name == "tam_job_seconds":
            assert len({sample.labels.get("le") for sample in family.samples} - {None}) <= 6
