"""The best combination is the best of all there are: held against every one of them, counted out by other means."""

from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vouchers_world import NOW, basket, campaign, candidate, fixed, percent, voucher

from services.loyalty.vouchers.domain.basket import Basket
from services.loyalty.vouchers.domain.search import MAX_STEPS
from services.loyalty.vouchers.domain.stacking import Candidate, Policy, Quote, quote
from services.loyalty.vouchers.domain.voucher import Reason

BEST = Policy("partial", 30, 30, "best")
HIERARCHY = Policy("partial", 30, 30)
SHOES, FOOD = "shoes", "food"


def promotion(number: int, benefit: dict[str, Any], **rest: Any) -> Candidate:
    """A campaign that needs no code."""
    return Candidate(voucher(number, campaign(number, benefit, codes="automatic", **rest), max_uses=None))


def names(said: Quote) -> list[int]:
    return sorted(each.voucher.id.int - 1_000 for each in said.applied)


# --- an oracle: vouchers as plain tuples, money as plain lists ---

Plain = tuple[
    int, str, int, str | None, bool, str | None, bool
]  # priority, kind, size, group, alone, category, initial


def plain_worth(lines: list[tuple[int, str]], chosen: list[Plain], single: bool) -> int | None:
    """What these come to, one after the other in rank; None: they cannot all stand together."""
    ordered = sorted(chosen, key=lambda each: (-each[0], 0 if each[1] == "percent" else 1))
    left = [price for price, _ in lines]
    closed: set[int] = set()
    groups: set[str] = set()
    total = 0
    if any(each[4] for each in chosen) and len(chosen) > 1:
        return None
    for _, kind, size, group, _, category, initial in ordered:
        if group is not None and group in groups:
            return None
        meant = [n for n, (_, of) in enumerate(lines) if category in (None, of) and n not in closed]
        there = sum(left[n] for n in meant)
        if kind == "percent":
            base = sum(lines[n][0] for n in meant if left[n]) if initial else there
            off = min((base * size * 2 + 100) // 200, there)
        else:
            off = min(size, there)
        if off == 0:
            return None
        shares = [off * left[n] // there for n in meant]
        rest = sorted(range(len(meant)), key=lambda n: (-(off * left[meant[n]] % there), n))
        for n in rest[: off - sum(shares)]:
            shares[n] += 1
        for n, share in zip(meant, shares, strict=True):
            left[n] -= share
            if single and share:
                closed.add(n)
        groups |= {group} if group is not None else set()
        total += off
    return total


@st.composite
def shops(draw: st.DrawFn) -> tuple[list[tuple[int, str]], list[Plain], bool]:
    lines = draw(st.lists(st.tuples(st.integers(1, 999), st.sampled_from([SHOES, FOOD])), min_size=1, max_size=4))
    plain = st.tuples(
        st.just(0),
        st.sampled_from(["percent", "fixed"]),
        st.integers(1, 100),
        st.sampled_from([None, None, "a", "b"]),
        st.booleans() if draw(st.booleans()) else st.just(False),
        st.sampled_from([None, SHOES, FOOD]),
        st.booleans(),
    )
    chosen = draw(st.lists(plain, min_size=1, max_size=6))
    # Priorities of their own, so that rank is the same in both worlds.
    ranks = draw(st.permutations(range(len(chosen))))
    return lines, [(rank, *each[1:]) for rank, each in zip(ranks, chosen, strict=True)], draw(st.booleans())


def as_candidates(chosen: list[Plain], automatic: int) -> list[Candidate]:
    """The same as vouchers; those whose bit is set in `automatic` need no code."""
    made = []
    for number, (rank, kind, size, group, alone, category, initial) in enumerate(chosen):
        meant = {} if category is None else {"applies_to": {"categories": [category]}}
        benefit = percent(size, **meant) if kind == "percent" else fixed(size, **meant)
        terms = {
            "priority": rank,
            "group": group,
            "is_exclusive": alone,
            "percent_base": "initial" if initial else "left",
        }
        make = promotion if automatic >> number & 1 else candidate
        made.append(make(number, benefit, **terms))
    return made


def as_basket(lines: list[tuple[int, str]]) -> Basket:
    return basket(*((f"p{number}/{category}", 1, price) for number, (price, category) in enumerate(lines)))


def best_of_all(lines: list[tuple[int, str]], chosen: list[Plain], single: bool) -> int:
    every = (list(some) for size in range(1, len(chosen) + 1) for some in combinations(chosen, size))
    return max((worth for some in every if (worth := plain_worth(lines, some, single)) is not None), default=0)


@given(shop=shops(), automatic=st.integers(0, 63), shuffled=st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_best_is_the_best_of_all_combinations(
    shop: tuple[list[tuple[int, str]], list[Plain], bool], automatic: int, shuffled: Any
):
    lines, chosen, single = shop
    policy = BEST._replace(per_product="single" if single else "multiple")
    candidates = as_candidates(chosen, automatic)

    said = quote(as_basket(lines), candidates, NOW, policy=policy)

    assert said.discount_minor == best_of_all(lines, chosen, single)
    assert said.found is not None
    assert said.found.is_proved
    assert said.found.at_most_minor == said.discount_minor
    assert said.discount_minor + said.payable_minor == said.total_minor
    assert min(said.lines.values()) >= 0
    again = candidates[:]
    shuffled.shuffle(again)
    assert quote(as_basket(lines), again, NOW, policy=policy) == said


@given(shop=shops(), automatic=st.integers(0, 63))
@settings(max_examples=40, deadline=None)
def test_a_typed_code_never_gives_way_to_a_promotion(
    shop: tuple[list[tuple[int, str]], list[Plain], bool], automatic: int
):
    lines, chosen, _ = shop
    candidates = as_candidates(chosen, automatic)
    alone = quote(
        as_basket(lines), [each for each in candidates if not each.campaign.is_automatic], NOW, policy=HIERARCHY
    )

    said = quote(as_basket(lines), candidates, NOW, policy=HIERARCHY)

    typed = {each.voucher.id for each in alone.applied}
    assert typed <= {each.voucher.id for each in said.applied}
    assert said.found is None or said.found.is_proved


def test_hierarchy_takes_the_first_in_rank_and_best_the_most():
    held = basket(("shirt", 1, 100_000))
    small, large = candidate(1, fixed(10_000), group="tết", priority=9), candidate(2, fixed(30_000), group="tết")

    ranked, best = (quote(held, [small, large], NOW, policy=policy) for policy in (HIERARCHY, BEST))

    assert (names(ranked), ranked.discount_minor) == ([1], 10_000)
    assert (names(best), best.discount_minor) == ([2], 30_000)
    assert [each.reason for each in best.rejected] == [Reason.GROUP_TAKEN]


def test_all_codes_that_were_typed_stand_and_promotions_are_chosen_around_them():
    held = basket(("shirt", 1, 100_000))
    code = candidate(1, fixed(10_000), group="tết")
    rival, friend = promotion(2, fixed(60_000), group="tết", priority=9), promotion(3, percent(50))

    for choice in ("hierarchy", "best"):
        said = quote(held, [code, rival, friend], NOW, policy=Policy("all", 5, 5, choice))
        assert (said.rejected, names(said)) == ((), [1, 3])
        assert [(each.voucher.id.int - 1_000, each.reason) for each in said.passed] == [(2, Reason.GROUP_TAKEN)]
    free = quote(held, [code, rival, friend], NOW, policy=BEST)
    assert (names(free), free.discount_minor) == ([2, 3], 80_000)


def test_a_code_that_fails_takes_no_promotion_with_it():
    held = basket(("shirt", 1, 100_000))
    over = candidate(1, fixed(10_000), state="ended")

    said = quote(held, [over, promotion(2, percent(20))], NOW, policy=Policy("all"))

    assert [each.reason for each in said.rejected] == [Reason.CAMPAIGN_ENDED]
    assert (names(said), said.discount_minor, said.payable_minor) == ([2], 20_000, 80_000)


def test_a_product_takes_one_discount_and_gift_cards_pay_all_the_same():
    held = basket(("shirt", 1, 100_000), ("shirt", 1, 50_000), ("tea/food", 1, 40_000), shipping=20_000)
    single = Policy("partial", 30, 30, per_product="single")
    all_of_it = [
        candidate(1, percent(10, applies_to={"products": ["shirt"]}), priority=3),
        candidate(2, fixed(30_000)),
        candidate(3, {"type": "shipping", "percent": 50}),
        candidate(4, {"type": "shipping", "percent": 100}, priority=-1),
        candidate(5, {"type": "stored_value"}, value_minor=1_000_000),
    ]

    said = quote(held, all_of_it, NOW, policy=single)

    assert {each.voucher.id.int - 1_000: dict(each.lines) for each in said.applied if not each.is_payment} == {
        1: {"l0": 10_000, "l1": 5_000},
        2: {"l2": 30_000},
        3: {},
    }
    assert [each.reason for each in said.rejected] == [Reason.NO_EFFECT]
    assert (said.discount_minor, said.payable_minor) == (55_000, 0)


def test_codes_and_promotions_are_counted_apart():
    held = basket(("shirt", 1, 100_000))
    several = [candidate(n, fixed(1_000)) for n in range(1, 4)] + [promotion(n, fixed(1_000)) for n in range(4, 8)]

    said = quote(held, several, NOW, policy=Policy("partial", 2, 3))

    assert (len(said.applied), {each.reason for each in said.rejected}) == (5, {Reason.TOO_MANY_VOUCHERS})
    assert {each.reason for each in said.passed} == {Reason.TOO_MANY_VOUCHERS}


@pytest.mark.parametrize("lines", [1, 40, 1_000])
def test_the_work_is_bounded_and_the_answer_says_when_the_bound_was_hit(lines: int):
    held = basket(*((f"p{number}", 1, 1_000) for number in range(lines)))
    # Two dozen in a dozen groups, all nearly as good: no branch can be left out early.
    many = [
        candidate(number, fixed(10 + number % 7), group=f"g{number // 2}", priority=number % 5) for number in range(24)
    ]

    said = quote(held, many, NOW, policy=BEST)

    assert said.found is not None
    assert said.found.steps <= said.found.max_steps <= MAX_STEPS
    assert said.found.at_most_minor >= said.discount_minor
    greedy = quote(held, many, NOW, policy=HIERARCHY)
    assert said.discount_minor >= greedy.discount_minor
    if lines == 1_000:
        assert said.found.max_steps == 48
        assert not said.found.is_proved
        assert said.found.at_most_minor > said.discount_minor


def test_the_order_of_codes_makes_no_difference_where_the_bound_is_hit():
    held = basket(*((f"p{number}", 1, 1_000) for number in range(1_000)))
    many = [candidate(number, fixed(10 + number % 7), group=f"g{number // 2}") for number in range(24)]

    assert quote(held, many, NOW, policy=BEST) == quote(held, many[::-1], NOW, policy=BEST)


def test_more_than_there_is_to_pay_is_proved_at_once():
    held = basket(("shirt", 1, 1_000))
    free = [candidate(number, fixed(1_000 - number)) for number in range(10)]

    said = quote(held, free, NOW, policy=BEST)

    assert (said.discount_minor, said.payable_minor) == (1_000, 0)
    assert said.found is not None
    assert said.found.is_proved
    assert UUID(int=1_000) in {each.voucher.id for each in said.applied}
