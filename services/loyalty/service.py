"""The built service: one collaborator per subject."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.loyalty.settings import LoyaltySettings
from shared.clock import Clock
from shared.db.engine import Database


@dataclass(frozen=True, slots=True)
class LoyaltyService:
    """What `build` makes. Each subject is a property that puts its collaborators together."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    settings: LoyaltySettings
