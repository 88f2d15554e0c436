"""The manifest of the loyalty service."""

from pathlib import Path

from services.loyalty.service import LoyaltyService
from services.loyalty.settings import LoyaltySettings
from shared.events.catalogue.loyalty import PUBLISHES
from shared.runtime.service import Parts, Service


def build(parts: Parts) -> LoyaltyService:
    """The service on its parts."""
    settings = parts.settings if isinstance(parts.settings, LoyaltySettings) else LoyaltySettings()
    return LoyaltyService(db=parts.db, clock=parts.clock, zone=parts.zone, settings=settings)


service = Service(
    name="loyalty",
    build=build,
    migrations=Path(__file__).parent / "migrations",
    routers=(),
    settings=LoyaltySettings,
    publishes=PUBLISHES,
    subscriptions=(),
    jobs=(),
    follows_identity=True,
)
