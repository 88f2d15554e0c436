"""Predicted value on a real database: all are worth the sum of what each is, and what cannot be said is not."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from metrics_world import NOW, World, merged, placed, refunded, unmerged

from services.metrics.errors import NoFit, UnknownCustomer
from services.metrics.retention.service import scanning
from services.metrics.value.domain.answers import Asking
from services.metrics.value.domain.fitted import MIN_CUSTOMERS
from services.metrics.value.schemas.answers import PredictionOut, TotalOut
from services.metrics.value.schemas.models import ModelsOut
from shared.events.envelope import Event
from shared.ids import user_key

PEOPLE, DAYS = 620, 500
ZONE = "Asia/Ho_Chi_Minh"


def a_shop(seed: int, people: int = PEOPLE, currency: str = "VND") -> Iterator[Event[Any]]:
    """Customers who come over a year, buy at rates of their own and leave after a purchase, as MBG/NBD says."""
    dice = random.Random(seed)
    for number in range(people):
        rate, leaving = dice.gammavariate(0.8, 1 / 45), dice.betavariate(0.9, 2.5)
        usual = dice.gammavariate(4, 50_000)
        day, order = float(dice.randrange(120, DAYS)), 0
        while day > 0:
            at = NOW - timedelta(days=int(day))
            yield placed(f"{currency}-{number}-{order}", f"{currency}-{number}", at, _amount(dice, usual), currency)
            order += 1
            if dice.random() < leaving or order > 60:
                break
            day -= dice.expovariate(rate)


def _amount(dice: random.Random, usual: float) -> int:
    return max(1_000, round(dice.gammavariate(6, usual / 6), -3))


async def sell(world: World, events: Iterator[Event[Any]] | list[Event[Any]]) -> None:
    every = list(events)
    for begin in range(0, len(every), 500):
        await world.consume(*every[begin : begin + 500])


async def test_what_all_are_worth_is_the_sum_of_what_each_is(world: World):
    await sell(world, a_shop(7))
    # Two turn out to be one, one order goes back whole and another in part.
    await world.consume(merged("VND-1", "VND-2", 1), merged("VND-3", "VND-4", 1))
    await world.consume(unmerged("VND-3", "VND-4", 2))
    await world.consume(refunded("VND-5-0", "VND-5", NOW), refunded("VND-6-0", "VND-6", NOW, 500))
    value = world.metrics.value

    assert await world.metrics.refitting.refit() == 1
    # Nothing has moved since.
    assert await world.metrics.refitting.refit() == 0

    total = await value.total(horizon_days=180)
    assert total.found is not None, total.reasons
    assert total.reasons == ()
    each = [
        await value.customer(user_key(f"VND-{number}"), horizon_days=180) for number in range(PEOPLE) if number != 1
    ]
    found = [one.found for one in each if one.found is not None]
    assert total.customers == total.found.worth.customers == len(found)
    assert sum(one.value_minor for one in found) == pytest.approx(total.found.worth.value_minor, rel=1e-9)
    assert sum(one.purchases for one in found) == pytest.approx(total.found.worth.purchases, rel=1e-9)
    assert sum(1 - one.silent for one in found) == pytest.approx(total.found.worth.active, rel=1e-9)
    assert all(one.range_minor[0] <= one.range_minor[1] and 0 <= one.silent <= 1 for one in found)
    # Whichever key they are asked for under.
    assert (await value.customer(user_key("VND-1"))).keys == (await value.customer(user_key("VND-2"))).keys

    out = TotalOut.of(total, "0.25", ZONE)
    interval = out.predicted_clv_total.interval
    assert interval is not None
    assert Decimal(interval.low) < Decimal(str(out.predicted_clv_total.value)) < Decimal(interval.high)
    stored = await value.models()
    models = ModelsOut.of(stored)
    assert models.served in models.models
    assert models.models[models.served].trial.log_loss <= models.trial.baseline.log_loss
    assert models.customers == total.customers
    assert PredictionOut.of(each[0], "0.25", ZONE).churn_risk.value == each[0].found.silent


async def test_the_score_card_says_what_everybody_will_bring_as_it_is_now(world: World):
    """No clock has to come by first, and it is of the currency that was asked for."""
    await sell(world, a_shop(21))
    await sell(world, [placed(f"usd-{n}", f"USD-{n}", NOW, 1_000, "USD") for n in range(30)])
    assert await shown(world) == (None, "no_model")
    await world.metrics.refitting.refit()

    total = await world.metrics.value.total()
    assert total.found is not None
    mean = round(total.found.worth.value_minor / total.found.worth.customers)
    assert await shown(world) == (str(mean), None)
    assert await shown(world, "USD") == (None, "no_model")
    await world.metrics.keeping.keep()
    await world.consume(*(placed(f"more-{n}", f"VND-{n}", NOW, 9_000_000) for n in range(50)))
    moved = await world.metrics.value.total()
    assert moved.found is not None
    assert await shown(world) == (str(round(moved.found.worth.value_minor / moved.found.worth.customers)), None)


async def shown(world: World, currency: str = "VND") -> tuple[object, str | None]:
    """The value of the line on the card, or why it cannot be said."""
    card, _ = await world.metrics.scorecard.card(currency=currency)
    (line,) = (line for line in card.lines if line.key == "predicted_clv")
    return line.figure.value, line.reason


async def test_a_fit_follows_what_moves_and_goes_on_from_where_it_was(world: World):
    await sell(world, a_shop(8))
    await world.metrics.refitting.refit()
    first = (await world.metrics.value.models()).fit
    world.clock.time = NOW + timedelta(days=1)
    await world.consume(*(placed(f"more-{n}", f"VND-{n}", NOW, 250_000) for n in range(40)))

    assert await world.metrics.refitting.refit() == 1

    second = (await world.metrics.value.models()).fit
    assert (second.day, second.mark != first.mark) == (first.day + 1, True)
    model = first.chosen or "mbg_nbd"
    assert second.models[model].steps <= first.models[model].steps
    assert second.models[model].parameters == pytest.approx(first.models[model].parameters, rel=0.5)


def alike(people: int) -> Iterator[Event[Any]]:
    for number in range(people):
        for order in range(4):
            yield placed(f"a{number}-{order}", f"a{number}", NOW - timedelta(days=300 - 60 * order), 100_000, "VND")


def once(people: int, days: int = 300) -> Iterator[Event[Any]]:
    for number in range(people):
        yield placed(f"b{number}", f"b{number}", NOW - timedelta(days=days), 100_000, "VND")


def in_turns(people: int) -> Iterator[Event[Any]]:
    for number in range(people):
        for order, currency in enumerate(("VND", "USD", "EUR")):
            yield placed(f"c{number}-{order}", f"c{number}", NOW - timedelta(days=300 - order), 5_000, currency)


def with_a_whale(people: int) -> Iterator[Event[Any]]:
    yield from alike(people)
    for order in range(4):
        yield placed(f"w-{order}", "whale", NOW - timedelta(days=300 - 60 * order), 4_000_000_000_000, "VND")


@pytest.mark.parametrize(
    ("shop", "reason"),
    [
        (lambda: a_shop(1, people=20), "too_few_customers"),
        (lambda: once(MIN_CUSTOMERS), "too_few_repeaters"),
        (lambda: once(MIN_CUSTOMERS, days=90), "too_short_history"),
        (lambda: alike(MIN_CUSTOMERS), "spending_not_identified"),
        (lambda: in_turns(MIN_CUSTOMERS), "too_few_customers"),
        (lambda: with_a_whale(MIN_CUSTOMERS), "spending_not_identified"),
    ],
    ids=["twenty", "all once", "young", "all alike", "three currencies", "one whale"],
)
async def test_what_cannot_be_said_is_not(world: World, shop: Any, reason: str):
    await sell(world, shop())
    value = world.metrics.value
    await world.metrics.refitting.refit()

    total = await value.total(currency="VND")

    assert reason in total.reasons
    assert total.found is None
    out = TotalOut.of(total, "1", ZONE).model_dump()
    assert out["predicted_clv_total"]["value"] is None
    assert all(why["detail"] for why in out["reasons"])
    assert "NaN" not in TotalOut.of(total, "1", ZONE).model_dump_json()
    if reason == "too_few_customers" and total.in_several_currencies:
        one = await value.customer(user_key("c1"))
        assert (one.found, one.reasons) == (None, ("several_currencies",))


async def test_who_is_not_known_and_what_was_not_fitted(world: World):
    with pytest.raises(UnknownCustomer):
        await world.metrics.value.customer(user_key("nobody"))
    with pytest.raises(NoFit):
        await world.metrics.value.models()
    await world.consume(placed("o1", "lan", datetime(2026, 5, 1, tzinfo=NOW.tzinfo), 100_000, "VND"))
    one = await world.metrics.value.customer(user_key("lan"))
    assert (one.found, one.reasons) == (None, ("no_fit_yet",))


async def test_facts_that_cannot_be_leave_no_trace_in_what_is_foretold(world: World):
    """Orders before anybody was born, refunds above what was paid, refunds of nothing, and a customer of the future."""
    await sell(world, a_shop(9))
    long_ago = datetime(1869, 1, 1, tzinfo=NOW.tzinfo)
    await world.consume(
        placed("first-ever", "VND-7", long_ago, 100_000, "VND"),
        placed("methuselah", "old", long_ago, 100_000, "VND"),
        placed("in-time", "future", NOW + timedelta(days=900), 100_000, "VND"),
    )
    await world.consume(
        refunded("VND-3-0", "VND-3", NOW, 10**15),
        refunded("never-placed", "VND-4", NOW, 5_000),
        refunded("VND-5-0", "VND-5", NOW - timedelta(days=4_000), 1),
    )
    await world.metrics.refitting.refit()

    value = world.metrics.value
    total = await value.total()
    answers = [TotalOut.of(total, "1", ZONE), ModelsOut.of(await value.models())]
    answers += [PredictionOut.of(await value.customer(user_key(f"VND-{n}")), "1", ZONE) for n in (3, 4, 5, 7)]
    answers.append(PredictionOut.of(await value.customer(user_key("old")), "1", ZONE))
    text = "".join(each.model_dump_json() for each in answers)
    assert "NaN" not in text
    assert "Infinity" not in text
    assert total.found is not None, total.reasons
    old = await value.customer(user_key("old"))
    future = await value.customer(user_key("future"))
    assert old.found is not None
    assert old.found.silent > 0.99
    assert old.found.value_minor < 0.01 * total.found.worth.value_minor / total.customers
    assert (future.found, future.reasons) == (None, ("no_purchase_yet",))


async def test_silence_makes_a_customer_worth_less_day_by_day(world: World):
    await sell(world, a_shop(9))
    await world.metrics.refitting.refit()
    values, risks = [], []
    for days in (0, 60, 120):
        world.clock.time = NOW + timedelta(days=days)
        found = (await world.metrics.value.customer(user_key("VND-0"))).found
        values.append(found.value_minor)
        risks.append(found.silent)

    assert np.all(np.diff(values) < 0)
    assert np.all(np.diff(risks) > 0)


async def test_of_many_customers_the_value_is_kept_and_says_how_old_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """INVARIANT: what is kept is the answer of its moment, by the fit of its moment, and says its age."""
    monkeypatch.setattr(scanning, "QUICK_SECONDS", -1.0)
    await sell(world, a_shop(7))
    await world.metrics.refitting.refit()
    value = world.metrics.value
    await read_up_to(world, 1)
    # The clock has counted everybody before anybody asks, for whatever time ahead and discount.
    await value.refresh()
    first, half = await value.total(), await value.total(horizon_days=180, annual_discount=0.0)
    assert first.found is not None
    assert half.found is not None
    assert first.found.worth.purchases > half.found.worth.purchases > 0
    assert half.found.worth.discounted_purchases == half.found.worth.purchases
    async with world.db.read() as tx:
        names = (await tx.execute("SELECT subject FROM kept_scans")).scalars().all()
    assert names == [Asking(value.currency, None, 365, 0.1).living]

    await world.consume(placed("more", "VND-1", NOW, 900_000, "VND"), placed("new", "VND-new", NOW, 5_000, "VND"))
    await read_up_to(world, 2)
    world.clock.time += timedelta(seconds=100)
    old = await value.total()
    assert (old.found, old.staleness_seconds) == (first.found, 100.0)
    world.clock.time += timedelta(seconds=300)
    anew = await value.total()
    assert anew.staleness_seconds == 0.0
    assert anew.customers == first.customers + 1


async def read_up_to(world: World, offset: int) -> None:
    """Note, as the runner does, how far the log was read."""
    async with world.db.write() as tx:
        await tx.execute(
            "INSERT INTO offsets (consumer, topic, partition, next_offset) VALUES ('metrics.orders', 'o', 0, :n)"
            " ON CONFLICT (consumer, topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset",
            {"n": offset},
        )
