"""Orders as a service stores them: one table, into which facts about orders are folded.

The rule is `shared.events.orders`; the table here is the same for every service that follows orders, but for columns
a service adds. So no two of them lock, add or replace orders differently.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Generic, NamedTuple, TypeVar

from shared.db.bulk import insert_new_rows, insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.errors import Retry
from shared.events.envelope import Event
from shared.events.orders import ORDER_COLUMNS, UNKNOWN, Order, OrderFact, order_of_row, order_row, with_fact

T = TypeVar("T")


class Changed(NamedTuple, Generic[T]):
    """What was known of an order before some facts (None: nothing), and after them."""

    before: T | None
    after: T


@dataclass(frozen=True, slots=True)
class OrderTable(Generic[T]):
    """A table of orders, of each of which a `T` is known.

    `columns` are `ORDER_COLUMNS` in their order (a service may name one otherwise), and those it adds behind them.
    `of_row` reads such a row, `to_row` is its inverse, `after` is what is known with one more fact.
    """

    name: str
    columns: Mapping[str, str]
    of_row: Callable[[Any], T]
    to_row: Callable[[str, T], Sequence[Any]]
    after: Callable[[T | None, Event[OrderFact]], T]

    @property
    def select(self) -> str:
        """The statement that reads rows for `of_row`, without its conditions."""
        return f"SELECT {', '.join(self.columns)} FROM {self.name}"

    async def find(self, tx: ReadTx, order_ids: Collection[str], tail: str = "") -> dict[str, T]:
        """Those of the orders that are stored."""
        rows = await tx.execute(
            f"{self.select} WHERE order_id = ANY(CAST(:ids AS text[])) {tail}", {"ids": list(order_ids)}
        )
        return {row.order_id: self.of_row(row) for row in rows}

    async def fold(self, tx: WriteTx, events: Iterable[Event[OrderFact]]) -> dict[str, Changed[T]]:
        """Fold facts into their orders; those that are known otherwise now. All stay locked, in ascending order.

        Raises:
            Poison: a fact is no money.
            Retry: another transaction has stored one of them since.
        """
        facts: defaultdict[str, list[Event[OrderFact]]] = defaultdict(list)
        for event in events:
            facts[event.data.order_id].append(event)
        if not facts:
            return {}
        stored = await self.find(tx, facts, "ORDER BY order_id FOR UPDATE")
        changes = {order_id: self._folded(stored.get(order_id), news) for order_id, news in facts.items()}
        changed = {order_id: each for order_id, each in changes.items() if each.after != each.before}
        await self._store(tx, changed)
        return changed

    def _folded(self, before: T | None, news: Sequence[Event[OrderFact]]) -> Changed[T]:
        after = self.after(before, news[0])
        return Changed(before, reduce(self.after, news[1:], after))

    async def _store(self, tx: WriteTx, changed: Mapping[str, Changed[T]]) -> None:
        rows = [(each.before is None, self.to_row(order_id, each.after)) for order_id, each in sorted(changed.items())]
        new = [row for is_new, row in rows if is_new]
        if not await insert_new_rows(tx, self.name, self.columns, new, "order_id"):
            raise Retry("another worker stored one of these orders at the same time")
        values = ", ".join(f"{name} = EXCLUDED.{name}" for name in self.columns if name != "order_id")
        replaced = f"ON CONFLICT (order_id) DO UPDATE SET {values}"
        await insert_rows(tx, self.name, self.columns, [row for is_new, row in rows if not is_new], replaced)


def order_after(before: Order | None, event: Event[OrderFact]) -> Order:
    """The order with one more fact, the first included.

    Raises:
        Poison: the fact is no money.
    """
    return with_fact(before or UNKNOWN, event)


def plain_orders(name: str) -> OrderTable[Order]:
    """A table with nothing but what is known of an order."""
    return OrderTable(name, ORDER_COLUMNS, order_of_row, order_row, order_after)
