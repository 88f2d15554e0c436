"""What was there at a past moment, by event time, as the ledger has it by now.

The columns of `wallets` say what is; here every lot and every line counts from when it happened, however late it came:

* a lot counts from when it was earned, is pending until its points begin, and is nothing from its end on;
* what was drawn from it, or came back to it, counts from when that was booked. The ledger takes, gives back and claws
  back at the moment somebody asks for it; only points come, begin and end at another moment than they are booked;
* points that found no room (the balance had a limit) never counted;
* points that repaid debt did so when both were there: those that came late repay nothing before they begin, nor before
  the debt they repaid was made. Of several debts the oldest is repaid first.

With nothing that came late this is, at every moment, what was told then. Ends are those that are known by now.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.points.domain.moves import OVER_LIMIT
from services.loyalty.points.domain.requests import Balance, Ending


class PastLot(NamedTuple):
    """A lot of `points` that was earned by then, and had not ended."""

    id: UUID
    points: int
    earned_at: datetime
    active_at: datetime | None
    expires_at: datetime | None


class PastLine(NamedTuple):
    """A line of a wallet's ledger that moved what was held or owed, or drew `drawn` points from a lot (negative: gave
    back). A line with several draws comes once for each; `repays` says that a draw went into debt."""

    wallet_id: UUID
    version: int
    reason: str
    at: datetime
    held: int
    debt: int
    lot_id: UUID | None
    lot_active_at: datetime | None
    drawn: int
    repays: bool


def balance_at(lots: Iterable[PastLot], lines: Sequence[PastLine], at: datetime) -> Balance:
    """What a person had at a moment, of these lots and all lines of their wallets of one kind.

    `lines` are in the order of the ledger: by wallet and version.
    """
    drawn: dict[UUID, int] = defaultdict(int)
    for each in lines:
        if each.lot_id is not None and not each.repays and (each.at <= at or each.reason == OVER_LIMIT):
            drawn[each.lot_id] += each.drawn
    owed = 0
    for repaid in _repaid(lines, at):
        owed -= repaid.points
        drawn[repaid.lot_id] += repaid.points
    seen: set[tuple[UUID, int]] = set()
    held = 0
    for each in lines:
        if each.at <= at and (each.wallet_id, each.version) not in seen:
            seen.add((each.wallet_id, each.version))
            held += each.held
            owed += max(0, each.debt)
    available = pending = 0
    ends: dict[datetime, int] = defaultdict(int)
    for lot in lots:
        left = lot.points - drawn[lot.id]
        if lot.active_at is None or lot.active_at > at:
            pending += left
            continue
        available += left
        if left and lot.expires_at is not None:
            ends[lot.expires_at] += left
    return Balance(
        available=max(0, available - owed),
        pending=pending,
        held=held,
        debt=max(0, owed - available),
        expiring=[Ending(end, points) for end, points in sorted(ends.items())],
    )


class _Repaid(NamedTuple):
    lot_id: UUID
    points: int


def _repaid(lines: Iterable[PastLine], at: datetime) -> Iterable[_Repaid]:
    """What had gone into debt by a moment: each draw pays the oldest debts of its wallet."""
    debts: dict[UUID, deque[tuple[datetime, int]]] = defaultdict(deque)
    made: set[tuple[UUID, int]] = set()
    for each in lines:
        if each.debt > 0 and (each.wallet_id, each.version) not in made:
            made.add((each.wallet_id, each.version))
            debts[each.wallet_id].append((each.at, each.debt))
        if not each.repays or each.lot_id is None:
            continue
        left, own = each.drawn, debts[each.wallet_id]
        begins = each.at if each.lot_active_at is None else max(each.at, each.lot_active_at)
        while left:
            owed_at, owed = own.popleft()
            paid = min(left, owed)
            left -= paid
            if paid < owed:
                own.appendleft((owed_at, owed - paid))
            if max(begins, owed_at) <= at:
                yield _Repaid(each.lot_id, paid)
