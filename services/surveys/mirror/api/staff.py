"""The mirror over HTTP."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.surveys.api import Reader, Surveys, Writer
from services.surveys.definitions.errors import SurveyNotActive, SurveyNotFound
from services.surveys.mirror.errors import BadMirrorAnswer, BadMirrorLink, BadWave, WaveClosed, WaveNotFound
from services.surveys.mirror.schemas.wire import LinksIn, LinksOut, MirrorAnswerIn, TakenOut, WaveIn, WaveOut
from shared.events.catalogue.surveys import AnsweredScore
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, moment_and_id_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/mirror-waves", tags=["mirror"])


@router.post(
    "",
    response_model=WaveOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, BadWave, SurveyNotFound, SurveyNotActive),
)
async def open_wave(body: WaveIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey) -> Response:
    """Open a wave, in which staff answers a survey as they think that customers do."""
    return answer(await surveys.mirror_waves.open(body, by=caller.key_id, idem=idem))


@router.get("", responses=problems(BadCursor))
async def waves(_: Reader, surveys: Surveys, limit: Limit = 50, cursor: Cursor = None) -> Page[WaveOut]:
    """List waves, those opened last first."""
    found = await surveys.mirror_waves.listed(before=moment_and_id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.opened_at, each.id))


@router.get("/{wave_id}", responses=problems(WaveNotFound))
async def wave(wave_id: UUID, _: Reader, surveys: Surveys) -> WaveOut:
    """Get a wave."""
    return await surveys.mirror_waves.get(wave_id)


@router.post("/{wave_id}/links", status_code=201, responses=problems(WaveNotFound, WaveClosed, BadWave))
async def make_links(wave_id: UUID, body: LinksIn, _: Writer, surveys: Surveys) -> LinksOut:
    """Make one-time links of a role. They are shown this once; asked for again, others are made."""
    return await surveys.mirror_waves.make_links(wave_id, body)


@router.post("/{wave_id}/shared-link", status_code=201, responses=problems(WaveNotFound, WaveClosed))
async def share(wave_id: UUID, _: Writer, surveys: Surveys) -> LinksOut:
    """Make the one link that all of the staff may use; the one before it leads nowhere from now on."""
    return await surveys.mirror_waves.share(wave_id)


@router.post(
    "/{wave_id}/answers",
    status_code=201,
    responses=problems(BadMirrorLink, WaveClosed, BadMirrorAnswer),
)
async def answer_wave(wave_id: UUID, body: MirrorAnswerIn, _: Writer, surveys: Surveys) -> TakenOut:
    """Hand in an answer of somebody of the staff. A one-time link takes one: it is its own idempotency key."""
    scores = [AnsweredScore(each.question_id, each.score, row=each.row) for each in body.scores]
    await surveys.mirror_answering.answer(
        body.token, scores, role=body.role, predicted_nps=body.predicted_nps, wave_id=wave_id
    )
    return TakenOut(wave_id=wave_id)


@router.post("/{wave_id}/close", response_model=WaveOut, responses=problems(BadIdempotencyKey, WaveNotFound))
async def close(wave_id: UUID, _: Writer, surveys: Surveys, idem: IdempotencyKey) -> Response:
    """Close a wave before its time, for good; what was answered is told to the figures."""
    return answer(await surveys.mirror_waves.close(wave_id, idem=idem))
