"""Timed work of the score card, and what its figures shall be as gauges, to be drawn beside what they are."""

from datetime import timedelta

from prometheus_client import Gauge

from services.metrics.service import MetricsService
from shared.observability.metrics import REGISTRY
from shared.runtime.service import Job

TARGET = Gauge(
    "tam_metrics_target",
    "What a figure of the score card shall be, of all customers, in the figure's unit.",
    ["figure", "currency"],
    registry=REGISTRY,
)


async def keep(metrics: MetricsService) -> None:
    """Compute what costs too much to be read, where it is due."""
    await metrics.keeping.keep()


async def refresh_gauges(metrics: MetricsService) -> None:
    """Set the gauges; a target that was taken back is shown no more."""
    found = await metrics.aims.listed()
    TARGET.clear()
    for each in found.items:
        if each.segment is None and each.value is not None:
            TARGET.labels(each.figure, each.currency or "").set(each.value)


JOBS = (Job("metrics.scorecard", timedelta(minutes=5), keep),)
