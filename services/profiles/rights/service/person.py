"""The person of a case: what names them, everything that profiles keeps of them, and its end."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.profiles.consent.service import Consent
from services.profiles.domain.identifiers import ANONYMOUS_ID, USER_ID
from services.profiles.membership.domain import Touched
from services.profiles.membership.service import Membership
from services.profiles.rights.domain.naming import telling
from services.profiles.rights.repository import person as repository
from shared.clock import Clock
from shared.db.engine import ReadTx, WriteTx
from shared.identity import mapping
from shared.rights.contract import Erased, Subject
from shared.rights.marks import Seal

KEPT = {
    "profiles: identity": "Which pseudonymous keys were one person: figures count them as one.",
    "profiles: consent_announced": "The number of the last word on each consent, all withdrawn, without its person.",
    "profiles: consent_proofs": "A keyed hash of each word on consent, to prove that it was given or withdrawn.",
    "profiles: rights_cases": "That a request was made and followed, as the law has us prove; it names nobody.",
    "platform: audit": "Who read or changed something of the pseudonymous key, as the law has us prove.",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What names a person: `texts` that are of nobody else, and the marks of everything they went by."""

    texts: tuple[str, ...]
    marks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Persons:
    """Reads and removes what profiles keeps of a person."""

    clock: Clock
    seal: Seal
    consent: Consent
    membership: Membership

    async def names(self, tx: ReadTx, keys: Sequence[UUID]) -> Names:
        """What names the person of these keys.

        What somebody else goes by too stays out of it: it must neither be looked for nor kept from coming back.
        """
        named = [each for each in await repository.identifiers(tx, keys) if each.is_own]
        said = [(each.name, each.value) for each in await repository.traits(tx, keys) if each.is_own]
        texts = {each.value for each in named} | set(telling(said))
        marks = [self.seal.of_key(key) for key in keys]
        marks += [self.seal.of_identifier(each.type, each.value) for each in named if each.type != "previous_id"]
        return Names(tuple(sorted(texts)), tuple(sorted(set(marks))))

    async def export(self, tx: ReadTx, subject: Subject) -> AsyncIterator[tuple[str, Any]]:
        """Everything that profiles keeps of the person, table by table."""
        async for section in repository.sections(tx, subject.keys):
            yield section

    async def erase(self, tx: WriteTx, subject: Subject, case_id: UUID | None = None) -> Erased:
        """Remove it. With a `case_id`, a keyed hash of each word on consent stays as its proof."""
        erased = Erased()
        if case_id is not None:
            records = await repository.consent_records(tx, subject.keys)
            digests = [self.seal.of_identifier("consent", record.document) for record in records]
            await repository.keep_proofs(tx, case_id, records, digests)
        owned = [each.value for each in await repository.identifiers(tx, subject.keys) if each.type in _OWN]
        for table, rows in (await repository.erase(tx, subject.keys)).items():
            erased.add(table, rows)
        erased.add("identifiers", await repository.erase_aliases(tx, [*owned, *subject.texts]))
        # Last, and in the order of everybody else: the mapping, consent, standings.
        await mapping.hold(tx)
        roots = set((await mapping.roots(tx, subject.keys)).values())
        await self.consent.forget(tx, roots)
        await self.membership.refresh(tx, Touched(people={*subject.keys, *roots}))
        erased.add("memberships", await repository.erase_memberships(tx, subject.keys))
        erased.kept.update(KEPT)
        return erased

    async def look_again(self, tx: WriteTx, keys: Collection[UUID]) -> None:
        """See which segments the person is in now."""
        roots = set((await mapping.roots(tx, keys)).values())
        await self.membership.refresh(tx, Touched(people={*keys, *roots}))


_OWN = (USER_ID, ANONYMOUS_ID)
