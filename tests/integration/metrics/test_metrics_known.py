"""What was believed at a moment, over HTTP: read from the log in the background, kept, or refused."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from metrics_world import NOW, HandClock
from test_metrics_knowledge import a_life, known_then, publish

from services.metrics.app import service as metrics
from services.metrics.knowledge.domain import Moment
from services.metrics.knowledge.service import MOST_WAITING, Knowledge
from shared.testing.platform import Running, running_platform


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (metrics,), clock=HandClock(), currency="VND") as platform:
        yield platform


def knowledge(running: Running) -> Knowledge:
    found: Knowledge = running.platform.value("metrics").knowledge
    return found


async def test_with_known_at_a_figure_is_what_it_was_believed_to_be(running: Running):
    """The oracle is the live service itself, asked before the rest of the facts came."""
    events, moment = a_life(random.Random(1)), NOW - timedelta(days=45)
    early = known_then(events, moment)
    assert 0 < len(early) < len(events)
    day = moment.date().isoformat()
    await publish(running, early)
    then = {
        "summary": (await running.crm.get(f"/v1/metrics/summary?as_of={day}")).json(),
        "nps": (await running.crm.get(f"/v1/metrics/nps?to={day}")).json(),
    }
    await publish(running, events[len(early) :])

    asked = {"known_at": moment.isoformat()}
    waiting = await running.crm.get("/v1/metrics/summary", params=asked)
    assert (waiting.status_code, waiting.json()["code"]) == (503, "metrics.being_read")
    assert waiting.headers["Retry-After"] == "5"
    await knowledge(running).read()
    # A worker may have been quicker, and is at it still.
    while (await running.crm.get("/v1/metrics/summary", params=asked)).status_code == 503:
        await asyncio.sleep(0.05)
    assert await knowledge(running).read() == 0

    for figure, before in then.items():
        found = (await running.crm.get(f"/v1/metrics/{figure}", params=asked)).json()
        now = (await running.crm.get(f"/v1/metrics/{figure}?{'as_of' if figure == 'summary' else 'to'}={day}")).json()
        for each in (before, found, now):
            without_moments(each)
        assert found == before
        assert found != now, "what came later changed nothing, so this showed nothing"


def without_moments(document: Any) -> None:
    """Without when it was answered, and how old that was."""
    if isinstance(document, dict):
        for name in ("staleness_seconds", "as_of"):
            document.pop(name, None)
        for each in document.values():
            without_moments(each)


async def test_what_cannot_be_answered_is_refused_and_says_why(database_url: str, monkeypatch: pytest.MonkeyPatch):
    async with running_platform(database_url, (metrics,), role="api", clock=HandClock(), currency="VND") as running:
        await refusals(running, monkeypatch)


async def refusals(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody works in the background."""
    client, past = running.crm, (NOW - timedelta(days=9)).isoformat()
    tomorrow = (NOW + timedelta(days=1)).isoformat()

    async def refused(address: str, **params: str) -> tuple[int, str]:
        answer = await client.get(f"/v1/metrics/{address}", params=params)
        return answer.status_code, answer.json()["code"]

    assert await refused("summary", known_at=tomorrow) == (422, "metrics.not_yet_known")
    assert await refused("summary", known_at=past, as_of=NOW.date().isoformat()) == (422, "metrics.in_the_future")
    assert await refused("summary", known_at="2026-01-01T00:00:00") == (422, "invalid")
    assert await refused("nps", known_at=past, touchpoint="checkout") == (422, "metrics.known_as_a_whole")
    assert await refused("nps", known_at=past, by="channel") == (422, "metrics.known_as_a_whole")
    for number in range(MOST_WAITING):
        at = (NOW - timedelta(days=9, minutes=number)).isoformat()
        assert await refused("summary", known_at=at) == (503, "metrics.being_read")
    more = (NOW - timedelta(days=10)).isoformat()
    assert await refused("summary", known_at=more) == (429, "metrics.too_many_moments")

    async def no(*_: object) -> bool:
        return False

    monkeypatch.setattr("services.metrics.knowledge.service.may_rebuild", no)
    assert await knowledge(running).read() == MOST_WAITING
    assert await refused("summary", known_at=past) == (409, "metrics.not_on_the_log")


def test_the_name_of_a_moment_says_all_of_it():
    moment = Moment(NOW, 20_000, 30, None)
    assert Moment.named(moment.name, 20_000) == moment
    assert Moment.named("silences", 20_000) is None
