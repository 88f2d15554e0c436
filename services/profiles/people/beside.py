"""What rooms keep of a person, as rows that one statement can read together with those of other rooms."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from shared.db.engine import ReadTx

# A length that the planner cannot see: else it plans anew for each array, which costs twice what the plan does.
KEYS = "ARRAY(SELECT unnest(CAST(:keys AS uuid[])))"
T = TypeVar("T")
_ROOT = "CAST(:root AS uuid)"


@dataclass(frozen=True, slots=True)
class Beside(Generic[T]):
    """Rows of one kind: `sql` selects them, of all raw keys (`{keys}`, an array) or of the root (`{root}`) of a person.

    `made` makes what a row stands for of its columns in their order.
    """

    sql: str
    made: Callable[[Sequence[Any]], T]

    async def read(self, tx: ReadTx, keys: Collection[UUID], root: UUID | None = None) -> list[T]:
        """Read them alone."""
        statement = self.sql.format(keys=KEYS, root=_ROOT)
        values = {"keys": list(keys), "root": root}
        rows = await tx.execute(statement, {name: value for name, value in values.items() if f":{name}" in statement})
        return [self.made(row) for row in rows]


def together(besides: Sequence[Beside[Any]], keys: str, root: str) -> Sequence[str]:
    """Each as an expression that is an array of its rows."""
    return [rows(each.sql.format(keys=keys, root=root)) for each in besides]


def rows(sql: str) -> str:
    """What a statement selects, as an expression that is an array."""
    # A name that no column has: a column would be meant before the row.
    return f"ARRAY(SELECT whole_row FROM ({sql}) AS whole_row)"
