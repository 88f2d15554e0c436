"""Earned growth on a real database: the book's example, and random histories against brute force."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from metrics_truth import Truth
from metrics_world import NOW, World, fact, merged, placed, refunded, unmerged
from test_metrics_histories import TODAY, ZONE, History

from services.metrics.app import service as manifest
from services.metrics.earned.domain.report import GrowthReport
from services.metrics.errors import BadRange
from services.metrics.retention.service import scanning
from shared.events.catalogue.loyalty import ReferralCompleted
from shared.events.catalogue.surveys import AnsweredScore, AskedQuestion, SurveyAnswered, SurveyPublished
from shared.events.envelope import Event
from shared.ids import derived_id, user_key

WHY, OTHER = derived_id("why"), derived_id("another survey")
BLOCKS, PER_BLOCK = 3, 25
OPTIONS = {"friend": True, "press": True, "ad": False, "sale": False}
SEPTEMBER, OCTOBER = (date(2026, 9, 1), date(2026, 9, 30)), (date(2026, 10, 1), date(2026, 10, 30))


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts come without a log here, so that what is kept could not be told from what is new."""
    monkeypatch.setattr(scanning, "QUICK_SECONDS", float("inf"))


def published(survey: UUID = WHY, purpose: str = "joining") -> Event[Any]:
    earned = tuple(option for option, is_earned in OPTIONS.items() if is_earned)
    why = AskedQuestion("why", "single", options=tuple(OPTIONS), earned=earned)
    data = {"survey_id": survey, "version": 1, "purpose": purpose, "questions": (why,)}
    return fact(SurveyPublished.model_validate(data), survey, NOW)


def joined(
    response: str,
    customer: str | UUID,
    at: datetime,
    *chosen: str,
    revision: int = 1,
    survey: UUID = WHY,
    **changes: Any,
) -> Event[Any]:
    fields = {
        "response_id": derived_id(response),
        "revision": revision,
        "survey_id": survey,
        "version": 1,
        "state": "complete",
        "scores": (AnsweredScore("why", chosen=chosen),),
        "channel": "link",
        "locale": "vi",
    }
    return fact(SurveyAnswered.model_validate(fields | changes), customer, at)


def brought(friend: str | UUID, referral: str = "r") -> Event[Any]:
    data = ReferralCompleted(
        referral_id=derived_id(referral), advocate_id=user_key("lan"), campaign="tết", milestone="first_order"
    )
    return fact(data, friend, NOW)


async def tell(world: World, *events: Event[Any]) -> None:
    """Hand events to the consumer that hears why people came, as one batch."""
    subscription = next(each for each in manifest.subscriptions if each.group == "metrics.voices")
    async with world.db.write() as tx:
        await subscription.handler(world.metrics, tx, list(events))


async def growth(world: World, now: tuple[date, date], before: date | None = None) -> GrowthReport:
    return await world.metrics.earned_growth.growth(*now, before_first=before)


def on(day: int, month: int = 9) -> datetime:
    return datetime(2026, month, day, 5, tzinfo=UTC)


async def the_book(world: World) -> None:
    """Of 100 dollars before, 85 come back; friends bring 25, advertising 20."""
    await world.consume(
        placed("a-1", "an", on(3), 4_500),
        placed("b-1", "binh", on(9), 5_500),
        placed("a-2", "an", on(5, 10), 8_600),
        refunded("a-2", "an", on(7, 10), 100),
        placed("c-1", "chi", on(8, 10), 2_000),
        placed("d-1", "dung", on(9, 10), 500),
        placed("e-1", "em", on(10, 10), 2_000),
    )
    await tell(world, published())
    await tell(world, joined("c", "chi", on(9, 10), "friend"), brought("dung"), joined("e", "em", on(11, 10), "ad"))


async def test_the_book_s_worked_example_from_orders_answers_and_a_referral(world: World):
    await the_book(world)

    found = await growth(world, OCTOBER)

    usd = found.growths["USD"]
    assert (found.before.first, found.before.last, found.currency) == (*SEPTEMBER, "USD")
    assert (usd.before, usd.total) == (10_000, 13_000)
    assert usd.of_before(usd.now["returning"]) == Fraction(85, 100)
    assert usd.of_before(usd.now["earned"]) == Fraction(25, 100)
    assert usd.rate == (Fraction(10, 100), Fraction(10, 100))
    assert usd.ratio == (Fraction(1, 3), Fraction(1, 3))
    assert found.people == {"returning": 1, "earned": 2, "bought": 1, "unknown": 0, "reactivated": 0}


async def test_late_answers_refunds_and_merges_change_the_past(world: World):
    await the_book(world)

    # A refund, late, of what was bought in the period before.
    await world.consume(refunded("b-1", "binh", on(20), 500, refund="late"))
    usd = (await growth(world, OCTOBER)).growths["USD"]
    assert (usd.before, usd.now["returning"]) == (9_500, 8_500)

    # Dung turns out to be Binh, who bought before: they came back.
    await world.consume(merged("dung", "binh", 1))
    usd = (await growth(world, OCTOBER)).growths["USD"]
    assert (usd.now["returning"], usd.now["earned"]) == (9_000, 2_000)
    await world.consume(unmerged("dung", "binh", 2))

    # Chi takes her answer back, and the advertisement turns out to have been a friend.
    await tell(world, joined("c", "chi", on(9, 10), revision=3, state="withdrawn"))
    await tell(world, joined("e", "em", on(11, 10), "press", revision=2))
    await tell(world, joined("c", "chi", on(9, 10), "friend", revision=2))
    found = await growth(world, OCTOBER)
    assert found.people == {"returning": 1, "earned": 2, "bought": 0, "unknown": 1, "reactivated": 0}
    low, high = found.growths["USD"].earned_minor()
    assert (low, high) == (8_500 + 500 + 2_000, 8_500 + 500 + 2_000 + 2_000)


async def test_an_answer_may_come_before_its_survey_and_goes_if_that_asked_something_else(world: World):
    await world.consume(placed("c-1", "chi", on(8, 10)), placed("d-1", "dung", on(8, 10)), placed("a", "an", on(9)))
    await tell(world, joined("c", "chi", on(9, 10), "friend"), joined("d", "dung", on(9, 10), "friend", survey=OTHER))

    early = (await growth(world, OCTOBER)).people
    await tell(world, published(), published(OTHER, "customers"))
    found = (await growth(world, OCTOBER)).people

    assert (early["earned"], early["unknown"]) == (0, 2)
    assert (found["earned"], found["unknown"]) == (1, 1)
    async with world.db.read() as tx:
        rows = (await tx.execute("SELECT response_id FROM joining_answers")).scalars()
        assert list(rows) == [derived_id("c")]


async def test_who_was_away_is_neither_new_nor_retained(world: World):
    await world.consume(placed("1", "an", on(3, 8)), placed("2", "an", on(3, 10)), placed("3", "binh", on(3)))

    found = await growth(world, OCTOBER)

    assert found.people["reactivated"] == 1
    assert found.growths["USD"].now["reactivated"] == 1_000
    assert found.growths["USD"].growth == 0


async def test_periods_need_not_touch_and_who_came_between_them_is_new(world: World):
    await world.consume(placed("1", "an", on(3, 7)), placed("2", "binh", on(3, 9)), placed("3", "binh", on(3, 10), 400))

    found = await growth(world, OCTOBER, before=date(2026, 7, 1))

    assert (found.before.first, found.before.last) == (date(2026, 7, 1), date(2026, 7, 30))
    assert found.growths["USD"].before == 1_000
    assert found.growths["USD"].now["unknown"] == 400


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        (date(2026, 10, 2), date(2026, 10, 1), None),
        (date(2020, 1, 1), date(2026, 1, 1), None),
        (date(2026, 10, 1), date(2026, 10, 30), date(2026, 9, 2)),
        (date(1900, 1, 1), date(1900, 1, 2), None),
    ],
    ids=["backwards", "too long", "overlapping", "before all money"],
)
async def test_what_makes_no_two_periods_is_refused(world: World, first: date, last: date, before: date | None):
    with pytest.raises(BadRange):
        await growth(world, (first, last), before)


def reasons(history: History) -> list[Event[Any]]:
    """Who says why they came, changes their mind, takes it back; and who was brought."""
    dice = history.random
    facts: list[Event[Any]] = []
    for number in range(dice.randint(0, 10)):
        person, at = dice.choice(history.people), NOW - timedelta(days=dice.randint(0, 90))
        for revision in range(1, dice.choice((2, 2, 3, 4))):
            chosen = dice.sample(list(OPTIONS), k=dice.choice((0, 1, 1, 1, 2)))
            state = dice.choice(("complete", "complete", "partial", "withdrawn"))
            survey = dice.choice((WHY, WHY, OTHER))
            how = dice.choice(("confirmed", "confirmed", "inferred"))
            facts.append(
                joined(
                    f"{number}{survey}",
                    person,
                    at,
                    *chosen,
                    revision=revision,
                    survey=survey,
                    state=state,
                    verification=how,
                )
            )
    facts += [brought(dice.choice(history.people), f"r{number}") for number in range(dice.choice((0, 0, 1)))]
    return [published(), published(OTHER, "customers"), *facts]


def why(truth: Truth, facts: Sequence[Event[Any]], person: frozenset[UUID]) -> str:
    """Why a person came, from nothing but what was said: a referral, else the newest answer that says one thing."""
    if any(isinstance(each.data, ReferralCompleted) and each.subject in person for each in facts):
        return "earned"
    newest: dict[UUID, Event[Any]] = {}
    for each in facts:
        if isinstance(each.data, SurveyAnswered) and each.data.survey_id == WHY:
            known = newest.get(each.data.response_id)
            if known is None or known.data.revision < each.data.revision:
                newest[each.data.response_id] = each
    said = []
    for each in newest.values():
        counts = each.data.state != "withdrawn" and each.data.verification == "confirmed"
        kinds = {OPTIONS[option] for option in each.data.scores[0].chosen} if counts else set()
        if each.subject in person and len(kinds) == 1:
            said.append((each.time, each.data.response_id, kinds.pop()))
    if not said:
        return "unknown"
    return "earned" if max(said)[2] else "bought"


def by_brute_force(
    truth: Truth, facts: Sequence[Event[Any]], before: tuple[date, date], now: tuple[date, date]
) -> tuple[dict[str, int], dict[tuple[str, str], int], Counter[str]]:
    """Revenue before by currency, revenue now by currency and class, people by class; person by person."""
    base: Counter[str] = Counter()
    sums: Counter[tuple[str, str]] = Counter()
    people: Counter[str] = Counter()
    raws = {order.customer for order in truth.orders if order.customer is not None}
    for person in {truth.person(raw) for raw in raws}:
        orders = [order for order in truth.orders if order.customer in person]
        days = [order.day for order in orders if order.day is not None]
        if any(before[0] <= day <= before[1] for day in days):
            kind = "returning"
        elif not days or min(days) <= before[1] or min(days) > now[1]:
            kind = "reactivated"
        else:
            kind = why(truth, facts, person)
        lines = [(order.day, order.currency, order.total) for order in orders if order.day is not None]
        lines += [(day, order.currency, -paid) for order in orders for day, paid in order.refunds if paid]
        for day, currency, minor in lines:
            if before[0] <= day <= before[1]:
                base[currency] += minor
            if now[0] <= day <= now[1]:
                sums[currency, kind] += minor
        people[kind] += any(now[0] <= day <= now[1] for day, _, _ in lines)
    return dict(base), dict(sums), people


def nonzero(values: Mapping[Any, int]) -> dict[Any, int]:
    return {key: value for key, value in values.items() if value}


def shuffled(dice: random.Random, facts: Iterable[Event[Any]]) -> list[list[Event[Any]]]:
    facts = list(facts)
    late = facts + dice.sample(facts, k=len(facts) // 3)
    dice.shuffle(late)
    cuts = sorted(dice.randint(0, len(late)) for _ in range(2))
    return [batch for batch in (late[: cuts[0]], late[cuts[0] : cuts[1]], late[cuts[1] :]) if batch]


@pytest.mark.parametrize("block", range(BLOCKS))
async def test_a_history_ends_in_the_growth_of_brute_force(world: World, block: int):
    """INVARIANT: earned growth is that of the definitions, whatever order facts came in, merges and refunds included.

    Breaks if a refund is counted in its order's period, a merged friend stays new, a late answer is missed, an old
    revision holds, or a currency leaks into another.
    """
    classes = Counter[str]()
    for number in range(PER_BLOCK):
        history = History.of(f"earned/{block}/{number}")
        dice, said = history.random, reasons(history)
        for batch in history.delivery():
            await world.consume(*batch)
        for batch in shuffled(dice, said):
            await tell(world, *batch)
        truth = Truth(history.facts, history.identity, ZONE)
        for days, gap in ((7, 0), (30, 0), (5, dice.randint(1, 9)), (200, 0)):
            last = TODAY - timedelta(days=dice.choice((0, 0, 3, 40)))
            now = (last - timedelta(days=days - 1), last)
            start = now[0] - timedelta(days=days + gap)
            before = (start, start + timedelta(days=days - 1))

            found = await growth(world, now, start if gap else None)

            base, sums, people = by_brute_force(truth, said, before, now)
            assert nonzero({code: each.before for code, each in found.growths.items()}) == nonzero(base)
            got = {(code, kind): minor for code, each in found.growths.items() for kind, minor in each.now.items()}
            assert nonzero(got) == nonzero(sums), (block, number)
            assert nonzero(dict(found.people)) == nonzero(people)
            classes += people
        await world.empty()
    # All of it was really tried.
    assert set(classes) == {"returning", "earned", "bought", "unknown", "reactivated"}


async def test_of_a_large_firm_nobody_waits_for_what_is_counted_order_by_order(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """It says that it is being counted, is there when the job has run, and says how old it is when more has come."""
    monkeypatch.setattr(scanning, "QUICK_SECONDS", -1.0)
    monkeypatch.setattr(scanning, "SMALL", 0)
    await world.consume(placed("o1", "lan", NOW - timedelta(days=30)), placed("o2", "lan", NOW, 3000))
    month = (TODAY - timedelta(days=29), TODAY)
    first = await growth(world, month)
    assert (first.is_being_counted, first.growths, first.currency) == (True, {}, None)
    assert await world.metrics.retention.refresh() == 1
    found = await growth(world, month)
    assert (found.is_being_counted, found.growths["USD"].growth, found.staleness_seconds) == (False, 2, 0.0)

    await world.consume(placed("o3", "lan", NOW, 1000))
    async with world.db.write() as tx:
        await tx.execute(
            "INSERT INTO offsets (consumer, topic, partition, next_offset) VALUES ('metrics.orders','o',0,3)"
        )
    world.clock.time += timedelta(seconds=50)
    old = await growth(world, month)
    assert (old.growths["USD"].growth, old.staleness_seconds) == (2, 50.0)
    assert await world.metrics.retention.refresh() == 1
    assert (await growth(world, month)).growths["USD"].growth == 3
