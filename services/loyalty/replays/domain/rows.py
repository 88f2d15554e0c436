"""Rows as facts tell them: each of these facts tells its whole row, so the one of the highest version is the row."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from shared.events.envelope import Event, EventData

Values = tuple[Any, ...]


class Table(NamedTuple):
    """A table whose rows facts tell.

    `kinds` are the columns that are told, or that a row that is told has to have, by name; of these the first `keys`
    are its key, and the `unsaid` are not compared. `found_by` is the one, of those, that is a UUID and has an index.
    `version` says in SQL which of two states of a row is later, with `{row}` for the row; None: a row stays as it is.
    `before` makes rows stand that these refer to, from their keys in the column `parent`; `after` brings up to date
    what is a sum of these rows, for the same keys. `also` are further columns that are compared. `told_as` is the table
    as far as it was told, as a query in parentheses, where a job tells of rows a moment after they were made.
    """

    name: str
    kinds: Mapping[str, str]
    found_by: str
    keys: int = 1
    version: str | None = "{row}.version"
    unsaid: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()
    parent: str | None = None
    before: str | None = None
    after: str | None = None
    told_as: str | None = None

    @property
    def as_told(self) -> str:
        """The table as far as it was told."""
        return self.told_as or self.name

    @property
    def relation(self) -> str:
        """What must come out the same, as a query in parentheses."""
        names = ", ".join((*(name for name in self.kinds if name not in self.unsaid), *self.also))
        return f"(SELECT {names} FROM {self.as_told} AS told)"

    def place(self, column: str) -> int:
        """Where a column stands among those that are told."""
        return list(self.kinds).index(column)


class Reading(NamedTuple):
    """How a class of facts is read: the row of `table` that it tells, and which state of it that is."""

    table: Table
    row: Callable[[Event[Any]], Values]
    version: Callable[[Event[Any]], int]


Readings = Mapping[type[EventData], Reading]


class Told(NamedTuple):
    """A row as a fact told it."""

    table: Table
    values: Values
    version: int

    @property
    def key(self) -> Values:
        """Which row of its table."""
        return self.values[: self.table.keys]

    @property
    def found_by(self) -> Any:
        """By what the row is found among many."""
        return self.values[self.table.place(self.table.found_by)]


def read(readings: Readings, event: Event[Any]) -> Told:
    """The row that a fact tells."""
    reading = readings[type(event.data)]
    return Told(reading.table, reading.row(event), reading.version(event))


def latest(readings: Readings, events: Iterable[Event[Any]]) -> list[tuple[Table, list[Told]]]:
    """Of each row that is told the latest state, by table, in the order of the readings and of the keys."""
    rows: dict[tuple[str, Values], Told] = {}
    for event in events:
        told = read(readings, event)
        known = rows.get((told.table.name, told.key))
        if known is None or known.version <= told.version:
            rows[told.table.name, told.key] = told
    found: dict[str, list[Told]] = {}
    for (name, _), told in sorted(rows.items(), key=lambda each: (each[0][0], str(each[0][1]))):
        found.setdefault(name, []).append(told)
    tables = {reading.table.name: reading.table for reading in readings.values()}
    return [(table, found[name]) for name, table in tables.items() if name in found]
