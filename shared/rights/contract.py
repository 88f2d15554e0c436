"""What a service declares about the rights of people."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx
from shared.events.topics import Topic


@dataclass(frozen=True, slots=True)
class Subject:
    """The person a request is about.

    `keys` are all raw person keys, in ascending order. `texts` name the person and nobody else that is known.
    """

    root: UUID
    keys: tuple[UUID, ...]
    texts: tuple[str, ...] = ()


@dataclass(slots=True)
class Erased:
    """What an erasure did: rows `removed` by place, and what is `kept` with the reason, in a sentence for people."""

    removed: dict[str, int] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def add(self, place: str, rows: int) -> None:
        """`rows` went from `place`."""
        if rows:
            self.removed[place] = self.removed.get(place, 0) + rows

    def include(self, other: "Erased") -> None:
        """Both together."""
        for place, rows in other.removed.items():
            self.add(place, rows)
        self.kept.update(other.kept)


# Everything kept of the person, by name of section; values are JSON (as orjson takes it, UUIDs and times included).
Export = Callable[[Any, ReadTx, Subject], AsyncIterator[tuple[str, Any]]]
# Removes what is kept of the person; doing it again is harmless. Given the built service.
Erase = Callable[[Any, WriteTx, Subject], Awaitable[Erased]]
# Stops (True) or takes up again (False) the use of what is kept.
Restrict = Callable[[Any, WriteTx, Subject, bool], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rights:
    """What a service does about the rights of the people it keeps something of.

    `export` and `erase` run in the transaction of the consumer that hears the request, with all else that writes
    about suppressed people kept out (`shared/rights/suppression.py`), so what they read is final. A consumer of the
    service gets no event about somebody erased, except where the service `keeps_facts`: those that need only the
    pseudonymous key, for figures. `restrict` None: nothing here is used for anything but figures. `topics` are the
    raw topics that the service owns, cleaned for it.
    """

    export: Export
    erase: Erase
    restrict: Restrict | None = None
    topics: tuple[Topic, ...] = ()
    keeps_facts: bool = False
