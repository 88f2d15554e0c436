"""All SQL of what customers did. Rows are written in ascending order of their keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.profiles.activity.domain import MAX_INSTANTS, EventCell, EventTotals, MoneyTotals, Tally, refunded_minor
from services.profiles.people.repository import Beside
from shared.db.bulk import insert_rows
from shared.db.engine import WriteTx
from shared.db.orders import OrderTable, order_after
from shared.events.orders import ORDER_COLUMNS, Order, order_of_row, order_row

MAX_EVENT_NAMES = 500


def _row_of(order_id: str, order: Order) -> tuple[Any, ...]:
    return (*order_row(order_id, order), refunded_minor(order))


ORDERS = OrderTable(
    "orders",
    {
        **{"customer_id" if name == "customer" else name: kind for name, kind in ORDER_COLUMNS.items()},
        "refunded_minor": "bigint",
    },
    order_of_row,
    _row_of,
    order_after,
)


async def add_events(tx: WriteTx, cells: Mapping[EventCell, Tally]) -> None:
    """Add to what was counted; never twice for one event, the inbox sees to that."""
    await insert_rows(
        tx,
        "event_days",
        {
            "customer_id": "uuid",
            "name": "text",
            "day": "date",
            "count": "bigint",
            "first_at": "timestamptz",
            "last_at": "timestamptz",
            "instants": "timestamptz[]",
        },
        [
            (*cell, tally.count, tally.first_at, tally.last_at, _array(tally.instants))
            for cell, tally in sorted(cells.items(), key=_by_cell)
        ],
        f"""
        ON CONFLICT (customer_id, name, day) DO UPDATE SET count = event_days.count + EXCLUDED.count,
            first_at = LEAST(event_days.first_at, EXCLUDED.first_at),
            last_at = GREATEST(event_days.last_at, EXCLUDED.last_at),
            instants = ARRAY(
                SELECT at FROM unnest(event_days.instants || EXCLUDED.instants) AS moment (at)
                ORDER BY at DESC LIMIT {MAX_INSTANTS}
            )
        """,
    )


def _array(instants: Sequence[datetime]) -> str:
    return "{" + ",".join(each.isoformat() for each in instants) + "}"


def _by_cell(item: tuple[EventCell, Tally]) -> EventCell:
    return item[0]


# The orders of a person, per currency (index orders_customer).
MONEY = Beside(
    """
    SELECT currency, count(*) AS orders, CAST(sum(total_minor) AS bigint) AS gross_minor,
           CAST(sum(refunded_minor) AS bigint) AS refunds_minor,
           min(placed_at) AS first_order_at, max(placed_at) AS last_order_at
    FROM orders WHERE customer_id = ANY({keys}) AND NOT is_cancelled GROUP BY currency ORDER BY currency
    """,
    MoneyTotals._make,
)

# What was counted of a person, by name; of names at most `MAX_EVENT_NAMES`, those seen last.
EVENTS = Beside(
    f"""
    SELECT * FROM (
        SELECT name, CAST(sum(count) AS bigint) AS times, min(first_at) AS first_at, max(last_at) AS last_at
        FROM event_days WHERE customer_id = ANY({{keys}}) GROUP BY name ORDER BY max(last_at) DESC, name
        LIMIT {MAX_EVENT_NAMES}
    ) AS latest ORDER BY name
    """,
    EventTotals._make,
)
