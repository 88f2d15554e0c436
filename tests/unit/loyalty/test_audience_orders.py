"""What is known of an order: what it holds is folded like its total, in any order, and comes back from the table."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loyalty.audience.domain import dump_content, known, load_content
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderLine, OrderPlaced, OrderRefunded
from shared.events.envelope import Event
from shared.events.orders import UNKNOWN, Content, Order, with_content, with_fact

DAY = datetime(2026, 3, 2, tzinfo=UTC)
LINES = st.none() | st.lists(
    st.builds(OrderLine, st.sampled_from(["p", None]), st.none(), st.sampled_from(["Trà", None]), st.integers(1, 9)),
    max_size=3,
).map(tuple)


@st.composite
def facts(draw: st.DrawFn) -> list[Event[Any]]:
    """Facts about one order."""
    made: list[Event[Any]] = []
    for number in range(draw(st.integers(1, 6))):
        money = {"order_id": "o", "total_minor": draw(st.integers(0, 999)), "currency": "VND", "source": "web"}
        data = draw(
            st.sampled_from(
                [
                    OrderPlaced(**money, lines=draw(LINES), coupon=draw(st.sampled_from([None, "TET"]))),
                    OrderChanged(**money, lines=draw(LINES), shipping_minor=draw(st.integers(0, 9))),
                    OrderRefunded(
                        order_id="o", refund_id=f"r{number % 2}", amount_minor=5, currency="VND", source="web"
                    ),
                    OrderCancelled(order_id="o", source="web"),
                ]
            )
        )
        at = DAY + timedelta(hours=draw(st.integers(0, 3)))
        made.append(Event(UUID(int=number + 1), UUID(int=draw(st.integers(1, 2))), at, at, data))
    return made


def folded(events: list[Event[Any]]) -> tuple[Order, Content | None]:
    order, content = UNKNOWN, None
    for event in events:
        order, content = with_fact(order, event), with_content(content, event)
    return order, content


@given(events=facts(), random=st.randoms(use_true_random=False))
def test_any_order_with_repeats_ends_in_the_same_order(events: list[Event[Any]], random: Random):
    told = [*events, *random.sample(events, k=random.randrange(len(events) + 1))]
    random.shuffle(told)

    assert folded(told) == folded(events)


@given(events=facts())
def test_what_an_order_holds_comes_back_from_its_column(events: list[Event[Any]]):
    _, content = folded(events)
    text = dump_content(content)

    if content is None:
        assert text is None
    else:
        assert load_content(orjson.loads(text or ""), content.at) == content


@given(events=facts())
def test_an_order_is_known_once_it_was_placed(events: list[Event[Any]]):
    order, content = folded(events)
    seen = known("o", order, content)

    assert (seen is None) == all(isinstance(each.data, OrderRefunded | OrderCancelled) for each in events)
    if seen is not None:
        assert 0 <= seen.net_minor <= seen.total_minor
        assert seen.net_minor == 0 or not seen.is_cancelled


@pytest.mark.parametrize("with_lines_first", [True, False])
def test_a_correction_without_lines_leaves_what_was_bought(*, with_lines_first: bool):
    tea = (OrderLine("p", None, "Trà", 2, 100),)
    data = OrderPlaced(order_id="o", total_minor=200, currency="VND", source="web", lines=tea)
    bought = Event(UUID(int=1), UUID(int=1), DAY, DAY, data)
    later = DAY + timedelta(hours=1)
    change = OrderChanged(order_id="o", total_minor=150, currency="VND", source="web")
    corrected = Event(UUID(int=2), UUID(int=1), later, later, change)

    seen = known("o", *folded([bought, corrected] if with_lines_first else [corrected, bought]))

    assert seen is not None
    assert (seen.total_minor, seen.lines) == (150, tea)
