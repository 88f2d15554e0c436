"""What becomes of an accepted event: one touchpoint, and the facts it states."""

from typing import Any, NamedTuple
from uuid import UUID

from services.touchpoints.domain import names, privacy
from services.touchpoints.domain.commerce import Statement, fact_of
from services.touchpoints.domain.refusal import Refusal
from shared.errors import Poison
from shared.events.catalogue.touchpoints import TouchpointReceived, TouchpointRecorded
from shared.events.envelope import Event, EventData
from shared.ids import derived_id

_NAMES = {
    "page": names.PAGE_VIEWED,
    "screen": names.SCREEN_VIEWED,
    "identify": names.IDENTIFIED,
    "group": names.GROUPED,
    "alias": names.ALIASED,
}


class Touchpoint(NamedTuple):
    """One thing that happened to a customer, without personal data, and the events that announce it."""

    name: str
    properties: dict[str, Any]
    context: dict[str, Any]
    announced: tuple[Event[EventData], ...]


def record(event: Event[TouchpointReceived]) -> Touchpoint:
    """Read an accepted event.

    Raises:
        Poison: it states an impossible fact; the door lets none through.
    """
    data = event.data
    name = touchpoint_name(data)
    said = data.properties
    if data.call in ("page", "screen"):
        said = {"name": data.name, **said} if data.name else said
    elif data.call != "track":
        # Who somebody is, is the business of profiles: here only that they said so.
        said = {}
    announced = [
        announce(
            event, TouchpointRecorded(source=data.source, call=data.call, name=name, properties=privacy.for_log(said))
        )
    ]
    if data.call == "track":
        try:
            fact = fact_of(Statement(name, said, str(event.id), data.source))
        except Refusal as refusal:
            raise Poison(f"the event states no possible fact ({refusal.code})") from None
        if fact is not None:
            announced.append(announce(event, fact))
    return Touchpoint(name, privacy.for_table(name, said), privacy.of_context(data.context), tuple(announced))


def touchpoint_name(data: TouchpointReceived) -> str:
    """The vocabulary's name of what happened."""
    return names.canonical(data.name or "") if data.call == "track" else _NAMES[data.call]


def announce(event: Event[TouchpointReceived], fact: EventData) -> Event[EventData]:
    """A fact with the time, the subject and the trace of the event it comes from.

    Its id is derived, so that a replay announces the same; `recorded` is when the door took the event, so that the
    time from there to a figure can be measured.
    """
    return Event(
        id=fact_id(event.id, fact.event_type),
        subject=event.subject,
        time=event.time,
        recorded=event.recorded,
        data=fact,
        traceparent=event.traceparent,
    )


def fact_id(event_id: UUID, event_type: str) -> UUID:
    """The id of the one fact of a type that an event states."""
    return derived_id(str(event_id), event_type)
