"""Surveys over HTTP."""

from fastapi import APIRouter

from services.surveys.definitions.api import bank, library, surveys, versions

router = APIRouter()
for page in (surveys, versions, bank, library):
    router.include_router(page.router)
