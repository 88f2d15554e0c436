"""The library of ready surveys over HTTP."""

from fastapi import APIRouter

from services.surveys.api import Reader
from services.surveys.definitions.errors import LibraryNotFound
from services.surveys.definitions.schemas.library import LibraryOut, ReadyOut
from shared.http.problems import problems

router = APIRouter(prefix="/v1/survey-library", tags=["surveys"])


@router.get("")
async def survey_library(_: Reader) -> LibraryOut:
    """List the surveys that are ready to use, in Vietnamese and English."""
    return LibraryOut.whole()


@router.get("/{key}", responses=problems(LibraryNotFound))
async def ready_survey(key: str, _: Reader) -> ReadyOut:
    """Get a ready survey; `POST /v1/surveys` with its key writes it down as a draft of yours."""
    return ReadyOut.of(key)
