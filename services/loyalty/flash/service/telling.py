"""What is told of flash sales: units, claims and tickets, whole, so that their rows can be made anew."""

from datetime import datetime
from uuid import UUID

from services.loyalty.flash.domain.draw import Changed, ItemDraw
from services.loyalty.flash.domain.sale import Claim, Item
from shared.events.catalogue.loyalty import FlashClaimed
from shared.events.catalogue.loyalty_rows import (
    FlashClaimChanged,
    FlashDrawHeld,
    FlashHold,
    FlashItemDrawn,
    FlashItemStocked,
    FlashLotChanged,
)
from shared.events.envelope import Event
from shared.ids import derived_id, uuid7


def stocked(sale: UUID, item: Item, now: datetime) -> Event[FlashItemStocked]:
    """How many units of an item there are."""
    said = FlashItemStocked(sale=sale, item=item.item, units=item.units, max_per_person=item.max_per_person)
    return Event(uuid7(), item.id, now, now, said)


def claimed(claim: Claim, recorded: datetime) -> Event[FlashClaimed]:
    """A claim that stands: at once, or since it was paid."""
    held = None
    if claim.expires_at is not None:
        held = FlashHold(claimed_at=claim.claimed_at, expires_at=claim.expires_at, order_id=claim.order_id)
    said = FlashClaimed.model_construct(
        claim_id=claim.id, sale=str(claim.sale_id), item=claim.item, units=claim.units, number=claim.number, held=held
    )
    time = claim.settled_at or claim.claimed_at
    return Event(derived_id("flash claimed", str(claim.id)), claim.person_id, time, recorded, said)


def changed(claim: Claim, recorded: datetime) -> Event[FlashClaimChanged]:
    """A claim that must be paid first, or whose units are back."""
    assert claim.expires_at is not None, "what stands at once is never given back"
    assert claim.state != "confirmed", "that is told as a claim that stands"
    said = FlashClaimChanged.model_construct(
        claim_id=claim.id,
        sale=claim.sale_id,
        item=claim.item,
        units=claim.units,
        number=claim.number,
        state=claim.state,
        claimed_at=claim.claimed_at,
        expires_at=claim.expires_at,
        settled_at=claim.settled_at,
    )
    key = derived_id(f"flash claim {claim.state}", str(claim.id))
    return Event(key, claim.person_id, claim.settled_at or claim.claimed_at, recorded, said)


def lot(entry: Changed, recorded: datetime) -> Event[FlashLotChanged]:
    """A ticket, as it is."""
    said = FlashLotChanged.model_construct(
        entry_id=entry.id,
        sale=entry.sale_id,
        item_id=entry.item_id,
        units=entry.units,
        state=entry.state,
        place=entry.place,
        entered_at=entry.entered_at,
        won_at=entry.won_at,
        right_until=entry.right_until,
        claim_id=entry.claim_id,
        version=entry.version,
    )
    return Event(uuid7(), entry.person_id, recorded, recorded, said)


def drawn(sale: UUID, seed: bytes, drawn_at: datetime, recorded: datetime) -> Event[FlashDrawHeld]:
    """That lots were drawn: the seed is everybody's from now on."""
    return Event(uuid7(), sale, drawn_at, recorded, FlashDrawHeld(seed=seed.hex(), drawn_at=drawn_at))


def counted(sale: UUID, item: ItemDraw, recorded: datetime) -> Event[FlashItemDrawn]:
    """Which tickets of an item counted."""
    said = FlashItemDrawn(sale=sale, entries=item.entries, digest=item.digest.hex())
    return Event(uuid7(), item.id, recorded, recorded, said)
