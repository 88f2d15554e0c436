"""What the rooms of metrics do by the clock, and before each scrape."""

from services.metrics.alarms.jobs import JOBS as ALARMS
from services.metrics.alarms.jobs import refresh_gauges as refresh_alarms
from services.metrics.figures.jobs import refresh_gauges as refresh_figures
from services.metrics.gap.jobs import refresh_gauges as refresh_gaps
from services.metrics.knowledge.jobs import JOBS as KNOWLEDGE
from services.metrics.retention.jobs import JOBS as RETENTION
from services.metrics.satisfaction.jobs import JOBS as SATISFACTION
from services.metrics.satisfaction.jobs import refresh_gauges as refresh_satisfaction
from services.metrics.scorecard.jobs import JOBS as SCORECARD
from services.metrics.scorecard.jobs import refresh_gauges as refresh_targets
from services.metrics.service import MetricsService
from services.metrics.subscriptions.jobs import JOBS as SUBSCRIPTIONS
from services.metrics.subscriptions.jobs import refresh_gauges as refresh_subscriptions
from services.metrics.value.jobs import JOBS as VALUE
from services.metrics.value.jobs import refresh_gauges as refresh_value

JOBS = (*SATISFACTION, *RETENTION, *VALUE, *SCORECARD, *ALARMS, *SUBSCRIPTIONS, *KNOWLEDGE)


async def refresh_gauges(metrics: MetricsService) -> None:
    """Set all gauges."""
    await refresh_figures(metrics)
    await refresh_satisfaction(metrics)
    await refresh_gaps(metrics)
    await refresh_value(metrics)
    await refresh_subscriptions(metrics)
    await refresh_alarms(metrics)
    await refresh_targets(metrics)
