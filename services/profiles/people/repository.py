"""The SQL that reads people: the union over the raw person keys of one root."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from services.profiles.identifier_types.domain import DEFAULT_PRIORITY
from services.profiles.identity.domain import Candidate
from services.profiles.identity.repository import candidates_between
from services.profiles.people.domain import CustomerRow, IdentifierRow, Person, TraitRow
from services.profiles.trait_schema.domain.declaration import Declared
from services.profiles.trait_schema.domain.policy import Word, held
from shared.db.engine import ReadTx, WriteTx

_Rows = Sequence[Sequence[Any]]
# A length that the planner cannot see: else it plans anew for each array, which costs twice what the plan does.
KEYS = "ARRAY(SELECT unnest(CAST(:keys AS uuid[])))"
T = TypeVar("T")
_GIVEN_ROOT = "CAST(:root AS uuid)"


@dataclass(frozen=True, slots=True)
class Beside(Generic[T]):
    """Rows of one kind: `sql` selects them, of all raw keys (`{keys}`, an array) or of the root (`{root}`) of a person.

    `made` makes what a row stands for of its columns in their order.
    """

    sql: str
    made: Callable[[Sequence[Any]], T]

    async def read(self, tx: ReadTx, keys: Collection[UUID], root: UUID | None = None) -> list[T]:
        """Read them alone."""
        statement = self.sql.format(keys=KEYS, root=_GIVEN_ROOT)
        values = {"keys": list(keys), "root": root}
        rows = await tx.execute(statement, {name: value for name, value in values.items() if f":{name}" in statement})
        return [self.made(row) for row in rows]


def together(besides: Sequence[Beside[Any]], keys: str, root: str) -> Sequence[str]:
    """Each as an expression that is an array of its rows."""
    return [rows_of(each.sql.format(keys=keys, root=root)) for each in besides]


def rows_of(sql: str) -> str:
    """What a statement selects, as an expression that is an array."""
    # A name that no column has: a column would be meant before the row.
    return f"ARRAY(SELECT whole_row FROM ({sql}) AS whole_row)"


async def owners(tx: ReadTx, type_: str, value: str) -> list[UUID]:
    """The raw person keys that go by an identifier."""
    rows = await tx.execute(
        "SELECT customer_id FROM identifiers WHERE type = :type AND value = :value AND refused_because IS NULL "
        "ORDER BY customer_id LIMIT 1000",
        {"type": type_, "value": value},
    )
    return [row.customer_id for row in rows]


# Of identifiers, and of links.
MAX_SHOWN = 500


def _customers(keys: str) -> str:
    """Those of the keys that were seen, the first seen first; `keys`, here and below: an SQL expression."""
    return f"""
        SELECT id, identified, source, first_seen, last_seen, created_at FROM customers
        WHERE id = ANY({keys}) ORDER BY first_seen, id
    """


def _identifiers(keys: str) -> str:
    """What the keys go by, by priority of the type, then the first seen first."""
    return f"""
        SELECT i.type, i.value, i.customer_id, i.first_seen, i.source, i.refused_because
        FROM identifiers AS i LEFT JOIN identifier_types AS t ON t.name = i.type AND t.definition IS NOT NULL
        WHERE i.customer_id = ANY({keys})
        ORDER BY coalesce(CAST(t.definition -> 'priority' AS int), {DEFAULT_PRIORITY}),
                 i.first_seen, i.type, i.value, i.customer_id
        LIMIT {MAX_SHOWN}
    """


def _words(keys: str) -> str:
    """The latest word on each trait, by name; of traits with another merge policy the words of all keys."""
    return f"""
        SELECT t.name, t.value, t.source, t.event_id, t.event_time, t.recorded_at, t.customer_id, t.said,
               s.definition, s.name IS NOT NULL AND EXISTS (
                   SELECT FROM customers AS c WHERE c.id = t.customer_id AND c.identified
               ) AS is_identified
        FROM (
            SELECT *, row_number() OVER (PARTITION BY name ORDER BY event_time DESC, event_id DESC) AS place
            FROM traits WHERE customer_id = ANY({keys})
        ) AS t LEFT JOIN trait_schemas AS s
            ON s.name = t.name AND NOT s.is_deleted AND s.definition ->> 'merge_policy' <> 'latest'
        WHERE place = 1 OR s.name IS NOT NULL
        ORDER BY t.name
    """


def _gathered(keys: str) -> str:
    """Each part as an array of rows: one statement costs a fraction of four, here and in the server."""
    parts = (_customers(keys), _identifiers(keys), _words(keys), candidates_between(keys, MAX_SHOWN))
    return ", ".join(map(rows_of, parts))


async def gathered(tx: ReadTx, root: UUID, keys: Sequence[UUID]) -> Person:
    """Everything known under these keys, as of one person; of identifiers and links the earliest."""
    rows = await tx.execute(f"SELECT {_gathered(KEYS)}", {"keys": list(keys)})
    seen, names, words, links = tuple(rows.one())
    return _person(root, keys, seen, names, words, links)


def _person(root: UUID, keys: Sequence[UUID], seen: _Rows, names: _Rows, words: _Rows, links: _Rows) -> Person:
    return Person(
        id=root,
        members=keys,
        seen=[CustomerRow._make(row) for row in seen],
        identifiers=[IdentifierRow._make(row) for row in names],
        traits=_holding(words),
        links=[Candidate._make(row) for row in links],
    )


# Everything known of whoever the keys in `named` belong to, with the names of sensitive traits. One statement: what
# looks a customer up most often pays for one way to the server and back.
_MINE = "CAST((SELECT keys FROM family LIMIT 1) AS uuid[])"
_ROOT = "(SELECT root FROM family LIMIT 1)"
_FOUND = f"""
    WITH family AS MATERIALIZED (
        SELECT root, ARRAY(SELECT raw_id FROM identity WHERE root_id = root UNION SELECT root ORDER BY 1) AS keys
        FROM (
            SELECT DISTINCT coalesce(i.root_id, named.key) AS root
            FROM ({{named}}) AS named LEFT JOIN identity AS i ON i.raw_id = named.key LIMIT 2
        ) AS roots
    )
    SELECT (SELECT count(*) FROM family) AS people, {_ROOT}, {_MINE},
           ARRAY(SELECT name FROM trait_schemas WHERE NOT is_deleted AND definition @> '{{{{"sensitive": true}}}}'),
           {_gathered(_MINE)}
"""
_BY_KEY = _FOUND.format(named="SELECT CAST(:key AS uuid) AS key")
_BY_IDENTIFIER = _FOUND.format(
    named="SELECT customer_id AS key FROM identifiers WHERE type = :type AND value = :value AND refused_because IS NULL"
)


class Found(NamedTuple):
    """A person, what traits are sensitive, and what was asked for beside, in that order. Who is nobody has no keys."""

    person: Person
    sensitive: frozenset[str]
    beside: list[list[Any]]


async def found(tx: ReadTx, named: UUID | tuple[str, str], besides: Sequence[Beside[Any]] = ()) -> Found | None:
    """Whom a key, or the type and stored value of an identifier, names. None: several people."""
    if isinstance(named, UUID):
        statement, values = _BY_KEY, dict[str, Any](key=named)
    else:
        statement, values = _BY_IDENTIFIER, {"type": named[0], "value": named[1]}
    rows = await tx.execute(", ".join((statement, *together(besides, _MINE, _ROOT))), values)
    number, root, keys, sensitive, seen, names, words, links, *others = tuple(rows.one())
    person = _person(root, keys or (), seen, names, words, links)
    beside = [[each.made(row) for row in told] for each, told in zip(besides, others, strict=True)]
    return None if number > 1 else Found(person, frozenset(sensitive), beside)


async def customers(tx: ReadTx, keys: Collection[UUID]) -> list[CustomerRow]:
    """Those of the keys that were seen, the first seen first."""
    return [CustomerRow._make(row) for row in await tx.execute(_customers(KEYS), {"keys": list(keys)})]


async def traits(tx: ReadTx, keys: Collection[UUID]) -> list[TraitRow]:
    """The word on each trait among these keys that holds, removed ones left out, by name."""
    return _holding(await tx.execute(_words(KEYS), {"keys": list(keys)}))


def _holding(rows: Iterable[Sequence[Any]]) -> list[TraitRow]:
    """Of words as in `_words`, those that hold."""
    found = (_held(list(words)) for _, words in groupby(rows, key=itemgetter(0)))
    return [word for word in found if word is not None]


def _held(words: Sequence[Sequence[Any]]) -> TraitRow | None:
    """The word that holds among those on one trait."""
    name, definition = words[0][0], words[0][8]
    declared = None if definition is None else Declared.stored(name, definition)
    return held([Word(TraitRow(*row[:8]), row[9]) for row in words], declared)


async def held_traits(
    tx: ReadTx, roots: Mapping[UUID, UUID], names: Collection[str]
) -> dict[tuple[UUID, str], TraitRow]:
    """The word that holds for each of these traits of people; `roots`: the root of each of their keys."""
    rows = await tx.execute(
        """
        SELECT m.root, t.name, t.value, t.source, t.event_id, t.event_time, t.recorded_at, t.customer_id, t.said,
               s.definition, s.name IS NOT NULL AND EXISTS (
                   SELECT FROM customers AS c WHERE c.id = t.customer_id AND c.identified
               ) AS is_identified
        FROM unnest(CAST(:keys AS uuid[]), CAST(:roots AS uuid[])) AS m (key, root)
        JOIN traits AS t ON t.customer_id = m.key AND t.name = ANY(CAST(:names AS text[]))
        LEFT JOIN trait_schemas AS s
            ON s.name = t.name AND NOT s.is_deleted AND s.definition ->> 'merge_policy' <> 'latest'
        ORDER BY m.root, t.name
        """,
        {"keys": list(roots), "roots": list(roots.values()), "names": list(names)},
    )
    found: dict[tuple[UUID, str], TraitRow] = {}
    for (root, name), group in groupby(rows, key=attrgetter("root", "name")):
        if (word := _held([row[1:] for row in group])) is not None:
            found[root, name] = word
    return found


async def latest_words(tx: ReadTx, keys: Collection[UUID], names: Collection[str]) -> dict[str, UUID]:
    """Who said the latest word (the event) on each of these traits among these keys, removals included."""
    rows = await tx.execute(
        "SELECT DISTINCT ON (name) name, event_id FROM traits WHERE customer_id = ANY(:keys) AND name = ANY(:names) "
        "ORDER BY name, event_time DESC, event_id DESC",
        {"keys": list(keys), "names": list(names)},
    )
    return {row.name: row.event_id for row in rows}


async def count_traits(tx: ReadTx, customer_id: UUID, *, besides: Collection[str]) -> int:
    """How many traits the key has with other names than these."""
    row = await tx.execute(
        "SELECT count(*) AS number FROM traits WHERE customer_id = :id AND NOT name = ANY(:besides)",
        {"id": customer_id, "besides": list(besides)},
    )
    return int(row.scalar_one())


_SEEN = """
    CROSS JOIN LATERAL (
        SELECT min(m.first_seen) AS first_seen, max(m.last_seen) AS last_seen FROM customers AS m
        WHERE m.id = ANY (ARRAY(SELECT i.raw_id FROM identity i WHERE i.root_id = c.id) || c.id)
    ) AS seen
"""


# The use of whose data is restricted: lists, which feed exports and other systems, leave them out.
_RESTRICTED = """EXISTS (
    SELECT FROM restrictions AS r LEFT JOIN identity AS i ON i.raw_id = r.customer_id
    WHERE coalesce(i.root_id, r.customer_id) = c.id
)"""


async def newest(
    tx: ReadTx, *, identified: bool | None, before: tuple[datetime, UUID] | None, limit: int
) -> list[CustomerRow]:
    """People, one row each, those we heard of last first, `before` a place in that order (index customers_created)."""
    at, key = before or (None, None)
    rows = await tx.execute(
        f"""
        SELECT c.id, c.identified, c.source, seen.first_seen, seen.last_seen, c.created_at
        FROM (
            SELECT c.id, c.identified, c.source, c.created_at FROM customers AS c
            WHERE NOT EXISTS (SELECT FROM identity i WHERE i.raw_id = c.id AND i.parent_id IS NOT NULL)
              AND NOT {_RESTRICTED}
              {"" if identified is None else "AND c.identified = :identified"}
              {"" if before is None else "AND (c.created_at, c.id) < (:at, :key)"}
            ORDER BY c.created_at DESC, c.id DESC LIMIT :limit
        ) AS c {_SEEN}
        ORDER BY c.created_at DESC, c.id DESC
        """,
        {
            "limit": limit,
            **({} if identified is None else {"identified": identified}),
            **({} if before is None else {"at": at, "key": key}),
        },
    )
    return [CustomerRow._make(row) for row in rows]


async def changes(
    tx: ReadTx, *, since: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> list[tuple[datetime, UUID]]:
    """When which raw keys changed, the oldest change first, `after` a place in that order.

    A key changes when it gets a trait value or an identifier, is merged or taken apart, or has another merged into it.
    """
    at, key = after or (since, UUID(int=0))
    rows = await tx.execute(
        """
        SELECT at, id FROM (
            (SELECT updated_at AS at, id FROM customers
             WHERE updated_at >= :since AND (updated_at, id) > (:at, :key) ORDER BY updated_at, id LIMIT :limit)
            UNION
            (SELECT decided_at, from_id FROM merge_log
             WHERE decided_at >= :since AND (decided_at, from_id) > (:at, :key)
             ORDER BY decided_at, from_id LIMIT :limit)
            UNION
            (SELECT decided_at, into_id FROM merge_log
             WHERE decided_at >= :since AND (decided_at, into_id) > (:at, :key)
             ORDER BY decided_at, into_id LIMIT :limit)
        ) AS changes ORDER BY at, id LIMIT :limit
        """,
        {"since": since, "at": at, "key": key, "limit": limit},
    )
    return [(row.at, row.id) for row in rows]


async def summaries(tx: ReadTx, roots: Collection[UUID], *, restricted: bool = True) -> dict[UUID, CustomerRow]:
    """One row for each of these people who was seen; without `restricted` those whose data are used for nothing."""
    rows = await tx.execute(
        f"""
        SELECT c.id, c.identified, c.source, seen.first_seen, seen.last_seen, c.created_at
        FROM customers AS c {_SEEN} WHERE c.id = ANY(:roots) {"" if restricted else f"AND NOT {_RESTRICTED}"}
        """,
        {"roots": list(roots)},
    )
    return {row.id: CustomerRow._make(row) for row in rows}


async def lock_traits(tx: WriteTx, keys: Collection[UUID]) -> None:
    """Keep the traits of these keys as they are until this transaction ends."""
    await tx.execute(
        "SELECT FROM traits WHERE customer_id = ANY(:keys) ORDER BY customer_id, name FOR UPDATE", {"keys": list(keys)}
    )


async def lock_identifier(tx: WriteTx, type_: str, value: str) -> None:
    """Keep others from making a customer for this identifier until this transaction ends."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.identifier:' || :identifier, 0))",
        {"identifier": f"{type_}:{value}"},
    )
