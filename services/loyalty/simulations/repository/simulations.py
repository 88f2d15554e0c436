"""All SQL of simulations: the work itself, and what it has come to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.loyalty.simulations.domain.tally import Example, Key, Tally, extremes
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.identity.person import Member

State = Literal["waiting", "running", "done", "cancelled", "failed"]


class Simulation(NamedTuple):
    """A simulation as it stands: `done` members of `total` were looked at, the last of them at `place`."""

    id: UUID
    title: str
    state: State
    from_at: datetime
    until_at: datetime
    zone: str
    inputs_digest: str
    asked_at: datetime
    asked_by: str
    started_at: datetime | None
    finished_at: datetime | None
    keep_until: datetime | None
    total: int | None
    done: int
    place: UUID | None
    digest: str | None
    reason: str | None


_NAMES = ", ".join(Simulation._fields)


async def claim(tx: WriteTx) -> None:
    """Be the only one who asks for a simulation, until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.simulations', 0))")


async def add(tx: WriteTx, made: Simulation, *, request: str, inputs: str) -> None:
    """Keep a new one."""
    values = ", ".join(f":{name}" for name in Simulation._fields)
    await tx.execute(
        f"INSERT INTO simulations ({_NAMES}, request, inputs) VALUES ({values}, CAST(:request AS jsonb), :inputs)",
        {**made._asdict(), "request": request, "inputs": inputs},
    )


async def get(tx: ReadTx, simulation_id: UUID) -> Simulation | None:
    """A simulation."""
    rows = await tx.execute(f"SELECT {_NAMES} FROM simulations WHERE id = :id", {"id": simulation_id})
    row = rows.one_or_none()
    return None if row is None else Simulation._make(row)


async def locked(tx: WriteTx, simulation_id: UUID) -> Simulation | None:
    """The same, for whoever alone changes it until the transaction ends."""
    rows = await tx.execute(f"SELECT {_NAMES} FROM simulations WHERE id = :id FOR UPDATE", {"id": simulation_id})
    row = rows.one_or_none()
    return None if row is None else Simulation._make(row)


async def inputs(tx: ReadTx, simulation_id: UUID) -> str:
    """Both programmes, as they were frozen."""
    found = await tx.execute("SELECT inputs FROM simulations WHERE id = :id", {"id": simulation_id})
    return str(found.scalar_one())


async def listed(tx: ReadTx, *, before: UUID | None, limit: int) -> list[Simulation]:
    """All there are, the latest first."""
    rows = await tx.execute(
        f"SELECT {_NAMES} FROM simulations WHERE CAST(:before AS uuid) IS NULL OR id < :before "
        "ORDER BY id DESC LIMIT :limit",
        {"before": before, "limit": limit},
    )
    return [Simulation._make(row) for row in rows]


async def unfinished(tx: ReadTx) -> list[UUID]:
    """Those that wait or run, the oldest first."""
    rows = await tx.execute("SELECT id FROM simulations WHERE state IN ('waiting', 'running') ORDER BY id")
    return list(rows.scalars())


async def begin(tx: WriteTx, simulation_id: UUID, until: datetime, now: datetime) -> None:
    """Write down who is looked at: everybody with a fact or a wallet before a moment, as who they are now."""
    await tx.execute(
        """
        INSERT INTO simulation_people (simulation_id, person, keys)
        SELECT :id, whole.root, ARRAY(SELECT DISTINCT raw FROM unnest(whole.root || coalesce(family.raws, '{}')) AS raw
            ORDER BY raw)
        FROM (
            SELECT DISTINCT coalesce(i.root_id, known.key) AS root FROM (
                SELECT customer AS key FROM orders WHERE customer IS NOT NULL AND placed_at < :until
                UNION SELECT customer FROM happenings WHERE at < :until
                UNION SELECT customer FROM segment_moves WHERE at < :until
                UNION SELECT customer FROM tier_grants WHERE at < :until
                UNION SELECT person_id FROM wallets WHERE opened_at < :until
            ) AS known LEFT JOIN identity AS i ON i.raw_id = known.key
        ) AS whole LEFT JOIN (
            SELECT root_id, array_agg(raw_id) AS raws FROM identity GROUP BY root_id
        ) AS family ON family.root_id = whole.root
        """,
        {"id": simulation_id, "until": until},
    )
    await tx.execute(
        "UPDATE simulations SET state = 'running', started_at = :now, "
        "total = (SELECT count(*) FROM simulation_people WHERE simulation_id = :id) WHERE id = :id",
        {"id": simulation_id, "now": now},
    )


async def people(tx: ReadTx, simulation_id: UUID, *, after: UUID | None, limit: int) -> list[Member]:
    """The next members to be looked at."""
    rows = await tx.execute(
        "SELECT person, keys FROM simulation_people WHERE simulation_id = :id AND person > :after "
        "ORDER BY person LIMIT :limit",
        {"id": simulation_id, "after": after or UUID(int=0), "limit": limit},
    )
    return [Member(row.person, tuple(row.keys)) for row in rows]


async def put(tx: WriteTx, simulation: Simulation, members: Sequence[Member], tally: Tally) -> None:
    """Add what a slice has come to, and how far the work is by it."""
    own = simulation.id
    counts = {key: amount for key, amount in tally.counts.items() if amount}
    await insert_rows(
        tx,
        "simulation_tallies",
        {
            "simulation_id": "uuid", "measure": "text", "run": "text", "month": "date", "subject": "text",
            "before": "text", "after": "text", "amount": "bigint",
        },
        [(own, *key, counts[key]) for key in sorted(counts)],
        "ON CONFLICT (simulation_id, measure, run, month, subject, before, after) "
        "DO UPDATE SET amount = simulation_tallies.amount + EXCLUDED.amount",
    )  # fmt: skip
    await insert_rows(
        tx,
        "simulation_differences",
        {"simulation_id": "uuid", "wallet": "text", "difference": "bigint", "members": "bigint"},
        [(own, *key, tally.differences[key]) for key in sorted(tally.differences)],
        "ON CONFLICT (simulation_id, wallet, difference) "
        "DO UPDATE SET members = simulation_differences.members + EXCLUDED.members",
    )
    if tally.examples:
        await _put_examples(tx, own, [*await examples(tx, own), *tally.examples])
    await tx.execute(
        "UPDATE simulations SET done = done + :members, place = :place WHERE id = :id",
        {"id": own, "members": len(members), "place": members[-1].root},
    )


async def _put_examples(tx: WriteTx, own: UUID, found: Sequence[Example]) -> None:
    await tx.execute("DELETE FROM simulation_examples WHERE simulation_id = :id", {"id": own})
    kept = [
        each
        for wallet in sorted({each.wallet for each in found})
        for each in extremes(each for each in found if each.wallet == wallet)
    ]
    await insert_rows(
        tx,
        "simulation_examples",
        {"simulation_id": "uuid", "wallet": "text", "person": "uuid", "difference": "bigint"},
        [(own, *each) for each in sorted(kept)],
        "",
    )


async def tallies(tx: ReadTx, simulation_id: UUID) -> dict[Key, int]:
    """All sums."""
    rows = await tx.execute(
        "SELECT measure, run, month, subject, before, after, amount FROM simulation_tallies "
        "WHERE simulation_id = :id ORDER BY 1, 2, 3, 4, 5, 6",
        {"id": simulation_id},
    )
    return {Key._make(row[:-1]): row.amount for row in rows}


class Spread(NamedTuple):
    """How much more (or, negative, fewer) points members would have in a wallet; deciles: of nine tenths in ten."""

    wallet: str
    more: int
    fewer: int
    same: int
    total: int
    deciles: list[int]


async def spreads(tx: ReadTx, simulation_id: UUID) -> list[Spread]:
    """For each wallet; a decile is the least difference that a tenth, two tenths, … of the members do not exceed."""
    rows = await tx.execute(
        """
        WITH ranked AS (
            SELECT wallet, difference, members, sum(members) OVER (PARTITION BY wallet ORDER BY difference) AS upto,
                sum(members) OVER (PARTITION BY wallet) AS whole
            FROM simulation_differences WHERE simulation_id = :id
        )
        SELECT wallet, CAST(coalesce(sum(members) FILTER (WHERE difference > 0), 0) AS bigint) AS more,
            CAST(coalesce(sum(members) FILTER (WHERE difference < 0), 0) AS bigint) AS fewer,
            CAST(coalesce(sum(members) FILTER (WHERE difference = 0), 0) AS bigint) AS same,
            CAST(sum(members * difference) AS bigint) AS total,
            ARRAY(SELECT (SELECT min(r.difference) FROM ranked AS r WHERE r.wallet = o.wallet
                AND r.upto * 10 >= r.whole * tenth) FROM generate_series(1, 9) AS tenth ORDER BY tenth) AS deciles
        FROM ranked AS o GROUP BY wallet ORDER BY wallet
        """,
        {"id": simulation_id},
    )
    return [Spread._make(row) for row in rows]


async def examples(tx: ReadTx, simulation_id: UUID) -> list[Example]:
    """The greatest differences, those who would have more first."""
    rows = await tx.execute(
        "SELECT wallet, person, difference FROM simulation_examples WHERE simulation_id = :id "
        "ORDER BY wallet, difference DESC, person",
        {"id": simulation_id},
    )
    return [Example._make(row) for row in rows]


async def digest(tx: ReadTx, simulation_id: UUID) -> str:
    """Of everything it has come to."""
    rows = await tx.execute(
        """
        SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), ''), 'UTF8')),
            'hex')
        FROM (
            SELECT concat_ws('|', 't', measure, run, month, subject, before, after, amount) AS line
            FROM simulation_tallies WHERE simulation_id = :id
            UNION ALL SELECT concat_ws('|', 'd', wallet, difference, members)
            FROM simulation_differences WHERE simulation_id = :id
            UNION ALL SELECT concat_ws('|', 'e', wallet, person, difference)
            FROM simulation_examples WHERE simulation_id = :id
        ) AS lines
        """,
        {"id": simulation_id},
    )
    return str(rows.scalar_one())


async def end(
    tx: WriteTx, simulation_id: UUID, state: State, now: datetime, keep_until: datetime, *, reason: str | None = None
) -> None:
    """It is over: nobody waits to be looked at any more."""
    await tx.execute("DELETE FROM simulation_people WHERE simulation_id = :id", {"id": simulation_id})
    await tx.execute(
        "UPDATE simulations SET state = :state, finished_at = :now, keep_until = :keep, digest = :digest, "
        "reason = :reason WHERE id = :id",
        {
            "id": simulation_id, "state": state, "now": now, "keep": keep_until, "reason": reason,
            "digest": await digest(tx, simulation_id) if state == "done" else None,
        },
    )  # fmt: skip


async def forget(tx: WriteTx, now: datetime) -> int:
    """Throw away what was kept long enough; how many."""
    return (await tx.execute("DELETE FROM simulations WHERE keep_until <= :now", {"now": now})).rowcount
