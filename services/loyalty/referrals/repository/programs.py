"""All SQL of referral programmes and codes."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.programs.domain.schedule import Schedule, read
from shared.db.engine import ReadTx, WriteTx


class Program(NamedTuple):
    """A programme; `terms` as `TermsIn` writes them."""

    id: UUID
    name: str
    terms: dict[str, Any]
    is_paused: bool
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str

    def is_open(self, at: datetime) -> bool:
        """Whether friends may come."""
        return (
            not self.is_paused
            and (self.starts_at is None or self.starts_at <= at)
            and (self.ends_at is None or at < self.ends_at)
            and (self.schedule is None or self.schedule.is_open(at, ZoneInfo(self.terms["zone"])))
        )

    @property
    def schedule(self) -> Schedule | None:
        """When in the week friends may come; None: always."""
        windows = self.terms.get("schedule")
        return read(windows) if windows else None


class Code(NamedTuple):
    """An advocate's code."""

    code: str
    program_id: UUID
    person_id: UUID
    created_at: datetime


_PROGRAM = ", ".join(Program._fields)
_CODE = ", ".join(Code._fields)


async def add(tx: WriteTx, program: Program, document: str) -> bool:
    """Store a programme; whether its name was free."""
    result = await tx.execute(
        f"INSERT INTO referral_programs ({_PROGRAM}) VALUES (:id, :name, CAST(:terms AS jsonb), :is_paused, "
        ":starts_at, :ends_at, :created_at, :created_by, :updated_at, :updated_by) ON CONFLICT (name) DO NOTHING",
        {**program._asdict(), "terms": document},
    )
    return result.rowcount == 1


async def get(tx: ReadTx, key: UUID) -> Program | None:
    """A programme."""
    rows = await tx.execute(f"SELECT {_PROGRAM} FROM referral_programs WHERE id = :id", {"id": key})
    row = rows.one_or_none()
    return None if row is None else Program._make(row)


async def listed(tx: ReadTx, *, after: UUID | None, limit: int) -> list[Program]:
    """Programmes, those made last first."""
    rows = await tx.execute(
        f"SELECT {_PROGRAM} FROM referral_programs "
        f"{'' if after is None else 'WHERE id < :after'} ORDER BY id DESC LIMIT :limit",
        {"limit": limit, **({} if after is None else {"after": after})},
    )
    return [Program._make(row) for row in rows]


async def pause(tx: WriteTx, key: UUID, *, is_paused: bool, now: datetime, by: str) -> Program | None:
    """Pause a programme, or let it go on."""
    rows = await tx.execute(
        "UPDATE referral_programs SET is_paused = :is_paused, updated_at = :now, updated_by = :by WHERE id = :id "
        f"RETURNING {_PROGRAM}",
        {"id": key, "is_paused": is_paused, "now": now, "by": by},
    )
    row = rows.one_or_none()
    return None if row is None else Program._make(row)


async def add_code(tx: WriteTx, code: Code) -> bool:
    """Store a code; whether nobody has it, and the person had none in this programme."""
    result = await tx.execute(
        f"INSERT INTO referral_codes ({_CODE}) VALUES (:code, :program_id, :person_id, :created_at) "
        "ON CONFLICT DO NOTHING",
        code._asdict(),
    )
    return result.rowcount == 1


async def code(tx: ReadTx, text: str) -> Code | None:
    """A code."""
    rows = await tx.execute(f"SELECT {_CODE} FROM referral_codes WHERE code = :code", {"code": text})
    row = rows.one_or_none()
    return None if row is None else Code._make(row)


async def code_of(tx: ReadTx, program: UUID, persons: Collection[UUID]) -> Code | None:
    """The first code that a person with these keys has in a programme."""
    rows = await tx.execute(
        f"SELECT {_CODE} FROM referral_codes WHERE program_id = :program AND person_id = ANY(:persons) "
        "ORDER BY created_at, code LIMIT 1",
        {"program": program, "persons": list(persons)},
    )
    row = rows.one_or_none()
    return None if row is None else Code._make(row)
