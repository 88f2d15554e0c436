"""How old the knowledge behind a figure is."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Position(NamedTuple):
    """How far one partition is read: the next offset, when the newest applied fact was learnt, the end of the log."""

    next_offset: int
    recorded_at: datetime | None
    end: int


def staleness_seconds(positions: Iterable[Position], *, now: datetime, measured_at: datetime) -> float | None:
    """Seconds since every fact on the bus was in the figures; None if that cannot be said.

    Where a partition is read to its end, as measured at `measured_at`, that is the time since then; where it is not,
    the time since the newest fact that was applied had been learnt.
    """
    oldest = measured_at
    for position in positions:
        if position.next_offset >= position.end:
            continue
        if position.recorded_at is None:
            return None
        oldest = min(oldest, position.recorded_at)
    return round(max(0.0, (now - oldest).total_seconds()), 3)
