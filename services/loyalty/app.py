"""The manifest of the loyalty service."""

from pathlib import Path

from services.loyalty.achievements.api import router as achievements
from services.loyalty.checkout.api import router as checkout
from services.loyalty.checkout.consumers import SUBSCRIPTIONS as CHECKOUT
from services.loyalty.consumers import SUBSCRIPTIONS as MEMBERS
from services.loyalty.earning.api import router as earning
from services.loyalty.earning.consumers import SUBSCRIPTIONS as EARNING
from services.loyalty.flash.api import router as flash
from services.loyalty.invariants.api import router as invariants
from services.loyalty.jobs import JOBS, refresh_gauges
from services.loyalty.points.api import router as points
from services.loyalty.pools.api import router as pools
from services.loyalty.programs.api import router as programs
from services.loyalty.promotions.api import router as promotions
from services.loyalty.referrals.api import router as referrals
from services.loyalty.replays.consumers import RECOVERIES, keep
from services.loyalty.reports.api import router as reports
from services.loyalty.rewards.api import router as rewards
from services.loyalty.rights.consumers import RIGHTS
from services.loyalty.service import LoyaltyService
from services.loyalty.settings import LoyaltySettings
from services.loyalty.simulations.api import router as simulations
from services.loyalty.tiers.api import router as tiers
from services.loyalty.verification.consumers import NIGHTLY
from services.loyalty.vouchers.api import router as vouchers
from services.loyalty.vouchers.service.vault import Vault, pepper_file
from shared.events.catalogue.loyalty import PUBLISHES
from shared.runtime.service import Parts, Service


def build(parts: Parts) -> LoyaltyService:
    """The service on its parts."""
    settings = parts.settings if isinstance(parts.settings, LoyaltySettings) else LoyaltySettings()
    vault = Vault(settings.peppers, pepper_file(parts.platform))
    return LoyaltyService(parts.db, parts.clock, parts.zone, settings, vault, parts=parts)


POINTS = (points, reports, programs, earning, tiers, invariants, rewards, simulations)
SHOP = (checkout, flash, vouchers, promotions)
FRIENDS = (referrals, achievements, pools)

service = Service(
    name="loyalty",
    build=build,
    migrations=Path(__file__).parent / "migrations",
    routers=(*POINTS, *SHOP, *FRIENDS),
    settings=LoyaltySettings,
    publishes=PUBLISHES,
    subscriptions=(*MEMBERS, *EARNING, *CHECKOUT),
    jobs=(*JOBS, NIGHTLY),
    recoveries=RECOVERIES,
    on_verified=keep,
    follows_identity=True,
    rights=RIGHTS,
    on_scrape=refresh_gauges,
)
