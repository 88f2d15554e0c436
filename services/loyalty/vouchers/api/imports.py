"""Files of codes over HTTP: sent as they are, told how far they are, and which lines could not be."""

from collections.abc import Mapping
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.vouchers.errors import CampaignUnknown, ImportMoved, ImportUnknown, WrongKindOfCodes
from services.loyalty.vouchers.schemas.imports import CodeImportOut, RefusedLineOut
from services.loyalty.vouchers.service.importing import Options
from shared.http.files import FileRoute, NotAFile, kind_of, parts_of
from shared.http.idempotency import BadIdempotencyKey, FileKey
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, number_in, page_of
from shared.http.problems import problems
from shared.records import BadFile, records

router = APIRouter(prefix="/v1/loyalty", tags=["voucher codes"])
files = APIRouter(prefix="/v1/loyalty", tags=["voucher codes"], route_class=FileRoute)

# Unpacked: five million rows of two hundred bytes.
_MOST_BYTES = 1_073_741_824
_FILE = {
    "requestBody": {
        "required": True,
        "description": "UTF-8, in gzip (Content-Encoding) or plain.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


@files.post(
    "/campaigns/{campaign}/code-imports",
    response_model=CodeImportOut,
    responses=problems(
        BadIdempotencyKey, CampaignUnknown, WrongKindOfCodes, NotAFile, BadFile, ImportMoved
    ),
    openapi_extra=_FILE,
)  # fmt: skip
async def import_code_file(
    campaign: UUID,
    request: Request,
    caller: Writer,
    loyalty: Loyalty,
    idem: FileKey,
    dry_run: Annotated[bool, Query(description="Only say what would come of it; nothing is kept.")] = False,
    to_assign: Annotated[bool, Query(description="Keep them ready, sealed, to be assigned to customers.")] = False,
    column: Annotated[
        list[str] | None,
        Query(
            max_length=7,
            description="What a column says, as `code=Coupon name`, where its name alone does not: code, value (major "
            "units), value_minor, expires_on, max_uses, used, active.",
        ),
    ] = None,
) -> Response:
    """Take over codes of another system from a file of up to five million rows, CSV with a heading or JSON by line.

    Columns that are known by what other programs call them: the code, the money on a gift card (what is left counts
    before what it was), its last day, how often it may be used and how often it was (what is left is taken over), and
    whether it is active. Others are passed over. A row that cannot be taken over is refused by its line
    (`/code-imports/{id}/refused`) and keeps none of the others out. The file is read while it comes: `GET
    /campaigns/{campaign}/code-imports` tells how far it is. Cut off, it goes on where it ended when the same file is
    sent again with the same Idempotency-Key.
    """
    kind, is_gzip = kind_of(request)
    parts = parts_of(request, is_gzip=is_gzip, most=_MOST_BYTES)
    options = Options(kind, dry_run, to_assign, _named(column or ()))
    said, is_replay = await loyalty.code_files.take(
        campaign, records(parts, kind), options, by=caller.key_id, idem=idem
    )
    headers = {"Idempotent-Replayed": "true"} if is_replay else None
    return Response(said.model_dump_json(), headers=headers, media_type="application/json")


@router.get("/campaigns/{campaign}/code-imports", responses=problems(BadCursor, CampaignUnknown))
async def code_imports(
    campaign: UUID, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[CodeImportOut]:
    """List the imports of files of a campaign, the latest first, also those that are under way."""
    found = await loyalty.code_files.listed(campaign, before=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,))


@router.get("/code-imports/{import_id}", responses=problems(ImportUnknown))
async def code_import(import_id: UUID, _: Reader, loyalty: Loyalty) -> CodeImportOut:
    """Get an import of a file: how many of its rows are read, taken over and refused."""
    return await loyalty.code_files.get(import_id)


@router.get("/code-imports/{import_id}/refused", responses=problems(BadCursor, ImportUnknown))
async def refused_lines(
    import_id: UUID, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[RefusedLineOut]:
    """List the lines that were refused and why, in the order of the file. Kept for 30 days."""
    found = await loyalty.code_files.refused(import_id, after=number_in(cursor) or 0, limit=limit)
    return page_of(found, limit, lambda each: (each.line,), RefusedLineOut.of)


def _named(columns: Any) -> Mapping[str, str]:
    return dict(cast("tuple[str, str]", each.split("=", 1)) if "=" in each else (each, "") for each in columns)
