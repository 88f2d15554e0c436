"""When a figure has moved enough to be told again: neither noise nor a flood."""

from datetime import datetime, timedelta
from typing import NamedTuple

from services.metrics.satisfaction.domain.report import Line

NOT_SOONER = timedelta(hours=1)
# A point of an NPS, a percent of a CSAT; a twentieth of a step of a mean score.
_ENOUGH = {"points": 100, "percent": 100, "score": 5}
_MORE_ANSWERS = 0.10


class Told(NamedTuple):
    """What was last told of a segment, or is about to be; in hundredths. `n` 0: nothing is to be shown."""

    definition: str
    value: int
    low: int
    high: int
    n: int


def telling(line: Line | None, definition: str) -> Told:
    """What a figure comes to when it is told."""
    reading = None if line is None else line.reading
    if line is None or reading is None or reading.value is None or reading.interval is None:
        return Told(definition, 0, 0, 0, 0)
    value, low, high = (round(100 * each) for each in (reading.value, reading.interval.low, reading.interval.high))
    return Told(line.measure.definition, value, low, high, reading.n)


def is_news(now: Told, before: Told | None, told_at: datetime | None, *, unit: str, at: datetime) -> bool:
    """Whether it is worth telling: the value moved, or many more or fewer answers stand behind it."""
    if before is None or told_at is None:
        return now.n > 0
    if at - told_at < NOT_SOONER:
        return False
    if now.definition != before.definition or (now.n == 0) != (before.n == 0):
        return True
    if abs(now.value - before.value) >= _ENOUGH[unit]:
        return True
    return abs(now.n - before.n) > _MORE_ANSWERS * before.n
