"""Subscriptions as figures: the examples that products publish, at their digits, and what a firm sees."""

from datetime import date

import pytest
from metrics_world import World, merged, unmerged
from subscription_world import deliver, ended, on, started, values

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
