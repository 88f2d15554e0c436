"""Use cases of customers: take in touchpoints and requests, and say who somebody is.

What is said of a customer is stored under the raw person key it was said of; a person is the union over the keys of
one root. So a merge and an unmerge move no row, and give back exactly what was there before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.profiles.activity.service import ActivityService
from services.profiles.consent.domain import CLOCK_TOLERANCE
from services.profiles.consent.service import Consent
from services.profiles.domain.facts import Facts, Origin, Reader
from services.profiles.errors import (
    AmbiguousIdentifier,
    BlockedIdentifier,
    FutureTime,
    TraitsMoved,
)
from services.profiles.identifier_types import service as types
from services.profiles.identifier_types.domain import Types
from services.profiles.identifier_types.service import IdentifierTypes, RememberedTypes
from services.profiles.identity import repository as graph
from services.profiles.identity import service as identity
from services.profiles.identity.domain import LogEntry
from services.profiles.identity.service import Author
from services.profiles.membership.service import Membership, RememberedPlan, Upkeep
from services.profiles.merging.service import Merging
from services.profiles.needs.service import Needs
from services.profiles.overview.service import Overview
from services.profiles.people import repository as rows
from services.profiles.people import service as people
from services.profiles.people.domain import CustomerRow, Person
from services.profiles.personas.service import Personas
from services.profiles.rfm.service import Rfm
from services.profiles.rights.service.installation import Installation
from services.profiles.rights.service.whole import DataRights
from services.profiles.schemas import (
    CustomerIn,
    CustomerOut,
    DescribedOut,
    ExternalIdIn,
    MergeIn,
    TraitsIn,
    TraitsOut,
    UnmergeIn,
)
from services.profiles.search.service import Search
from services.profiles.segments.service import SegmentsService
from services.profiles.settings import ProfilesSettings
from services.profiles.spaces.service import Spaces
from services.profiles.told.service import ToldFacts
from services.profiles.trait_schema.service import Remembered, TraitSchema
from services.profiles.writing.service import Writing
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.identity import mapping
from shared.ids import anonymous_key, user_key, uuid7
from shared.observability.logging import logger

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class ProfilesService:
    """Who the customers are. Use cases for requests name the key that asks (`by`), for provenance and the merge log."""

    db: Database
    clock: Clock
    settings: ProfilesSettings
    reader: Reader
    zone: ZoneInfo
    installation: Installation
    remembered: Remembered = field(default_factory=Remembered)
    remembered_types: RememberedTypes = field(default_factory=RememberedTypes)
    remembered_plan: RememberedPlan = field(default_factory=RememberedPlan)

    @property
    def consent(self) -> Consent:
        """What customers allow."""
        settings = self.settings
        return Consent(
            db=self.db,
            clock=self.clock,
            registry=settings.consent_registry(),
            blocklist=self.reader.blocklist,
            proof_bytes=settings.consent_proof_bytes,
            country=settings.phone_country,
            membership=self.membership,
        )

    @property
    def merging(self) -> Merging:
        """Looking before a merge, and splitting."""
        return Merging(self.db, self.clock, self.settings.phone_country, self.membership)

    @property
    def spaces(self) -> Spaces:
        """Customers as Segment's Profile API shows them."""
        return Spaces(self.db, self.settings.phone_country)

    @property
    def search(self) -> Search:
        """Finding people by the beginning of what they go by."""
        return Search(self.db, self.settings.phone_country)

    @property
    def membership(self) -> Membership:
        """Who is in which segment now."""
        return Membership(self.clock, self.zone, self.remembered_plan)

    @property
    def upkeep(self) -> Upkeep:
        """Timed work on memberships."""
        return Upkeep(self.db, self.clock, self.membership)

    @property
    def segments(self) -> SegmentsService:
        """Segments as they are defined."""
        registry, country = self.settings.consent_registry(), self.settings.phone_country
        return SegmentsService(self.db, self.clock, self.zone, country, self.membership, registry)

    @property
    def needs(self) -> Needs:
        """What customers want and look for, and what to do next."""
        settings = self.settings
        return Needs(self.db, self.clock, self.zone, settings.consent_registry(), settings, settings.phone_country)

    @property
    def personas(self) -> Personas:
        """Who groups of customers are, in shared words."""
        return Personas(self.db, self.clock, self.zone, self.settings.phone_country, self.membership)

    @property
    def trait_schema(self) -> TraitSchema:
        """What is declared of traits."""
        country, is_strict = self.settings.phone_country, self.settings.strict_traits
        return TraitSchema(self.db, self.clock, country, is_strict, self.remembered, self.membership)

    @property
    def identifier_types(self) -> IdentifierTypes:
        """What is declared of identifiers."""
        return IdentifierTypes(self.db, self.clock, self.remembered_types)

    @property
    def rfm(self) -> Rfm:
        """The scale of scores."""
        return Rfm(self.db, self.clock, self.membership)

    @property
    def told(self) -> ToldFacts:
        """What other services tell."""
        return ToldFacts(self.membership)

    @property
    def activity(self) -> ActivityService:
        """What customers did."""
        return ActivityService(self.db, self.clock, self.zone, self.settings.phone_country, self.membership)

    @property
    def overview(self) -> Overview:
        """Customers with all that is asked for beside."""
        country = self.settings.phone_country
        return Overview(self.db, country, self.activity, self.segments, self.consent, self.needs)

    @property
    def rights(self) -> DataRights:
        """What people ask of their data."""
        country, here = self.settings.phone_country, self.installation
        return DataRights(self.db, self.clock, self.zone, country, here, self.consent, self.membership, self.rectify)

    @property
    def writing(self) -> Writing:
        """Writing what is said of customers."""
        types_ = self.identifier_types
        return Writing(self.clock, self.settings, self.reader, self.trait_schema, types_, self.membership)

    async def record(
        self, tx: WriteTx, batch: Sequence[Event[TouchpointReceived]]
    ) -> Sequence[Event[TouchpointReceived]]:
        """Take in touchpoints; those that were taken, for some may name somebody who was erased."""
        declared = await self.writing.facts(tx)

        def read(events: Sequence[Event[TouchpointReceived]]) -> Facts:
            facts = Facts(declared.schema, declared.types)
            for event in events:
                self.reader.observe(facts, event)
            return facts

        batch, facts = await self.rights.admission.admit(tx, batch, read)
        if refused := facts.refused:
            log.warning("traits_refused", bad_names=len(refused.bad_names), too_large=len(refused.too_large))
        if facts.misfits:
            log.warning("traits_misfit", words=len(facts.misfits))
        touched = await self.writing.write(tx, facts)
        touched.consents |= await self.consent.hear(tx, batch, facts.types)
        await self.membership.refresh(tx, touched)
        return batch

    async def create(
        self, body: CustomerIn, *, by: str, idem: Idempotent | None, sees_sensitive: bool = False
    ) -> Answer:
        """Make a customer, or add to the one that is there; the person as it is then.

        Raises:
            BlockedIdentifier: an id is a placeholder.
            AmbiguousIdentifier: the external ids name several customers.
            BadTraits, TraitsMisfit, TooManyTraits, TooManyIdentifiers, FutureTime: what is said cannot be kept.
            Suppressed: it names somebody who was erased.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            facts, origin = await self.writing.facts(tx), self._origin(body.time, by)
            key = await self._key_for(tx, body, facts.types)
            self.reader.meet(facts, key, body.user_id, body.anonymous_id, origin)
            facts.seen[key].is_identified = body.user_id is not None or body.anonymous_id is None
            for each in body.external_ids:
                self.reader.external(facts, key, each.type, each.id, origin)
            await self.writing.describe(tx, facts, key, body.traits, origin)
            await self.rights.admission.refuse(tx, facts)
            is_new = not await rows.customers(tx, (key,))
            if not is_new:
                # Who writes about a customer has not seen them.
                facts.seen.clear()
            await self.writing.store(tx, facts)
            await types.check_limits(tx, facts)
            return await self._answer(tx, idem, key, status=201 if is_new else 200, sees_sensitive=sees_sensitive)

    async def describe(
        self,
        reference: str,
        body: TraitsIn,
        *,
        by: str,
        if_match: frozenset[str] | None,
        idem: Idempotent | None,
        sees_sensitive: bool = False,
    ) -> Answer:
        """Say something of a person, if the traits are still of one of the revisions `if_match`.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
            TraitsMoved: the traits are others by now.
            BadTraits, TraitsMisfit, TooManyTraits, TooManyIdentifiers, FutureTime: what is said cannot be kept.
            Suppressed: it names somebody who was erased.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            person = await people.known(tx, reference, country=self.settings.phone_country)
            if if_match is not None:
                await self._check_revision(tx, person, if_match, sees_sensitive=sees_sensitive)
            facts, origin = await self.writing.facts(tx), self._origin(body.time, by)
            await self._say(tx, facts, person.id, body.traits, origin)
            after = await people.person(tx, person.id)
            now = TraitsOut.of(await people.visible(tx, after, sees_sensitive=sees_sensitive))
            latest = await rows.latest_words(tx, person.members, [name for _, name in facts.traits])
            outdated = sorted(name for name, event_id in latest.items() if event_id != origin.event_id)
            said = DescribedOut(customer=now.customer, traits=now.traits, revision=now.tag(), outdated=outdated)
            answer = Answer(200, said.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def rectify(self, tx: WriteTx, key: UUID, traits: Mapping[str, Any], *, by: str) -> list[str]:
        """Say what is right of a person who asked for it; the names of what was said.

        Raises:
            BadTraits, TraitsMisfit, TooManyTraits, TooManyIdentifiers: what is said cannot be kept.
        """
        facts = await self.writing.facts(tx)
        await self._say(tx, facts, key, traits, self._origin(None, by))
        return sorted(name for _, name in facts.traits)

    async def _say(self, tx: WriteTx, facts: Facts, key: UUID, traits: Mapping[str, Any], origin: Origin) -> None:
        """Write what a request says of a person."""
        await self.writing.describe(tx, facts, key, traits, origin)
        await self.rights.admission.refuse(tx, facts)
        await self.writing.store(tx, facts)
        await types.check_limits(tx, facts)

    async def merge(
        self, reference: str, body: MergeIn, *, by: str, idem: Idempotent | None, sees_sensitive: bool = False
    ) -> Answer:
        """Somebody says that one customer is another; the person they are then.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: a reference does not name one person.
            SamePerson, MergeIntoVisitor: the merge makes no sense.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            country = self.settings.phone_country
            gone = await people.known(tx, reference, country=country)
            kept = await people.known(tx, body.into, country=country)
            into = await people.key_or_root(tx, body.into, kept.id, country=country)
            await identity.merge(tx, gone.id, into, Author(self.clock.now(), by, body.reason))
            await self.membership.refresh(tx)
            return await self._answer(tx, idem, into, sees_sensitive=sees_sensitive)

    async def unmerge(
        self, reference: str, body: UnmergeIn, *, by: str, idem: Idempotent | None, sees_sensitive: bool = False
    ) -> Answer:
        """Somebody says that a key is not the person it was merged into; the person it is then.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one key.
            NotMerged: the key is merged into nothing.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            country = self.settings.phone_country
            await people.known(tx, reference, country=country)
            keys = await people.keys_of(tx, reference, country=country)
            if len(keys) > 1:
                raise AmbiguousIdentifier(keys)
            await identity.unmerge(tx, keys[0], Author(self.clock.now(), by, body.reason))
            await self.membership.refresh(tx)
            return await self._answer(tx, idem, keys[0], sees_sensitive=sees_sensitive)

    async def get(self, reference: str, *, sees_sensitive: bool = False) -> CustomerOut:
        """The person that goes by `reference`.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: it does not name one person.
        """
        return CustomerOut.of(await self._seen(reference, sees_sensitive=sees_sensitive))

    async def traits(self, reference: str, *, sees_sensitive: bool = False) -> TraitsOut:
        """The traits of the person that goes by `reference`.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: it does not name one person.
        """
        return TraitsOut.of(await self._seen(reference, sees_sensitive=sees_sensitive))

    async def _seen(self, reference: str, *, sees_sensitive: bool) -> Person:
        country = self.settings.phone_country
        return await people.seen(self.db, reference, country=country, sees_sensitive=sees_sensitive)

    async def newest(
        self, *, identified: bool | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[CustomerRow]:
        """People, those we heard of last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await rows.newest(tx, identified=identified, before=before, limit=limit + 1)

    async def changed(
        self, *, since: datetime, identified: bool | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> tuple[Sequence[CustomerRow], tuple[datetime, UUID] | None]:
        """People who changed, the oldest change first, and the place to go on from if there are more changes."""
        async with self.db.read() as tx:
            changes = await rows.changes(tx, since=since, after=after, limit=limit + 1)
            roots = await mapping.roots(tx, [key for _, key in changes[:limit]])
            found = await rows.summaries(tx, set(roots.values()), restricted=False)
        in_order = dict.fromkeys(roots[key] for _, key in changes[:limit])
        people_ = [found[root] for root in in_order if root in found]
        wanted = [row for row in people_ if identified is None or row.identified == identified]
        return wanted, changes[limit - 1] if len(changes) > limit else None

    async def merges(
        self, reference: str, *, before: tuple[datetime, UUID, int] | None, limit: int
    ) -> Sequence[LogEntry]:
        """The merge log of a person, the newest first; one more than `limit` if there are more.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
        """
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.settings.phone_country)
            return await graph.log_of(tx, person.members, before=before, limit=limit + 1)

    async def _check_revision(
        self, tx: WriteTx, person: Person, if_match: frozenset[str], *, sees_sensitive: bool
    ) -> None:
        """Of what the caller sees: what others see may move beside it."""
        await rows.lock_traits(tx, person.members)
        now = await people.person(tx, person.id)
        current = TraitsOut.of(await people.visible(tx, now, sees_sensitive=sees_sensitive)).tag()
        if current not in if_match:
            raise TraitsMoved(current)

    def _origin(self, time: datetime | None, by: str) -> Origin:
        now = self.clock.now()
        if time is not None and time > now + CLOCK_TOLERANCE:
            raise FutureTime
        return Origin(min(time or now, now), uuid7(), f"api:{by}", now)

    async def _key_for(self, tx: WriteTx, body: CustomerIn, declared: Types) -> UUID:
        """The raw person key a request is about: the user's, else the visitor's, else whoever has the external ids."""
        for name, value in (("user_id", body.user_id), ("anonymous_id", body.anonymous_id)):
            if value is not None and not self.reader.usable(declared, name, value):
                raise BlockedIdentifier(name)
        external = sorted({self._written(each, declared) for each in body.external_ids})
        if body.user_id is not None:
            return user_key(body.user_id)
        if body.anonymous_id is not None:
            return anonymous_key(body.anonymous_id)
        owners: set[UUID] = set()
        for type_, value in external:
            await rows.lock_identifier(tx, type_, value)
            owners.update(await rows.owners(tx, type_, value))
        roots = sorted(set((await mapping.roots(tx, owners)).values()))
        if len(roots) > 1:
            raise AmbiguousIdentifier(roots)
        # Not derived from the external id: that may be an address, and the key travels in events.
        return roots[0] if roots else uuid7()

    def _written(self, external: ExternalIdIn, declared: Types) -> tuple[str, str]:
        written = self.reader.written(declared, external.type, external.id)
        if written is None:
            raise BlockedIdentifier("external_ids")
        return external.type, written

    async def _answer(
        self, tx: WriteTx, idem: Idempotent | None, key: UUID, *, status: int = 200, sees_sensitive: bool
    ) -> Answer:
        """The person that `key` belongs to, stored for a repeated request."""
        found = await people.person(tx, (await mapping.roots(tx, (key,)))[key])
        person = await people.visible(tx, found, sees_sensitive=sees_sensitive)
        answer = Answer(status, CustomerOut.of(person).model_dump_json().encode())
        await remember(tx, idem, answer)
        return answer
