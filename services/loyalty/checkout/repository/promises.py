"""Quotes of points. Whether one has lapsed is judged by the clock of the database alone."""

from datetime import timedelta
from uuid import UUID

from services.loyalty.checkout.domain.payment import Rate
from services.loyalty.checkout.domain.promise import Promise
from shared.db.engine import ReadTx, WriteTx


async def add(tx: WriteTx, promise: Promise, ttl: timedelta) -> Promise:
    """Store a quote that holds from now on."""
    rate = promise.rate
    row = (
        await tx.execute(
            """
            INSERT INTO point_quotes (id, person, owner, wallet, currency, rate_points, rate_minor,
                                      share_basis_points, minimum_points, points, created_at, expires_at)
            SELECT :id, :person, :owner, :wallet, :currency, :rate_points, :rate_minor, :share, :minimum, :points,
                   t.now, t.now + make_interval(secs => :ttl)
            FROM (SELECT clock_timestamp() AS now) AS t RETURNING created_at, expires_at
            """,
            {
                "id": promise.id,
                "person": promise.person,
                "owner": promise.owner,
                "wallet": rate.wallet,
                "currency": rate.currency,
                "rate_points": rate.points,
                "rate_minor": rate.minor,
                "share": rate.share_basis_points,
                "minimum": rate.minimum_points,
                "points": promise.points,
                "ttl": ttl.total_seconds(),
            },
        )
    ).one()
    return promise._replace(created_at=row.created_at, expires_at=row.expires_at)


async def find(tx: ReadTx, quote_id: UUID) -> Promise | None:
    """The quote, and whether it has lapsed."""
    rows = await tx.execute(
        "SELECT *, expires_at <= clock_timestamp() AS is_over FROM point_quotes WHERE id = :id", {"id": quote_id}
    )
    row = rows.one_or_none()
    if row is None:
        return None
    rate = Rate(row.wallet, row.currency, row.rate_points, row.rate_minor, row.share_basis_points, row.minimum_points)
    return Promise(row.id, row.person, row.owner, rate, row.points, row.created_at, row.expires_at, row.is_over)


async def forget(tx: WriteTx, after: timedelta, *, limit: int) -> int:
    """Remove quotes that lapsed so long ago; how many."""
    gone = await tx.execute(
        "DELETE FROM point_quotes WHERE id IN (SELECT id FROM point_quotes "
        "WHERE expires_at < clock_timestamp() - make_interval(secs => :after) LIMIT :limit FOR UPDATE SKIP LOCKED)",
        {"after": after.total_seconds(), "limit": limit},
    )
    return gone.rowcount
