"""Monthly recurring revenue by segment: the lives of all subscribers are walked, so it is for the clock alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.scorecard.repository import facts
from services.metrics.subscriptions.domain.exchange import Exchange, NoRate
from services.metrics.subscriptions.domain.lives import MOVEMENTS, PEOPLE, Tally
from services.metrics.subscriptions.repository import facts as subscriptions
from services.metrics.subscriptions.repository import own
from shared.db.engine import Database, ReadTx
from shared.identity import members

# Persons at a time: what they have is small, and no read goes on for long.
PAGE = 1_000
Money = dict[str, int]


class Recurring(NamedTuple):
    """What a segment's members bring in a month at the end of a day, in minor units; None: a rate is missing."""

    segment: str
    day: int
    minor: Fraction | None


async def recurring(db: Database, zone: ZoneInfo, days: Sequence[int], currency: str) -> list[Recurring]:
    """Of each segment that subscribers are in now, as of each of these days."""
    held: defaultdict[tuple[str, int], Money] = defaultdict(dict)
    after: UUID | None = None
    while True:
        async with db.read() as tx:
            page = await subscriptions.some(tx, after, PAGE)
            policy = (await own.counting(tx)).whole
            segments = await _segments(tx, [person[0].customer for person in page.persons])
        for person in page.persons:
            if not (into := segments.get(person[0].customer)):
                continue
            tally = Tally()
            tally.add(person, policy, zone)
            for day in days:
                money = _balance(tally, day)
                for segment in into:
                    _add(held[str(segment), day], money)
        if (after := page.last) is None:
            break
    async with db.read() as tx:
        exchange = Exchange(await own.rates(tx, currency), currency)
    return [Recurring(segment, day, _worth(money, exchange, day)) for (segment, day), money in sorted(held.items())]


async def _segments(tx: ReadTx, customers: Sequence[UUID]) -> dict[UUID, set[UUID]]:
    """The segments that the person behind each of these keys is in, under whichever key."""
    found = await members.find_many(tx, customers)
    of = await facts.segments(tx, {raw for member in found.values() for raw in member.keys})
    return {key: set().union(*(of.get(raw, ()) for raw in member.keys)) for key, member in found.items()}


def _balance(tally: Tally, day: int) -> Money:
    found: Money = {}
    for move, (_, minor) in tally.moves.items():
        if move.currency != PEOPLE and move.kind in MOVEMENTS and move.day <= day:
            found[move.currency] = found.get(move.currency, 0) + minor
    return found


def _add(to: Money, more: Mapping[str, int]) -> None:
    for currency, minor in more.items():
        to[currency] = to.get(currency, 0) + minor


def _worth(money: Money, exchange: Exchange, day: int) -> Fraction | None:
    try:
        return exchange.worth(money, day)
    except NoRate:
        return None
