"""The delivery gap and the promise gap on a real database."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from statistics import median
from typing import Any
from uuid import UUID

import pytest
from metrics_world import NOW, World, cancelled, fact, refunded
from test_metrics_histories import ZONE

from services.metrics.app import service as manifest
from services.metrics.domain.intervals import newcombe
from services.metrics.gap.domain.promises import Kept, Kind
from services.metrics.gap.domain.report import Gaps, WaveGap
from services.metrics.gap.errors import WaveUnknown
from shared.events.catalogue.surveys import (
    AnsweredScore,
    AskedQuestion,
    CaseChanged,
    CaseOpened,
    MirrorAnswered,
    MirrorWaveClosed,
    SurveyAnswered,
    SurveyPublished,
)
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event
from shared.ids import derived_id, uuid7

SURVEY, WAVE = derived_id("survey"), derived_id("wave")
QUESTIONS = (AskedQuestion("csat", "csat", 1, 5), AskedQuestion("nps", "nps", 0, 10))
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 15)
CLOSED = datetime(2026, 11, 10, 17, tzinfo=UTC)
NUMBERS = count()


async def tell(world: World, group: str, *events: Event[Any]) -> None:
    """Hand events to a consumer, as one batch."""
    subscription = next(each for each in manifest.subscriptions if each.group == group)
    async with world.db.write() as tx:
        await subscription.handler(world.metrics, tx, list(events))


def published(*, is_anonymous: bool = False) -> Event[Any]:
    data = SurveyPublished(
        survey_id=SURVEY,
        version=1,
        purpose="customers",
        questions=QUESTIONS,
        touchpoint="order_delivered",
        is_anonymous=is_anonymous,
    )
    return fact(data, SURVEY, NOW)


def customer(csat: int, nps: int, at: datetime, who: str | None = None, **changes: Any) -> Event[Any]:
    number = next(NUMBERS)
    fields: dict[str, Any] = {
        "response_id": derived_id("response", str(number)),
        "revision": 1,
        "survey_id": SURVEY,
        "version": 1,
        "state": "complete",
        "scores": (AnsweredScore("csat", csat), AnsweredScore("nps", nps)),
        "channel": "link",
        "locale": "vi",
    }
    return fact(SurveyAnswered.model_validate(fields | changes), who or f"customer-{number}", at)


def staff(role: str, csat: int, nps: int, predicted: int) -> Event[Any]:
    data = MirrorAnswered(
        wave_id=WAVE,
        answer_id=uuid7(),
        survey_id=SURVEY,
        role=role,
        scores=(AnsweredScore("csat", csat), AnsweredScore("nps", nps)),
        predicted_nps=predicted,
    )
    return fact(data, WAVE, CLOSED)


def closed(*bias: str, answered: int = 10, withheld: int = 0) -> Event[Any]:
    data = MirrorWaveClosed.model_validate(
        {
            "wave_id": WAVE,
            "survey_id": SURVEY,
            "version": 1,
            "touchpoint": "order_delivered",
            "period_from": FIRST,
            "period_to": LAST,
            "opened_at": CLOSED - timedelta(days=5),
            "results_visible_from": CLOSED + timedelta(days=5),
            "is_unbiased": not bias,
            "bias": bias,
            "questions": QUESTIONS,
            "answered": answered,
            "withheld": withheld,
        }
    )
    return fact(data, WAVE, CLOSED)


async def gaps(world: World) -> Gaps:
    return await world.metrics.delivery_gap.waves(None, None, believer_at=0.8, achiever_at=0.8)


async def the_wave(world: World) -> WaveGap:
    (found,) = (await gaps(world)).waves
    return found


async def eighty_and_eight(world: World) -> None:
    """Of ten staff eight believe; of 25 customers two are content."""
    executives = [staff("executive", 5, 10, 60) for _ in range(5)]
    front = [staff("front_line", score, 9 if score > 3 else 5, 20) for score in (5, 4, 4, 2, 1)]
    await tell(world, "metrics.voices", *executives, *front, closed())
    scores = [5, 4, *(3 for _ in range(23))]
    said = [customer(score, 9 if score > 3 else 6, datetime(2026, 11, 12, tzinfo=UTC)) for score in scores]
    await tell(world, "metrics.satisfaction", published(), *said)


async def test_eighty_believe_and_eight_agree(world: World):
    await eighty_and_eight(world)

    found = await the_wave(world)

    csat, nps = found.questions
    assert (csat.internal.top_two, csat.internal.n, csat.internal.share) == (8, 10, 0.8)
    assert csat.customers is not None
    assert (csat.customers.top_two, csat.customers.n, csat.customers.share) == (2, 25, 0.08)
    assert csat.gap is not None
    assert csat.gap.points == pytest.approx(72.0)
    interval = newcombe(8, 10, 2, 25)
    assert (csat.gap.interval.low, csat.gap.interval.high) == (100 * interval.low, 100 * interval.high)
    assert {role.role: (role.internal.top_two, role.internal.n) for role in csat.roles} == {
        "executive": (5, 5),
        "front_line": (3, 5),
    }
    assert (csat.bain.is_believer, csat.bain.is_achiever) == (True, False)
    assert nps.nps is not None
    # Eight promoters and two detractors of ten, against two and 23 of 25.
    assert (nps.nps.internal, nps.nps.customers) == (60.0, -84.0)
    assert nps.nps.gap.difference == pytest.approx(144.0)
    everybody, executives, front = found.predictions
    assert (everybody.role, everybody.n, everybody.predicted, everybody.actual) == (None, 10, 40.0, -84.0)
    assert everybody.gap is not None
    assert everybody.gap.points == 124.0
    assert everybody.gap.interval.low < 124.0 < everybody.gap.interval.high
    assert (executives.role, executives.predicted, front.role, front.predicted) == ("executive", 60, "front_line", 20)


async def test_nothing_is_shown_before_the_wave_closes(world: World):
    await tell(world, "metrics.voices", *(staff("executive", 5, 10, 60) for _ in range(9)))

    assert (await gaps(world)).waves == []
    with pytest.raises(WaveUnknown):
        await world.metrics.delivery_gap.wave(WAVE, believer_at=0.8, achiever_at=0.8)


async def test_repeats_and_another_order_change_nothing(world: World):
    events = [*(staff("manager", score, 9, 10) for score in (5, 5, 4, 3, 2)), closed("closed_late")]
    await tell(world, "metrics.voices", *events)
    clean = await world.rows()
    await world.empty()

    for event in [*reversed(events), *events]:
        await tell(world, "metrics.voices", event)

    assert await world.rows() == clean
    assert (await the_wave(world)).wave.bias == ("closed_late",)


async def test_only_the_newest_confirmed_answers_of_the_period_count(world: World):
    await tell(world, "metrics.voices", *(staff("manager", 5, 10, 0) for _ in range(5)), closed())
    before, first, last, after = (
        datetime(2026, 10, 31, 16, 59, tzinfo=UTC),
        datetime(2026, 10, 31, 17, 0, tzinfo=UTC),
        datetime(2026, 11, 15, 16, 59, tzinfo=UTC),
        datetime(2026, 11, 15, 17, 0, tzinfo=UTC),
    )
    await tell(
        world,
        "metrics.satisfaction",
        published(),
        customer(5, 10, before),
        customer(1, 0, first, "lan"),
        customer(4, 9, last, "lan"),
        customer(5, 10, after),
        customer(1, 0, last, state="partial"),
        customer(1, 0, last, verification="inferred"),
        customer(3, 7, first),
    )

    found = await the_wave(world)

    customers = found.questions[0].customers
    assert customers is not None
    assert (customers.top_two, customers.n) == (1, 2)
    # What staff could have seen when the wave closed: of the period, before that.
    assert found.customers.before_close == 2


async def test_few_anonymous_answers_of_customers_are_not_shown(world: World):
    await tell(world, "metrics.voices", *(staff("manager", 5, 10, 0) for _ in range(5)), closed())
    at = datetime(2026, 11, 11, 17, tzinfo=UTC)
    said = [customer(5, 10, at, is_anonymous=True) for _ in range(4)]
    await tell(world, "metrics.satisfaction", published(is_anonymous=True), *said)

    few = (await the_wave(world)).questions[0]
    await tell(world, "metrics.satisfaction", customer(5, 10, at, is_anonymous=True))
    enough = (await the_wave(world)).questions[0]

    assert (few.customers, few.gap, few.bain.is_achiever) == (None, None, None)
    assert enough.customers is not None
    assert enough.customers.n == 5


def touchpoint(name: str, at: datetime, **properties: Any) -> Event[Any]:
    return fact(TouchpointRecorded(source="web", call="track", name=name, properties=properties), "lan", at)


def case(number: int, due: datetime, spoken: datetime | None) -> list[Event[Any]]:
    key = derived_id("case", str(number))
    opened = CaseOpened(
        case_id=key,
        version=1,
        survey_id=SURVEY,
        response_id=None,
        owner=None,
        priority="high",
        rule="detractor",
        contact_due_at=due,
        resolve_due_at=due,
    )
    changed = CaseChanged(
        case_id=key, version=2, status="in_progress", owner="an", priority="high", contacted_at=spoken
    )
    return [fact(opened, "lan", NOW), fact(changed, "lan", NOW)]


def hour(number: int) -> datetime:
    return NOW - timedelta(days=3) + timedelta(hours=number)


async def test_promises_kept_late_broken_pending_and_void(world: World):
    def order(order_id: str, due: int) -> Event[Any]:
        return touchpoint("Order Completed", hour(-9), order_id=order_id, promised_at=hour(due).isoformat())

    def delivered(order_id: str, at: int) -> Event[Any]:
        return touchpoint("Order Delivered", hour(at), order_id=order_id)

    await tell(
        world,
        "metrics.promises",
        *(
            order(name, 10)
            for name in ("kept", "at once", "late", "later", "broken", "cancelled", "cancelled too late")
        ),
        order("pending", 100),
        delivered("kept", 10),
        delivered("at once", -5),
        delivered("late", 11),
        delivered("later", 15),
        delivered("promised to nobody", 1),
        cancelled("cancelled", "lan", hour(9)),
        cancelled("cancelled too late", "lan", hour(11)),
        *case(1, hour(2), hour(1)),
        *case(2, hour(2), None),
        touchpoint("Return Requested", hour(0), order_id="kept", refund_promised_at="2026-11-20"),
        refunded("kept", "lan", hour(20)),
    )

    found = await world.metrics.delivery_gap.promises(date(2026, 11, 1), date(2026, 11, 30))

    assert found.kept == {
        Kind.DELIVERY: Kept(2, 2, 2, 1, 1, 3 * 3600.0),
        Kind.REFUND: Kept(kept=1),
        Kind.FIRST_RESPONSE: Kept(kept=1, broken=1),
    }
    assert found.kept[Kind.DELIVERY].due == 6


async def test_promises_stand_beside_the_wave_of_their_touchpoint(world: World):
    await eighty_and_eight(world)
    due = datetime(2026, 11, 15, 16, 59, tzinfo=UTC)
    await tell(
        world,
        "metrics.promises",
        touchpoint("Order Completed", hour(0), order_id="1", promised_at=due.isoformat()),
        touchpoint("Order Completed", hour(0), order_id="2", promised_at="2026-11-16"),
    )

    found = await the_wave(world)

    assert found.promises == {Kind.DELIVERY: Kept(broken=1)}


def some_promises(dice: random.Random) -> list[Event[Any]]:
    """What is said of a few orders, from two days before to two days after now."""

    def some_time() -> datetime:
        return NOW + timedelta(hours=dice.randint(-48, 48))

    facts: list[Event[Any]] = []
    for order_id in map(str, range(dice.randint(1, 8))):
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            due = some_time().isoformat()
            facts.append(touchpoint("Order Updated", some_time(), order_id=order_id, promised_at=due))
        times = [some_time() for _ in range(dice.choice((0, 1, 1, 2)))]
        facts += [touchpoint("Order Delivered", at, order_id=order_id) for at in times]
        if dice.random() < 0.2:
            facts.append(cancelled(order_id, "lan", some_time()))
    return [each._replace(id=UUID(int=dice.getrandbits(128))) for each in facts]


def by_brute_force(facts: Sequence[Event[Any]], first: date, last: date) -> Kept:
    """Order by order, from what each fact says."""
    numbers = {"kept": 0, "late": 0, "broken": 0, "pending": 0, "void": 0}
    lateness: list[float] = []
    for order_id in {_order(each) for each in facts}:
        own = [each for each in facts if _order(each) == order_id]
        said = [each for each in own if "promised_at" in getattr(each.data, "properties", {})]
        if not said:
            continue
        due = datetime.fromisoformat(min(said, key=lambda each: (each.time, each.id)).data.properties["promised_at"])
        if not first <= due.astimezone(ZONE).date() <= last:
            continue
        done = min((each.time for each in own if getattr(each.data, "name", "") == "Order Delivered"), default=None)
        ended = min((each.time for each in own if not isinstance(each.data, TouchpointRecorded)), default=None)
        if done is not None:
            numbers["kept" if done <= due else "late"] += 1
            lateness += [(done - due).total_seconds()] if done > due else []
        elif ended is not None and (ended <= due or due >= NOW):
            numbers["void"] += 1
        else:
            numbers["broken" if due < NOW else "pending"] += 1
    return Kept(**numbers, median_late_seconds=median(lateness) if lateness else None)


def _order(event: Event[Any]) -> str:
    return str(event.data.properties["order_id"] if isinstance(event.data, TouchpointRecorded) else event.data.order_id)


async def test_random_promises_end_in_what_brute_force_finds_in_whatever_order(world: World):
    """INVARIANT: promises are a function of the set of facts. Breaks if a later promise, or the last batch, wins."""
    seen = Kept()
    for seed in range(30):
        dice = random.Random(seed)
        facts = some_promises(dice)
        late = facts + dice.sample(facts, k=len(facts) // 2)
        dice.shuffle(late)
        cut = dice.randint(0, len(late))
        for batch in (late[:cut], late[cut:]):
            await tell(world, "metrics.promises", *batch)
        first = date(2026, 11, 19) + timedelta(days=dice.randint(0, 3))
        last = first + timedelta(days=dice.randint(0, 4))

        found = (await world.metrics.delivery_gap.promises(first, last)).kept.get(Kind.DELIVERY, Kept())

        assert found == by_brute_force(facts, first, last), seed
        seen = Kept(*(one + other for one, other in zip(seen[:5], found[:5], strict=True)))
        async with world.db.write() as tx:
            await tx.execute("DELETE FROM promises")
    assert all(seen[:5]), "each fate was met"
