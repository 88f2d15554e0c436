"""Timed work on invariants, and their gauges."""

from datetime import timedelta

from prometheus_client import Gauge

from services.loyalty.service import LoyaltyService
from shared.observability.logging import logger
from shared.observability.metrics import REGISTRY
from shared.runtime.service import Job

log = logger(__name__)

VIOLATIONS = Gauge(
    "tam_loyalty_invariant_violations",
    "Violations found; NaN where a check took too long.",
    ["invariant"],
    registry=REGISTRY,
)
CHECKED = Gauge(
    "tam_loyalty_invariants_checked_timestamp_seconds",
    "When the invariants were checked last, as Unix time; 0: never.",
    registry=REGISTRY,
)


async def check(loyalty: LoyaltyService) -> None:
    """Check all that must hold, and say loudly what does not."""
    await loyalty.invariants.check_again()
    for each in await loyalty.invariants.found():
        if each.violations:
            log.error("invariant_violated", invariant=each.name, number=each.violations, examples=list(each.examples))


async def refresh_gauges(loyalty: LoyaltyService) -> None:
    """Set the gauges to what was found last, by whichever process."""
    VIOLATIONS.clear()
    found = await loyalty.invariants.found()
    for each in found:
        VIOLATIONS.labels(each.name).set(float("nan") if each.violations is None else each.violations)
    CHECKED.set(min((each.checked_at.timestamp() for each in found), default=0))


JOBS = (Job("loyalty.invariants", timedelta(minutes=1), check),)
