"""A report as it is answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.metrics.satisfaction.domain.report import Report
from services.metrics.satisfaction.domain.yardsticks import Yardstick


class Seen(NamedTuple):
    """An answer, and when and how fresh what it stands on was."""

    report: Report
    yardsticks: Sequence[Yardstick]
    as_of: datetime
    time_zone: str
    staleness_seconds: float | None
