"""The ledger made anew from what was told of it: no rule is asked, and every hash is worked out again."""

from collections.abc import Iterable
from typing import NamedTuple, cast
from uuid import UUID

from services.loyalty.points.domain.ledger import (
    Account,
    Allocation,
    Book,
    Cause,
    Deltas,
    Kind,
    Lot,
    Posting,
    Transaction,
    Wallet,
    chained,
)
from services.loyalty.points.domain.settling import Source
from shared.errors import Poison
from shared.events.catalogue.loyalty import (
    LedgerEntry,
    LedgerLot,
    PointsEarned,
    PointsExpired,
    PointsMoved,
    PointsReversed,
    PointsSpent,
)
from shared.events.envelope import Event

PointsFact = PointsEarned | PointsSpent | PointsExpired | PointsReversed | PointsMoved


class Missing(Poison):
    """A fact that cannot be booked: one before it is not there, or it does not tell all."""


def entry_of(event: Event[PointsFact]) -> LedgerEntry:
    """What else the ledger says of the transaction.

    Raises:
        Missing: it was told before transactions were told whole.
    """
    if event.data.entry is None:
        raise Missing("the fact does not tell the whole transaction")
    return event.data.entry


def lots_named(events: Iterable[Event[PointsFact]]) -> set[UUID]:
    """The lots that these facts name; a fact may come again, so those that they make can be there too."""
    entries = [entry_of(each) for each in events]
    drawn = {draw[0] for entry in entries for draw in entry.get("draws", ())}
    return drawn | {lot["id"] for entry in entries for lot in entry.get("changed", ())}


class Standing(NamedTuple):
    """What a source has earned in a wallet by now."""

    wallet_id: UUID
    source: str
    what: Source


def rebook(book: Book, event: Event[PointsFact]) -> Standing | None:
    """Book a transaction as it was told; what its source has earned after it. One that is booked stays as it is.

    Raises:
        Missing: the one before it in its wallet was not told, or a lot that it names.
    """
    told = event.data
    entry = entry_of(event)
    wallet = _wallet(book, event, entry)
    if told.version <= wallet.version:
        return None
    if told.version != wallet.version + 1:
        raise Missing(f"of a wallet the transaction {wallet.version + 1} was never told")
    book.versions.setdefault(wallet.id, wallet.version)
    posted = _transaction(wallet, event, entry)
    for name in ("available", "pending", "held", "debt", "version"):
        setattr(wallet, name, getattr(told, name))
    wallet.hash = posted.hash
    if "lot" in entry:
        book.add(wallet, _lot(wallet.id, entry["lot"], event, entry))
    for each in entry.get("changed", ()):
        _change(_known(wallet, each["id"]), each)
    for lot_id, points, *of in entry.get("draws", ()):
        lot = _known(wallet, lot_id)
        lot.remaining -= points
        book.allocations.append(Allocation(posted.id, lot_id, of[0] if of else posted.id, points))
    book.lots.update(wallet.lots)
    book.postings.append(
        Posting(
            posted, wallet.person_id, wallet.name, wallet.available, wallet.pending, wallet.held, wallet.debt, None,
            None, wallet.opened_at,
        )
    )  # fmt: skip
    if "standing" not in entry or posted.cause.source is None:
        return None
    return Standing(wallet.id, posted.cause.source, Source(*entry["standing"]))


def _wallet(book: Book, event: Event[PointsFact], entry: LedgerEntry) -> Wallet:
    place = event.subject, event.data.wallet
    if place not in book.wallets:
        if "opened_at" not in entry:
            raise Missing("the first transaction of a wallet was never told")
        book.wallets[place] = Wallet(entry["wallet_id"], *place, entry["opened_at"])
    return book.wallets[place]


def _transaction(wallet: Wallet, event: Event[PointsFact], entry: LedgerEntry) -> Transaction:
    told = event.data
    deltas = Deltas(
        told.available - wallet.available, told.pending - wallet.pending, told.held - wallet.held,
        told.debt - wallet.debt,
    )  # fmt: skip
    cause = Cause(
        told.reason, event.time, entry.get("operation"), entry.get("source"), told.reference, entry.get("actor")
    )
    unhashed = Transaction(
        told.transaction_id,
        wallet.id,
        told.version,
        cast(Kind, entry["kind"]),
        cast(Account | None, entry.get("account")),
        deltas.debt - deltas.available - deltas.pending - deltas.held,
        deltas,
        cause,
        event.recorded,
        b"",
    )
    return unhashed._replace(hash=chained(wallet.hash, unhashed))


def _known(wallet: Wallet, lot_id: UUID) -> Lot:
    if lot_id not in wallet.lots:
        raise Missing("a lot was never told of")
    return wallet.lots[lot_id]


def _lot(wallet_id: UUID, told: LedgerLot, event: Event[PointsFact], entry: LedgerEntry) -> Lot:
    """A lot that came in. What it does not say is what its fact says."""
    fact = event.data
    points = told.get("points", fact.points)
    begins, ends = (fact.active_at, fact.expires_at) if isinstance(fact, PointsEarned) else (None, None)
    return Lot(
        id=told["id"],
        wallet_id=wallet_id,
        kind=told.get("kind", entry["kind"]),
        source=told.get("source", entry.get("source", "")),
        reference=told.get("reference"),
        points=points,
        remaining=points,
        earned_at=told.get("earned_at", event.time),
        active_at=told.get("active_at", begins),
        is_active=told.get("is_active", True),
        expires_on=told.get("expires_on"),
        zone=told.get("zone"),
        expires_at=told.get("expires_at", ends),
        slides=told.get("slides", False),
        origin_id=told.get("origin_id"),
    )


def _change(lot: Lot, told: LedgerLot) -> None:
    lot.is_active = told.get("is_active", True)
    lot.active_at = told.get("active_at")
    lot.expires_on, lot.zone, lot.expires_at = told.get("expires_on"), told.get("zone"), told.get("expires_at")
