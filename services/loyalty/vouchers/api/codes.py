"""Codes over HTTP: jobs that make them, shared ones, imports, and single vouchers."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.throttle.domain import Who
from services.loyalty.throttle.errors import Throttled
from services.loyalty.vouchers.domain.jurisdictions import EXPIRY
from services.loyalty.vouchers.errors import (
    AlreadyOver,
    BadCode,
    CampaignUnknown,
    CodesGone,
    CodeTaken,
    ExpiresTooSoon,
    JobNotDone,
    JobUnknown,
    TooManyCodes,
    ValueNeeded,
    VoucherUnknown,
    WrongKindOfCodes,
    WrongState,
)
from services.loyalty.vouchers.schemas.assignments import CodeOut
from services.loyalty.vouchers.schemas.codes import (
    CodeStateIn,
    ExpiryRuleOut,
    ImportIn,
    ImportOut,
    JobIn,
    JobOut,
    LookupIn,
    SharedCodeIn,
    StatementOut,
    TopUpIn,
    VoucherOut,
)
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, page_of
from shared.http.problems import problems

# `{voucher:uuid}`: another word in its place is another resource.
router = APIRouter(prefix="/v1/loyalty", tags=["voucher codes"])

_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The codes, a line each, under the heading `code`.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}
_NEVER_KEPT = {"Cache-Control": "no-store"}


@router.post(
    "/campaigns/{campaign}/code-jobs",
    response_model=JobOut,
    status_code=202,
    responses=problems(
        BadIdempotencyKey,
        CampaignUnknown,
        WrongKindOfCodes,
        WrongState,
        ValueNeeded,
        AlreadyOver,
        TooManyCodes,
        ExpiresTooSoon,
    ),
)
async def make_codes(campaign: UUID, body: JobIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Start making secret codes; the job tells how many of them there are, and hands them out when all are."""
    return answer(await loyalty.code_jobs.start(campaign, body, by=caller.key_id, idem=idem))


@router.get("/campaigns/{campaign}/code-jobs", responses=problems(BadCursor, CampaignUnknown))
async def code_jobs(
    campaign: UUID, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[JobOut]:
    """List the jobs of a campaign, the latest first."""
    found = await loyalty.code_jobs.listed(campaign, before=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,))


@router.get("/code-jobs/{job}", responses=problems(JobUnknown))
async def code_job(job: UUID, _: Reader, loyalty: Loyalty) -> JobOut:
    """Get a job: how many of its codes are made."""
    return await loyalty.code_jobs.get(job)


@router.post("/code-jobs/{job}/cancel", responses=problems(JobUnknown, WrongState))
async def cancel_code_job(job: UUID, _: Writer, loyalty: Loyalty) -> JobOut:
    """Make no more codes; those that are made stay good."""
    return await loyalty.code_jobs.cancel(job)


@router.get(
    "/code-jobs/{job}/codes",
    response_class=StreamingResponse,
    responses={**_CSV, **problems(JobUnknown, JobNotDone, CodesGone)},
)
async def download_codes(job: UUID, _: Writer, loyalty: Loyalty) -> StreamingResponse:
    """Download the codes of a job as CSV, within 24 hours; `DELETE` the same address when you have them safe."""
    lines = await loyalty.code_jobs.download(job)
    return StreamingResponse(
        lines,
        media_type="text/csv",
        headers={**_NEVER_KEPT, "Content-Disposition": f'attachment; filename="codes-{job}.csv"'},
    )


@router.delete("/code-jobs/{job}/codes", status_code=204, responses=problems(JobUnknown, JobNotDone))
async def forget_codes(job: UUID, _: Writer, loyalty: Loyalty) -> None:
    """Throw away what could still be downloaded: from now on nobody can have these codes from us."""
    await loyalty.code_jobs.forget(job)


@router.post(
    "/campaigns/{campaign}/shared-codes",
    response_model=VoucherOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, CampaignUnknown, WrongKindOfCodes, BadCode, CodeTaken),
)
async def share_code(campaign: UUID, body: SharedCodeIn, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Give a campaign of shared codes words that customers are told, such as SUMMER20."""
    return answer(await loyalty.codes.share(campaign, body, idem=idem))


@router.post(
    "/campaigns/{campaign}/imports",
    response_model=ImportOut,
    responses=problems(BadIdempotencyKey, CampaignUnknown, WrongKindOfCodes),
)
async def import_codes(campaign: UUID, body: ImportIn, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Take over up to 5,000 codes of another system; each that cannot be is refused by its place."""
    return answer(await loyalty.codes.import_(campaign, body, idem=idem))


@router.get("/campaigns/{campaign}/vouchers", responses=problems(BadCursor, CampaignUnknown))
async def campaign_vouchers(
    campaign: UUID, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[VoucherOut]:
    """List the vouchers of a campaign and their states, those made first at the beginning."""
    found = await loyalty.codes.listed(campaign, after=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,))


@router.post("/vouchers/lookup", responses=problems(VoucherUnknown, Throttled))
async def look_up_voucher(body: LookupIn, caller: Reader, loyalty: Loyalty) -> VoucherOut:
    """Find the voucher of a code that a customer reads out. The code stands in no address and no log."""
    async with loyalty.guard.watch(Who(caller.key_id)) as watch:
        found = await loyalty.codes.look_up(body.code)
        if found is None:
            watch.failures = 1
            raise VoucherUnknown
        return found


@router.get("/vouchers/{voucher:uuid}", responses=problems(VoucherUnknown))
async def voucher(voucher: UUID, _: Reader, loyalty: Loyalty) -> VoucherOut:
    """Get a voucher as it stands."""
    return await loyalty.codes.get(voucher)


@router.get("/vouchers/{voucher:uuid}/code", responses=problems(VoucherUnknown, CodesGone))
async def voucher_code(voucher: UUID, _: Writer, loyalty: Loyalty, response: Response) -> CodeOut:
    """Get the code of a voucher that was assigned, to send it to its holder (again)."""
    response.headers.update(_NEVER_KEPT)
    return CodeOut(code=await loyalty.codes.reveal(voucher))


@router.post(
    "/vouchers/{voucher:uuid}/state",
    response_model=VoucherOut,
    responses=problems(BadIdempotencyKey, VoucherUnknown, WrongState),
)
async def set_voucher_state(
    voucher: UUID, body: CodeStateIn, _: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Freeze a voucher, thaw it, or void it for ever."""
    return answer(await loyalty.codes.set_state(voucher, body, idem=idem))


@router.post(
    "/vouchers/{voucher:uuid}/top-up",
    response_model=VoucherOut,
    responses=problems(BadIdempotencyKey, VoucherUnknown, ValueNeeded, WrongState),
)
async def top_up_voucher(
    voucher: UUID, body: TopUpIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Put money on a gift card, such as store credit for a return. Where the law says so, its time begins again."""
    return answer(await loyalty.codes.top_up(voucher, body, by=caller.key_id, idem=idem))


@router.get("/vouchers/{voucher:uuid}/statement", responses=problems(VoucherUnknown, ValueNeeded))
async def gift_card_statement(voucher: UUID, _: Reader, loyalty: Loyalty) -> StatementOut:
    """Say what came on a gift card, what was paid with it and what came back, and what is on it, in minor units."""
    return await loyalty.codes.statement(voucher)


@router.get("/gift-card-rules")
async def gift_card_rules(_: Reader) -> list[ExpiryRuleOut]:
    """List when gift cards may expire, by place, with the source of each rule. No legal advice."""
    return [ExpiryRuleOut(jurisdiction=place, **rule._asdict()) for place, rule in EXPIRY.items()]
