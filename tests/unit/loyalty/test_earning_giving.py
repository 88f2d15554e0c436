"""What facts earn under rules, to the point: rounding, lines, groups, multipliers, caps, windows of time, dates."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.loyalty.audience.domain import KnownOrder, KnownTouchpoint
from services.loyalty.earning.domain.amounts import Ratio, rounded, shares
from services.loyalty.earning.domain.book import Rulebook, RuleVersion, State
from services.loyalty.earning.domain.giving import by_line
from services.loyalty.earning.domain.history import Award, History, Outcome, Rules, outcome
from services.loyalty.earning.domain.rule import Rounding, Rule
from services.loyalty.points.domain.requests import NEVER, WAITING
from services.loyalty.programs.domain.terms import Timeline, default_terms
from shared.events.catalogue.touchpoints import OrderLine

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
ME = UUID(int=7)
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
# Monday, 2 March 2026, ten in the morning in Việt Nam.
MONDAY = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
LATE = datetime(2030, 1, 1, tzinfo=UTC)
PER: dict[str, Any] = {"kind": "per_amount", "per_minor": 10_000, "currency": "VND"}
FIXED: dict[str, Any] = {"kind": "fixed", "points": 10}
MODES = {"floor": ROUND_FLOOR, "ceil": ROUND_CEILING, "half_even": ROUND_HALF_EVEN, "half_up": ROUND_HALF_UP}


def version(number: int, rule: dict[str, Any], *, state: State = "active", since: datetime = SINCE) -> RuleVersion:
    read = Rule.model_validate({"trigger": {"on": "order"}, **rule})
    return RuleVersion(UUID(int=number), 1, f"rule {number}", state, read, since, since, "test")


def an_order(total: int = 100_000, *, at: datetime = MONDAY, name: str = "o", **more: Any) -> KnownOrder:
    return KnownOrder(name, ME, at, total, **{"net_minor": total, "currency": "VND", **more})


def lines(*told: tuple[str, int, int]) -> tuple[OrderLine, ...]:
    return tuple(OrderLine(f"p-{category}", None, category, quantity, unit) for category, quantity, unit in told)


def found(
    orders: Sequence[KnownOrder],
    *rules: dict[str, Any] | RuleVersion,
    touchpoints: Sequence[KnownTouchpoint] = (),
    zone: ZoneInfo = VIETNAM,
) -> Outcome:
    versions = [each if isinstance(each, RuleVersion) else version(n + 1, each) for n, each in enumerate(rules)]
    judged = Rules(Rulebook(versions), Timeline(default_terms(zone)))
    return outcome(History(orders, touchpoints), judged, until=LATE, explain=True)


def given_by(done: Outcome, order: str = "o") -> dict[int, int]:
    return {rule.int: award.points for (_, source, rule), award in done.awards.items() if source == f"order:{order}"}


def the_award(done: Outcome) -> Award:
    (award,) = done.awards.values()
    return award


def reasons(done: Outcome) -> list[str]:
    return [each.reason for considered in done.considered for each in considered.refused]


@given(over=st.integers(0, 10**12), under=st.integers(1, 10**9), mode=st.sampled_from(sorted(MODES)))
def test_a_ratio_is_rounded_as_decimals_are(over: int, under: int, mode: Rounding):
    whole, rest = divmod(over, under)
    # Exact: what is over is compared with a half, as a decimal of a fraction cannot be.
    stand_in = Decimal(whole) + (
        Decimal(0) if rest == 0 else Decimal("0.5") + Decimal("0.1") * ((2 * rest > under) - (2 * rest < under))
    )

    assert rounded(Ratio(over, under), mode) == int(stand_in.to_integral_value(MODES[mode]))


@given(whole=st.integers(0, 10**9), weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=12))
def test_shares_add_up_and_are_off_by_less_than_one(whole: int, weights: list[int]):
    parts = shares(whole, weights)

    if sum(weights) == 0:
        assert parts == [0] * len(weights)
        return
    assert sum(parts) == whole
    exact = [Fraction(whole * weight, sum(weights)) for weight in weights]
    assert all(abs(part - each) < 1 for part, each in zip(parts, exact, strict=True))


@settings(max_examples=60)
@given(
    total=st.integers(1, 10**8),
    refunds=st.lists(st.integers(1, 10**7), max_size=5),
    mode=st.sampled_from(sorted(MODES)),
    points=st.sampled_from(["1", "0.5", "3", "1.25"]),
)
def test_what_stays_after_refunds_is_rounded_once(total: int, refunds: list[int], mode: str, points: str):
    net = max(0, total - sum(refunds))
    done = found([an_order(total, net_minor=net)], {"effect": {**PER, "points": points, "rounding": mode}})

    exact = Fraction(points) * net / 10_000
    expected = rounded(Ratio(exact.numerator, exact.denominator), mode)  # type: ignore[arg-type]  # one of the modes
    assert sum(given_by(done).values()) == expected


def test_shipping_and_tax_earn_nothing_unless_the_total_is_asked():
    bought = an_order(130_000, shipping_minor=20_000, tax_minor=10_000)

    assert given_by(found([bought], {"effect": PER}, {"effect": {**PER, "of": "total"}})) == {1: 10, 2: 13}


@pytest.mark.parametrize(
    ("wanted", "points"),
    [
        ({"categories": ["Trà"]}, 20),
        ({"except_categories": ["Trà"]}, 30),
        ({"products": ["p-Bánh"], "categories": ["Trà"]}, 30),
        ({"categories": ["Trà"], "except_products": ["p-Trà"]}, None),
        ({"categories": ["Sách"]}, None),
    ],
)
def test_only_lines_that_count_count(wanted: dict[str, list[str]], points: int | None):
    bought = an_order(500_000, lines=lines(("Trà", 2, 100_000), ("Bánh", 1, 100_000), ("Cốc", 4, 50_000)))

    assert given_by(found([bought], {"effect": PER, "conditions": {"lines": wanted}})).get(1) == points


def test_a_discount_on_the_whole_order_is_borne_by_its_lines_in_proportion():
    bought = an_order(250_000, lines=lines(("Trà", 1, 200_000), ("Bánh", 1, 300_000)))

    assert given_by(found([bought], {"effect": PER, "conditions": {"lines": {"categories": ["Trà"]}}})) == {1: 10}


@given(
    amounts=st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(1, 3), st.integers(0, 99_999)), min_size=1, max_size=8
    ),
    share=st.integers(1, 100),
)
def test_points_by_line_add_up_to_the_points(amounts: list[tuple[str, int, int]], share: int):
    listed = sum(quantity * unit for _, quantity, unit in amounts)
    done = found([an_order(max(1, listed * share // 100), lines=lines(*amounts))], {"effect": PER})

    for each in done.considered[0].given:
        parts = by_line(done.considered[0].fact, each)
        assert parts is not None
        assert (sum(parts), min(parts) >= 0) == (each.points, True)


def test_of_a_group_the_highest_priority_counts_and_groups_add_up():
    done = found(
        [an_order()],
        {"effect": FIXED, "group": "a", "priority": 1},
        {"effect": {**FIXED, "points": 5}, "group": "a", "priority": 2},
        {"effect": {**FIXED, "points": 3}},
    )

    assert given_by(done) == {2: 5, 3: 3}
    assert reasons(done) == ["group:a"]


def test_multipliers_add_and_base_and_extra_are_rounded_once_together():
    bought = an_order(19_999)

    done = found(
        [bought],
        {"effect": PER},
        {"effect": {"kind": "multiplier", "factor": "2"}},
        {"effect": {"kind": "multiplier", "factor": "3"}},
    )

    assert sum(given_by(done).values()) == 19_999 * 4 // 10_000 == 7
    assert given_by(done) == {1: 1, 2: 2, 3: 4}


def test_a_multiplier_of_a_category_multiplies_its_share():
    bought = an_order(300_000, lines=lines(("Trà", 1, 100_000), ("Bánh", 1, 200_000)))
    double_tea = {"conditions": {"lines": {"categories": ["Trà"]}}, "effect": {"kind": "multiplier", "factor": "2"}}

    assert given_by(found([bought], {"effect": PER}, double_tea, {"effect": FIXED})) == {1: 30, 2: 10, 3: 10}


def test_what_a_cap_cut_is_not_multiplied():
    capped = {"effect": PER, "caps": [{"per": "transaction", "points": 4}]}

    assert given_by(found([an_order()], capped, {"effect": {"kind": "multiplier", "factor": "2"}})) == {1: 4, 2: 4}


@pytest.mark.parametrize(
    ("caps", "expected"),
    [
        ([{"per": "day", "points": 15}], [10, 5, 10, 10, 10]),
        ([{"per": "day", "points": 15, "over": "reject"}], [10, 0, 10, 10, 10]),
        ([{"per": "week", "points": 25}], [10, 10, 5, 10, 10]),
        ([{"per": "month", "points": 32}], [10, 10, 10, 2, 10]),
        ([{"per": "year", "points": 35}], [10, 10, 10, 5, 0]),
        ([{"per": "lifetime", "times": 2}], [10, 10, 0, 0, 0]),
        ([{"per": "day", "times": 1}, {"per": "lifetime", "points": 25}], [10, 0, 10, 5, 0]),
        ([{"per": "transaction", "points": 3}], [3, 3, 3, 3, 3]),
        ([{"per": "transaction", "points": 3, "over": "reject"}], [0, 0, 0, 0, 0]),
    ],
)
def test_caps_of_local_periods(caps: list[dict[str, Any]], expected: list[int]):
    # Monday twice (the second at 23:59 in Việt Nam), Tuesday 00:00, the Monday after, the first of April.
    times = [
        MONDAY,
        datetime(2026, 3, 2, 16, 59, tzinfo=UTC),
        datetime(2026, 3, 2, 17, 0, tzinfo=UTC),
        MONDAY + timedelta(days=7),
        datetime(2026, 3, 31, 17, 0, tzinfo=UTC),
    ]
    orders = [an_order(at=at, name=f"o{n}") for n, at in enumerate(times)]

    done = found(list(reversed(orders)), {"effect": PER, "caps": caps})

    assert [given_by(done, f"o{n}").get(1, 0) for n in range(5)] == expected


HANOI, NEW_YORK, AUCKLAND = "Asia/Ho_Chi_Minh", "America/New_York", "Pacific/Auckland"
# Local times at the edges of a year, of a leap day, and of the days that clocks of New York make 23 and 25 hours long:
# at each an order of 10 points.
ROUND_EDGES = {
    "new year": ["2027-12-31T00:00", "2027-12-31T23:59", "2028-01-01T00:00", "2028-01-01T23:59"],
    "leap day": ["2028-02-28T23:59", "2028-02-29T00:00", "2028-02-29T23:59", "2028-03-01T00:00"],
    "clocks go on": ["2028-03-11T23:59", "2028-03-12T00:00", "2028-03-12T23:59", "2028-03-13T00:00"],
    "clocks go back": ["2028-11-04T23:59", "2028-11-05T00:00", "2028-11-05T23:59", "2028-11-06T00:00"],
}
# What is given of them under a cap of 15 in a period, whose second order is over it, and its third finds it full.
CUT = {"truncate": 5, "reject": 0}
SAME_PERIOD = {
    ("new year", "day"): [10, "over", 10, "over"],
    # 31 December 2027 is a Friday: its week goes on in January.
    ("new year", "week"): [10, "over", 0, 0],
    ("new year", "month"): [10, "over", 10, "over"],
    ("new year", "year"): [10, "over", 10, "over"],
    ("leap day", "day"): [10, 10, "over", 10],
    ("leap day", "week"): [10, "over", 0, 0],
    ("leap day", "month"): [10, "over", 0, 10],
    ("leap day", "year"): [10, "over", 0, 0],
    # 12 March 2028 and 5 November 2028 are Sundays: the week ends with them.
    ("clocks go on", "day"): [10, 10, "over", 10],
    ("clocks go on", "week"): [10, "over", 0, 10],
    ("clocks go on", "month"): [10, "over", 0, 0],
    ("clocks go on", "year"): [10, "over", 0, 0],
    ("clocks go back", "day"): [10, 10, "over", 10],
    ("clocks go back", "week"): [10, "over", 0, 10],
    ("clocks go back", "month"): [10, "over", 0, 0],
    ("clocks go back", "year"): [10, "over", 0, 0],
}


@pytest.mark.parametrize("zone", [HANOI, NEW_YORK, AUCKLAND])
@pytest.mark.parametrize("over", ["truncate", "reject"])
@pytest.mark.parametrize(("edge", "per"), SAME_PERIOD)
def test_a_cap_holds_for_the_days_of_the_programme_s_zone(edge: str, per: str, over: str, zone: str):
    local = [datetime.fromisoformat(each).replace(tzinfo=ZoneInfo(zone)) for each in ROUND_EDGES[edge]]
    orders = [an_order(at=at.astimezone(UTC), name=f"o{n}") for n, at in enumerate(local)]

    done = found(orders, {"effect": PER, "caps": [{"per": per, "points": 15, "over": over}]}, zone=ZoneInfo(zone))

    expected = [CUT[over] if each == "over" else each for each in SAME_PERIOD[edge, per]]
    assert [given_by(done, f"o{n}").get(1, 0) for n in range(4)] == expected


@pytest.mark.parametrize(("per", "last"), [("day", 10), ("week", 10), ("month", 0), ("year", 0)])
def test_the_hour_that_comes_twice_is_of_one_day(per: str, last: int):
    # In New York 01:30 comes at 05:30 and at 06:30 UTC; the day ends after 25 hours, when it is Monday.
    times = [
        datetime(2028, 11, 5, 5, 30, tzinfo=UTC),
        datetime(2028, 11, 5, 6, 30, tzinfo=UTC),
        datetime(2028, 11, 6, 5, 0, tzinfo=UTC),
    ]
    orders = [an_order(at=at, name=f"o{n}") for n, at in enumerate(times)]

    rule = {"effect": PER, "caps": [{"per": per, "points": 15, "over": "reject"}]}
    done = found(orders, rule, zone=ZoneInfo(NEW_YORK))

    assert [given_by(done, f"o{n}").get(1, 0) for n in range(3)] == [10, 0, last]


def test_what_would_be_too_much_is_rejected_and_less_after_it_is_not():
    totals = [100_000, 60_000, 50_000, 10_000]
    orders = [an_order(total, at=MONDAY + timedelta(days=n), name=f"o{n}") for n, total in enumerate(totals)]
    done = found(orders, {"effect": PER, "caps": [{"per": "year", "points": 15, "over": "reject"}]})

    assert [given_by(done, f"o{n}").get(1, 0) for n in range(4)] == [10, 0, 5, 0]
    assert reasons(done) == ["capped", "capped"]


@pytest.mark.parametrize(
    ("conditions", "hits"),
    [
        ({"weekdays": ["mon"]}, [True, True, False]),
        ({"hours": [{"from": "23:00", "until": "01:00"}]}, [False, True, True]),
        ({"hours": [{"from": "10:00", "until": "10:01"}]}, [True, False, False]),
        ({"hours": [{"from": "09:00", "until": "10:00"}]}, [False, False, False]),
        ({"dates": [{"from": "2026-03-03", "until": "2026-03-03"}]}, [False, False, True]),
        ({"weekdays": ["tue"], "hours": [{"from": "00:00", "until": "06:00"}]}, [False, False, True]),
    ],
)
def test_windows_of_local_time(conditions: dict[str, Any], hits: list[bool]):
    times = [MONDAY, datetime(2026, 3, 2, 16, 59, tzinfo=UTC), datetime(2026, 3, 2, 17, 0, tzinfo=UTC)]
    done = found(
        [an_order(at=at, name=f"o{n}") for n, at in enumerate(times)], {"effect": FIXED, "conditions": conditions}
    )

    assert [bool(given_by(done, f"o{n}")) for n in range(3)] == hits


def test_a_campaign_begins_and_ends_at_local_midnight():
    times = [datetime(2026, 3, 1, 16, 59, tzinfo=UTC), datetime(2026, 3, 1, 17, 0, tzinfo=UTC)]
    times += [datetime(2026, 3, 3, 16, 59, 59, tzinfo=UTC), datetime(2026, 3, 3, 17, 0, tzinfo=UTC)]
    done = found(
        [an_order(at=at, name=f"o{n}") for n, at in enumerate(times)],
        {"effect": FIXED, "from": "2026-03-02", "until": "2026-03-03"},
    )

    assert [bool(given_by(done, f"o{n}")) for n in range(4)] == [False, True, True, False]
    assert reasons(done) == ["campaign:not_begun", "campaign:over"]


@pytest.mark.parametrize(
    ("conditions", "numbers"),
    [
        ({"first_order": True}, [1]),
        ({"first_order": False}, [2, 3, 4]),
        ({"order_number": {"at_least": 2, "at_most": 3}}, [2, 3]),
        ({"order_number": {"every": 2}}, [2, 4]),
    ],
)
def test_which_order_it_is_without_the_cancelled(conditions: dict[str, Any], numbers: list[int]):
    orders = [an_order(at=MONDAY + timedelta(days=n), name=f"o{n}") for n in range(1, 5)]
    never = an_order(at=MONDAY, name="never", is_cancelled=True, net_minor=0)

    done = found([never, *orders], {"effect": FIXED, "conditions": conditions})

    assert [n for n in range(1, 5) if given_by(done, f"o{n}")] == numbers


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"amount": {"currency": "VND", "at_least_minor": 100_001}}, "amount:too_small"),
        ({"amount": {"currency": "VND", "at_most_minor": 99_999}}, "amount:too_large"),
        ({"amount": {"currency": "USD"}}, "amount:currency"),
        ({"sources": ["pos"]}, "sources"),
        ({"coupons": ["TET"]}, "coupons"),
        ({"segments": {"any_of": [str(UUID(int=1))]}}, "segments:not_in_any"),
        ({"tiers": {"track": "main", "any_of": ["gold"]}}, "tiers:not_held"),
        ({"lines": {"skus": ["x"]}}, "lines:unknown"),
        ({"order_number": {"at_least": 2}}, "order_number:too_early"),
    ],
)
def test_a_rule_says_in_a_word_why_it_does_not_match(conditions: dict[str, Any], reason: str):
    assert reasons(found([an_order(source="web")], {"effect": FIXED, "conditions": conditions})) == [reason]


LEAVES: list[dict[str, Any]] = [
    {"sources": ["web"]},
    {"coupons": ["TET"]},
    {"first_order": True},
    {"order_number": {"every": 2}},
    {"amount": {"currency": "VND", "at_least_minor": 50_000}},
    {"lines": {"categories": ["tea"]}},
    {"lines": {"categories": ["tea"]}, "amount": {"currency": "VND", "at_least_minor": 50_000}},
]
TREES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.fixed_dictionaries(
        {}, optional={"any_of": st.lists(inner, min_size=1, max_size=3), "none_of": st.lists(inner, max_size=3)}
    ),
    max_leaves=8,
)


def holds_by_hand(said: dict[str, Any], order: KnownOrder, number: int) -> bool:
    """The same, of a tree of the conditions above alone."""
    tea = sum(line.quantity * (line.unit_minor or 0) for line in order.lines or () if line.category == "tea")
    own = {
        "sources": order.source in said.get("sources", ()),
        "coupons": order.coupon in said.get("coupons", ()),
        "first_order": number == 1,
        "order_number": number % 2 == 0,
        "amount": (tea if "lines" in said else order.net_minor) >= 50_000,
        "lines": tea > 0,
        "any_of": any(holds_by_hand(each, order, number) for each in said.get("any_of", ())),
        "none_of": not any(holds_by_hand(each, order, number) for each in said.get("none_of", ())),
    }
    return all(own[name] for name in said)


@given(
    tree=TREES,
    told=st.lists(
        st.tuples(
            st.sampled_from(["web", "pos"]), st.sampled_from([None, "TET"]), st.integers(0, 9), st.integers(1, 9)
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=300, deadline=None)
def test_conditions_in_one_another_hold_as_they_do_by_hand(
    tree: dict[str, Any], told: list[tuple[str, str | None, int, int]]
):
    orders = [
        an_order(
            (tea + other) * 10_000,
            at=MONDAY + timedelta(days=n),
            name=f"o{n}",
            source=source,
            coupon=coupon,
            lines=lines(*([("tea", tea, 10_000)] if tea else []), ("rice", other, 10_000)),
        )
        for n, (source, coupon, tea, other) in enumerate(told)
    ]
    # Within another one, lines say nothing of what counts; by themselves they are asked in the same way.
    done = found(orders, {"effect": FIXED, "conditions": {"any_of": [tree]}})

    assert [bool(given_by(done, f"o{n}")) for n in range(len(told))] == [
        holds_by_hand(tree, order, n + 1) for n, order in enumerate(orders)
    ]


def test_why_none_of_the_conditions_holds_or_which_does():
    web, first = {"sources": ["web"]}, {"first_order": True}
    order = [an_order(source="web")]

    assert reasons(found(order, {"effect": FIXED, "conditions": {"any_of": [{"sources": ["pos"]}]}})) == ["any_of"]
    assert reasons(found(order, {"effect": FIXED, "conditions": {"none_of": [{"sources": ["pos"]}, web]}})) == [
        "none_of:1"
    ]
    assert reasons(found(order, {"effect": FIXED, "conditions": {"any_of": [{**web, "none_of": [first]}]}})) == [
        "any_of"
    ]


def test_segments_and_tracks_are_known_to_be_asked_wherever_they_stand():
    inner = {"segments": {"none_of": [str(UUID(int=5))]}, "tiers": {"track": "club", "any_of": ["gold"]}}
    book = Rulebook([version(1, {"effect": FIXED, "conditions": {"any_of": [{"none_of": [inner]}]}})])

    assert (book.segments, book.tracks, book.needs_history) == ({UUID(int=5)}, {"club"}, True)


@given(
    parts=st.lists(st.integers(1, 10**7), min_size=1, max_size=8),
    per=st.integers(1, 10**5),
    mode=st.sampled_from(sorted(MODES)),
)
def test_an_order_in_parts_earns_what_the_whole_does_but_for_less_than_a_point_each(
    parts: list[int], per: int, mode: Rounding
):
    rule = {"effect": {**PER, "per_minor": per, "rounding": mode}}
    whole = sum(given_by(found([an_order(sum(parts))], rule)).values())
    split = found([an_order(part, name=f"o{n}") for n, part in enumerate(parts)], rule)
    exact = Fraction(sum(parts), per)
    steps = Decimal(sum(parts)) / Decimal(per)

    assert whole == (int(exact) if exact.denominator == 1 else int(steps.to_integral_value(MODES[mode])))
    # One part is the whole; of more, each is off by less than a point, and so is the whole.
    assert abs(sum(award.points for award in split.awards.values()) - whole) < max(1, len(parts))


def test_another_currency_earns_nothing_by_amount():
    assert reasons(found([an_order(currency="USD")], {"effect": PER})) == ["currency"]


@pytest.mark.parametrize(
    ("pending", "expiry", "active_at", "expires_at"),
    [
        (None, None, None, None),
        ({"days": 14}, None, datetime(2026, 3, 15, 17, tzinfo=UTC), None),
        ({"until": "Order Delivered"}, None, WAITING, None),
        ({"until": "Order Delivered", "days": 30}, None, datetime(2026, 3, 31, 17, tzinfo=UTC), None),
        ({"on": "2026-04-30"}, None, datetime(2026, 4, 29, 17, tzinfo=UTC), None),
        ({"on": "2026-03-01"}, None, MONDAY, None),
        ({"until": "Order Delivered", "on": "2026-04-30"}, None, datetime(2026, 4, 29, 17, tzinfo=UTC), None),
        (None, {"days": 1}, None, datetime(2026, 3, 3, 17, tzinfo=UTC)),
        (None, {"months": 12}, None, datetime(2027, 3, 2, 17, tzinfo=UTC)),
        (None, {"on": "2026-12-31"}, None, datetime(2026, 12, 31, 17, tzinfo=UTC)),
        (None, {"never": True}, None, NEVER),
    ],
)
def test_from_when_to_when_points_count(
    pending: dict[str, Any] | None,
    expiry: dict[str, Any] | None,
    active_at: datetime | None,
    expires_at: datetime | None,
):
    award = the_award(found([an_order()], {"effect": FIXED, "pending": pending, "expiry": expiry}))

    assert (award.active_at, award.expires_at) == (active_at, expires_at)


def test_a_word_on_the_order_ends_the_wait_and_one_on_another_does_not():
    told = MONDAY + timedelta(days=2)
    said = [
        KnownTouchpoint("touchpoint", str(n), ME, "Order Delivered", told + timedelta(days=n), "pos", order)
        for n, order in enumerate(("other", "o", "o"))
    ]

    done = found([an_order()], {"effect": FIXED, "pending": {"until": "Order Delivered"}}, touchpoints=said)

    assert the_award(done).active_at == told + timedelta(days=1)


def test_the_version_of_the_moment_holds_and_a_draft_never():
    double = {"effect": {**PER, "points": 2}}
    early, late = an_order(name="a", at=MONDAY), an_order(name="b", at=MONDAY + timedelta(days=9))
    second = version(1, double, since=MONDAY + timedelta(days=5))._replace(version=2)
    draft = version(1, {"effect": {**PER, "points": 9}}, state="draft")._replace(version=3)

    done = found([early, late], version(1, {"effect": PER}), second, draft)
    paused = found([early, late], version(1, {"effect": PER}), second._replace(state="paused"))

    assert (given_by(done, "a"), given_by(done, "b")) == ({1: 10}, {1: 20})
    assert (given_by(paused, "a"), given_by(paused, "b")) == ({1: 10}, {})


def test_an_order_that_went_back_as_a_whole_earns_nothing_and_a_free_one_may():
    back, free = an_order(name="back", net_minor=0), an_order(0, name="free")

    done = found([back, free], {"effect": FIXED})

    assert (given_by(done, "back"), given_by(done, "free")) == ({}, {1: 10})
