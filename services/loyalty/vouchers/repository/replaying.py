"""SQL of codes that are made anew from what was told of them, and of the counters that follow from their uses.

What is told of one code comes in any order: whoever is first makes its row.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

# What must come out the same. The text of a code, and what may be shown of it, is told to nobody; nor is what a code
# was assigned for, or a card topped up. Campaigns are configuration but for their counters; one of nothing is none.
_COUNTED = "(redeemed, reserved, spent_minor, reserved_minor) <> (0, 0, 0, 0)"
RELATIONS = {
    "codes": "(SELECT id, campaign_id, fingerprint, kid, state, max_uses, redeemed, reserved, value_minor, "
    "spent_minor, held_minor, holder, expires_at, job_id, created_at, pool, version FROM codes)",
    "code_loads": "(SELECT id, code_id, amount_minor, loaded_at, loaded_by FROM code_loads)",
    "assignments": "(SELECT id, campaign_id, person, code_id, assigned_at, assigned_by FROM assignments)",
    "campaigns": f"(SELECT id, redeemed, reserved, spent_minor, reserved_minor FROM campaigns WHERE {_COUNTED})",
    "voucher_uses": f"(SELECT * FROM voucher_uses WHERE {_COUNTED})",
    "budget_counters": f"(SELECT * FROM budget_counters WHERE {_COUNTED})",
}


_UNTOLD = datetime(1970, 1, 1, tzinfo=UTC)


class Made(NamedTuple):
    """A code as it was when it was made."""

    id: UUID
    campaign_id: UUID
    fingerprint: bytes
    kid: str
    max_uses: int | None
    value_minor: int | None
    expires_at: datetime | None
    job_id: UUID | None
    created_at: datetime
    pool: str | None
    last4: str = ""


class Changed(NamedTuple):
    """The latest of a code's states."""

    id: UUID
    campaign_id: UUID
    state: str
    value_minor: int | None
    expires_at: datetime | None
    version: int


class Issued(NamedTuple):
    """A code that was assigned; `version` 0: the moment it was made."""

    id: UUID
    campaign_id: UUID
    holder: UUID
    expires_at: datetime | None
    version: int


class Load(NamedTuple):
    """Money that came on a gift card."""

    id: UUID
    code_id: UUID
    amount_minor: int
    loaded_at: datetime
    loaded_by: str


async def stand(tx: WriteTx, codes: Collection[tuple[UUID, UUID]]) -> None:
    """Let rows of these codes stand, each with its campaign: of what is told of them something came first."""
    await insert_rows(
        tx,
        "codes",
        {
            "id": "uuid",
            "campaign_id": "uuid",
            "fingerprint": "bytea",
            "kid": "text",
            "last4": "text",
            "created_at": "timestamptz",
        },
        [(code, campaign, code.bytes, "", "", _UNTOLD) for code, campaign in sorted(set(codes))],
        "ON CONFLICT (id) DO NOTHING",
    )


async def put_made(tx: WriteTx, made: Sequence[Made]) -> None:
    """Store codes as they were made; what was told of them already is later."""
    await insert_rows(
        tx,
        "codes",
        {
            "id": "uuid",
            "campaign_id": "uuid",
            "fingerprint": "bytea",
            "kid": "text",
            "max_uses": "integer",
            "value_minor": "bigint",
            "expires_at": "timestamptz",
            "job_id": "uuid",
            "created_at": "timestamptz",
            "pool": "text",
            "last4": "text",
        },
        sorted(made),
        """
        ON CONFLICT (id) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, kid = EXCLUDED.kid,
            max_uses = EXCLUDED.max_uses, job_id = EXCLUDED.job_id, created_at = EXCLUDED.created_at,
            pool = EXCLUDED.pool,
            value_minor = CASE codes.version WHEN 0 THEN EXCLUDED.value_minor ELSE codes.value_minor END,
            expires_at = CASE codes.version WHEN 0 THEN EXCLUDED.expires_at ELSE codes.expires_at END
        """,
    )


async def put_changed(tx: WriteTx, changed: Sequence[Changed]) -> None:
    """Bring codes into these states, where they are not in later ones."""
    await tx.execute(
        """
        UPDATE codes AS c SET state = n.state, value_minor = n.value_minor, expires_at = n.expires_at,
            version = n.version
        FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:minors AS bigint[]),
                    CAST(:ends AS timestamptz[]), CAST(:versions AS integer[]))
             AS n (id, state, value_minor, expires_at, version)
        WHERE c.id = n.id AND c.version < n.version
        """,
        {
            "ids": [each.id for each in changed],
            "states": [each.state for each in changed],
            "minors": [each.value_minor for each in changed],
            "ends": [each.expires_at for each in changed],
            "versions": [each.version for each in changed],
        },
    )


async def put_issued(tx: WriteTx, issued: Sequence[Issued], assignments: Sequence[tuple[Any, ...]]) -> None:
    """Give codes to their holders, and note what for."""
    await tx.execute(
        """
        UPDATE codes AS c SET holder = n.holder, version = greatest(c.version, n.version),
            expires_at = CASE WHEN n.version > c.version THEN n.expires_at ELSE c.expires_at END
        FROM unnest(CAST(:ids AS uuid[]), CAST(:holders AS uuid[]), CAST(:ends AS timestamptz[]),
                    CAST(:versions AS integer[])) AS n (id, holder, expires_at, version)
        WHERE c.id = n.id
        """,
        {
            "ids": [each.id for each in issued],
            "holders": [each.holder for each in issued],
            "ends": [each.expires_at for each in issued],
            "versions": [each.version for each in issued],
        },
    )
    await insert_rows(
        tx,
        "assignments",
        {
            "id": "uuid",
            "campaign_id": "uuid",
            "person": "uuid",
            "key": "text",
            "code_id": "uuid",
            "assigned_at": "timestamptz",
            "assigned_by": "text",
        },
        assignments,
        "ON CONFLICT DO NOTHING",
    )


async def put_loads(tx: WriteTx, loads: Sequence[Load]) -> None:
    """Note what came on gift cards."""
    await insert_rows(
        tx,
        "code_loads",
        {
            "id": "uuid",
            "code_id": "uuid",
            "amount_minor": "bigint",
            "loaded_at": "timestamptz",
            "loaded_by": "text",
        },
        sorted(loads),
        "ON CONFLICT DO NOTHING",
    )


async def known(live: ReadTx, codes: Collection[UUID]) -> dict[UUID, int]:
    """The versions of those of these codes that there are."""
    rows = await live.execute("SELECT id, version FROM codes WHERE id = ANY(:ids)", {"ids": list(codes)})
    return {row.id: row.version for row in rows}


async def assigned(live: ReadTx, codes: Collection[UUID]) -> set[UUID]:
    """Those of these codes that are assigned."""
    rows = await live.execute("SELECT code_id FROM assignments WHERE code_id = ANY(:ids)", {"ids": list(codes)})
    return {row.code_id for row in rows}
