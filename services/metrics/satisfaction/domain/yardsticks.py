"""What a figure is held against."""

from datetime import date
from typing import Literal, NamedTuple

from services.metrics.satisfaction.domain.query import Metric

YardstickKind = Literal["benchmark", "target"]


class Yardstick(NamedTuple):
    """A value to hold a figure against: somebody else's, with its source, or the firm's own aim, with its owner."""

    kind: YardstickKind
    metric: Metric
    name: str
    value: float
    source: str | None
    owner: str | None
    dated: date
