"""Points over HTTP: what members have, and what staff and shops do with it."""

import csv
import io
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.loyalty.api import Checkout, Loyalty, Reader, Writer
from services.loyalty.points.domain.requests import Place
from services.loyalty.points.errors import (
    AdjustmentDecided,
    AdjustmentUnknown,
    BadMember,
    EntryUnknown,
    HoldEnded,
    HoldUnknown,
    MoreThanHeld,
    NotEnoughPoints,
    SamePerson,
    SpendingLimit,
    TransferLimit,
    TransfersOff,
    WalletClosed,
)
from services.loyalty.points.schemas import (
    MAX_REFERENCE,
    AdjustmentIn,
    AdjustmentOut,
    CaptureIn,
    EndingsOut,
    EntryOut,
    ExtendIn,
    HoldIn,
    HoldOut,
    HoldsOut,
    LiabilityOut,
    LotOut,
    MemberOut,
    OriginOut,
    OriginsOut,
    OutstandingOut,
    TransferIn,
    TransferOut,
    TrialOut,
    TurnoverOut,
    all_endings,
    wallet_out,
)
from services.loyalty.points.service.accounts import Account, Liability
from services.loyalty.points.service.counter import read_member
from services.loyalty.programs.domain.terms import Name
from services.loyalty.programs.errors import UnknownWallet
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import (
    BadCursor,
    Cursor,
    Limit,
    Page,
    decode_cursor,
    id_in,
    page_of,
    read_id,
    read_moment,
)
from shared.http.problems import problems
from shared.http.schemas import Instant
from shared.rights.audit import saw

router = APIRouter(prefix="/v1/loyalty", tags=["loyalty"])

_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "The table.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


_TRIED: dict[int | str, dict[str, Any]] = {
    200: {"description": "Of a dry run: what would come of it.", "model": TrialOut}
}


async def _member(
    member: Annotated[
        str,
        Path(
            max_length=MAX_REFERENCE,
            description="A customer id, `user_id:<id>` or `anonymous_id:<id>`.",
            examples=["user_id:4711"],
        ),
    ],
) -> UUID:
    person = read_member(member)
    saw((person,))
    return person


Member = Annotated[UUID, Depends(_member)]
Wallet = Annotated[Name | None, Query(description="Only this wallet.")]
HoldId = Annotated[UUID, Path(alias="hold")]
AdjustmentId = Annotated[UUID, Path(alias="adjustment")]


@router.get("/members/{member}", response_model=MemberOut, responses={**UNMODIFIED, **problems(BadMember)})
async def member(
    member: Member,
    _: Reader,
    loyalty: Loyalty,
    request: Request,
    as_of: Annotated[
        Instant | None,
        Query(
            description="As it was, by event time and all that is known now, or will be if nothing happens; none: now."
        ),
    ] = None,
) -> Response:
    """Get what a member has, in every wallet; what is due counts, what is over does not."""
    found = await loyalty.accounts.get(member, as_of=as_of)
    said = MemberOut(
        member=found.root,
        as_of=found.as_of,
        program_version=found.terms.version,
        wallets=[wallet_out(each, found.terms) for each in found.seen],
    )
    return with_etag(request, said.model_dump_json().encode(), same=said.model_dump_json(exclude={"as_of"}).encode())


@router.get("/members/{member}/ledger", responses=problems(BadMember, BadCursor))
async def ledger(
    member: Member, _: Reader, loyalty: Loyalty, wallet: Wallet = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[EntryOut]:
    """List what was booked for a member, under all keys of the person, the latest first."""
    found = await loyalty.accounts.entries(member, wallet=wallet, before=_place(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.recorded_at, each.version, each.id), EntryOut.of)


@router.get("/members/{member}/ledger/{entry}/origins", responses=problems(BadMember, EntryUnknown))
async def origins(member: Member, entry: UUID, _: Reader, loyalty: Loyalty) -> OriginsOut:
    """Say where the points came from that a line of the ledger took: which purchase paid for a reward."""
    return OriginsOut(origins=[OriginOut.of(each) for each in await loyalty.accounts.origins(member, entry)])


@router.get("/members/{member}/lots", responses=problems(BadMember, BadCursor))
async def lots(
    member: Member,
    _: Reader,
    loyalty: Loyalty,
    wallet: Wallet = None,
    is_open: Annotated[bool, Query(alias="open", description="Only those with points left.")] = True,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[LotOut]:
    """List where a member's points came from and when they end, the latest first."""
    found = await loyalty.accounts.lots(member, wallet=wallet, is_open=is_open, before=id_in(cursor), limit=limit)
    now = loyalty.clock.now()
    return page_of(found, limit, lambda each: (each.id,), lambda each: LotOut.of(each, now))


@router.get("/members/{member}/expiring", responses=problems(BadMember))
async def expiring(member: Member, _: Reader, loyalty: Loyalty) -> EndingsOut:
    """Say how many of a member's points end when, unless they are spent before; the next first."""
    found: Account = await loyalty.accounts.get(member)
    return EndingsOut(as_of=found.as_of, expiring=all_endings(found.seen, found.terms))


@router.get("/members/{member}/holds", responses=problems(BadMember))
async def holds(member: Member, _: Reader, loyalty: Loyalty) -> HoldsOut:
    """List the holds of a member that stand, the oldest first."""
    return HoldsOut(holds=[HoldOut.of(each) for each in await loyalty.accounts.holds(member)])


@router.post(
    "/members/{member}/adjustments",
    response_model=AdjustmentOut,
    status_code=201,
    responses={
        **_TRIED,
        202: {"description": "Above the programme's threshold: another key must approve.", "model": AdjustmentOut},
        **problems(BadIdempotencyKey, BadMember, UnknownWallet, WalletClosed, NotEnoughPoints),
    },
)
async def adjust(
    member: Member, body: AdjustmentIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Give or take points by hand, for a reason."""
    if body.dry_run:
        return _tried(await loyalty.trials.adjust(member, body, by=caller.key_id))
    return answer(await loyalty.counter.adjust(member, body, by=caller.key_id, idem=idem))


@router.get("/adjustments", responses=problems(BadCursor))
async def waiting_adjustments(
    _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[AdjustmentOut]:
    """List the adjustments that wait for a second person, the oldest first."""
    found = await loyalty.counter.waiting(after=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,), AdjustmentOut.of)


@router.get("/adjustments/{adjustment}", responses=problems(AdjustmentUnknown))
async def adjustment(adjustment: AdjustmentId, _: Reader, loyalty: Loyalty) -> AdjustmentOut:
    """Get an adjustment."""
    return AdjustmentOut.of(await loyalty.counter.adjustment(adjustment))


_DECIDED = problems(BadIdempotencyKey, AdjustmentUnknown, AdjustmentDecided, SamePerson, NotEnoughPoints, WalletClosed)


@router.post("/adjustments/{adjustment}/approve", response_model=AdjustmentOut, responses=_DECIDED)
async def approve_adjustment(
    adjustment: AdjustmentId, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Approve an adjustment that waits, with another key than the one that asked for it."""
    return answer(await loyalty.counter.decide(adjustment, is_approved=True, by=caller.key_id, idem=idem))


@router.post("/adjustments/{adjustment}/refuse", response_model=AdjustmentOut, responses=_DECIDED)
async def refuse_adjustment(
    adjustment: AdjustmentId, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Refuse an adjustment that waits, or take one's own back."""
    return answer(await loyalty.counter.decide(adjustment, is_approved=False, by=caller.key_id, idem=idem))


@router.post(
    "/members/{member}/transfers",
    response_model=TransferOut,
    status_code=201,
    responses={
        **_TRIED,
        **problems(
            BadIdempotencyKey,
            BadMember,
            UnknownWallet,
            WalletClosed,
            TransfersOff,
            TransferLimit,
            SamePerson,
            NotEnoughPoints,
        ),
    },
)
async def transfer(
    member: Member, body: TransferIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Give points of a member to another one, within what the programme allows."""
    if body.dry_run:
        # The answer says what the recipient has, too.
        saw((read_member(body.to),))
        return _tried(await loyalty.trials.transfer(member, body, by=caller.key_id))
    return answer(await loyalty.counter.transfer(member, body, by=caller.key_id, idem=idem))


@router.post(
    "/members/{member}/holds",
    response_model=HoldOut,
    status_code=201,
    responses={**_TRIED, **problems(BadIdempotencyKey, BadMember, UnknownWallet, NotEnoughPoints, SpendingLimit)},
)
async def hold(member: Member, body: HoldIn, _: Checkout, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Set points apart for some time; then they are free again by themselves, unless they are spent before."""
    if body.dry_run:
        return _tried(await loyalty.trials.hold(member, body))
    return answer(await loyalty.counter.hold(member, body, idem=idem))


@router.post(
    "/holds/{hold}/extend",
    response_model=HoldOut,
    responses=problems(BadIdempotencyKey, HoldUnknown, HoldEnded),
)
async def extend_hold(hold: HoldId, body: ExtendIn, _: Checkout, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Let a hold last some time from now."""
    return answer(await loyalty.counter.extend(hold, body, idem=idem))


@router.post(
    "/holds/{hold}/commit",
    response_model=HoldOut,
    responses=problems(BadIdempotencyKey, HoldUnknown, HoldEnded, MoreThanHeld),
)
async def commit_hold(hold: HoldId, body: CaptureIn, _: Checkout, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Spend what a hold has set apart, or a part of it; the rest is free again."""
    return answer(await loyalty.counter.capture(hold, body, idem=idem))


@router.post("/holds/{hold}/void", response_model=HoldOut, responses=problems(BadIdempotencyKey, HoldUnknown))
async def void_hold(hold: HoldId, _: Checkout, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Let go of what a hold has set apart; one that has ended stays as it is."""
    return answer(await loyalty.counter.void(hold, idem=idem))


@router.get("/reports/liability")
async def liability(_: Reader, loyalty: Loyalty) -> LiabilityOut:
    """Report what the firm owes its members in points, by wallet, source and month, and what was redeemed."""
    found = await loyalty.accounts.liability()
    return LiabilityOut(
        as_of=found.as_of,
        zone=found.terms.zone,
        wallets=[TurnoverOut.of(each, found.of(each.wallet)) for each in found.turnover],
        outstanding=[OutstandingOut.of(each) for each in found.outstanding],
    )


@router.get("/reports/liability.csv", response_class=Response, responses=_CSV)
async def liability_csv(_: Reader, loyalty: Loyalty) -> Response:
    """Report what is outstanding as a table."""
    return Response(_table(await loyalty.accounts.liability()), media_type="text/csv")


def _tried(said: TrialOut) -> Response:
    return Response(said.model_dump_json(), media_type="application/json")


def _table(found: Liability) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("as_of", "wallet", "source", "expires_in", "available", "pending", "held"))
    for each in found.outstanding:
        line = OutstandingOut.of(each)
        table.writerow(
            (found.as_of.isoformat(), line.wallet, line.source, line.expires_in or "", line.available, line.pending,
             line.held)
        )  # fmt: skip
    return text.getvalue()


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    at, version, id_ = decode_cursor(cursor, length=3)
    if not isinstance(version, int) or not 0 <= version < 2**63:
        raise BadCursor
    return Place(read_moment(at), version, read_id(id_))
