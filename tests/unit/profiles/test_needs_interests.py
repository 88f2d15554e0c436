"""How strong an interest is: known numbers, and the same in any order."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profiles.activity.domain import Tally
from services.profiles.needs.domain.interests import (
    WEIGHTS,
    Cell,
    Evidence,
    Interest,
    Ranked,
    counted,
    points,
    ranked,
    told,
)
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event
from shared.ids import derived_id, user_key

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 21)
SHOES = Interest("category", "giày")


def seen(name: str, *days_ago: int) -> Evidence:
    days = tuple((TODAY - timedelta(days=ago), 1) for ago in days_ago)
    return Evidence(name, len(days), NOW - timedelta(days=max(days_ago)), NOW - timedelta(days=min(days_ago)), days)


def rank(*evidence: Evidence, day: date = TODAY) -> list[Ranked]:
    return ranked({SHOES: evidence}, day, half_life_days=30)


@pytest.mark.parametrize(
    ("days_ago", "wanted"), [((0,), 1.0), ((30,), 0.5), ((60,), 0.25), ((15,), 0.7071), ((0, 30, 60), 1.75)]
)
def test_a_view_halves_with_each_half_life(days_ago: Sequence[int], wanted: float):
    assert points(seen("Product Viewed", *days_ago), TODAY, half_life_days=30) == pytest.approx(wanted, abs=1e-4)


def test_another_half_life_fades_otherwise():
    assert points(seen("Product Viewed", 10), TODAY, half_life_days=10) == 0.5


def test_a_day_to_come_counts_for_nothing_yet():
    assert points(seen("Product Viewed", 0), TODAY - timedelta(days=1), half_life_days=30) == 0


def test_a_view_weighs_less_than_a_cart_and_a_cart_less_than_an_order():
    assert 0 < WEIGHTS["Product Viewed"] < WEIGHTS["Product Added"] < WEIGHTS["Order Completed"]


@pytest.mark.parametrize(
    ("done", "undone"),
    [
        ("Product Added", "Product Removed"),
        ("Order Completed", "Order Refunded"),
        ("Order Completed", "Order Cancelled"),
        ("Product Added to Wishlist", "Product Removed from Wishlist"),
    ],
)
def test_what_takes_an_act_back_takes_its_points_back(done: str, undone: str):
    assert rank(seen(done, 3), seen(undone, 3)) == []
    (left,) = rank(seen(done, 3, 3), seen(undone, 3))
    assert left.strength == pytest.approx(WEIGHTS[done] * 0.5**0.1, abs=1e-4)


def test_the_strongest_comes_first():
    found = ranked(
        {SHOES: [seen("Product Viewed", 0)], Interest("brand", "a"): [seen("Order Completed", 30)]},
        TODAY,
        half_life_days=30,
    )

    assert [(each.interest.name, each.strength, each.is_bought) for each in found] == [
        ("a", 4.0, True),
        ("giày", 1.0, False),
    ]


@pytest.mark.parametrize(
    ("event", "properties", "wanted"),
    [
        ("Product Viewed", {"category": " GIÀY   Nam ", "brand": "Biti's"}, {"category:giày nam", "brand:biti's"}),
        ("Product Viewed", {"category": "Gia\u0300y"}, {"category:giày"}),
        ("Product Viewed", {"item_category": "Mũ", "item_id": 7}, {"category:mũ", "product:7"}),
        ("Product Viewed", {"product_id": "SKU-a", "sku": "other"}, {"product:SKU-a"}),
        ("Order Completed", {"products": [{"brand": "A"}, {"brand": "a"}, "x"]}, {"brand:a"}),
        ("Order Completed", {"items": [{"item_brand": "B"}]}, {"brand:b"}),
        ("Product List Viewed", {"category": "Mũ", "products": [{"brand": "A"}]}, {"category:mũ"}),
        ("Product Viewed", {"category": True, "brand": 1.5, "product_id": "x" * 201}, set()),
        ("Product Viewed", {"category": "  ", "products": "none"}, set()),
        ("Page Viewed", {"category": "help"}, set()),
        ("Something Else", {"category": "x"}, set()),
    ],
)
def test_what_a_touchpoint_tells(event: str, properties: Mapping[str, Any], wanted: set[str]):
    assert {f"{each.kind}:{each.name}" for each in told(event, properties)} == wanted


def touch(number: int, name: str, category: str, hours: int) -> Event[TouchpointRecorded]:
    data = TouchpointRecorded(source="web", call="track", name=name, properties={"category": category, "order_id": 9})
    time = NOW - timedelta(hours=hours)
    return Event(derived_id("web", str(number)), user_key("42"), time, NOW, data)


def test_days_are_local_and_orders_stand_by_themselves():
    late = touch(1, "Product Viewed", "a", 0)._replace(time=datetime(2026, 11, 20, 17, 30, tzinfo=UTC))
    ordered = touch(2, "Order Completed", "a", 0)

    assert counted([late, ordered], ZONE) == {
        Cell(user_key("42"), "category", "a", "Product Viewed", TODAY): Tally(1, late.time, late.time),
        Cell(user_key("42"), "category", "a", "Order Completed", TODAY, "9"): Tally(1, NOW, NOW),
    }


def strengths(batches: Sequence[Sequence[Event[TouchpointRecorded]]]) -> list[Ranked]:
    """Count batch by batch and add up, as the table does."""
    table: dict[Cell, Tally] = {}
    for batch in batches:
        for cell, tally in counted(batch, ZONE).items():
            known = table.setdefault(cell, Tally(0, tally.first_at, tally.last_at))
            known.count += tally.count
            known.first_at = min(known.first_at, tally.first_at)
            known.last_at = max(known.last_at, tally.last_at)
    found: dict[Interest, list[Evidence]] = {}
    for cell, tally in table.items():
        one = Evidence(cell.event, tally.count, tally.first_at, tally.last_at, ((cell.day, tally.count),))
        found.setdefault(Interest(cell.kind, cell.interest), []).append(one)
    return ranked(found, TODAY, half_life_days=30)


TOUCHES = st.lists(
    st.builds(
        touch,
        st.integers(0, 10**9),
        st.sampled_from(sorted(WEIGHTS)),
        st.sampled_from(["Giày", "giày", "Mũ"]),
        st.integers(0, 3_000),
    ),
    min_size=1,
    max_size=30,
)


@given(TOUCHES.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found), st.integers(0, len(found)))))
def test_the_order_and_the_batches_are_nothing(played: Any):
    events, shuffled, cut = played

    assert strengths([events]) == strengths([shuffled[:cut], shuffled[cut:]])
