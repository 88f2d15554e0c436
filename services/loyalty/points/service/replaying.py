"""The ledger rebuilt from the facts that loyalty itself has told: into empty tables, by no rule."""

from collections.abc import Sequence
from uuid import UUID

from services.loyalty.points.domain.ledger import Book
from services.loyalty.points.domain.replaying import PointsFact, entry_of, lots_named, rebook
from services.loyalty.points.domain.settling import Source
from services.loyalty.points.repository import ledger as repository
from services.loyalty.points.repository import reading
from shared.clock import Clock
from shared.db.engine import ReadTx, WriteTx
from shared.events.envelope import Event


async def replay(tx: WriteTx, clock: Clock, events: Sequence[Event[PointsFact]]) -> None:
    """Book transactions as they were told, in that order; those that are booked already are passed over.

    Raises:
        Missing: one before was never told.
    """
    # When it is booked anew is told nowhere: every time is that of the fact.
    book = Book(clock.now())
    for each in events:
        entry_of(each)
    await repository.load(tx, book, {each.subject for each in events}, {each.data.wallet for each in events}, "none")
    await repository.load_lots_of(tx, book.wallets.values(), lots_named(events))
    settled: dict[tuple[UUID, str], Source] = {}
    for each in events:
        if (found := rebook(book, each)) is not None:
            settled[found.wallet_id, found.source] = found.what
    await repository.save(tx, book, settled)


async def known_to(live: ReadTx, events: Sequence[Event[PointsFact]]) -> list[Event[PointsFact]]:
    """Those of these facts whose transactions stand in the ledger that `live` sees."""
    versions = await reading.versions(live, {each.subject for each in events})
    return [each for each in events if each.data.version <= versions.get((each.subject, each.data.wallet), 0)]
