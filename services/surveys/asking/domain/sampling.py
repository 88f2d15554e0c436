"""Who is in the sample: a function of the survey, the wave and the person, the same on every machine for ever."""

from datetime import date, datetime
from hashlib import sha256
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

Rotates = Literal["never", "month", "quarter"]

_SPACE = 2**64


def drawn(survey_id: UUID, wave: int, root: UUID) -> float:
    """The place of a person among all, in [0, 1): even, and independent from one survey and wave to the next."""
    digest = sha256(b"tam.asking\x1f" + survey_id.bytes + wave.to_bytes(8, "big") + root.bytes).digest()
    return int.from_bytes(digest[:8], "big") / _SPACE


def is_sampled(survey_id: UUID, wave: int, root: UUID, share: float) -> bool:
    """Whether a person is among the share of a wave that is asked."""
    return share >= 1 or drawn(survey_id, wave, root) < share


def phase(survey_id: UUID, root: UUID, days: int) -> int:
    """The day, from 0 to below `days`, on which a person begins: so that not all are asked at once."""
    return int(drawn(survey_id, 0, root) * days) if days else 0


def wave_of(rotates: Rotates, at: datetime, zone: ZoneInfo) -> int:
    """The wave of a fact: where the sample rotates, that of its local month or quarter; else the first and only."""
    if rotates == "never":
        return 1
    day: date = at.astimezone(zone).date()
    return day.year * 12 + day.month if rotates == "month" else day.year * 4 + (day.month + 2) // 3
