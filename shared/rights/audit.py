"""The audit log: who read or changed what of whom, when. Append-only, in a chain of digests.

A request costs next to nothing: what it saw is noted in memory and written twice a second, many entries in one
statement. A process that is killed loses what it noted last; one that ends writes it. Changes are told by the data
themselves as well: each value knows which key said it.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from shared.clock import Clock
from shared.db.bulk import insert_rows
from shared.db.engine import Database, ReadTx, WriteTx
from shared.observability.logging import logger

log = logger(__name__)

FLUSH_SECONDS = 0.5
# Of one entry: a longer list is of no use to whoever reads it, and each page of a list is an entry.
MAX_CUSTOMERS = 1_000
# While the database is away; more is dropped, and said.
MAX_WAITING = 50_000
PIECE = 1_000
_START = bytes(32)

_seen: ContextVar[set[UUID] | None] = ContextVar("audit_seen", default=None)


class Entry(NamedTuple):
    """One request that read or changed something of people, or changed something else."""

    at: datetime
    key_id: str
    method: str
    route: str
    status: int
    request_id: UUID
    customers: tuple[UUID, ...]


class Stored(NamedTuple):
    """An entry of the log."""

    id: int
    at: datetime
    key_id: str
    method: str
    route: str
    status: int
    request_id: UUID
    customers: Sequence[UUID]
    digest: bytes


def begin() -> set[UUID]:
    """From now on, whoever this request sees is noted in the answer."""
    found: set[UUID] = set()
    _seen.set(found)
    return found


def saw(customers: Iterable[UUID]) -> None:
    """The request at hand sees these people; outside of one nothing is noted."""
    found = _seen.get()
    if found is not None:
        found.update(customers)


class AuditLog:
    """Takes entries in, and writes them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._waiting: list[Entry] = []

    def note(
        self, *, key_id: str, method: str, route: str, status: int, request_id: str, customers: Iterable[UUID]
    ) -> None:
        """A request was answered."""
        if len(self._waiting) >= MAX_WAITING:
            log.error("audit_entry_lost", route=route, key_id=key_id)
            return
        whom = tuple(sorted(customers)[:MAX_CUSTOMERS])
        self._waiting.append(Entry(self._clock.now(), key_id, method, route, status, UUID(request_id), whom))

    async def run(self) -> None:
        """Write what is noted until cancelled, and then the rest."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                try:
                    await self.flush()
                except (SQLAlchemyError, OSError, TimeoutError) as error:
                    log.warning("audit_waits", error=type(error).__name__, entries=len(self._waiting))
        finally:
            with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
                async with asyncio.timeout(5):
                    await self.flush()

    async def flush(self) -> None:
        """Write what is noted."""
        while self._waiting:
            some = self._waiting[:PIECE]
            async with self._db.write() as tx:
                await _append(tx, some)
            del self._waiting[: len(some)]

    async def entries(
        self, *, customer: UUID | None, key_id: str | None, before: int | None, limit: int
    ) -> list[Stored]:
        """Entries, the newest first; one more than `limit` if there are more."""
        async with self._db.read() as tx:
            return await _entries(tx, customer=customer, key_id=key_id, before=before, limit=limit + 1)

    async def verify(self) -> tuple[int, int | None]:
        """How many entries there are, and the first that is not what was written there; None: all are."""
        number, previous = 0, _START
        async with self._db.read() as tx:
            while page := await _after(tx, number, limit=PIECE):
                for entry in page:
                    said = Entry(*entry[1:7], tuple(entry.customers))
                    previous = _digest(previous, entry.id, said)
                    if entry.id != number + 1 or previous != entry.digest:
                        return number, number + 1
                    number += 1
        return number, None


async def _append(tx: WriteTx, entries: Sequence[Entry]) -> None:
    # One process at a time adds to the chain.
    await tx.execute("SELECT pg_advisory_xact_lock(7264, hashtext(current_schema() || '.audit'))")
    last = (await tx.execute("SELECT id, digest FROM audit ORDER BY id DESC LIMIT 1")).one_or_none()
    number, digest = (0, _START) if last is None else (last.id, last.digest)
    rows: list[tuple[Any, ...]] = []
    for entry in entries:
        number += 1
        digest = _digest(digest, number, entry)
        rows.append((number, *entry[:-1], "{" + ",".join(map(str, entry.customers)) + "}", digest))
    columns = {
        "id": "bigint",
        "at": "timestamptz",
        "key_id": "text",
        "method": "text",
        "route": "text",
        "status": "int",
        "request_id": "uuid",
        "customers": "uuid[]",
        "digest": "bytea",
    }
    await insert_rows(tx, "audit", columns, rows)


def _digest(previous: bytes, number: int, entry: Entry) -> bytes:
    said = (number, entry.at.timestamp(), *entry[1:5], str(entry.request_id), *map(str, entry.customers))
    return hashlib.sha256(previous + "\x1f".join(map(str, said)).encode()).digest()


_FIELDS = "id, at, key_id, method, route, status, request_id, customers, digest"


async def _entries(
    tx: ReadTx, *, customer: UUID | None, key_id: str | None, before: int | None, limit: int
) -> list[Stored]:
    rows = await tx.execute(
        f"""
        SELECT {_FIELDS} FROM audit WHERE true
          {"" if customer is None else "AND customers @> ARRAY[CAST(:customer AS uuid)]"}
          {"" if key_id is None else "AND key_id = :key_id"}
          {"" if before is None else "AND id < :before"}
        ORDER BY id DESC LIMIT :limit
        """,
        {
            "limit": limit,
            **({} if customer is None else {"customer": customer}),
            **({} if key_id is None else {"key_id": key_id}),
            **({} if before is None else {"before": before}),
        },
    )
    return [Stored._make(row) for row in rows]


async def _after(tx: ReadTx, number: int, *, limit: int) -> list[Stored]:
    rows = await tx.execute(
        f"SELECT {_FIELDS} FROM audit WHERE id > :number ORDER BY id LIMIT :limit", {"number": number, "limit": limit}
    )
    return [Stored._make(row) for row in rows]
