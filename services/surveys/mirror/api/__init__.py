"""The mirror: `/v1/…` for whoever runs it, `/s/m/…` for staff that answers."""

from services.surveys.mirror.api.page import mirror_routes
from services.surveys.mirror.api.staff import router

__all__ = ["mirror_routes", "router"]
