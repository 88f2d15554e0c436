"""What a reward costs whom, and what is in the way."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.loyalty.audience.domain import Facts
from services.loyalty.points.domain.requests import Room
from services.loyalty.rewards.domain import Reward, Standing, eligibility, price
from services.loyalty.rewards.schemas import RewardIn, TermsIn
from shared.ids import uuid7

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SEGMENT = uuid7()


def a_reward(*, stock: int | None = 5, taken: int = 0, state: Any = "active", **terms: Any) -> Reward:
    document = TermsIn.model_validate({"points": 100, **terms}).model_dump(mode="json")
    start, end = NOW - timedelta(days=1), NOW + timedelta(days=1)
    return Reward(uuid7(), "Túi", "material", state, document, start, end, stock, taken, 1, NOW, "k", NOW, "k")


def standing(available: int = 1_000, bought: int = 0, **facts: Any) -> Standing:
    return Standing(Facts(**facts), available, bought)


def reasons(reward: Reward, who: Standing, quantity: int = 1, now: datetime = NOW) -> list[str]:
    return [each["reason"] for each in eligibility(reward, quantity, who, now=now).obstacles]


def test_levels_pay_their_own_price_and_the_least_of_several():
    prices = [
        {"track": "main", "level": "gold", "points": 80},
        {"track": "club", "level": "friend", "points": 70},
    ]
    terms = a_reward(prices=prices).terms

    assert price(terms, {}) == 100
    assert price(terms, {"main": "gold"}) == 80
    assert price(terms, {"main": "gold", "club": "friend"}) == 70
    assert price(a_reward(points=None, prices=prices).terms, {"main": "silver"}) is None


def test_who_may_have_it_has_nothing_in_the_way():
    found = eligibility(a_reward(), 5, standing(500), now=NOW)

    assert (found.points, found.obstacles) == (500, ())


def test_everything_that_is_in_the_way_is_said_at_once():
    reward = a_reward(stock=3, taken=2, state="paused", segments=[str(SEGMENT)], max_per_person=2)

    found = eligibility(reward, 2, standing(150, bought=1), now=NOW)

    assert found.obstacles == (
        {"reason": "inactive", "state": "paused"},
        {"reason": "segment"},
        {"reason": "limit_reached", "limit": 2, "bought": 1},
        {"reason": "out_of_stock", "remaining": 1},
        {"reason": "insufficient_points", "required": 200, "available": 150, "missing": 50},
    )


@pytest.mark.parametrize(
    ("terms", "who", "expected"),
    [
        ({"points": None, "prices": [{"track": "main", "level": "gold", "points": 1}]}, {}, ["tier"]),
        (
            {"points": None, "prices": [{"track": "main", "level": "gold", "points": 1}]},
            {"tiers": {"main": "gold"}},
            [],
        ),
        ({"segments": [str(SEGMENT)]}, {"segments": frozenset({SEGMENT})}, []),
    ],
)
def test_some_rewards_are_for_some(terms: dict[str, Any], who: dict[str, Any], expected: list[str]):
    assert reasons(a_reward(**terms), standing(**who)) == expected


def test_what_may_not_be_spent_any_more_is_in_the_way():
    who = standing()._replace(room=Room(150, 500, "month"))

    assert reasons(a_reward(), who) == []
    (said,) = eligibility(a_reward(), 2, who, now=NOW).obstacles
    assert said == {"reason": "spending_limit", "required": 200, "left": 150, "most": 500, "per": "month"}
    assert reasons(a_reward(points=0), standing()._replace(room=Room(0, 500, "month"))) == []


def test_places_at_an_event_are_bought_until_it_begins():
    begins = NOW + timedelta(hours=3)
    event = a_reward(happens_at=begins.isoformat())

    assert reasons(event, standing(), now=begins - timedelta(microseconds=1)) == []
    assert reasons(event, standing(), now=begins) == ["begun"]


@pytest.mark.parametrize(("day", "expected"), [(-1.01, ["inactive"]), (-1, []), (0.99, []), (1, ["inactive"])])
def test_it_can_be_bought_from_its_start_until_before_its_end(day: float, expected: list[str]):
    assert reasons(a_reward(), standing(), now=NOW + timedelta(days=day)) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": None},
        {"points": -1},
        {"points": 1.5},
        {"stock": -1},
        {"limit_days": 7},
        {"max_per_person": 0},
        {"kind": "voucher"},
        {"kind": "voucher", "gives": {"campaign": str(SEGMENT), "value_minor": 5}},
        {"kind": "gift_credit", "gives": {"campaign": str(SEGMENT)}},
        {"kind": "event"},
        {"kind": "material", "happens_at": "2026-12-01T12:00:00Z"},
        {"kind": "event", "happens_at": "2026-12-01T12:00:00Z", "starts_at": "2026-12-01T12:00:00Z"},
        {"kind": "points", "gives": {"points": 5}},
        {"gives": {"points": 5, "wallet": "points"}},
        {"prices": [{"track": "main", "level": "gold", "points": 1}] * 2},
        {"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
        {"unknown": 1},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, Any]):
    good = {"name": "Túi", "kind": "material", "points": 100}
    RewardIn.model_validate(good)
    with pytest.raises(ValidationError):
        RewardIn.model_validate({**good, **wrong})


@pytest.mark.parametrize(
    "right",
    [
        {"kind": "digital"},
        {"kind": "voucher", "gives": {"campaign": str(SEGMENT)}},
        {"kind": "gift_credit", "gives": {"campaign": str(SEGMENT), "value_minor": 5}},
        {"kind": "event", "happens_at": "2026-12-01T12:00:00Z"},
        {"kind": "points", "gives": {"points": 5, "wallet": "miles"}},
    ],
)
def test_each_kind_gives_what_it_is(right: dict[str, Any]):
    assert RewardIn.model_validate({"name": "Túi", "points": 100, **right}).kind == right["kind"]
