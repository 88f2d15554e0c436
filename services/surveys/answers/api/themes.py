"""Rules of themes over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from services.surveys.answers.errors import BadThemes, ThemesMoved, ThemesUnknown
from services.surveys.answers.schemas.themes import ThemesFound, ThemesIn, ThemesOut, TryIn
from services.surveys.api import Reader, Surveys, Writer
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.problems import problems

router = APIRouter(prefix="/v1/response-themes", tags=["survey responses"])


@router.put("", response_model=ThemesOut, responses=problems(BadIdempotencyKey, BadThemes, ThemesMoved))
async def put_themes(body: ThemesIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey) -> Response:
    """Write the rules of themes, all of them. What was answered before is read again by them, in the background."""
    return answer(await surveys.theme_rules.put(body, by=caller.key_id, idem=idem))


@router.get("")
async def themes(_: Reader, surveys: Surveys) -> ThemesOut:
    """Get the rules that hold, and how far they were applied to what had been answered before."""
    return await surveys.theme_rules.current()


@router.get("/versions/{version}", responses=problems(ThemesUnknown))
async def theme_version(version: Annotated[int, Path(ge=1, lt=2**31)], _: Reader, surveys: Surveys) -> ThemesOut:
    """Get a version of the rules."""
    return await surveys.theme_rules.version(version)


@router.post("/try", responses=problems(BadThemes))
async def try_themes(body: TryIn, _: Reader, surveys: Surveys) -> ThemesFound:
    """Try rules on a text. Nothing is stored."""
    return surveys.theme_rules.tried(body)
