"""What can be done with points. Each rule first brings a wallet up to the moment, then posts to it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal
from uuid import UUID

from services.loyalty.points.domain.ledger import Account, Book, Cause, Deltas, Draw, Kind, Lot, Wallet
from services.loyalty.programs.domain.validity import End

# Why points ended for which there was no room.
OVER_LIMIT = "over_limit"
ENDLESS = datetime.max.replace(tzinfo=UTC)

Order = Literal["earliest_expiring", "oldest"]
Clawback = Literal["keep", "pending", "within_balance", "debt"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """Points that come in: under which kind and source, since when they count (None: they wait) and where they end."""

    points: int
    kind: str
    source: str
    earned_at: datetime
    active_at: datetime | None
    end: End | None
    expires_at: datetime | None
    slides: bool = False
    reference: str | None = None
    origin_id: UUID | None = None


def catch_up(book: Book, wallet: Wallet) -> None:
    """Bring a wallet up to the moment: what is due to count counts, what is over is gone; in the order of time.

    At one moment points begin before others end.
    """
    now = book.now
    due: list[tuple[datetime, int, UUID, Lot]] = []
    for lot in wallet.lots.values():
        if lot.is_due_to_activate(now):
            due.append((lot.active_at or now, 0, lot.id, lot))
        if lot.remaining and lot.expires_at is not None and lot.expires_at <= now:
            due.append((lot.expires_at, 1, lot.id, lot))
    due.sort(key=lambda each: each[:3])
    for (at, step), group in groupby(due, key=lambda each: each[:2]):
        lots = [lot for _, _, _, lot in group]
        if step == 0:
            activate(book, wallet, lots, Cause("activated", at))
        else:
            _expire(book, wallet, lots, at)


def activate(book: Book, wallet: Wallet, lots: Sequence[Lot], cause: Cause) -> None:
    """Let pending points count; debt is repaid first."""
    lots = [lot for lot in lots if not lot.is_active and lot.remaining]
    if not lots:
        return
    points = sum(lot.remaining for lot in lots)
    for lot in lots:
        lot.is_active = True
    repaid, draws = _repayment(wallet, [(lot, lot.remaining) for lot in lots])
    book.post(
        wallet,
        "activated",
        None,
        Deltas(available=points - repaid, pending=-points, debt=-repaid),
        cause,
        draws,
        changed=lots,
    )


def _expire(book: Book, wallet: Wallet, lots: Sequence[Lot], at: datetime) -> None:
    left = [lot for lot in lots if lot.remaining]
    if not left:
        return
    active = sum(lot.remaining for lot in left if lot.is_active)
    pending = sum(lot.remaining for lot in left if not lot.is_active)
    draws = [Draw(lot, lot.remaining) for lot in left]
    book.post(wallet, "expired", "expired", Deltas(-active, -pending), Cause("expired", at), draws)


def _repayment(wallet: Wallet, coming: Iterable[tuple[Lot, int]]) -> tuple[int, list[Draw]]:
    """How much of what comes to be available repays debt, and the draws for it: from what ends first."""
    owed, draws = wallet.debt, []
    for lot, points in sorted(coming, key=lambda each: _by_end(each[0])) if owed else ():
        if owed and points:
            draws.append(Draw(lot, min(owed, points)))
            owed -= draws[-1].points
    return wallet.debt - owed, draws


def credit(
    book: Book,
    wallet: Wallet,
    incoming: Incoming,
    cause: Cause,
    *,
    kind: Kind = "earned",
    account: Account = "issued",
    standing: tuple[int, int] | None = None,
) -> UUID:
    """Let points come in as a lot of their own; the transaction. Those that count at once repay debt first."""
    is_active = incoming.active_at is not None and incoming.active_at <= book.now
    end = incoming.end
    lot = Lot(
        id=book.new_id(),
        wallet_id=wallet.id,
        kind=incoming.kind,
        source=incoming.source,
        reference=incoming.reference,
        points=incoming.points,
        remaining=incoming.points,
        earned_at=incoming.earned_at,
        active_at=incoming.active_at,
        is_active=is_active,
        expires_on=end and end.on,
        zone=end and end.zone,
        expires_at=end.at if end else incoming.expires_at,
        slides=incoming.slides,
        origin_id=incoming.origin_id,
    )
    book.add(wallet, lot)
    if is_active:
        repaid, draws = _repayment(wallet, [(lot, lot.points)])
        deltas = Deltas(available=lot.points - repaid, debt=-repaid)
    else:
        deltas, draws = Deltas(pending=lot.points), []
    posted = book.post(wallet, kind, account, deltas, cause, draws, lot=lot)
    if standing is not None:
        book.stands(*standing)
    if lot.is_over(book.now):
        catch_up(book, wallet)
    return posted.id


def cut(book: Book, wallet: Wallet, source: str, points: int, cause: Cause) -> None:
    """Let points that came in last for a source end at once: the wallet takes no more."""
    lot = next(each for each in reversed(wallet.lots.values()) if each.source == source)
    if points := min(points, lot.remaining):
        deltas = Deltas(available=-points) if lot.is_active else Deltas(pending=-points)
        over = cause._replace(occurred_at=book.now, reason=OVER_LIMIT)
        book.post(wallet, "expired", "expired", deltas, over, [Draw(lot, points)])


def spendable(wallets: Iterable[Wallet]) -> int:
    """What a person can spend: what their wallets have, less what they owe; below zero: what they owe."""
    return sum(wallet.available - wallet.debt for wallet in wallets)


def draw(wallets: Sequence[Wallet], points: int, order: Order) -> list[tuple[Wallet, list[Draw]]]:
    """Which lots of which wallets so many points are drawn from.

    Earliest-expiring first, or those earned first; the id breaks ties.
    """
    owners = {wallet.id: wallet for wallet in wallets}
    drawn: dict[UUID, list[Draw]] = {}
    for lot in sorted(_active(wallets), key=_by_end if order == "earliest_expiring" else _by_age):
        if not points:
            break
        drawn.setdefault(lot.wallet_id, []).append(Draw(lot, min(points, lot.remaining)))
        points -= drawn[lot.wallet_id][-1].points
    if points:
        raise ArithmeticError("the lots hold less than the balances say")
    return [(owners[wallet_id], draws) for wallet_id, draws in sorted(drawn.items())]


def _active(wallets: Iterable[Wallet]) -> list[Lot]:
    return [lot for wallet in wallets for lot in wallet.lots.values() if lot.is_active and lot.remaining]


def _by_end(lot: Lot) -> tuple[datetime, UUID]:
    return lot.expires_at or ENDLESS, lot.id


def _by_age(lot: Lot) -> tuple[datetime, UUID]:
    return lot.earned_at, lot.id


def take(
    book: Book, wallets: Sequence[Wallet], points: int, order: Order, cause: Cause, *, kind: Kind, account: Account
) -> list[UUID]:
    """Take points out of the wallets of a person; the transactions, one for each wallet."""
    return sorted(
        book.post(wallet, kind, account, Deltas(available=-_total(draws)), cause, draws).id
        for wallet, draws in draw(wallets, points, order)
    )


def hold(book: Book, wallets: Sequence[Wallet], points: int, order: Order, cause: Cause) -> None:
    """Set points apart: they are in no balance that can be spent, and do not end."""
    for wallet, draws in draw(wallets, points, order):
        held = _total(draws)
        book.post(wallet, "held", None, Deltas(available=-held, held=held), cause, draws)


def shares(held: Iterable[tuple[Wallet, Sequence[Draw]]], points: int) -> dict[UUID, int]:
    """How many of so many held points are spent from each wallet: those that end first."""
    found: dict[UUID, int] = defaultdict(int)
    for each in sorted((draw for _, draws in held for draw in draws), key=lambda each: _by_end(each.lot)):
        spent = min(points, each.points)
        found[each.lot.wallet_id] += spent
        points -= spent
    return found


def capture(book: Book, wallet: Wallet, held: Sequence[Draw], points: int, cause: Cause) -> UUID | None:
    """Spend so many of the points that a hold has set apart in this wallet; the rest is released. The transaction."""
    spent: list[Draw] = []
    for each in sorted(held, key=lambda each: _by_end(each.lot)):
        if points:
            spent.append(each._replace(points=min(points, each.points)))
            points -= spent[-1].points
    posted = None
    if spent:
        moved = [draw for each in spent for draw in (each._replace(points=-each.points), Draw(each.lot, each.points))]
        posted = book.post(wallet, "spent", "spent", Deltas(held=-_total(spent)), cause, moved)
    taken = {each.lot.id: each.points for each in spent}
    rest = [each._replace(points=each.points - taken.get(each.lot.id, 0)) for each in held]
    release(book, wallet, [each for each in rest if each.points], Cause("released", cause.occurred_at))
    return posted.id if posted else None


def release(book: Book, wallet: Wallet, held: Sequence[Draw], cause: Cause) -> None:
    """Let go of what a hold has set apart: debt is repaid first, and what is over by now is gone."""
    if not held:
        return
    points = _total(held)
    repaid, draws = _repayment(wallet, [(each.lot, each.points) for each in held])
    back = [each._replace(points=-each.points) for each in held]
    book.post(
        wallet, "released", None, Deltas(available=points - repaid, held=-points, debt=-repaid), cause, [*back, *draws]
    )
    _end_again(book, wallet, held)


def give_back(book: Book, wallet: Wallet, spent: Sequence[Draw], cause: Cause) -> UUID:
    """Return spent points to the lots they came from; debt is repaid first. The transaction."""
    points = _total(spent)
    repaid, draws = _repayment(wallet, [(each.lot, each.points) for each in spent])
    back = [each._replace(points=-each.points) for each in spent]
    posted = book.post(
        wallet,
        "given_back",
        "spent",
        Deltas(available=points - repaid, debt=-repaid),
        cause,
        [*back, *draws],
        changed=[each.lot for each in spent if each.lot.id in book.lots],
    )
    _end_again(book, wallet, spent)
    return posted.id


def _end_again(book: Book, wallet: Wallet, back: Sequence[Draw]) -> None:
    """What came back to lots that are over ends as it comes: at their end it was in no lot."""
    lots = {each.lot.id: each.lot for each in back if each.lot.is_over(book.now)}
    _expire(book, wallet, list(lots.values()), book.now)


def claw_back(book: Book, wallet: Wallet, points: int, policy: Clawback, max_debt: int, cause: Cause) -> int:
    """Take back points that a source earned; how many of them could not be taken.

    First from its own pending lots, then from its own active ones, then from others, the earliest-expiring first, and
    what is missing is owed: as far as the policy goes.
    """
    if policy == "keep":
        return points
    own = sorted((lot for lot in wallet.lots.values() if lot.source == cause.source and lot.remaining), key=_by_end)
    chosen = [lot for lot in own if not lot.is_active]
    if policy != "pending":
        chosen += [lot for lot in own if lot.is_active]
        chosen += sorted((lot for lot in _active([wallet]) if lot.source != cause.source), key=_by_end)
    draws: list[Draw] = []
    for lot in chosen:
        if points:
            draws.append(Draw(lot, min(points, lot.remaining)))
            points -= draws[-1].points
    owed = min(points, max(0, max_debt - wallet.debt)) if policy == "debt" else 0
    pending = sum(each.points for each in draws if not each.lot.is_active)
    deltas = Deltas(available=pending - _total(draws), pending=-pending, debt=owed)
    if draws or owed:
        book.post(wallet, "reversed", "reversed", deltas, cause, draws)
    return points - owed


def _total(draws: Iterable[Draw]) -> int:
    return sum(each.points for each in draws)


def hand_over(
    book: Book, giver: Wallet, draws: Sequence[Draw], taker: Wallet, anew: Incoming | None, cause: Cause
) -> None:
    """Move what was drawn from one wallet into another: a lot for each, with the same end, or one that ends anew."""
    book.post(giver, "transferred_out", "transferred", Deltas(available=-_total(draws)), cause, draws)
    if anew is not None:
        whole = replace(anew, points=_total(draws), source=cause.operation or "")
        credit(book, taker, whole, cause, kind="transferred_in", account="transferred")
        return
    for each in draws:
        credit(book, taker, _same(each, cause), cause, kind="transferred_in", account="transferred")


def _same(given: Draw, cause: Cause) -> Incoming:
    """A part of a lot as it arrives elsewhere: it counts at once and ends when it would have ended."""
    lot = given.lot
    end = End(lot.expires_on, lot.zone, lot.expires_at) if lot.expires_on and lot.zone and lot.expires_at else None
    return Incoming(
        points=given.points,
        kind="transferred",
        source=cause.operation or "",
        earned_at=cause.occurred_at,
        active_at=cause.occurred_at,
        end=end,
        expires_at=lot.expires_at,
        slides=lot.slides,
        origin_id=lot.id,
    )


def latest(spent: Iterable[Draw], points: int) -> list[tuple[UUID, list[Draw]]]:
    """Of what was spent, so many points at most, by wallet: those that end latest, for they are worth most."""
    back: dict[UUID, list[Draw]] = {}
    for each in sorted(spent, key=lambda each: _by_end(each.lot), reverse=True):
        if points:
            back.setdefault(each.lot.wallet_id, []).append(each._replace(points=min(points, each.points)))
            points -= back[each.lot.wallet_id][-1].points
    return sorted(back.items())


def grant_grace(book: Book, lots: Iterable[Lot], end: End | None) -> None:
    """Let lots that are over, and whose points come back, end a little later. There is nothing left in them."""
    for lot in lots:
        if end is not None and lot.is_over(book.now):
            lot.expires_on, lot.zone, lot.expires_at = end
            book.lots[lot.id] = lot


def prolong(book: Book, wallet: Wallet, end: End, cause: Cause) -> None:
    """The member was active: what ends by inactivity ends no earlier than this."""
    later = [
        lot
        for lot in wallet.lots.values()
        if lot.slides and lot.remaining and lot.expires_at is not None and book.now < lot.expires_at < end.at
    ]
    for lot in later:
        lot.expires_on, lot.zone, lot.expires_at = end
    if later:
        book.post(wallet, "prolonged", None, Deltas(), cause, changed=later)
