"""All SQL of past days: what persons bought, some thousand at a time, and the documents of each day."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
import orjson

from services.metrics.retention.domain.past import Document, Lines
from shared.db.engine import ReadTx, WriteTx

_IDS = 1 << 128
# Of one line, as PostgreSQL sends them one after the other: of rows by themselves reading takes ten times as long.
_LINE = np.dtype(
    [("high", ">u8"), ("low", ">u8"), ("day", ">i4"), ("orders", ">i4"), ("net", ">i8"), ("currency", "S3")]
)


async def lines(tx: ReadTx, part: int, parts: int, currencies: list[str]) -> Lines:
    """What the persons of one of so many parts bought, under all their keys; ids are as good as drawn by chance.

    Currencies that come for the first time are appended to `currencies`.
    """
    rows = await tx.execute(
        """
        WITH picked AS (
            SELECT a.customer AS person, a.customer AS raw FROM activity a
            WHERE a.customer BETWEEN :first AND :last
              AND NOT EXISTS (SELECT FROM identity i WHERE i.raw_id = a.customer AND i.root_id <> a.customer)
            UNION ALL
            SELECT i.root_id, i.raw_id FROM identity i
            WHERE i.root_id BETWEEN :first AND :last AND i.raw_id <> i.root_id
        )
        SELECT string_agg(uuid_send(person) || int4send(l.day) || int4send(l.orders) || int8send(l.net)
                          || CAST(l.currency AS bytea), '') AS lines
        FROM picked JOIN activity ON customer = raw
        CROSS JOIN LATERAL unnest(days, currencies, counts, nets) AS l(day, currency, orders, net)
        """,
        {"first": UUID(int=_IDS * part // parts), "last": UUID(int=_IDS * (part + 1) // parts - 1)},
    )
    found = np.frombuffer(rows.scalar_one() or b"", _LINE)
    codes, own = np.unique(found["currency"], return_inverse=True)
    names = [code.decode() for code in codes.tolist()]
    currencies += [name for name in names if name not in currencies]
    numbers = np.array([currencies.index(name) for name in names], np.int64)
    order = np.lexsort((found["low"], found["high"]))
    high, low = found["high"][order], found["low"][order]
    person = np.zeros(len(found), np.int64)
    person[1:] = np.cumsum((high[1:] != high[:-1]) | (low[1:] != low[:-1]))
    columns = (found[name][order].astype(np.int64) for name in ("day", "orders", "net"))
    day, orders, net = columns
    return Lines(person, day, numbers[own][order], orders, net)


class Walk(NamedTuple):
    """A walk through the past days from `first_day` to `last_day`: when it was, and how long it took.

    `mark` is that of the log then; `asked_at` when somebody was last given what had moved since.
    """

    counted_at: datetime
    took_seconds: float
    mark: str
    zone: str
    first_day: int
    last_day: int
    asked_at: datetime


async def walk(tx: ReadTx, zone: str) -> Walk | None:
    """The last walk through days of this time zone; None: there was none."""
    rows = await tx.execute(f"SELECT {', '.join(Walk._fields)} FROM past_walk WHERE zone = :zone", {"zone": zone})
    row = rows.one_or_none()
    return None if row is None else Walk._make(row)


async def asked(tx: WriteTx, at: datetime) -> None:
    """Note that somebody was given what has moved."""
    await tx.execute("UPDATE past_walk SET asked_at = :at WHERE asked_at < :at", {"at": at})


async def document(tx: ReadTx, subject: str, day: int) -> Document:
    """What a subject came to as of the end of a day; None: it is not known."""
    rows = await tx.execute(
        "SELECT document FROM past_days WHERE subject = :subject AND day = :day", {"subject": subject, "day": day}
    )
    found = rows.scalar_one_or_none()
    return None if found is None else orjson.loads(zlib.decompress(found))


def packed(documents: Mapping[str, Document]) -> dict[str, bytes]:
    """Documents as they are stored: mostly numbers that are alike."""
    return {name: zlib.compress(orjson.dumps(each), 1) for name, each in documents.items()}


async def keep(tx: WriteTx, days: Sequence[tuple[int, Mapping[str, bytes]]]) -> None:
    """Keep the documents of some days, as they are packed; what is as it was is not written again."""
    rows = sorted((name, day, each) for day, documents in days for name, each in documents.items())
    await tx.execute(
        """
        INSERT INTO past_days (subject, day, document)
        SELECT * FROM unnest(CAST(:subjects AS text[]), CAST(:days AS int[]), CAST(:documents AS bytea[]))
        ON CONFLICT (subject, day) DO UPDATE SET document = EXCLUDED.document
        WHERE past_days.document <> EXCLUDED.document
        """,
        {
            "subjects": [name for name, _, _ in rows],
            "days": [day for _, day, _ in rows],
            "documents": [each for _, _, each in rows],
        },
    )


async def finish(tx: WriteTx, found: Walk) -> None:
    """Note that all days are there, and keep no others."""
    values = ", ".join(f":{name}" for name in Walk._fields)
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in Walk._fields if name != "asked_at")
    await tx.execute(
        f"INSERT INTO past_walk ({', '.join(Walk._fields)}) VALUES ({values}) "
        f"ON CONFLICT (only_one) DO UPDATE SET {updates}",
        found._asdict(),
    )
    await tx.execute(
        "DELETE FROM past_days WHERE day NOT BETWEEN :first AND :last",
        {"first": found.first_day, "last": found.last_day},
    )
