"""What vouchers are worth together: to the last minor unit, whatever order they are asked for in."""

import random
from datetime import timedelta
from fractions import Fraction
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vouchers_world import NOW, basket, campaign, candidate, fixed, percent, voucher

from services.loyalty.vouchers.domain.basket import Basket, Line
from services.loyalty.vouchers.domain.benefit import BuyGet, Selector, units_off
from services.loyalty.vouchers.domain.facts import Facts
from services.loyalty.vouchers.domain.grants import split
from services.loyalty.vouchers.domain.stacking import Candidate, Policy, Quote, quote
from services.loyalty.vouchers.domain.voucher import Reason

PARTIAL = Policy("partial", 30)
LAN = Facts(person=UUID(int=7))


def worth(held: Basket, *candidates: Candidate, facts: Facts = LAN, policy: Policy = PARTIAL) -> Quote:
    return quote(held, candidates, NOW, facts, policy)


def reasons(said: Quote) -> list[Reason]:
    return [each.reason for each in said.rejected]


# --- amounts ---


@pytest.mark.parametrize(
    ("benefit", "lines", "shipping"),
    [
        (fixed(50_000), {"l0": 30_000, "l1": 20_000}, 0),
        (fixed(9_999_999), {"l0": 300_000, "l1": 200_000}, 0),
        (percent(12.5), {"l0": 37_500, "l1": 25_000}, 0),
        (percent(50, cap_minor=10_001), {"l0": 6_001, "l1": 4_000}, 0),
        (percent(10, applies_to={"categories": ["shoes"]}), {"l1": 20_000}, 0),
        (percent(10, applies_to={"except_categories": ["shoes"]}), {"l0": 30_000}, 0),
        ({"type": "item", "percent": 100, "applies_to": {"products": ["shirt"]}, "max_units": 2}, {"l0": 200_000}, 0),
        ({"type": "shipping", "percent": 100}, {}, 25_000),
        ({"type": "shipping", "percent": 50, "cap_minor": 10_000}, {}, 10_000),
    ],
)
def test_what_a_benefit_takes_off(benefit: dict[str, Any], lines: dict[str, int], shipping: int):
    held = basket(("shirt", 3, 100_000), ("sneaker/shoes", 1, 200_000), shipping=25_000)

    (applied,) = worth(held, candidate(1, benefit)).applied

    assert (applied.lines, applied.shipping_minor) == (lines, shipping)
    assert applied.total_minor == sum(lines.values()) + shipping


def test_a_gift_card_pays_for_lines_and_shipping_after_all_discounts():
    held = basket(("shirt", 1, 100_000), shipping=20_000)
    card = candidate(1, {"type": "stored_value"}, value_minor=500_000, max_uses_of_code=None)

    said = worth(held, card, candidate(2, percent(10)))

    assert (said.discount_minor, said.paid_minor, said.payable_minor) == (10_000, 110_000, 0)
    assert [each.is_payment for each in said.applied] == [False, True]


def test_a_percentage_is_of_what_is_left_or_of_the_first_prices():
    held = basket(("shirt", 1, 100_000))
    first = candidate(1, fixed(50_000), priority=5)

    of_left = worth(held, first, candidate(2, percent(10)))
    of_initial = worth(held, first, candidate(2, percent(10), percent_base="initial"))

    assert of_left.discount_minor == 55_000
    assert of_initial.discount_minor == 60_000


def test_a_line_that_is_cheaper_already_can_be_passed_over():
    held = basket(("shirt", 1, 100_000), ("hat", 1, 50_000))
    sale = candidate(1, fixed(1_000, applies_to={"products": ["shirt"]}), priority=5)

    said = worth(held, sale, candidate(2, percent(10), skips_discounted=True))

    assert said.lines == {"l0": 99_000, "l1": 45_000}
    free = {"type": "item", "percent": 100, "applies_to": {"products": ["shirt", "hat"]}}
    units = worth(held, sale, candidate(3, free, skips_discounted=True))
    assert units.lines == {"l0": 99_000, "l1": 0}


@pytest.mark.parametrize(("amount", "share", "off"), [(199_99, 10, 2_000), (5, 10, 1), (4, 10, 0), (1_005, 50, 503)])
def test_a_share_is_rounded_half_up_once(amount: int, share: float, off: int):
    said = worth(basket(("shirt", 1, amount), currency="USD"), candidate(1, percent(share), currency="USD"))

    assert said.discount_minor == off


# --- splitting ---


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=40), st.data())
def test_parts_sum_to_the_whole_and_none_is_more_than_its_line(weights: list[int], data: st.DataObject):
    amount = data.draw(st.integers(0, sum(weights)))

    parts = split(amount, weights)

    assert sum(parts) == (amount if sum(weights) else 0)
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=6), st.data())
def test_parts_follow_the_largest_remainders(weights: list[int], data: st.DataObject):
    """Against the definition, in fractions: whoever was cut most by rounding down gets one first."""
    amount = data.draw(st.integers(0, sum(weights)))
    exact = [Fraction(amount * weight, sum(weights)) for weight in weights]
    floors = [int(each) for each in exact]
    order = sorted(range(len(weights)), key=lambda n: (floors[n] - exact[n], n))
    expected = [floor + (n in order[: amount - sum(floors)]) for n, floor in enumerate(floors)]

    assert split(amount, weights) == expected


# --- buy x, get y ---


def brute_force(benefit: BuyGet, lines: list[Line]) -> tuple[int, int]:
    """Every way to name units as bought and as got: the most that are got, and then what they cost at least."""
    units = [(line, line.unit_minor) for line in lines for _ in range(line.quantity)]
    places = range(len(units))
    best = (0, 0)
    for times in range(1, (benefit.max_times or len(units)) + 1):
        for bought in combinations([n for n in places if benefit.buy.matches(units[n][0])], times * benefit.buy_units):
            free = sorted(units[n][1] for n in places if n not in bought and benefit.get.matches(units[n][0]))
            got = free[: times * benefit.get_units]
            best = max(best, (len(got), -sum(got)))
    return best[0], -best[1]


SIDES = st.sampled_from([Selector(), Selector(products=frozenset("a")), Selector(products=frozenset("bc"))])


@settings(max_examples=150)
# The two that are bought are the cheapest: the dear one is what is got.
@example([("a", 2, 1), ("b", 1, 5)], Selector(products=frozenset("a")), 2, Selector(), 1, None)
@example([("a", 5, 1), ("b", 1, 5)], Selector(products=frozenset("a")), 2, Selector(), 2, 2)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.integers(1, 9)), min_size=1, max_size=3),
    SIDES,
    st.integers(1, 3),
    SIDES,
    st.integers(1, 2),
    st.none() | st.integers(1, 2),
)
def test_buy_and_get_is_the_best_way_there_is(
    said: list[tuple[str, int, int]], buy: Selector, buy_units: int, get: Selector, get_units: int, most: int | None
):
    lines = [Line(str(n), product, quantity, unit) for n, (product, quantity, unit) in enumerate(said)]
    benefit = BuyGet(buy, buy_units, get, get_units, max_times=most)

    got = units_off(benefit, lines)

    count, cost = brute_force(benefit, lines)
    assert sum(got.values()) == count
    assert sum(lines[place].unit_minor * units for place, units in got.items()) == cost


def test_two_shirts_and_the_cheaper_hat_free():
    held = basket(("shirt", 2, 100_000), ("hat", 1, 50_000), ("hat", 1, 40_000))
    benefit = {"type": "buy_get", "buy": {"products": ["shirt"]}, "buy_units": 2, "get": {"products": ["hat"]},
               "get_units": 1}  # fmt: skip

    assert worth(held, candidate(1, benefit)).lines == {"l0": 200_000, "l1": 50_000, "l2": 0}


# --- company ---


def test_all_or_none_by_default():
    held = basket(("shirt", 1, 100_000))
    good, bad = candidate(1, percent(10)), candidate(2, percent(10), currency="USD")

    everything = quote(held, [good, bad], NOW, LAN)

    assert everything.applied == ()
    assert everything.payable_minor == 100_000
    assert not everything.is_whole
    assert reasons(everything) == [Reason.CURRENCY_MISMATCH]
    assert quote(held, [good, bad], NOW, LAN, PARTIAL).payable_minor == 90_000


def test_one_that_is_exclusive_stands_alone():
    held = basket(("shirt", 1, 100_000))
    alone = candidate(1, percent(10), is_exclusive=True)

    assert reasons(worth(held, alone, candidate(2, percent(5)))) == [Reason.NOT_STACKABLE]
    assert [each.voucher.id for each in worth(held, alone, candidate(2, percent(5), priority=1)).applied] == [
        UUID(int=1_002)
    ]


def test_of_a_group_the_first_in_rank_counts():
    held = basket(("shirt", 1, 100_000))
    small, large = candidate(1, percent(5), group="tết"), candidate(2, percent(20), group="tết", priority=9)

    said = worth(held, small, large)

    assert said.discount_minor == 20_000
    assert [(each.reason, each.data) for each in said.rejected] == [(Reason.GROUP_TAKEN, {"group": "tết"})]


def test_no_more_than_so_many():
    held = basket(("shirt", 1, 100_000))
    many = [candidate(number, percent(1)) for number in range(1, 5)]

    assert reasons(worth(held, *many, policy=Policy("partial", 3))) == [Reason.TOO_MANY_VOUCHERS]


def test_codes_of_one_campaign_on_one_order():
    held = basket(("shirt", 1, 100_000))
    once = campaign(1, fixed(10_000))
    often = campaign(2, {"type": "stored_value"}, max_per_order=3)
    cards = [Candidate(voucher(n, often, value_minor=10_000, max_uses=None)) for n in (1, 2)]

    assert reasons(worth(held, Candidate(voucher(3, once)), Candidate(voucher(4, once)))) == [Reason.CAMPAIGN_TAKEN]
    assert worth(held, *cards).paid_minor == 20_000


def test_a_card_that_ends_sooner_pays_first():
    held = basket(("shirt", 1, 15_000))
    often = campaign(2, {"type": "stored_value"}, max_per_order=3)
    later = Candidate(voucher(1, often, value_minor=10_000, max_uses=None, expires_at=NOW + timedelta(days=9)))
    sooner = Candidate(voucher(2, often, value_minor=10_000, max_uses=None, expires_at=NOW + timedelta(days=1)))

    said = worth(held, later, sooner)

    assert [(each.voucher.id, each.total_minor) for each in said.applied] == [
        (sooner.voucher.id, 10_000),
        (later.voucher.id, 5_000),
    ]


# --- limits ---


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"state": "draft"}, Reason.CAMPAIGN_NOT_ACTIVE),
        ({"state": "paused"}, Reason.CAMPAIGN_NOT_ACTIVE),
        ({"state": "ended"}, Reason.CAMPAIGN_ENDED),
        ({"ends_at": NOW}, Reason.CAMPAIGN_ENDED),
        ({"starts_at": NOW + timedelta(microseconds=1)}, Reason.NOT_STARTED),
        ({"max_uses": 5, "redeemed": 3, "reserved": 2}, Reason.CAMPAIGN_USED_UP),
        ({"budget_minor": 50_000, "spent_minor": 30_000, "reserved_minor": 10_001}, Reason.BUDGET_EXHAUSTED),
        ({"max_uses_per_customer": 2, "uses": 2}, Reason.CUSTOMER_LIMIT),
        ({"expires_at": NOW}, Reason.EXPIRED),
        ({"holder": UUID(int=99)}, Reason.NOT_YOURS),
        ({"rule": {"tier": "gold"}}, Reason.CONDITIONS_NOT_MET),
        ({"benefit": {"type": "shipping"}}, Reason.NO_EFFECT),
    ],
)
def test_why_a_voucher_is_refused(said: dict[str, Any], reason: Reason):
    benefit = said.pop("benefit", percent(10))

    assert reasons(worth(basket(("shirt", 1, 100_000)), candidate(1, benefit, **said))) == [reason]


def test_up_to_the_last_moment_it_counts():
    held, moment = basket(("shirt", 1, 100_000)), timedelta(microseconds=1)
    last = candidate(1, percent(10), ends_at=NOW + moment, expires_at=NOW + moment, starts_at=NOW)

    assert worth(held, last).is_whole
    assert not quote(held, [last], NOW + moment, LAN).is_whole


def test_who_buys_must_be_known_where_uses_are_counted():
    held = basket(("shirt", 1, 100_000))
    stranger = worth(held, candidate(1, percent(10), max_uses_per_customer=1), facts=Facts())

    assert reasons(stranger) == [Reason.CUSTOMER_REQUIRED]
    assert reasons(worth(held, candidate(1, percent(10), needs_customer=True), facts=Facts())) == [
        Reason.CUSTOMER_REQUIRED
    ]


def test_a_holder_uses_their_code_under_any_of_their_keys():
    ours = candidate(1, percent(10), holder=UUID(int=9), keys=frozenset({UUID(int=7), UUID(int=9)}))

    assert worth(basket(("shirt", 1, 100_000)), ours).is_whole


def test_what_is_left_of_a_budget_may_be_granted():
    held = basket(("shirt", 1, 60_000), ("hat", 1, 40_000))
    said = worth(held, candidate(1, fixed(50_000), budget_minor=100, spent_minor=49, grants_partly=True))

    assert said.lines == {"l0": 60_000 - 31, "l1": 40_000 - 20}


@pytest.mark.parametrize(("partly", "off"), [(False, 0), (True, 3_000)])
def test_a_customer_gets_no_more_than_their_share_of_the_money(partly: bool, off: int):
    held = basket(("shirt", 1, 100_000))
    asked = candidate(1, fixed(30_000), max_minor_per_customer=50_000, grants_partly=partly)

    said = worth(held, asked._replace(customer_minor=47_000))

    assert said.discount_minor == off
    if not partly:
        assert [(each.reason, each.data) for each in said.rejected] == [
            (Reason.CUSTOMER_BUDGET, {"limit": 50_000, "used": 47_000})
        ]
    assert worth(held, asked._replace(customer_minor=20_000)).is_whole
    assert reasons(worth(held, asked, facts=Facts())) == [Reason.CUSTOMER_REQUIRED]


def test_two_codes_of_a_campaign_share_its_budget_and_limits():
    held = basket(("shirt", 1, 100_000))
    of_budget = campaign(1, fixed(30_000), budget_minor=50_000, max_per_order=5)
    of_uses = campaign(2, fixed(30_000), max_uses=1, max_per_order=5)

    assert reasons(worth(held, *(Candidate(voucher(n, of_budget)) for n in (1, 2)))) == [Reason.BUDGET_EXHAUSTED]
    assert reasons(worth(held, *(Candidate(voucher(n, of_uses)) for n in (1, 2)))) == [Reason.CAMPAIGN_USED_UP]


# --- any baskets, any vouchers, any order ---

BENEFITS = st.one_of(
    st.builds(fixed, st.integers(1, 200_000)),
    st.builds(percent, st.integers(1, 10_000).map(lambda points: points / 100)),
    st.builds(lambda cap: percent(30, cap_minor=cap, applies_to={"categories": ["shoes"]}), st.integers(1, 90_000)),
    st.just({"type": "item", "percent": 50, "applies_to": {"products": ["a"]}, "max_units": 2, "pick": "dearest"}),
    st.just({"type": "shipping", "percent": 100}),
    st.just({"type": "stored_value"}),
    st.just({"type": "buy_get", "buy": {"products": ["a"]}, "buy_units": 1, "get": {}, "get_units": 1}),
)
TERMS = st.fixed_dictionaries(
    {
        "priority": st.integers(0, 2),
        "group": st.none() | st.just("g"),
        "is_exclusive": st.sampled_from([False, False, False, True]),
        "percent_base": st.sampled_from(["left", "initial"]),
        "skips_discounted": st.booleans(),
        "grants_partly": st.booleans(),
        "budget_minor": st.none() | st.integers(1, 100_000),
        "value_minor": st.none() | st.integers(1, 100_000),
    }
)
BASKETS = st.builds(
    lambda lines, shipping: basket(*lines, shipping=shipping),
    st.lists(st.tuples(st.sampled_from(["a", "b/shoes", "c"]), st.integers(1, 5), st.integers(0, 99_999)), max_size=6),
    st.integers(0, 50_000),
)


@settings(max_examples=200)
@given(
    BASKETS,
    st.lists(st.tuples(BENEFITS, TERMS), max_size=6),
    st.sampled_from(["all", "partial"]),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_nothing_is_below_zero_and_the_order_of_the_request_does_not_matter(
    held: Basket, said: list[tuple[dict[str, Any], dict[str, Any]]], mode: Any, most: int, chance: random.Random
):
    asked = [
        candidate(number, benefit, **{name: value for name, value in terms.items() if value is not None})
        for number, (benefit, terms) in enumerate(said)
    ]
    policy = Policy(mode, most)

    found = quote(held, asked, NOW, LAN, policy)

    shuffled = asked[:]
    chance.shuffle(shuffled)
    assert quote(held, shuffled, NOW, LAN, policy) == found
    assert all(rest >= 0 for rest in found.lines.values())
    assert found.shipping_minor >= 0
    assert found.total_minor == held.total_minor
    assert found.discount_minor + found.paid_minor + found.payable_minor == held.total_minor
    for line in held.lines:
        taken = sum(each.lines.get(line.id, 0) for each in found.applied)
        assert found.lines[line.id] == line.total_minor - taken
    for each in found.applied:
        assert each.total_minor == sum(each.lines.values()) + each.shipping_minor > 0
        budget = each.voucher.campaign.budget_minor
        assert budget is None or each.total_minor <= budget
        assert each.voucher.value_minor is None or not each.is_payment or each.total_minor <= each.voucher.value_minor
    assert len(found.applied) + len(found.rejected) == (len(asked) if mode == "partial" or not found.rejected else
                                                        len(found.rejected))  # fmt: skip
    assert len(found.applied) <= most
