"""Simulations over HTTP: ask for one, see how far it is, read what came out."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.earning.errors import RuleUnknown
from services.loyalty.programs.errors import ProgramUnknown, VersionUnknown
from services.loyalty.simulations.errors import (
    BadPeriod,
    BadProposal,
    SimulationNotDone,
    SimulationOver,
    SimulationUnknown,
    TooManySimulations,
)
from services.loyalty.simulations.schemas.asking import SimulationIn, SimulationOut
from services.loyalty.simulations.schemas.results import ResultOut
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/loyalty/simulations", tags=["loyalty"])

_ASKED = problems(
    BadIdempotencyKey, BadPeriod, BadProposal, TooManySimulations, ProgramUnknown, VersionUnknown, RuleUnknown
)


@router.post("", response_model=SimulationOut, status_code=202, responses=_ASKED)
async def start(body: SimulationIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Simulate another programme over a time that is over, beside the one that was in force; nothing else changes.

    What is proposed holds from `from` on: terms, earning rules, tier tracks, any of them. Members are supposed to have
    bought and spent what they did, no more than would be there. Orders count as they are known now, with what was
    refunded; facts that no rule had asked for were not kept, and are told as `not_heard`.
    """
    return answer(await loyalty.simulations.start(body, by=caller.key_id, idem=idem))


@router.get("", responses=problems(BadCursor))
async def simulations(_: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None) -> Page[SimulationOut]:
    """List simulations, the latest first."""
    found = await loyalty.simulations.listed(before=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,), lambda each: each)


@router.get("/{simulation}", responses=problems(SimulationUnknown))
async def simulation(simulation: UUID, _: Reader, loyalty: Loyalty) -> SimulationOut:
    """Get a simulation: how far it is, and how long it may take still."""
    return await loyalty.simulations.get(simulation)


@router.get("/{simulation}/result", responses=problems(SimulationUnknown, SimulationNotDone))
async def result(simulation: UUID, _: Reader, loyalty: Loyalty) -> ResultOut:
    """Get what came out: points, liability and tiers by month, and who would have more or fewer points in the end."""
    return await loyalty.simulations.result(simulation)


@router.post(
    "/{simulation}/cancel",
    response_model=SimulationOut,
    responses=problems(BadIdempotencyKey, SimulationUnknown, SimulationOver),
)
async def cancel(simulation: UUID, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """End a simulation before it is done."""
    return answer(await loyalty.simulations.cancel(simulation, idem=idem))
