"""Gauges of the delivery gap and of promises: the same figures as over HTTP, set before each scrape.

Earned growth has none: a read of it looks at every order of two periods, which is too much for every scrape.
"""

from prometheus_client import Gauge

from services.metrics.gap.domain.report import Latest
from services.metrics.service import MetricsService
from shared.observability.metrics import REGISTRY

GAP = Gauge(
    "tam_metrics_delivery_gap_points",
    "What staff believes less what customers say, share of the two highest scores, in the newest closed wave.",
    ["touchpoint", "question"],
    registry=REGISTRY,
)
PREDICTION = Gauge(
    "tam_metrics_nps_prediction_gap_points",
    "Mean NPS that staff predicted less the NPS of the customers, in the newest closed wave.",
    ["touchpoint"],
    registry=REGISTRY,
)
KEPT = Gauge(
    "tam_metrics_promises_kept_ratio",
    "Share of the promises that fell due in the last 30 days and were kept in time.",
    ["kind"],
    registry=REGISTRY,
)


async def refresh_gauges(metrics: MetricsService) -> None:
    """Set the gauges; what cannot be said is not shown."""
    found = await metrics.delivery_gap.latest()
    for gauge in (GAP, PREDICTION, KEPT):
        gauge.clear()
    _set_gaps(found)
    for kind, kept in found.kept.items():
        if kept.due:
            KEPT.labels(kind.value).set(kept.kept / kept.due)


def _set_gaps(found: Latest) -> None:
    for wave in found.waves:
        touchpoint = wave.wave.touchpoint or ""
        for question in wave.questions:
            if question.gap is not None and question.place.row is None:
                GAP.labels(touchpoint, question.place.question_id).set(question.gap.points)
        overall = next((each for each in wave.predictions if each.role is None), None)
        if overall is not None and overall.gap is not None:
            PREDICTION.labels(touchpoint).set(overall.gap.points)
