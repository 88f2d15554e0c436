"""Alarms on those who leave a contract: of people, and of the revenue that goes with them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import pytest
import satisfaction_world as satisfaction
from alarm_world import TODAY, told
from metrics_world import World, merged
from subscription_world import changed, deliver, ended, on, started

from services.metrics.alarms.domain.mornings import Morning, mornings_of
from services.metrics.alarms.repository import buckets
from services.metrics.alarms.schemas.watches import WatchIn
from services.metrics.alarms.service.contracted import of_segment
from services.metrics.domain.calendar import to_date
from shared.errors import AppError

DAYS, SINCE = 150, 12


class Life(NamedTuple):
    """A subscriber: first day, last day (None: still there), what is paid, and from a day on another price."""

    came: int
    left: int | None
    minor: int
    later: tuple[int, int] | None


def a_firm(rng: Random) -> list[Life]:
    """300 subscribers, of whom four in a thousand leave a day, and for the last twelve days ten times as many."""
    lives = [Life(TODAY - DAYS, None, rng.choice((500, 1_000, 9_000)), None) for _ in range(300)]
    for day in range(TODAY - DAYS + 1, TODAY):
        leave = 0.04 if day > TODAY - SINCE else 0.004
        for place, each in enumerate(lives):
            if each.left is None and rng.random() < leave:
                lives[place] = each._replace(left=day)
            elif each.left is None and each.later is None and rng.random() < 0.002:
                lives[place] = each._replace(later=(day, rng.choice((100, 2_000))))
        lives += [Life(day, rng.choice((None, None, day)), 1_000, None) for _ in range(rng.choice((0, 1, 2)))]
    return lives


def facts_of(lives: list[Life]) -> Iterator[Any]:
    for number, life in enumerate(lives):
        name, who = f"s{number}", f"c{number}"
        yield started(name, who, on(to_date(life.came), 9), life.minor)
        if life.later is not None:
            yield changed(name, who, on(to_date(life.later[0])), mrr_minor=life.later[1])
        if life.left is not None:
            yield ended(name, who, on(to_date(life.left), 15))


async def tell(world: World, lives: list[Life]) -> None:
    facts = list(facts_of(lives))
    for start in range(0, len(facts), 500):
        await deliver(world, facts[start : start + 500])


async def watch(world: World, **said: Any) -> None:
    body = WatchIn(**{"name": "Rời bỏ", "change": 0.5, "owner": "Trưởng CX", **said})
    await world.metrics.watches.add(body, by="key", idem=None)


async def alone(world: World) -> None:
    await world.db.call("DELETE FROM alarm_watches RETURNING 1")


async def test_mornings_are_those_of_each_subscriber_one_by_one(world: World):
    lives = a_firm(Random(3))
    await tell(world, lives)
    first, last = TODAY - 60, TODAY - 1
    people: dict[int, Morning] = {}
    revenue: dict[int, Morning] = {}
    for day in range(first, last + 1):
        there = [each for each in lives if each.came < day and (each.left is None or each.left >= day)]
        gone = sum(each.left == day for each in there)
        worth, lost, takers = Counter[str](), 0, 0
        for each in there:
            price = each.minor if each.later is None or each.later[0] >= day else each.later[1]
            worth["all"] += price
            if each.left == day:
                lost, takers = lost + price, takers + 1
            elif each.later is not None and each.later[0] == day:
                lost += max(0, price - each.later[1])
                takers += each.later[1] < price
        people[day] = Morning(len(there), len(there), gone, gone)
        revenue[day] = Morning(len(there), worth["all"], lost, takers)

    async with world.db.read() as tx:
        found = await buckets.subscribers(tx, first, last)
        money = await buckets.revenue(tx, first, last, "USD")
        currency = await buckets.main_currency(tx, last)
        none = await buckets.revenue(tx, first, last, "VND")

    by_hand = {day: each for day, each in revenue.items() if not _same_day_loss(lives, day)}
    assert {day: each for day, each in found.items() if first <= day} == people
    assert {day: money[day] for day in by_hand} == by_hand
    assert len(by_hand) > 20
    assert (currency, none) == ("USD", {})


def _same_day_loss(lives: list[Life], day: int) -> bool:
    """Whether somebody came and left on the day: of their money nothing was there in the morning, but it went."""
    return any(each.came == each.left == day for each in lives)


@pytest.mark.parametrize(
    ("metric", "contract", "definition"),
    [("subscriber_churn", "subscribers", "lost_subscribers.v1"), ("mrr_churn", "revenue", "lost_revenue.v1")],
)
async def test_more_departures_are_raised_with_their_date_and_whom_to_tell(
    world: World, metric: str, contract: str, definition: str
):
    await alone(world)
    await tell(world, a_firm(Random(4)))
    await watch(world, metric=metric, direction="worse")

    looked = [await world.metrics.watching.look() for _ in range(2)]

    [(kind, event)] = await told(world)
    [alarm] = (await world.metrics.alarms.listed(state="raised", watch_id=None, after=None, limit=5))[0]
    assert looked == [1, 0]
    assert (kind, event["metric"], event["contract"]) == ("alarm_raised", "lapse", contract)
    assert event["owner"] == "Trưởng CX"
    assert (event["definition"], event["unit"], event["arl0_days"]) == (definition, "percent", 365)
    assert 5 < event["before_hundredths"] < 150 < event["since_hundredths"]
    assert abs(TODAY - SINCE + 1 - alarm.alarm.change_day) <= 4


async def test_what_cannot_be_said_or_watched_says_why(world: World):
    await alone(world)
    await watch(world, metric="subscriber_churn")
    await watch(world, name="VND", metric="mrr_churn", currency="vnd")
    await world.metrics.watching.look()
    async with world.db.read() as tx:
        rows = await tx.execute("SELECT state, document -> 'missing' ->> 'reason' AS reason FROM alarm_arms")
        silent = {tuple(row) for row in rows}

    assert silent == {("cannot_say", "no_subscribers")}
    for bad in (
        {"metric": "subscriber_churn", "dimension": "channel", "value": "email"},
        {"metric": "mrr_churn", "currency": "XQX"},
        {"metric": "subscriber_churn", "currency": "VND"},
        {"metric": "mrr_churn", "window_days": 30},
    ):
        with pytest.raises(AppError) as refused:
            await watch(world, **bad, name="x")
        assert refused.value.code == "metrics.bad_watch", bad


async def in_segment(world: World, name: str, places: Iterable[int]) -> UUID:
    """These subscribers are in a segment; its id."""
    await satisfaction.deliver(world, [satisfaction.entered(name, f"c{place}") for place in places])
    return satisfaction.segment(name)


async def test_mornings_of_a_segment_are_those_of_its_members(world: World):
    lives = a_firm(Random(3))
    await tell(world, lives)
    first, last = TODAY - 60, TODAY - 1
    everybody = await in_segment(world, "all", range(len(lives)))
    third = await in_segment(world, "third", range(0, len(lives), 3))
    # Somebody in a segment under another key of theirs is in it once.
    await deliver(world, [merged("c3", "c0", 1)])

    async with world.db.read() as tx:
        people = await buckets.subscribers(tx, first, last)
        money = await buckets.revenue(tx, first, last, "USD")
        whole = await of_segment(tx, everybody, world.metrics.figures.zone, {})
        part = await of_segment(tx, third, world.metrics.figures.zone, {})
        nobody = await of_segment(tx, satisfaction.segment("nobody"), world.metrics.figures.zone, {})

    assert mornings_of(whole, first, last) == {day: each for day, each in people.items() if day >= first}
    assert mornings_of(whole, first, last, "USD") == {day: each for day, each in money.items() if day >= first}
    assert mornings_of(nobody, first, last) == {}
    members = [each for place, each in enumerate(lives) if place % 3 == 0 and place not in (0, 3)]
    for day in range(first, last + 1):
        there = [each for each in members if each.came < day and (each.left is None or each.left >= day)]
        # The two who are one are there as long as either of them is.
        both = [each for each in (lives[0], lives[3]) if each.left is None or each.left >= day]
        found = mornings_of(part, first, last)[day]
        assert found.people == len(there) + bool(both)
        assert found.lost >= sum(each.left == day for each in there)


async def test_more_departures_of_a_segment_are_raised_for_it_alone(world: World):
    await alone(world)
    lives = a_firm(Random(4))
    # Beside those who leave there are ten times as many who stay.
    stay = [Life(TODAY - DAYS, None, 1_000, None) for _ in range(3_000)]
    await tell(world, lives + stay)
    leaving = await in_segment(world, "leaving", range(len(lives)))
    staying = await in_segment(world, "staying", range(len(lives), len(lives) + len(stay)))
    for name, segment in (("Rời", leaving), ("Ở lại", staying)):
        await watch(
            world,
            name=name,
            metric="subscriber_churn",
            direction="worse",
            dimension="segment",
            value=str(segment),
            base_weeks=12,
        )

    assert await world.metrics.watching.look() == 2
    [(kind, event)] = await told(world)
    assert (kind, event["name"], event["dimension"], event["value"]) == (
        "alarm_raised",
        "Rời",
        "segment",
        str(leaving),
    )
    assert event["arl0_days"] == 365
