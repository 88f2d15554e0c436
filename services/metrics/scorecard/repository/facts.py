"""Points, complaints and their sums. Rows are locked in ascending order of their keys."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from uuid import UUID

import orjson

from services.metrics.scorecard.domain.engagement import FLOWS, Complaint, PointsDay, SumKey
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

# Versions from the first until before the second, ascending, apart from each other.
Spans = list[tuple[int, int]]
_SUM = {"what": "text", "segment": "text", "is_month": "boolean", "day": "int"}


async def versions(tx: ReadTx, customers: Collection[UUID]) -> dict[tuple[UUID, str], Spans]:
    """Which changes of each wallet of these keys were counted."""
    rows = await tx.execute(
        "SELECT customer, wallet, seen FROM wallet_versions WHERE customer = ANY(CAST(:ids AS uuid[]))",
        {"ids": list(customers)},
    )
    return {(row.customer, row.wallet): list(_pairs(row.seen)) for row in rows}


def _pairs(ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Spans of their ends, one after the other."""
    return zip(ends[::2], ends[1::2], strict=True)


async def store_versions(tx: WriteTx, seen: Mapping[tuple[UUID, str], Spans]) -> None:
    """Note which were counted."""
    rows = [(*wallet, "{" + ",".join(map(str, chain(*spans))) + "}") for wallet, spans in sorted(seen.items())]
    await insert_rows(
        tx,
        "wallet_versions",
        {"customer": "uuid", "wallet": "text", "seen": "bigint[]"},
        rows,
        "ON CONFLICT (customer, wallet) DO UPDATE SET seen = EXCLUDED.seen",
    )


async def points(tx: ReadTx, customers: Collection[UUID]) -> dict[UUID, dict[tuple[str, int], PointsDay]]:
    """Points of each of these keys that has any, by wallet and day."""
    rows = await tx.execute(
        f"SELECT customer, wallet, day, {', '.join(FLOWS)} FROM wallet_days WHERE customer = ANY(CAST(:ids AS uuid[]))",
        {"ids": list(customers)},
    )
    found: defaultdict[UUID, dict[tuple[str, int], PointsDay]] = defaultdict(dict)
    for row in rows:
        found[row.customer][row.wallet, row.day] = PointsDay(*tuple(row)[3:])
    return found


async def store_points(tx: WriteTx, days: Mapping[tuple[UUID, str, int], PointsDay]) -> None:
    """Keep what the points of these days come to now."""
    flows: dict[str, str] = dict.fromkeys(FLOWS, "bigint")
    columns = {"customer": "uuid", "wallet": "text", "day": "int", **flows}
    values = ", ".join(f"{name} = EXCLUDED.{name}" for name in FLOWS)
    rows = [(*key, *number) for key, number in sorted(days.items())]
    tail = f"ON CONFLICT (customer, wallet, day) DO UPDATE SET {values}"
    await insert_rows(tx, "wallet_days", columns, rows, tail)


async def complaints(tx: ReadTx, customers: Collection[UUID], case_ids: Collection[UUID] = ()) -> list[Complaint]:
    """The complaints of these keys, and these."""
    rows = await tx.execute(
        "SELECT case_id, customer, opened_at, due_at, steps FROM complaints "
        "WHERE customer = ANY(CAST(:ids AS uuid[])) OR case_id = ANY(CAST(:cases AS uuid[]))",
        {"ids": list(customers), "cases": list(case_ids)},
    )
    return [
        Complaint(
            row.case_id,
            row.customer,
            row.opened_at,
            row.due_at,
            {int(version): (datetime.fromisoformat(at), status) for version, (at, status) in row.steps.items()},
        )
        for row in rows
    ]


async def store_complaints(tx: WriteTx, changed: Iterable[Complaint]) -> None:
    """Keep what is known of these."""
    rows = [
        (each.case_id, each.customer, each.opened_at, each.due_at, _steps(each))
        for each in sorted(changed, key=lambda each: each.case_id)
    ]
    await insert_rows(
        tx,
        "complaints",
        {
            "case_id": "uuid",
            "customer": "uuid",
            "opened_at": "timestamptz",
            "due_at": "timestamptz",
            "steps": "jsonb",
        },
        rows,
        "ON CONFLICT (case_id) DO UPDATE SET customer = EXCLUDED.customer, opened_at = EXCLUDED.opened_at, "
        "due_at = EXCLUDED.due_at, steps = EXCLUDED.steps",
    )


def _steps(complaint: Complaint) -> str:
    # In UTC: one moment has one text, so that a rebuilt table equals the live one.
    return orjson.dumps(
        {str(version): (at.astimezone(UTC), status) for version, (at, status) in complaint.steps.items()}
    ).decode()


async def segments(tx: ReadTx, customers: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """The segments of each of these keys that is in any."""
    rows = await tx.execute(
        "SELECT customer, segment_id FROM segment_members WHERE customer = ANY(CAST(:ids AS uuid[]))",
        {"ids": list(customers)},
    )
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for row in rows:
        found[row.customer].add(row.segment_id)
    return found


async def known_of(tx: ReadTx, customers: Collection[UUID]) -> set[UUID]:
    """Those of the keys that have points or complaints: of most of whoever enters a segment there is nothing."""
    rows = await tx.execute(
        "SELECT key FROM unnest(CAST(:ids AS uuid[])) AS wanted(key) "
        "WHERE EXISTS (SELECT FROM wallet_days WHERE customer = key) "
        "OR EXISTS (SELECT FROM complaints WHERE customer = key)",
        {"ids": list(customers)},
    )
    return set(rows.scalars())


async def add(tx: WriteTx, changes: Mapping[SumKey, int]) -> None:
    """Add the differences; a row of nothing is none."""
    rows = [(*key, number) for key, number in sorted(changes.items(), key=lambda item: _order(item[0])) if number]
    emptied = await insert_rows(
        tx,
        "engagement_sums",
        {**_SUM, "number": "bigint"},
        rows,
        "ON CONFLICT (what, is_month, day, segment) DO UPDATE SET number = engagement_sums.number + EXCLUDED.number "
        "RETURNING what, segment, is_month, day, number",
    )
    if gone := [row[:4] for row in emptied if not row.number]:
        arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _SUM.items())
        same = " AND ".join(f"s.{name} = gone.{name}" for name in _SUM)
        await tx.execute(
            f"DELETE FROM engagement_sums AS s USING unnest({arrays}) AS gone({', '.join(_SUM)}) WHERE {same}",
            dict(zip(_SUM, map(list, zip(*gone, strict=True)), strict=True)),
        )


def _order(key: SumKey) -> tuple[str, bool, int, str]:
    what, segment, is_month, day = key
    return what, is_month, day, segment
