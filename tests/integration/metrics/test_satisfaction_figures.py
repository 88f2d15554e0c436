"""Figures of satisfaction say how sure they are, who stayed silent, and nothing of single anonymous people."""

import asyncio
import random
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from metrics_world import NOW, World, merged
from satisfaction_world import (
    answered,
    deliver,
    delivered,
    entered,
    expired,
    invited,
    left,
    persona,
    published,
    segment,
    survey,
)

from services.metrics.domain.intervals import nps_interval
from services.metrics.errors import BadRange, InTheFuture
from services.metrics.satisfaction.consumers import take
from services.metrics.satisfaction.domain.query import Query
from services.metrics.satisfaction.domain.report import Line
from services.metrics.satisfaction.domain.seen import Seen
from services.metrics.satisfaction.errors import MixedFormulas, OneDimension, TwoSegments, UnknownPersona
from services.metrics.satisfaction.service.telling import MOST_AT_ONCE
from shared.errors import Retry
from shared.events.envelope import Event
from shared.ids import derived_id


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def crowd(name: str, scores: list[int], at: datetime, about: str = "s", **said: Any) -> list[Event[Any]]:
    """So many people, each with one answer."""
    return [
        answered(f"{name}-{number}", f"{name}-{number}", at, about, nps=score, **said)
        for number, score in enumerate(scores)
    ]


async def figure(world: World, query: Query, **days: Any) -> Seen:
    return await world.metrics.satisfaction.figure(query, **days)


def total(seen: Seen) -> Line:
    assert seen.report.total is not None
    return seen.report.total


def groups(seen: Seen) -> dict[str | None, Line]:
    return {each.value: each for each in seen.report.groups}


def value(line: Line) -> float | None:
    assert line.reading is not None
    return line.reading.value


async def test_a_figure_has_its_interval_its_silent_and_its_buckets(world: World):
    asks = [invited(f"i{number}", f"silent-{number}", ago(days=2)) for number in range(10)]
    asks += [delivered(f"i{number}", f"silent-{number}", ago(days=2)) for number in range(6)]
    asks += [expired("i0", "silent-0", ago(days=1))]
    replies = [
        *(answered(f"i{n}", f"silent-{n}", ago(days=1), nps=10, invitation=f"i{n}") for n in (7, 8)),
        answered("i9", "silent-9", ago(days=1), nps=0, invitation="i9", state="partial"),
        answered("click", "somebody", ago(days=1), nps=0, verification="inferred"),
    ]
    await deliver(world, [published("s"), *asks, *replies])

    seen = await figure(world, Query("nps"))

    found = total(seen)
    assert found.reading is not None
    assert (found.reading.value, found.reading.n, found.reading.effective_n) == (100.0, 2, 2.0)
    assert found.reading.buckets == {"promoters": 2, "passives": 0, "detractors": 0}
    assert found.histogram[0][:2] == (0, 10)
    sure = nps_interval(2, 0, 0)
    assert found.reading.interval is not None
    assert (found.reading.interval.low, found.reading.interval.high) == (100 * sure.low, 100 * sure.high)
    assert found.reading.interval.method == "adjusted_wald"
    assert found.unverified == 1
    response = found.response
    assert response is not None
    # Who answered was reached; six were reached by mail, and three more by what they said.
    assert (response.invited, response.delivered, response.expired) == (10, 9, 1)
    assert (response.responded, response.completed, response.silent) == (3, 2, 6)
    # If all six silent had been detractors: (2 - 6) of 8.
    assert found.silent_bounds == (-50.0, 100.0)
    assert seen.staleness_seconds is not None


async def test_only_the_newest_answer_of_a_person_within_the_days_counts(world: World):
    await deliver(
        world,
        [
            published("s"),
            answered("old", "lan", ago(days=40), nps=0),
            answered("mid", "lan-phone", ago(days=20), nps=10),
            answered("new", "lan", ago(days=1), nps=7),
        ],
    )
    days = {"first": date(2026, 10, 1)}
    assert value(total(await figure(world, Query("nps"), **days))) == pytest.approx(50)

    await deliver(world, [merged("lan-phone", "lan", 1)])

    assert value(total(await figure(world, Query("nps"), **days))) == 0
    assert value(total(await figure(world, Query("nps", persons="all"), **days))) == pytest.approx(0)
    # What came later does not change what was known of earlier days.
    up_to = {"first": date(2026, 10, 1), "last": date(2026, 11, 10)}
    assert value(total(await figure(world, Query("nps"), **up_to))) == 100
    only = {"first": date(2026, 10, 1), "last": date(2026, 10, 20)}
    assert value(total(await figure(world, Query("nps"), **only))) == -100


async def test_sampled_answers_weigh_what_they_stand_for(world: World):
    await deliver(
        world,
        [published("s"), *crowd("few", [10] * 10, ago(days=1), weight=10.0), *crowd("all", [0] * 10, ago(days=1))],
    )

    found = total(await figure(world, Query("nps"))).reading

    assert found is not None
    assert found.value == pytest.approx(100 * (100 - 10) / 110)
    assert found.unweighted == 0
    assert found.n == 20
    assert found.effective_n == pytest.approx(110**2 / (10 * 100 + 10))
    assert found.interval is not None
    even = nps_interval(10, 0, 10)
    assert found.interval.low < found.value < found.interval.high
    assert found.interval.low > 100 * even.low


async def test_a_comparison_says_how_likely_it_is_by_chance(world: World):
    now, then = ago(days=3), ago(days=40)
    events = [published("s")]
    for touchpoint, before, after in (("delivery", [10] * 20, [0] * 20), ("support", [9, 2] * 10, [10, 3] * 10)):
        places = {"touchpoint": touchpoint}
        events += crowd(f"{touchpoint}-now", after, now, places=places)
        events += crowd(f"{touchpoint}-then", before, then, places=places)
    events += crowd("new", [10], now, places={"touchpoint": "shop"})
    await deliver(world, events)

    seen = await figure(
        world,
        Query("nps", by="touchpoint"),
        first=date(2026, 11, 1),
        last=date(2026, 11, 21),
        compare_with=(date(2026, 10, 1), date(2026, 10, 31)),
    )

    found = groups(seen)
    worse, same = found["delivery"].compared, found["support"].compared
    assert worse is not None
    assert same is not None
    assert (worse.comparison.difference, worse.is_significant) == (-200.0, True)
    assert worse.comparison.interval.high < 0
    assert (same.comparison.difference, same.is_significant) == (0.0, False)
    assert same.adjusted_p >= same.comparison.p_value
    assert worse.adjusted_p == pytest.approx(2 * worse.comparison.p_value)
    assert same.comparison.smallest_detectable > 50
    # Nobody answered there before: there is nothing to compare with.
    assert found["shop"].compared is None
    whole = total(seen).compared
    assert whole is not None
    assert whole.reading.n == 40


async def test_other_response_rates_are_cautioned_about(world: World):
    events = [published("s")]
    for period, at, answers in (("now", ago(days=3), 90), ("then", ago(days=40), 20)):
        for number in range(100):
            name = f"{period}-{number}"
            events += [invited(name, name, at), delivered(name, name, at)]
            if number < answers:
                events.append(answered(name, name, at, nps=9, invitation=name))
    await deliver(world, events)

    seen = await figure(
        world, Query("nps"), first=date(2026, 11, 1), compare_with=(date(2026, 10, 1), date(2026, 10, 31))
    )

    compared = total(seen).compared
    assert compared is not None
    assert compared.cautions == ("response_rates_differ",)


async def test_fewer_than_five_anonymous_answers_are_not_shown(world: World):
    events = [published("anon", is_anonymous=True)]
    for staff, number in (("lan", 4), ("minh", 6), ("hoa", 30)):
        events += crowd(staff, [9] * number, ago(days=1), "anon", is_anonymous=True, places={"staff_id": staff})
    await deliver(world, events)

    seen = await figure(world, Query("nps", by="staff"))

    found = groups(seen)
    # The total and the others would say what the four said: of the others the smallest is not shown either.
    assert {name: each.reading is None for name, each in found.items()} == {"lan": True, "minh": True, "hoa": False}
    assert found["lan"].histogram == ()
    assert found["lan"].unverified is None
    assert seen.report.withheld == 2
    assert total(seen).reading is not None
    alone = await figure(world, Query("nps", filters={"staff": "lan"}))
    assert total(alone).reading is None
    both = await figure(world, Query("nps", by="channel", filters={"staff": "lan"}))
    assert total(both).reading is None
    assert all(each.reading is None for each in both.report.groups)
    series = await world.metrics.satisfaction.series(Query("nps", filters={"staff": "lan"}), "day")
    assert [each.line.reading is None for each in series.points][-2:] == [True, False]


async def test_each_survey_makes_its_ces_by_one_formula(world: World):
    events = [published("a"), published("b")]
    scores = [1, 3, 5, 6, 7, 7]
    for name in "ab":
        events += [answered(f"{name}{n}", f"{name}{n}", ago(days=1), name, ces=score) for n, score in enumerate(scores)]
    await deliver(world, events)
    assert value(total(await figure(world, Query("ces")))) == pytest.approx(29 / 6)

    await world.metrics.yardsticks.fix_formula(survey("a"), "net", None)

    with pytest.raises(MixedFormulas):
        await figure(world, Query("ces"))
    seen = await figure(world, Query("ces", by="survey"))
    assert seen.report.total is None
    found = groups(seen)
    net, mean = found[str(survey("a"))], found[str(survey("b"))]
    assert (value(net), net.measure.definition) == (pytest.approx(100 * (3 - 2) / 6), "ces_net.v1")
    assert (value(mean), mean.measure.definition) == (pytest.approx(29 / 6), "ces_mean.v1")
    assert value(total(await figure(world, Query("ces", survey=survey("a"))))) == pytest.approx(100 / 6)


async def test_csat_is_the_upper_two_steps_of_any_scale(world: World):
    await deliver(
        world,
        [
            published("five", ("csat", "csat", 1, 5)),
            published("seven", ("csat", "csat", 1, 7)),
            *(answered(f"f{n}", f"f{n}", ago(days=1), "five", csat=n) for n in range(1, 6)),
            *(answered(f"s{n}", f"s{n}", ago(days=1), "seven", csat=n) for n in range(1, 8)),
        ],
    )
    found = total(await figure(world, Query("csat")))
    assert value(found) == pytest.approx(100 * 4 / 12)
    assert [each[:2] for each in found.histogram] == [(1, 5), (1, 7)]
    by = groups(await figure(world, Query("csat", by="survey")))
    assert sorted(value(each) or 0 for each in by.values()) == pytest.approx([200 / 7, 40])


async def test_a_persona_is_who_is_in_its_segment_now(world: World):
    await deliver(
        world,
        [
            published("s"),
            persona("me-ban-ron", "busy"),
            persona("cu", "gone", status="retired"),
            *crowd("ann", [10], ago(days=60)),
            *crowd("binh", [0], ago(days=60)),
            entered("busy", "ann-0"),
            entered("gone", "binh-0"),
        ],
    )
    by = groups(await figure(world, Query("nps", by="persona")))
    assert {name: value(each) for name, each in by.items()} == {"me-ban-ron": 100.0}
    assert value(total(await figure(world, Query("nps", by="persona")))) == 0
    one = await figure(world, Query("nps", filters={"persona": "me-ban-ron"}))
    assert value(total(one)) == 100

    await deliver(world, [left("busy", "ann-0"), entered("busy", "binh-0")])
    await deliver(world, [persona("me-ban-ron", "gone", version=2)])

    by = groups(await figure(world, Query("nps", by="persona")))
    assert {name: value(each) for name, each in by.items()} == {"me-ban-ron": -100.0}
    with pytest.raises(UnknownPersona):
        await figure(world, Query("nps", filters={"persona": "cu"}))
    with pytest.raises(TwoSegments):
        await figure(world, Query("nps", filters={"persona": "me-ban-ron", "segment": str(segment("busy"))}))


async def test_without_any_answer_there_is_no_value(world: World):
    seen = await figure(world, Query("nps", by="touchpoint"), compare_with=(date(2026, 1, 1), date(2026, 1, 31)))
    found = total(seen)
    assert found.reading is not None
    assert (found.reading.value, found.reading.n, found.reading.interval) == (None, 0, None)
    assert (found.compared, found.silent_bounds, seen.report.groups) == (None, None, [])
    with pytest.raises(InTheFuture):
        await figure(world, Query("nps"), last=date(2026, 11, 22))
    with pytest.raises(BadRange):
        await figure(world, Query("nps"), first=date(2026, 11, 21), last=date(2026, 11, 20))
    with pytest.raises(OneDimension):
        await world.metrics.satisfaction.series(Query("nps", filters={"staff": "a", "channel": "email"}), "day")


async def test_figures_are_told_when_they_have_moved(world: World):
    await deliver(world, [published("s"), *crowd("a", [10] * 20, ago(days=5)), entered("vip", "a-0")])

    assert await world.metrics.telling.tell() == 2
    assert await world.metrics.telling.tell() == 0

    # One answer more of forty moves nothing, and the hour is not over for what does.
    await deliver(world, crowd("b", [0] * 20, ago(days=4)))
    assert await world.metrics.telling.tell() == 0
    world.clock.time += timedelta(hours=1, minutes=1)
    assert await world.metrics.telling.tell() == 1
    world.clock.time += timedelta(hours=2)
    assert await world.metrics.telling.tell() == 0
    # Who leaves takes the segment's figure along: it is told that there is none.
    await deliver(world, [left("vip", "a-0")])
    assert await world.metrics.telling.tell() == 1
    assert await world.metrics.telling.tell() == 0


async def test_no_more_is_told_at_once_than_can_be_heard(world: World):
    many = MOST_AT_ONCE + 5
    await deliver(world, [published("s"), *crowd("a", [10], ago(days=5))])
    await deliver(world, [entered(f"segment-{number}", "a-0") for number in range(many)])
    assert await world.metrics.telling.tell() == MOST_AT_ONCE
    assert await world.metrics.telling.tell() == many + 1 - MOST_AT_ONCE


async def test_many_workers_on_the_same_people_end_in_the_same_rows(world: World):
    dice = random.Random(5)
    people = [derived_id("racer", str(number)) for number in range(6)]
    log = [
        answered(
            f"r{n % 40}", people[n % 6], ago(hours=n % 300), nps=n % 11, revision=1 + n // 40, invitation=f"r{n % 40}"
        )
        for n in range(160)
    ]
    log += [invited(f"r{n}", people[n % 6], ago(hours=n)) for n in range(40)]
    identity = [[merged(people[n], people[n + 1], 1)] for n in range(0, 4, 2)]
    dice.shuffle(log)
    batches = [log[start : start + 20] for start in range(0, len(log), 20)] + identity
    await deliver(world, [published("s")])

    await asyncio.gather(*(retried(world, batch) for batch in batches))

    raced = await world.rows()
    await world.empty()
    await deliver(world, [published("s")])
    for batch in (log, *identity):
        await deliver(world, batch)
    assert await world.rows() == raced
    assert any(row.startswith("score_followed") for row in raced)


async def test_one_response_under_two_keys_at_once_is_one_answer(world: World):
    first = answered("r", "a", ago(days=3), nps=9)
    second = answered("r", "b", ago(days=3), nps=2, revision=2)
    await deliver(world, [published("s")])

    async with world.db.write() as tx:
        await take(world.metrics, tx, [first])
        # It cannot see what is not committed, and waits for it.
        other = asyncio.create_task(deliver(world, [second]))
        waited, _ = await asyncio.wait({other}, timeout=0.5)
        assert not waited
    with pytest.raises(Retry):
        await other
    await deliver(world, [second])

    raced = await world.rows()
    await world.empty()
    await deliver(world, [published("s"), first, second])
    assert await world.rows() == raced


async def retried(world: World, batch: list[Event[Any]]) -> None:
    """As the runner does: what stood in another's way comes again."""
    for _ in range(20):
        try:
            return await deliver(world, batch)
        except Exception as error:
            if "Deadlock" not in repr(error) and "Retry" not in type(error).__name__:
                raise
            await asyncio.sleep(0.01)
    raise AssertionError("never got through")


def test_ids_of_segments_are_uuids():
    assert isinstance(segment("vip"), UUID)
