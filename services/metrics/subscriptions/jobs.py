"""Timed work of subscriptions, and their gauges: the same figures as over HTTP, set before each scrape."""

from datetime import timedelta

from prometheus_client import Gauge

from services.metrics.domain.figure import number
from services.metrics.figures.jobs import show
from services.metrics.service import MetricsService
from shared.observability.metrics import REGISTRY, FigureGauge
from shared.runtime.service import Job

SUBSCRIBERS = Gauge("tam_metrics_subscribers", "People who subscribe.", registry=REGISTRY)
CHURN = FigureGauge(
    "tam_metrics_subscriber_churn_ratio",
    "Share of the subscribers of 30 days ago who left and did not come back.",
    registry=REGISTRY,
)
CHURNED = Gauge("tam_metrics_churned_subscribers", "Those of them who left.", registry=REGISTRY)
MRR = Gauge("tam_metrics_mrr", "What subscriptions bring in a month, in major units.", ["currency"], registry=REGISTRY)
LOST = Gauge(
    "tam_metrics_revenue_churn_ratio",
    "Churned and contracted MRR of the last 30 days, as a share of the MRR before.",
    ["currency"],
    registry=REGISTRY,
)


async def refresh_gauges(metrics: MetricsService) -> None:
    """Set the gauges. A currency no longer seen is shown no more, and nothing of what cannot be said."""
    found = await metrics.subscriptions.monthly()
    SUBSCRIBERS.set(number(found.subscribers) or 0)
    CHURN.set(number(found.churn))
    CHURNED.set(float(found.churn.numerator or 0))
    for gauge, figures in ((MRR, found.mrr), (LOST, found.revenue_churn)):
        gauge.clear()
        for currency, figure in figures.items():
            show(gauge, figure, currency)


async def recount(metrics: MetricsService) -> None:
    """Go on counting history by a policy that is pending."""
    if await metrics.subscription_rules.recount():
        metrics.answers.forget()


JOBS = (Job("metrics.recount_subscriptions", timedelta(seconds=10), recount),)
