"""Responses over HTTP."""

from fastapi import APIRouter

from services.surveys.answers.api.responses import router as responses

router = APIRouter()
for page in (responses,):
    router.include_router(page)
