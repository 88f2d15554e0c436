"""What the budgets of campaigns have left where a use would count: for one who asks, or for many at once."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.promotions import repository as rows
from services.loyalty.promotions.repository import Place, Taken
from services.loyalty.vouchers.domain.basket import Basket
from services.loyalty.vouchers.domain.budgets import Budget, Charge, Room, charge, customer
from services.loyalty.vouchers.domain.voucher import Voucher
from shared.db.engine import ReadTx
from shared.identity.person import Member


class Counting(NamedTuple):
    """A budget and where a use would count in it; `charge` None: nobody can say where.

    `counters` are all that count against it: what one customer has taken is what all their keys have.
    """

    budget: Budget
    charge: Charge | None
    counters: tuple[Charge, ...]


Asked = Mapping[UUID, tuple[Counting, ...]]


def asked_of(vouchers: Iterable[Voucher], basket: Basket, member: Member | None, now: datetime) -> Asked:
    """Which counters say what is left for this basket, by campaign; of campaigns without budgets nothing is asked."""
    person, keys = (None, ()) if member is None else (member.root, member.keys)
    found: dict[UUID, tuple[Counting, ...]] = {}
    for campaign in {each.campaign.id: each.campaign for each in vouchers if each.campaign.terms.budgets}.values():
        counting = []
        for budget in campaign.terms.budgets:
            own = charge(budget, campaign.id, basket, person, now, campaign.zone)
            several: tuple[Charge, ...] = () if own is None else (own,)
            if own is not None and budget.by == "customer":
                several = tuple(own._replace(who=customer(key)) for key in keys)
            counting.append(Counting(budget, own, several))
        found[campaign.id] = tuple(counting)
    return found


def places_of(asked: Iterable[Asked]) -> set[Place]:
    """All counters that these ask."""
    return {(id_, each.place) for one in asked for id_, of in one.items() for found in of for each in found.counters}


def rooms_by(asked: Asked, taken: Mapping[Place, Taken]) -> Mapping[UUID, tuple[Room, ...]]:
    """What is left, by what is taken under the counters."""
    return {id_: tuple(_room(id_, each, taken) for each in several) for id_, several in asked.items()}


def _room(campaign: UUID, counting: Counting, taken: Mapping[Place, Taken]) -> Room:
    found = [taken.get((campaign, each.place), Taken()) for each in counting.counters]
    return Room(counting.budget, counting.charge, sum(each.uses for each in found), sum(each.minor for each in found))


async def taken_of(tx: ReadTx, asked: Iterable[Asked]) -> dict[Place, Taken]:
    """What is taken under all their counters, in one statement; none if nobody asks."""
    places = places_of(asked)
    return await rows.taken(tx, places) if places else {}


async def rooms_of(
    tx: ReadTx, vouchers: Collection[Voucher], basket: Basket, member: Member | None, now: datetime
) -> Mapping[UUID, tuple[Room, ...]]:
    """What the budgets of these campaigns have left for one who asks."""
    asked = asked_of(vouchers, basket, member, now)
    return rooms_by(asked, await taken_of(tx, [asked]))
