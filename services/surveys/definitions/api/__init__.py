"""Surveys over HTTP."""

from fastapi import APIRouter

from services.surveys.definitions.api.bank import router as bank
from services.surveys.definitions.api.library import router as library
from services.surveys.definitions.api.surveys import router as surveys
from services.surveys.definitions.api.versions import router as versions

router = APIRouter()
for page in (surveys, versions, bank, library):
    router.include_router(page)
