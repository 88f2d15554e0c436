"""The examples that products and papers publish, at their digits: ChartMogul, Stripe, Baremetrics, ProfitWell, …"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from subscription_counted import Counted
from subscription_oracle import ZONE

from services.metrics.domain.calendar import day_number
from services.metrics.domain.figure import Figure, Frame
from services.metrics.domain.models import contract
from services.metrics.subscriptions.domain import report
from services.metrics.subscriptions.domain.definitions import SUBSCRIPTION
from services.metrics.subscriptions.domain.policy import Policy
from services.metrics.subscriptions.domain.pricing import Terms, interval_of
from services.metrics.subscriptions.domain.report import Days
from services.metrics.subscriptions.domain.worth import Aged, Worth, worth_of
from shared.events.catalogue import touchpoints as facts
from shared.events.envelope import Event, EventData
from shared.ids import derived_id

FRAME = Frame(date(2026, 10, 31), ZONE.key, 0.0, SUBSCRIPTION)
OCTOBER = Days(day_number(date(2026, 10, 1)), day_number(date(2026, 10, 31)))


def tell(kind: type[EventData], who: str, day: date, sub: str = "", **fields: Any) -> Event[Any]:
    """Something that happens at noon of a day."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=ZONE)
    if fields.keys() & {"mrr_minor", "price_minor"}:
        fields.setdefault("currency", "USD")
    data = kind(subscription_id=f"{who}/{sub}", source="shop", **fields)
    return Event(derived_id(kind.__name__, who, sub, day.isoformat()), UUID(int=1), at, at, data)


def start(who: str, day: date, dollars: float = 10, sub: str = "") -> Event[Any]:
    return tell(facts.SubscriptionStarted, who, day, sub, mrr_minor=round(100 * dollars))


def change(who: str, day: date, dollars: float) -> Event[Any]:
    return tell(facts.SubscriptionChanged, who, day, mrr_minor=round(100 * dollars))


def stop(who: str, day: date, sub: str = "", **fields: Any) -> Event[Any]:
    return tell(facts.SubscriptionCancelled, who, day, sub, **fields)


def counted(events: Iterable[Event[Any]], policy: Policy = Policy()) -> Counted:
    """Everybody, by the name before the stroke."""
    people: defaultdict[str, defaultdict[str, list[Event[Any]]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        name = event.data.subscription_id
        people[name.partition("/")[0]][name].append(event)
    return Counted(list(people.values()), policy)


def figures(found: Counted, days: Days = OCTOBER) -> dict[str, Figure]:
    """All figures of the days."""
    since = days.first - 31
    stream = found.streams(since, days.last)[0]
    people = report.people_figures(FRAME, found.crowd(since, days.last), days)
    return people | report.churn_figures(FRAME, stream, days) | report.movement_figures(FRAME, stream, days)


def ten_of(dollars: float = 10, number: int = 10) -> list[Event[Any]]:
    return [start(f"c{each}", date(2026, 9, 1), dollars) for each in range(number)]


BEFORE, WITHIN = date(2026, 9, 1), date(2026, 10, 10)


def test_chartmogul_100_customers_of_whom_11_leave_one_of_whom_had_joined():
    crowd = [start(f"c{each}", BEFORE) for each in range(100)] + [stop(f"c{each}", WITHIN) for each in range(10)]
    found = figures(counted([*crowd, start("new", date(2026, 10, 5)), stop("new", date(2026, 10, 20))]))

    assert (found["churn_standard"].value, found["churn_standard"].numerator) == (0.1, 10)
    assert found["subscribers_churned"].value == 11


def test_chartmogul_100_dollars_10_churned_10_contracted_10_expanded():
    """Gross 20 %, net 10 %."""
    moves = [stop("c0", WITHIN), change("c1", WITHIN, 5), change("c2", WITHIN, 5), change("c3", WITHIN, 20)]
    found = figures(counted([*ten_of(), *moves]))

    assert [found[f"mrr_{each}"].value for each in ("start", "churn", "contraction", "expansion", "end")] == [
        *("100.00", "-10.00", "-10.00", "10.00", "90.00")
    ]
    assert (found["gross"].value, found["net"].value) == (0.2, 0.1)
    assert (found["gross"].numerator, found["gross"].denominator) == ("20.00", "100.00")


def test_chartmogul_100_dollars_in_the_morning_95_in_the_evening():
    """5 % by the day."""
    found = figures(counted([*ten_of(), change("c0", WITHIN, 5)]))

    assert (found["gross_daily"].value, found["net_daily"].value) == (0.05, 0.05)


def test_chartmogul_s_three_ways_to_recognise_churn():
    """Asked for on the 10th, paid until the 25th: three policies, three days, and one that lets come back meanwhile."""
    until = datetime(2026, 10, 25, 12, tzinfo=ZONE)
    events = [start("c0", BEFORE), stop("c0", WITHIN, ends_at=until)]
    back = start("c0", date(2026, 10, 28), sub="again")

    def left(policy: Policy, *more: Event[Any]) -> list[date]:
        tally = counted([*events, *more], policy).tally
        return [date(1970, 1, 1) + timedelta(days=spell.ended) for spell in tally.spells]

    assert left(Policy(recognition="at_request")) == [WITHIN]
    assert left(Policy(recognition="at_period_end")) == [date(2026, 10, 25)]
    assert left(Policy(recognition="after_grace", grace_days=5)) == [date(2026, 10, 30)]
    assert left(Policy(recognition="at_period_end"), back) == [date(2026, 10, 25)]
    assert left(Policy(recognition="after_grace", grace_days=5), back) == []


def test_stripe_s_monthly_revenue():
    """100 subscribers at 100 dollars a month and 50 at 600 a year: 12,500 dollars."""
    monthly = [start(f"a{each}", BEFORE, 100) for each in range(100)]
    yearly = {"price_minor": 60_000, "interval": "year"}
    found = counted([*monthly, *(tell(facts.SubscriptionStarted, f"b{each}", BEFORE, **yearly) for each in range(50))])

    assert found.streams(OCTOBER.first, OCTOBER.last)[0].balance(OCTOBER.last) == 1_250_000


def test_stripe_the_first_of_two_cancelled_is_contraction_the_second_is_churn():
    two = [start("c0", BEFORE, 30), start("c0", BEFORE, 20, sub="b")]
    found = figures(counted([*two, stop("c0", WITHIN), stop("c0", date(2026, 10, 20), sub="b")]))

    assert [found[f"mrr_{each}"].value for each in ("contraction", "churn")] == ["-30.00", "-20.00"]
    assert found["subscribers_churned"].value == 1


def test_stripe_who_joins_and_leaves_is_in_both_and_who_returns_may_leave_again():
    """Two there before; one of them leaves, returns and leaves again; a third joins and leaves: 3 of 4."""
    again = start("c0", date(2026, 10, 15), sub="b"), stop("c0", date(2026, 10, 20), sub="b")
    brief = start("new", date(2026, 10, 12)), stop("new", date(2026, 10, 22))
    found = figures(counted([*ten_of(number=2), stop("c0", WITHIN), *again, *brief]))

    assert (found["churn_rolling"].numerator, found["churn_rolling"].denominator) == (3, 4)
    # By the standard formula who came back has not churned.
    assert (found["churn_standard"].numerator, found["churn_standard"].denominator) == (0, 2)


def test_baremetrics_five_per_cent_and_who_does_not_pay_for_30_days():
    """Of 20 customers of 30 days ago one was cancelled, for not having paid since before: 5 %, involuntary."""
    found = counted([*ten_of(number=20), tell(facts.SubscriptionPaymentFailed, "c0", date(2026, 9, 15))])

    assert figures(found)["churn_standard"].value == 0.05
    crowd = found.crowd(OCTOBER.first, OCTOBER.last)
    assert crowd.standard(OCTOBER.first, OCTOBER.last).by_cause == {"involuntary": 1}
    mended = counted(
        [
            *ten_of(number=20),
            tell(facts.SubscriptionPaymentFailed, "c0", date(2026, 9, 15)),
            tell(facts.SubscriptionRenewed, "c0", date(2026, 10, 14)),
        ]
    )
    assert figures(mended)["churn_standard"].value == 0.0


def test_profitwell_a_subscription_on_hold_brings_nothing():
    hold = [*ten_of(number=2), tell(facts.SubscriptionPaused, "c0", WITHIN)]
    gone, shrunk = figures(counted(hold)), figures(counted(hold, Policy(pause_is_churn=False)))

    assert [each["mrr_end"].value for each in (gone, shrunk)] == ["10.00", "10.00"]
    assert [each["mrr_churn"].value for each in (gone, shrunk)] == ["-10.00", "0.00"]
    assert [each["subscribers"].value for each in (gone, shrunk)] == [1, 2]


@pytest.mark.parametrize(
    ("gone", "share", "of_customers"), [((1, 2), 0.1739, 0.2), ((0,), 0.2899, 0.1)], ids=["two of eight", "the big one"]
)
def test_ten_customers_who_bring_34500(gone: tuple[int, ...], share: float, of_customers: float):
    """One brings 10,000, eight 3,000 each, one 500: by revenue and by heads churn is not the same."""
    brought = [10_000, *[3_000] * 8, 500]
    events = [start(f"c{each}", BEFORE, dollars) for each, dollars in enumerate(brought)]
    found = figures(counted([*events, *(stop(f"c{each}", WITHIN) for each in gone)]))

    assert found["mrr_start"].value == "34500.00"
    assert round(float(found["gross"].value or 0), 4) == share
    assert found["churn_standard"].value == of_customers


def test_five_movements_and_the_quick_ratio():
    """50 K, 8 new, 4 expanded, 1 back, 2 contracted, 3 churned: 58 K, and a quick ratio of 2.6."""
    events = [
        *(start(name, BEFORE, dollars) for name, dollars in (("a", 30_000), ("b", 13_000), ("c", 4_000), ("d", 3_000))),
        *(start("e", date(2026, 8, 1), 1_000), stop("e", date(2026, 8, 20))),
        *(start("new", WITHIN, 8_000), change("a", WITHIN, 34_000), start("e", WITHIN, 1_000, sub="again")),
        *(change("b", WITHIN, 11_000), stop("d", WITHIN)),
    ]
    found = figures(counted(events))

    names = ("start", "new", "expansion", "reactivation", "contraction", "churn", "fx", "end")
    moved = [float(found[f"mrr_{name}"].value or 0) for name in names]
    assert moved == [50_000, 8_000, 4_000, 1_000, -2_000, -3_000, 0, 58_000]
    assert found["quick_ratio"].value == 2.6


# Fader and Hardie (2007): of 1,000 customers each, those lost at each of seven renewals, and who was left after.
REGULAR, HIGH_END = (369, 163, 86, 56, 37, 27, 21), (131, 126, 90, 60, 42, 34, 26)


def worth(lost: tuple[int, ...], horizon_months: int = 120) -> Worth:
    """A thousand that pay 120 dollars a year each."""
    left = 1_000 - sum(lost)
    rows = [Aged("m12", number, True, False, gone, 0) for number, gone in enumerate(lost, start=1)]
    return worth_of("m12", [*rows, Aged("m12", len(lost), False, True, left, left * 1_000)], 0.1, horizon_months)


def test_fader_and_hardie_s_regular_customers_are_sbg():
    found = worth(REGULAR)

    assert (found.model, found.problem, found.open) == ("sbg", None, 241)
    assert found.fit is not None
    assert [round(each, 3) for each in found.fit.parameters] == [0.704, 1.182]
    assert round(found.fit.log_likelihood, 1) == -1680.3
    assert [round(100 * each.survival, 1) for each in found.renewals] == [63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1]
    assert (found.renewals[1].stayed, found.renewals[1].came) == (468, 631)


def test_fader_and_hardie_s_high_end_customers_are_bdw_which_foretells_them_better():
    """Seven years were fitted; 46.8, 44.5, 42.7, 40.9 and 39.4 % were left after the next five."""
    found = worth(HIGH_END)
    later, actual = np.arange(8.0, 13.0), np.array([46.8, 44.5, 42.7, 40.9, 39.4])

    assert found.fit is not None
    assert [round(100 * each.survival, 1) for each in found.renewals] == [86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1]
    foretold = 100 * contract.survival(contract.Parameters(*found.fit.parameters), later)
    sbg = contract.fit(HIGH_END, 491)
    plain = 100 * contract.survival(contract.Parameters(*sbg.parameters), later)
    assert [round(each, 3) for each in sbg.parameters] == [0.668, 3.806]
    assert [round(float(each), 2) for each in plain] == [46.04, 43.58, 41.42, 39.51, 37.80]
    assert found.model == "bdw"
    assert np.abs(foretold - actual).max() < 1.1 < np.abs(plain - actual).max()


def test_value_is_what_renewals_to_come_will_pay():
    """Of 241 after seven years, each year as survival has it, discounted by a tenth a year."""
    found, sooner, nothing = worth(REGULAR), worth(REGULAR, 24), worth(REGULAR, 11)
    assert found.fit is not None
    assert found.paid is not None
    assert sooner.paid is not None
    assert nothing.paid is not None
    years = np.arange(8.0, 18.0)
    of = contract.Parameters(*found.fit.parameters)
    still = contract.survival(of, years) / contract.survival(of, np.array([7.0]))
    by_hand = 241 * 12_000 * (still / 1.1 ** np.arange(1.0, 11.0))

    assert float(found.paid.minor) == pytest.approx(by_hand.sum(), rel=1e-12)
    assert float(sooner.paid.minor) == pytest.approx(by_hand[:2].sum(), rel=1e-12)
    assert nothing.paid.minor == 0
    assert found.paid.low < found.paid.minor < found.paid.high


@pytest.mark.parametrize(
    ("lost", "left", "problem"),
    [
        ((), 50, "too_few_subscriptions"),
        ((5, 5, 5), 500, "too_few_lost"),
        ((60,), 500, "too_few_renewals"),
        ((40, 40), 500, "too_few_renewals"),
        # Ever more are lost at each renewal, which no mixture of constant chances makes.
        ((1, 1, 10, 60, 200), 0, "not_identified"),
        # Always one in ten: everybody alike.
        ((10_000, 9_000, 8_100, 7_290, 6_561), 59_049, "not_identified"),
    ],
    ids=["few", "few lost", "one renewal", "two renewals", "ever more", "all alike"],
)
def test_where_too_little_is_known_nothing_is_said(lost: tuple[int, ...], left: int, problem: str):
    rows = [Aged("m1", number, True, False, gone, 0) for number, gone in enumerate(lost, start=1)]

    found = worth_of("m1", [*rows, Aged("m1", max(1, len(lost)), False, True, left, left * 100)], 0.1, 60)

    assert (found.problem, found.model, found.fit, found.paid) == (problem, None, None, None)
    assert len(found.renewals) == max(1, len(lost))


@pytest.mark.parametrize(
    ("said", "count", "price", "monthly"),
    [
        ("month", None, 1_999, 1_999),
        ("year", None, 10_000, 833),
        ("year", 2, 10_000, 417),
        ("P1Y", None, 10_000, 833),
        ("tháng", 3, 1_000, 333),
        ("quý", None, 1_000, 333),
        ("week", 2, 1_000, 2_173),
        ("P14D", None, 1_000, 2_173),
        ("day", None, 12, 365),
        ("half_year", None, 15, 2),
        ("half_year", None, 9, 2),
        ("fortnight", None, 1_000, None),
        ("", None, 1_000, None),
        ("P0M", None, 1_000, None),
    ],
)
def test_a_price_is_brought_to_a_month_once_half_to_even(said: str, count: int | None, price: int, monthly: int | None):
    assert Terms(None, price, None, said, count, "USD").monthly_minor == monthly
    assert (interval_of(said, count) is None) == (monthly is None)
