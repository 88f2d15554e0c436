"""SQL of codes: found by keyed hash, with their campaign as it stands."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from services.loyalty.vouchers.domain.codes import Shape
from services.loyalty.vouchers.domain.voucher import Voucher
from services.loyalty.vouchers.repository.campaigns import CAMPAIGN, campaign_of
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

CODE = (
    "codes.id AS code_id, codes.state AS code_state, codes.last4, codes.holder, codes.expires_at, "
    "codes.max_uses AS code_max_uses, codes.redeemed AS code_redeemed, codes.reserved AS code_reserved, "
    "codes.value_minor, codes.spent_minor AS code_spent_minor, codes.held_minor"
)
_VOUCHERS = f"SELECT {CODE}, {CAMPAIGN} FROM codes JOIN campaigns ON campaigns.id = codes.campaign_id"


class NewCode(NamedTuple):
    """A code to keep. `sealed` is the code itself, for a holder; `public_code` that of a shared one.

    `pool`: it is kept ready to be assigned, `made` ahead or `given` by somebody else. `job_id`: what made it, or took
    it over from a file.
    """

    id: UUID
    campaign_id: UUID
    fingerprint: bytes
    kid: str
    last4: str
    max_uses: int | None
    value_minor: int | None
    holder: UUID | None
    expires_at: datetime | None
    created_at: datetime
    public_code: str | None = None
    sealed: bytes | None = None
    pool: str | None = None
    job_id: UUID | None = None


async def by_fingerprints(tx: ReadTx, fingerprints: Collection[bytes]) -> Sequence[Row[Any]]:
    """The codes with these keyed hashes, each with its campaign; `fingerprint` and `job_id` are columns."""
    rows = await tx.execute(
        f"SELECT codes.fingerprint, codes.job_id, {_VOUCHERS.removeprefix('SELECT ')} "
        "WHERE codes.fingerprint = ANY(:fingerprints)",
        {"fingerprints": list(fingerprints)},
    )
    return rows.fetchall()


async def by_ids(tx: ReadTx, ids: Collection[UUID]) -> Sequence[Row[Any]]:
    """These codes, each with its campaign."""
    rows = await tx.execute(f"{_VOUCHERS} WHERE codes.id = ANY(:ids)", {"ids": list(ids)})
    return rows.fetchall()


async def shapes(tx: ReadTx) -> list[Shape]:
    """What codes look like that there are."""
    rows = await tx.execute("SELECT prefix, length, is_checked FROM code_shapes ORDER BY 1, 2, 3")
    return [Shape(row.prefix, row.length, row.is_checked) for row in rows]


async def put_shapes(tx: WriteTx, found: Collection[Shape]) -> None:
    """Note what codes look like."""
    await insert_rows(
        tx,
        "code_shapes",
        {"prefix": "text", "length": "integer", "is_checked": "boolean"},
        sorted(found),
        "ON CONFLICT DO NOTHING",
    )


async def put(tx: WriteTx, codes: Sequence[NewCode]) -> set[UUID]:
    """Keep codes; the ids of those that were not there yet."""
    in_order: list[NewCode] = sorted(codes, key=lambda code: code.fingerprint)
    rows = await insert_rows(
        tx,
        "codes",
        {
            "id": "uuid",
            "campaign_id": "uuid",
            "fingerprint": "bytea",
            "kid": "text",
            "last4": "text",
            "max_uses": "integer",
            "value_minor": "bigint",
            "holder": "uuid",
            "expires_at": "timestamptz",
            "created_at": "timestamptz",
            "public_code": "text",
            "sealed": "bytea",
            "pool": "text",
            "job_id": "uuid",
        },
        in_order,
        "ON CONFLICT (fingerprint) DO NOTHING RETURNING id",
    )
    return {row.id for row in rows}


async def kids(tx: ReadTx) -> set[str]:
    """The ids of the peppers that codes were hashed under."""
    return {row.kid for row in await tx.execute("SELECT kid FROM peppers")}


async def put_kid(tx: WriteTx, kid: str, now: datetime) -> None:
    """Note that codes are hashed under this pepper."""
    await tx.execute(
        "INSERT INTO peppers (kid, first_used_at) VALUES (:kid, :now) ON CONFLICT DO NOTHING", {"kid": kid, "now": now}
    )


def voucher_of(row: Row[Any], versions: Mapping[tuple[UUID, int], Any]) -> Voucher:
    """The voucher of a row; `versions` holds what the versions of campaigns say."""
    return Voucher(
        id=row.code_id,
        campaign=campaign_of(row, versions[row.campaign_id, row.version]),
        state=row.code_state,
        last4=row.last4,
        holder=row.holder,
        expires_at=row.expires_at,
        max_uses=row.code_max_uses,
        redeemed=row.code_redeemed,
        reserved=row.code_reserved,
        value_minor=row.value_minor,
        spent_minor=row.code_spent_minor,
        held_minor=row.held_minor,
    )


async def details(tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """What is told of codes besides the voucher: when it was made, and its text where it may be had."""
    found = await tx.execute(
        "SELECT id, campaign_id, kid, public_code, sealed, created_at FROM codes WHERE id = ANY(:ids)",
        {"ids": list(ids)},
    )
    return {row.id: row for row in found}


async def of_campaign(tx: ReadTx, campaign: UUID, *, after: UUID | None, limit: int) -> list[UUID]:
    """The codes of a campaign, those made first at the beginning."""
    found = await tx.execute(
        f"""
        SELECT id FROM codes WHERE campaign_id = :campaign {"" if after is None else "AND id > :after"}
        ORDER BY id LIMIT :limit
        """,
        {"campaign": campaign, "limit": limit, **({} if after is None else {"after": after})},
    )
    return [row.id for row in found]


async def states(tx: ReadTx, campaign: UUID, *, after: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """The states of the codes of a campaign, those made first at the beginning."""
    found = await tx.execute(
        f"""
        SELECT id, last4, state, holder, expires_at, max_uses, redeemed, reserved, value_minor, spent_minor, held_minor,
               created_at
        FROM codes WHERE campaign_id = :campaign {"" if after is None else "AND id > :after"}
        ORDER BY id LIMIT :limit
        """,
        {"campaign": campaign, "limit": limit, **({} if after is None else {"after": after})},
    )
    return found.fetchall()


async def lock(tx: WriteTx, code: UUID) -> Row[Any] | None:
    """A code for whoever changes it."""
    found = await tx.execute(
        "SELECT id, campaign_id, state, redeemed, value_minor, spent_minor, held_minor, expires_at, version FROM codes "
        "WHERE id = :id FOR UPDATE",
        {"id": code},
    )
    return found.one_or_none()


async def set_state(tx: WriteTx, code: UUID, state: str) -> None:
    """Bring a code into a state."""
    await tx.execute(
        "UPDATE codes SET state = :state, version = version + 1 WHERE id = :id", {"id": code, "state": state}
    )


async def top_up(tx: WriteTx, code: UUID, amount_minor: int, *, until: datetime | None) -> None:
    """Put money on a gift card, which then holds until a moment at least, if it expires at all."""
    await tx.execute(
        "UPDATE codes SET value_minor = value_minor + :amount, version = version + 1, "
        "expires_at = CASE WHEN expires_at IS NOT NULL THEN greatest(expires_at, :until) END WHERE id = :id",
        {"id": code, "amount": amount_minor, "until": until},
    )
