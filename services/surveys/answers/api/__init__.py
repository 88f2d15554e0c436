"""Responses over HTTP."""

from fastapi import APIRouter

from services.surveys.answers.api.responses import router as responses
from services.surveys.answers.api.themes import router as themes

router = APIRouter()
for page in (responses, themes):
    router.include_router(page)
