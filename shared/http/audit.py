"""The audit log over HTTP. It names nobody: people stand in it by their pseudonymous key."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from shared.errors import BadRequest
from shared.http.auth import require
from shared.http.paging import BadCursor, Cursor, Limit, Page, encode_cursor, number_in
from shared.http.problems import problems
from shared.ids import customer_key
from shared.rights.audit import AuditLog


class BadAuditReference(BadRequest):
    """The log knows pseudonyms alone."""

    code, title = "bad_audit_reference", "Bad reference"

    def __init__(self) -> None:
        super().__init__("The audit log is asked for a customer id, user_id:<id> or anonymous_id:<id>.")


class EntryOut(BaseModel):
    """A request that read or changed something."""

    id: int
    at: datetime
    key_id: str = Field(description="The key that asked.")
    method: str = Field(description="GET reads; all others change something.")
    route: str = Field(description="What for: the template of the address, without what stood in it.")
    status: int
    request_id: UUID
    customers: list[UUID] = Field(description="Whom it was about, at most 1,000: the ids of that time.")
    digest: str = Field(description="SHA-256 over the entry and the digest before it.")


class ChainOut(BaseModel):
    """Whether the log is whole."""

    whole: bool
    entries: int = Field(description="Entries that are as they were written, from the first on.")
    broken_at: int | None = Field(description="The first entry that was changed, or is missing.")


async def _audit(request: Request) -> AuditLog:
    log: AuditLog = request.app.state.audit
    return log


AuditDep = Annotated[AuditLog, Depends(_audit)]
router = APIRouter(prefix="/v1/audit", tags=["audit"])
_reads = [Depends(require("audit:read"))]


@router.get("", dependencies=_reads, responses=problems(BadCursor, BadAuditReference))
async def entries(
    audit: AuditDep,
    customer: Annotated[str | None, Query(max_length=300, description="Only about them: an id, or user_id:…")] = None,
    key_id: Annotated[str | None, Query(max_length=100, description="Only what this key asked for.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[EntryOut]:
    """List who read or changed what, the newest first; a request stands here within a second."""
    try:
        key = None if customer is None else customer_key(customer)
    except ValueError:
        raise BadAuditReference from None
    found = await audit.entries(customer=key, key_id=key_id, before=number_in(cursor, below=2**63), limit=limit)
    items = [EntryOut(**{**each._asdict(), "digest": each.digest.hex()}) for each in found[:limit]]
    return Page(items=items, next_cursor=encode_cursor((items[-1].id,)) if len(found) > limit else None)


@router.get("/verify", dependencies=_reads)
async def verify(audit: AuditDep) -> ChainOut:
    """Read the whole log, and say whether every entry is as it was written."""
    number, broken = await audit.verify()
    return ChainOut(whole=broken is None, entries=number, broken_at=broken)
