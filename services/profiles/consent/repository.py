"""All SQL of consent. Words are only ever added; the index consent_words_latest has them in the order that decides."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.profiles.consent.domain import Announced, Frequency, Pair, State, Text, Word
from services.profiles.people.repository import KEYS, Beside
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_WORD = (
    "id, customer_id, purpose, channel, granted, event_time, recorded_at, source, recorded_by, "
    "text_version, frequency_max, frequency_per, expires_at, proof"
)
# Along consent_words_latest for each key of each person: one row is read, however many words there are.
ASKED = f"""
    SELECT asked.id AS asked_id, word.*
    FROM unnest(CAST(:customers AS uuid[])) AS asked (id)
    LEFT JOIN identity AS own ON own.raw_id = asked.id
    CROSS JOIN LATERAL (
        SELECT coalesce(own.root_id, asked.id) AS id
        UNION
        SELECT i.raw_id FROM identity AS i WHERE i.root_id = coalesce(own.root_id, asked.id)
    ) AS key
    CROSS JOIN LATERAL (
        SELECT {_WORD} FROM consent_words AS w
        WHERE w.customer_id = key.id AND w.purpose = :purpose AND w.channel = :channel
        ORDER BY w.event_time DESC, w.granted, w.id DESC LIMIT 1
    ) AS word
"""


async def lock(tx: WriteTx, roots: Collection[UUID]) -> None:
    """Keep others from announcing anything of these persons until this transaction ends."""
    await tx.execute(
        """
        SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.consent:' || t.root, 0))
        FROM (SELECT unnest(CAST(:roots AS uuid[])) AS root ORDER BY 1) AS t
        """,
        {"roots": list(roots)},
    )


async def add(tx: WriteTx, words: Collection[Word]) -> set[UUID]:
    """Keep the words that are not there yet; the raw person keys that got one."""
    rows = await insert_rows(
        tx,
        "consent_words",
        {
            "id": "uuid",
            "customer_id": "uuid",
            "purpose": "text",
            "channel": "text",
            "granted": "boolean",
            "event_time": "timestamptz",
            "recorded_at": "timestamptz",
            "source": "text",
            "recorded_by": "text",
            "text_version": "text",
            "frequency_max": "integer",
            "frequency_per": "text",
            "expires_at": "timestamptz",
            "proof": "jsonb",
        },
        [_row(word) for word in sorted(words, key=lambda word: word.id)],
        "ON CONFLICT (id) DO NOTHING RETURNING customer_id",
    )
    return {row.customer_id for row in rows}


def _latest(keys: str, condition: str) -> str:
    return f"""
        SELECT DISTINCT ON (customer_id, purpose, channel) {_WORD}
        FROM consent_words WHERE customer_id = ANY({keys}) AND {condition}
        ORDER BY customer_id, purpose, channel, event_time DESC, granted, id DESC
    """


async def latest_until(tx: ReadTx, keys: Collection[UUID], until: datetime) -> list[Word]:
    """The latest word of each of these raw person keys on each pair, without what was said after a time."""
    rows = await tx.execute(_latest(KEYS, "event_time <= :until"), {"keys": list(keys), "until": until})
    return [_word(row) for row in rows]


async def asked(tx: ReadTx, customers: Collection[UUID], pair: Pair) -> dict[UUID, list[Word]]:
    """The latest word on a pair under each key of the persons of these customers; one statement for all of them."""
    rows = await tx.execute(
        ASKED,
        {"customers": list(set(customers)), **pair._asdict()},
    )
    found: dict[UUID, list[Word]] = {}
    for row in rows:
        found.setdefault(row.asked_id, []).append(_word(row[1:]))
    return found


async def history(
    tx: ReadTx,
    keys: Collection[UUID],
    *,
    purpose: str | None,
    channel: str | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Word]:
    """Words under these keys, the latest first, `before` a place in that order (index consent_words_history)."""
    wanted = {"purpose": purpose, "channel": channel, **dict(zip(("at", "id"), before or (None, None), strict=True))}
    rows = await tx.execute(
        f"""
        SELECT {_WORD} FROM consent_words WHERE customer_id = ANY(:keys)
          {"" if purpose is None else "AND purpose = :purpose"}
          {"" if channel is None else "AND channel = :channel"}
          {"" if before is None else "AND (event_time, id) < (:at, :id)"}
        ORDER BY event_time DESC, id DESC LIMIT :limit
        """,
        {"keys": list(keys), "limit": limit, **{name: value for name, value in wanted.items() if value is not None}},
    )
    return [_word(row) for row in rows]


async def announced(tx: ReadTx, roots: Collection[UUID]) -> dict[UUID, dict[Pair, Announced]]:
    """What followers were told of these persons last."""
    rows = await tx.execute(
        "SELECT customer_id, purpose, channel, state, text_version, frequency_max, frequency_per, expires_at, version "
        "FROM consent_announced WHERE customer_id = ANY(:roots)",
        {"roots": list(roots)},
    )
    found: dict[UUID, dict[Pair, Announced]] = {root: {} for root in roots}
    for row in rows:
        state = State(row.state, row.text_version, _frequency(row.frequency_max, row.frequency_per), row.expires_at)
        found[row.customer_id][Pair(row.purpose, row.channel)] = Announced(state, row.version)
    return found


async def note(tx: WriteTx, news: Mapping[UUID, Mapping[Pair, Announced]]) -> None:
    """Remember what followers are told now."""
    await insert_rows(
        tx,
        "consent_announced",
        {
            "customer_id": "uuid",
            "purpose": "text",
            "channel": "text",
            "state": "text",
            "text_version": "text",
            "frequency_max": "integer",
            "frequency_per": "text",
            "expires_at": "timestamptz",
            "version": "bigint",
        },
        [
            (root, *pair, said.state.state, said.state.text_version, *_parts(said.state.frequency),
             said.state.expires_at, said.version)
            for root, pairs in sorted(news.items())
            for pair, said in sorted(pairs.items())
        ],
        """
        ON CONFLICT (customer_id, purpose, channel) DO UPDATE SET
            state = EXCLUDED.state, text_version = EXCLUDED.text_version, frequency_max = EXCLUDED.frequency_max,
            frequency_per = EXCLUDED.frequency_per, expires_at = EXCLUDED.expires_at, version = EXCLUDED.version
        """,
    )  # fmt: skip


async def publish(tx: WriteTx, text: Text) -> bool:
    """Keep the text, unless there is one of its version; whether it was kept."""
    kept = await tx.execute(
        """
        INSERT INTO consent_texts (version, locale, body, published_at, published_by)
        VALUES (:version, :locale, :body, :published_at, :published_by)
        ON CONFLICT (version) DO NOTHING
        """,
        text._asdict(),
    )
    return kept.rowcount == 1


async def texts(tx: ReadTx, versions: Collection[str]) -> dict[str, Text]:
    """Those of the versions that are published."""
    rows = await tx.execute(
        "SELECT version, locale, body, published_at, published_by FROM consent_texts WHERE version = ANY(:versions)",
        {"versions": list(versions)},
    )
    return {row.version: Text._make(row) for row in rows}


async def newest_texts(tx: ReadTx, *, before: tuple[datetime, str] | None, limit: int) -> list[Text]:
    """Texts, the newest first, `before` a place in that order (index consent_texts_published)."""
    at, version = before or (None, None)
    rows = await tx.execute(
        f"""
        SELECT version, locale, body, published_at, published_by FROM consent_texts
        {"" if before is None else "WHERE (published_at, version) < (:at, :version)"}
        ORDER BY published_at DESC, version DESC LIMIT :limit
        """,
        {"limit": limit, **({} if before is None else {"at": at, "version": version})},
    )
    return [Text._make(row) for row in rows]


def _row(word: Word) -> Sequence[Any]:
    proof = None if word.proof is None else orjson.dumps(word.proof).decode()
    said = word.granted, word.time, word.recorded_at, word.source, word.recorded_by, word.text_version
    return word.id, word.customer_id, *word.pair, *said, *_parts(word.frequency), word.expires_at, proof


def _word(row: Sequence[Any]) -> Word:
    """The word in columns as in `_WORD`."""
    key, customer, purpose, channel, granted, time, recorded_at, source, recorded_by, version, *rest = row
    most, per, expires_at, proof = rest
    pair, frequency = Pair(purpose, channel), _frequency(most, per)
    return Word(
        key, customer, pair, granted, time, recorded_at, source, recorded_by, version, frequency, expires_at, proof
    )


def _frequency(most: int | None, per: Any) -> Frequency | None:
    return None if most is None else Frequency(most, per)


# The latest word of each of a person's keys on each pair.
LATEST = Beside(_latest("{keys}", "true"), _word)


def _parts(frequency: Frequency | None) -> tuple[int | None, str | None]:
    return (None, None) if frequency is None else (frequency.max, frequency.per)
