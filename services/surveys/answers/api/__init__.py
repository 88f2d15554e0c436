"""Responses over HTTP."""

from fastapi import APIRouter

from services.surveys.answers.api.files import router as files
from services.surveys.answers.api.responses import router as responses
from services.surveys.answers.api.themes import router as themes

router = APIRouter()
for page in (responses, themes, files):
    router.include_router(page)
