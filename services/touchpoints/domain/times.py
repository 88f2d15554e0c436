"""Four clocks: when it happened by the device, when the device sent it, when we got it, and what we make of it.

The device's clock is corrected only when it is wrong by five minutes or more. Below that the difference is mostly the
way the request took, and correcting it would reorder events.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from services.touchpoints.domain.refusal import Refusal

SKEW_THRESHOLD = timedelta(minutes=5)
FUTURE_TOLERANCE = timedelta(hours=1)
FIRST_YEAR = 1990
LAST_YEAR = 2200

ClockNote = Literal["as_sent", "corrected", "clamped"]


def event_time(value: object) -> datetime:
    """The moment an event states, in UTC.

    Raises:
        Refusal: `bad_time`, `naive_time` (no offset: it could be any of 38 moments) or `impossible_time`.
    """
    try:
        moment = datetime.fromisoformat(value)  # type: ignore[arg-type] # anything else raises TypeError
    except (TypeError, ValueError):
        raise Refusal("bad_time", "The timestamp is not an ISO 8601 date and time.") from None
    if moment.tzinfo is None:
        raise Refusal("naive_time", "The timestamp has no offset; end it with Z or +07:00.")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise Refusal("impossible_time", f"The timestamp is not between {FIRST_YEAR} and {LAST_YEAR}.")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def sent_time(value: object) -> datetime | None:
    """When the device says it sent: only a help, so one that makes no sense counts as absent."""
    if value is None:
        return None
    try:
        return event_time(value)
    except Refusal:
        return None


def settle(original: datetime | None, sent: datetime | None, received: datetime) -> tuple[datetime, ClockNote]:
    """The event's time: `received - (sent - original)` where the device's clock is off, else as the device says.

    An event that states no time happened when we got it. One more than an hour ahead of us, after the correction,
    is set to when we got it.
    """
    if original is None:
        return received, "as_sent"
    moment, note = original, "as_sent"
    if sent is not None and abs(skew := received - sent) >= SKEW_THRESHOLD and (original + skew).year >= FIRST_YEAR:
        moment, note = original + skew, "corrected"
    if moment - received > FUTURE_TOLERANCE:
        return received, "clamped"
    return moment, note  # type: ignore[return-value] # mypy widens the literals
