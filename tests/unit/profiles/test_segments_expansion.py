"""What rules refer to, put in their place: segments, personas, the scale of scores; and what others tell."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profiles.rfm.domain import Scale, ascending, scores
from services.profiles.segments.domain.expansion import Cycle, Surroundings, TooLarge, scored
from services.profiles.segments.domain.parse import parse
from services.profiles.segments.domain.rule import NEVER, And, DaysSince, InList, Not, Op, Or, OrderTotal, Rule
from services.profiles.segments.errors import BadRule
from services.profiles.told.domain import standing, told
from shared.events.catalogue.loyalty import PointsEarned, PointsSpent, TierChanged
from shared.events.envelope import Event
from shared.ids import user_key, uuid7

NOW = datetime(2026, 11, 21, tzinfo=UTC)
A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)
HUE = parse({"trait": "city", "eq": "Huế"})


def test_a_rule_takes_in_what_it_refers_to() -> None:
    around = Surroundings({A: HUE, B: None, C: parse({"segment": str(A)})}, {"lan": C})

    assert around.expanded(parse({"segment": str(C)})) == HUE
    assert around.expanded(parse({"persona": "lan"})) == HUE
    assert around.expanded(parse({"segment": str(B)})) == InList(B)
    assert around.expanded(parse({"not": {"persona": "hoa"}})) == Not(NEVER)
    assert around.expanded(parse({"segment": str(UUID(int=9))})) == NEVER


def test_a_circle_is_found_whatever_it_goes_through() -> None:
    around = Surroundings({A: parse({"persona": "lan"}), B: parse({"segment": str(A)})}, {"lan": C})

    around.tried(C, HUE)
    with pytest.raises(Cycle):
        around.tried(C, parse({"or": [{"segment": str(B)}, {"identified": True}]}))
    with pytest.raises(Cycle):
        around.tried(A, parse({"segment": str(A)}))


def test_what_grows_beyond_all_bounds_is_refused() -> None:
    many = [{"segment": str(A)}] * 50
    wide = Surroundings({A: parse({"and": [{"identified": True}] * 50})})
    with pytest.raises(TooLarge):
        wide.tried(B, parse({"and": many}))
    deep = Surroundings({UUID(int=n): parse({"segment": str(UUID(int=n + 1))}) for n in range(20)})
    with pytest.raises(TooLarge):
        deep.checked()


def test_who_asks_for_something_is_found_through_others() -> None:
    around = Surroundings({A: parse({"rfm": "recency", "gte": 4}), B: parse({"segment": str(A)}), C: HUE}, {"lan": B})
    assert around.asking(lambda leaf: type(leaf).__name__ == "Scored") == {A, B}
    assert around.asking(lambda leaf: leaf == HUE) == {C}


def holds(rule: Rule, orders: int, ago: timedelta, net: int) -> bool:
    """What the service's SQL does, for somebody with these orders."""
    match rule:
        case And(parts):
            return all(holds(part, orders, ago, net) for part in parts)
        case Or(parts):
            return any(holds(part, orders, ago, net) for part in parts)
        case Not(part):
            return not holds(part, orders, ago, net)
        case DaysSince(None, "lte", days):
            return orders > 0 and ago <= timedelta(days=days)
        case OrderTotal("orders", None, "gte", value):
            return orders >= value
        case OrderTotal("net_minor", "VND", "gte", value):
            return net >= value
    raise AssertionError(rule)


@given(
    st.sampled_from(["recency", "frequency", "monetary"]),
    st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]),
    *(st.integers(low, high) for low, high in ((1, 5), (0, 12), (0, 500), (-5, 60))),
)
def test_a_comparison_of_a_score_is_one_of_what_it_is_made_of(
    which: Any, op: Op, value: int, orders: int, hours: int, net: int
) -> None:
    scale = Scale((2, 4, 8, 16), (2, 3, 5, 9), "VND", (1, 10, 20, 40))
    ago = timedelta(hours=hours)
    found = scores(scale, orders=orders, last_order_at=NOW - ago if orders else None, net_minor=net, now=NOW)
    score = None if found is None else getattr(found, which)
    compared = {"eq": "__eq__", "ne": "__ne__", "gt": "__gt__", "gte": "__ge__", "lt": "__lt__", "lte": "__le__"}[op]

    wanted = score is not None and getattr(score, compared)(value)

    assert holds(scored(scale, which, op, value), orders, ago, net) is wanted


def test_without_a_currency_nobody_scores_by_money() -> None:
    assert scored(Scale(), "monetary", "gte", 2) == NEVER
    found = scores(Scale(), orders=1, last_order_at=NOW, net_minor=10**9, now=NOW)
    assert found is not None
    assert found == (5, 1, None)


def test_breaks_that_fall_together_are_pushed_apart() -> None:
    assert ascending([2, 2, 2, 9]) == (2, 3, 4, 9)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"computed": "churn_risk_band", "eq": "sure"}, "unknown_band"),
        ({"computed": "clv_band", "gte": "high"}, "unknown_comparison"),
        ({"computed": "nps", "lte": "6"}, "not_a_whole_number"),
        ({"computed": "nps_band", "eq": "happy"}, "unknown_band"),
        ({"computed": "nps_band", "lte": "passive"}, "unknown_comparison"),
        ({"computed": "days_since_last_nps", "eq": 3}, "unknown_comparison"),
        ({"computed": "open_case", "eq": "yes"}, "not_a_truth"),
        ({"computed": "open_case"}, "no_comparison"),
        ({"computed": "points", "gte": 5}, "not_a_name"),
        ({"computed": "tier", "track": "main", "gte": "gold"}, "unknown_comparison"),
        ({"computed": "tier", "track": "main", "in": []}, "not_a_list"),
        ({"rfm": "luck", "gte": 3}, "unknown_score"),
        ({"rfm": "recency", "gte": 6}, "not_a_score"),
        ({"rfm": "recency"}, "no_comparison"),
        ({"sequence": ["A"], "within_hours": 1}, "not_a_list"),
        ({"sequence": ["A", "B"]}, "not_a_duration"),
        ({"sequence": ["A", "B"], "within_hours": 1, "within_days": 1}, "not_a_duration"),
        ({"sequence": ["A", "B"], "within_days": 99_999}, "not_a_duration"),
        ({"sequence": ["A", ""], "within_days": 1}, "not_a_name"),
        ({"sequence": ["A", "B"], "within_days": 1, "then": "C"}, "unknown_field"),
        ({"consent": "given", "purpose": "marketing", "channel": "email"}, "unknown_state"),
        ({"consent": "granted", "purpose": "marketing"}, "not_a_name"),
        ({"persona": "Not A Key"}, "not_a_key"),
        ({"segment": "x"}, "not_an_id"),
    ],
)
def test_what_is_no_condition_is_said(document: dict[str, Any], code: str) -> None:
    with pytest.raises(BadRule) as refusal:
        parse(document)
    assert [each["code"] for each in refusal.value.data["problems"]] == [code]


def points(key: UUID, version: int, available: int, wallet: str = "points") -> Event[Any]:
    kind = PointsEarned if version % 2 else PointsSpent
    data = kind(
        transaction_id=uuid7(), wallet=wallet, version=version, points=1, available=available,
        pending=0, held=0, debt=0, reason="order",
    )  # fmt: skip
    return Event(uuid7(), key, NOW, NOW, data)


def tier(key: UUID, version: int, name: str | None, rank: int) -> Event[Any]:
    data = TierChanged(track="main", tier=name, rank=rank, previous=None, version=version, reason="qualified")
    return Event(uuid7(), key, NOW, NOW, data)


def test_the_highest_version_holds_whenever_it_comes() -> None:
    batch = [
        points(A, 1, 10),
        points(A, 3, 30),
        points(A, 2, 20),
        points(B, 1, 5),
        tier(A, 2, None, 0),
        tier(A, 1, "gold", 2),
    ]
    for events in permutations(batch):
        found = standing(A, told(events))
        assert found.points == {"points": 35}
        assert found.tiers == {}


def test_a_persons_tier_is_the_roots_and_until_one_is_told_the_highest() -> None:
    facts = told([tier(B, 1, "silver", 1), tier(C, 1, "gold", 2)])
    assert standing(A, facts).tiers["main"].tier == "gold"
    assert standing(B, facts).tiers["main"].tier == "silver"
    assert standing(user_key("x"), ()).tiers == {}
