"""What happened to somebody, as triggers see it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.surveys.asking.domain.policy import On
from shared.events.catalogue.touchpoints import (
    OrderCancelled,
    OrderChanged,
    OrderPlaced,
    OrderRefunded,
    TouchpointRecorded,
)
from shared.events.envelope import Event
from shared.events.orders import OrderFact

_ORDERS: Mapping[type, On] = {
    OrderPlaced: "order_placed",
    OrderChanged: "order_changed",
    OrderRefunded: "order_refunded",
    OrderCancelled: "order_cancelled",
}


class Fact(NamedTuple):
    """A touchpoint, or a fact about an order, of the raw person key `person`."""

    id: UUID
    person: UUID
    at: datetime
    on: On
    call: str | None
    name: str | None
    properties: Mapping[str, Any]

    def text(self, name: str | None, longest: int = 200) -> str | None:
        """A property as a short text; None where there is none."""
        value = None if name is None else self.properties.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        return str(value).strip()[:longest] or None

    @property
    def order_id(self) -> str | None:
        """The order it is about."""
        return self.text("order_id")


def fact_of(event: Event[TouchpointRecorded] | Event[OrderFact]) -> Fact:
    """An event as triggers see it. Of an order, the event's own fields are its properties."""
    data = event.data
    if isinstance(data, TouchpointRecorded):
        return Fact(event.id, event.subject, event.time, "touchpoint", data.call, data.name, data.properties)
    # Neither copied nor converted: most facts match nothing.
    return Fact(event.id, event.subject, event.time, _ORDERS[type(data)], None, None, data.__dict__)
