"""Conditions: what they take in, what they refuse to be, and how they say why not."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vouchers_world import NOW, VIETNAM, basket

from services.loyalty.vouchers.domain import conditions
from services.loyalty.vouchers.domain.basket import MAX_LINES, Basket, Line, check
from services.loyalty.vouchers.domain.conditions import parse
from services.loyalty.vouchers.domain.facts import STRANGER, Facts
from services.loyalty.vouchers.domain.verdicts import Situation, Verdict, judge
from services.loyalty.vouchers.errors import BadBasket, BadRule
from shared.money import MAX_MINOR

VIP = "0190b6a2-7c1e-7a3e-8f7e-1d2c3b4a5f60"
LAN = Facts(UUID(int=7), frozenset({VIP}), {"default": "gold"}, {"default": 3}, orders=4)
BASKET = basket(
    ("shirt", 3, 100_000),
    ("sneaker/shoes", 1, 200_000),
    channel="app",
    metadata={"store": "Huế", "floor": 2, "new": True},
)


def verdict(
    rule: dict[str, Any], *, held: Basket = BASKET, facts: Facts = LAN, now: datetime = NOW, zone: ZoneInfo = VIETNAM
) -> Verdict:
    return judge(parse(rule), Situation(held, facts, now, zone))


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"segment": VIP}, True),
        ({"segment": [VIP.upper()]}, True),
        ({"segment": str(UUID(int=1))}, False),
        ({"tier": "gold"}, True),
        ({"tier": ["silver", "bronze"]}, False),
        ({"tier": "gold", "track": "other"}, False),
        ({"rank": {"gte": 3}}, True),
        ({"rank": {"gt": 3}}, False),
        ({"rank": {"eq": 0}, "track": "other"}, True),
        ({"known": True}, True),
        ({"first_order": True}, False),
        ({"first_order": False}, True),
        ({"orders": {"gte": 1, "lt": 5}}, True),
        ({"amount": {"gte": 500_000}, "currency": "VND"}, True),
        ({"amount": {"gt": 500_000}, "currency": "VND"}, False),
        ({"amount": {"gte": 1}, "currency": "USD"}, False),
        ({"amount": {"gte": 200_000}, "currency": "VND", "of": {"categories": ["shoes"]}}, True),
        ({"amount": {"lte": 300_000}, "currency": "VND", "of": {"except_products": ["sneaker"]}}, True),
        ({"units": {"eq": 4}}, True),
        ({"lines": {"eq": 2}}, True),
        ({"lines": {"gte": 2}, "of": {"skus": ["sku-shirt"]}}, False),
        ({"product": "shirt"}, True),
        ({"product": "shirt", "units": {"gte": 4}}, False),
        ({"sku": ["sku-hat", "sku-sneaker"]}, True),
        ({"category": "hats"}, False),
        ({"weekday": "sun"}, True),
        ({"weekday": ["sat", "mon"]}, False),
        ({"hours": {"from": "16:00", "to": "17:00"}}, True),
        ({"hours": {"from": "15:00", "to": "16:00"}}, False),
        ({"hours": {"from": "22:00", "to": "16:01"}}, True),
        ({"dates": {"from": "2026-11-22", "to": "2026-11-22"}}, True),
        ({"dates": {"to": "2026-11-21"}}, False),
        ({"channel": ["web", "app"]}, True),
        ({"channel": "pos"}, False),
        ({"metadata": "store"}, True),
        ({"metadata": "store", "in": ["Huế"]}, True),
        ({"metadata": "floor", "gte": 2}, True),
        ({"metadata": "floor", "in": [True]}, False),
        ({"metadata": "new", "in": [1]}, False),
        ({"metadata": "new", "gte": 0}, False),
        ({"metadata": "gone"}, False),
        ({"not": {"category": "hats"}}, True),
        ({"and": [{"known": True}, {"tier": "silver"}]}, False),
        ({"or": [{"known": False}, {"tier": "gold"}]}, True),
    ],
)
def test_a_condition_holds_or_not(rule: dict[str, Any], holds: bool):
    assert verdict(rule).holds is holds


@pytest.mark.parametrize("rule", [{"first_order": True}, {"first_order": False}, {"orders": {"gte": 0}}])
def test_of_a_stranger_nobody_knows_what_they_bought_before(rule: dict[str, Any]):
    assert not verdict(rule, facts=STRANGER).holds


def test_days_are_those_of_the_zone():
    late = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)  # Monday, 00:00 in Việt Nam

    assert verdict({"weekday": "mon"}, now=late).holds
    assert not verdict({"weekday": "mon"}, now=late - timedelta(microseconds=1)).holds
    assert verdict({"weekday": "sun"}, now=late, zone=ZoneInfo("Europe/London")).holds


def test_why_not_is_said_of_every_part():
    said = verdict(
        {
            "and": [
                {"tier": "diamond"},
                {"or": [{"first_order": True}, {"amount": {"gte": 900_000}, "currency": "VND"}]},
                {"known": True},
            ]
        }
    )

    assert not said.holds
    assert [(each.pointer, each.code, each.needed, each.found) for each in said.failures()] == [
        ("/and/0", "tier", ["diamond"], "gold"),
        ("/and/1/or/0", "first_order", True, 4),
        ("/and/1/or/1", "amount", {"gte": 900_000, "currency": "VND"}, {"minor": 500_000, "currency": "VND"}),
    ]
    assert said.document()["parts"][2] == {
        "pointer": "/and/2",
        "code": "known",
        "holds": True,
        "needed": True,
        "found": True,
    }


def test_a_condition_that_should_not_hold_is_named():
    said = verdict({"not": {"tier": "gold"}})

    assert [each.code for each in said.failures()] == ["not"]


@pytest.mark.parametrize(
    ("rule", "pointer", "code"),
    [
        ([], "", "not_an_object"),
        ({}, "", "no_condition"),
        ({"tier": "gold", "channel": "app"}, "", "no_condition"),
        ({"tier": "gold", "trak": "x"}, "/trak", "unknown_word"),
        ({"and": []}, "/and", "not_a_list"),
        ({"and": [{"or": "x"}]}, "/and/0/or", "not_a_list"),
        ({"amount": {"gte": 5, "lt": 5}, "currency": "VND"}, "/amount", "contradiction"),
        ({"orders": {"lt": 0}}, "/orders", "contradiction"),
        ({"units": {"gte": -1}}, "/units/gte", "not_a_whole_number"),
        ({"units": {"gte": 1.5}}, "/units/gte", "not_a_whole_number"),
        ({"units": {"gte": True}}, "/units/gte", "not_a_whole_number"),
        ({"units": {}}, "/units", "not_a_range"),
        ({"amount": {"gte": 1}}, "/currency", "unknown_currency"),
        ({"amount": {"gte": 1}, "currency": "XXX"}, "/currency", "unknown_currency"),
        ({"segment": "vip"}, "/segment", "not_a_segment"),
        ({"weekday": "sunday"}, "/weekday", "not_a_weekday"),
        ({"hours": {"from": "18:00", "to": "18:00"}}, "/hours", "contradiction"),
        ({"hours": {"from": "24:00", "to": "18:00"}}, "/hours", "not_hours"),
        ({"hours": {"from": "18:00"}}, "/hours", "not_hours"),
        ({"dates": {"from": "2026-02-30"}}, "/dates/from", "not_a_date"),
        ({"dates": {"from": "2026-03-02", "to": "2026-03-01"}}, "/dates", "contradiction"),
        ({"dates": {}}, "/dates", "not_dates"),
        ({"metadata": "x", "in": ["a"], "gte": 1}, "", "two_comparisons"),
        ({"metadata": "x", "in": [1.5]}, "/in", "not_a_list"),
        ({"metadata": ""}, "/metadata", "not_a_text"),
        ({"product": []}, "/product", "not_a_list"),
        ({"product": [""]}, "/product", "not_a_text"),
        ({"units": {"gte": 1}, "of": {}}, "/of", "not_a_selector"),
        ({"known": "yes"}, "/known", "not_true_or_false"),
        ({"not": {"known": 1}}, "/not/known", "not_true_or_false"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_place(rule: Any, pointer: str, code: str):
    with pytest.raises(BadRule) as refused:
        parse(rule)

    assert (pointer, code) in [(each["pointer"], each["code"]) for each in refused.value.data["problems"]]


def test_amounts_are_in_the_currency_of_the_campaign():
    assert parse({"amount": {"gte": 1}}, currency="VND")
    with pytest.raises(BadRule, match="VND"):
        parse({"amount": {"gte": 1}, "currency": "USD"}, currency="VND")


def test_rules_are_no_deeper_and_no_longer_than_can_be_judged():
    deep: dict[str, Any] = {"known": True}
    for _ in range(conditions.MAX_DEPTH):
        deep = {"not": deep}
    wide = {"and": [{"or": [{"known": True}] * 50}] * 2}

    for rule, code in ((deep, "too_deep"), (wide, "too_many_conditions")):
        with pytest.raises(BadRule) as refused:
            parse(rule)
        assert code in [each["code"] for each in refused.value.data["problems"]]


WORDS = st.sampled_from(
    [*conditions._HEADS, "gte", "lt", "in", "of", "currency", "track", "from", "to", "products", "zzz"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["VND", "gold", "18:00", "2026-01-01", "mon", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=300)
@given(JSON)
def test_any_json_is_a_rule_that_can_be_judged_or_refused(document: Any):
    try:
        rule = parse(document)
    except BadRule:
        return
    said = judge(rule, Situation(BASKET, LAN, NOW, VIETNAM))
    assert bool(said.failures()) is not said.holds


# --- baskets ---


def line(number: int = 0, **rest: Any) -> Line:
    return Line(**{"id": f"l{number}", "product_id": "p", "quantity": 1, "unit_minor": 1, **rest})


@pytest.mark.parametrize(
    ("held", "pointer", "code"),
    [
        (Basket("XXX", (line(),)), "/currency", "unknown_currency"),
        (Basket("VND", (line(),), -1), "/shipping_minor", "impossible_amount"),
        (Basket("VND", (line(quantity=0),)), "/lines/0/quantity", "impossible_quantity"),
        (Basket("VND", (line(quantity=-2),)), "/lines/0/quantity", "impossible_quantity"),
        (Basket("VND", (line(unit_minor=-1),)), "/lines/0/unit_minor", "impossible_amount"),
        (Basket("VND", (line(), line())), "/lines/1/id", "duplicate_line"),
        (Basket("VND", tuple(line(n) for n in range(10_000))), "/lines", "too_many_lines"),
        (Basket("VND", (line(1, unit_minor=MAX_MINOR), line(2))), "/lines", "impossible_amount"),
        (Basket("VND", (line(categories=tuple(map(str, range(51)))),)), "/lines/0/categories", "too_many_categories"),
        (Basket("VND", (line(),), metadata={str(n): 1 for n in range(51)}), "/metadata", "too_many_metadata"),
    ],
)
def test_what_is_no_basket_is_refused_with_its_place(held: Basket, pointer: str, code: str):
    with pytest.raises(BadBasket) as refused:
        check(held)

    assert (pointer, code) in [(each["pointer"], each["code"]) for each in refused.value.data["problems"]]


def test_a_basket_of_a_thousand_lines_is_one():
    assert check(Basket("VND", tuple(line(number) for number in range(MAX_LINES)))).items_minor == MAX_LINES
