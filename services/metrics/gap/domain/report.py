"""What is shown of gaps: beliefs, what customers say, and what was promised, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.metrics.gap.domain.gaps import Customers, Prediction, QuestionGap
from services.metrics.gap.domain.promises import Kept, Kind
from services.metrics.gap.domain.waves import MirrorWave


@dataclass(frozen=True, slots=True)
class Seen:
    """As of when, in which days, and how fresh."""

    now: datetime
    time_zone: str
    staleness_seconds: float | None


@dataclass(frozen=True, slots=True)
class WaveGap:
    """A wave beside the answers of its customers, and beside the promises of its period."""

    wave: MirrorWave
    customers: Customers
    questions: Sequence[QuestionGap]
    predictions: Sequence[Prediction]
    promises: Mapping[Kind, Kept]


@dataclass(frozen=True, slots=True)
class Gaps:
    """All waves that were asked for. `is_cut`: there are more than are shown."""

    seen: Seen
    waves: Sequence[WaveGap]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class PromiseGap:
    """What became of the promises that fell due in a period."""

    seen: Seen
    first: date
    last: date
    kept: Mapping[Kind, Kept]


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest closed wave of each touchpoint, and the promises of the last days."""

    waves: Sequence[WaveGap]
    kept: Mapping[Kind, Kept]
