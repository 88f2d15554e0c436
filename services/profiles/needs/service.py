"""Use cases of needs: take down what customers want, count what they look for, and say what to do next."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.profiles.activity import repository as activity
from services.profiles.activity.domain import local_day
from services.profiles.consent import repository as consent
from services.profiles.consent.domain import CLOCK_TOLERANCE, Registry
from services.profiles.consent.domain import holding as consents_holding
from services.profiles.domain.identifiers import EMAIL, PHONE
from services.profiles.errors import FutureTime
from services.profiles.needs import repository
from services.profiles.needs.domain.actions import BirthdayFact, Facts, Language
from services.profiles.needs.domain.birthdays import TRAITS, birthday
from services.profiles.needs.domain.contact import Contact, contact
from services.profiles.needs.domain.interests import counted, ranked
from services.profiles.needs.domain.preferences import PREFERRED_CHANNEL, Type, Word, holding, written
from services.profiles.needs.domain.rules import suggestions
from services.profiles.needs.errors import UnknownPreference
from services.profiles.needs.schemas import (
    ActionOut,
    ActionsOut,
    DeclaredOut,
    DoorOut,
    InterestsOut,
    PreferenceIn,
    PreferencesOut,
    definition_out,
    interests_out,
    preferences_out,
)
from services.profiles.needs.settings import NeedsSettings
from services.profiles.people import service as people
from services.profiles.people.domain import Person, TraitRow
from services.profiles.rights.service import use
from services.profiles.told import repository as told
from services.profiles.told.domain import standing
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event
from shared.ids import uuid7


@dataclass(frozen=True, slots=True)
class Needs:
    """What customers need. `country` is that of phone numbers without a country code; days are those of `zone`."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    registry: Registry
    settings: NeedsSettings
    country: str

    async def preferences(self, reference: str) -> PreferencesOut:
        """What a customer wants.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
        """
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.country)
            return self.wanted(person.id, await repository.LATEST.read(tx, person.members))

    def wanted(self, root: UUID, words: Sequence[Word]) -> PreferencesOut:
        """What a person wants, by the latest words of their keys."""
        return PreferencesOut(customer=root, preferences=preferences_out(holding(words), self._types))

    async def declare(
        self, reference: str, name: str, body: PreferenceIn, *, by: str, idem: Idempotent | None
    ) -> Answer:
        """Take down what a customer wants; what they want then.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
            UnknownPreference, BadPreference, FutureTime: it cannot be kept.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            person = await people.known(tx, reference, country=self.country)
            if name not in self._types:
                raise UnknownPreference(self._types)
            value = written(self._types[name], body.value, channels=self.registry.channels)
            word = await self._word(tx, reference, person, name, value, time=body.time, source=body.source, by=by)
            return await self._say(tx, person, word, idem)

    async def take_back(
        self, reference: str, name: str, *, time: datetime | None, by: str, idem: Idempotent | None
    ) -> Answer:
        """A customer no longer wants what they said; the word stays in the history.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
            UnknownPreference: it is not declared, and the customer has no word on it.
            FutureTime: nobody knows what will be.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            person = await people.known(tx, reference, country=self.country)
            known = holding(await repository.LATEST.read(tx, person.members))
            if name not in self._types and name not in known:
                raise UnknownPreference(self._types)
            word = await self._word(tx, reference, person, name, None, time=time, source=None, by=by)
            return await self._say(tx, person, word, idem)

    async def history(self, reference: str, *, before: tuple[datetime, UUID] | None, limit: int) -> list[Word]:
        """All that a customer said on preferences, the latest first; one more than `limit` if there is more.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
        """
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.country)
            return await repository.history(tx, person.members, before=before, limit=limit + 1)

    async def record(self, tx: WriteTx, events: Sequence[Event[TouchpointRecorded]]) -> None:
        """Count what touchpoints tell of interests; each once, the inbox sees to that."""
        await repository.add_interests(tx, counted(events, self.zone))

    async def interests(self, reference: str, *, as_of: datetime | None, limit: int) -> InterestsOut:
        """What a customer looks for on the local day of a moment, by all that is known now.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
            FutureTime: nobody knows what will be.
        """
        moment = self.clock.now() if as_of is None else as_of
        if moment > self.clock.now() + CLOCK_TOLERANCE:
            raise FutureTime
        day, half_life = local_day(moment, self.zone), self.settings.interest_half_life_days
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.country)
            evidence = await repository.evidence(tx, person.members, until=day)
        found = ranked(evidence, day, half_life_days=half_life)[:limit]
        return InterestsOut(
            customer=person.id,
            as_of=moment,
            day=day,
            definition=definition_out(half_life),
            interests=interests_out(found, day, half_life_days=half_life),
        )

    async def next_best_actions(
        self, reference: str, *, language: Language, sees_sensitive: bool = False
    ) -> ActionsOut:
        """What to do for a customer next, what may be done first.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
            Restricted: the customer's data are kept, and used for nothing.
        """
        now = self.clock.now()
        async with self.db.read() as tx:
            known = await people.known(tx, reference, country=self.country)
            await use.check(tx, known.members)
            # A suggestion tells the facts it rests on.
            person = await people.visible(tx, known, sees_sensitive=sees_sensitive)
            facts = await self._facts(tx, person, now)
            reach = await self._contact(tx, person, facts)
        actions = suggestions(facts, self.settings.action_limits())
        shown = [ActionOut.of(action, reach, language) for action in actions]
        return ActionsOut(
            customer=person.id,
            as_of=now,
            language=language,
            purpose=reach.purpose,
            channels=[DoorOut.of(door) for door in reach.doors],
            actions=sorted(shown, key=lambda action: action.contact_allowed is False),
        )

    @property
    def _types(self) -> dict[str, Type]:
        return dict(self.settings.preferences)

    async def _word(
        self,
        tx: ReadTx,
        reference: str,
        person: Person,
        name: str,
        value: object,
        *,
        time: datetime | None,
        source: str | None,
        by: str,
    ) -> Word:
        """A word under the raw key that was named, so that an unmerge gives it back to whom it is of."""
        now, recorder = self.clock.now(), f"api:{by}"
        if time is not None and time > now + CLOCK_TOLERANCE:
            raise FutureTime
        return Word(
            id=uuid7(),
            customer_id=await people.key_or_root(tx, reference, person.id, country=self.country),
            name=name,
            value=value,
            time=min(time or now, now),
            recorded_at=now,
            source=source or recorder,
            recorded_by=recorder,
        )

    async def _say(self, tx: WriteTx, person: Person, word: Word, idem: Idempotent | None) -> Answer:
        await repository.add_word(tx, word)
        held = holding(await repository.LATEST.read(tx, person.members))
        said = DeclaredOut(
            customer=person.id,
            preferences=preferences_out(held, self._types),
            outdated=held[word.name].id != word.id,
        )
        answer = Answer(200, said.model_dump_json().encode())
        await remember(tx, idem, answer)
        return answer

    async def _facts(self, tx: ReadTx, person: Person, now: datetime) -> Facts:
        keys, today = person.members, local_day(now, self.zone)
        orders = await repository.order_times(tx, keys, until=now)
        evidence = await repository.evidence(tx, keys, until=today)
        return Facts(
            now=now,
            today=today,
            birthday=_birthday(person.traits, self.zone),
            orders=orders,
            order_days=[local_day(each, self.zone) for each in orders],
            last_seen={each.name: each.last_at for each in await activity.EVENTS.read(tx, keys)},
            interests=ranked(evidence, today, half_life_days=self.settings.interest_half_life_days),
            addresses=frozenset(
                each.type for each in person.identifiers if each.type in (EMAIL, PHONE) and each.refused_because is None
            ),
            told=standing(person.id, await told.TOLD.read(tx, keys)),
        )

    async def _contact(self, tx: ReadTx, person: Person, facts: Facts) -> Contact:
        held = consents_holding(await consent.LATEST.read(tx, person.members))
        wanted = holding(await repository.LATEST.read(tx, person.members)).get(PREFERRED_CHANNEL)
        return contact(
            self.registry,
            held,
            facts.addresses,
            purpose=self.settings.action_purpose,
            preferred=None if wanted is None else wanted.value,
            now=facts.now,
        )


def _birthday(traits: Collection[TraitRow], zone: ZoneInfo) -> BirthdayFact | None:
    """The birthday of the trait that was written last, of those that state one."""
    stated = [
        (trait.event_time, trait.event_id, BirthdayFact(found, trait.name, trait.source, trait.event_time))
        for trait in traits
        if trait.name in TRAITS and (found := birthday(trait.value, zone)) is not None
    ]
    return max(stated, key=lambda each: each[:2])[2] if stated else None
