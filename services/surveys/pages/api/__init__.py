"""Addresses of pages: `/s/…` for everybody, `/v1/…` for staff."""

from starlette.routing import BaseRoute, Route

from services.surveys.pages.api.hosted import HostedPage
from services.surveys.pages.api.limits import VisitLimits
from services.surveys.pages.api.staff import router
from services.surveys.service import SurveysService

__all__ = ["page_routes", "router"]


def page_routes(surveys: SurveysService) -> tuple[BaseRoute, ...]:
    """The addresses that are open to everybody: a link is all that somebody has who was asked."""
    limits = VisitLimits(surveys.settings)
    return (Route("/s/{token}", HostedPage(surveys, limits)),)
