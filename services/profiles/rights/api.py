"""Data rights over HTTP. Cases name nobody; the bundle of an access request is personal data."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from services.profiles.api import Profiles, Reference
from services.profiles.errors import AmbiguousIdentifier, BadTraits, CustomerUnknown, TooManyTraits
from services.profiles.rights.domain.deadlines import Kind
from services.profiles.rights.errors import (
    AlreadyExtended,
    CaseClosed,
    CaseUnknown,
    NobodySuppressed,
    NoBundle,
    NoReceipt,
    NothingToRectify,
    NotLiftable,
    UnknownObjection,
)
from services.profiles.rights.schemas import (
    BundleOut,
    CaseOut,
    DeadlinesOut,
    ProofIn,
    ReadmissionIn,
    ReceiptIn,
    ReceiptOut,
    RefusalIn,
    RequestIn,
    VerdictOut,
)
from services.profiles.schemas import MAX_REFERENCE
from services.profiles.trait_schema.errors import TraitsMisfit
from shared.http.auth import Caller, require
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, moment_and_id_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1", tags=["rights"])

Reader = Annotated[Caller, Depends(require("rights:read"))]
Writer = Annotated[Caller, Depends(require("rights:write"))]
CaseId = Annotated[UUID, Path(description="The id of the case.")]
_ACCEPTED: dict[str, Any] = {"response_model": CaseOut, "status_code": 202}


@router.post(
    "/customers/{customer}/rights",
    **_ACCEPTED,
    responses={
        200: {"description": "The person is erased already; this is the case that did it.", "model": CaseOut},
        **problems(
            BadIdempotencyKey,
            CustomerUnknown,
            AmbiguousIdentifier,
            UnknownObjection,
            NothingToRectify,
            BadTraits,
            TraitsMisfit,
            TooManyTraits,
        ),
    },
)
async def request(
    customer: Reference, body: RequestIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey
) -> Response:
    """Take down what a person asks of their data, and follow it once they have proved who they are.

    An erasure is felt at once here, and followed by every other service; poll the case until it is done.
    """
    return answer(await profiles.rights.requests.open(customer, body, by=caller.key_id, idem=idem))


@router.post("/readmissions", **_ACCEPTED, responses=problems(BadIdempotencyKey, NobodySuppressed))
async def readmit(body: ReadmissionIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey) -> Response:
    """Let somebody in again who was erased and asks for it: their identifiers are refused no longer."""
    return answer(await profiles.rights.requests.readmit(body, by=caller.key_id, idem=idem))


@router.get("/rights", responses=problems(BadCursor, CustomerUnknown, AmbiguousIdentifier))
async def cases(
    _: Reader,
    profiles: Profiles,
    customer: Annotated[str | None, Query(max_length=MAX_REFERENCE, description="Only about this person.")] = None,
    kind: Annotated[Kind | None, Query(description="Only of this kind.")] = None,
    is_open: Annotated[bool | None, Query(alias="open", description="Only open cases, or only others.")] = None,
    overdue: Annotated[bool, Query(description="Only open cases of which a deadline has passed.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CaseOut]:
    """List cases without their progress, the newest first."""
    before = moment_and_id_in(cursor)
    found = await profiles.rights.cases.listed(
        customer=customer, kind=kind, is_open=is_open, is_overdue=overdue, before=before, limit=limit
    )
    return page_of(found, limit, lambda each: (each.received_at, each.id), CaseOut.of)


@router.get("/rights/deadlines")
async def deadlines(_: Reader) -> DeadlinesOut:
    """List the deadlines that laws set, with their sources and since when they hold."""
    return DeadlinesOut.all()


@router.post("/rights/receipts/verify")
async def verify(body: ReceiptIn, _: Reader, profiles: Profiles) -> VerdictOut:
    """Say whether this installation signed exactly this receipt."""
    return profiles.rights.cases.verify(body)


@router.get("/rights/{case}", responses=problems(CaseUnknown))
async def case(case: CaseId, _: Reader, profiles: Profiles) -> CaseOut:
    """Get a case with what each service did about it."""
    return await profiles.rights.cases.case(case)


@router.post("/rights/{case}/proof", **_ACCEPTED, responses=problems(BadIdempotencyKey, CaseUnknown, CaseClosed))
async def prove(case: CaseId, body: ProofIn, _: Writer, profiles: Profiles, idem: IdempotencyKey) -> Response:
    """Note that the person has proved who they are: the request is followed now."""
    return answer(await profiles.rights.requests.prove(case, body.verified_by, idem=idem))


@router.post(
    "/rights/{case}/acknowledge", response_model=CaseOut, responses=problems(BadIdempotencyKey, CaseUnknown, CaseClosed)
)
async def acknowledge(case: CaseId, _: Writer, profiles: Profiles, idem: IdempotencyKey) -> Response:
    """Note that the person was told that their request came and how it is followed, as the law asks within days."""
    return answer(await profiles.rights.requests.acknowledge(case, idem=idem))


@router.post(
    "/rights/{case}/refuse", response_model=CaseOut, responses=problems(BadIdempotencyKey, CaseUnknown, CaseClosed)
)
async def refuse(case: CaseId, body: RefusalIn, _: Writer, profiles: Profiles, idem: IdempotencyKey) -> Response:
    """Refuse a request that waits for proof, for a reason that the law knows."""
    return answer(await profiles.rights.requests.refuse(case, body.reason, idem=idem))


@router.post(
    "/rights/{case}/extend",
    response_model=CaseOut,
    responses=problems(BadIdempotencyKey, CaseUnknown, CaseClosed, AlreadyExtended),
)
async def extend(case: CaseId, _: Writer, profiles: Profiles, idem: IdempotencyKey) -> Response:
    """Take the one extension of the deadline that the law allows; tell the person why."""
    return answer(await profiles.rights.requests.extend(case, idem=idem))


@router.post(
    "/rights/{case}/lift", response_model=CaseOut, responses=problems(BadIdempotencyKey, CaseUnknown, NotLiftable)
)
async def lift(case: CaseId, _: Writer, profiles: Profiles, idem: IdempotencyKey) -> Response:
    """End a restriction or an objection, as the person wishes."""
    return answer(await profiles.rights.requests.lift(case, idem=idem))


@router.get("/rights/{case}/bundle", response_model=BundleOut, responses=problems(CaseUnknown, NoBundle))
async def bundle(case: CaseId, _: Reader, profiles: Profiles, response: Response) -> BundleOut:
    """Download everything that every service keeps of the person. It is personal data: send it nowhere else."""
    response.headers["Content-Disposition"] = f'attachment; filename="{case}.json"'
    response.headers["Cache-Control"] = "no-store"
    return BundleOut.model_validate(await profiles.rights.cases.bundle(case))


@router.get("/rights/{case}/receipt", responses=problems(CaseUnknown, NoReceipt))
async def receipt(case: CaseId, _: Reader, profiles: Profiles) -> ReceiptOut:
    """Get the signed receipt of a case that is done."""
    return await profiles.rights.cases.receipt(case)
