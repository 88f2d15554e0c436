"""Random histories through the real consumers end in the figures that brute force finds, whatever way they came."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from metrics_truth import Truth, period_end, period_start
from metrics_world import World, cancelled, changed, merged, placed, refunded, unmerged

from services.metrics.domain.calendar import PERIODS
from services.metrics.domain.figure import Figure
from services.metrics.domain.series import Metric
from services.metrics.errors import UnknownCustomer
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event
from shared.ids import derived_id
from shared.money import EXPONENTS, to_decimal_string

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
TODAY = date(2026, 11, 21)
BLOCKS, PER_BLOCK = 10, 52


@dataclass
class History:
    """A few people, what they did, and who turned out to be whom, in the order in which it became known."""

    random: random.Random
    people: list[UUID]
    facts: list[Event[Any]]
    identity: list[Event[Any]]

    @classmethod
    def of(cls, seed: str) -> "History":
        dice = random.Random(seed)
        people = [derived_id(seed, str(number)) for number in range(dice.randint(1, 6))]
        facts = [each for number in range(dice.randint(1, 10)) for each in an_order(dice, people, f"o{number}")]
        return cls(dice, people, facts, merges(dice, people))

    def delivery(self) -> list[list[Event[Any]]]:
        """Batches as a bad day may bring them: shuffled, repeated, cut anywhere; topics mixed in any way."""
        batches: list[list[Event[Any]]] = []
        for log in (self.facts, self.identity):
            late = log + self.random.sample(log, k=len(log) // 3)
            self.random.shuffle(late)
            while late:
                size = self.random.randint(1, 8)
                batches.append(late[:size])
                late = late[size:]
        self.random.shuffle(batches)
        return batches


def some_time(dice: random.Random) -> datetime:
    """Often near a midnight, often a day or a week from another, sometimes long ago, sometimes yet to come."""
    day = TODAY - timedelta(days=dice.choice((dice.randint(-3, 12), dice.randint(0, 70), 7 * dice.randint(0, 9), 365)))
    hour, minute = dice.choice(((0, 0), (23, 59), (6, 59), (7, 0), (12, dice.randint(0, 59))))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=dice.choice((ZONE, ZoneInfo("UTC"))))


def an_order(dice: random.Random, people: Sequence[UUID], order: str) -> list[Event[Any]]:
    """The facts about one order; of some only the refund, the correction or the cancellation ever comes."""
    customer, currency = dice.choice(people), dice.choice(("USD", "USD", "VND", "KWD"))
    facts: list[Event[Any]] = []
    total = dice.choice((0, 1, 500, 1000, 10**12))
    at = some_time(dice)
    for _ in range(dice.choice((0, 1, 1, 1, 1, 2))):
        who = customer if dice.random() < 0.8 else dice.choice(people)
        facts.append(placed(order, who, dice.choice((at, some_time(dice))), total, currency))
    for _ in range(dice.choice((0, 0, 0, 1, 2))):
        other = currency if dice.random() < 0.8 else "VND"
        facts.append(changed(order, customer, some_time(dice), dice.choice((0, 700, total)), other))
    facts += [
        refunded(
            order,
            customer,
            some_time(dice),
            dice.choice((None, 0, 1, 400, total, total * 2)),
            refund=dice.choice(("a", "b", "c")),
            currency=dice.choice((None, currency, currency, "VND")),
        )
        for _ in range(dice.choice((0, 0, 0, 1, 2, 4)))
    ]
    if dice.random() < 0.12:
        facts.append(cancelled(order, customer, some_time(dice)))
    # Ids decide between facts of one moment: let them not follow the order of making.
    return [each._replace(id=UUID(int=dice.getrandbits(128))) for each in facts]


def merges(dice: random.Random, people: Sequence[UUID]) -> list[Event[Any]]:
    """Merges and unmerges as profiles announces them: each key has one parent at a time, and no ring is ever closed."""
    parents: dict[UUID, UUID] = {}
    log: list[Event[Any]] = []

    def root(raw: UUID) -> UUID:
        while raw in parents:
            raw = parents[raw]
        return raw

    for version in range(1, dice.choice((1, 2, 4, 9))):
        raw, into = dice.choice(people), dice.choice(people)
        if raw in parents and dice.random() < 0.5:
            log.append(unmerged(raw, parents.pop(raw), version))
        elif raw not in parents and root(into) != raw:
            parents[raw] = into
            log.append(merged(raw, into, version))
    return log


def major(minor: int, currency: str | None) -> str:
    return to_decimal_string(minor, currency) if currency in EXPONENTS else str(minor)


def values(figures: dict[str, Figure]) -> dict[str, Any]:
    return {name: figure.value for name, figure in figures.items()}


def main_currency(money: dict[str, Any]) -> str | None:
    return min((-each.orders, code) for code, each in money.items() if each.orders)[1] if money else None


async def check_summary(world: World, truth: Truth, day: date, window: int) -> None:
    found = await world.metrics.figures.summary(as_of=day, window=window)
    money = truth.money(day)
    with_orders = {code: each for code, each in money.items() if each.orders}
    code = main_currency(with_orders)
    own = money.get(code) if code else None
    gross, refunds = (own.gross, own.refunds) if own else (0, 0)
    customers, active = truth.customers(day), truth.active(day, window)
    days = truth.order_days(day)

    assert found.currency == code
    got = found.figures
    assert values(got) == {
        "orders": sum(each.orders for each in money.values()),
        "gross": major(gross, code),
        "refunds": major(refunds, code),
        "net": major(gross - refunds, code),
        "average_order_value": got["average_order_value"].value,
        "historical_clv": got["historical_clv"].value,
        "unmatched_refunds": truth.unmatched(day),
        "first_order": days[0].isoformat() if days else None,
        "last_order": days[-1].isoformat() if days else None,
        "customers": customers,
        "repeat_purchase_rate": truth.repeaters(day) / customers if customers else None,
        "active_customers": active,
        "lapsed_customers": customers - active,
        "lapse_rate": (customers - active) / customers if customers else None,
    }
    assert (got["average_order_value"].numerator, got["average_order_value"].denominator) == (
        major(gross, code),
        own.orders if own else 0,
    )
    assert (got["historical_clv"].numerator, got["historical_clv"].denominator) == (
        major(gross - refunds, code),
        customers,
    )
    for period in PERIODS:
        assert values(found.lifecycle[period]) == truth.lifecycle(period, day), (period, day)
    assert {
        other: (figures["orders"].value, figures["gross"].value, figures["refunds"].value)
        for other, figures in found.other_currencies.items()
    } == {
        other: (each.orders, major(each.gross, other), major(each.refunds, other))
        for other, each in money.items()
        if other != code
    }


async def check_customer(world: World, truth: Truth, raw: UUID, day: date, window: int) -> None:
    keys = truth.person(raw)
    if not any(order.customer in keys for order in truth.orders):
        # Cancelled orders are known too, but not to brute force.
        try:
            found = await world.metrics.figures.customer(raw, as_of=day, window=window)
        except UnknownCustomer:
            return
        assert found.figures["orders"].value == 0
        return
    found = await world.metrics.figures.customer(raw, as_of=day, window=window)
    money = truth.money(day, keys=keys)
    code = main_currency({code: each for code, each in money.items() if each.orders})
    gross, refunds = (money[code].gross, money[code].refunds) if code else (0, 0)
    bought = sorted(truth.purchases(day).get(keys, []))
    days = truth.order_days(day, keys)
    alone = Truth([], [], ZONE)
    alone.orders, alone.parents = [order for order in truth.orders if order.customer in keys], truth.parents

    assert set(found.keys) == keys
    assert found.currency == code
    assert values(found.figures) == {
        "orders": sum(each.orders for each in money.values()),
        "gross": major(gross, code),
        "refunds": major(refunds, code),
        "net": major(gross - refunds, code),
        "average_order_value": found.figures["average_order_value"].value,
        "historical_clv": major(gross - refunds, code),
        "unmatched_refunds": truth.unmatched(day, keys),
        "first_order": days[0].isoformat() if days else None,
        "last_order": days[-1].isoformat() if days else None,
        "active_days": len(set(bought)),
        "inactive_days": (day - bought[-1]).days if bought else None,
        "lapse_state": "none" if not bought else "active" if alone.active(day, window) else "lapsed",
    }
    for period in PERIODS:
        did = [name for name, number in alone.lifecycle(period, day).items() if number]
        assert found.lifecycle[period].value == (did[0] if did else "inactive" if bought else "none")


async def check_histories(world: World, truth: Truth) -> None:
    """What models are fitted to, as it stands in the tables."""
    epoch = date(1970, 1, 1)
    async with world.db.read() as tx:
        histories = (await tx.execute("SELECT * FROM histories")).fetchall()
        spends = (await tx.execute("SELECT * FROM spends")).fetchall()
    assert {
        (row.currency, row.repeats, epoch + timedelta(row.first_day), epoch + timedelta(row.last_day)): (
            row.customers,
            row.repeat_minor,
        )
        for row in histories
    } == truth.histories()
    assert {(row.currency, row.repeats, row.repeat_minor): row.customers for row in spends} == truth.spends()


async def check_series(world: World, truth: Truth, metric: Metric, period: str, first: date, window: int) -> None:
    found = await world.metrics.figures.series(metric, period=period, first=first, last=TODAY, window=window)
    code = main_currency({code: each for code, each in truth.money(TODAY).items() if each.orders})
    start = period_start(period, first)
    for point in found.points:
        end = period_end(period, start)
        assert (point.start, point.end, point.is_complete) == (start, end, end < TODAY)
        day = min(end, TODAY)
        assert point.figure.value == expected_point(truth, metric, period, start, day, window, code), (metric, start)
        start = end + timedelta(days=1)
    assert start > TODAY


def expected_point(
    truth: Truth, metric: Metric, period: str, start: date, day: date, window: int, code: str | None
) -> Any:
    money = truth.money(day, since=start)
    own = money.get(code) if code else None
    customers, active = truth.customers(day), truth.active(day, window)
    match metric:
        case Metric.ORDERS:
            return sum(each.orders for each in money.values())
        case Metric.GROSS:
            return major(own.gross if own else 0, code)
        case Metric.REFUNDS:
            return major(own.refunds if own else 0, code)
        case Metric.NET:
            return major(own.gross - own.refunds if own else 0, code)
        case Metric.CUSTOMERS:
            return customers
        case Metric.ACTIVE_CUSTOMERS:
            return active
        case Metric.LAPSED_CUSTOMERS:
            return customers - active
        case Metric.LAPSE_RATE:
            return (customers - active) / customers if customers else None
        case Metric.REPEAT_PURCHASE_RATE:
            return truth.repeaters(day) / customers if customers else None
        case _:
            return truth.lifecycle(period, day)[metric]


async def deliver(world: World, batches: Sequence[Sequence[Event[Any]]], *, at_once: bool) -> None:
    """Consume the batches, each in a transaction of its own or all in one, which is quicker."""
    if not at_once:
        for batch in batches:
            await world.consume(*batch)
        return
    async with world.db.write() as tx:
        for batch in batches:
            await world.consume_in(tx, batch)


def delivered(batches: Sequence[Sequence[Event[Any]]]) -> tuple[list[Event[Any]], list[Event[Any]]]:
    events = [event for batch in batches for event in batch]
    people = [event for event in events if isinstance(event.data, CustomerMerged | CustomerUnmerged)]
    return [event for event in events if event not in people], people


@pytest.mark.parametrize("block", range(BLOCKS))
async def test_a_history_ends_in_the_figures_of_brute_force(world: World, block: int):
    """INVARIANT: the rows are a function of the set of facts, and the figures are those of the definitions.

    Breaks if anything is counted by arrival: a bare increment, a late order on the wrong day, a refund counted twice,
    a merge that leaves one of the two behind.
    """
    for number in range(PER_BLOCK):
        seed = f"{block}/{number}"
        history = History.of(seed)
        dice = history.random
        in_order = sorted(history.facts, key=lambda event: event.time)
        await deliver(world, [log for log in (in_order, history.identity) if log], at_once=True)
        clean = await world.rows()
        await world.empty()
        batches = history.delivery()
        half, at_once = dice.randint(0, len(batches)), dice.random() < 0.7

        await deliver(world, batches[:half], at_once=at_once)
        on_the_way = Truth(*delivered(batches[:half]), ZONE)
        await check_summary(world, on_the_way, TODAY - timedelta(days=dice.randint(0, 40)), dice.choice((1, 7, 30)))
        await deliver(world, batches[half:], at_once=at_once)

        assert await world.rows() == clean, seed
        truth = Truth(history.facts, history.identity, ZONE)
        await check_histories(world, truth)
        for day in (TODAY - timedelta(days=dice.randint(0, 12)), TODAY - timedelta(days=dice.choice((0, 99, 400)))):
            await check_summary(world, truth, day, dice.choice((1, 2, 7, 30, 90, 400)))
        await check_customer(world, truth, dice.choice(history.people), TODAY - timedelta(days=dice.choice((0, 5))), 30)
        for metric in dice.sample(list(Metric), k=2):
            period = dice.choice(PERIODS)
            first = TODAY - timedelta(days=dice.randint(0, 20 if period == "day" else 60))
            await check_series(world, truth, metric, period, first, dice.choice((1, 7, 30)))
        await world.empty()
