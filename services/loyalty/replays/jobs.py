"""What replays show to Prometheus."""

from prometheus_client import Gauge

from services.loyalty.service import LoyaltyService
from shared.observability.metrics import REGISTRY

DRIFT = Gauge(
    "tam_loyalty_replay_drift_rows",
    "Rows, at least, that only the live table has or only the one rebuilt from the log, when it was last compared.",
    ["table"],
    registry=REGISTRY,
)
COMPARED = Gauge(
    "tam_loyalty_replay_compared_timestamp_seconds",
    "When the live tables were last compared with those rebuilt from the log, as Unix time; 0: never.",
    registry=REGISTRY,
)


async def refresh_drift(loyalty: LoyaltyService) -> None:
    """Set the gauges to what the last `tam replay loyalty --verify` found."""
    DRIFT.clear()
    found = await loyalty.replays.found()
    for each in found:
        DRIFT.labels(each.name).set(each.differing)
    COMPARED.set(min((each.checked_at.timestamp() for each in found), default=0))
