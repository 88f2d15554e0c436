"""All SQL of the ledger. Every statement takes a whole batch, and locks rows in ascending order of their keys."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from services.metrics.domain.lifeline import Cell
from services.metrics.domain.purchases import Bought, History, Purchases, Spend
from services.metrics.domain.tallies import Tallies
from shared.db.bulk import insert_new_rows, insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.db.orders import plain_orders
from shared.db.sums import add_sums
from shared.errors import Retry

ORDERS = plain_orders("orders")
ACTIVITY_COLUMNS = {
    "customer": "uuid",
    "days": "int[]",
    "currencies": "text[]",
    "counts": "int[]",
    "nets": "bigint[]",
}

_CELL = {"kind": "text", "day": "int", "next_day": "int"}
_HISTORY = {"currency": "text", "repeats": "int", "first_day": "int", "last_day": "int"}
_SPEND = {"currency": "text", "repeats": "int", "repeat_minor": "bigint"}
_TALLY = {"kind": "text", "part": "int", "place": "int"}
_CROWD = {"currency": "text", "last_day": "int", "orders": "int"}
_WORTH = {"currency": "text", "ceiling_minor": "bigint"}
_DAY = {"day": "int", "currency": "text"}
_CUSTOMERS = {"customers": "bigint"}
_MONEY = {"orders": "bigint", "gross_minor": "numeric", "refunds_minor": "numeric", "unmatched": "bigint"}


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
    if not await insert_new_rows(tx, "activity", ACTIVITY_COLUMNS, activity_rows(purchases), "customer"):
        raise Retry("another worker stored purchases of one of these customers at the same time")


async def append_activity(tx: WriteTx, later: Mapping[UUID, Purchases]) -> None:
    """Store purchases on one day after all others, of person keys that have a locked row."""
    if not later:
        return
    rows = [(customer, *bucket, *bought) for customer, of in later.items() for bucket, bought in of.items()]
    columns = map(list, zip(*rows, strict=True))
    await tx.execute(_APPEND, dict(zip(("customers", "days", "currencies", "counts", "nets"), columns, strict=True)))


_APPEND = """
    UPDATE activity SET days = activity.days || n.day, currencies = activity.currencies || n.currency,
        counts = activity.counts || n.count, nets = activity.nets || n.net
    FROM unnest(CAST(:customers AS uuid[]), CAST(:days AS int[]), CAST(:currencies AS text[]), CAST(:counts AS int[]),
        CAST(:nets AS bigint[])) AS n(customer, day, currency, count, net)
    WHERE activity.customer = n.customer
"""


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
        if len(bought) == 1:
            (((day, currency), (count, net)),) = bought.items()
            rows.append((customer, f"{{{day}}}", f"{{{currency}}}", f"{{{count}}}", f"{{{net}}}"))
            continue
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
    rows = [(*cell, customers) for cell, customers in changes.items()]
    await add_sums(tx, "cells", _CELL, _CUSTOMERS, rows, unique=("kind", "next_day", "day"))


async def add_to_histories(tx: WriteTx, changes: Mapping[History, tuple[int, int]]) -> None:
    """Add people, and what they spent again, to each history; one that nobody has any more has no row."""
    rows = [(*history, *sums) for history, sums in changes.items()]
    short = "customers < 0 OR customers = 0 AND repeat_minor <> 0"
    await add_sums(tx, "histories", _HISTORY, {**_CUSTOMERS, "repeat_minor": "numeric"}, rows, short=short)


async def add_to_spends(tx: WriteTx, changes: Mapping[Spend, int]) -> None:
    """Add people to what they spent again; a sum that nobody has any more has no row."""
    rows = [(*spend, customers) for spend, customers in changes.items()]
    await add_sums(tx, "spends", _SPEND, _CUSTOMERS, rows)


async def add_to_tallies(tx: WriteTx, changes: Tallies) -> None:
    """Add to what retention is read from; a tally that nobody has any more has no row."""
    lives = [(*tally, number) for tally, number in changes.lives.items() if number]
    await add_sums(tx, "life_sums", _TALLY, _CUSTOMERS, lives)
    crowds = [(*crowd, customers, net) for crowd, (customers, net) in changes.crowds.items() if customers or net]
    short = "customers < 0 OR customers = 0 AND net_minor <> 0"
    await add_sums(tx, "rfm_crowds", _CROWD, {**_CUSTOMERS, "net_minor": "numeric"}, crowds, short=short)
    worths = [(*worth, customers) for worth, customers in changes.worths.items() if customers]
    await add_sums(tx, "rfm_worths", _WORTH, _CUSTOMERS, worths)


async def add_to_money(tx: WriteTx, changes: Sequence[tuple[int, str, int, int, int, int]]) -> None:
    """Add to the sums per day and currency; changes are (day, currency, orders, gross, refunds, unmatched)."""
    await add_sums(tx, "day_money", _DAY, _MONEY, changes)
