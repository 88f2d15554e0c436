"""Cases over HTTP: the inbox and what is done with a case, what a firm sets for them, and what comes of them."""

from fastapi import APIRouter

from services.surveys.cases.api.desk import router as desk
from services.surveys.cases.api.inbox import router as inbox
from services.surveys.cases.api.results import router as results
from services.surveys.cases.api.settings import router as settings

router = APIRouter()
for _each in (inbox, desk, results, settings):
    router.include_router(_each)

__all__ = ["router"]
