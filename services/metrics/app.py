"""The manifest of the metrics service."""

from pathlib import Path

from services.metrics.api import ROUTERS
from services.metrics.figures.service import Figures
from services.metrics.freshness.service import Freshness
from services.metrics.gap.consumers import SUBSCRIPTIONS as VOICES
from services.metrics.jobs import JOBS, refresh_gauges
from services.metrics.knowledge.service import Knowledge
from services.metrics.ledger.consumers import SUBSCRIPTIONS as LEDGER
from services.metrics.ledger.service import Ledger
from services.metrics.rights.consumers import RIGHTS
from services.metrics.satisfaction.consumers import SUBSCRIPTIONS as SATISFACTION
from services.metrics.satisfaction.service.figures import Satisfaction
from services.metrics.satisfaction.service.taking import Taking
from services.metrics.satisfaction.service.yardsticks import Yardsticks
from services.metrics.service import PROJECTION, MetricsService
from shared.events.catalogue.metrics import PUBLISHES
from shared.runtime.service import Parts, Service


def build(parts: Parts) -> MetricsService:
    """The service on its parts."""
    db, clock, zone = parts.db, parts.clock, parts.zone
    return MetricsService(
        ledger=Ledger(db, zone),
        figures=Figures(
            db=db,
            clock=clock,
            zone=zone,
            currency=parts.platform.currency,
            margin=str(parts.platform.margin),
            freshness=Freshness(parts.bus, clock, LEDGER),
        ),
        taking=Taking(zone),
        satisfaction=Satisfaction(db, clock, zone, Freshness(parts.bus, clock, SATISFACTION)),
        yardsticks=Yardsticks(db),
        voices=Freshness(parts.bus, clock, (*LEDGER, *SATISFACTION, *VOICES)),
        knowledge=Knowledge(parts, lambda: service),
    )


service = Service(
    name="metrics",
    build=build,
    migrations=Path(__file__).parent / "migrations",
    routers=ROUTERS,
    publishes=PUBLISHES,
    subscriptions=(*LEDGER, *SATISFACTION, *VOICES),
    jobs=JOBS,
    projections=(PROJECTION,),
    follows_identity=True,
    rights=RIGHTS,
    on_scrape=refresh_gauges,
    on_start=MetricsService.begin,
)
