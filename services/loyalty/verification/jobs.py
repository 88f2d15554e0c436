"""What Prometheus sees of the nightly verification."""

from prometheus_client import Gauge

from services.loyalty.service import LoyaltyService
from shared.observability.metrics import REGISTRY

NIGHTLY = Gauge(
    "tam_loyalty_verify_nightly_on",
    "Whether the books are rebuilt and compared every night: switched on, and allowed to.",
    registry=REGISTRY,
)
SECONDS = Gauge(
    "tam_loyalty_verify_nightly_seconds",
    "How long the last nightly comparison took, interruptions included; 0: there was none.",
    registry=REGISTRY,
)


async def refresh_nightly(loyalty: LoyaltyService) -> None:
    """Set the gauges to what the last night left."""
    standing = await loyalty.verification.standing()
    NIGHTLY.set(standing.is_on)
    SECONDS.set(standing.seconds or 0)
