"""The answer about the whole firm."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.metrics.domain.calendar import Period
from services.metrics.domain.figure import Figure, Frame


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of the whole firm as of a day."""

    frame: Frame
    window: int
    currency: str | None
    figures: Mapping[str, Figure]
    lifecycle: Mapping[Period, Mapping[str, Figure]]
    other_currencies: Mapping[str, Mapping[str, Figure]]
    windows: Mapping[int, Mapping[str, Figure]]
