"""The SQL of cases, their progress, bundles and receipts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.profiles.rights.domain.cases import Case, Progress, State
from shared.bus.base import Partition
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_FIELDS = (
    "id, kind, jurisdiction, customer_id, keys, purposes, asked_through, verified_by, recorded_by, state, reason, "
    "received_at, acknowledge_by, acknowledged_at, due_at, extended_at, rules, slices, finished_at"
)
# As `Case.is_overdue`; with `_OPEN` the index rights_cases_open is enough.
_OVERDUE = "(due_at < :now OR (acknowledged_at IS NULL AND acknowledge_by < :now))"
_OPEN = "state IN ('awaiting_proof', 'in_progress', 'awaiting_expiry')"


def _case(row: Any) -> Case:
    values = row._asdict()
    return Case(**{**values, **{name: tuple(values[name]) for name in ("keys", "purposes", "rules")}})


async def add(tx: WriteTx, case: Case) -> None:
    """Keep a new case."""
    names = [name.strip() for name in _FIELDS.split(",")]
    await tx.execute(
        f"INSERT INTO rights_cases ({_FIELDS}) VALUES ({', '.join(f':{name}' for name in names)})",
        {name: list(value) if isinstance(value := getattr(case, name), tuple) else value for name in names},
    )


async def case(tx: ReadTx, case_id: UUID) -> Case | None:
    """A case, if there is one with this id."""
    row = (await tx.execute(f"SELECT {_FIELDS} FROM rights_cases WHERE id = :id", {"id": case_id})).one_or_none()
    return None if row is None else _case(row)


async def locked(tx: WriteTx, case_id: UUID) -> Case | None:
    """The same, and nobody else changes it until this transaction ends."""
    await tx.execute("SELECT FROM rights_cases WHERE id = :id FOR UPDATE", {"id": case_id})
    return await case(tx, case_id)


async def listed(
    tx: ReadTx,
    *,
    key: UUID | None,
    kind: str | None,
    is_open: bool | None,
    overdue_at: datetime | None = None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Case]:
    """Cases, the newest first; `overdue_at`: only those that are overdue at that moment."""
    at, id_ = before or (None, None)
    rows = await tx.execute(
        f"""
        SELECT {_FIELDS} FROM rights_cases WHERE true
          {"" if key is None else "AND keys @> ARRAY[CAST(:key AS uuid)]"}
          {"" if kind is None else "AND kind = :kind"}
          {"" if is_open is None else f"AND {'' if is_open else 'NOT '}{_OPEN}"}
          {"" if overdue_at is None else f"AND {_OPEN} AND {_OVERDUE}"}
          {"" if before is None else "AND (received_at, id) < (:at, :id)"}
        ORDER BY received_at DESC, id DESC LIMIT :limit
        """,
        {
            "limit": limit,
            **({} if key is None else {"key": key}),
            **({} if kind is None else {"kind": kind}),
            **({} if overdue_at is None else {"now": overdue_at}),
            **({} if before is None else {"at": at, "id": id_}),
        },
    )
    return [_case(row) for row in rows]


async def overdue(tx: ReadTx, now: datetime) -> dict[str, int]:
    """How many open cases of each kind are overdue."""
    rows = await tx.execute(
        f"SELECT kind, count(*) AS number FROM rights_cases WHERE {_OPEN} AND {_OVERDUE} GROUP BY kind", {"now": now}
    )
    return {row.kind: row.number for row in rows}


async def acknowledge(tx: WriteTx, case_id: UUID, at: datetime) -> None:
    """The person was told; the first time holds."""
    await tx.execute(
        "UPDATE rights_cases SET acknowledged_at = coalesce(acknowledged_at, :at) WHERE id = :id",
        {"id": case_id, "at": at},
    )


async def set_state(tx: WriteTx, case_id: UUID, state: State, *, reason: str | None = None, at: Any = None) -> None:
    """Move a case on; `at`: it is finished."""
    await tx.execute(
        "UPDATE rights_cases SET state = :state, reason = coalesce(:reason, reason), "
        "finished_at = coalesce(CAST(:at AS timestamptz), finished_at) WHERE id = :id",
        {"id": case_id, "state": state, "reason": reason, "at": at},
    )


async def begin(tx: WriteTx, case_id: UUID, *, slices: int, keys: Sequence[UUID], verified_by: str | None) -> None:
    """The case is asked of every service in so many slices."""
    await tx.execute(
        "UPDATE rights_cases SET state = 'in_progress', slices = :slices, keys = :keys, "
        "verified_by = coalesce(:verified, verified_by) WHERE id = :id",
        {"id": case_id, "slices": slices, "keys": list(keys), "verified": verified_by},
    )


async def extend(tx: WriteTx, case_id: UUID, *, due_at: datetime, at: datetime, rule: str) -> None:
    """Give the case its later deadline."""
    await tx.execute(
        "UPDATE rights_cases SET due_at = :due, extended_at = :at, rules = rules || CAST(:rule AS text) WHERE id = :id",
        {"id": case_id, "due": due_at, "at": at, "rule": rule},
    )


async def close_others(tx: WriteTx, case_id: UUID, keys: Sequence[UUID], at: datetime) -> None:
    """End the open cases of somebody who is erased, and remove their bundles."""
    rows = await tx.execute(
        "UPDATE rights_cases SET state = CASE WHEN state IN ('awaiting_proof', 'in_progress') THEN 'closed' "
        "ELSE state END, reason = CASE WHEN state IN ('awaiting_proof', 'in_progress') THEN 'erased' ELSE reason END, "
        "finished_at = coalesce(finished_at, :at) "
        "WHERE id <> :id AND kind <> 'erasure' AND keys && CAST(:keys AS uuid[]) RETURNING id",
        {"id": case_id, "keys": list(keys), "at": at},
    )
    ids = [row.id for row in rows]
    await tx.execute("DELETE FROM rights_bundles WHERE case_id = ANY(:ids)", {"ids": ids})


async def note(tx: WriteTx, case_id: UUID, steps: Sequence[Progress]) -> None:
    """Keep what services did; told again, it stands there once."""
    await insert_rows(
        tx,
        "rights_progress",
        {
            "case_id": "uuid",
            "service": "text",
            "step": "text",
            "slice": "int",
            "at": "timestamptz",
            "removed": "jsonb",
            "kept": "jsonb",
        },
        [
            (
                case_id,
                each.service,
                each.step,
                each.slice,
                each.at,
                orjson.dumps(each.removed).decode(),
                orjson.dumps(each.kept).decode(),
            )
            for each in steps
        ],
        "ON CONFLICT DO NOTHING",
    )


async def progress(tx: ReadTx, case_id: UUID) -> list[Progress]:
    """What services did so far, in order."""
    rows = await tx.execute(
        "SELECT service, step, slice, at, removed, kept FROM rights_progress WHERE case_id = :id "
        "ORDER BY at, service, step, slice",
        {"id": case_id},
    )
    return [Progress(**row) for row in rows.mappings()]


async def keep_names(tx: WriteTx, case_id: UUID, texts: Sequence[str]) -> None:
    """Keep what the erasure looks for until it is done."""
    await tx.execute(
        "INSERT INTO rights_names (case_id, texts) VALUES (:id, :texts) ON CONFLICT DO NOTHING",
        {"id": case_id, "texts": list(texts)},
    )


async def names(tx: ReadTx, case_id: UUID) -> tuple[str, ...] | None:
    """What the erasure looks for; None: it is done with that."""
    row = (await tx.execute("SELECT texts FROM rights_names WHERE case_id = :id", {"id": case_id})).one_or_none()
    return None if row is None else tuple(row.texts)


async def forget_names(tx: WriteTx, case_id: UUID) -> None:
    """Nothing more is looked for."""
    await tx.execute("DELETE FROM rights_names WHERE case_id = :id", {"id": case_id})


async def erasures_under_way(tx: ReadTx) -> list[Case]:
    """Erasures that are not done, the oldest first."""
    rows = await tx.execute(
        f"SELECT {_FIELDS} FROM rights_cases WHERE kind = 'erasure' AND state IN ('in_progress', 'awaiting_expiry') "
        "ORDER BY received_at LIMIT 100"
    )
    return [_case(row) for row in rows]


async def await_expiry(tx: WriteTx, case_id: UUID, ends: Mapping[Partition, int]) -> None:
    """The case waits until these partitions have let go of what is before these offsets."""
    told = {f"{place.topic}/{place.index}": end for place, end in ends.items()}
    await tx.execute(
        "UPDATE rights_cases SET state = 'awaiting_expiry', ends = CAST(:ends AS jsonb) WHERE id = :id",
        {"id": case_id, "ends": orjson.dumps(told).decode()},
    )


async def ends(tx: ReadTx, case_id: UUID) -> dict[Partition, int] | None:
    """What the case waits for."""
    stored = (await tx.execute("SELECT ends FROM rights_cases WHERE id = :id", {"id": case_id})).scalar_one()
    if stored is None:
        return None
    places = ((*name.rpartition("/"), end) for name, end in stored.items())
    return {Partition(topic, int(index)): end for topic, _, index, end in places}


async def sign(tx: WriteTx, case_id: UUID, receipt: str, signature: bytes, at: datetime) -> None:
    """The case is done, and this proves it."""
    await tx.execute(
        "UPDATE rights_cases SET state = 'done', finished_at = :at, receipt = :receipt, signature = :signature "
        "WHERE id = :id",
        {"id": case_id, "receipt": receipt, "signature": signature, "at": at},
    )


async def receipt(tx: ReadTx, case_id: UUID) -> tuple[str, bytes] | None:
    """The receipt of a case and its signature."""
    row = (
        await tx.execute("SELECT receipt, signature FROM rights_cases WHERE id = :id", {"id": case_id})
    ).one_or_none()
    return None if row is None or row.receipt is None else (row.receipt, row.signature)


async def add_part(
    tx: WriteTx, case_id: UUID, *, service: str, slice_: int, part: int, parts: int, document: str
) -> None:
    """Keep a part of what a service has of the person."""
    await tx.execute(
        "INSERT INTO rights_bundles (case_id, service, slice, part, parts, document) "
        "VALUES (:case, :service, :slice, :part, :parts, :document) ON CONFLICT DO NOTHING",
        {
            "case": case_id,
            "service": service,
            "slice": slice_,
            "part": part,
            "parts": parts,
            "document": document,
        },
    )


async def is_whole(tx: ReadTx, case_id: UUID, service: str, slice_: int) -> bool:
    """Whether all parts of a service's slice are there."""
    found = await tx.execute(
        "SELECT count(*) = max(parts) AS is_whole FROM rights_bundles "
        "WHERE case_id = :case AND service = :service AND slice = :slice",
        {"case": case_id, "service": service, "slice": slice_},
    )
    return bool(found.scalar_one())


async def bundle(tx: ReadTx, case_id: UUID) -> dict[str, Any]:
    """What each service has of the person; a person in several slices has it all in the first."""
    rows = await tx.execute(
        "SELECT service, string_agg(document, '' ORDER BY slice, part) AS document FROM rights_bundles "
        "WHERE case_id = :id GROUP BY service ORDER BY service",
        {"id": case_id},
    )
    return {row.service: orjson.loads(row.document) for row in rows}


async def forget_bundles(tx: WriteTx, *, older_than: datetime) -> int:
    """Remove bundles of cases that were finished before; how many parts."""
    gone = await tx.execute(
        "DELETE FROM rights_bundles WHERE case_id IN (SELECT id FROM rights_cases WHERE finished_at < :at)",
        {"at": older_than},
    )
    return gone.rowcount


async def suppressing(tx: ReadTx, marks: Sequence[bytes]) -> UUID | None:
    """The erasure that left one of these marks."""
    row = (
        await tx.execute(
            "SELECT case_id FROM suppressed WHERE mark = ANY(CAST(:marks AS bytea[])) LIMIT 1", {"marks": list(marks)}
        )
    ).one_or_none()
    return None if row is None else row.case_id


async def erasures_beyond(tx: ReadTx, known: Collection[UUID]) -> list[Case]:
    """The erasures that were begun, but for those known, the oldest first."""
    rows = await tx.execute(
        f"SELECT {_FIELDS} FROM rights_cases WHERE kind = 'erasure' AND slices > 0 "
        "AND NOT id = ANY(CAST(:known AS uuid[])) ORDER BY received_at, id",
        {"known": list(known)},
    )
    return [_case(row) for row in rows]


async def marks_of(tx: ReadTx, case_ids: Sequence[UUID]) -> dict[UUID, list[bytes]]:
    """The marks that these cases left, by case."""
    rows = await tx.execute(
        "SELECT case_id, array_agg(mark ORDER BY mark) AS marks FROM suppressed "
        "WHERE case_id = ANY(CAST(:ids AS uuid[])) GROUP BY case_id",
        {"ids": list(case_ids)},
    )
    return {row.case_id: list(row.marks) for row in rows}
