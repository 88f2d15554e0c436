"""The ledger: read what a rule needs, and write what it posted in one statement."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.loyalty.points.domain.ledger import Book, Draw, Lot, Wallet
from services.loyalty.points.domain.moves import OVER_LIMIT
from services.loyalty.points.domain.settling import Source
from shared.db.arrays import literal
from shared.db.bulk import array_of
from shared.db.engine import ReadTx, WriteTx

# Which lots of a wallet are needed: those with points left, or only those that time has overtaken, or none at all.
Reach = Literal["open", "due", "none"]

_WALLET = "w.id, w.person_id, w.name, w.opened_at, w.available, w.pending, w.held, w.debt, w.version, w.hash"
_WALLET_FIELDS = _WALLET.count(",") + 1
_LOT = (
    "l.id, l.wallet_id, l.kind, l.source, l.reference, l.points, l.remaining, l.earned_at, l.active_at, l.is_active, "
    "l.expires_on, l.zone, l.expires_at, l.slides, l.origin_id"
)

_REACHED: dict[Reach, str] = {
    "open": "l.remaining > 0",
    "due": "l.remaining > 0 AND (l.expires_at <= :now OR (NOT l.is_active AND l.active_at <= :now))",
    "none": "false",
}


async def load(tx: ReadTx, book: Book, keys: Collection[UUID], names: Collection[str], reach: Reach) -> None:
    """Read the wallets of these raw keys, with their lots, into the book."""
    await _load(
        tx, book, reach, "w.person_id = ANY(:keys) AND w.name = ANY(:names)", keys=list(keys), names=list(names)
    )


async def load_all(tx: ReadTx, book: Book, keys: Collection[UUID], reach: Reach) -> None:
    """Read all wallets of these raw keys, with their lots, into the book."""
    await _load(tx, book, reach, "w.person_id = ANY(:keys)", keys=list(keys))


async def load_wallets(tx: ReadTx, book: Book, ids: Collection[UUID], reach: Reach) -> dict[UUID, Wallet]:
    """Read wallets by their ids into the book, with their lots."""
    return await _load(tx, book, reach, "w.id = ANY(:ids)", ids=list(ids))


async def _load(tx: ReadTx, book: Book, reach: Reach, where: str, **values: Any) -> dict[UUID, Wallet]:
    """In one statement: the columns of a wallet, then those of a lot, or nulls."""
    if reach == "due":
        values["now"] = book.now
    rows = await tx.execute(
        f"SELECT {_WALLET}, {_LOT} FROM wallets AS w LEFT JOIN lots AS l ON l.wallet_id = w.id AND {_REACHED[reach]} "
        f"WHERE {where}",
        values,
    )
    found: dict[UUID, Wallet] = {}
    for row in rows:
        columns = tuple(row)
        wallet = found.get(columns[0])
        if wallet is None:
            wallet = found[columns[0]] = Wallet(*columns[:_WALLET_FIELDS])
            wallet.is_whole = reach == "open"
            book.wallets[wallet.person_id, wallet.name] = wallet
        if columns[_WALLET_FIELDS] is not None:
            lot = Lot(*columns[_WALLET_FIELDS:])
            wallet.lots[lot.id] = lot
    return found


async def load_open(tx: ReadTx, wallets: Collection[Wallet]) -> None:
    """Read the lots that have points left into wallets; those that are there already stay as they are."""
    if wallets:
        rows = await tx.execute(
            f"SELECT {_LOT} FROM lots AS l WHERE l.wallet_id = ANY(:wallets) AND l.remaining > 0",
            {"wallets": [wallet.id for wallet in wallets]},
        )
        _keep(wallets, rows)
        for wallet in wallets:
            wallet.is_whole = True


async def load_lots_of(tx: ReadTx, wallets: Collection[Wallet], ids: Collection[UUID]) -> None:
    """Read these lots into their wallets, also where no points are left."""
    if ids:
        _keep(wallets, await tx.execute(f"SELECT {_LOT} FROM lots AS l WHERE l.id = ANY(:ids)", {"ids": list(ids)}))


def _keep(wallets: Collection[Wallet], rows: Iterable[Any]) -> None:
    owners = {wallet.id: wallet for wallet in wallets}
    for row in rows:
        lots = owners[row.wallet_id].lots
        if row.id not in lots:
            lots[row.id] = Lot(*tuple(row))


async def sources(tx: ReadTx, pairs: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], Source]:
    """What these sources earned in these wallets."""
    rows = await tx.execute(
        "SELECT wallet_id, source, points, uncollected FROM sources JOIN "
        "unnest(CAST(:wallets AS uuid[]), CAST(:sources AS text[])) AS asked(wallet_id, source) "
        "USING (wallet_id, source)",
        {"wallets": [wallet for wallet, _ in pairs], "sources": [source for _, source in pairs]},
    )
    return {(row.wallet_id, row.source): Source(row.points, row.uncollected) for row in rows}


async def cut_of(tx: ReadTx, pairs: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], int]:
    """How many of the points of these sources found no room in these wallets."""
    rows = await tx.execute(
        "SELECT wallet_id, source, CAST(sum(points) AS bigint) AS points FROM transactions "
        "WHERE wallet_id = ANY(:wallets) AND source = ANY(CAST(:sources AS text[])) AND reason = :over "
        "GROUP BY wallet_id, source",
        {"wallets": [each for each, _ in pairs], "sources": [source for _, source in pairs], "over": OVER_LIMIT},
    )
    return {(row.wallet_id, row.source): row.points for row in rows}


class Operation(NamedTuple):
    """A transaction of an operation."""

    id: UUID
    wallet_id: UUID
    kind: str
    points: int


async def operation(tx: ReadTx, key: str) -> list[Operation]:
    """The transactions that were posted under a natural key."""
    rows = await tx.execute(
        "SELECT id, wallet_id, kind, points FROM transactions WHERE operation = :key ORDER BY id", {"key": key}
    )
    return [Operation._make(row) for row in rows]


async def operation_persons(tx: ReadTx, key: str) -> list[UUID]:
    """Whose wallets an operation posted to."""
    rows = await tx.execute(
        "SELECT DISTINCT wallets.person_id FROM transactions JOIN wallets ON wallets.id = wallet_id "
        "WHERE operation = :key",
        {"key": key},
    )
    return [row.person_id for row in rows]


class Drawn(NamedTuple):
    """What a transaction still has of a lot: drawn, less returned."""

    lot_id: UUID
    of_id: UUID
    points: int


async def drawn(tx: ReadTx, transactions: Collection[UUID]) -> list[Drawn]:
    """What these transactions drew and have not returned."""
    rows = await tx.execute(
        "SELECT lot_id, of_id, CAST(sum(points) AS bigint) AS points FROM allocations WHERE of_id = ANY(:ids) "
        "GROUP BY lot_id, of_id HAVING sum(points) > 0 ORDER BY lot_id, of_id",
        {"ids": list(transactions)},
    )
    return [Drawn._make(row) for row in rows]


def draws_of(wallet: Wallet, found: Iterable[Drawn]) -> list[Draw]:
    """The draws from the lots of one wallet."""
    return [Draw(wallet.lots[each.lot_id], each.points, each.of_id) for each in found if each.lot_id in wallet.lots]


# What a book may have to write; a statement has only what it needs, for each part costs the server something.
_PARTS = {
    "made": """
        INSERT INTO wallets (id, person_id, name, opened_at, available, pending, held, debt, version, hash)
        SELECT * FROM unnest(
            CAST(:m_id AS uuid[]), CAST(:m_person AS uuid[]), CAST(:m_name AS text[]), CAST(:m_opened AS timestamptz[]),
            CAST(:m_available AS bigint[]), CAST(:m_pending AS bigint[]), CAST(:m_held AS bigint[]),
            CAST(:m_debt AS bigint[]), CAST(:m_version AS bigint[]), CAST(:m_hash AS bytea[])
        )
        RETURNING 1
    """,
    "changed": """
        UPDATE wallets SET available = w.available, pending = w.pending, held = w.held, debt = w.debt,
            version = w.version, hash = w.hash
        FROM unnest(
            CAST(:w_id AS uuid[]), CAST(:w_read AS bigint[]), CAST(:w_available AS bigint[]),
            CAST(:w_pending AS bigint[]), CAST(:w_held AS bigint[]), CAST(:w_debt AS bigint[]),
            CAST(:w_version AS bigint[]), CAST(:w_hash AS bytea[])
        ) AS w(id, read, available, pending, held, debt, version, hash)
        WHERE wallets.id = w.id AND wallets.version = w.read
        RETURNING 1
    """,
    "posted": """
        INSERT INTO transactions (id, wallet_id, version, kind, account, points, available, pending, held, debt,
            occurred_at, recorded_at, operation, source, reason, reference, actor, hash)
        SELECT * FROM unnest(
            CAST(:t_id AS uuid[]), CAST(:t_wallet AS uuid[]), CAST(:t_version AS bigint[]), CAST(:t_kind AS text[]),
            CAST(:t_account AS text[]), CAST(:t_points AS bigint[]), CAST(:t_available AS bigint[]),
            CAST(:t_pending AS bigint[]), CAST(:t_held AS bigint[]), CAST(:t_debt AS bigint[]),
            CAST(:t_occurred AS timestamptz[]), CAST(:t_recorded AS timestamptz[]), CAST(:t_operation AS text[]),
            CAST(:t_source AS text[]), CAST(:t_reason AS text[]), CAST(:t_reference AS text[]),
            CAST(:t_actor AS text[]), CAST(:t_hash AS bytea[])
        )
    """,
    "lotted": """
        INSERT INTO lots (id, wallet_id, kind, source, reference, points, remaining, earned_at, active_at, is_active,
            expires_on, zone, expires_at, slides, origin_id)
        SELECT * FROM unnest(
            CAST(:l_id AS uuid[]), CAST(:l_wallet AS uuid[]), CAST(:l_kind AS text[]), CAST(:l_source AS text[]),
            CAST(:l_reference AS text[]), CAST(:l_points AS bigint[]), CAST(:l_remaining AS bigint[]),
            CAST(:l_earned AS timestamptz[]), CAST(:l_active_at AS timestamptz[]), CAST(:l_active AS boolean[]),
            CAST(:l_on AS date[]), CAST(:l_zone AS text[]), CAST(:l_expires AS timestamptz[]),
            CAST(:l_slides AS boolean[]), CAST(:l_origin AS uuid[])
        )
        ON CONFLICT (id) DO UPDATE SET remaining = EXCLUDED.remaining, active_at = EXCLUDED.active_at,
            is_active = EXCLUDED.is_active, expires_on = EXCLUDED.expires_on, zone = EXCLUDED.zone,
            expires_at = EXCLUDED.expires_at
    """,
    "allotted": """
        INSERT INTO allocations (transaction_id, lot_id, of_id, points)
        SELECT * FROM unnest(
            CAST(:a_transaction AS uuid[]), CAST(:a_lot AS uuid[]), CAST(:a_of AS uuid[]), CAST(:a_points AS bigint[])
        )
    """,
    "settled": """
        INSERT INTO sources (wallet_id, source, points, uncollected)
        SELECT * FROM unnest(
            CAST(:s_wallet AS uuid[]), CAST(:s_source AS text[]), CAST(:s_points AS bigint[]),
            CAST(:s_uncollected AS bigint[])
        )
        ON CONFLICT (wallet_id, source) DO UPDATE SET points = EXCLUDED.points, uncollected = EXCLUDED.uncollected
    """,
}
_COUNTED = ("made", "changed")


_ARRAY = re.compile(r"CAST\(:((\w)_\w+) AS (\w+)\[\]\)")
# Of fewer rows each shape would be a statement of its own, to be prepared for a handful of values.
_MANY = 64
# Columns that do not travel as arrays of their own: each with the one that is like it, or with itself where one value
# stands in all rows. To encode an array costs the driver more than the rest of a statement; so those that do travel go
# as texts where that is exact.
_Shape = tuple[tuple[str, str], ...]
_KINDS = {name: kind for part in _PARTS.values() for name, _, kind in _ARRAY.findall(part)}


@lru_cache(maxsize=256)
def _unit(names: tuple[str, ...], shape: _Shape, texts: frozenset[str]) -> str:
    """The statement that writes these parts, and counts the wallets among them."""
    same = dict(shape)

    def sent(found: re.Match[str]) -> str:
        name, part, kind = found.groups()
        of = same.get(name)
        if of == name:
            return f"array_fill(CAST(:{name} AS {kind}), ARRAY[CAST(:{part}_rows AS integer)])"
        return array_of(of or name, kind, is_text=(of or name) in texts)

    parts = ", ".join(f"{name} AS ({_ARRAY.sub(sent, _PARTS[name])})" for name in names)
    counts = [f"(SELECT count(*) FROM {name})" for name in _COUNTED if name in names]
    return f"WITH {parts} SELECT {' + '.join(counts) or '0'}"


async def save(tx: WriteTx, book: Book, settled: dict[tuple[UUID, str], Source] | None = None) -> None:
    """Write all that was posted, in one statement.

    Raises:
        RuntimeError: a wallet is no longer what it was when it was read: somebody did not lock the person.
    """
    changed = book.changed_wallets()
    if not changed and not settled:
        return
    made = [wallet for wallet in changed if book.versions[wallet.id] == 0]
    known = [wallet for wallet in changed if book.versions[wallet.id] > 0]
    parts = {
        "made": _made(made) if made else {},
        "changed": _changed(known, book) if known else {},
        "posted": _posted(book) if book.postings else {},
        "lotted": _lotted(book) if book.lots else {},
        "allotted": _allotted(book) if book.allocations else {},
        "settled": _settled(settled) if settled else {},
    }
    values: dict[str, Any] = {}
    shape: list[tuple[str, str]] = []
    for part in parts.values():
        sent, same = _sent(part)
        values |= sent
        shape += same
    texts = _as_texts(values)
    unit = _unit(tuple(name for name, part in parts.items() if part), tuple(shape), frozenset(texts))
    written = await tx.execute(unit, values | texts)
    if written.scalar_one() != len(changed):
        raise RuntimeError("a wallet was changed by somebody who did not lock its person")


def _sent(columns: Mapping[str, list[Any]]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The values that travel for a part, and the columns that do not travel as arrays of their own."""
    rows = len(next(iter(columns.values()), ()))
    if rows < _MANY:
        return dict(columns), []
    values: dict[str, Any] = {f"{next(iter(columns))[0]}_rows": rows}
    shape: list[tuple[str, str]] = []
    for name, column in columns.items():
        first, last = column[0], column[-1]
        if first == last and column.count(first) == rows:
            values[name] = first
            shape.append((name, name))
            continue
        like = (of for of, its in values.items() if type(its) is list and _is_alike(its, column))
        if (found := next(like, None)) is None:
            values[name] = column
        else:
            shape.append((name, found))
    if not any(name == of for name, of in shape):
        del values[next(iter(values))]
    return values, shape


def _as_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """The columns of many rows that go as texts."""
    many = ((name, each) for name, each in values.items() if type(each) is list and len(each) >= _MANY)
    found = ((name, literal(_KINDS[name], each)) for name, each in many)
    return {name: text for name, text in found if text is not None}


def _is_alike(one: list[Any], other: list[Any]) -> bool:
    # True is 1, and yet no number.
    return one[-1] == other[-1] and type(one[0]) is type(other[0]) and one == other


def _columns(prefix: str, names: str, rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows as one array per column, named `<prefix>_<name>`."""
    columns = zip(*rows, strict=True)
    return {f"{prefix}_{name}": list(column) for name, column in zip(names.split(), columns, strict=True)}


def _made(wallets: Sequence[Wallet]) -> dict[str, list[Any]]:
    return _columns(
        "m",
        "id person name opened available pending held debt version hash",
        [
            (w.id, w.person_id, w.name, w.opened_at, w.available, w.pending, w.held, w.debt, w.version, w.hash)
            for w in wallets
        ],
    )


def _changed(wallets: Sequence[Wallet], book: Book) -> dict[str, list[Any]]:
    return _columns(
        "w",
        "id read available pending held debt version hash",
        [
            (w.id, book.versions[w.id], w.available, w.pending, w.held, w.debt, w.version, w.hash)
            for w in sorted(wallets, key=lambda wallet: wallet.id)
        ],
    )


def _posted(book: Book) -> dict[str, list[Any]]:
    return _columns(
        "t",
        "id wallet version kind account points available pending held debt occurred recorded operation source reason "
        "reference actor hash",
        [
            (t.id, t.wallet_id, t.version, t.kind, t.account, t.points, *t.deltas, t.cause.occurred_at, t.recorded_at,
             t.cause.operation, t.cause.source, t.cause.reason, t.cause.reference, t.cause.actor, t.hash)
            for t in (posting.transaction for posting in book.postings)
        ],
    )  # fmt: skip


def _lotted(book: Book) -> dict[str, list[Any]]:
    return _columns(
        "l",
        "id wallet kind source reference points remaining earned active_at active on zone expires slides origin",
        [
            (lot.id, lot.wallet_id, lot.kind, lot.source, lot.reference, lot.points, lot.remaining, lot.earned_at,
             lot.active_at, lot.is_active, lot.expires_on, lot.zone, lot.expires_at, lot.slides, lot.origin_id)
            for lot in sorted(book.lots.values(), key=lambda lot: lot.id)
        ],
    )  # fmt: skip


def _allotted(book: Book) -> dict[str, list[Any]]:
    return _columns("a", "transaction lot of points", book.allocations)


def _settled(settled: dict[tuple[UUID, str], Source]) -> dict[str, list[Any]]:
    rows = [(wallet, source, *found) for (wallet, source), found in sorted(settled.items())]
    return _columns("s", "wallet source points uncollected", rows)


async def due_persons(tx: ReadTx, now: datetime, *, limit: int) -> list[UUID]:
    """Raw keys whose wallets time has overtaken, at most so many."""
    rows = await tx.execute(
        """
        WITH due AS (
            (SELECT wallet_id FROM lots WHERE NOT is_active AND remaining > 0 AND active_at <= :now
                ORDER BY active_at LIMIT :limit)
            UNION
            (SELECT wallet_id FROM lots WHERE remaining > 0 AND expires_at <= :now ORDER BY expires_at LIMIT :limit)
        )
        SELECT DISTINCT person_id FROM due JOIN wallets ON wallets.id = due.wallet_id LIMIT :limit
        """,
        {"now": now, "limit": limit},
    )
    return [row.person_id for row in rows]
