"""Addresses of pages: `/s/…` for everybody, `/v1/…` for staff."""

from starlette.routing import BaseRoute, Route

from services.surveys.pages.api.hosted import HostedPage
from services.surveys.pages.api.limits import VisitLimits
from services.surveys.pages.api.staff import router
from services.surveys.pages.api.widget import WidgetCall, WidgetCalls, script
from services.surveys.service import SurveysService

__all__ = ["page_routes", "router"]


def page_routes(surveys: SurveysService) -> tuple[BaseRoute, ...]:
    """The addresses that are open to everybody: a link is all that somebody has who was asked."""
    limits = VisitLimits(surveys.settings)
    calls = WidgetCalls(surveys)
    return (
        Route("/s/widget.js", script, methods=["GET"]),
        *(Route(f"/s/widget/{name}", WidgetCall(limits, handle)) for name, handle in calls.by_name.items()),
        Route("/s/{token}", HostedPage(surveys, limits)),
    )
