"""One shop, all its events known: what is said of its past, of any day and of any segment, against plain counting."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from metrics_world import NOW, World, merged
from satisfaction_world import deliver, entered, left, persona, segment
from test_value import PEOPLE, ZONE, a_shop, sell

from services.metrics.domain import calendar
from services.metrics.errors import InTheFuture
from services.metrics.retention.service import scanning
from services.metrics.value.domain.backtest import HORIZON_DAYS
from services.metrics.value.jobs import refresh_gauges
from services.metrics.value.repository import sums
from services.metrics.value.schemas.answers import PredictionOut, TotalOut
from services.metrics.value.schemas.models import ModelsOut
from shared.events.catalogue.metrics import PUBLISHES
from shared.events.envelope import Catalogue, Event
from shared.ids import user_key
from shared.observability.metrics import REGISTRY

pytestmark = pytest.mark.asyncio(loop_scope="module")

TODAY = calendar.day_number(NOW.date())
Days = dict[str, list[int]]


@pytest.fixture(scope="module")
def events() -> list[Event[Any]]:
    return list(a_shop(21))


@pytest.fixture(scope="module")
def days(events: Sequence[Event[Any]]) -> Days:
    """Days with a purchase of each customer, counted by hand."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for event in events:
        number = event.data.order_id.split("-")[1]
        found[f"VND-{number}"].add(calendar.day_number(event.time.date()))
    return {who: sorted(each) for who, each in found.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(module_world: World, events: list[Event[Any]]) -> World:
    await sell(module_world, events)
    await module_world.metrics.refitting.refit()
    return module_world


async def models(shop: World) -> ModelsOut:
    return ModelsOut.of(await shop.metrics.value.models())


async def test_the_back_test_counts_what_came(shop: World, days: Days):
    trial = (await models(shop)).trial
    assert trial is not None
    assert trial.best is not None
    for made in trial.rounds:
        cut = calendar.day_number(made.cut)
        known = [each for each in days.values() if each[0] <= cut]
        came = sum(cut < day <= cut + HORIZON_DAYS for each in known for day in each)
        assert made.actual_purchases == came
        # The shop really is as the models take it to be.
        assert made.expected_purchases == pytest.approx(came, rel=0.25)
        assert 0 < made.standard_error < 0.3


async def test_calibration_has_everybody_in_it(shop: World, days: Days):
    found = await models(shop)
    trial = found.trial
    assert trial is not None
    cut = calendar.day_number(trial.rounds[0].cut)
    known = [each for each in days.values() if each[0] <= cut]
    bought = sum(any(cut < day <= cut + HORIZON_DAYS for day in each) for each in known)
    for score in (trial.baseline, *(each.trial for each in found.models.values() if each.trial is not None)):
        bins = score.calibration
        assert sum(each.people for each in bins) == len(known)
        assert sum(each.people * each.actual for each in bins) == pytest.approx(bought)
        assert [each.predicted for each in bins] == sorted(each.predicted for each in bins)
        assert 0 <= score.calibration_error < 0.2
    assert len(bins) == 10


async def test_tracking_is_what_was_bought_again_week_by_week(shop: World, days: Days):
    trial = (await models(shop)).trial
    assert trial is not None
    assert trial.tracking is not None
    weeks = trial.tracking.weeks
    cut = calendar.day_number(trial.tracking.fitted_to)
    assert calendar.day_number(weeks[-1].end) == TODAY
    assert {(later.end - earlier.end).days for earlier, later in pairwise(weeks)} == {7}
    for week in weeks:
        end = calendar.day_number(week.end)
        assert week.actual == sum(sum(day <= end for day in each[1:]) for each in days.values() if each[0] <= cut)
        assert week.is_foretold == (end > cut)
    last = weeks[-1]
    assert trial.best is not None
    assert last.expected[trial.best] == pytest.approx(last.actual, rel=0.15)


async def test_coverage_is_of_everybody_sampled_and_is_what_is_served(shop: World, days: Days):
    trial = (await models(shop)).trial
    assert trial is not None
    cases = sum(each[0] <= calendar.day_number(cut) for each in days.values() for cut in trial.cuts)
    of_customers = [each for each in trial.coverage if each.of != "total_purchases"]
    assert {(each.of, each.level) for each in of_customers} == {
        (of, level) for of in ("purchases", "value") for level in (0.8, 0.95)
    }
    for each in of_customers:
        assert each.cases == cases
        assert each.share == each.inside / cases
        assert each.low is not None
        assert each.high is not None
        assert each.low < each.share < each.high
        # The truth is of the models' own kind, so what they promise holds, but for chance.
        assert each.promised is not None
        assert each.promised >= each.level
        assert each.share == pytest.approx(each.promised, abs=0.05)
        assert each.is_widened == (each.share < each.level)
    totals = [each for each in trial.coverage if each.of == "total_purchases"]
    assert [(each.level, each.cases) for each in totals] == [(0.8, len(trial.rounds)), (0.95, len(trial.rounds))]
    for each in totals:
        z = {0.8: 1.2815515655446004, 0.95: 1.959963984540054}[each.level]
        assert each.inside == sum(
            abs(np.log(made.actual_purchases / made.expected_purchases)) <= z * made.standard_error
            for made in trial.rounds
        )

    value = shop.metrics.value
    one = PredictionOut.of(await value.customer(user_key("VND-0")), value.margin, ZONE)
    assert one.predicted_clv.interval is not None
    assert one.predicted_clv.interval.coverage in of_customers
    assert one.expected_purchases.interval is not None
    assert one.expected_purchases.interval.coverage is not None
    assert one.expected_purchases.interval.coverage.of == "purchases"
    whole = TotalOut.of(await value.total(), value.margin, ZONE)
    assert whole.predicted_clv_total.interval is not None
    measured = whole.predicted_clv_total.interval.coverage
    assert measured is not None
    assert (measured.of, measured.level, measured.is_widened) == ("total_purchases", 0.95, True)
    # It is wide enough for the worst round that there was.
    worst = max(abs(np.log(made.actual_purchases / made.expected_purchases)) for made in trial.rounds)
    high, mean = (
        float(Decimal(str(each))) for each in (whole.predicted_clv_total.interval.high, whole.predicted_clv_total.value)
    )
    assert np.log(high / mean) >= worst * 0.999


async def test_of_any_day_as_if_it_were_today(shop: World, days: Days):
    value = shop.metrics.value
    past = NOW.date() - timedelta(days=45)
    day = calendar.day_number(past)
    known = {who: each for who, each in days.items() if each[0] <= day}

    total = await value.total(as_of=past)

    assert total.found is not None, total.reasons
    assert total.customers == len(known)
    async with shop.db.read() as tx:
        base = (await sums.bases(tx, day))[None]["VND"]
    counted = Counter(
        (len(each), each[0], each[-1]) for each in ([d for d in all_ if d <= day] for all_ in known.values())
    )
    rows = zip(base.repeats + 1, base.first_day, base.last_day, base.customers, strict=True)
    assert Counter({row[:3]: row[3] for row in rows}) == counted
    # One alone, and all that remain of the shop, are asked by the same fit.
    one = await value.customer(user_key("VND-0"), as_of=past)
    assert one.found is not None
    assert one.stored == total.stored
    now = await value.customer(user_key("VND-0"))
    assert now.found is not None
    assert one.found.silent != now.found.silent
    out = TotalOut.of(total, value.margin, ZONE)
    assert (out.as_of, out.fit_as_of) == (past, NOW.date())
    with pytest.raises(InTheFuture):
        await value.total(as_of=NOW.date() + timedelta(days=2))
    long_ago = await value.total(as_of=date(2020, 1, 1))
    assert (long_ago.found, long_ago.reasons) == (None, ("too_few_customers",))
    never = await value.customer(user_key("VND-0"), as_of=date(2020, 1, 1))
    assert (never.found, never.reasons) == (None, ("no_purchase_yet",))


async def test_of_many_customers_what_they_were_worth_is_known_before_anybody_asks(
    shop: World, monkeypatch: pytest.MonkeyPatch
):
    """INVARIANT: as of a past day nobody is looked at; it is what looking at everybody ends in, whatever is asked."""
    value = shop.metrics.value
    asked = [
        {"as_of": NOW.date() - timedelta(days=days), "horizon_days": horizon, "annual_discount": discount}
        for days in (1, 45, 200)
        for horizon, discount in ((365, 0.1), (90, 0.0))
    ]
    looked = [await value.total(**each) for each in asked]
    assert sum(each.found is not None for each in looked) >= 4
    monkeypatch.setattr(scanning, "SMALL", 0)
    assert await shop.metrics.walking.walk()
    async with shop.db.write() as tx:
        await tx.execute("DELETE FROM kept_scans")
        await tx.execute("ALTER TABLE activity RENAME TO nobody_may_look")
    try:
        walked = [await value.total(**each) for each in asked]
    finally:
        async with shop.db.write() as tx:
            await tx.execute("ALTER TABLE nobody_may_look RENAME TO activity")
    for one, other in zip(walked, looked, strict=True):
        assert replace(one, found=None, staleness_seconds=None) == replace(other, found=None, staleness_seconds=None)
        assert (one.found is None) == (other.found is None)
        if one.found is not None and other.found is not None:
            assert one.found.worth == pytest.approx(other.found.worth, rel=1e-9)
            assert one.found.ends() == pytest.approx(other.found.ends(), rel=1e-9)


async def test_a_scan_of_everybody_is_what_the_sums_are(shop: World):
    async with shop.db.read() as tx:
        kept = await sums.base(tx, "VND", TODAY)
        scanned = (await sums.bases(tx, TODAY))[None]["VND"]

    def rows(base: Any) -> list[tuple[float, ...]]:
        return sorted(zip(base.repeats, base.first_day, base.last_day, base.customers, base.repeat_minor, strict=True))

    assert rows(kept) == rows(scanned)


async def told(shop: World) -> list[Any]:
    async with shop.db.write() as tx:
        rows = (await tx.execute("DELETE FROM outbox RETURNING *")).fetchall()
    found = [Catalogue(PUBLISHES).decode(value) for row in rows for value in row.values]
    return [each.data for each in found if each is not None and type(each.data).__name__ == "SegmentOutlookTold"]


async def test_a_segment_is_worth_what_its_members_are(shop: World, days: Days):
    members = [f"VND-{number}" for number in range(0, PEOPLE, 5)]
    await deliver(shop, [entered("evening", who) for who in (*members, "never-bought")])
    # Of two keys of one person it is enough that one is in it, and they count once.
    await deliver(shop, [entered("evening", "VND-0b")])
    await deliver(shop, [merged("VND-0b", "VND-0", 1)])
    value, segments = shop.metrics.value, shop.metrics.segments

    total = await value.total(segment=segment("evening"))

    assert total.found is not None
    assert total.customers == len(members)
    each = [(await value.customer(user_key(who))).found for who in members]
    assert sum(one.value_minor for one in each if one) == pytest.approx(total.found.worth.value_minor, rel=1e-9)
    rest = await value.total(segment=segment("empty"))
    assert (rest.found, rest.reasons) == (None, ("no_purchase_yet",))

    # It is told once a persona describes it, and again only when it has moved.
    assert await segments.tell() == 0
    await deliver(shop, [persona("lan", "evening"), persona("old", "empty", status="retired")])
    assert await segments.tell() == 1
    (said,) = await told(shop)
    lapsed = sum(days[who][-1] <= TODAY - 90 for who in members)
    assert (said.segment_id, said.customers, said.valued) == (segment("evening"), len(members), len(members))
    assert said.lapsed_hundredths == round(10_000 * lapsed / len(members))
    assert said.clv_minor == round(total.found.worth.value_minor / len(members))
    assert said.clv_low_minor < said.clv_minor < said.clv_high_minor
    risk = np.mean([one.silent for one in each if one])
    assert said.churn_risk_hundredths == pytest.approx(10_000 * risk, abs=1)
    for _ in range(3):
        shop.clock.time += timedelta(minutes=10)
        assert await segments.tell() == 0
    await deliver(shop, [left("evening", who) for who in members[:3]])
    shop.clock.time += timedelta(minutes=10)
    await segments.tell()
    await told(shop)
    await deliver(shop, [left("evening", who) for who in (*members[3:], "VND-0b")])
    shop.clock.time += timedelta(minutes=10)
    assert await segments.tell() == 1
    assert [(each.customers, each.valued) for each in await told(shop)] == [(0, 0)]


async def test_prometheus_has_the_same_figures(shop: World):
    await refresh_gauges(shop.metrics)
    total = await shop.metrics.value.total()
    assert total.found is not None
    label = {"currency": "VND"}
    assert REGISTRY.get_sample_value("tam_metrics_predicted_clv_total", label) == round(total.found.worth.value_minor)
    age = REGISTRY.get_sample_value("tam_metrics_fit_age_seconds", label)
    assert age is not None
    assert age >= 0
    chosen = {
        model: REGISTRY.get_sample_value("tam_metrics_model_served", {**label, "model": model})
        for model in ("bg_nbd", "mbg_nbd", "pareto_nbd", "withheld")
    }
    fit = (await shop.metrics.value.models()).fit
    assert chosen == {model: float(model == fit.chosen) for model in chosen}
