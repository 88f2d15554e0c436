"""What a source has earned as things stand, and what is posted when that changes; and what a person has."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.points.domain import moves
from services.loyalty.points.domain.ledger import Book, Cause, Deltas, Wallet
from services.loyalty.points.domain.moves import Incoming
from services.loyalty.points.domain.requests import NEVER, WAITING, Balance, Ending, Posted, Target
from services.loyalty.programs.domain.terms import Terms
from services.loyalty.programs.domain.validity import End


class Source(NamedTuple):
    """What a source has earned in a wallet as things stand, and what of it could not be taken back."""

    points: int
    uncollected: int


def shrinking(
    targets: Sequence[Target], owners: Sequence[Wallet], known: dict[tuple[UUID, str], Source]
) -> list[Wallet]:
    """The wallets from which something may have to be taken."""
    most = {key: source.points for key, source in known.items()}
    found: dict[UUID, Wallet] = {}
    for wallet, target in zip(owners, targets, strict=True):
        key = wallet.id, target.source
        if target.points < most.get(key, 0):
            found[wallet.id] = wallet
        most[key] = max(target.points, most.get(key, 0))
    return [wallet for wallet in found.values() if wallet.version]


def settle_one(
    book: Book,
    wallet: Wallet,
    target: Target,
    before: Source,
    terms: Terms,
    actor: str | None,
    family: Sequence[Wallet] = (),
    cut: int = 0,
) -> tuple[int, Source, Posted | None]:
    """Post what is missing, or take what is too much: the difference, what stands now, and what was posted.

    `family`: all wallets of the person, where the balance has a limit. `cut`: how many of the source's points found no
    room before; those are not taken back once more.
    """
    difference = target.points - before.points
    cause = Cause(target.reason, target.occurred_at, None, target.source, target.reference, actor)
    rules = terms.wallet(target.wallet)
    if difference < 0:
        cause = cause._replace(occurred_at=book.now)
        gone = min(-difference, max(0, cut - before.uncollected))
        left = gone + moves.claw_back(book, wallet, -difference - gone, rules.clawback, rules.max_debt, cause)
        if left == -difference:
            _note(book, wallet, cause)
        after = Source(target.points, before.uncollected + left)
        book.stands(*after)
        return difference, after, None
    # What could not be taken back was never lost.
    forgiven = min(difference, before.uncollected)
    after = Source(target.points, before.uncollected - forgiven)
    if difference == forgiven:
        if difference:
            _note(book, wallet, cause)
            book.stands(*after)
        return difference, after, None
    points = difference - forgiven
    excess = 0
    if rules.limit is not None:
        whole = sum(each.available + each.pending + each.held for each in family)
        excess = rules.limit.excess(whole, points, wallet.debt)
    posted = moves.credit(book, wallet, incoming(target, points, wallet, terms), cause, standing=after)
    if excess:
        moves.cut(book, wallet, target.source, excess, cause)
    return difference, after, Posted(posted, (posted,), target.wallet, points)


def _note(book: Book, wallet: Wallet, cause: Cause) -> None:
    """What could not be taken back is another number now, though no point moved: that too stands in the ledger."""
    book.post(wallet, "uncollected", None, Deltas(), cause)


def incoming(target: Target, points: int, wallet: Wallet, terms: Terms) -> Incoming:
    """So many points as they come in: with what the request says, else the terms."""
    active_at = target.active_at or terms.start(target.wallet, target.occurred_at)
    end: End | None = None
    expires_at = None if target.expires_at == NEVER else target.expires_at
    if target.expires_at is None:
        end = terms.end(target.wallet, target.occurred_at, wallet.opened_at)
    return Incoming(
        points=points,
        kind=target.kind,
        source=target.source,
        earned_at=target.occurred_at,
        active_at=None if active_at == WAITING else active_at,
        end=end,
        expires_at=expires_at,
        slides=end is not None and terms.wallet(target.wallet).expiry.mode == "inactivity",
        reference=target.reference,
    )


def anew(terms: Terms, wallet: Wallet, now: datetime) -> Incoming:
    """How points come in that are earned now."""
    return incoming(Target(wallet.person_id, wallet.name, "", 0, now, now, kind="transferred"), 0, wallet, terms)


def grace(terms: Terms, wallet: str, now: datetime) -> End | None:
    """Where points end that come back after their end; None: at once."""
    days = terms.wallet(wallet).grace_days if wallet in terms.wallets else 0
    return terms.grace(days, now, wallet) if days else None


def balance(book: Book, wallets: Sequence[Wallet]) -> Balance:
    """What a person has in these wallets of one kind, which are brought up to the moment; nothing is to be written."""
    for wallet in wallets:
        moves.catch_up(book, wallet)
    spendable = moves.spendable(wallets)
    ends: dict[datetime, int] = defaultdict(int)
    for wallet in wallets:
        for lot in wallet.lots.values():
            if lot.is_active and lot.remaining and lot.expires_at is not None:
                ends[lot.expires_at] += lot.remaining
    return Balance(
        available=max(0, spendable),
        pending=sum(wallet.pending for wallet in wallets),
        held=sum(wallet.held for wallet in wallets),
        debt=max(0, -spendable),
        expiring=[Ending(at, points) for at, points in sorted(ends.items())],
    )
