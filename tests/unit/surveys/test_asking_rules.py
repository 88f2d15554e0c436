"""Samples, conditions, rounds, plans: what decides whom a survey proposes."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from math import sqrt
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.surveys.asking.domain.candidate import Candidate
from services.surveys.asking.domain.fact import Fact
from services.surveys.asking.domain.plan import Cancelling, Plan
from services.surveys.asking.domain.policy import Cancel, Match, Policy, PolicyVersion, Schedule, Trigger
from services.surveys.asking.domain.predicate import Condition, compiled
from services.surveys.asking.domain.rounds import Round, Sweep, sweep_of, turn, wave_day
from services.surveys.asking.domain.sampling import drawn, is_sampled, phase, wave_of
from services.surveys.asking.domain.timing import Delay
from shared.events.catalogue.touchpoints import OrderLine
from shared.ids import derived_id, user_key

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)
# Worked out apart from the code: SHA-256 of the survey, the wave and the person.
DRAWN = 0.24067803883224148
PEOPLE = [user_key(f"khach-{number}") for number in range(20_000)]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_the_share_that_is_sampled(share: float):
    """Within four standard deviations of what was asked for."""
    number = sum(is_sampled(ONE, 1, each, share) for each in PEOPLE)
    assert abs(number - share * len(PEOPLE)) < 4 * sqrt(len(PEOPLE) * share * (1 - share))


def test_samples_of_two_surveys_and_of_two_waves_are_independent():
    tenth = [each for each in PEOPLE if is_sampled(ONE, 1, each, 0.5)]
    for survey, wave in ((TWO, 1), (ONE, 2)):
        both = sum(is_sampled(survey, wave, each, 0.5) for each in tenth)
        assert abs(both - len(tenth) / 2) < 4 * sqrt(len(tenth) / 4)


def test_a_sample_is_the_same_everywhere_and_grows_with_its_share():
    assert drawn(ONE, 1, user_key("khach-1")) == pytest.approx(DRAWN, abs=1e-15)
    small = {each for each in PEOPLE[:2_000] if is_sampled(ONE, 1, each, 0.1)}
    assert small <= {each for each in PEOPLE[:2_000] if is_sampled(ONE, 1, each, 0.2)}
    assert all(is_sampled(ONE, 1, each, 1.0) for each in PEOPLE[:100])


def test_beginnings_are_spread_over_the_days():
    counted = Counter(phase(ONE, each, 30) for each in PEOPLE)
    assert set(counted) == set(range(30))
    assert max(counted.values()) < 2 * min(counted.values())
    assert phase(ONE, PEOPLE[0], 0) == 0


def test_waves_of_a_sample_that_rotates_follow_the_firm_s_calendar():
    last = datetime(2026, 12, 31, 16, 59, tzinfo=UTC)
    first = datetime(2026, 12, 31, 17, 0, tzinfo=UTC)
    assert wave_of("never", last, VIETNAM) == wave_of("never", first, VIETNAM) == 1
    assert wave_of("month", first, VIETNAM) == wave_of("month", last, VIETNAM) + 1
    assert wave_of("quarter", first, VIETNAM) == wave_of("quarter", last, VIETNAM) + 1
    assert wave_of("quarter", NOW, VIETNAM) == wave_of("quarter", last, VIETNAM)


PROPERTIES: dict[str, Any] = {
    "total": 250_000,
    "category": "giày",
    "is_gift": True,
    "products": [{"category": "áo", "price": 10}, {"category": "mũ", "price": 99.5}],
    "lines": (OrderLine(category="áo", quantity=2), OrderLine(sku="s-1")),
    "nothing": None,
}


@pytest.mark.parametrize(
    ("name", "op", "value", "holds"),
    [
        ("category", "eq", "giày", True),
        ("category", "eq", "Giày", False),
        ("category", "ne", "áo", True),
        ("absent", "ne", "áo", True),
        ("absent", "eq", "áo", False),
        ("category", "in", ("giày", "dép"), True),
        ("category", "not_in", ("giày", "dép"), False),
        ("total", "gte", 250_000, True),
        ("total", "gt", 250_000, False),
        ("total", "lt", 250_000.5, True),
        ("total", "eq", 250_000.0, True),
        ("total", "gt", "1", False),
        ("category", "lt", "z", True),
        ("is_gift", "eq", True, True),
        ("is_gift", "eq", 1, False),
        ("is_gift", "gt", 0, False),
        ("products.category", "eq", "mũ", True),
        ("products.category", "ne", "mũ", False),
        ("products.price", "gt", 99, True),
        ("lines.category", "eq", "áo", True),
        ("lines.sku", "exists", None, True),
        ("lines.nowhere", "exists", None, False),
        ("nothing", "missing", None, True),
        ("category.deeper", "exists", None, False),
    ],
)
def test_what_conditions_hold(name: str, op: Any, value: Any, holds: bool):
    assert compiled([Condition(name, op, value)])(PROPERTIES) is holds


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
anything = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("a"), inner))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b"]), anything), st.sampled_from(["eq", "ne", "gt", "lte"]), plain)
def test_conditions_answer_about_whatever_comes(properties: dict[str, Any], op: Any, value: Any):
    """No fact of a shop can make a condition fail, and the two of a pair never agree."""
    assert compiled([Condition("a.a", op, value)])(properties) in (True, False)
    assert compiled([Condition("a", "eq", value)])(properties) is not compiled([Condition("a", "ne", value)])(
        properties
    )


def fact(name: str = "Order Delivered", person: UUID = ONE, at: datetime = NOW, **properties: Any) -> Fact:
    """Something happened to somebody."""
    return Fact(derived_id(name, str(at), str(properties)), person, at, "touchpoint", "track", name, properties)


def trigger(key: str, name: str = "Order Delivered", *where: Condition, **rest: Any) -> Trigger:
    """A trigger on a touchpoint."""
    return Trigger(key, Match("touchpoint", None, name, where), Delay(60), rest.pop("since", NOW), **rest)


def plan(*policies: Policy) -> Plan:
    """A plan of policies, one for each survey."""
    found = [PolicyVersion(UUID(int=number), 1, each, NOW, "me") for number, each in enumerate(policies, 1)]
    return Plan(found, VIETNAM)


def test_a_fact_proposes_at_most_one_candidate_for_each_survey():
    shoes = Condition("category", "eq", "giày")
    ready = plan(
        Policy(triggers=(trigger("shoes", "Order Delivered", shoes), trigger("any"))),
        Policy(triggers=(trigger("any"),)),
        Policy(triggers=(trigger("other", "Ticket Solved"),)),
    )

    found = list(ready.proposed(fact(category="giày", order_id=7, staff_id=" shipper-7 ")))

    assert [(each.survey_id.int, each.cause_id) for each in found if isinstance(each, Candidate)] == [
        (1, "shoes"),
        (2, "any"),
    ]
    first = found[0]
    assert isinstance(first, Candidate)
    assert (first.order_id, first.staff_id, first.due_at) == ("7", "shipper-7", NOW + timedelta(minutes=1))
    assert [each.id for each in ready.proposed(fact(category="giày", order_id=7, staff_id=" shipper-7 "))] == [  # type: ignore[union-attr]
        each.id for each in found if isinstance(each, Candidate)
    ]


def test_facts_of_before_propose_nobody_and_what_takes_back_is_noted_whenever_it_was():
    ready = plan(
        Policy(
            triggers=(trigger("any", since=NOW),),
            cancel_if=(
                Cancel(Match("order_cancelled"), "order"),
                Cancel(Match("touchpoint", "track", "Order Returned"), "person"),
            ),
        )
    )
    early = NOW - timedelta(days=1)
    returned = fact("Order Returned", at=early, order_id="o-1")
    cancelled = Fact(TWO, ONE, early, "order_cancelled", None, None, {"order_id": "o-1"})

    assert list(ready.proposed(fact(at=early))) == []
    assert list(ready.proposed(returned)) == [Cancelling(ONE, returned.id, ONE, None, early)]
    assert list(ready.proposed(cancelled)) == [Cancelling(ONE, TWO, ONE, "o-1", early)]
    assert list(ready.proposed(cancelled._replace(properties={}))) == []


def test_the_customer_s_zone_and_language_where_a_fact_says_them():
    """At ten where they are; a zone there is not is passed over."""
    morning = Trigger("t", Match("touchpoint", None, "Order Delivered"), Delay(days=1, at=time(10)), NOW)
    ready = plan(Policy(triggers=(morning,)))

    def proposed(**said: str) -> Candidate:
        (found,) = ready.proposed(fact(**said))
        assert isinstance(found, Candidate)
        return found

    here, there = proposed(), proposed(time_zone="America/New_York", locale="en-US")
    assert here.due_at == datetime(2026, 11, 23, 3, tzinfo=UTC) == proposed(time_zone="Mars/Olympus").due_at
    assert (there.due_at, there.zone, there.locale) == (
        datetime(2026, 11, 23, 15, tzinfo=UTC),
        "America/New_York",
        "en-US",
    )


def wave(**rest: Any) -> Schedule:
    """A schedule that asks everybody at once."""
    return Schedule(
        **{
            "id": "w",
            "kind": "wave",
            "starts_on": date(2026, 1, 31),
            "at": time(10),
            "since": datetime(2026, 1, 1, tzinfo=UTC),
            **rest,
        }
    )


def test_waves_come_on_the_last_day_of_shorter_months():
    monthly = wave(every_months=1)
    assert [wave_day(monthly, number) for number in (1, 2, 3, 12, 13)] == [
        date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 12, 31), date(2027, 1, 31),
    ]  # fmt: skip


@pytest.mark.parametrize("repeat", [{}, {"every_days": 10}, {"every_months": 1}, {"every_months": 3}], ids=str)
def test_the_latest_wave_that_has_begun(repeat: dict[str, int]):
    """Against an oracle that counts all waves up to now."""
    schedule = wave(**repeat)
    for hour in range(0, 24 * 420, 31):
        now = datetime(2026, 1, 29, tzinfo=UTC) + timedelta(hours=hour)
        begun = [
            number
            for number in range(1, 60 if repeat else 2)
            if datetime.combine(wave_day(schedule, number), time(10), tzinfo=VIETNAM) <= now
        ]
        found = sweep_of(schedule, now, VIETNAM)
        assert (found.number if found else 0) == max(begun, default=0)


def test_a_wave_from_before_the_schedule_was_set_up_is_left_out():
    schedule = wave(every_months=1, since=datetime(2026, 3, 1, tzinfo=UTC))
    assert sweep_of(schedule, datetime(2026, 3, 15, tzinfo=UTC), VIETNAM) is None
    found = sweep_of(schedule, datetime(2026, 4, 1, tzinfo=UTC), VIETNAM)
    assert found is not None
    assert found.number == 3


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(0, 20),
    st.integers(1, 20),
    st.lists(st.sampled_from(["asked", "not_sampled", "over_budget"]), min_size=40, max_size=40),
    st.integers(0, 10**6),
)
def test_between_two_askings_of_a_rolling_schedule_lie_as_many_days(
    every: int, spread: int, retry: int, outcomes: list[str], who: int
):
    """A walk over two hundred days, asked some seconds late each time: no two askings are closer than they may be."""
    schedule = Schedule(
        "r", "rolling", date(2026, 1, 1), time(10), datetime(2025, 12, 1, tzinfo=UTC), every, None, spread, retry
    )
    root, asked, out, last, step = user_key(str(who)), None, None, None, 0
    for offset in range(200):
        at = datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=offset)
        sweep = sweep_of(schedule, at + timedelta(minutes=1), VIETNAM)
        assert sweep == Sweep((date(2026, 1, 1) + timedelta(days=offset)).toordinal(), offset // every + 1, at)
        rounds = [] if last is None else [Round(asked, out, last, is_waiting=False)]
        due_at = turn(schedule, ONE, root, rounds, sweep, VIETNAM)
        if due_at is None:
            assert last is not None or offset < phase(ONE, root, spread)
            continue
        assert due_at >= at
        decided = due_at + timedelta(seconds=who % 60)
        assert last is None or due_at >= last + timedelta(days=retry)
        for before in (asked, out):
            assert before is None or due_at >= before + timedelta(days=every)
        outcome = outcomes[step % len(outcomes)]
        asked, out = (decided, out) if outcome == "asked" else (asked, decided if outcome == "not_sampled" else out)
        last, step = due_at, step + 1
    assert last is not None


def test_who_waits_is_not_proposed_again():
    schedule = Schedule("r", "rolling", date(2026, 1, 1), time(10), NOW, 30)
    rounds = [Round(None, None, NOW - timedelta(days=400), is_waiting=True)]
    assert turn(schedule, ONE, TWO, rounds, Sweep(1, 1, NOW), VIETNAM) is None
