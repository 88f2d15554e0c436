"""How what is said of customers is written: traits, identifiers, customers, and who that makes one person."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.profiles import repository
from services.profiles.domain.facts import Facts, Origin, Reader
from services.profiles.errors import BadTraits, TooManyTraits
from services.profiles.identifier_types import service as types
from services.profiles.identifier_types.service import IdentifierTypes
from services.profiles.identity import repository as graph
from services.profiles.identity import service as identity
from services.profiles.identity.service import Author
from services.profiles.membership.domain import Touched
from services.profiles.membership.service import Membership
from services.profiles.people import repository as rows
from services.profiles.search import repository as search
from services.profiles.search.domain import phrases_of
from services.profiles.settings import ProfilesSettings
from services.profiles.trait_schema import repository as declarations
from services.profiles.trait_schema.service import TraitSchema, announce_traits, check
from shared.clock import Clock
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.profiles import CustomerCreated
from shared.events.envelope import Event
from shared.ids import uuid7
from shared.observability.logging import logger

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Writing:
    """Writes facts, and announces what they change."""

    clock: Clock
    settings: ProfilesSettings
    reader: Reader
    trait_schema: TraitSchema
    identifier_types: IdentifierTypes
    membership: Membership

    async def facts(self, tx: ReadTx) -> Facts:
        """Nothing said yet, to be judged by what is declared now."""
        return Facts(await self.trait_schema.current(tx), await self.identifier_types.current(tx))

    async def store(self, tx: WriteTx, facts: Facts) -> None:
        """Write facts, and look again at whom they are of."""
        await self.membership.refresh(tx, await self.write(tx, facts))

    async def write(self, tx: WriteTx, facts: Facts) -> Touched:
        """Write facts and announce what they change; whom they are of.

        Each transaction writes the tables in this order, and the identity graph at the end: see `identity/`.
        """
        now, bounds = self.clock.now(), types.bounds(facts.types, self.settings)
        touched = Touched()
        await types.lock(tx, facts.types, facts.identifiers)
        written = await repository.put_traits(tx, facts.traits)
        await declarations.put_refused(tx, facts.misfits, keep=self.settings.max_traits)
        for word in written:
            # Also a word that changes nothing under its key: under the keys of one person another one may hold now.
            touched.traits[word.name].add(word.customer_id)
        changes = [word for word in written if word.is_change]
        if facts.traits:
            touched.people |= await self._forget_oldest_traits(tx, facts)
            names = {(word.customer_id, word.name): facts.traits[word[:2]].value for word in changes}
            await search.put_phrases(tx, phrases_of(names))
        named = await repository.put_identifiers(tx, facts.identifiers, bounds=bounds)
        changed = {each.identifier.customer_id for each in named if each.is_new}
        changed.update(each.customer_id for each in changes)
        met = await repository.put_customers(tx, facts.seen, changed=changed, now=now)
        await repository.touch(tx, changed - facts.seen.keys(), now=now)
        shared = await types.share(tx, facts.types, [each.identifier for each in named])
        known = await graph.news(tx, shared)
        news = await graph.news(tx, facts.links)
        own = facts.own_ids((each.id for each in met if each.is_earlier), news)
        await repository.put_identifiers(tx, own, bounds=bounds)
        for each in met:
            if each.is_new:
                seen = facts.seen[each.id]
                created = CustomerCreated(identified=seen.is_identified, source=seen.source)
                tx.emit(Event(uuid7(), each.id, seen.first, now, created))
                touched.people.add(each.id)
        announce_traits(tx, facts, changes, now)
        links = {pair: facts.links[pair] for pair in news}
        for pair in known:
            links[pair] = min(shared[pair], links.get(pair, shared[pair]), key=lambda link: link.rank)
        await identity.take_in(tx, links, Author(now), limit=self.settings.max_links)
        return touched

    async def _forget_oldest_traits(self, tx: WriteTx, facts: Facts) -> set[UUID]:
        """Keep customers within the limit; those whose traits may be fewer now."""
        customers = {customer_id for customer_id, _ in facts.traits}
        gone = await repository.forget_oldest_traits(tx, customers, keep=self.settings.max_traits)
        if gone:
            log.warning("traits_over_limit", forgotten=gone, limit=self.settings.max_traits)
        return customers if gone else set()

    async def describe(self, tx: WriteTx, facts: Facts, key: UUID, traits: Mapping[str, Any], origin: Origin) -> None:
        """Note what a request says of a customer; unlike an event's, it is refused as a whole."""
        self.reader.describe(facts, key, traits, origin)
        if facts.refused:
            raise BadTraits(
                bad_names=facts.refused.bad_names,
                too_large=facts.refused.too_large,
                max_bytes=self.settings.max_trait_bytes,
            )
        check(facts.misfits, facts.schema)
        names = [name for _, name in facts.traits]
        limit = self.settings.max_traits
        if names and len(names) + await rows.count_traits(tx, key, besides=names) > limit:
            raise TooManyTraits(limit)
