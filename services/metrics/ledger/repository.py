"""All SQL of the ledger. Every statement takes a whole batch, and locks rows in ascending order of their keys."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.metrics.domain.purchases import Bought, Bucket, Difference, Line, Purchases
from shared.db.bulk import insert_new_rows, insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.db.orders import plain_orders
from shared.db.sums import Sums, add_sums
from shared.errors import Retry

ORDERS = plain_orders("orders")
ACTIVITY_COLUMNS = {
    "customer": "uuid",
    "days": "int[]",
    "currencies": "text[]",
    "counts": "int[]",
    "nets": "bigint[]",
}

_CUSTOMERS = {"customers": "bigint"}
_CELLS = Sums("cells", {"kind": "text", "day": "int", "next_day": "int"}, _CUSTOMERS, ("kind", "next_day", "day"))
_HISTORIES = Sums(
    "histories",
    {"currency": "text", "repeats": "int", "first_day": "int", "last_day": "int"},
    {**_CUSTOMERS, "repeat_minor": "numeric"},
    short="customers < 0 OR customers = 0 AND repeat_minor <> 0",
)
_SPENDS = Sums("spends", {"currency": "text", "repeats": "int", "repeat_minor": "bigint"}, _CUSTOMERS)
_LIVES = Sums("life_sums", {"kind": "text", "part": "int", "place": "int"}, _CUSTOMERS)
_CROWDS = Sums(
    "rfm_crowds",
    {"currency": "text", "last_day": "int", "orders": "int"},
    {**_CUSTOMERS, "net_minor": "numeric"},
    short="customers < 0 OR customers = 0 AND net_minor <> 0",
)
_WORTHS = Sums("rfm_worths", {"currency": "text", "ceiling_minor": "bigint"}, _CUSTOMERS)
_DAYS = Sums(
    "day_money",
    {"day": "int", "currency": "text"},
    {"orders": "bigint", "gross_minor": "numeric", "refunds_minor": "numeric", "unmatched": "bigint"},
)


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
    return {customer: line.purchases for customer, line in (await _activity(tx, customers, "")).items()}


async def lock_activity(tx: WriteTx, customers: Collection[UUID]) -> dict[UUID, Line]:
    """The same as they are stored, with their rows locked until the transaction ends."""
    return await _activity(tx, customers, "ORDER BY customer FOR UPDATE")


async def _activity(tx: ReadTx, customers: Collection[UUID], tail: str) -> dict[UUID, Line]:
    if not customers:
        return {}
    rows: Iterable[Any] = await tx.execute(
        "SELECT customer, days, currencies, counts, nets FROM activity "
        f"WHERE customer = ANY(CAST(:customers AS uuid[])) {tail}",
        {"customers": list(customers)},
    )
    return {customer: Line(days, currencies, counts, nets) for customer, days, currencies, counts, nets in rows}


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


async def append_activity(tx: WriteTx, later: Mapping[UUID, tuple[Bucket, Bought]]) -> None:
    """Store purchases on one day after all others, of person keys that have a locked row."""
    if not later:
        return
    days, currencies = zip(*[bucket for bucket, _ in later.values()], strict=True)
    counts, nets = zip(*[bought for _, bought in later.values()], strict=True)
    columns = {"days": days, "currencies": currencies, "counts": counts, "nets": nets}
    texts = {name: _array(column) for name, column in columns.items()}
    await tx.execute(_APPEND, {"customers": list(later), **texts})


_APPEND = """
    UPDATE activity SET days = activity.days || n.day, currencies = activity.currencies || n.currency,
        counts = activity.counts || n.count, nets = activity.nets || n.net
    FROM unnest(CAST(:customers AS uuid[]), CAST(CAST(:days AS text) AS int[]),
        CAST(CAST(:currencies AS text) AS text[]), CAST(CAST(:counts AS text) AS int[]),
        CAST(CAST(:nets AS text) AS bigint[])) AS n(customer, day, currency, count, net)
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


async def add(tx: WriteTx, changed: Difference, money: Sequence[tuple[int, str, int, int, int, int]] = ()) -> None:
    """Add to all sums; what nobody has any more has no row. Money: day, currency, orders, gross, refunds, unmatched.

    Raises:
        RuntimeError: more was taken out than was in, which no set of facts can say.
    """
    more = changed.tallies
    await add_sums(
        tx,
        (_CELLS, [(*cell, customers) for cell, customers in changed.cells.items()]),
        (_HISTORIES, [(*history, *sums) for history, sums in changed.histories.items()]),
        (_SPENDS, [(*spend, customers) for spend, customers in changed.spends.items()]),
        (_LIVES, [(*tally, number) for tally, number in more.lives.items() if number]),
        (_CROWDS, [(*crowd, *sums) for crowd, sums in more.crowds.items() if any(sums)]),
        (_WORTHS, [(*worth, customers) for worth, customers in more.worths.items() if customers]),
        (_DAYS, money),
    )
