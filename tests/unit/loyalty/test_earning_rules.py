"""Rules that cannot work are refused with the place and a sentence that mends them."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.loyalty.earning.domain.check import problems
from services.loyalty.earning.domain.rule import Rule

ORDER: dict[str, Any] = {"trigger": {"on": "order"}, "effect": {"kind": "fixed", "points": 10}}
REVIEW: dict[str, Any] = {"trigger": {"on": "touchpoint", "name": "Product Reviewed"}, "effect": ORDER["effect"]}
PER: dict[str, Any] = {"kind": "per_amount", "per_minor": 10_000, "currency": "VND"}
SEGMENT = "018f0000-0000-7000-8000-000000000001"


def a_rule(base: dict[str, Any], **more: Any) -> Rule:
    return Rule.model_validate({**base, **more})


def nested(depth: int) -> dict[str, Any]:
    return {"any_of": [nested(depth - 1)]} if depth else {"first_order": True}


@pytest.mark.parametrize(
    "rule",
    [
        ORDER,
        {**ORDER, "conditions": {"any_of": [{"first_order": True}, {"lines": {"skus": ["a"]}}], **nested(0)}},
        {**ORDER, "conditions": nested(3)},
        REVIEW,
        {**ORDER, "effect": PER},
        {
            **ORDER,
            "effect": {**PER, "points": "1.5", "rounding": "half_even"},
            "conditions": {"lines": {"skus": ["a"]}},
        },
        {**ORDER, "conditions": {"hours": [{"from": "22:00", "until": "02:00"}], "weekdays": ["sat", "sun"]}},
        {**ORDER, "effect": {"kind": "multiplier", "factor": "1.001"}, "caps": [{"per": "month", "times": 3}]},
        {**ORDER, "pending": {"until": "Order Delivered", "days": 30}, "expiry": {"days": 90}},
        {"trigger": {"on": "birthday"}, "effect": ORDER["effect"]},
        {"trigger": {"on": "survey"}, "effect": ORDER["effect"], "conditions": {"segments": {"any_of": [SEGMENT]}}},
        {"trigger": {"on": "referral", "role": "advocate"}, "effect": ORDER["effect"]},
        {**ORDER, "conditions": {"dates": [{"from": "2026-02-10", "until": "2026-02-10"}], "weekdays": ["tue"]}},
    ],
)
def test_a_rule_that_works(rule: dict[str, Any]):
    read = Rule.model_validate(rule)

    assert problems(read) == []
    assert Rule.model_validate_json(read.model_dump_json(by_alias=True, exclude_none=True)) == read


@pytest.mark.parametrize(
    ("rule", "pointer", "says"),
    [
        (
            a_rule(ORDER, conditions={"segments": {"any_of": [SEGMENT], "none_of": [SEGMENT]}}),
            "/conditions/segments",
            "ruled out",
        ),
        (a_rule(ORDER, conditions={"segments": {}}), "/conditions/segments", "leave it out"),
        (a_rule(ORDER, conditions={"any_of": []}), "/conditions/any_of", "empty list"),
        (a_rule(ORDER, conditions={"any_of": [{"first_order": True}, {}]}), "/conditions/any_of/1", "always holds"),
        (
            a_rule(ORDER, conditions={"none_of": [{"any_of": [{"sources": ["web"]}, {"lines": {}}]}]}),
            "/conditions/none_of/0/any_of/1/lines",
            "Name categories",
        ),
        (a_rule(ORDER, conditions=nested(4)), "/conditions" + "/any_of/0" * 4, "3 deep"),
        (
            a_rule(ORDER, conditions={"any_of": [{"none_of": [{"first_order": True}] * 10}] * 3}),
            "/conditions",
            "30 are the most",
        ),
        (
            a_rule(REVIEW, conditions={"any_of": [{"first_order": True}]}),
            "/conditions/any_of/0/first_order",
            "only orders",
        ),
        (
            a_rule(ORDER, conditions={"tiers": {"track": "m", "any_of": ["g"], "none_of": ["g"]}}),
            "/conditions/tiers",
            "g is both",
        ),
        (
            a_rule(ORDER, conditions={"lines": {"categories": ["Trà"], "except_categories": ["Trà"]}}),
            "/conditions/lines/categories",
            "'Trà' is both",
        ),
        (a_rule(ORDER, conditions={"lines": {}}), "/conditions/lines", "Name categories"),
        (a_rule(ORDER, conditions={"sources": []}), "/conditions/sources", "empty list"),
        (
            a_rule(ORDER, conditions={"amount": {"currency": "VND", "at_least_minor": 2, "at_most_minor": 1}}),
            "/conditions/amount",
            "swap them",
        ),
        (a_rule(ORDER, conditions={"amount": {"currency": "XBT"}}), "/conditions/amount/currency", "ISO 4217"),
        (
            a_rule(ORDER, conditions={"order_number": {"at_least": 5, "at_most": 2}}),
            "/conditions/order_number",
            "swap them",
        ),
        (
            a_rule(ORDER, conditions={"first_order": True, "order_number": {"at_least": 2}}),
            "/conditions/first_order",
            "number 1",
        ),
        (
            a_rule(ORDER, conditions={"first_order": False, "order_number": {"at_most": 1}}),
            "/conditions/first_order",
            "is the first",
        ),
        (a_rule(ORDER, conditions={"hours": [{"from": "09:00", "until": "09:00"}]}), "/conditions/hours/0", "empty"),
        (
            a_rule(ORDER, conditions={"dates": [{"from": "2026-02-02", "until": "2026-02-01"}]}),
            "/conditions/dates/0",
            "swap",
        ),
        (
            a_rule(ORDER, conditions={"dates": [{"from": "2026-02-10", "until": "2026-02-10"}], "weekdays": ["mon"]}),
            "/conditions/weekdays",
            "None of the dates",
        ),
        (
            a_rule(
                ORDER, **{"from": "2026-03-01"}, conditions={"dates": [{"from": "2026-02-01", "until": "2026-02-02"}]}
            ),
            "/conditions/dates",
            "within the campaign",
        ),
        (
            a_rule(ORDER, **{"from": "2026-02-10", "until": "2026-02-12"}, conditions={"weekdays": ["mon", "sun"]}),
            "/conditions/weekdays",
            "No day of the campaign",
        ),
        (
            # Of the dates only Wednesday to Friday lie within the campaign.
            a_rule(
                ORDER,
                **{"from": "2026-02-11"},
                conditions={"dates": [{"from": "2026-02-09", "until": "2026-02-13"}], "weekdays": ["mon"]},
            ),
            "/conditions/weekdays",
            "None of the dates",
        ),
        (
            a_rule(ORDER, conditions={"order_number": {"at_least": 6, "at_most": 9, "every": 5}}),
            "/conditions/order_number/every",
            "No multiple of 5",
        ),
        (
            a_rule(ORDER, effect=PER, conditions={"amount": {"currency": "VND", "at_most_minor": 0}}),
            "/conditions/amount/at_most_minor",
            "nothing is given",
        ),
        (
            a_rule(
                {"trigger": {"on": "segment_entered", "segment": SEGMENT}, "effect": {"kind": "fixed", "points": 5}},
                conditions={"segments": {"none_of": [SEGMENT]}},
            ),
            "/conditions/segments/none_of",
            "is in it",
        ),
        (a_rule(ORDER, **{"from": "2026-03-01", "until": "2026-02-01"}), "/until", "swap"),
        (a_rule(REVIEW, conditions={"first_order": True}), "/conditions/first_order", "only orders"),
        (a_rule(REVIEW, conditions={"lines": {"skus": ["a"]}}), "/conditions/lines", "only orders"),
        (a_rule(REVIEW, effect=PER), "/effect/kind", "fixed points"),
        (a_rule(REVIEW, pending={"until": "Order Delivered"}), "/pending/until", "Only the points of an order"),
        (a_rule(ORDER, effect={**PER, "currency": "DON"}), "/effect/currency", "ISO 4217"),
        (
            a_rule(ORDER, effect=PER, conditions={"amount": {"currency": "USD", "at_least_minor": 1}}),
            "/conditions/amount/currency",
            "two currencies",
        ),
        (
            a_rule(ORDER, effect={**PER, "of": "total"}, conditions={"lines": {"skus": ["a"]}}),
            "/effect/of",
            "say goods",
        ),
        (a_rule(ORDER, effect={"kind": "multiplier", "factor": "1"}), "/effect/factor", "more than 1"),
        (a_rule(ORDER, effect={"kind": "multiplier", "factor": "-2"}), "/effect/factor", "more than 1"),
        (
            a_rule(ORDER, effect={"kind": "tier_multiplier", "track": "m"}, conditions={"lines": {"skus": ["a"]}}),
            "/conditions/lines",
            "leave lines out",
        ),
        (a_rule(ORDER, caps=[{"per": "day"}]), "/caps/0", "points or in times"),
        (a_rule(ORDER, caps=[{"per": "day", "points": 100, "times": 1}]), "/caps/0", "points or in times"),
        (a_rule(ORDER, caps=[{"per": "transaction", "times": 1}]), "/caps/0", "comes once"),
        (
            a_rule(ORDER, caps=[{"per": "day", "points": 100}, {"per": "day", "points": 200}]),
            "/caps/1",
            "another cap per day",
        ),
        (a_rule(ORDER, caps=[{"per": "week", "points": 9, "over": "reject"}]), "/caps/0", "never give any"),
        (a_rule(ORDER, pending={}), "/pending", "how many days"),
        (a_rule(ORDER, pending={"days": 3, "on": "2026-04-30"}), "/pending", "not both"),
        (a_rule(ORDER, pending={"on": "2026-04-30"}, expiry={"on": "2026-04-29"}), "/expiry/on", "before they begin"),
        (a_rule(ORDER, expiry={"days": 3, "months": 1}), "/expiry", "one of"),
        (a_rule(ORDER, expiry={"days": 3}, pending={"days": 3}), "/expiry/days", "before they begin"),
        (a_rule(ORDER, **{"from": "2026-03-01"}, expiry={"on": "2026-02-28"}), "/expiry/on", "before the campaign"),
    ],
)
def test_a_contradiction_is_told_with_its_place(rule: Rule, pointer: str, says: str):
    found = problems(rule)

    assert [each.pointer for each in found] == [pointer]
    assert says in found[0].message


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"effect": {"kind": "fixed", "points": -5}}, "effect.fixed.points"),
        ({"effect": {"kind": "fixed", "points": 1.5}}, "effect.fixed.points"),
        ({"effect": {"kind": "fixed", "points": "10"}}, "effect.fixed.points"),
        ({"effect": {"kind": "fixed", "points": True}}, "effect.fixed.points"),
        ({"effect": {"kind": "fixed", "points": 10**12}}, "effect.fixed.points"),
        ({"effect": {**PER, "per_minor": 0}}, "effect.per_amount.per_minor"),
        ({"effect": {**PER, "points": "NaN"}}, "effect.per_amount.points"),
        ({"effect": {**PER, "points": "0.0000001"}}, "effect.per_amount.points"),
        ({"effect": {"kind": "multiplier", "factor": "1e9"}}, "effect.multiplier.factor"),
        ({"effect": {"kind": "gift"}}, "effect"),
        ({"trigger": {"on": "full moon"}}, "trigger"),
        ({"trigger": {"on": "touchpoint"}}, "trigger.touchpoint.name"),
        ({"caps": [{"per": "fortnight", "points": 1}]}, "caps.0.per"),
        ({"conditions": {"weekdays": ["Monday"]}}, "conditions.weekdays.0"),
        ({"conditions": {"mood": "good"}}, "conditions.mood"),
        ({"conditions": {"segments": {"any_of": ["vip"]}}}, "conditions.segments.any_of.0"),
        ({"conditions": {"hours": [{"from": "25:00", "until": "26:00"}]}}, "conditions.hours.0.from"),
        ({"wallet": "Điểm"}, "wallet"),
        ({"counts_for_tiers": 1}, "counts_for_tiers"),
        ({"until": 0}, "until"),
        ({"conditions": {"hours": [{"from": 0, "until": "09:00"}]}}, "conditions.hours.0.from"),
        ({"expiry": {"never": 1}}, "expiry.never"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_type_error_is_told_with_its_place(more: dict[str, Any], place: str):
    with pytest.raises(ValidationError) as refused:
        a_rule(ORDER, **more)

    assert ".".join(map(str, refused.value.errors()[0]["loc"])) == place
