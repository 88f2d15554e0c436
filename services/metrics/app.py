"""The manifest of the metrics service."""

from pathlib import Path

from services.metrics.figures import jobs
from services.metrics.figures.api import router
from services.metrics.figures.service import Figures
from services.metrics.freshness.service import Freshness
from services.metrics.ledger import consumers
from services.metrics.ledger.service import IDENTITY_GROUP, ORDERS_GROUP, PROJECTION, Ledger
from services.metrics.rights.consumers import RIGHTS
from services.metrics.service import MetricsService
from shared.delivery.subscription import Subscription
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded
from shared.runtime.service import Parts, Service


def build(parts: Parts) -> MetricsService:
    """The service on its parts."""
    return MetricsService(
        ledger=Ledger(parts.db, parts.zone),
        figures=Figures(
            db=parts.db,
            clock=parts.clock,
            zone=parts.zone,
            currency=parts.platform.currency,
            margin=str(parts.platform.margin),
            freshness=Freshness(parts.bus, parts.clock),
        ),
    )


async def start(metrics: MetricsService) -> None:
    """Rebuild the figures if the firm's time zone is not the one they were counted in."""
    await metrics.ledger.begin()


service = Service(
    name="metrics",
    build=build,
    migrations=Path(__file__).parent / "migrations",
    routers=(router,),
    subscriptions=(
        Subscription(
            ORDERS_GROUP,
            (OrderPlaced, OrderChanged, OrderRefunded, OrderCancelled),
            consumers.record_orders,
            is_idempotent=True,
        ),
        Subscription(IDENTITY_GROUP, (CustomerMerged, CustomerUnmerged), consumers.follow_identity),
    ),
    projections=(PROJECTION,),
    follows_identity=True,
    rights=RIGHTS,
    on_scrape=jobs.refresh_gauges,
    on_start=start,
)
