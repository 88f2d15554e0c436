"""Earning while clocks jump: what counts is when things happened, never when a worker thinks it is."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import orjson
import pytest
import pytest_asyncio
from earning_world import PER_10K, EarningWorld, emptied, key, placed
from loyalty_world import NOW, LoyaltyWorld

from services.loyalty.audience.domain import KnownTouchpoint
from services.loyalty.programs.schemas import ProgramIn
from shared.events.envelope import Event

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Wednesday, 30 December 2026, 23:30 in Việt Nam, and what comes after: Thursday, Friday (a new month and year), Monday.
EVE = datetime(2026, 12, 30, 16, 30, tzinfo=UTC)
TIMES = [EVE, EVE + timedelta(hours=1), EVE + timedelta(hours=25), EVE + timedelta(days=4, hours=1)]


@pytest_asyncio.fixture(loop_scope="module")
async def earning(module_world: LoyaltyWorld) -> EarningWorld:
    return await emptied(module_world)


def orders() -> list[Event[Any]]:
    return [placed(f"o{number}", "An", 300_000, at=at) for number, at in enumerate(TIMES)]


async def awarded(earning: EarningWorld) -> list[int]:
    """What each order gave."""
    rows = await earning.world.rows("SELECT source, points FROM awards")
    points = {row.source: row.points for row in rows}
    return [points.get(f"order:o{number}", 0) for number in range(len(TIMES))]


@pytest.mark.parametrize(
    ("cap", "points"),
    [
        ({"per": "transaction", "points": 20}, [20, 20, 20, 20]),
        ({"per": "transaction", "points": 20, "over": "reject"}, [0, 0, 0, 0]),
        ({"per": "day", "points": 40}, [30, 30, 30, 30]),
        # Of one local week three orders, of the next one.
        ({"per": "week", "points": 70}, [30, 30, 10, 30]),
        ({"per": "week", "points": 70, "over": "reject"}, [30, 30, 0, 30]),
        # December has two, January two.
        ({"per": "month", "points": 40}, [30, 10, 30, 10]),
        ({"per": "month", "points": 40, "over": "reject"}, [30, 0, 30, 0]),
        ({"per": "year", "points": 50}, [30, 20, 30, 20]),
        ({"per": "year", "points": 50, "over": "reject"}, [30, 0, 30, 0]),
        ({"per": "lifetime", "points": 100}, [30, 30, 30, 10]),
        ({"per": "lifetime", "points": 100, "over": "reject"}, [30, 30, 30, 0]),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
async def test_caps_count_by_the_time_of_the_order_whatever_the_worker_s_clock_says(
    earning: EarningWorld, cap: dict[str, Any], points: list[int]
):
    await earning.rule({**PER_10K, "caps": [cap]})
    told = orders()
    # The clock is right, goes back by a month, forward by two years, and back again; each fact comes twice.
    for number, jump in zip((3, 0, 2, 1, 0, 3), (0, -30, 730, -30, 0, 730), strict=True):
        earning.world.clock.time = EVE + timedelta(days=5 + jump)
        await earning.hear(told[number])

    assert await awarded(earning) == points
    assert await earning.points("An") == sum(points)


async def test_a_day_of_two_orders_is_capped_in_the_programme_s_zone(earning: EarningWorld):
    await earning.rule({**PER_10K, "caps": [{"per": "day", "points": 40}]})
    # In UTC these are of one day and of two; in Việt Nam the other way round.
    same, apart = datetime(2026, 3, 1, 18, tzinfo=UTC), datetime(2026, 3, 2, 16, 59, tzinfo=UTC)
    await earning.hear(placed("a", "An", 300_000, at=same), placed("b", "An", 300_000, at=apart))
    await earning.hear(placed("c", "Bình", 300_000, at=apart))
    await earning.hear(placed("d", "Bình", 300_000, at=apart + timedelta(minutes=1)))

    assert (await earning.points("An"), await earning.points("Bình")) == (40, 60)


@pytest.mark.parametrize(("over", "points"), [("truncate", [10, 5, 0, 10]), ("reject", [10, 0, 0, 10])])
async def test_a_day_of_25_hours_and_a_leap_day_are_each_one_day_of_the_programme(
    earning: EarningWorld, over: str, points: list[int]
):
    """In a programme of New York: what came before is read from what was settled, and an order that comes late takes
    its place."""
    earning.world.clock.time = datetime(2026, 1, 1, tzinfo=UTC)
    body = ProgramIn.model_validate({"zone": "America/New_York", "wallets": {"points": {}}})
    programs = earning.world.service.programs
    made = orjson.loads((await programs.draft(body, by="test", idem=None)).body)
    await programs.activate(made["version"], None, by="test", idem=None)
    earning.world.clock.time = datetime(2028, 12, 1, tzinfo=UTC)
    await earning.rule({**PER_10K, "caps": [{"per": "day", "points": 15, "over": over}]})
    # Its first and its last minute, the hour that comes twice, and the first minute of the day after.
    long = [
        datetime(2028, 11, 5, 4, 0, tzinfo=UTC),
        datetime(2028, 11, 5, 6, 30, tzinfo=UTC),
        datetime(2028, 11, 6, 4, 59, tzinfo=UTC),
    ]
    leap = [
        datetime(2028, 2, 29, 5, 0, tzinfo=UTC),
        datetime(2028, 2, 29, 17, 0, tzinfo=UTC),
        datetime(2028, 3, 1, 4, 59, tzinfo=UTC),
    ]
    for person, times in (
        ("An", [*long, datetime(2028, 11, 6, 5, 0, tzinfo=UTC)]),
        ("Bình", [*leap, datetime(2028, 3, 1, 5, 0, tzinfo=UTC)]),
    ):
        for number in (1, 2, 3, 0):
            await earning.hear(placed(f"{person}{number}", person, 100_000, at=times[number]))
        rows = await earning.world.rows("SELECT source, points FROM awards")
        given = {row.source: row.points for row in rows}
        assert [given.get(f"order:{person}{number}", 0) for number in range(4)] == points
        assert await earning.points(person) == sum(points)


async def test_whatever_order_facts_and_jumps_come_in_the_ledger_is_sound(earning: EarningWorld):
    await earning.rule({**PER_10K, "caps": [{"per": "month", "points": 40}], "expiry": {"months": 12}})
    told = orders()
    for number, sequence in enumerate(permutations(range(len(TIMES)))):
        if number % 8:
            continue
        for step, place in enumerate(sequence):
            earning.world.clock.time = NOW + timedelta(days=(-1) ** step * 90 * step)
            await earning.hear(told[place])

    assert await awarded(earning) == [30, 10, 30, 10]
    found = await earning.world.service.invariants.check()
    assert {each.name: each.examples for each in found if each.violations and not each.name.startswith("tier")} == {}


def birthdays(*days: datetime) -> Iterable[KnownTouchpoint]:
    return [KnownTouchpoint("birthday", str(uuid4()), key("An"), "birthday", day, "crm") for day in days]


async def test_a_birthday_on_29_february_is_one_a_year_on_whichever_day_it_is_kept(earning: EarningWorld):
    await earning.rule({"trigger": {"on": "birthday"}, "effect": {"kind": "fixed", "points": 100}})
    noon = timedelta(hours=5)
    feb_28, march_1 = datetime(2027, 2, 28, tzinfo=UTC) + noon, datetime(2027, 3, 1, tzinfo=UTC) + noon
    leap = datetime(2028, 2, 29, tzinfo=UTC) + noon
    earning.world.clock.time = leap + timedelta(days=1)

    async def said(*days: datetime) -> int:
        async with earning.world.db.write() as tx:
            await earning.world.service.earning.record(tx, list(birthdays(*days)))
        return await earning.points("An")

    # A shop keeps it on the 28th, another on 1 March: it is one; and that of the leap year is another.
    assert [await said(march_1), await said(feb_28), await said(leap), await said(leap)] == [100, 100, 200, 200]
    # One evening in UTC is the new year in Việt Nam.
    assert await said(datetime(2028, 12, 31, 16, 59, tzinfo=UTC)) == 200
    earning.world.clock.time = datetime(2029, 1, 2, tzinfo=UTC)
    assert await said(datetime(2028, 12, 31, 17, 0, tzinfo=UTC)) == 300
