"""The manifest of the loyalty service."""

from pathlib import Path

from services.loyalty.checkout.api import router as checkout
from services.loyalty.checkout.consumers import SUBSCRIPTIONS as CHECKOUT
from services.loyalty.checkout.jobs import JOBS as CHECKOUT_JOBS
from services.loyalty.consumers import SUBSCRIPTIONS as MEMBERS
from services.loyalty.earning.api import router as earning
from services.loyalty.earning.consumers import SUBSCRIPTIONS as EARNING
from services.loyalty.earning.jobs import JOBS as EARNING_JOBS
from services.loyalty.flash.api import router as flash
from services.loyalty.flash.jobs import JOBS as FLASH
from services.loyalty.invariants.api import router as invariants
from services.loyalty.invariants.jobs import JOBS as INVARIANTS
from services.loyalty.invariants.jobs import refresh_gauges
from services.loyalty.points.api import router as points
from services.loyalty.points.jobs import JOBS as POINTS
from services.loyalty.programs.api import router as programs
from services.loyalty.promotions.api import router as promotions
from services.loyalty.referrals.api import router as referrals
from services.loyalty.referrals.jobs import JOBS as REFERRALS
from services.loyalty.rewards.api import router as rewards
from services.loyalty.rights.consumers import RIGHTS
from services.loyalty.service import LoyaltyService
from services.loyalty.settings import LoyaltySettings
from services.loyalty.throttle.jobs import JOBS as THROTTLE
from services.loyalty.tiers.api import router as tiers
from services.loyalty.vouchers.api import router as vouchers
from services.loyalty.vouchers.jobs import JOBS as VOUCHERS
from services.loyalty.vouchers.service.vault import Vault, pepper_file
from shared.events.catalogue.loyalty import PUBLISHES
from shared.runtime.service import Parts, Service


def build(parts: Parts) -> LoyaltyService:
    """The service on its parts."""
    settings = parts.settings if isinstance(parts.settings, LoyaltySettings) else LoyaltySettings()
    vault = Vault(settings.peppers, pepper_file(parts.platform))
    return LoyaltyService(db=parts.db, clock=parts.clock, zone=parts.zone, settings=settings, vault=vault)


service = Service(
    name="loyalty",
    build=build,
    migrations=Path(__file__).parent / "migrations",
    routers=(points, programs, earning, tiers, invariants, checkout, flash, vouchers, referrals, promotions, rewards),
    settings=LoyaltySettings,
    publishes=PUBLISHES,
    subscriptions=(*MEMBERS, *EARNING, *CHECKOUT),
    jobs=(*POINTS, *EARNING_JOBS, *INVARIANTS, *CHECKOUT_JOBS, *FLASH, *REFERRALS, *VOUCHERS, *THROTTLE),
    follows_identity=True,
    rights=RIGHTS,
    on_scrape=refresh_gauges,
)
