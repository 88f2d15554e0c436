"""Answers that come late: of every look the facts that are told, the revisions and the gauges are held together."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from alarm_world import say, scores, told
from metrics_world import NOW, World
from satisfaction_world import answered, deliver

from services.metrics.alarms.jobs import refresh_gauges
from services.metrics.alarms.schemas.watches import WatchIn
from shared.events.envelope import Event
from shared.observability.metrics import REGISTRY

OWNER = "Trưởng kho"
GOOD, BAD = 0.6, 0.2
SINCE = 14


def answers(days: Mapping[int, Sequence[int]], touchpoint: str, tag: str = "") -> list[Event[Any]]:
    """Answers about a touchpoint: scores by how many days ago."""
    return [
        answered(
            f"{touchpoint}{tag}{ago}-{number}",
            f"{touchpoint}{tag}c-{ago}-{number}",
            NOW - timedelta(days=ago),
            places={"touchpoint": touchpoint},
            nps=score,
        )
        for ago, given in days.items()
        for number, score in enumerate(given)
    ]


class Looked(NamedTuple):
    """After a look: what was told in it (kind, owner, cause), the gauge, and the last revision of the only alarm."""

    told: list[tuple[str, str, str | None]]
    gauge: float | None
    what: str
    change_day: int
    alarm: UUID


async def look(world: World) -> Looked:
    before = len(await told(world))
    await world.metrics.watching.look()
    await refresh_gauges(world.metrics)
    labels = {"watch": "delivery", "direction": "worse", "owner": OWNER}
    gauge = REGISTRY.get_sample_value("tam_alarm_raised", labels)
    [(alarm, *_)] = (await world.metrics.alarms.listed(state=None, watch_id=None, after=None, limit=5))[0]
    _, said = await world.metrics.alarms.alarm(alarm.id)
    heard = [(kind, data["owner"], data.get("cause")) for kind, data in (await told(world))[before:]]
    assert all(data["alarm_id"] == str(alarm.id) and data["name"] == "delivery" for _, data in await told(world))
    return Looked(heard, gauge, said[-1].what, said[-1].change_day, alarm.id)


async def test_a_past_day_that_changes_moves_clears_opens_again_and_takes_back(world: World):
    rng = Random(1)
    await world.db.call("DELETE FROM alarm_watches RETURNING 1")
    for name in ("delivery", "checkout"):
        body = WatchIn(
            name=name, metric="nps", change=30, owner=OWNER, direction="worse", dimension="touchpoint", value=name
        )
        await world.metrics.watches.add(body, by="key", idem=None)
    bad = {ago: scores(rng, BAD if ago <= SINCE else GOOD, 4) for ago in range(140, 0, -1)}
    good = {ago: scores(rng, GOOD, 4) for ago in range(140, 0, -1)}
    await say(world, [*answers(bad, "delivery"), *answers(good, "checkout")])

    raised = await look(world)
    assert raised[:3] == ([("alarm_raised", OWNER, None)], 1.0, "raised")

    # It had been bad for a week longer, as is learnt now: the same alarm from another day on, which nobody need hear.
    await deliver(world, answers({ago: [3] * 6 for ago in range(SINCE + 1, SINCE + 8)}, "delivery", "late"))
    moved = await look(world)
    assert moved[:3] == ([], 1.0, "moved")
    assert moved.change_day <= raised.change_day - 5

    # For a month all is well.
    world.clock.time = NOW + timedelta(days=31)
    await deliver(world, answers({-ago: scores(rng, 0.8, 4) for ago in range(31)}, "delivery", "after"))
    cleared = await look(world)
    assert cleared[:3] == ([("alarm_cleared", OWNER, "returned")], 0.0, "cleared")

    # Was it? Those who waited longest answer last.
    await deliver(world, answers({-ago: [3] * 8 for ago in range(25)}, "delivery", "last"))
    reopened = await look(world)
    assert reopened[:3] == ([("alarm_raised", OWNER, None)], 1.0, "reopened")

    # All of them together, when everybody has answered, were content.
    everybody = {ago: [10] * 40 for ago in range(-30, SINCE + 8)}
    for start in range(-30, SINCE + 8, 10):
        some = {ago: given for ago, given in everybody.items() if start <= ago < start + 10}
        await deliver(world, answers(some, "delivery", "all"))
    withdrawn = await look(world)
    assert withdrawn[:3] == ([("alarm_cleared", OWNER, "withdrawn")], 0.0, "withdrawn")
    assert {each.alarm for each in (moved, cleared, reopened, withdrawn)} == {raised.alarm}
    _, said = await world.metrics.alarms.alarm(raised.alarm)
    assert [each.what for each in said] == ["raised", "moved", "cleared", "reopened", "withdrawn"]
