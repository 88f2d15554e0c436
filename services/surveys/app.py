"""The manifest of the surveys service."""

from pathlib import Path

from services.surveys.consumers import SUBSCRIPTIONS as IDENTITY
from services.surveys.definitions.api import router as definitions
from services.surveys.links.service import Links, key_file
from services.surveys.mirror.api import router as mirror
from services.surveys.mirror.jobs import JOBS as MIRROR
from services.surveys.service import SurveysService
from services.surveys.settings import SurveysSettings
from shared.events.catalogue.surveys import PUBLISHES
from shared.runtime.service import Parts, Service


def build(parts: Parts) -> SurveysService:
    """The service on its parts."""
    settings = parts.settings if isinstance(parts.settings, SurveysSettings) else SurveysSettings()
    links = Links(settings.link_secrets, key_file(parts.platform))
    return SurveysService(db=parts.db, clock=parts.clock, zone=parts.zone, settings=settings, links=links)


service = Service(
    name="surveys",
    build=build,
    migrations=Path(__file__).parent / "migrations",
    routers=(definitions, mirror),
    settings=SurveysSettings,
    publishes=PUBLISHES,
    subscriptions=(*IDENTITY,),
    jobs=(*MIRROR,),
    follows_identity=True,
)
