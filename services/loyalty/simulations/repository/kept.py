"""What the ledger has of members beside what rules gave them, as it had been learnt at a moment."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from services.loyalty.programs.domain.validity import End
from services.loyalty.simulations.domain.facts import CameBack, CameIn, Happened, Kept, WasActivated, WentOut
from shared.db.engine import ReadTx
from shared.identity.person import Member

_CAME_IN = """
    SELECT w.person_id, w.name, l.earned_at AS at, l.points, l.kind, l.source, l.active_at, l.expires_on, l.zone,
        l.expires_at, l.origin_id, s.points AS standing
    FROM lots AS l JOIN wallets AS w ON w.id = l.wallet_id
    LEFT JOIN sources AS s ON s.wallet_id = l.wallet_id AND s.source = l.source
    WHERE w.person_id = ANY(:keys) AND l.source NOT LIKE 'earn:%' AND l.earned_at < :until
        AND l.earned_at <= :asked_at
    ORDER BY l.earned_at, l.id
"""
# Who has several keys spends from the wallets of all of them at once.
_WENT_OUT = """
    SELECT w.person_id, w.name, t.occurred_at AS at, t.points, coalesce(t.operation, CAST(t.id AS text)) AS operation,
        CASE t.kind WHEN 'spent' THEN 'spent' ELSE 'other' END AS kind
    FROM transactions AS t JOIN wallets AS w ON w.id = t.wallet_id
    WHERE w.person_id = ANY(:keys) AND t.kind IN ('spent', 'transferred_out', 'fee', 'adjusted') AND t.points > 0
        AND t.occurred_at < :until AND t.recorded_at <= :asked_at
    ORDER BY t.occurred_at, t.id
"""
_CAME_BACK = """
    SELECT w.person_id, w.name, t.occurred_at AS at, CAST(-sum(a.points) AS bigint) AS points, s.operation
    FROM transactions AS t JOIN wallets AS w ON w.id = t.wallet_id
    JOIN allocations AS a ON a.transaction_id = t.id AND a.points < 0
    JOIN transactions AS s ON s.id = a.of_id AND s.kind = 'spent'
    WHERE w.person_id = ANY(:keys) AND t.kind = 'given_back' AND t.occurred_at < :until AND t.recorded_at <= :asked_at
    GROUP BY w.person_id, w.name, t.occurred_at, t.id, s.operation
    ORDER BY t.occurred_at, t.id
"""
_ACTIVATED = """
    SELECT w.person_id, w.name, t.occurred_at AS at, t.source
    FROM transactions AS t JOIN wallets AS w ON w.id = t.wallet_id
    WHERE w.person_id = ANY(:keys) AND t.kind = 'activated' AND t.source IS NOT NULL
        AND t.occurred_at < :until AND t.recorded_at <= :asked_at
    ORDER BY t.occurred_at, t.id
"""


async def of(tx: ReadTx, members: Collection[Member], *, until: datetime, asked_at: datetime) -> dict[Member, Kept]:
    """What is kept of each member, in the order of time."""
    owner = {key: member for member in members for key in member.keys}
    values = {"keys": list(owner), "until": until, "asked_at": asked_at}
    happened: defaultdict[Member, list[Happened]] = defaultdict(list)
    for person, said in _came_in(await tx.execute(_CAME_IN, values)):
        happened[owner[person]].append(said)
    for row in await tx.execute(_ACTIVATED, values):
        happened[owner[row.person_id]].append(WasActivated(row.name, row.at, row.source))
    for row in await tx.execute(_WENT_OUT, values):
        happened[owner[row.person_id]].append(WentOut(row.name, row.at, row.points, row.operation, row.kind))
    for row in await tx.execute(_CAME_BACK, values):
        happened[owner[row.person_id]].append(CameBack(row.name, row.at, row.points, row.operation))
    opened: defaultdict[Member, list[tuple[UUID, str, datetime]]] = defaultdict(list)
    for row in await tx.execute(
        "SELECT person_id, name, opened_at FROM wallets WHERE person_id = ANY(:keys) AND opened_at < :until",
        {"keys": list(owner), "until": until},
    ):
        opened[owner[row.person_id]].append((row.person_id, row.name, row.opened_at))
    return {member: Kept(happened[member], opened[member]) for member in members}


def _came_in(rows: Iterable[Any]) -> Iterable[tuple[UUID, CameIn]]:
    """Of a source that was settled what stands of it: a referral that was undone gave nothing."""
    left: dict[tuple[UUID, str, str], int] = {}
    for row in rows:
        place = row.person_id, row.name, row.source
        points = row.points
        if row.standing is not None:
            points = min(points, left.get(place, row.standing))
            left[place] = left.get(place, row.standing) - points
        if not points:
            continue
        end = End(row.expires_on, row.zone, row.expires_at) if row.expires_on is not None else None
        # What another member gave ends when it would have ended with them.
        is_by_terms = row.origin_id is None and (end is not None or row.expires_at is None)
        yield (
            row.person_id,
            CameIn(
                row.person_id, row.name, row.at, points, row.kind, row.source, row.active_at, is_by_terms, end,
                row.expires_at,
            ),
        )  # fmt: skip
