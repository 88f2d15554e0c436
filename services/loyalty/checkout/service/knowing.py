"""What is known of all who ask at one moment: read once, and counted on as they take one after the other."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.loyalty.audience.service import facts_of_all
from services.loyalty.checkout.domain.reservation import Hold
from services.loyalty.checkout.repository import knowing as rows
from services.loyalty.checkout.repository.knowing import Known
from services.loyalty.checkout.service.quoting import (
    NOWHERE,
    Slip,
    Standing,
    asks_facts,
    facts_for,
    vouchers_of,
)
from services.loyalty.promotions.domain import Stacking
from services.loyalty.promotions.repository import Place, Taken
from services.loyalty.promotions.repository import Standing as Beside
from services.loyalty.promotions.service.rooms import Asked, rooms_by, taken_of
from services.loyalty.throttle.domain import Who
from services.loyalty.throttle.repository import Bucket
from services.loyalty.throttle.service import Guard, check_wait
from services.loyalty.vouchers.domain.codes import canonical
from services.loyalty.vouchers.domain.facts import STRANGER, Facts
from services.loyalty.vouchers.domain.voucher import Voucher
from services.loyalty.vouchers.repository.codes import voucher_of
from services.loyalty.vouchers.service import Vault
from shared.db.engine import ReadTx
from shared.identity.person import Member


@dataclass(slots=True)
class Knowledge:
    """What is known of those who ask, by their codes and person keys. What one takes the next no longer has.

    `promotions` are held against every basket, `taken` is what is taken of budgets.
    """

    known: Known
    vouchers: Mapping[str, Voucher]
    promotions: Sequence[Voucher]
    stacking: Stacking
    buckets: Mapping[Who, Sequence[Bucket]]
    taken: dict[Place, Taken] = field(default_factory=dict)
    uses: Counter[UUID] = field(default_factory=Counter)
    minor: Counter[UUID] = field(default_factory=Counter)

    def member(self, person: UUID | None) -> Member | None:
        """The person of a key."""
        return None if person is None else self.known.members[person]

    def check(self, who: Who) -> None:
        """Let somebody try codes.

        Raises:
            Throttled: they have failed too often.
        """
        check_wait(self.known.wait(self.buckets[who]))

    def slips(self, codes: Sequence[str]) -> tuple[Slip, ...]:
        """The vouchers of these codes and the promotions, as they stand after those who came before."""
        asked = (Slip(number, self._left(self.vouchers.get(canonical(code)))) for number, code in enumerate(codes, 1))
        return (*asked, *(Slip(NOWHERE, self._left(each)) for each in self.promotions))

    async def read_budgets(self, tx: ReadTx, asked: Iterable[Asked]) -> None:
        """Learn what is taken under all these counters."""
        self.taken.update(await taken_of(tx, asked))

    def standing(self, slips: Iterable[Slip], member: Member | None, asked: Asked) -> Standing:
        """What the person has used of campaigns that ask, and what budgets have left for the basket."""
        rooms = rooms_by(asked, self.taken)
        if member is None:
            return Standing(rooms=rooms, stacking=self.stacking)
        limited = {each.campaign.id for each in vouchers_of(slips) if each.campaign.terms.limits_customers}
        uses = {each: self.known.used(each, member.keys) for each in limited}
        return Standing(frozenset(member.keys), uses, rooms, self.stacking)

    def take(self, holds: Iterable[Hold]) -> None:
        """Somebody has these now."""
        for hold in holds:
            # The voucher of a promotion goes by the id of its campaign.
            for counter in {hold.campaign_id, hold.voucher_id}:
                self.uses[counter] += 1
                self.minor[counter] += hold.minor
            for charge in hold.charges:
                before = self.taken.get((hold.campaign_id, charge.place), Taken())
                self.taken[hold.campaign_id, charge.place] = Taken(before.uses + 1, before.minor + hold.minor)

    def _left(self, voucher: Voucher | None) -> Voucher | None:
        if voucher is None or voucher.campaign.id not in self.uses:
            return voucher
        campaign = voucher.campaign
        minor = 0 if voucher.value_minor is None else self.minor[voucher.id]
        return replace(
            voucher,
            redeemed=voucher.redeemed + self.uses[voucher.id],
            spent_minor=voucher.spent_minor + minor,
            campaign=replace(
                campaign,
                redeemed=campaign.redeemed + self.uses[campaign.id],
                spent_minor=campaign.spent_minor + self.minor[campaign.id],
            ),
        )


@dataclass(frozen=True, slots=True)
class Knowing:
    """Reads what vouchers are judged by."""

    vault: Vault
    guard: Guard

    async def read(
        self,
        tx: ReadTx,
        asking: Sequence[tuple[Who, Sequence[str]]],
        *,
        beside: Beside = Beside(),
        requests: Collection[str] = (),
        orders: Collection[str] = (),
    ) -> Knowledge:
        """What is known of those who ask, each with their codes: their vouchers, uses and failures; `beside` their
        codes stand promotions and rules of the firm.

        Raises:
            PepperMissing: codes are hashed under a secret that this process does not have.
        """
        texts = {canonical(code) for _, codes in asking for code in codes}
        peppers = await self.vault.peppers(tx)
        prints = {text: peppers.fingerprints(text) for text in await self.vault.may_exist(tx, texts)}
        buckets = {who: self.guard.buckets(peppers, who) for who, codes in asking if codes}
        known = await rows.read(
            tx,
            persons={who.customer for who, _ in asking if who.customer is not None},
            fingerprints=[each for several in prints.values() for each in several],
            buckets=list({each for several in buckets.values() for each in several}),
            promotions=beside.promotions,
            requests=requests,
            orders=orders,
        )
        versions = await self.vault.versions(tx, {(row.campaign_id, row.version) for row in known.codes})
        by_hash = {row.fingerprint: voucher_of(row, versions) for row in known.codes}
        by_id = {each.id: each for each in by_hash.values()}
        # Under the current pepper first, then under the ones before.
        found = {
            text: next((by_hash[each] for each in several if each in by_hash), None) for text, several in prints.items()
        }
        return Knowledge(
            known,
            {text: each for text, each in found.items() if each is not None},
            [by_id[each] for each in beside.promotions if each in by_id],
            beside.stacking,
            buckets,
        )


async def facts_by_person(
    tx: ReadTx, asking: Iterable[tuple[Member | None, Sequence[Slip]]], at: datetime | None
) -> Mapping[UUID, Facts]:
    """What rules ask of the persons, by their roots: of whom no rule asks, only who they are."""
    members = {member.root: member for member, _ in asking if member is not None}
    asked = {member.root: member for member, slips in asking if member is not None and asks_facts(vouchers_of(slips))}
    found = await facts_of_all(tx, asked.values(), at=at) if asked else {}
    plain = {root: Facts(person=root) for root in members}
    return plain | {root: facts_for(asked[root], each) for root, each in found.items()}


def facts_in(facts: Mapping[UUID, Facts], member: Member | None) -> Facts:
    """Those of a person; of a stranger nothing is known."""
    return STRANGER if member is None else facts[member.root]
