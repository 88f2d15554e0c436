"""Everything profiles is, on one page."""

from pathlib import Path

from services.profiles.activity.api import router as activity
from services.profiles.api import router
from services.profiles.consent.api import router as consent
from services.profiles.consumers import SUBSCRIPTIONS
from services.profiles.domain.facts import Reader
from services.profiles.domain.identifiers import Blocklist
from services.profiles.identifier_types.api import router as identifier_types
from services.profiles.membership.jobs import JOBS
from services.profiles.merging.api import router as merging
from services.profiles.needs.api import router as needs
from services.profiles.personas.api import router as personas
from services.profiles.rfm.api import router as rfm
from services.profiles.rfm.jobs import JOBS as RFM
from services.profiles.rights.api import router as rights
from services.profiles.rights.consumers import RIGHTS
from services.profiles.rights.jobs import JOBS as RIGHTS_JOBS
from services.profiles.rights.jobs import refresh_gauges
from services.profiles.rights.service.installation import Installation
from services.profiles.search.api import router as search
from services.profiles.segments.api import router as segments
from services.profiles.service import ProfilesService
from services.profiles.settings import ProfilesSettings
from services.profiles.spaces.api import router as spaces
from services.profiles.trait_schema.api import router as trait_schema
from services.profiles.trait_schema.jobs import JOBS as TRAIT_SCHEMA
from shared.events.catalogue.profiles import PUBLISHES
from shared.runtime.service import Parts, Service

PEOPLE = (search, router, identifier_types, trait_schema, spaces, merging, activity)
MARKETING = (consent, segments, rfm, personas, needs)


def build(parts: Parts) -> ProfilesService:
    """Wire the service."""
    settings = parts.settings if isinstance(parts.settings, ProfilesSettings) else ProfilesSettings()
    reader = Reader(Blocklist(settings.blocked_values), settings.max_trait_bytes, settings.phone_country)
    here = Installation(parts.seal, parts.bus, parts.rights_holders, parts.platform.is_embedded)
    return ProfilesService(parts.db, parts.clock, settings, reader, parts.zone, here)


service = Service(
    name="profiles",
    build=build,
    migrations=Path(__file__).parent / "migrations",
    routers=(*PEOPLE, *MARKETING, rights),
    settings=ProfilesSettings,
    publishes=PUBLISHES,
    subscriptions=SUBSCRIPTIONS,
    jobs=(*JOBS, *TRAIT_SCHEMA, *RFM, *RIGHTS_JOBS),
    rights=RIGHTS,
    on_scrape=refresh_gauges,
    follows_identity=True,
)
