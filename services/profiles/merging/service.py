"""Use cases of people who decide: look before a merge, and split one person into two."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.profiles.identity import repository as graph
from services.profiles.identity import service as identity
from services.profiles.identity.domain import Outlook
from services.profiles.identity.service import Author
from services.profiles.membership.service import Membership
from services.profiles.merging.domain import conflicts, contests
from services.profiles.merging.errors import NotAMember, NothingLeft
from services.profiles.merging.schemas import PreviewOut, SplitIn, SplitOut
from services.profiles.people import repository as rows
from services.profiles.people import service as people
from services.profiles.people.domain import Person
from services.profiles.schemas import CustomerOut, MergeIn
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import mapping


@dataclass(frozen=True, slots=True)
class Merging:
    """Decisions on who is whom; `country` is that of phone numbers without a country code."""

    db: Database
    clock: Clock
    country: str
    membership: Membership

    async def preview(self, reference: str, body: MergeIn, *, sees_sensitive: bool = False) -> PreviewOut:
        """What a merge would do, which is not done.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: a reference does not name one person.
            SamePerson, MergeIntoVisitor: the merge makes no sense.
        """
        async with self.db.read() as tx:
            see = partial(people.visible, tx, sees_sensitive=sees_sensitive)
            gone = await see(await people.known(tx, reference, country=self.country))
            kept = await see(await people.known(tx, body.into, country=self.country))
            into = await people.key_or_root(tx, body.into, kept.id, country=self.country)
            outlook = await identity.foresee(tx, gone.id, into, self.clock.now())
            after = await see(await _as_foreseen(tx, outlook))
            decisions = await graph.decisions(tx, [*gone.members, *kept.members])
        members = {*after.members}
        overruled = [
            link
            for link in gone.links
            if link.status != "overruled"
            and outlook.statuses.get((link.from_id, link.into_id)) == "overruled"
            and link.into_id not in members
        ]
        against = list(conflicts(gone, kept, decisions, overruled))
        return PreviewOut.of(kept, after, contests(gone, kept, after), against)

    async def split(
        self, reference: str, body: SplitIn, *, by: str, idem: Idempotent | None, sees_sensitive: bool = False
    ) -> Answer:
        """Somebody says that some keys of a person are another one; the two people there are then.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: a reference does not name one person.
            NotAMember, NothingLeft, SplitTooLarge: the split makes no sense.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            # Nobody else changes who is whom between the look and the deed.
            await mapping.claim(tx)
            person = await people.known(tx, reference, country=self.country)
            taken = await self._taken(tx, person, body)
            await identity.split(tx, person.id, taken, Author(self.clock.now(), by, body.reason))
            await self.membership.refresh(tx)
            ends = await mapping.roots(tx, person.members)
            there = {ends[key] for key in taken}.pop()
            here = {ends[key] for key in person.members if key not in taken}.pop()
            see = partial(people.visible, tx, sees_sensitive=sees_sensitive)
            said = SplitOut(
                taken=CustomerOut.of(await see(await people.person(tx, there))),
                rest=CustomerOut.of(await see(await people.person(tx, here))),
            )
            answer = Answer(200, said.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def _taken(self, tx: ReadTx, person: Person, body: SplitIn) -> frozenset[UUID]:
        members = frozenset(person.members)
        taken: set[UUID] = set()
        for position, reference in enumerate(body.take):
            keys = members.intersection(await people.keys_of(tx, reference, country=self.country))
            if not keys:
                raise NotAMember(position)
            taken |= keys
        # An alias may name a key that nobody was ever seen under: alone it is no customer.
        there = {row.id for row in person.seen} | {row.customer_id for row in person.identifiers}
        if not there & taken or not there - taken:
            raise NothingLeft(person.id)
        return frozenset(taken)


async def _as_foreseen(tx: ReadTx, outlook: Outlook) -> Person:
    """The person that an outlook is of, with what would become of its evidence."""
    found = await rows.gathered(tx, outlook.root, outlook.members)
    links = [
        link._replace(status=outlook.statuses.get((link.from_id, link.into_id), link.status)) for link in found.links
    ]
    return Person(found.id, found.members, found.seen, found.identifiers, found.traits, links)
