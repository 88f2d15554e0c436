"""Which night it is, and what is to be done in it."""

from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Phase = Literal["reading", "comparing", "done", "failed"]
# Whoever works says so more often than that; who has not for longer is gone.
SILENCE = timedelta(minutes=5)


class Night(NamedTuple):
    """The last run: of which night, how far, in which schema; `beat_at`: when it said last that it is at work."""

    night: date
    phase: Phase
    schema: str
    started_at: datetime
    beat_at: datetime
    finished_at: datetime | None
    reason: str | None


def night_of(now: datetime, hour: int, zone: ZoneInfo) -> date:
    """The local day on which the last such hour began."""
    local = now.astimezone(zone)
    return local.date() if local.hour >= hour else local.date() - timedelta(days=1)


def is_due(last: Night | None, night: date, now: datetime) -> bool:
    """Whether there is something to do: nobody did it tonight, and nobody is at it."""
    if last is None:
        return True
    if last.finished_at is not None:
        return last.night < night
    return now - last.beat_at > SILENCE


def goes_on(last: Night, night: date) -> bool:
    """Whether what was begun can be gone on with. What was read by a snapshot that is gone cannot."""
    return last.finished_at is None and last.night == night and last.phase == "reading"
