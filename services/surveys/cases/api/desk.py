"""What staff does with a case, over HTTP. Each change takes an If-Match and an Idempotency-Key."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response

from services.surveys.api import Surveys, Writer
from services.surveys.cases.errors import (
    AgentUnknown,
    AlreadyOpened,
    BadCaseCustomer,
    BadMove,
    CaseIsMerged,
    CaseMoved,
    CaseUnknown,
    ContactInFuture,
    NotMergeable,
    NotSeparable,
    RootCauseUnknown,
    TeamUnknown,
)
from services.surveys.cases.schemas.case import (
    AssignIn,
    CallbackIn,
    CaseIn,
    CaseOut,
    CloseIn,
    ContactIn,
    MergeIn,
    NoteIn,
    PriorityIn,
    ReasonIn,
    StatusIn,
)
from services.surveys.cases.schemas.match import IfMatch, versions_in
from services.surveys.cases.service.desk import Asked
from shared.errors import AppError
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.problems import problems

router = APIRouter(prefix="/v1/cases", tags=["cases"])

Agent = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$", examples=["linh.tran"])]


async def _asked(caller: Writer, idem: IdempotencyKey, if_match: IfMatch = None) -> Asked:
    return Asked(caller.key_id, versions_in(if_match), idem)


async def _making(caller: Writer, idem: IdempotencyKey) -> Asked:
    return Asked(caller.key_id, idem=idem)


Asking = Annotated[Asked, Depends(_asked)]
# Of what is not there yet there is no version.
Making = Annotated[Asked, Depends(_making)]


def _may(*errors: type[AppError]) -> dict[int | str, dict[str, object]]:
    return problems(BadIdempotencyKey, CaseUnknown, CaseMoved, CaseIsMerged, *errors)


@router.post(
    "",
    response_model=CaseOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, AlreadyOpened, BadCaseCustomer, AgentUnknown, TeamUnknown),
)
async def open_case(body: CaseIn, asked: Making, surveys: Surveys) -> Response:
    """Open a case that no answer opened. Without an owner or a team it goes where the policy says."""
    return answer(await surveys.case_desk.open(body, asked))


@router.post("/{case}/status", response_model=CaseOut, responses=_may(BadMove))
async def move_case(case: UUID, body: StatusIn, asked: Asking, surveys: Surveys) -> Response:
    """Take a case up, let it wait for the customer, or say that it is resolved."""
    return answer(await surveys.case_desk.move(case, body, asked))


@router.post("/{case}/contacts", response_model=CaseOut, responses=_may(BadMove, ContactInFuture))
async def contact_customer(case: UUID, body: ContactIn, asked: Asking, surveys: Surveys) -> Response:
    """Say that somebody spoke to the customer. The first contact stops its clock."""
    return answer(await surveys.case_desk.contact(case, body, asked))


@router.post("/{case}/assignment", response_model=CaseOut, responses=_may(BadMove, AgentUnknown, TeamUnknown))
async def assign_case(case: UUID, body: AssignIn, asked: Asking, surveys: Surveys) -> Response:
    """Give a case to an agent, or to whose turn it is in a team, with the reason."""
    return answer(await surveys.case_desk.assign(case, body, asked))


@router.post("/{case}/priority", response_model=CaseOut, responses=_may(BadMove))
async def prioritise_case(case: UUID, body: PriorityIn, asked: Asking, surveys: Surveys) -> Response:
    """Say how much a case matters. What is due in it is worked out anew, from where its clocks began."""
    return answer(await surveys.case_desk.prioritise(case, body, asked))


@router.post("/{case}/notes", response_model=CaseOut, responses=_may())
async def note_case(case: UUID, body: NoteIn, asked: Asking, surveys: Surveys) -> Response:
    """Write something down about a case. It stays here, and is forgotten with the customer."""
    return answer(await surveys.case_desk.note(case, body, asked))


@router.post("/{case}/callback", response_model=CaseOut, responses=_may())
async def callback_case(case: UUID, body: CallbackIn, asked: Asking, surveys: Surveys) -> Response:
    """Say whether the customer wants to be called."""
    return answer(await surveys.case_desk.callback(case, body, asked))


@router.post("/{case}/close", response_model=CaseOut, responses=_may(BadMove, RootCauseUnknown))
async def close_case(case: UUID, body: CloseIn, asked: Asking, surveys: Surveys) -> Response:
    """Close a case, with what came of it, what it was, and what was done. A case that was not resolved is by that."""
    return answer(await surveys.case_desk.close(case, body, asked))


@router.post("/{case}/reopen", response_model=CaseOut, responses=_may(BadMove))
async def reopen_case(case: UUID, body: ReasonIn, asked: Asking, surveys: Surveys) -> Response:
    """Take up again what was resolved or closed. The resolution clock goes on from where it stood."""
    return answer(await surveys.case_desk.reopen(case, body, asked))


@router.post("/{case}/merge", response_model=CaseOut, responses=_may(NotMergeable))
async def merge_case(case: UUID, body: MergeIn, asked: Asking, surveys: Surveys) -> Response:
    """Make a case part of another one of the same customer."""
    return answer(await surveys.case_merging.merge(case, body, asked))


@router.post("/{case}/separate", response_model=CaseOut, responses=_may(NotSeparable))
async def separate_case(case: UUID, body: ReasonIn, asked: Asking, surveys: Surveys) -> Response:
    """Take a case out of the one it is part of, as if it had never been merged."""
    return answer(await surveys.case_merging.separate(case, body, asked))


@router.put("/{case}/watchers/{agent}", response_model=CaseOut, responses=_may(AgentUnknown))
async def watch_case(case: UUID, agent: Agent, asked: Asking, surveys: Surveys) -> Response:
    """Let somebody watch a case."""
    return answer(await surveys.case_desk.watch(case, agent, asked, is_watching=True))


@router.delete("/{case}/watchers/{agent}", response_model=CaseOut, responses=_may())
async def unwatch_case(case: UUID, agent: Agent, asked: Asking, surveys: Surveys) -> Response:
    """Let somebody watch a case no more."""
    return answer(await surveys.case_desk.watch(case, agent, asked, is_watching=False))
