"""Promises and what came of them: the same in whatever order and however often facts come."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.gap.domain.promises import Kind, Part, Said, fold, moment, parts_of, together
from shared.events.catalogue.surveys import CaseChanged, CaseClosed, CaseOpened
from shared.events.catalogue.touchpoints import OrderCancelled, OrderRefunded, TouchpointRecorded
from shared.events.envelope import Event, EventData
from shared.ids import uuid7

HCM = ZoneInfo("Asia/Ho_Chi_Minh")
NOON = datetime(2026, 11, 25, 5, tzinfo=UTC)
CASE = UUID(int=7)


def happened(data: EventData, at: datetime = NOON) -> Event[Any]:
    return Event(uuid7(), UUID(int=1), at, at, data)


def touchpoint(name: str, at: datetime = NOON, **properties: Any) -> Event[Any]:
    return happened(TouchpointRecorded(source="web", call="track", name=name, properties=properties), at)


def changed(at: datetime, contacted_at: datetime | None = None, merged_into: UUID | None = None) -> Event[Any]:
    data = CaseChanged(
        case_id=CASE,
        version=2,
        status="in_progress",
        owner="lan",
        priority="high",
        contacted_at=contacted_at,
        merged_into=merged_into,
    )
    return happened(data, at)


def opened(due: datetime) -> Event[Any]:
    data = CaseOpened(
        case_id=CASE,
        version=1,
        survey_id=UUID(int=2),
        response_id=UUID(int=3),
        rule="detractor",
        owner=None,
        priority="high",
        contact_due_at=due,
        resolve_due_at=due,
    )
    return happened(data)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-25T18:00:00+07:00", datetime(2026, 11, 25, 11, tzinfo=UTC)),
        ("2026-11-25T11:00:00Z", datetime(2026, 11, 25, 11, tzinfo=UTC)),
        ("2026-11-25 18:00", datetime(2026, 11, 25, 11, tzinfo=UTC)),
        ("2026-11-25", datetime(2026, 11, 25, 16, 59, 59, 999_999, tzinfo=UTC)),
    ],
    ids=["offset", "utc", "local", "day"],
)
def test_a_moment_is_read_as_shops_write_it(written: str, meant: datetime):
    assert moment(written, HCM) == meant


@pytest.mark.parametrize(
    "written",
    ["soon", "", "2026-13-01", "25/11/2026", 1_764_000_000, None, True, "0001-01-01T00:00:00+14:00", "9999-12-31", []],
    ids=range(10),
)
def test_what_is_no_moment_promises_nothing(written: object):
    assert moment(written, HCM) is None
    assert fold([touchpoint("Order Completed", order_id="o", promised_at=written)], HCM) == {}


def test_the_end_of_a_day_without_midnight_is_the_next_day_s_first_moment():
    # In São Paulo 4 November 2018 began at one o'clock.
    found = moment("2018-11-03", ZoneInfo("America/Sao_Paulo"))

    assert found == datetime(2018, 11, 4, 3, tzinfo=UTC) - timedelta(microseconds=1)


def test_the_first_promise_holds_and_the_first_delivery_counts():
    first, later = NOON + timedelta(days=1), NOON + timedelta(days=5)
    facts = [
        touchpoint("Order Completed", NOON, order_id="o-1", promised_at=first.isoformat()),
        touchpoint("Order Shipped", NOON + timedelta(hours=1), order_id="o-1", promised_at=later.isoformat()),
        touchpoint("Order Delivered", NOON + timedelta(days=3), order_id="o-1"),
        touchpoint("Order Delivered", NOON + timedelta(days=4), order_id="o-1"),
    ]

    found = fold(facts, HCM)

    part = found[Kind.DELIVERY, "o-1"]
    assert part.said is not None
    assert part.said.due_at == first
    assert part.done_at == NOON + timedelta(days=3)


def test_a_delivery_may_be_told_late():
    said = touchpoint("Order Delivered", NOON, order_id=42, delivered_at="2026-11-24T08:00:00+07:00")

    assert fold([said], HCM) == {(Kind.DELIVERY, "42"): Part(done_at=datetime(2026, 11, 24, 1, tzinfo=UTC))}


def test_a_refund_is_promised_and_done():
    due = NOON + timedelta(days=7)
    facts = [
        touchpoint("Return Requested", order_id="o", refund_promised_at=due.isoformat()),
        happened(OrderRefunded(order_id="o", refund_id="r-2", source="web"), NOON + timedelta(days=3)),
        happened(OrderRefunded(order_id="o", refund_id="r-1", source="web"), NOON + timedelta(days=2)),
    ]

    part = fold(facts, HCM)[Kind.REFUND, "o"]

    assert part == Part(Said(NOON, facts[0].id, due), NOON + timedelta(days=2))


def test_first_words_to_somebody_unhappy():
    due, spoken = NOON + timedelta(hours=4), NOON + timedelta(hours=2)
    closed = CaseClosed(
        case_id=CASE,
        version=3,
        outcome="solved",
        root_cause="courier",
        was_contact_late=False,
        was_resolution_late=False,
    )
    facts = [
        opened(due),
        changed(NOON + timedelta(hours=1)),
        changed(NOON + timedelta(hours=3), contacted_at=spoken),
        happened(closed, NOON + timedelta(hours=5)),
    ]

    part = fold(facts, HCM)[Kind.FIRST_RESPONSE, str(CASE)]

    assert (part.said and part.said.due_at, part.done_at, part.ended_at) == (due, spoken, NOON + timedelta(hours=5))


def test_other_touchpoints_and_orders_without_an_id_say_nothing():
    facts = [
        touchpoint("Product Viewed", product_id="p"),
        touchpoint("Order Delivered"),
        touchpoint("Order Delivered", order_id="x" * 256),
        touchpoint("Order Delivered", order_id=True),
        touchpoint("Order Completed", order_id="o"),
        changed(NOON),
    ]

    assert [list(parts_of(each, HCM)) for each in facts] == [[]] * len(facts)


MOMENTS = st.integers(0, 6).map(lambda days: NOON + timedelta(days=days))
FACTS = st.lists(
    st.one_of(
        st.builds(
            lambda at, due, order: touchpoint("Order Completed", at, order_id=order, promised_at=due.isoformat()),
            MOMENTS,
            MOMENTS,
            st.sampled_from("ab"),
        ),
        st.builds(lambda at, order: touchpoint("Order Delivered", at, order_id=order), MOMENTS, st.sampled_from("ab")),
        st.builds(lambda at: happened(OrderCancelled(order_id="a", source="web"), at), MOMENTS),
        st.builds(lambda at: happened(OrderRefunded(order_id="b", refund_id="r", source="web"), at), MOMENTS),
    ),
    max_size=12,
)


@given(FACTS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_order_repeats_and_batches_change_nothing(facts: Sequence[Event[Any]], chance: random.Random, cut: int):
    shuffled = [*facts, *facts[: len(facts) // 2]]
    chance.shuffle(shuffled)

    first, second = fold(shuffled[:cut], HCM), fold(shuffled[cut:], HCM)
    merged = {key: together(first.get(key, Part()), second.get(key, Part())) for key in first.keys() | second.keys()}

    assert merged == fold(facts, HCM)
