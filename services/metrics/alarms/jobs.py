"""Timed work of alarms, and their gauges."""

from datetime import timedelta

from prometheus_client import Gauge

from services.metrics.service import MetricsService
from shared.observability.metrics import REGISTRY
from shared.runtime.service import Job

_LABELS = ["watch", "direction", "owner"]
RAISED = Gauge("tam_alarm_raised", "Whether an alarm of this watch stands: 1 or 0.", _LABELS, registry=REGISTRY)
SEEN = Gauge("tam_alarm_acknowledged", "Whether all that stands was acknowledged: 1 or 0.", _LABELS, registry=REGISTRY)
RATIO = Gauge(
    "tam_alarm_statistic_ratio", "CUSUM over its threshold, at the last whole day.", _LABELS, registry=REGISTRY
)
SILENT = Gauge("tam_alarm_cannot_say", "Whether nothing can be said: 1 or 0.", _LABELS, registry=REGISTRY)


async def look(metrics: MetricsService) -> None:
    """Look at what changed."""
    await metrics.watching.look()


async def refresh_gauges(metrics: MetricsService) -> None:
    """Set the gauges; what cannot be said has no ratio."""
    watched, standing = await metrics.alarms.gauges()
    for gauge in (RAISED, SEEN, RATIO, SILENT):
        gauge.clear()
    for each in watched:
        for direction in each.watch.directions:
            labels = (each.watch.name, direction, each.watch.owner or "")
            mine = [alarm for alarm in standing if (alarm.watch_id, alarm.direction) == (each.watch.id, direction)]
            RAISED.labels(*labels).set(bool(mine))
            SEEN.labels(*labels).set(bool(mine) and all(alarm.acknowledged_at for alarm in mine))
            arm = each.arms.get(direction)
            SILENT.labels(*labels).set(arm is None or arm.state == "cannot_say")
            if arm is not None and arm.statistic is not None and arm.threshold:
                RATIO.labels(*labels).set(arm.statistic / arm.threshold)


# Days change seldom once they are over; to find that none has costs a read of two years of days for each watch.
JOBS = (Job("metrics.alarms", timedelta(minutes=5), look),)
