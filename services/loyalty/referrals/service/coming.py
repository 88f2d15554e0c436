"""Friends who come with a code, and what staff decides of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.loyalty.audience import service as audience
from services.loyalty.referrals.domain.fraud import NETWORKS, PLACES, Evidence, judge
from services.loyalty.referrals.domain.program import Terms, terms_of
from services.loyalty.referrals.domain.referral import Referral, State
from services.loyalty.referrals.errors import (
    AlreadyReferred,
    NotInReview,
    ProgramClosed,
    ProgramUnknown,
    ReferralCodeUnknown,
    ReferralUnknown,
    TooManyFriends,
)
from services.loyalty.referrals.repository import programs as program_rows
from services.loyalty.referrals.repository import referrals as rows
from services.loyalty.referrals.repository.programs import Code, Program
from services.loyalty.referrals.repository.referrals import Versioned
from services.loyalty.referrals.schemas import DecisionIn, ReferralIn, ReferralOut
from services.loyalty.referrals.service import telling
from services.loyalty.referrals.service.programs import digests, mail_domain, normalised, read_customer
from services.loyalty.referrals.service.settling import Settling, ring
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import members
from shared.identity.person import Member
from shared.ids import uuid7

_STATES: dict[str, State] = {"allow": "active", "delay": "active", "review": "review", "block": "blocked"}


@dataclass(frozen=True, slots=True)
class Coming:
    """Friends, from coming to a decision."""

    db: Database
    clock: Clock
    settling: Settling
    vault: Vault

    async def register(self, body: ReferralIn) -> tuple[ReferralOut, bool]:
        """A friend comes with a code; the referral, and whether it is new. Both the same: the same again.

        Raises:
            BadReferralCustomer, ReferralCodeUnknown, ProgramClosed: the code brings nobody.
            AlreadyReferred, TooManyFriends: it does not bring this friend.
        """
        friend, now = read_customer(body.customer), self.clock.now()
        async with self.db.write() as tx:
            code = await program_rows.code(tx, normalised(body.code))
            if code is None:
                raise ReferralCodeUnknown
            await rows.claim_graph(tx)
            found = await members.lock_many(tx, (code.person_id, friend))
            advocate, comer = found[code.person_id], found[friend]
            if (known := await self._known(tx, advocate, comer, code)) is not None:
                return await self._out(tx, known), False
            program = await self._open(tx, code.program_id, now)
            referral = await self._judged(tx, body, code, friend, advocate, comer, program)
            await rows.add(tx, referral, program.terms)
            tx.emit(telling.changed(Versioned(referral, 1), now))
            await rows.add_signals(tx, friend, digests(body, await self.vault.using(tx, now)), now)
            await self.settling.settle(tx, referral)
            return await self._out(tx, referral), True

    async def get(self, key: UUID) -> ReferralOut:
        """A referral.

        Raises:
            ReferralUnknown: there is none.
        """
        async with self.db.read() as tx:
            return await self._out(tx, await _found(tx, key))

    async def listed(
        self,
        *,
        state: State | None,
        advocate: str | None,
        friend: str | None,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> Sequence[ReferralOut]:
        """Referrals, those that came first first; one more than `limit` if there are more.

        Raises:
            BadReferralCustomer: a reference names nobody.
        """
        async with self.db.read() as tx:
            advocates, friends = [
                None if name is None else (await members.find(tx, read_customer(name))).keys
                for name in (advocate, friend)
            ]
            found = await rows.listed(
                tx, state=state, advocates=advocates, friends=friends, after=after, limit=limit + 1
            )
            reached = await rows.reached(tx, [each.id for each in found])
            return [ReferralOut.of(each, reached[each.id]) for each in found]

    async def approve(self, key: UUID, body: DecisionIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Let a referral stand that waited for review.

        Raises:
            ReferralUnknown, NotInReview: there is nothing to approve.
        """
        return await self._decide(key, "active", body, by=by, idem=idem)

    async def reject(self, key: UUID, body: DecisionIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Let a referral fall, in review or later; what it was paid is taken back.

        Raises:
            ReferralUnknown, NotInReview: there is nothing to reject.
        """
        return await self._decide(key, "rejected", body, by=by, idem=idem)

    async def _decide(self, key: UUID, state: State, body: DecisionIn, *, by: str, idem: Idempotent | None) -> Answer:
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            referral = await _found(tx, key)
            await members.lock_many(tx, (referral.advocate_id, referral.friend_id))
            referral = await _found(tx, key)
            may_be = ("review",) if state == "active" else ("review", "active")
            if referral.state not in may_be:
                raise NotInReview(referral.state)
            now = self.clock.now()
            decided = await rows.decide(tx, key, state, at=now, by=by, reason=body.reason)
            tx.emit(telling.changed(decided, now))
            await self.settling.settle(tx, await _found(tx, key))
            answer = Answer(200, (await self._out(tx, await _found(tx, key))).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def _known(self, tx: ReadTx, advocate: Member, friend: Member, code: Code) -> Referral | None:
        """The referral that this is again.

        Raises:
            AlreadyReferred: the friend came by somebody else.
        """
        before = await rows.of_friends(tx, friend.keys)
        for each in before:
            if each.advocate_id in advocate.keys and each.program_id == code.program_id:
                return each
        if any(each.state in ("active", "review") for each in before):
            raise AlreadyReferred
        return None

    async def _open(self, tx: ReadTx, key: UUID, now: datetime) -> Program:
        program = await program_rows.get(tx, key)
        if program is None:
            raise ProgramUnknown
        if not program.is_open(now):
            raise ProgramClosed
        return program

    async def _judged(
        self, tx: ReadTx, body: ReferralIn, code: Code, friend: UUID, advocate: Member, comer: Member, program: Program
    ) -> Referral:
        """The referral with what speaks against it.

        Raises:
            TooManyFriends: the advocate has brought enough.
        """
        terms, now = terms_of(program.terms), self.clock.now()
        lately, standing = await rows.brought(tx, advocate.keys, since=now - timedelta(days=terms.velocity_days))
        if terms.max_friends is not None and standing >= terms.max_friends:
            raise TooManyFriends(terms.max_friends)
        evidence = await self._evidence(tx, body, friend, advocate, comer, terms, lately)
        finding = judge(evidence, terms)
        return Referral(
            id=uuid7(),
            program_id=program.id,
            terms=terms,
            advocate_id=code.person_id,
            friend_id=friend,
            code=code.code,
            state=_STATES[finding.action],
            reasons=finding.reasons,
            hindrance=None,
            registered_at=now,
            delay_days=terms.delay_days if finding.action == "delay" else 0,
        )

    async def _evidence(
        self, tx: ReadTx, body: ReferralIn, friend: UUID, advocate: Member, comer: Member, terms: Terms, lately: int
    ) -> Evidence:
        given = digests(body, await self.vault.peppers(tx), with_old=True)
        own = set(given) | await rows.signals(tx, comer.keys)
        theirs = await rows.signals(tx, advocate.keys)
        is_self = advocate.root == comer.root
        places = [value for kind, value in own if kind in PLACES]
        networks = [value for kind, value in own if kind in NETWORKS]
        before = await rows.of_friends(tx, comer.keys)
        since = self.clock.now() - timedelta(days=terms.velocity_days)
        facts = await audience.facts_of(tx, comer)
        return Evidence(
            is_self=is_self,
            is_cycle=not is_self and bool(await ring(tx, advocate.root, comer.root)),
            has_ordered=facts.orders_count > 0,
            shared=frozenset(kind for kind, _ in own & theirs) if not is_self else frozenset(),
            mail_domain=body.email_domain or mail_domain(body.email),
            friends_lately=lately,
            at_place_lately=await rows.friends_at(tx, places, others_than=comer.keys, since=since),
            at_network_lately=await rows.friends_at(tx, networks, others_than=comer.keys, since=since),
            was_referred=any(each.friend_id != friend and each.state in ("blocked", "rejected") for each in before),
        )

    async def _out(self, tx: ReadTx, referral: Referral) -> ReferralOut:
        return ReferralOut.of(referral, (await rows.reached(tx, (referral.id,)))[referral.id])


async def _found(tx: ReadTx, key: UUID) -> Referral:
    found = await rows.get(tx, key)
    if found is None:
        raise ReferralUnknown
    return found
