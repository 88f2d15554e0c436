"""Programmes over HTTP: the main one, and those beside it."""

from fastapi import APIRouter

from services.loyalty.programs.api.main import router as main
from services.loyalty.programs.api.others import router as others

__all__ = ["router"]

router = APIRouter()
router.include_router(main)
router.include_router(others)
