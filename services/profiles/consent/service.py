"""Use cases of consent: take down what customers say, tell followers what changed by it, and say what is allowed.

Whoever writes holds the mapping of persons and then the person (`repository.lock`), so that what followers were told
last is what holds. Reads need neither: they read the words.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from services.profiles.consent import repository
from services.profiles.consent.domain import (
    CLOCK_TOLERANCE,
    Announced,
    Frequency,
    Pair,
    Registry,
    Text,
    Word,
    heard,
    holding,
    news,
)
from services.profiles.consent.errors import (
    BadExpiry,
    BadReferences,
    FrequencyMissing,
    ProofTooLarge,
    TextPublished,
    TextUnknown,
    TextUnpublished,
    TextVersionMissing,
)
from services.profiles.consent.schemas import (
    CheckedOut,
    CheckIn,
    CheckOut,
    ConsentChangeIn,
    ConsentIn,
    ConsentOut,
    DeclaredOut,
    RecordedOut,
    TextIn,
    TextOut,
    exempt_out,
    state_out,
    verdict,
)
from services.profiles.domain.identifiers import Blocklist
from services.profiles.errors import FutureTime
from services.profiles.identifier_types.domain import Types
from services.profiles.membership.domain import Touched
from services.profiles.membership.service import Membership
from services.profiles.people import service as people
from services.profiles.rights.repository import person as rights
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.profiles import ConsentChanged, CustomerMerged, CustomerUnmerged
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.identity import mapping
from shared.ids import customer_key, uuid7
from shared.rights import audit


@dataclass(frozen=True, slots=True)
class Consent:
    """What customers allow. `country` is that of phone numbers without a country code."""

    db: Database
    clock: Clock
    registry: Registry
    blocklist: Blocklist
    proof_bytes: int
    country: str
    membership: Membership

    def declared(self) -> DeclaredOut:
        """What consent can be asked for."""
        return DeclaredOut.of(self.registry)

    async def record(self, reference: str, body: ConsentIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Take down what a customer said; what they allow then.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
            UnknownPurpose, UnknownChannel, ConsentNotNeeded: consent cannot be given to that.
            TextVersionMissing, TextUnpublished, FrequencyMissing, BadExpiry, ProofTooLarge, FutureTime: the word proves
                nothing.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await mapping.hold(tx)
            person = await people.known(tx, reference, country=self.country)
            named = await people.keys_of(tx, reference, country=self.country)
            words = self._words(body, named[0] if len(named) == 1 else person.id, by)
            await self._refuse_unpublished(tx, words)
            await repository.lock(tx, (person.id,))
            await repository.add(tx, words)
            held = (await self._announce(tx, (person.id,), words[0].time))[person.id]
            await self.membership.refresh(tx, Touched(consents={person.id}))
            state = self._state(person.id, held, None)
            outdated = [place for place, word in enumerate(words) if held[word.pair].id != word.id]
            said = RecordedOut(**dict(state), outdated=outdated)
            answer = Answer(200, said.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def hear(self, tx: WriteTx, batch: Sequence[Event[TouchpointReceived]], types: Types) -> set[UUID]:
        """Take down what consent managers tell, as far as their categories are declared; the keys they tell it of.

        Whoever calls looks at their memberships again.
        """
        if not self.registry.categories:
            return set()
        words = [word for event in batch for word in heard(event, self.registry, self.blocklist, types)]
        if not words:
            return set()
        await mapping.hold(tx)
        roots = set((await mapping.roots(tx, {word.customer_id for word in words})).values())
        await repository.lock(tx, roots)
        keys = await repository.add(tx, words)
        if keys:
            await self._announce(tx, roots, max(word.time for word in words))
        return keys

    async def follow(self, tx: WriteTx, batch: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]) -> None:
        """Tell what persons allow who became one, or two."""
        await mapping.hold(tx)
        touched = {key for event in batch for key in (event.data.from_id, event.data.into_id)}
        roots = set((await mapping.roots(tx, touched)).values())
        await repository.lock(tx, roots)
        await self._announce(tx, roots, max(event.time for event in batch))

    async def object_to(self, tx: WriteTx, root: UUID, purposes: Collection[str], *, by: str) -> None:
        """Take down that a person objects: what they allowed for these purposes is withdrawn over every channel."""
        now, recorder = self.clock.now(), f"api:{by}"
        words = [
            Word(uuid7(), root, Pair(purpose, channel), False, now, now, "objection", recorder)
            for purpose in sorted(self.registry.purposes.intersection(purposes))
            for channel in sorted(self.registry.channels)
        ]
        await mapping.hold(tx)
        await repository.lock(tx, (root,))
        await repository.add(tx, words)
        await self._announce(tx, (root,), now)
        await self.membership.refresh(tx, Touched(consents={root}))

    async def forget(self, tx: WriteTx, roots: Collection[UUID]) -> None:
        """Tell that persons whose words are gone allow nothing any more; the mapping is held already."""
        await repository.lock(tx, roots)
        await self._announce(tx, roots, self.clock.now())

    async def state(self, reference: str, *, as_of: datetime | None) -> ConsentOut:
        """What a customer allows now, or allowed at a time as far as is known by now.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
            FutureTime: nobody knows what will be.
        """
        if as_of is not None and as_of > self.clock.now() + CLOCK_TOLERANCE:
            raise FutureTime
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.country)
            if as_of is None:
                words = await repository.LATEST.read(tx, person.members)
            else:
                words = await repository.latest_until(tx, person.members, as_of)
        return self.shown(person.id, words, as_of)

    def shown(self, root: UUID, words: Sequence[Word], as_of: datetime | None = None) -> ConsentOut:
        """What a person allows, by the latest words of their keys."""
        return self._state(root, holding(words), as_of)

    async def history(
        self,
        reference: str,
        *,
        purpose: str | None,
        channel: str | None,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[Word]:
        """Everything a customer said on consent, the latest first; one more than `limit` if there is more.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
        """
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.country)
            return await repository.history(
                tx, person.members, purpose=purpose, channel=channel, before=before, limit=limit + 1
            )

    async def check(self, body: CheckIn) -> CheckOut:
        """Who of these customers may be contacted now; of somebody nobody knows there is no consent.

        Raises:
            UnknownPurpose, UnknownChannel: it is not declared.
            BadReferences: not everybody is named by an id.
        """
        pair, now = Pair(body.purpose, body.channel), self.clock.now()
        basis = self.registry.declared(pair)
        keys = _keys(body.customers)
        audit.saw(keys)
        async with self.db.read() as tx:
            said = await repository.asked(tx, keys, pair) if basis is None else {}
            hindered = await rights.hindered(tx, keys, pair.purpose, objections=basis is not None)
        results = []
        for customer, key in zip(body.customers, keys, strict=True):
            word = holding(said.get(key, ())).get(pair)
            reason = hindered.get(key) or self.registry.reason(pair, word, now)
            results.append(CheckedOut(customer=customer, **verdict(reason, word)))
        return CheckOut(purpose=pair.purpose, channel=pair.channel, checked_at=now, basis=basis, results=results)

    async def publish(self, version: str, body: TextIn, *, by: str) -> tuple[TextOut, bool]:
        """Publish a text, and whether it is new; to publish the same again changes nothing.

        Raises:
            TextPublished: the version stands for another text.
        """
        text = Text(version, body.locale, body.text, self.clock.now(), f"api:{by}")
        async with self.db.write() as tx:
            if await repository.publish(tx, text):
                return TextOut.of(text), True
            known = (await repository.texts(tx, (version,)))[version]
        if not known.is_same(text):
            raise TextPublished
        return TextOut.of(known), False

    async def text(self, version: str) -> TextOut:
        """The text of a version.

        Raises:
            TextUnknown: there is none.
        """
        async with self.db.read() as tx:
            found = await repository.texts(tx, (version,))
        if version not in found:
            raise TextUnknown
        return TextOut.of(found[version])

    async def texts(self, *, before: tuple[datetime, str] | None, limit: int) -> list[Text]:
        """Published texts, the newest first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await repository.newest_texts(tx, before=before, limit=limit + 1)

    async def _refuse_unpublished(self, tx: ReadTx, words: Sequence[Word]) -> None:
        if not self.registry.texts_required:
            return
        published = await repository.texts(tx, {word.text_version for word in words if word.text_version})
        for position, word in enumerate(words):
            if word.granted and word.text_version not in published:
                raise TextUnpublished(position=position)

    def _words(self, body: ConsentIn, key: UUID, by: str) -> list[Word]:
        """What a request says, as words under a raw person key."""
        now = self.clock.now()
        if body.time is not None and body.time > now + CLOCK_TOLERANCE:
            raise FutureTime
        if body.proof is not None and len(orjson.dumps(body.proof)) > self.proof_bytes:
            raise ProofTooLarge(self.proof_bytes)
        time, recorder = min(body.time or now, now), f"api:{by}"
        words = []
        for position, change in enumerate(body.changes):
            text_version = change.text_version or body.text_version
            self._refuse(change, position, text_version=text_version, time=time)
            frequency = None if change.frequency is None else Frequency(change.frequency.max, change.frequency.per)
            words.append(
                Word(
                    id=uuid7(),
                    customer_id=key,
                    pair=Pair(change.purpose, change.channel),
                    granted=change.state == "granted",
                    time=time,
                    recorded_at=now,
                    source=body.source or recorder,
                    recorded_by=recorder,
                    text_version=text_version,
                    frequency=frequency,
                    expires_at=change.expires_at,
                    proof=body.proof,
                )
            )
        return words

    def _refuse(self, change: ConsentChangeIn, position: int, *, text_version: str | None, time: datetime) -> None:
        self.registry.askable(Pair(change.purpose, change.channel), position=position)
        if change.state == "withdrawn":
            return
        if text_version is None:
            raise TextVersionMissing(position=position)
        if change.frequency is None and change.purpose in self.registry.frequency_required:
            raise FrequencyMissing(position=position)
        if change.expires_at is not None and change.expires_at <= time:
            raise BadExpiry(position=position)

    async def _announce(self, tx: WriteTx, roots: Collection[UUID], time: datetime) -> dict[UUID, dict[Pair, Word]]:
        """Tell what followers have not heard of these persons; the words that hold for each."""
        held = await _held(tx, roots)
        told = await repository.announced(tx, roots)
        fresh = {root: found for root in sorted(roots) if (found := news(held[root], told[root]))}
        await repository.note(tx, fresh)
        now = self.clock.now()
        for root, changes in fresh.items():
            for pair, change in changes.items():
                tx.emit(Event(uuid7(), root, time, now, _changed(pair, change)))
        return held

    def _state(self, root: UUID, held: dict[Pair, Word], as_of: datetime | None) -> ConsentOut:
        at = as_of or self.clock.now()
        return ConsentOut(
            customer=root,
            as_of=as_of,
            consents=[state_out(self.registry, pair, word, at) for pair, word in sorted(held.items())],
            not_needed=exempt_out(self.registry),
        )


async def _held(tx: ReadTx, roots: Collection[UUID]) -> dict[UUID, dict[Pair, Word]]:
    """The words that hold for each person."""
    members = await mapping.members(tx, roots)
    owner = {key: root for root, keys in members.items() for key in keys}
    words: dict[UUID, list[Word]] = {root: [] for root in roots}
    for word in await repository.LATEST.read(tx, owner):
        words[owner[word.customer_id]].append(word)
    return {root: holding(said) for root, said in words.items()}


def _changed(pair: Pair, change: Announced) -> ConsentChanged:
    state = change.state
    return ConsentChanged(
        purpose=pair.purpose,
        channel=pair.channel,
        state=state.state,
        version=change.version,
        text_version=state.text_version,
        frequency_max=state.frequency and state.frequency.max,
        frequency_per=state.frequency and state.frequency.per,
        expires_at=state.expires_at,
    )


def _keys(customers: Sequence[str]) -> list[UUID]:
    """The raw person keys of references that hold one.

    Raises:
        BadReferences: some do not.
    """
    keys, bad = [], []
    for position, reference in enumerate(customers):
        try:
            keys.append(customer_key(reference))
        except ValueError:
            bad.append(position)
    if bad:
        raise BadReferences(bad)
    return keys
