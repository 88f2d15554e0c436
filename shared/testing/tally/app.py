"""The manifest of the tally."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.db.bulk import insert_rows
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.touchpoints import OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Event
from shared.runtime.service import Projection, Service

MoneyFact = OrderPlaced | OrderChanged | OrderRefunded
_JOURNAL = {"subject": "uuid", "happened": "timestamptz", "order_id": "text"}


class CannotCount(Exception):
    """The handler's bug."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts facts."""

    async def count(self, tx: WriteTx, events: Sequence[Event[MoneyFact]]) -> None:
        """Write the facts down and add one for each, however often it came before.

        Raises:
            CannotCount: one of the orders is in `banned`: what a test calls a bug, and mends by deleting the row.
        """
        banned = await tx.execute(
            "SELECT order_id FROM banned WHERE order_id = ANY(:ids)", {"ids": [event.data.order_id for event in events]}
        )
        if banned.first() is not None:
            raise CannotCount
        rows = [(event.subject, event.time, event.data.order_id) for event in events]
        await insert_rows(tx, "journal", _JOURNAL, rows)
        await tx.execute(
            "INSERT INTO totals (subject, facts) "
            "SELECT subject, count(*) FROM unnest(CAST(:subjects AS uuid[])) AS new(subject) GROUP BY 1 ORDER BY 1 "
            "ON CONFLICT (subject) DO UPDATE SET facts = totals.facts + EXCLUDED.facts",
            {"subjects": [event.subject for event in events]},
        )


# Small batches: more commits to be killed between.
service = Service(
    name="tally",
    build=lambda _: Tally(),
    migrations=Path(__file__).parent / "migrations",
    subscriptions=(
        Subscription("tally.orders", (OrderPlaced, OrderChanged, OrderRefunded), Tally.count, max_batch=50),
    ),
    projections=(Projection(tables=("journal", "totals"), groups=("tally.orders",)),),
)
