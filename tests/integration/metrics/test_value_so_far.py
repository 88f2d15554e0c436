"""What customers have brought so far, in one currency, at the rates of the days; and what lacks where it cannot be."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from metrics_world import NOW, World, placed, refunded

from services.metrics.domain import calendar
from services.metrics.errors import InTheFuture
from services.metrics.subscriptions.domain.exchange import Rate
from services.metrics.subscriptions.repository import own
from services.metrics.value.schemas.so_far import SoFarOut

EARLIER = NOW - timedelta(days=100)


async def enter(world: World, currency: str, day: date, rate: str) -> None:
    async with world.db.write() as tx:
        await own.put_rate(tx, Rate(currency, "VND", calendar.day_number(day), Decimal(rate)))


async def test_each_amount_counts_at_the_rate_of_its_own_day(world: World):
    await world.consume(
        placed("o1", "lan", EARLIER, 250_000, "VND"),
        placed("o2", "ann", EARLIER, 10_00, "USD"),
        placed("o3", "ann", NOW, 20_00, "USD"),
        placed("o4", "eva", NOW, 50_00, "EUR"),
    )
    await world.consume(refunded("o2", "ann", NOW, 4_00))
    so_far = world.metrics.value_so_far

    unknown = SoFarOut.of(await so_far.converted(currency="VND"))
    assert unknown.historical_clv_converted is None
    assert [(each.code, each.currency, each.day) for each in unknown.reasons] == [
        ("no_rate", "EUR", NOW.date()),
        ("no_rate", "USD", EARLIER.date()),
    ]
    assert [(each.currency, each.net, each.converted) for each in unknown.currencies] == [
        ("EUR", "50.00", None),
        ("USD", "26.00", None),
        ("VND", "250000", "250000"),
    ]

    await enter(world, "USD", EARLIER.date() - timedelta(days=30), "25000")
    await enter(world, "USD", NOW.date() - timedelta(days=1), "26000")
    await enter(world, "EUR", NOW.date(), "28000.5")

    found = SoFarOut.of(await so_far.converted(currency="VND"))
    assert found.reasons == []
    figure = found.historical_clv_converted
    assert figure is not None
    # 250,000 + 10 $ at 25,000 + (20 $ - 4 $ given back today) at 26,000 + 50 € at 28,000.5, of three customers.
    total = 250_000 + 250_000 + 16 * 26_000 + 1_400_025
    assert (figure.numerator, figure.denominator, figure.value) == (str(total), 3, str(round(total / 3)))
    assert (figure.definition, figure.currency, figure.unit) == ("historical_clv_converted.v1", "VND", "money")
    then = SoFarOut.of(await so_far.converted(currency="VND", as_of=EARLIER.date()))
    assert then.historical_clv_converted is not None
    assert (then.historical_clv_converted.numerator, then.historical_clv_converted.denominator) == ("500000", 2)
    with pytest.raises(InTheFuture):
        await so_far.converted(as_of=NOW.date() + timedelta(days=3))


async def test_before_the_first_order_there_is_nothing_to_say(world: World):
    nothing = SoFarOut.of(await world.metrics.value_so_far.converted())
    assert (nothing.currency, nothing.historical_clv_converted, nothing.currencies) == (None, None, [])
