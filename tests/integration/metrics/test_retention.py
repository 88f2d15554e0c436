"""Retention on a real database: published figures of CDNOW, what cannot be said, members of segments, what is kept."""

import math
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from metrics_world import NOW, World, cancelled, merged, placed, refunded, unmerged
from satisfaction_world import deliver, entered, left, persona, segment

from services.cli.cdnow import dataset
from services.metrics.errors import BadRange, InTheFuture, UnknownCustomer
from services.metrics.retention.domain.windows import Asked
from services.metrics.retention.schemas.lapsing import LifecycleSeriesOut, SegmentsOut, WindowOut
from services.metrics.retention.schemas.returning import CohortsOut, RecurringOut
from services.metrics.retention.schemas.rfm import CustomerRfmOut, RfmOut
from services.metrics.retention.service import scanning
from shared.errors import UserError
from shared.events.envelope import Event
from shared.ids import user_key

FOLDER = Path(__file__).parents[3] / ".cache" / "datasets"
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
CALIBRATED, ENDED = date(1997, 9, 30), date(1998, 6, 30)
HOLDOUT = (ENDED - CALIBRATED).days


def cdnow() -> list[tuple[str, date, int]]:
    """CDNOW's sample of 2,357 customers: who, when, cents."""
    try:
        path = dataset(FOLDER, "lifetimes/datasets/CDNOW_sample.txt", 6_919)
    except UserError as error:
        pytest.skip(str(error))
    rows = [line.split() for line in path.read_text().splitlines()]
    return [(row[1], date.fromisoformat(row[2]), round(float(row[4]) * 100)) for row in rows]


async def sell(world: World, events: list[Event[Any]]) -> None:
    for begin in range(0, len(events), 1000):
        await world.consume(*events[begin : begin + 1000])


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZONE)


async def test_cdnow(world: World, monkeypatch: pytest.MonkeyPatch):
    """Published: of CDNOW's sample 82.6 % are silent for more than 90 days when calibration ends, and 20.4 % of them
    buy in the 39 weeks after; of more than 180 days it is 69 % and 15.2 %."""
    monkeypatch.setattr(scanning, "QUICK_SECONDS", math.inf)
    orders = cdnow()
    await sell(world, [placed(f"o{n}", who, noon(day), cents) for n, (who, day, cents) in enumerate(orders)])
    retention = world.metrics.retention

    answer = await retention.window(Asked(horizon_days=HOLDOUT), as_of=ENDED, also=(91, 181))
    (back, lapsed), (back_half, lapsed_half) = answer.seen[91], answer.seen[181]
    assert answer.customers == 2_357
    assert (round(100 * lapsed / 2_357, 1), round(100 * lapsed_half / 2_357)) == (82.6, 69)
    assert [round(100 * back / lapsed, 1), round(100 * back_half / lapsed_half, 1)] == [20.4, 15.2]

    await _check_window(world)
    await _check_recurring(world, orders)
    await _check_rfm(world, orders)
    await _check_cohorts(world, orders)


async def _check_window(world: World) -> None:
    """The recommendation, its curve, and that a past day is not changed by what came after it."""
    answer = await world.metrics.retention.window(Asked(), as_of=ENDED)
    out = WindowOut.of(answer)
    assert out.reasons == []
    assert out.recommended.value is not None
    assert out.recommended.low_days <= out.recommended.value <= (out.recommended.high_days or math.inf)
    shares = [each.false_churn for each in out.candidates]
    assert all(each.interval.low < each.value < each.interval.high for each in shares)
    # On CDNOW who is silent for longer comes back less often.
    assert [each.value for each in shares] == sorted((each.value for each in shares), reverse=True)
    # What the estimate says of all lapses is near to what was seen of those watched long enough.
    for each in out.candidates:
        assert each.false_churn_seen.interval.low - 0.13 < each.false_churn.value

    strict = WindowOut.of(await world.metrics.retention.window(Asked(at_most=0.2, horizon_days=90), as_of=ENDED))
    assert strict.false_churn.interval.high <= 0.2
    looser = WindowOut.of(await world.metrics.retention.window(Asked(at_most=0.3, horizon_days=90), as_of=ENDED))
    assert looser.recommended.value < strict.recommended.value

    early = await world.metrics.retention.window(Asked(), as_of=date(1997, 6, 30))
    assert early.customers == 2_357
    assert early.advice.returns < answer.advice.returns


async def _check_recurring(world: World, orders: list[tuple[str, date, int]]) -> None:
    out = RecurringOut.of(await world.metrics.retention.recurring(as_of=ENDED))
    lives: dict[str, list[date]] = {}
    for who, day, _ in sorted(orders):
        lives.setdefault(who, []).append(day)
    again = sum(len(days) > 1 for days in lives.values())
    assert (out.repeat_purchase_rate.numerator, out.repeat_purchase_rate.denominator) == (again, 2_357)
    summary = await world.metrics.figures.summary(as_of=ENDED)
    assert summary.figures["repeat_purchase_rate"].value == out.repeat_purchase_rate.value

    first = out.waits[0]
    assert (first.nth, first.customers, first.again) == (1, 2_357, again)
    # All were watched for 461 days and more, so up to there nothing is estimated.
    quick = sum(len(days) > 1 and (days[1] - days[0]).days <= 90 for days in lives.values())
    at_90 = next(point for point in first.curve if point.day == 90)
    assert at_90.reordered.value == pytest.approx(quick / 2_357)
    assert (first.quartiles["0.25"].value, first.quartiles["0.75"].value) == (_by(lives, 0.25), None)
    assert [why.code for why in first.reasons] == ["not_reached"]
    # Who has come back once comes back sooner, time after time.
    medians = [wait.quartiles["0.5"].value for wait in out.waits[1:]]
    assert medians == sorted(medians, reverse=True)


def _by(lives: dict[str, list[date]], share: float) -> int:
    waits = sorted((days[1] - days[0]).days for days in lives.values() if len(days) > 1)
    return waits[math.ceil(share * len(lives)) - 1]


async def _check_rfm(world: World, orders: list[tuple[str, date, int]]) -> None:
    out = RfmOut.of(await world.metrics.retention.rfm(as_of=ENDED))
    assert (out.currency, out.customers, out.reasons) == ("USD", 2_357, [])
    assert sum(each.customers.value for each in out.segments) == 2_357
    assert sum(each.share.value for each in out.segments) == pytest.approx(1)
    assert sum(float(each.net.value) for each in out.segments) == pytest.approx(sum(row[2] for row in orders) / 100)
    by_name = {each.segment: each for each in out.segments}
    assert by_name["champions"].mean_days_away < by_name["hibernating"].mean_days_away
    assert by_name["champions"].mean_orders > by_name["hibernating"].mean_orders
    # The cut points are the values that a fifth, two fifths, … of customers do not exceed.
    lasts = sorted({who: day for who, day, _ in sorted(orders)}.values())
    often = sorted(n for n in Counter(who for who, _, _ in orders).values() if n > 1)
    assert out.cut_points.last_purchase == [lasts[math.ceil(k * len(lasts) / 5) - 1] for k in range(1, 5)]
    assert out.cut_points.orders == [often[math.ceil(k * len(often) / 4) - 1] for k in range(1, 4)]
    for customer in ("0001", "0002", "0333"):
        own = [row for row in orders if row[0] == customer]
        one = CustomerRfmOut.of(await world.metrics.retention.customer_rfm(user_key(customer), as_of=ENDED))
        assert (one.orders, one.last_purchase) == (len(own), max(row[1] for row in own))
        assert one.scores.frequency == 1 + sum(len(own) > cut for cut in (1, *one.cut_points.orders))
        assert one.scores.recency == 1 + sum(one.last_purchase > cut for cut in one.cut_points.last_purchase)
        assert one.segment.value in by_name


async def _check_cohorts(world: World, orders: list[tuple[str, date, int]]) -> None:
    out = CohortsOut.of(await world.metrics.retention.cohorts("month", "on", count=120, as_of=ENDED))
    firsts = {who: day for who, day, _ in sorted(orders, reverse=True)}
    assert {each.start: each.customers.value for each in out.cohorts if each.customers.value} == Counter(
        day.replace(day=1) for day in firsts.values()
    )
    loose = CohortsOut.of(await world.metrics.retention.cohorts("month", "on_or_after", count=120, as_of=ENDED))
    strict = CohortsOut.of(await world.metrics.retention.cohorts("month", "every", count=120, as_of=ENDED))
    for most, some, least in zip(loose.means, out.means, strict.means, strict=True):
        assert most.retention.value >= some.retention.value >= least.retention.value
        assert some.retention.definition == "retention_on.v1"


async def test_what_cannot_be_said_is_not(world: World, monkeypatch: pytest.MonkeyPatch):
    """Bad input: nobody, twenty one-time buyers, a window beyond all history, days to come, several currencies."""
    monkeypatch.setattr(scanning, "QUICK_SECONDS", math.inf)
    retention = world.metrics.retention
    assert {*_codes(WindowOut.of(await retention.window(Asked())))} == {
        "too_few_customers",
        "too_few_came_back",
        "too_short_history",
    }
    assert _codes(RfmOut.of(await retention.rfm())) == ["no_purchase"]
    empty = RecurringOut.of(await retention.recurring())
    assert (empty.repeat_purchase_rate.value, empty.waits[0].customers, empty.waits[0].curve) == (None, 0, [])
    assert CohortsOut.of(await retention.cohorts("month", "every")).cohorts == []
    assert all(each.buyers.value == 0 for each in LifecycleSeriesOut.of(await retention.lifecycle("week")).periods)
    assert SegmentsOut.of(await retention.segments(90)).everybody.lapse_rate.value is None

    await world.consume(*(placed(f"o{n}", f"c{n}", NOW - timedelta(days=40 + n)) for n in range(20)))
    twenty = WindowOut.of(await retention.window(Asked(), also=(3_650,)))
    assert (twenty.recommended.value, twenty.false_churn.value, twenty.customers) == (None, None, 20)
    assert _codes(twenty) == ["too_few_customers", "too_few_came_back", "too_short_history"]
    assert all(each.false_churn.value is None for each in twenty.candidates)
    assert (await retention.rfm()).reasons == ("too_few_customers",)
    one = CustomerRfmOut.of(await retention.customer_rfm(user_key("c1")))
    assert (one.segment.value, one.scores, _codes(one)) == (None, None, ["too_few_customers"])

    # A hundred more who buy once and all on the same day: recency tells them not apart.
    await world.consume(*(placed(f"p{n}", f"d{n}", NOW - timedelta(days=400), currency="VND") for n in range(130)))
    assert _codes(WindowOut.of(await retention.window(Asked()))) == ["too_few_came_back"]
    alike = RfmOut.of(await retention.rfm(currency="VND"))
    assert (_codes(alike), alike.segments, alike.others) == (["recency_alike"], [], {"USD": 20})
    await world.consume(placed("q", "c1", NOW, currency="VND"))
    mixed = CustomerRfmOut.of(await retention.customer_rfm(user_key("c1")))
    assert (_codes(mixed), mixed.net) == (["several_currencies"], None)

    # Nothing is made of the data of somebody who forbids it.
    async with world.db.write() as tx:
        await world.metrics.outlooks.forbid(tx, [user_key("c1")], is_forbidden=True)
    assert _codes(CustomerRfmOut.of(await retention.customer_rfm(user_key("c1")))) == ["restricted"]

    # Two hundred who come back after ten days: every window that can be judged is, a longer one is not.
    for back in (60, 50):
        await world.consume(*(placed(f"r{back}-{n}", f"e{n}", NOW - timedelta(days=back)) for n in range(200)))
    judged = await retention.window(Asked(), also=(3_650,))
    assert judged.advice.candidates[-1] == (3_650, None)
    assert _codes(WindowOut.of(await retention.window(Asked(horizon_days=3_000)))) == ["horizon_too_long"]
    never = await retention.window(Asked(at_most=0.001, horizon_days=10))
    assert never.advice.reasons == ("never_so_low",)

    with pytest.raises(InTheFuture):
        await retention.window(Asked(), as_of=date(2027, 1, 1))
    with pytest.raises(BadRange):
        await retention.lifecycle("day", first=date(1990, 1, 1))
    with pytest.raises(UnknownCustomer):
        await retention.customer_rfm(user_key("nobody"))


def _codes(out: Any) -> list[str]:
    return [why.code for why in out.reasons]


async def test_segments_that_part_all_customers_sum_to_them(world: World, monkeypatch: pytest.MonkeyPatch):
    """INVARIANT: who is in a segment under any key counts once; parts sum to the whole, after merges too."""
    monkeypatch.setattr(scanning, "QUICK_SECONDS", math.inf)
    for n in range(9):
        await world.consume(placed(f"o{n}", f"c{n}", NOW - timedelta(days=20 * n)))
    moves = [entered("vip" if n % 2 else "plain", f"c{n}") for n in range(8)]
    await deliver(world, [*moves, entered("vip", "somebody who never bought"), persona("lan", "vip")])
    await world.consume(refunded("o3", "c3", NOW))

    found = await parts(world)
    # c3 has no purchase left; c8 is in no segment.
    assert found == {"vip": (3, 1), "plain": (4, 3), None: (1, 0), "everybody": (8, 4)}
    out = SegmentsOut.of(await world.metrics.retention.segments(90))
    assert {each.segment: each.personas for each in out.segments} == {segment("vip"): ["lan"], segment("plain"): []}
    assert out.everybody.lapse_rate.value == 0.5

    # c8, who lapsed long ago, turns out to be c1, who is in a segment.
    await world.consume(merged("c8", "c1", 1))
    assert await parts(world) == {"vip": (3, 1), "plain": (4, 3), None: (0, 0), "everybody": (7, 4)}
    await world.consume(unmerged("c8", "c1", 2))
    assert await parts(world) == found
    await deliver(world, [left("vip", "c1")])
    assert await parts(world) == {"vip": (2, 0), "plain": (4, 3), None: (2, 1), "everybody": (8, 4)}


async def parts(world: World) -> dict[Any, tuple[int, int]]:
    """Customers and active ones of each part, within 90 days."""
    answer = await world.metrics.retention.segments(90)
    names = {segment("vip"): "vip", segment("plain"): "plain"}
    found = {names[each.segment]: each.people for each in answer.segments}
    whole = {**found, None: answer.none, "everybody": answer.everybody}
    return {name: (people.customers, people.active[90]) for name, people in whole.items()}


async def test_what_takes_long_is_kept_and_says_how_old_it_is(world: World, monkeypatch: pytest.MonkeyPatch):
    """INVARIANT: while nothing has come what is kept is live; then it says its age, and is counted anew when rested."""
    monkeypatch.setattr(scanning, "QUICK_SECONDS", -1.0)
    monkeypatch.setattr(scanning, "SMALL", 0)
    await world.consume(placed("o1", "c1", NOW, currency="VND"))
    await read_up_to(world, 1)
    # Of many customers nobody waits: what is read from sums is there, what is counted person by person comes soon.
    first = await world.metrics.retention.rfm(currency="VND")
    assert (first.crowd.customers, first.groups) == (1, None)
    assert await world.metrics.retention.refresh() == 1
    assert await groups(world) == (1, 0.0)

    # Nothing has come that consumers have told of, so this is not looked at.
    await world.consume(placed("o2", "c2", NOW, currency="VND"))
    assert await groups(world) == (1, 0.0)
    assert await world.metrics.retention.refresh() == 0

    await read_up_to(world, 2)
    world.clock.time += timedelta(seconds=100)
    assert await groups(world) == (1, 100.0)
    found = await world.metrics.retention.rfm(currency="VND")
    assert (found.crowd.customers, found.frame.staleness_seconds) == (2, 0.0)
    assert await world.metrics.retention.refresh() == 1
    assert await groups(world) == (2, 0.0)

    # Of few customers it is counted at each read, whatever was kept.
    monkeypatch.setattr(scanning, "SMALL", 3_000)
    await world.consume(cancelled("o2", "c2", NOW))
    await read_up_to(world, 3)
    assert await groups(world) == (1, 0.0)
    monkeypatch.setattr(scanning, "SMALL", 0)

    # A new day begins: what was asked for yesterday is there before anybody asks.
    world.clock.time += timedelta(hours=18)
    assert await world.metrics.retention.refresh() == 1
    await world.consume(placed("o3", "c3", NOW, currency="VND"))
    assert await groups(world) == (1, 0.0)

    world.clock.time += timedelta(days=3)
    assert await world.metrics.retention.refresh() == 0
    async with world.db.read() as tx:
        assert (await tx.execute("SELECT count(*) FROM kept_scans")).scalar_one() == 0


async def test_of_a_past_day_nobody_waits_twice(world: World, monkeypatch: pytest.MonkeyPatch):
    """Sums know only how it stands; as of a day before, everybody is looked at, and what was found is kept.

    Where facts have come since it is given away with its age, and counted anew in the background.
    """
    monkeypatch.setattr(scanning, "QUICK_SECONDS", -1.0)
    day = (NOW - timedelta(days=2)).date()
    await world.consume(placed("o1", "c1", NOW - timedelta(days=3)), placed("o2", "c1", NOW))
    await read_up_to(world, 1)
    found = await world.metrics.retention.recurring(as_of=day)
    assert (found.customers, found.again) == (1, 0)
    await world.consume(placed("o3", "c3", NOW - timedelta(days=4)))
    await read_up_to(world, 2)
    assert await world.metrics.retention.refresh() == 0
    world.clock.time += timedelta(seconds=3_000)
    found = await world.metrics.retention.recurring(as_of=day)
    assert (found.customers, found.frame.staleness_seconds) == (1, 3_000.0)
    # What is live needs nothing kept, and the job counts none of it.
    assert (await world.metrics.retention.recurring()).customers == 2
    assert await world.metrics.retention.refresh() == 2
    found = await world.metrics.retention.recurring(as_of=day)
    assert (found.customers, found.frame.staleness_seconds) == (2, 0.0)
    assert await world.metrics.retention.refresh() == 0


async def test_of_a_past_day_of_many_customers_the_job_counts_what_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scanning, "SMALL", 0)
    monkeypatch.setattr(scanning, "QUICK_SECONDS", -1.0)
    day = (NOW - timedelta(days=1)).date()
    await world.consume(placed("o1", "c1", NOW - timedelta(days=2), currency="VND"))
    await read_up_to(world, 1)
    assert (await world.metrics.retention.rfm(currency="VND", as_of=day)).groups is None
    assert await world.metrics.retention.refresh() == 1
    groups_then = (await world.metrics.retention.rfm(currency="VND", as_of=day)).groups
    assert groups_then is not None
    assert sum(each.customers for each in groups_then) == 1


async def test_of_many_customers_every_past_day_is_known_before_anybody_asks(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """INVARIANT: who asks first waits for no count; is told how old it is where facts came since; and the next walk,
    which the asking brings on, has them."""
    monkeypatch.setattr(scanning, "SMALL", 0)
    walking = world.metrics.walking
    day = (NOW - timedelta(days=2)).date()
    await world.consume(placed("o1", "c1", NOW - timedelta(days=3)), placed("o2", "c1", NOW))
    await read_up_to(world, 1)
    assert await walking.walk()
    assert not await walking.walk()
    async with world.db.write() as tx:
        await tx.execute("ALTER TABLE activity RENAME TO nobody_may_look")
    assert await past_answers(world, day) == (1, 1, 1, 0.0)
    async with world.db.write() as tx:
        await tx.execute("ALTER TABLE nobody_may_look RENAME TO activity")

    await world.consume(placed("o3", "c3", NOW - timedelta(days=4)))
    await read_up_to(world, 2)
    world.clock.time += timedelta(seconds=700)
    # What nobody asks for can wait until tomorrow.
    assert not await walking.walk()
    assert await past_answers(world, day) == (1, 1, 1, 700.0)
    world.clock.time += timedelta(seconds=1)
    assert await walking.walk()
    assert await past_answers(world, day) == (2, 2, 2, 0.0)
    assert await past_answers(world, (NOW - timedelta(days=4)).date()) == (1, 1, 1, 0.0)

    # A cancelled order never was one, and a day has ended since.
    await world.consume(cancelled("o3", "c3", NOW))
    await read_up_to(world, 3)
    world.clock.time += timedelta(days=1)
    assert await walking.walk()
    assert await past_answers(world, day) == (1, 1, 1, 0.0)
    assert await past_answers(world, NOW.date()) == (1, 1, 1, 0.0)


async def past_answers(world: World, day: date) -> tuple[int, int, int, float | None]:
    """Customers as of a past day by three answers, and how old the last is."""
    retention = world.metrics.retention
    found, by_month = await retention.rfm(as_of=day), await retention.cohorts("month", "on", as_of=day)
    recurring = await retention.recurring(as_of=day)
    customers = 0 if found.crowd is None else found.crowd.customers
    months = sum(each.customers for each in by_month.cohorts)
    return customers, months, recurring.customers, recurring.frame.staleness_seconds


async def test_purchases_of_days_to_come_count_only_then(world: World):
    """A shop whose clock is wrong says that somebody buys tomorrow: today that is not so, and tomorrow it is."""
    await world.consume(placed("o1", "c1", NOW), placed("o2", "c1", NOW + timedelta(days=1)))
    today = await world.metrics.retention.recurring()
    assert (today.customers, today.again) == (1, 0)
    world.clock.time += timedelta(days=1)
    assert (await world.metrics.retention.recurring()).again == 1


async def groups(world: World) -> tuple[int, float | None]:
    """Customers in groups by all three scores, and how old these are."""
    found = await world.metrics.retention.rfm(currency="VND")
    return sum(each.customers for each in found.groups), found.groups_frame.staleness_seconds


async def read_up_to(world: World, offset: int) -> None:
    """Note, as the runner does, how far the log was read; nothing has been written to it here."""
    async with world.db.write() as tx:
        await tx.execute(
            "INSERT INTO offsets (consumer, topic, partition, next_offset) VALUES ('metrics.orders', 'o', 0, :n)"
            " ON CONFLICT (consumer, topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset",
            {"n": offset},
        )
