"""The manifest of the surveys service."""

from pathlib import Path

from services.surveys.answers.api import router as answers
from services.surveys.answers.jobs import JOBS as ANSWERS
from services.surveys.asking.api import router as asking
from services.surveys.asking.consumers import SUBSCRIPTIONS as ASKING
from services.surveys.asking.jobs import JOBS as ASKING_JOBS
from services.surveys.cases.api import router as cases
from services.surveys.cases.jobs import JOBS as CASES
from services.surveys.consumers import SUBSCRIPTIONS as IDENTITY
from services.surveys.definitions.api import router as definitions
from services.surveys.links.service import Links, key_file
from services.surveys.mail.api import router as mail
from services.surveys.mail.jobs import JOBS as MAIL
from services.surveys.mirror.api import mirror_routes
from services.surveys.mirror.api import router as mirror
from services.surveys.mirror.api.page import OPENAPI as MIRROR_PAGE
from services.surveys.mirror.jobs import JOBS as MIRROR
from services.surveys.pages.api import page_routes
from services.surveys.pages.api import router as pages
from services.surveys.pages.api.openapi import OPENAPI
from services.surveys.pages.jobs import JOBS as PAGES
from services.surveys.rights.consumers import RIGHTS
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
    routers=(definitions, asking, answers, cases, mirror, pages, mail),
    raw_routes=lambda surveys: (*page_routes(surveys), *mirror_routes(surveys)),
    raw_openapi={**OPENAPI, **MIRROR_PAGE},
    settings=SurveysSettings,
    publishes=PUBLISHES,
    subscriptions=(*IDENTITY, *ASKING),
    jobs=(*ASKING_JOBS, *ANSWERS, *CASES, *MIRROR, *PAGES, *MAIL),
    rights=RIGHTS,
    follows_identity=True,
)
