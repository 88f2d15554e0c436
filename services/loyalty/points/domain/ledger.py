"""Wallets, lots and transactions, and the book that posts to them: double entry, every debit paired to lots."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple
from uuid import UUID

from shared.ids import uuid7s

Kind = Literal[
    "earned", "granted", "adjusted", "transferred_in", "transferred_out", "fee", "given_back",
    "activated", "spent", "expired", "reversed", "held", "released", "prolonged", "uncollected",
]  # fmt: skip
# The programme's side of a posting; a transaction that only moves points within a wallet has none.
Account = Literal["issued", "adjusted", "transferred", "fees", "spent", "expired", "reversed"]

GENESIS = bytes(32)


@dataclass(slots=True)
class Lot:
    """Points that came in together: they begin and end together, and each debit is drawn from some."""

    id: UUID
    wallet_id: UUID
    kind: str
    source: str
    reference: str | None
    points: int
    remaining: int
    earned_at: datetime
    active_at: datetime | None
    is_active: bool
    expires_on: date | None
    zone: str | None
    expires_at: datetime | None
    slides: bool
    origin_id: UUID | None = None

    def is_due_to_activate(self, now: datetime) -> bool:
        """Whether its points are still pending and should count by now."""
        return not self.is_active and self.remaining > 0 and self.active_at is not None and self.active_at <= now

    def is_over(self, now: datetime) -> bool:
        """Whether its end has come."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(slots=True)
class Wallet:
    """The points of one raw person key of one kind, as far as its lots were read."""

    id: UUID
    person_id: UUID
    name: str
    opened_at: datetime
    available: int = 0
    pending: int = 0
    held: int = 0
    debt: int = 0
    version: int = 0
    hash: bytes = GENESIS
    lots: dict[UUID, Lot] = field(default_factory=dict)
    # Whether all lots that have points left were read.
    is_whole: bool = False

    def soonest(self, now: datetime, *, is_activity: bool) -> "Soonest | None":
        """Which points that can be spent end first; None: it is not whole. Activity puts off the end of those that
        end by inactivity."""
        if not self.is_whole:
            return None
        ends = [
            (lot.expires_at, lot.remaining)
            for lot in self.lots.values()
            if lot.remaining and lot.is_active and lot.expires_at is not None and lot.expires_at > now
            if not (is_activity and lot.slides)
        ]
        first = min((at for at, _ in ends), default=None)
        return Soonest(first, sum(points for at, points in ends if at == first))


class Soonest(NamedTuple):
    """So many points end at a moment, before all others; None: none ever ends."""

    at: datetime | None
    points: int


class Draw(NamedTuple):
    """Points drawn from a lot, or (negative) returned to it; `of_id` names the earlier transaction that drew them."""

    lot: Lot
    points: int
    of_id: UUID | None = None


class Deltas(NamedTuple):
    """How a transaction changes the four balances of its wallet."""

    available: int = 0
    pending: int = 0
    held: int = 0
    debt: int = 0


class Cause(NamedTuple):
    """Why something is posted: what for, in which operation (a natural key), for which source, by whom."""

    reason: str
    occurred_at: datetime
    operation: str | None = None
    source: str | None = None
    reference: str | None = None
    actor: str | None = None


class Transaction(NamedTuple):
    """One entry of the ledger; `points` is what the programme's `account` gets, with the sign of its side."""

    id: UUID
    wallet_id: UUID
    version: int
    kind: Kind
    account: Account | None
    points: int
    deltas: Deltas
    cause: Cause
    recorded_at: datetime
    hash: bytes


class Allocation(NamedTuple):
    """A draw as it is stored."""

    transaction_id: UUID
    lot_id: UUID
    of_id: UUID
    points: int


class Posting(NamedTuple):
    """A transaction with the wallet as it left it, to be announced."""

    transaction: Transaction
    person_id: UUID
    wallet: str
    available: int
    pending: int
    held: int
    debt: int
    lot: Lot | None
    soonest: Soonest | None
    opened_at: datetime
    draws: Sequence[Draw] = ()
    # Lots that began to count, or that end at another moment from now on.
    changed: Sequence[Lot] = ()
    # What its source has earned after it, and what of it could not be taken back; None: it settles none.
    standing: tuple[int, int] | None = None


@dataclass(slots=True)
class Book:
    """What one database transaction posts. `now` is when it is recorded."""

    now: datetime
    wallets: dict[tuple[UUID, str], Wallet] = field(default_factory=dict)
    # The version each changed wallet had when it was read.
    versions: dict[UUID, int] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)
    # Lots that are new or changed.
    lots: dict[UUID, Lot] = field(default_factory=dict)
    _ids: list[UUID] = field(default_factory=list)

    def new_id(self) -> UUID:
        """An id for a lot, a wallet or a transaction: made many at a time, a book of a batch needs thousands."""
        if not self._ids:
            self._ids = uuid7s(min(512, 4 + 2 * len(self.postings)))
        return self._ids.pop()

    def wallet(self, person_id: UUID, name: str, opened_at: datetime) -> Wallet:
        """The wallet of a raw person key; a new one where it has none."""
        found = self.wallets.get((person_id, name))
        if found is None:
            found = self.wallets[person_id, name] = Wallet(self.new_id(), person_id, name, opened_at, is_whole=True)
        return found

    def of(self, keys: Iterable[UUID], name: str) -> list[Wallet]:
        """The wallets that these raw keys have, in that order."""
        return [self.wallets[key, name] for key in keys if (key, name) in self.wallets]

    def changed_wallets(self) -> list[Wallet]:
        """The wallets that were posted to."""
        return [wallet for wallet in self.wallets.values() if wallet.id in self.versions]

    def add(self, wallet: Wallet, lot: Lot) -> None:
        """Put a new lot into a wallet; its points are posted apart."""
        wallet.lots[lot.id] = self.lots[lot.id] = lot

    def post(
        self,
        wallet: Wallet,
        kind: Kind,
        account: Account | None,
        deltas: Deltas,
        cause: Cause,
        draws: Sequence[Draw] = (),
        *,
        lot: Lot | None = None,
        changed: Sequence[Lot] = (),
    ) -> Transaction:
        """Post one transaction; the account gets what the wallet loses.

        `lot`: the one that came in; `changed`: those that began to count or end elsewhere. Both are announced.

        Raises:
            ArithmeticError: a balance or a lot would go below zero. The rules never ask for it.
        """
        self.versions.setdefault(wallet.id, wallet.version)
        points = deltas.debt - deltas.available - deltas.pending - deltas.held
        wallet.available += deltas.available
        wallet.pending += deltas.pending
        wallet.held += deltas.held
        wallet.debt += deltas.debt
        if min(wallet.available, wallet.pending, wallet.held, wallet.debt) < 0:
            raise ArithmeticError("a balance would go below zero")
        wallet.version += 1
        side = account if points else None
        unhashed = Transaction(
            self.new_id(), wallet.id, wallet.version, kind, side, points, deltas, cause, self.now, b""
        )
        posted = Transaction(*unhashed[:-1], chained(wallet.hash, unhashed))
        wallet.hash = posted.hash
        for draw in draws:
            self._draw(posted.id, draw)
        soonest = wallet.soonest(self.now, is_activity=kind in ("earned", "spent"))
        self.postings.append(
            Posting(posted, wallet.person_id, wallet.name, wallet.available, wallet.pending, wallet.held, wallet.debt,
                    lot, soonest, wallet.opened_at, draws, changed)
        )  # fmt: skip
        for each in changed:
            self.lots[each.id] = each
        return posted

    def stands(self, points: int, uncollected: int) -> None:
        """Let the last transaction tell what its source has earned by now."""
        self.postings[-1] = self.postings[-1]._replace(standing=(points, uncollected))

    def _draw(self, transaction_id: UUID, draw: Draw) -> None:
        if not draw.points:
            return
        draw.lot.remaining -= draw.points
        if not 0 <= draw.lot.remaining <= draw.lot.points:
            raise ArithmeticError("a lot would be overdrawn")
        self.lots[draw.lot.id] = draw.lot
        self.allocations.append(
            Allocation(transaction_id, draw.lot.id, draw.of_id or transaction_id, draw.points),
        )


def chained(before: bytes, entry: Transaction) -> bytes:
    """The hash of a transaction: of its content and the hash of the one before it in its wallet.

    No person stands in it, so that a key can be replaced by a pseudonym. Its text is what SQL makes of the row, too.
    """
    deltas, cause = entry.deltas, entry.cause
    content = "|".join(
        (
            str(entry.id),
            str(entry.wallet_id),
            str(entry.version),
            entry.kind,
            entry.account or "",
            str(entry.points),
            str(deltas.available),
            str(deltas.pending),
            str(deltas.held),
            str(deltas.debt),
            _micros(cause.occurred_at),
            _micros(entry.recorded_at),
            cause.operation or "",
            cause.source or "",
            cause.reason,
            cause.reference or "",
            cause.actor or "",
        )
    )
    return hashlib.sha256(before + content.encode()).digest()


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _micros(at: datetime) -> str:
    since = at - _EPOCH
    return str((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
