"""Everything touchpoints is, on one page."""

from pathlib import Path

from services.touchpoints import api, consumers, jobs
from services.touchpoints.ingest import api as ingest_api
from services.touchpoints.ingest.openapi import OPENAPI
from services.touchpoints.ingest.service import IngestService
from services.touchpoints.rights.consumers import RIGHTS
from services.touchpoints.rights.service import TouchpointRights
from services.touchpoints.service import TouchpointsService
from services.touchpoints.settings import TouchpointsSettings
from shared.events.catalogue import touchpoints as catalogue
from shared.http.limits import TokenBuckets
from shared.runtime.service import Parts, Projection, Service


def build(parts: Parts) -> TouchpointsService:
    """Build the service from the process's parts."""
    settings = parts.settings if isinstance(parts.settings, TouchpointsSettings) else TouchpointsSettings()
    limits = TokenBuckets(rate=settings.events_per_second, burst=settings.events_burst)
    ingest = IngestService(parts.bus, parts.clock, settings, limits, parts.platform.currency)
    return TouchpointsService(parts.db, settings, ingest, TouchpointRights(parts.seal))


service = Service(
    name="touchpoints",
    build=build,
    migrations=Path(__file__).parent / "migrations",
    routers=(api.router, api.profile_api),
    raw_routes=lambda touchpoints: ingest_api.routes(touchpoints.ingest),
    raw_openapi=OPENAPI,
    settings=TouchpointsSettings,
    publishes=catalogue.PUBLISHES,
    subscriptions=consumers.SUBSCRIPTIONS,
    jobs=jobs.JOBS,
    # Touchpoints themselves are kept longer than the raw topic they come from.
    projections=(Projection(tables=("identity",), groups=("touchpoints.identity",)),),
    follows_identity=True,
    rights=RIGHTS,
)
