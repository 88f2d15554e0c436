"""All SQL of the ledger. Every statement takes a whole batch, and locks rows in ascending order of their keys."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.metrics.domain.lifeline import Cell, Days
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.db.orders import plain_orders
from shared.errors import Retry

ORDERS = plain_orders("orders")
_ACTIVITY_COLUMNS = {"customer": "uuid", "days": "int[]", "counts": "int[]"}


async def calendar_zone(tx: ReadTx) -> str | None:
    """The time zone in whose days the stored figures are counted; None before the first."""
    zone: str | None = (await tx.execute("SELECT zone FROM calendar")).scalar_one_or_none()
    return zone


async def set_calendar_zone(tx: WriteTx, zone: str) -> None:
    """Note the time zone in whose days is counted from now on."""
    await tx.execute(
        "INSERT INTO calendar (zone) VALUES (:zone) ON CONFLICT (only_one) DO UPDATE SET zone = EXCLUDED.zone",
        {"zone": zone},
    )


async def activity(tx: ReadTx, customers: Collection[UUID]) -> dict[UUID, Days]:
    """Purchases per day of those of the person keys that have any."""
    return await _activity(tx, customers, "")


async def lock_activity(tx: WriteTx, customers: Collection[UUID]) -> dict[UUID, Days]:
    """The same, with their rows locked until the transaction ends."""
    return await _activity(tx, customers, "ORDER BY customer FOR UPDATE")


async def _activity(tx: ReadTx, customers: Collection[UUID], tail: str) -> dict[UUID, Days]:
    if not customers:
        return {}
    rows = await tx.execute(
        f"SELECT customer, days, counts FROM activity WHERE customer = ANY(CAST(:customers AS uuid[])) {tail}",
        {"customers": list(customers)},
    )
    return {row.customer: dict(zip(row.days, row.counts, strict=True)) for row in rows}


async def ensure_activity(tx: WriteTx, customers: Iterable[UUID]) -> None:
    """Make rows without purchases for the person keys that have no row, so that they can be locked."""
    await insert_rows(
        tx,
        "activity",
        _ACTIVITY_COLUMNS,
        [(customer, "{}", "{}") for customer in sorted(customers)],
        "ON CONFLICT (customer) DO NOTHING",
    )


async def add_activity(tx: WriteTx, purchases: Mapping[UUID, Days]) -> None:
    """Store the purchases of person keys that had no row.

    Raises:
        Retry: another transaction has stored one of them since.
    """
    rows = _activity_rows(purchases)
    added = await insert_rows(
        tx, "activity", _ACTIVITY_COLUMNS, rows, "ON CONFLICT (customer) DO NOTHING RETURNING true AS added"
    )
    if len(added) < len(rows):
        raise Retry("another worker stored purchases of one of these customers at the same time")


async def replace_activity(tx: WriteTx, purchases: Mapping[UUID, Days]) -> None:
    """Store the purchases of person keys that have a locked row; without purchases there is none."""
    await insert_rows(
        tx,
        "activity",
        _ACTIVITY_COLUMNS,
        _activity_rows({customer: days for customer, days in purchases.items() if days}),
        "ON CONFLICT (customer) DO UPDATE SET days = EXCLUDED.days, counts = EXCLUDED.counts",
    )
    if gone := [customer for customer, days in purchases.items() if not days]:
        await tx.execute("DELETE FROM activity WHERE customer = ANY(CAST(:gone AS uuid[]))", {"gone": gone})


def _activity_rows(purchases: Mapping[UUID, Days]) -> list[tuple[UUID, str, str]]:
    rows: list[tuple[UUID, str, str]] = []
    for customer, days in sorted(purchases.items(), key=_by_key):
        active = sorted(days)
        rows.append((customer, _array(active), _array([days[day] for day in active])))
    return rows


def _by_key(item: tuple[UUID, Days]) -> int:
    # The order of PostgreSQL; a UUID compares ten times slower than its number.
    return item[0].int


def _array(values: Sequence[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


async def add_to_cells(tx: WriteTx, changes: Mapping[Cell, int]) -> None:
    """Add to the numbers of customers; a cell that nobody has any more has no row."""
    if not changes:
        return
    ordered = sorted(changes.items())
    emptied = await tx.execute(
        """
        WITH changed AS (
            INSERT INTO cells (kind, day, next_day, customers)
            SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:days AS int[]), CAST(:nexts AS int[]),
                                 CAST(:customers AS bigint[]))
            ON CONFLICT (kind, next_day, day) DO UPDATE SET customers = cells.customers + EXCLUDED.customers
            RETURNING kind, day, next_day, customers
        )
        SELECT kind, day, next_day, customers FROM changed WHERE customers <= 0
        """,
        {
            "kinds": [cell[0] for cell, _ in ordered],
            "days": [cell[1] for cell, _ in ordered],
            "nexts": [cell[2] for cell, _ in ordered],
            "customers": [customers for _, customers in ordered],
        },
    )
    await _delete_empty(
        tx,
        "DELETE FROM cells USING unnest(CAST(:kinds AS text[]), CAST(:days AS int[]), CAST(:nexts AS int[])) "
        "AS gone(kind, day, next_day) WHERE cells.kind = gone.kind AND cells.day = gone.day "
        "AND cells.next_day = gone.next_day",
        ("kinds", "days", "nexts"),
        emptied.fetchall(),
    )


async def add_to_money(tx: WriteTx, changes: Sequence[tuple[int, str, int, int, int, int]]) -> None:
    """Add to the sums per day and currency; changes are (day, currency, orders, gross, refunds, unmatched)."""
    if not changes:
        return
    emptied = await tx.execute(
        """
        WITH changed AS (
            INSERT INTO day_money (day, currency, orders, gross_minor, refunds_minor, unmatched)
            SELECT * FROM unnest(CAST(:days AS int[]), CAST(:currencies AS text[]), CAST(:orders AS bigint[]),
                                 CAST(:gross AS numeric[]), CAST(:refunds AS numeric[]), CAST(:unmatched AS bigint[]))
            ON CONFLICT (day, currency) DO UPDATE SET
                orders = day_money.orders + EXCLUDED.orders,
                gross_minor = day_money.gross_minor + EXCLUDED.gross_minor,
                refunds_minor = day_money.refunds_minor + EXCLUDED.refunds_minor,
                unmatched = day_money.unmatched + EXCLUDED.unmatched
            RETURNING day, currency, orders, gross_minor, refunds_minor, unmatched
        )
        SELECT day, currency, LEAST(orders, gross_minor, refunds_minor, unmatched) FROM changed
        WHERE (orders, gross_minor, refunds_minor, unmatched) = (0, 0, 0, 0)
           OR LEAST(orders, gross_minor, refunds_minor, unmatched) < 0
        """,
        dict(
            zip(
                ("days", "currencies", "orders", "gross", "refunds", "unmatched"),
                zip(*changes, strict=True),
                strict=True,
            )
        ),
    )
    await _delete_empty(
        tx,
        "DELETE FROM day_money USING unnest(CAST(:days AS int[]), CAST(:currencies AS text[])) "
        "AS gone(day, currency) WHERE day_money.day = gone.day AND day_money.currency = gone.currency",
        ("days", "currencies"),
        emptied.fetchall(),
    )


async def _delete_empty(tx: WriteTx, statement: str, keys: tuple[str, ...], emptied: Sequence[Sequence[Any]]) -> None:
    if any(row[-1] < 0 for row in emptied):
        # A bug, never a matter of what was sent: better stand still, visibly, than show figures that are wrong.
        raise RuntimeError("more was taken out of the figures than was in them")
    if emptied:
        columns = zip(*(row[: len(keys)] for row in emptied), strict=True)
        await tx.execute(statement, {key: list(column) for key, column in zip(keys, columns, strict=True)})
