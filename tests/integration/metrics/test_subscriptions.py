"""Subscriptions as figures: the examples that products publish, at their digits, and what a firm sees."""

import asyncio
import random
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from metrics_world import World, merged, unmerged
from subscription_world import deliver, ended, on, started, values

from services.metrics.domain.calendar import to_date
from services.metrics.subscriptions.domain.policy import Policy
from services.metrics.subscriptions.domain.report import Asked
from shared.errors import Retry
from shared.events.envelope import Event

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))


async def test_chartmogul_s_standard_churn(world: World):
    """100 customers; 12 churn, one of whom came back, and one of whom had joined within the month: 10 %."""
    crowd = [started(f"s{number}", f"c{number}", on("2026-09-01")) for number in range(100)]
    gone = [ended(f"s{number}", f"c{number}", on("2026-10-10"), is_voluntary=number > 3) for number in range(11)]
    back = [started("s0-again", "c0", on("2026-10-20"))]
    brief = [started("brief", "new", on("2026-10-05")), ended("brief", "new", on("2026-10-25"))]
    await deliver(world, [*crowd, *gone, *back, *brief])

    found = await world.metrics.subscriptions.churn(*OCTOBER, None)

    standard = found.people["churn_standard"]
    assert (standard.value, standard.numerator, standard.denominator) == (0.1, 10, 100)
    assert standard.interval is not None
    assert (round(standard.interval.low, 4), round(standard.interval.high, 4)) == (0.0552, 0.1744)
    counts = values(found.people)
    assert [counts[f"subscribers_{name}"] for name in ("start", "new", "reactivated", "churned")] == [100, 1, 1, 12]
    assert counts["subscribers"] == 100 + 1 + 1 - 12
    assert found.people["churn_rolling"].numerator == 12
    assert values(found.causes) == pytest.approx({"voluntary": 7 / 12, "involuntary": 4 / 12, "unstated": 1 / 12})
    monthly = await world.metrics.subscriptions.monthly(OCTOBER[1])
    assert (monthly.churn.numerator, monthly.mrr["USD"].value) == (10, "900.00")
    assert monthly.total_mrr is not None


async def test_a_merge_makes_one_of_two(world: World):
    await deliver(world, [started("a", "an", on("2026-09-01")), started("b", "binh", on("2026-09-02"))])
    await deliver(world, [merged("binh", "an", 1)])
    one = await world.metrics.subscriptions.revenue(None, None)
    await deliver(world, [unmerged("binh", "an", 2)])
    two = await world.metrics.subscriptions.revenue(None, None)

    assert [each.people["subscribers"].value for each in (one, two)] == [1, 2]
    assert [each.money.by_currency["USD"]["mrr"].value for each in (one, two)] == ["20.00", "20.00"]
    assert [each.money.by_currency["USD"]["arpa"].value for each in (one, two)] == ["20.00", "10.00"]


async def test_cohorts_of_people_and_of_what_they_bring(world: World):
    """Four came in August, one of whom left at once, one in September, one in October; a second plan is worth more."""
    await deliver(
        world,
        [
            *(started(f"a{number}", f"a{number}", on("2026-08-10")) for number in range(4)),
            ended("a0", "a0", on("2026-08-20")),
            ended("a1", "a1", on("2026-09-20")),
            started("a1-again", "a1", on("2026-10-05")),
            started("a2-more", "a2", on("2026-10-06"), 3_000),
            started("b", "b", on("2026-09-30", 23)),
            ended("b", "b", on("2026-11-01")),
            started("c", "c", on("2026-10-31"), 500),
        ],
    )

    found = await world.metrics.subscriptions.cohorts(4, date(2026, 11, 15))

    people = {
        str(to_date(row.month)): [(age.people.numerator, age.people.denominator, age.is_complete) for age in row.ages]
        for row in found.rows
    }
    assert people == {
        "2026-08-01": [(3, 4, True), (2, 4, True), (3, 4, True), (3, 4, False)],
        "2026-09-01": [(1, 1, True), (1, 1, True), (0, 1, False)],
        "2026-10-01": [(1, 1, True), (1, 1, False)],
    }
    august = [(age.revenue["USD"].numerator, age.revenue["USD"].value) for age in found.rows[0].ages]
    assert august == [("30.00", 0.75), ("20.00", 0.5), ("60.00", 1.5), ("60.00", 1.5)]
    # A month that still runs is in no sum.
    assert [(each.numerator, each.denominator) for each in found.together] == [(5, 6), (3, 5), (3, 4), (0, 0)]
    early = await world.metrics.subscriptions.cohorts(2, date(2026, 9, 10))
    assert [(row.size.value, len(row.ages)) for row in early.rows] == [(4, 2)]


async def test_what_subscriptions_are_worth(world: World):
    """Two hundred of a year ago, of whom fewer and fewer leave; a few pay by the year, of whom nothing is said."""
    lost = [40, 25, 16, 11, 8, 6, 5, 4]
    events = [started(f"s{number}", f"c{number}", on("2025-11-15")) for number in range(200)]
    gone = [month for month, many in enumerate(lost) for _ in range(many)]
    months = [date(2025 + (11 + each) // 12, (11 + each) % 12 + 1, 10) for each in range(len(lost))]
    events += [ended(f"s{number}", f"c{number}", on(months[month])) for number, month in enumerate(gone)]
    # Has said that it will leave: it renews no more.
    events.append(ended("s199", "c199", on("2026-11-20"), ends_at=on("2026-12-15")))
    events += [started(f"y{n}", f"z{n}", on("2025-01-10"), None, price_minor=9_900, interval="year") for n in range(9)]
    await deliver(world, events)

    found = await world.metrics.subscriptions.value(Asked(0.1, 24), None)

    monthly, yearly = found.worths
    assert (found.currency, monthly.period, yearly.period) == ("USD", "m1", "m12")
    assert (monthly.subscriptions, monthly.open, monthly.problem) == (200, 200 - sum(lost) - 1, None)
    assert [each.stayed for each in monthly.renewals[:8]] == [160, 135, 119, 108, 100, 94, 89, 85]
    assert (yearly.problem, yearly.paid) == ("too_few_subscriptions", None)
    assert monthly.paid is not None
    assert 0 < monthly.paid.low < monthly.paid.minor < monthly.paid.high < 84 * 24 * 1_000
    assert found.figures["subscription_value"].value == f"{round(monthly.paid.minor) / 100:.2f}"
    # From May to October of 2026 six of 109, five of 103, four of 98 left, then nobody.
    rate = (Fraction(6, 109) + Fraction(5, 103) + Fraction(4, 98)) / 6
    arpa = Fraction(85 * 1_000 + 9 * 825, 94)
    assert found.figures["constant_rate_value"].value == f"{round(arpa / rate) / 100:.2f}"


async def test_workers_and_a_new_policy_at_once(world: World):
    """Facts of the same few people and subscriptions from several workers, while the firm changes its mind."""
    dice = random.Random(3)
    facts = [
        (started if dice.random() < 0.6 else ended)(
            f"s{dice.randrange(9)}", f"c{dice.randrange(5)}", on("2026-10-01", dice.randrange(400))
        )
        for _ in range(120)
    ]
    batches = [facts[number : number + 3] for number in range(0, len(facts), 3)]
    under_way, most, retries = 0, 0, 0

    async def work(mine: Sequence[list[Event[Any]]]) -> None:
        nonlocal under_way, most, retries
        for batch in mine:
            while True:
                under_way += 1
                most = max(most, under_way)
                try:
                    await deliver(world, batch)
                    break
                except Retry:
                    retries += 1
                finally:
                    under_way -= 1

    async def decide() -> None:
        for recognition in ("at_request", "at_period_end", "at_request"):
            await world.metrics.subscription_rules.decide(Policy(recognition=recognition), None)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for worker in range(4):
            group.create_task(work(batches[worker::4]))
        group.create_task(decide())

    rows = await world.rows()
    assert most > 1
    await world.empty()
    for batch in batches:
        await deliver(world, batch)
    assert await world.rows() == rows, f"after {retries} retries"
