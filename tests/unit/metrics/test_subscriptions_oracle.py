"""Random subscriptions come to the figures that brute force finds, hour by hour and person by person."""

import random
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from math import prod
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from subscription_counted import Counted
from subscription_oracle import DAYS, FIRST, TICK, ZONE, Oracle, at_hour, live, rate_on

from services.metrics.domain.calendar import day_number
from services.metrics.subscriptions.domain.exchange import Exchange, Rate
from services.metrics.subscriptions.domain.facts import Subscription, fact_of
from services.metrics.subscriptions.domain.lives import MOVEMENTS, NEVER, PEOPLE, Tally
from services.metrics.subscriptions.domain.policy import Policy
from services.metrics.subscriptions.domain.report import CAUSES
from services.metrics.subscriptions.domain.stream import brought_together
from shared.events.catalogue import touchpoints as catalogue
from shared.events.envelope import Event
from shared.ids import derived_id

ZERO = day_number(FIRST)
KINDS = (
    *(catalogue.SubscriptionStarted, catalogue.SubscriptionRenewed, catalogue.SubscriptionChanged) * 2,
    *(catalogue.SubscriptionCancelled,) * 3,
    catalogue.SubscriptionPaused,
    catalogue.SubscriptionResumed,
    catalogue.SubscriptionPaymentFailed,
)
PRICES: tuple[dict[str, Any], ...] = (
    {"mrr_minor": 1_000, "currency": "USD"},
    {"mrr_minor": 0, "currency": "USD"},
    {"price_minor": 10_000, "interval": "year", "currency": "USD"},
    {"price_minor": 350, "interval": "week", "quantity": 2, "currency": "EUR"},
    {"price_minor": 500, "interval": "month", "currency": "EUR"},
    {"quantity": 3},
    {},
)
RECOGNITIONS = (("at_request", 0), ("at_period_end", 0), ("after_grace", 1), ("after_grace", 20))
POLICIES = st.tuples(
    st.sampled_from(RECOGNITIONS), st.sampled_from((None, 0, 7, 30)), st.booleans(), st.booleans()
).map(lambda drawn: Policy(1, *drawn[0], *drawn[1:]))


PERIODS = (None, None, 24, 102, 24 * 30)
TRIALS = (None, None, None, None, None, -24, 24, 102, 24 * 14)
ENDS = (None, -30, 0, 24, 24 * 10)
# All that is drawn of a fact but its hour, as one number: many draws are what random histories cost.
CHOICES = (len(KINDS), len(PRICES), len(PERIODS), len(TRIALS), len(ENDS), 3)
CODES = st.tuples(st.integers(4, 4 * 70), st.integers(0, prod(CHOICES) - 1))


def a_fact(name: str, number: int, tick: int, code: int) -> Event[Any]:
    """Something that happens to a subscription; the first thing is mostly a start, early."""
    picks = []
    for size in CHOICES:
        code, pick = divmod(code, size)
        picks.append(pick)
    kind, price, period, trial, ends, voluntary = picks
    is_first = number == 0 and kind > 0
    what = catalogue.SubscriptionStarted if is_first else KINDS[kind]
    hour = TICK * (tick // 2 + 2 if is_first else tick)
    fields: dict[str, Any] = dict(PRICES[price % 4 if is_first else price])
    for field, ahead in (("period_end", PERIODS[period]), ("trial_ends_at", TRIALS[trial])):
        if ahead is not None:
            fields[field] = at_hour(hour + ahead)
    if what is catalogue.SubscriptionCancelled:
        fields["is_voluntary"] = (None, True, False)[voluntary]
        fields["ends_at"] = None if ENDS[ends] is None else at_hour(hour + ENDS[ends])
    at = at_hour(hour)
    return Event(
        derived_id(name, str(number)), UUID(int=1), at, at, what(subscription_id=name, source="shop", **fields)
    )


def everybody(codes: list[list[list[tuple[int, int]]]]) -> list[dict[str, list[Event[Any]]]]:
    """People with their subscriptions, each with its facts."""
    return [
        {
            f"{who}.{which}": [a_fact(f"{who}.{which}", each, *drawn) for each, drawn in enumerate(facts)]
            for which, facts in enumerate(subscriptions)
        }
        for who, subscriptions in enumerate(codes)
    ]


_FACTS = st.lists(CODES, min_size=1, max_size=6)
PEOPLE_DRAWN = st.lists(st.lists(_FACTS, min_size=1, max_size=3), min_size=1, max_size=3).map(everybody)


DAYS_ASKED = st.tuples(st.integers(1, 60), st.integers(0, 35)).map(lambda pair: (pair[0], pair[0] + pair[1]))
THOROUGH = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@THOROUGH
@given(PEOPLE_DRAWN, POLICIES, DAYS_ASKED)
def test_people_and_money_are_those_of_brute_force(
    persons: list[dict[str, list[Event[Any]]]], policy: Policy, asked: tuple[int, int]
):
    oracle = Oracle([live(each, policy._asdict()) for each in persons])
    first, last = asked
    counted = Counted(persons, policy)
    crowd = counted.crowd(ZERO + first, ZERO + last)
    number, money = oracle.moves(first, last)

    assert [crowd.there(ZERO + day) for day in (first - 1, first, last)] == [
        oracle.subscribers(day) for day in (first - 1, first, last)
    ]
    came = crowd.came(ZERO + first, ZERO + last)
    assert came == (number["new", ""], number["reactivation", ""])
    assert crowd.left(ZERO + first, ZERO + last) == Counter(
        {why: count for (kind, why), count in number.items() if kind == "churn"}
    )
    standard = crowd.standard(ZERO + first, ZERO + last)
    assert (standard.by_cause, standard.whole) == (oracle.standard(first, last), oracle.subscribers(first - 1))
    assert 0 <= standard.part <= standard.whole
    rolling = crowd.rolling(ZERO + last, last - first + 1)
    assert rolling[:2] == (crowd.left(ZERO + first, ZERO + last).total(), oracle.subscribers(first - 1) + sum(came))
    assert rolling.part <= rolling.whole
    value, lost, at_risk = crowd.hazard(ZERO + first, ZERO + last)
    slow = oracle.hazard(first, last)
    assert (lost, at_risk) == slow[1:]
    assert (value is None) == (slow[0] is None)
    assert abs((value or 0.0) - (slow[0] or 0.0)) < 1e-9
    assert crowd.trials(ZERO + first, ZERO + last) == oracle.trials(first, last)
    there = crowd.there(ZERO + first - 1) + sum(came) - crowd.left(ZERO + first, ZERO + last).total()
    assert there == crowd.there(ZERO + last)
    for stream in counted.streams(ZERO + first, ZERO + last):
        water, code = stream.waterfall(ZERO + first, ZERO + last), stream.currency
        assert (water.start, water.end) == (oracle.mrr(first - 1).get(code, 0), oracle.mrr(last).get(code, 0))
        assert water.movements == {
            kind: sum(minor for (_, other, moved), minor in money.items() if (other, moved) == (code, kind))
            for kind in MOVEMENTS
        }
        assert water.start + sum(water.movements.values()) == water.end
        assert water.fx == 0


RATES = st.lists(st.tuples(st.integers(2, 95), st.decimals("0.5", "30000", places=3)), max_size=3)


@THOROUGH
@given(PEOPLE_DRAWN, POLICIES, DAYS_ASKED, RATES)
def test_what_is_brought_together_adds_up(
    persons: list[dict[str, list[Event[Any]]]],
    policy: Policy,
    asked: tuple[int, int],
    changes: list[tuple[int, Decimal]],
):
    """Euros into dollars, at rates that change: start + movements + row of rates = end, in whole minor units."""
    oracle = Oracle([live(each, policy._asdict()) for each in persons])
    first, last = asked
    counted = Counted(persons, policy)
    rates = sorted({0: Decimal("1.25"), **dict(changes)}.items())
    slow = {"EUR": [(since, Fraction(rate)) for since, rate in rates]}
    exchange = Exchange([Rate("EUR", "USD", ZERO + since, rate) for since, rate in rates], "USD")

    stream = brought_together(counted.streams(ZERO + first, ZERO + last), exchange, ZERO + last)
    water = stream.waterfall(ZERO + first, ZERO + last)

    assert water.end == round(oracle.worth(last, slow))
    if stream.first == ZERO + first:
        assert water.start == round(oracle.worth(first - 1, slow))
    _, money = oracle.moves(first, last)
    exact = {
        kind: sum(
            (minor * rate_on(slow, code, day) for (day, code, moved), minor in money.items() if moved == kind),
            Fraction(0),
        )
        for kind in MOVEMENTS
    }
    assert water.movements == {kind: round(amount) for kind, amount in exact.items()}
    moved = sum(
        minor * (rate_on(slow, code, day) - rate_on(slow, code, day - 1))
        for day in range(first, last + 1)
        for code, minor in oracle.mrr(day - 1).items()
    )
    assert abs(water.fx - moved) <= Fraction(7, 2)
    assert water.start + sum(water.movements.values()) + water.fx == water.end
    middle = (first + last) // 2
    parts = stream.parts([(ZERO + first, ZERO + middle), (ZERO + middle + 1, ZERO + last)])
    assert [part.balance(end) for part, end in zip(parts, (ZERO + middle, ZERO + last), strict=True)] == [
        stream.balance(ZERO + middle),
        stream.balance(ZERO + last),
    ]


@THOROUGH
@given(PEOPLE_DRAWN, POLICIES, st.randoms(use_true_random=False))
def test_order_and_repeats_change_nothing_and_what_is_taken_out_leaves_nothing(
    persons: list[dict[str, list[Event[Any]]]], policy: Policy, dice: Any
):
    tally = Tally()
    for person in persons:
        straight, shuffled = [], []
        for name, events in person.items():
            late = [fact_of(each) for each in events + dice.sample(events, k=len(events) // 2)]
            dice.shuffle(late)
            cut = dice.randint(0, len(late))
            straight.append(Subscription(name, ()).with_facts(map(fact_of, events)))
            shuffled.append(Subscription(name, ()).with_facts(late[:cut]).with_facts(late[cut:]))
        assert straight == shuffled
        tally.add(straight, policy, ZONE)
        tally.add(reversed(shuffled), policy, ZONE, -1)
    assert not any(tally.spells.values())
    assert not any(any(sums) for part in (tally.moves, tally.cohorts, tally.terms) for sums in part.values())


@THOROUGH
@given(PEOPLE_DRAWN, POLICIES)
def test_cohorts_and_terms_hold_the_same_people_and_money(persons: list[dict[str, list[Event[Any]]]], policy: Policy):
    """Cohorts add up to all; who came back by a spell came back; every term that is open is one that counts."""
    counted = Counted(persons, policy)
    oracle = Oracle([live(each, policy._asdict()) for each in persons])
    end = DAYS - 1

    by_currency = Counter[str]()
    for cohort, (number, minor) in counted.tally.cohorts.items():
        if cohort.day <= ZERO + end:
            by_currency[cohort.currency] += number if cohort.currency == PEOPLE else minor
    assert by_currency[PEOPLE] == oracle.subscribers(end)
    assert {code: minor for code, minor in by_currency.items() if code != PEOPLE and minor} == oracle.mrr(end)
    for spell, number in counted.tally.spells.items():
        assert number >= 0
        assert spell.started <= spell.ended < spell.back <= NEVER or not number
    still, ever = Counter[str](), Counter[str]()
    for term, (_, minor) in counted.tally.terms.items():
        still[term.currency] += 0 if term.lost_at else minor
    for move, (_, minor) in counted.tally.moves.items():
        ever[move.currency] += minor
    assert +still == +ever


def test_what_is_drawn_is_of_every_kind():
    """Histories in which nobody ever left, came back or tried would prove nothing."""
    dice = random.Random(1)
    seen = Counter[str]()
    for _ in range(150):
        codes = [
            [
                [(dice.randint(4, 280), dice.randrange(prod(CHOICES))) for _ in range(dice.randint(1, 6))]
                for _ in range(2)
            ]
        ]
        recognition, grace = dice.choice(RECOGNITIONS)
        counted = Counted(everybody(codes), Policy(1, recognition, grace))
        seen.update(f"{move.kind} {move.cause}".strip() for move in counted.tally.moves)
        seen.update("back" for spell in counted.tally.spells if spell.back != NEVER)
        seen.update("a day" for spell in counted.tally.spells if spell.started == spell.ended)
    kinds = ("new", "reactivation", "expansion", "contraction", "unpriced", "trial_won", "trial_lost", "back", "a day")
    assert min(seen[each] for each in (*kinds, *(f"churn {cause}" for cause in CAUSES))) > 0, seen
