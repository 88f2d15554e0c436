"""Leases: one process at a time does a thing, timed by the database's clock."""

from uuid import UUID

from shared.db.engine import WriteTx


async def take_lease(tx: WriteTx, name: str, owner: UUID, *, seconds: float) -> bool:
    """Take or renew the lease; False while somebody else holds it."""
    taken = await tx.execute(
        """
        INSERT INTO leases (name, owner, until)
        VALUES (:name, :owner, clock_timestamp() + make_interval(secs => :seconds))
        ON CONFLICT (name) DO UPDATE SET owner = EXCLUDED.owner, until = EXCLUDED.until
        WHERE leases.owner = EXCLUDED.owner OR leases.until < clock_timestamp()
        """,
        {"name": name, "owner": owner, "seconds": seconds},
    )
    return taken.rowcount == 1


async def drop_lease(tx: WriteTx, name: str, owner: UUID) -> None:
    """Give the lease back at once, so that the next one need not wait."""
    await tx.execute("DELETE FROM leases WHERE name = :name AND owner = :owner", {"name": name, "owner": owner})
