"""All SQL of reports."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson

from services.loyalty.programs.domain.terms import Terms
from services.loyalty.reports.domain.breakage import Fates
from services.loyalty.reports.domain.grouping import By
from services.loyalty.reports.domain.revenue import Estimate, Key, Points, Standing
from shared.db.engine import ReadTx, WriteTx

_ZONE = "coalesce(CAST(:zones AS jsonb) ->> w.name, :zone)"
# The fact that brought a lot, and the one rule if it came by that alone.
_FACT = "substring(l.source FROM '^earn:(?:[0-9a-f-]{36}:)?(.*)$')"
_RULE = "CAST(substring(l.source FROM '^earn:([0-9a-f-]{36}):') AS uuid)"

_HELD = """
    SELECT a.lot_id, sum(a.points) AS points
    FROM holds AS h JOIN transactions AS t ON t.operation = 'hold:' || h.id JOIN allocations AS a ON a.of_id = t.id
    WHERE h.state = 'open' GROUP BY a.lot_id
"""
_GROUPS: dict[By, str] = {
    "month": f"to_char((l.expires_at - interval '1 microsecond') AT TIME ZONE {_ZONE}, 'YYYY-MM')",
    "kind": "l.kind",
    "tier": "(SELECT s.level FROM tier_states AS s WHERE s.track = :track "
    "AND s.person = coalesce((SELECT i.root_id FROM identity AS i WHERE i.raw_id = w.person_id), w.person_id))",
}


class Line(NamedTuple):
    """Points that members have, of a group; `name`: what people call it, where its key is an id."""

    wallet: str
    key: str | None
    name: str | None
    points: int


def _zones(terms: Terms) -> dict[str, str]:
    zones = {wallet: terms.zones[program] for wallet, program in terms.homes.items()}
    return {"zone": terms.zone, "zones": orjson.dumps(zones).decode()}


async def outstanding(tx: ReadTx, terms: Terms, now: datetime, by: By, track: str) -> list[Line]:
    """What members have (what is pending and held counts), by wallet and group; what is over counts no more."""
    standing = """
        SELECT l.id, l.wallet_id, l.kind, l.source, l.expires_at,
            CASE WHEN l.expires_at <= :now THEN 0 ELSE l.remaining END + coalesce(held.points, 0) AS points
        FROM lots AS l LEFT JOIN held ON held.lot_id = l.id WHERE l.remaining > 0 OR held.points > 0
    """
    if by == "rule":
        return await _by_rule(tx, standing, now)
    values: dict[str, Any] = {"now": now}
    values |= _zones(terms) if by == "month" else {"track": track} if by == "tier" else {}
    rows = await tx.execute(
        f"""
        WITH held AS ({_HELD}), standing AS ({standing})
        SELECT w.name AS wallet, {_GROUPS[by]} AS key, CAST(sum(l.points) AS bigint) AS points
        FROM standing AS l JOIN wallets AS w ON w.id = l.wallet_id
        GROUP BY 1, 2 HAVING sum(l.points) > 0 ORDER BY 1, 2 NULLS LAST
        """,
        values,
    )
    return [Line(row.wallet, row.key, None, row.points) for row in rows]


async def _by_rule(tx: ReadTx, standing: str, now: datetime) -> list[Line]:
    """What one fact brought under several rules is shared by what each gave, whole points, and none is lost."""
    rows = await tx.execute(
        f"""
        WITH held AS ({_HELD}), standing AS ({standing}), shared AS (
            SELECT w.name AS wallet, l.id, l.kind, l.points, a.rule_id, a.points AS given,
                sum(a.points) OVER (PARTITION BY l.id ORDER BY a.rule_id) AS upto,
                sum(a.points) OVER (PARTITION BY l.id) AS total
            FROM standing AS l JOIN wallets AS w ON w.id = l.wallet_id
            LEFT JOIN awards AS a ON a.customer = w.person_id AND a.source = {_FACT} AND a.wallet = w.name
                AND (a.rule_id = {_RULE}
                    OR ({_RULE} IS NULL AND a.active_at IS NULL AND a.expires_at IS NULL))
                AND a.points > 0
        ), parts AS (
            SELECT wallet, kind, rule_id, CASE WHEN rule_id IS NULL THEN points
                ELSE floor(points * upto / total) - floor(points * (upto - given) / total) END AS points
            FROM shared
        )
        SELECT p.wallet, coalesce(CAST(p.rule_id AS text), p.kind) AS key, r.name,
            CAST(sum(p.points) AS bigint) AS points
        FROM parts AS p LEFT JOIN earning_rules AS r ON r.id = p.rule_id
        GROUP BY 1, 2, 3 HAVING sum(p.points) > 0 ORDER BY 1, 4 DESC, 2
        """,
        {"now": now},
    )
    return [Line(row.wallet, row.key, row.name, row.points) for row in rows]


async def fates(tx: ReadTx, wallet: str, *, since: datetime, until: datetime) -> Fates:
    """What became of the points whose end came in a time, by member; what was taken back or given away is left out."""
    rows = await tx.execute(
        """
        WITH member AS (
            SELECT l.wallet_id,
                coalesce(sum(a.points) FILTER (WHERE t.kind IN ('spent', 'fee')), 0) AS spent,
                coalesce(sum(a.points) FILTER (WHERE t.kind IN ('spent', 'fee', 'expired')), 0) AS ended
            FROM lots AS l JOIN wallets AS w ON w.id = l.wallet_id
            JOIN allocations AS a ON a.lot_id = l.id JOIN transactions AS t ON t.id = a.of_id
            WHERE w.name = :wallet AND l.remaining = 0 AND l.expires_at > :since AND l.expires_at <= :until
            GROUP BY l.wallet_id
        ), whole AS (
            SELECT coalesce(i.root_id, w.person_id) AS person, sum(m.spent) AS spent, sum(m.ended) AS ended
            FROM member AS m JOIN wallets AS w ON w.id = m.wallet_id LEFT JOIN identity AS i ON i.raw_id = w.person_id
            GROUP BY 1 HAVING sum(m.ended) > 0
        )
        SELECT count(*), coalesce(sum(spent), 0), coalesce(sum(ended), 0), coalesce(sum(spent * spent), 0),
            coalesce(sum(ended * ended), 0), coalesce(sum(spent * ended), 0)
        FROM whole
        """,
        {"wallet": wallet, "since": since, "until": until},
    )
    return Fates(*(int(each) for each in rows.one()))


async def ends(tx: ReadTx, wallet: str) -> bool:
    """Whether any points of a wallet ever end."""
    found = await tx.execute(
        "SELECT EXISTS (SELECT FROM lots AS l JOIN wallets AS w ON w.id = l.wallet_id "
        "WHERE w.name = :wallet AND l.expires_at IS NOT NULL)",
        {"wallet": wallet},
    )
    return bool(found.scalar_one())


async def put_estimate(tx: WriteTx, wallet: str, currency: str, estimate: Estimate, *, now: datetime, by: str) -> None:
    """Store an estimate, or another for the same month."""
    await tx.execute(
        "INSERT INTO point_estimates (wallet, currency, month, minor_per_point, redemption_rate, recorded_at, "
        "recorded_by) VALUES (:wallet, :currency, :month, :value, :rate, :now, :by) "
        "ON CONFLICT (wallet, currency, month) DO UPDATE SET minor_per_point = EXCLUDED.minor_per_point, "
        "redemption_rate = EXCLUDED.redemption_rate, recorded_at = EXCLUDED.recorded_at, "
        "recorded_by = EXCLUDED.recorded_by",
        {
            "wallet": wallet, "currency": currency, "month": estimate.month, "value": estimate.minor_per_point,
            "rate": estimate.redemption_rate, "now": now, "by": by,
        },
    )  # fmt: skip


async def estimates(tx: ReadTx) -> dict[tuple[str, str], list[Estimate]]:
    """All estimates by wallet and currency, the earliest first."""
    rows = await tx.execute(
        "SELECT wallet, currency, month, minor_per_point, redemption_rate FROM point_estimates ORDER BY 1, 2, 3"
    )
    found: dict[tuple[str, str], list[Estimate]] = {}
    for row in rows:
        found.setdefault((row.wallet, row.currency), []).append(
            Estimate(row.month, row.minor_per_point, row.redemption_rate)
        )
    return found


class Sold(NamedTuple):
    """Points that came with sales, of a cohort; `deferred`: the points' share of the prices; None: no estimate."""

    key: Key
    points: Points
    deferred_minor: int | None


# A lot that was handed on is what it came from: its fate is that of the sale. What was given away to be earned anew is
# as good as spent: there is no sale behind what arrived.
_SOLD = f"""
    WITH RECURSIVE line AS (
        SELECT l.id, l.id AS root FROM lots AS l JOIN orders AS o ON o.order_id = l.reference
        WHERE {_FACT} LIKE 'order:%' AND o.currency IS NOT NULL
        UNION ALL
        SELECT l.id, line.root FROM lots AS l JOIN line ON l.origin_id = line.id
    ), root AS (
        SELECT l.id, l.points, l.reference, w.name AS wallet, o.currency, greatest(o.net_minor, 0) AS net_minor,
            CAST(date_trunc('month', l.earned_at AT TIME ZONE {_ZONE}) AS date) AS cohort,
            CAST(:after AS timestamp) AT TIME ZONE {_ZONE} AS until
        FROM lots AS l JOIN wallets AS w ON w.id = l.wallet_id JOIN orders AS o ON o.order_id = l.reference
        WHERE {_FACT} LIKE 'order:%' AND o.currency IS NOT NULL
            AND l.earned_at < CAST(:after AS timestamp) AT TIME ZONE {_ZONE}
    ), fate AS (
        SELECT line.root,
            coalesce(sum(a.points) FILTER (WHERE drew.kind = 'expired'), 0) AS expired,
            coalesce(sum(a.points) FILTER (WHERE drew.kind IN ('reversed', 'adjusted')), 0) AS removed,
            coalesce(sum(a.points) FILTER (WHERE drew.kind NOT IN
                ('expired', 'reversed', 'adjusted', 'held')), 0) AS gone,
            coalesce(sum(a.points) FILTER (WHERE drew.kind = 'transferred_out' AND EXISTS (
                SELECT FROM lots AS next WHERE next.origin_id = a.lot_id)), 0) AS handed_on
        FROM line JOIN root ON root.id = line.root JOIN allocations AS a ON a.lot_id = line.id
        JOIN transactions AS t ON t.id = a.transaction_id AND t.occurred_at < root.until
        JOIN transactions AS drew ON drew.id = a.of_id
        GROUP BY line.root
    ), sale AS (
        SELECT r.wallet, r.currency, r.cohort, r.reference, r.net_minor,
            sum(r.points - coalesce(f.removed, 0)) AS earned,
            sum(coalesce(f.gone - f.handed_on, 0)) AS redeemed, sum(coalesce(f.expired, 0)) AS expired
        FROM root AS r LEFT JOIN fate AS f ON f.root = r.id GROUP BY 1, 2, 3, 4, 5
    )
    SELECT s.wallet, s.currency, s.cohort, CAST(sum(s.earned) AS bigint) AS earned,
        CAST(sum(s.redeemed) AS bigint) AS redeemed, CAST(sum(s.expired) AS bigint) AS expired, bool_or(e.value IS NULL)
            AS is_unpriced,
        coalesce(sum(CASE WHEN s.net_minor > 0 AND s.earned * e.value > 0
            THEN s.net_minor * s.earned * e.value / (s.net_minor + s.earned * e.value) ELSE 0 END), 0) AS deferred
    FROM sale AS s LEFT JOIN LATERAL (
        SELECT p.minor_per_point * p.redemption_rate AS value FROM point_estimates AS p
        WHERE p.wallet = s.wallet AND p.currency = s.currency AND p.month <= s.cohort ORDER BY p.month DESC LIMIT 1
    ) AS e ON true
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


async def sold(tx: ReadTx, terms: Terms, after: date) -> list[Sold]:
    """Points that came with sales before a local day, what had become of them by then, and what waits for them."""
    rows = await tx.execute(_SOLD, {**_zones(terms), "after": datetime.combine(after, datetime.min.time())})
    return [
        Sold(
            Key(row.wallet, row.currency, row.cohort),
            Points(row.earned, row.redeemed, row.expired),
            None if row.is_unpriced else round(row.deferred),
        )
        for row in rows
    ]


async def claim(tx: WriteTx) -> None:
    """Wait for whoever closes a period or makes an estimate, and keep others out until this transaction ends."""
    await tx.execute("LOCK TABLE revenue_closings IN SHARE ROW EXCLUSIVE MODE")


async def last_closed(tx: ReadTx, *, before: date | None = None) -> date | None:
    """The latest month that was closed, or the latest before a month."""
    found = await tx.execute(
        "SELECT max(month) FROM revenue_closings WHERE CAST(:before AS date) IS NULL OR month < :before",
        {"before": before},
    )
    month: date | None = found.scalar_one()
    return month


async def is_closed(tx: ReadTx, month: date) -> bool:
    """Whether a month was closed itself."""
    found = await tx.execute("SELECT EXISTS (SELECT FROM revenue_closings WHERE month = :month)", {"month": month})
    return bool(found.scalar_one())


async def closed(tx: ReadTx, month: date) -> dict[Key, Standing]:
    """What stood when a month was closed."""
    rows = await tx.execute(
        "SELECT wallet, currency, cohort, deferred_minor, recognised_minor FROM revenue_cohorts WHERE month = :month",
        {"month": month},
    )
    return {
        Key(row.wallet, row.currency, row.cohort): Standing(row.deferred_minor, row.recognised_minor) for row in rows
    }


async def close(tx: WriteTx, month: date, standing: Sequence[tuple[Key, Standing]], *, now: datetime, by: str) -> None:
    """Keep what stands at the end of a month for ever."""
    await tx.execute(
        "INSERT INTO revenue_closings (month, closed_at, closed_by) VALUES (:month, :now, :by)",
        {"month": month, "now": now, "by": by},
    )
    if standing:
        await tx.execute(
            "INSERT INTO revenue_cohorts (month, wallet, currency, cohort, deferred_minor, recognised_minor) "
            "VALUES (:month, :wallet, :currency, :cohort, :deferred, :recognised)",
            [{"month": month, **key._asdict(), **what._asdict()} for key, what in standing],
        )
