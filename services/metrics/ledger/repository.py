"""All SQL of the ledger. Every statement takes a whole batch, and locks rows in ascending order of their keys."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.metrics.domain.lifeline import Cell
from services.metrics.domain.purchases import Bought, History, Purchases, Spend
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.db.orders import plain_orders
from shared.errors import Retry

ORDERS = plain_orders("orders")
ACTIVITY_COLUMNS = {
    "customer": "uuid",
    "days": "int[]",
    "currencies": "text[]",
    "counts": "int[]",
    "nets": "bigint[]",
}


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


async def activity(tx: ReadTx, customers: Collection[UUID]) -> dict[UUID, Purchases]:
    """Purchases of those of the person keys that have any."""
    return await _activity(tx, customers, "")


async def lock_activity(tx: WriteTx, customers: Collection[UUID]) -> dict[UUID, Purchases]:
    """The same, with their rows locked until the transaction ends."""
    return await _activity(tx, customers, "ORDER BY customer FOR UPDATE")


async def _activity(tx: ReadTx, customers: Collection[UUID], tail: str) -> dict[UUID, Purchases]:
    if not customers:
        return {}
    rows = await tx.execute(
        "SELECT customer, days, currencies, counts, nets FROM activity "
        f"WHERE customer = ANY(CAST(:customers AS uuid[])) {tail}",
        {"customers": list(customers)},
    )
    return {
        row.customer: dict(
            zip(zip(row.days, row.currencies, strict=True), map(Bought, row.counts, row.nets), strict=True)
        )
        for row in rows
    }


async def ensure_activity(tx: WriteTx, customers: Iterable[UUID]) -> None:
    """Make rows without purchases for the person keys that have no row, so that they can be locked."""
    await insert_rows(
        tx,
        "activity",
        ACTIVITY_COLUMNS,
        [(customer, "{}", "{}", "{}", "{}") for customer in sorted(customers)],
        "ON CONFLICT (customer) DO NOTHING",
    )


async def add_activity(tx: WriteTx, purchases: Mapping[UUID, Purchases]) -> None:
    """Store the purchases of person keys that had no row.

    Raises:
        Retry: another transaction has stored one of them since.
    """
    rows = activity_rows(purchases)
    added = await insert_rows(
        tx, "activity", ACTIVITY_COLUMNS, rows, "ON CONFLICT (customer) DO NOTHING RETURNING true AS added"
    )
    if len(added) < len(rows):
        raise Retry("another worker stored purchases of one of these customers at the same time")


async def replace_activity(tx: WriteTx, purchases: Mapping[UUID, Purchases]) -> None:
    """Store the purchases of person keys that have a locked row; without purchases there is none."""
    await insert_rows(
        tx,
        "activity",
        ACTIVITY_COLUMNS,
        activity_rows({customer: each for customer, each in purchases.items() if each}),
        "ON CONFLICT (customer) DO UPDATE SET days = EXCLUDED.days, currencies = EXCLUDED.currencies, "
        "counts = EXCLUDED.counts, nets = EXCLUDED.nets",
    )
    if gone := [customer for customer, each in purchases.items() if not each]:
        await tx.execute("DELETE FROM activity WHERE customer = ANY(CAST(:gone AS uuid[]))", {"gone": gone})


def activity_rows(purchases: Mapping[UUID, Purchases]) -> list[tuple[UUID, str, str, str, str]]:
    """Rows of `activity`, in the order of its columns and of its key."""
    rows: list[tuple[UUID, str, str, str, str]] = []
    for customer, bought in sorted(purchases.items(), key=_by_key):
        buckets = sorted(bought)
        days, currencies = zip(*buckets, strict=True)
        counts, nets = zip(*(bought[bucket] for bucket in buckets), strict=True)
        rows.append((customer, _array(days), _array(currencies), _array(counts), _array(nets)))
    return rows


def _by_key(item: tuple[UUID, Purchases]) -> int:
    # The order of PostgreSQL; a UUID compares ten times slower than its number.
    return item[0].int


def _array(values: Sequence[int | str]) -> str:
    # Numbers and codes of currencies: nothing that needs a quote.
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


async def add_to_histories(tx: WriteTx, changes: Mapping[History, tuple[int, int]]) -> None:
    """Add people, and what they spent again, to each history; one that nobody has any more has no row."""
    if not changes:
        return
    ordered = sorted(changes.items())
    emptied = await tx.execute(
        """
        WITH changed AS (
            INSERT INTO histories (currency, repeats, first_day, last_day, customers, repeat_minor)
            SELECT * FROM unnest(CAST(:currencies AS text[]), CAST(:repeats AS int[]), CAST(:firsts AS int[]),
                                 CAST(:lasts AS int[]), CAST(:customers AS bigint[]), CAST(:money AS numeric[]))
            ON CONFLICT (currency, repeats, first_day, last_day) DO UPDATE SET
                customers = histories.customers + EXCLUDED.customers,
                repeat_minor = histories.repeat_minor + EXCLUDED.repeat_minor
            RETURNING currency, repeats, first_day, last_day, customers, repeat_minor
        )
        SELECT currency, repeats, first_day, last_day,
               CASE WHEN customers = 0 AND repeat_minor <> 0 THEN -1 ELSE customers END
        FROM changed WHERE customers <= 0
        """,
        {
            "currencies": [history.currency for history, _ in ordered],
            "repeats": [history.repeats for history, _ in ordered],
            "firsts": [history.first_day for history, _ in ordered],
            "lasts": [history.last_day for history, _ in ordered],
            "customers": [customers for _, (customers, _) in ordered],
            "money": [money for _, (_, money) in ordered],
        },
    )
    await _delete_empty(
        tx,
        "DELETE FROM histories AS h USING unnest(CAST(:currencies AS text[]), CAST(:repeats AS int[]), "
        "CAST(:firsts AS int[]), CAST(:lasts AS int[])) AS gone(currency, repeats, first_day, last_day) "
        "WHERE (h.currency, h.repeats, h.first_day, h.last_day) "
        "= (gone.currency, gone.repeats, gone.first_day, gone.last_day)",
        ("currencies", "repeats", "firsts", "lasts"),
        emptied.fetchall(),
    )


async def add_to_spends(tx: WriteTx, changes: Mapping[Spend, int]) -> None:
    """Add people to what they spent again; a sum that nobody has any more has no row."""
    if not changes:
        return
    ordered = sorted(changes.items())
    emptied = await tx.execute(
        """
        WITH changed AS (
            INSERT INTO spends (currency, repeats, repeat_minor, customers)
            SELECT * FROM unnest(CAST(:currencies AS text[]), CAST(:repeats AS int[]), CAST(:money AS bigint[]),
                                 CAST(:customers AS bigint[]))
            ON CONFLICT (currency, repeats, repeat_minor) DO UPDATE SET
                customers = spends.customers + EXCLUDED.customers
            RETURNING currency, repeats, repeat_minor, customers
        )
        SELECT currency, repeats, repeat_minor, customers FROM changed WHERE customers <= 0
        """,
        {
            "currencies": [spend.currency for spend, _ in ordered],
            "repeats": [spend.repeats for spend, _ in ordered],
            "money": [spend.repeat_minor for spend, _ in ordered],
            "customers": [customers for _, customers in ordered],
        },
    )
    await _delete_empty(
        tx,
        "DELETE FROM spends AS s USING unnest(CAST(:currencies AS text[]), CAST(:repeats AS int[]), "
        "CAST(:money AS bigint[])) AS gone(currency, repeats, repeat_minor) "
        "WHERE (s.currency, s.repeats, s.repeat_minor) = (gone.currency, gone.repeats, gone.repeat_minor)",
        ("currencies", "repeats", "money"),
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
