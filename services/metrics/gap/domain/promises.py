"""Promises and what came of them, folded from facts: each a minimum, so that they commute and repeat without effect.

* delivery: `promised_at` of any touchpoint with an `order_id`, against its first `Order Delivered` (its `delivered_at`
  if it says one). Cancelled before it was due, nothing was to be kept; cancelled after, it was broken.
* refund: `refund_promised_at` of any touchpoint with an `order_id`, against the order's first refund.
* first_response: the moment by which somebody unhappy was to be spoken to (`CaseOpened`), against when they were. A
  case closed, or made part of another, before that and without a word: nothing was to be kept.

The first promise holds: who promises anew when it is late does not keep it. A day without a time is kept until it
ends, where the firm is.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from shared.events.catalogue.surveys import CaseChanged, CaseClosed, CaseOpened
from shared.events.catalogue.touchpoints import OrderCancelled, OrderRefunded, TouchpointRecorded
from shared.events.envelope import Event

PromiseFact = TouchpointRecorded | OrderRefunded | OrderCancelled | CaseOpened | CaseChanged | CaseClosed

DELIVERED = "Order Delivered"
_MAX_ID = 255
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """What is promised."""

    DELIVERY = "delivery"
    REFUND = "refund"
    FIRST_RESPONSE = "first_response"


class Said(NamedTuple):
    """The fact that promises; the smallest one holds."""

    at: datetime
    event_id: UUID
    due_at: datetime


class Part(NamedTuple):
    """What one fact, or several, say of one promise."""

    said: Said | None = None
    done_at: datetime | None = None
    ended_at: datetime | None = None


PromiseKey = tuple[Kind, str]


def parts_of(event: Event[PromiseFact], zone: tzinfo) -> Iterable[tuple[PromiseKey, Part]]:
    """What one event says of promises; nothing, of most."""
    fact = event.data
    if isinstance(fact, TouchpointRecorded):
        yield from _of_touchpoint(event, fact, zone)
    elif isinstance(fact, OrderRefunded):
        yield (Kind.REFUND, fact.order_id), Part(done_at=event.time)
    elif isinstance(fact, OrderCancelled):
        yield (Kind.DELIVERY, fact.order_id), Part(ended_at=event.time)
    elif isinstance(fact, CaseOpened):
        said = Said(event.time, event.id, fact.contact_due_at)
        yield (Kind.FIRST_RESPONSE, str(fact.case_id)), Part(said=said)
    elif isinstance(fact, CaseChanged):
        ended = None if fact.merged_into is None else event.time
        if fact.contacted_at is not None or ended is not None:
            yield (Kind.FIRST_RESPONSE, str(fact.case_id)), Part(done_at=fact.contacted_at, ended_at=ended)
    else:
        yield (Kind.FIRST_RESPONSE, str(fact.case_id)), Part(ended_at=event.time)


def _of_touchpoint(
    event: Event[PromiseFact], fact: TouchpointRecorded, zone: tzinfo
) -> Iterable[tuple[PromiseKey, Part]]:
    properties = fact.properties
    is_delivered = fact.name == DELIVERED
    if not is_delivered and "promised_at" not in properties and "refund_promised_at" not in properties:
        return
    order_id = _order_id(properties.get("order_id"))
    if order_id is None:
        return
    due = moment(properties.get("promised_at"), zone)
    said = None if due is None else Said(event.time, event.id, due)
    # A day on which it was delivered says no more than that it was within the day: in the customer's favour, its end
    # would make late what was not, so the earlier of the day's end and of when it was told.
    told = moment(properties.get("delivered_at"), zone)
    done = None if not is_delivered else event.time if told is None else min(told, event.time)
    if said is not None or done is not None:
        yield (Kind.DELIVERY, order_id), Part(said, done)
    refund_due = moment(properties.get("refund_promised_at"), zone)
    if refund_due is not None:
        yield (Kind.REFUND, order_id), Part(said=Said(event.time, event.id, refund_due))


def _order_id(value: object) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(int(value)) if float(value).is_integer() else None
    return value.strip() or None if isinstance(value, str) and len(value) <= _MAX_ID else None


def moment(value: object, zone: tzinfo) -> datetime | None:
    """A moment as shops write it: RFC 3339; without an offset, local; a day alone, its last moment.

    None for what is none, and for what lies out of all reason.
    """
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        if len(text) == len("2026-01-31"):
            found = _of_day(date.fromisoformat(text), zone)
        else:
            found = datetime.fromisoformat(text)
            found = found.replace(tzinfo=zone) if found.tzinfo is None else found
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if _EARLIEST <= found < _LATEST else None


def _of_day(day: date, zone: tzinfo) -> datetime:
    after = day + timedelta(days=1)
    # Found in UTC: on a wall that jumps at midnight, a microsecond less is another moment than on a clock.
    return datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC) - timedelta(microseconds=1)


def together(first: Part, second: Part) -> Part:
    """What two parts of one promise say."""
    return Part(
        _least(first.said, second.said),
        _least(first.done_at, second.done_at),
        _least(first.ended_at, second.ended_at),
    )


def _least(first: Any, second: Any) -> Any:
    return second if first is None else first if second is None else min(first, second)


def fold(events: Iterable[Event[PromiseFact]], zone: tzinfo) -> dict[PromiseKey, Part]:
    """What a batch says of each promise."""
    found: dict[PromiseKey, Part] = {}
    for event in events:
        for key, part in parts_of(event, zone):
            found[key] = together(found[key], part) if key in found else part
    return found


class Kept(NamedTuple):
    """Promises that fell due in a period, as of now.

    `kept` in time, `late` done after it, `broken` not done and past due; `pending` is not due yet, `void` was not to be
    kept any more. `median_late_seconds` is that of those late, None without any.
    """

    kept: int = 0
    late: int = 0
    broken: int = 0
    pending: int = 0
    void: int = 0
    median_late_seconds: float | None = None

    @property
    def due(self) -> int:
        """Of how many can be said whether they were kept."""
        return self.kept + self.late + self.broken
