"""Use cases of the ledger, inside the caller's transaction: points come, are held, are spent, come back, and end.

Everything is kept under the raw person key it came from; a person has what their keys have together. Who spends, or
holds, has locked the person (`members.lock`) and shows the `Member`; the others lock whom they need themselves. Who
has several persons to change locks them all at once before anything else.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from services.loyalty.points.domain import moves, settling
from services.loyalty.points.domain.announcements import announcement
from services.loyalty.points.domain.ledger import Book, Cause, Draw, Wallet
from services.loyalty.points.domain.requests import (
    Balance,
    Credit,
    HoldRequest,
    Posted,
    Room,
    Spend,
    Target,
)
from services.loyalty.points.domain.settling import Source
from services.loyalty.points.errors import (
    HoldEnded,
    HoldUnknown,
    MoreThanHeld,
    NotEnoughPoints,
    OperationReused,
    SpendingLimit,
    SpendUnknown,
    WalletClosed,
)
from services.loyalty.points.repository import holds as hold_rows
from services.loyalty.points.repository import ledger as repository
from services.loyalty.points.repository.holds import Hold, State
from services.loyalty.points.repository.spending import spent_since
from services.loyalty.points.service.telling import held
from services.loyalty.programs.domain.calendar import day_start, local_day
from services.loyalty.programs.domain.terms import Terms, Timeline
from services.loyalty.programs.domain.validity import End
from services.loyalty.programs.service import Programs
from shared.clock import Clock
from shared.db.engine import ReadTx, WriteTx
from shared.events.envelope import Event
from shared.identity import members
from shared.identity.person import Member
from shared.ids import uuid7

_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Points:
    """The ledger."""

    clock: Clock
    programs: Programs

    async def credit(self, tx: WriteTx, credit: Credit) -> Posted | None:
        """Let points come in; None where this source has brought them before.

        Raises:
            UnknownWallet, WalletClosed: the programme has no such wallet, or it takes no points any more.
        """
        terms = await self.programs.current(tx, credit.occurred_at)
        if terms.wallet(credit.wallet).is_closed:
            raise WalletClosed(credit.wallet)
        target = Target(
            credit.person, credit.wallet, credit.source, credit.points, credit.occurred_at, credit.active_at,
            credit.expires_at, credit.reason, credit.reference, credit.kind,
        )  # fmt: skip
        return (await self._settle(tx, [target], once=True, actor=credit.actor))[0][1]

    async def settle(self, tx: WriteTx, target: Target) -> int:
        """Bring what a source has earned to `target.points`; the difference that was posted, or is owed.

        More is a further lot. Less is taken back: from the source's own pending lots, its own active ones, others
        earliest-expiring first, and is then owed, as far as the terms go. What could not be taken is remembered, and
        not given anew when the source earns more again.

        Raises:
            UnknownWallet: the programme has no such wallet.
        """
        return (await self.settle_many(tx, [target]))[0]

    async def settle_many(self, tx: WriteTx, targets: Sequence[Target]) -> list[int]:
        """Settle many sources in a handful of statements, in their order; the difference of each.

        Raises:
            UnknownWallet: the programme has no such wallet.
        """
        return [difference for difference, _ in await self._settle(tx, targets)]

    async def _settle(
        self, tx: WriteTx, targets: Sequence[Target], *, once: bool = False, actor: str | None = None
    ) -> list[tuple[int, Posted | None]]:
        """With `once`, a source that has been settled before stays as it is."""
        timeline = await self.programs.timeline(tx)
        for target in targets:
            timeline.at(target.occurred_at).wallet(target.wallet)
        families = await members.lock_many(tx, {target.person for target in targets})
        book = Book(self.clock.now())
        limited = timeline.limited
        persons = {each.person for each in targets}
        if not limited.isdisjoint(each.wallet for each in targets):
            # A limit is that of the whole person.
            persons.update(key for member in families.values() for key in member.keys)
        await repository.load(tx, book, persons, {each.wallet for each in targets}, "due")
        owners = [book.wallet(each.person, each.wallet, each.occurred_at) for each in targets]
        known = await repository.sources(
            tx, {(wallet.id, each.source) for wallet, each in zip(owners, targets, strict=True)}
        )
        shrinking = settling.shrinking(targets, owners, known)
        await repository.load_open(tx, shrinking)
        cut = await repository.cut_of(tx, known) if shrinking and limited else {}
        done: list[tuple[int, Posted | None]] = []
        settled: dict[tuple[UUID, str], Source] = {}
        for wallet, target in zip(owners, targets, strict=True):
            key = wallet.id, target.source
            before = settled.get(key) or known.get(key)
            if (once and before is not None) or (before is None and target.points == 0):
                done.append((0, None))
                continue
            moves.catch_up(book, wallet)
            family = book.of(families[target.person].keys, target.wallet) if target.wallet in limited else ()
            for each in family:
                moves.catch_up(book, each)
            terms = timeline.at(target.occurred_at)
            difference, settled[key], posted = settling.settle_one(
                book, wallet, target, before or Source(0, 0), terms, actor, family, cut.get(key, 0)
            )
            done.append((difference, posted))
        await self._save(tx, book, settled)
        active = [each for each, (difference, _) in zip(targets, done, strict=True) if difference > 0]
        await self._prolong(tx, [(families[each.person], each.wallet, each.occurred_at) for each in active], timeline)
        return done

    async def activate(self, tx: WriteTx, person: UUID, wallet: str, source: str, occurred_at: datetime) -> int:
        """Let the pending points of a source count from now on; how many there were."""
        await members.lock(tx, person)
        book = Book(self.clock.now())
        await repository.load(tx, book, (person,), (wallet,), "open")
        points = 0
        for owner in book.wallets.values():
            moves.catch_up(book, owner)
            lots = [lot for lot in owner.lots.values() if lot.source == source and not lot.is_active and lot.remaining]
            points = sum(lot.remaining for lot in lots)
            for lot in lots:
                lot.active_at = occurred_at
            moves.activate(book, owner, lots, Cause("activated", occurred_at, source=source))
        await self._save(tx, book)
        return points

    async def spend(self, tx: WriteTx, spend: Spend) -> Posted:
        """Spend points of a person, once for each key: from all their keys, the earliest-expiring lots first.

        Raises:
            NotEnoughPoints, SpendingLimit: they cannot, or may not, spend as many.
            OperationReused: the key stands for another spend.
            UnknownWallet: the programme has no such wallet.
        """
        if (known := await repository.operation(tx, spend.key)) and (before := _spent(known, spend)) is not None:
            return before
        book, terms = await self._open(tx, spend.member, spend.wallet)
        wallets = self._afford(book, spend.member, spend.wallet, spend.points)
        await self._allow(tx, terms, spend.member, spend.wallet, spend.points)
        cause = Cause(spend.reason, book.now, spend.key, reference=spend.reference, actor=spend.actor)
        draws = terms.wallet(spend.wallet).draws
        posted = moves.take(book, wallets, spend.points, draws, cause, kind="spent", account="spent")
        await self._save(tx, book)
        await self._prolong(tx, [(spend.member, spend.wallet, book.now)], Timeline(terms))
        return Posted(posted[0], tuple(posted), spend.wallet, spend.points)

    async def give_back(
        self, tx: WriteTx, spend_key: str, points: int, key: str, *, reason: str = "given_back"
    ) -> Posted | None:
        """Return spent points to the lots they came from, once for each key; None where the key has been used.

        At most what is still spent is returned: `Posted.points` says how much. Those that would end latest come
        back first. What has ended by now ends again at once, unless the terms grant it some days.

        Raises:
            SpendUnknown: nothing was spent under `spend_key`.
        """
        persons = await repository.operation_persons(tx, spend_key)
        if not persons:
            raise SpendUnknown
        await members.lock_many(tx, persons)
        if await repository.operation(tx, key):
            return None
        spent = [each for each in await repository.operation(tx, spend_key) if each.kind == "spent"]
        book = Book(self.clock.now())
        found = await repository.drawn(tx, [each.id for each in spent])
        wallets = await repository.load_wallets(tx, book, {each.wallet_id for each in spent}, "open")
        await repository.load_lots_of(tx, wallets.values(), {each.lot_id for each in found})
        timeline, posted, left = await self.programs.timeline(tx), [], points
        for wallet in wallets.values():
            moves.catch_up(book, wallet)
        back = moves.latest(
            [draw for wallet in wallets.values() for draw in repository.draws_of(wallet, found)], points
        )
        for wallet_id, draws in back:
            wallet = wallets[wallet_id]
            moves.grant_grace(
                book, [each.lot for each in draws], settling.grace(timeline.at(book.now), wallet.name, book.now)
            )
            left -= sum(each.points for each in draws)
            posted.append(moves.give_back(book, wallet, draws, Cause(reason, book.now, key)))
        await self._save(tx, book)
        name = next(iter(wallets.values())).name
        return Posted(posted[0], tuple(posted), name, points - left) if posted else None

    async def adjust(
        self,
        tx: WriteTx,
        adjustment_id: UUID,
        person: UUID,
        wallet: str,
        points: int,
        *,
        reason: str,
        actor: str,
        reference: str | None = None,
        expires_at: datetime | None = None,
    ) -> None:
        """Give points to a raw person key by hand, which count at once, or (negative) take them.

        Raises:
            UnknownWallet, WalletClosed: the programme has no such wallet, or it takes no points any more.
            NotEnoughPoints: there are not as many to take.
        """
        member = await members.lock(tx, person)
        book, terms = await self._open(tx, member, wallet)
        if points > 0 and terms.wallet(wallet).is_closed:
            raise WalletClosed(wallet)
        operation = f"adjustment:{adjustment_id}"
        cause = Cause(reason, book.now, operation, reference=reference, actor=actor)
        if points < 0:
            wallets = self._afford(book, member, wallet, -points)
            moves.take(book, wallets, -points, terms.wallet(wallet).draws, cause, kind="adjusted", account="adjusted")
        else:
            owner = book.wallet(person, wallet, book.now)
            target = Target(
                person, wallet, operation, points, book.now, book.now, expires_at, reason, reference, "adjusted"
            )
            incoming = settling.incoming(target, points, owner, terms)
            moves.credit(book, owner, incoming, cause, kind="adjusted", account="adjusted")
        await self._save(tx, book)

    async def transfer(
        self, tx: WriteTx, transfer_id: UUID, sender: Member, recipient: UUID, wallet: str, points: int, fee: int
    ) -> None:
        """Move points from one person to another raw key, less the fee; both persons are locked.

        The fee is paid with what ends first. What arrives ends when it would have ended, or anew: as the terms say.

        Raises:
            NotEnoughPoints: the sender has not as many.
        """
        book, terms = await self._open(tx, sender, wallet)
        wallets = self._afford(book, sender, wallet, points)
        await repository.load(tx, book, (recipient,), (wallet,), "due")
        owner = book.wallet(recipient, wallet, book.now)
        moves.catch_up(book, owner)
        rules = terms.wallet(wallet)
        cause = Cause("transferred", book.now, f"transfer:{transfer_id}")
        if fee:
            moves.take(book, wallets, fee, rules.draws, cause._replace(reason="fee"), kind="fee", account="fees")
        for giver, draws in moves.draw(wallets, points - fee, rules.draws) if points > fee else ():
            moves.hand_over(
                book,
                giver,
                draws,
                owner,
                None if rules.transfers.keeps_expiry else settling.anew(terms, owner, book.now),
                cause,
            )
        await self._save(tx, book)

    async def hold(self, tx: WriteTx, request: HoldRequest) -> Posted:
        """Set points of a person apart until `expires_at`, by the database's clock.

        Raises:
            NotEnoughPoints, SpendingLimit: they cannot, or may not, spend as many.
            OperationReused: there is a hold of this id.
            UnknownWallet: the programme has no such wallet.
        """
        if await hold_rows.get(tx, request.id) is not None:
            raise OperationReused(str(request.id))
        book, terms = await self._open(tx, request.member, request.wallet)
        wallets = self._afford(book, request.member, request.wallet, request.points)
        await self._allow(tx, terms, request.member, request.wallet, request.points)
        cause = Cause("held", book.now, hold_key(request.id))
        moves.hold(book, wallets, request.points, terms.wallet(request.wallet).draws, cause)
        await self._save(tx, book)
        held_by = request.member.root
        await _keep(
            tx,
            Hold(request.id, held_by, request.wallet, request.points, 0, "open", book.now, request.expires_at, None, 1,
                 is_over=False),
            book.now,
        )  # fmt: skip
        held = [posting.transaction.id for posting in book.postings if posting.transaction.kind == "held"]
        return Posted(held[0], tuple(held), request.wallet, request.points)

    async def room(self, tx: ReadTx, terms: Terms, member: Member, wallet: str) -> Room | None:
        """How many points the terms let a person still spend; None: as many as they have."""
        if not (caps := terms.wallets[wallet].spending if wallet in terms.wallets else ()):
            return None
        today = local_day(self.clock.now(), zone := terms.zone_of(wallet))
        starts = [_ALWAYS if (first := cap.since(today)) is None else day_start(first, zone) for cap in caps]
        spent = await spent_since(tx, member.keys, wallet, starts)
        return min(
            Room(max(0, cap.points - (0 if cap.per == "transaction" else taken)), cap.points, cap.per)
            for cap, taken in zip(caps, spent, strict=True)
        )

    async def _allow(self, tx: ReadTx, terms: Terms, member: Member, wallet: str, points: int) -> None:
        if (room := await self.room(tx, terms, member, wallet)) is not None and points > room.left:
            raise SpendingLimit(wallet=wallet, required=points, **room._asdict())

    async def extend_hold(self, tx: WriteTx, hold_id: UUID, expires_at: datetime) -> None:
        """Let a hold that still stands last until another moment.

        Raises:
            HoldUnknown, HoldEnded: there is none that stands.
        """
        hold = await self._locked_hold(tx, hold_id)
        await _keep(tx, hold._replace(expires_at=expires_at, version=hold.version + 1), self.clock.now())

    async def capture(
        self, tx: WriteTx, hold_id: UUID, points: int, key: str, reason: str, reference: str | None = None
    ) -> Posted:
        """Spend so many of the held points, as one spend under `key`; the rest is released.

        Raises:
            HoldUnknown, HoldEnded: there is none that stands.
            MoreThanHeld: more is to be spent than was held.
            OperationReused: the key stands for another spend.
        """
        hold = await self._locked_hold(tx, hold_id)
        if points > hold.points:
            raise MoreThanHeld(held=hold.points, required=points)
        if await repository.operation(tx, key):
            raise OperationReused(key)
        book = Book(self.clock.now())
        held = await self._held(tx, book, hold)
        posted: list[UUID] = []
        shares = moves.shares(held, points)
        for wallet, draws in held:
            cause = Cause(reason, book.now, key, reference=reference)
            if (made := moves.capture(book, wallet, draws, shares[wallet.id], cause)) is not None:
                posted.append(made)
        await self._save(tx, book)
        await _end(tx, hold, "captured", points, book.now)
        first = min(posted, default=book.postings[0].transaction.id)
        return Posted(first, tuple(sorted(posted)), hold.wallet, points)

    async def release(self, tx: WriteTx, hold_id: UUID) -> bool:
        """Let go of a hold; False where it has ended already.

        Raises:
            HoldUnknown: there is none.
        """
        hold = await self._find_hold(tx, hold_id)
        if hold.state != "open":
            return False
        await self._release(tx, hold)
        return True

    async def release_expired(self, tx: WriteTx, hold_id: UUID) -> bool:
        """Let go of a hold if its time is over by now; whether it was. It may have been extended meanwhile."""
        hold = await self._find_hold(tx, hold_id)
        if hold.state != "open" or not hold.is_over:
            return False
        await self._release(tx, hold)
        return True

    async def balance(self, tx: ReadTx, member: Member, wallet: str) -> Balance:
        """What a person has in a wallet now; what is due counts, whether or not a job came by."""
        return (await self.balances(tx, member, (wallet,)))[wallet]

    async def balances(
        self, tx: ReadTx, member: Member, wallets: Collection[str], *, at: datetime | None = None
    ) -> dict[str, Balance]:
        """The same for several wallets; with `at`, as it will be at a later moment if nothing happens."""
        book = Book(at or self.clock.now())
        await repository.load(tx, book, member.keys, wallets, "open")
        return {name: settling.balance(book, book.of(member.keys, name)) for name in wallets}

    async def balances_of(self, tx: ReadTx, persons: Collection[Member], wallet: str) -> dict[UUID, Balance]:
        """What each of several persons has in a wallet now, by their roots; in one statement."""
        book = Book(self.clock.now())
        await repository.load(tx, book, {key for each in persons for key in each.keys}, (wallet,), "open")
        return {each.root: settling.balance(book, book.of(each.keys, wallet)) for each in persons}

    async def catch_up(self, tx: WriteTx, persons: Collection[UUID]) -> None:
        """Bring the wallets of these raw keys up to the moment."""
        await members.lock_many(tx, persons)
        book = Book(self.clock.now())
        await repository.load_all(tx, book, persons, "due")
        for wallet in book.wallets.values():
            moves.catch_up(book, wallet)
        await self._save(tx, book)

    async def _open(self, tx: WriteTx, member: Member, wallet: str) -> tuple[Book, Terms]:
        """The wallets of a person with all that is in them, up to the moment, and the terms."""
        book = Book(self.clock.now())
        terms = await self.programs.current(tx, book.now)
        terms.wallet(wallet)
        await repository.load(tx, book, member.keys, (wallet,), "open")
        for each in book.wallets.values():
            moves.catch_up(book, each)
        return book, terms

    def _afford(self, book: Book, member: Member, wallet: str, points: int) -> list[Wallet]:
        wallets = book.of(member.keys, wallet)
        if (available := moves.spendable(wallets)) < points:
            raise NotEnoughPoints(wallet=wallet, required=points, available=max(0, available))
        return wallets

    async def _find_hold(self, tx: WriteTx, hold_id: UUID) -> Hold:
        """The hold, with its persons locked."""
        await members.lock_many(tx, await repository.operation_persons(tx, hold_key(hold_id)))
        hold = await hold_rows.get(tx, hold_id)
        if hold is None:
            raise HoldUnknown
        return hold

    async def _locked_hold(self, tx: WriteTx, hold_id: UUID) -> Hold:
        hold = await self._find_hold(tx, hold_id)
        if hold.state != "open" or hold.is_over:
            raise HoldEnded("expired" if hold.state == "open" else hold.state)
        return hold

    async def _held(self, tx: WriteTx, book: Book, hold: Hold) -> list[tuple[Wallet, list[Draw]]]:
        """The wallets a hold drew from, up to the moment, with what it drew."""
        held = await repository.operation(tx, hold_key(hold.id))
        found = await repository.drawn(tx, [each.id for each in held])
        wallets = await repository.load_wallets(tx, book, {each.wallet_id for each in held}, "open")
        await repository.load_lots_of(tx, wallets.values(), {each.lot_id for each in found})
        for wallet in wallets.values():
            moves.catch_up(book, wallet)
        return [(wallet, repository.draws_of(wallet, found)) for wallet in wallets.values()]

    async def _release(self, tx: WriteTx, hold: Hold) -> None:
        book = Book(self.clock.now())
        for wallet, draws in await self._held(tx, book, hold):
            moves.release(book, wallet, draws, Cause("released", book.now))
        await self._save(tx, book)
        await _end(tx, hold, "expired" if hold.is_over else "released", 0, book.now)

    async def _save(self, tx: WriteTx, book: Book, settled: dict[tuple[UUID, str], Source] | None = None) -> None:
        await repository.save(tx, book, settled)
        for posting in book.postings:
            tx.emit(announcement(posting))

    async def _prolong(self, tx: WriteTx, active: Sequence[tuple[Member, str, datetime]], timeline: Timeline) -> None:
        """Where points end by inactivity, these persons were active in these wallets at these moments."""
        ends: list[tuple[Member, str, datetime, End]] = []
        for member, wallet, at in active:
            terms = timeline.at(at)
            if terms.wallet(wallet).expiry.mode == "inactivity" and (end := terms.end(wallet, at, at)) is not None:
                ends.append((member, wallet, at, end))
        if not ends:
            return
        book = Book(self.clock.now())
        keys = {key for member, _, _, _ in ends for key in member.keys}
        await repository.load(tx, book, keys, {wallet for _, wallet, _, _ in ends}, "open")
        for member, name, at, end in ends:
            for each in book.of(member.keys, name):
                moves.prolong(book, each, end, Cause("activity", at))
        await self._save(tx, book)


async def _end(tx: WriteTx, hold: Hold, state: State, captured: int, now: datetime) -> None:
    """A hold that stands ends."""
    await _keep(tx, hold._replace(state=state, captured=captured, ended_at=now, version=hold.version + 1), now)


async def _keep(tx: WriteTx, hold: Hold, now: datetime) -> None:
    """Store what a hold is by now, and tell of it."""
    await hold_rows.put(tx, hold)
    tx.emit(Event(uuid7(), hold.person_id, now, now, held(hold)))


def hold_key(hold_id: UUID) -> str:
    """The operation under which a hold stands in the ledger."""
    return f"hold:{hold_id}"


def _spent(known: Sequence[repository.Operation], spend: Spend) -> Posted | None:
    """The spend that was done under this key before."""
    ids = tuple(each.id for each in known if each.kind == "spent")
    if sum(each.points for each in known if each.kind == "spent") != spend.points:
        raise OperationReused(spend.key)
    return Posted(ids[0], ids, spend.wallet, spend.points)
