"""What the unit tests of touchpoints share: a moment, a request, and a short way to judge one event."""

from datetime import UTC, datetime
from typing import Any

from services.touchpoints.domain.calls import Delivery, accept
from services.touchpoints.domain.refusal import Refusal
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Catalogue, Event

RECEIVED = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
CATALOGUE = Catalogue((TouchpointReceived,))


def a_delivery(**options: Any) -> Delivery:
    """A request of the source `web`, received at `RECEIVED`."""
    return Delivery("web", RECEIVED, **options)


def judged(event: Any, call: str | None = None, **options: Any) -> Event[TouchpointReceived]:
    """The event as consumers will read it."""
    event_in = CATALOGUE.decode(accept(event, call, a_delivery(**options)).value)
    assert event_in is not None
    return event_in


def refusal_of(event: Any, call: str | None = None, **options: Any) -> str:
    """The code with which the event is refused; `accepted` if it is not."""
    try:
        accept(event, call, a_delivery(**options))
    except Refusal as refusal:
        return refusal.code
    return "accepted"


def a_track(**changes: Any) -> dict[str, Any]:
    """A plain track call."""
    return {"type": "track", "event": "Product Viewed", "userId": "u1", "messageId": "m1", **changes}


def an_order(**properties: Any) -> dict[str, Any]:
    """An Order Completed of 27.50 dollars."""
    return a_track(
        event="Order Completed", properties={"order_id": "o1", "total": 27.5, "currency": "USD", **properties}
    )
