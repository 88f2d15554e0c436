"""The SQL of the search: ranges of indexes in C order, read no further than a page needs."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.profiles.search.domain import Match, Phrase
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

# Ends the range of a prefix: no text goes on with a greater character.
_LAST = "\U0010ffff"

_MATCHES = """
    SELECT m.* FROM unnest(CAST(:prefixes AS text[])) AS p CROSS JOIN LATERAL (
        SELECT value AS text, customer_id AS key, type AS kind FROM identifiers
        WHERE refused_because IS NULL AND type <> 'previous_id'
          AND value COLLATE "C" >= p AND value COLLATE "C" < p || :last {identifiers}
    ) AS m
"""
_PHRASES = """
    SELECT phrase, customer_id, trait FROM phrases
    WHERE :phrase <> '' AND phrase >= :phrase COLLATE "C" AND phrase < CAST(:phrase || :last AS text) COLLATE "C"
    {phrases}
"""
_ORDER = 'ORDER BY text COLLATE "C", key, kind COLLATE "C"'


async def put_phrases(tx: WriteTx, written: Mapping[tuple[UUID, str], Sequence[Phrase]]) -> None:
    """Find these names by these phrases from now on, and by no others."""
    if not written:
        return
    names = sorted(written)
    await tx.execute(
        "DELETE FROM phrases USING unnest(CAST(:keys AS uuid[]), CAST(:traits AS text[])) AS t (key, trait) "
        "WHERE phrases.customer_id = t.key AND phrases.trait = t.trait",
        {"keys": [key for key, _ in names], "traits": [trait for _, trait in names]},
    )
    await insert_rows(
        tx,
        "phrases",
        {"customer_id": "uuid", "trait": "text", "phrase": "text"},
        [phrase for name in names for phrase in written[name]],
        # A customer with too many traits may have lost this one at once.
        "WHERE EXISTS (SELECT FROM traits WHERE traits.customer_id = t.customer_id AND traits.name = t.trait) "
        "ON CONFLICT DO NOTHING",
    )


async def beginning(
    tx: ReadTx, prefixes: Sequence[str], phrase: str, *, after: tuple[str, UUID] | None, limit: int
) -> list[Match]:
    """What begins with one of the prefixes or the phrase, in order, `after` a place in it.

    Indexes identifiers_prefix and phrases_prefix; each range is read in order, and no further than `limit`.
    """
    text, key = after or (None, None)
    beyond = "" if after is None else 'AND ({} COLLATE "C", customer_id) > (:text COLLATE "C", :key)'
    order = 'ORDER BY {} COLLATE "C", customer_id LIMIT :limit'
    identifiers = f"{beyond.format('value')} {order.format('value')}"
    phrases = f"{beyond.format('phrase')} {order.format('phrase')}"
    rows = await tx.execute(
        f"SELECT * FROM (({_MATCHES.format(identifiers=identifiers)}) UNION ({_PHRASES.format(phrases=phrases)})) AS m "
        f"{_ORDER} LIMIT :limit",
        {
            **_range(prefixes, phrase),
            "limit": limit,
            **({} if after is None else {"text": text, "key": key}),
        },
    )
    return [Match._make(row) for row in rows]


async def matches_of(tx: ReadTx, keys: Collection[UUID], prefixes: Sequence[str], phrase: str) -> list[Match]:
    """All that these keys have which begins with one of the prefixes or the phrase, in order."""
    mine = "AND customer_id = ANY(:keys)"
    rows = await tx.execute(
        f"SELECT * FROM (({_MATCHES.format(identifiers=mine)}) UNION ({_PHRASES.format(phrases=mine)})) AS m {_ORDER}",
        {**_range(prefixes, phrase), "keys": list(keys)},
    )
    return [Match._make(row) for row in rows]


def _range(prefixes: Sequence[str], phrase: str) -> dict[str, Any]:
    return {"prefixes": list(prefixes), "phrase": phrase, "last": _LAST}


async def saying(
    tx: ReadTx,
    name: str,
    values: Sequence[str],
    *,
    keys: Collection[UUID] | None = None,
    after: UUID | None = None,
    limit: int | None = None,
) -> list[Match]:
    """The keys (of `keys`) of which a trait says one of these values (JSON texts), by key (index traits_value)."""
    rows = await tx.execute(
        f"""
        SELECT DISTINCT m.customer_id FROM unnest(CAST(:values AS text[])) AS v CROSS JOIN LATERAL (
            SELECT customer_id FROM traits
            WHERE name = :name AND value IS NOT NULL AND md5(value::text) = md5(CAST(v AS jsonb)::text)
              {"" if keys is None else "AND customer_id = ANY(:keys)"}
              {"" if after is None else "AND customer_id > :after"}
            ORDER BY customer_id LIMIT :limit
        ) AS m
        ORDER BY customer_id LIMIT :limit
        """,
        {
            "name": name,
            "values": list(values),
            "limit": limit,
            **({} if keys is None else {"keys": list(keys)}),
            **({} if after is None else {"after": after}),
        },
    )
    return [Match("", row.customer_id, name) for row in rows]
