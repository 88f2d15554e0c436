"""Use cases of personas: write them down together, look at them with live figures, and know which a customer is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.profiles.errors import FutureTime
from services.profiles.membership import repository as memberships
from services.profiles.membership.service import Membership
from services.profiles.people import service as people
from services.profiles.personas import repository
from services.profiles.personas.domain.changes import Change, changes
from services.profiles.personas.domain.persona import Content, Feeling, Outlook, Persona, Sight, Status
from services.profiles.personas.domain.privacy import findings, ids
from services.profiles.personas.errors import (
    Finding,
    PersonaCycle,
    PersonaExists,
    PersonalData,
    PersonaMoved,
    PersonaTooLarge,
    PersonaUnknown,
    PersonaVersionUnknown,
    TooManyPersonas,
    UnknownSegment,
)
from services.profiles.personas.schemas.persona import PersonaChangeIn, PersonaIn, PersonaOut, RetireIn
from services.profiles.segments.domain.expansion import Cycle, TooLarge
from services.profiles.segments.domain.rule import OfPersona
from services.profiles.segments.repository import definitions
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.metrics import SatisfactionTold, SegmentOutlookTold
from shared.events.catalogue.profiles import PersonaChanged
from shared.events.envelope import Event
from shared.ids import derived_id, uuid7

MAX_PERSONAS = 100


class Belonging(NamedTuple):
    """A persona that somebody belongs to, since they entered its segment."""

    persona: Persona
    since: datetime


@dataclass(frozen=True, slots=True)
class Personas:
    """Personas as people write them. Use cases that change something name the key that asks (`by`).

    `zone` is the firm's: figures are as of its day. Where `versions` are given, one of them must still hold.
    """

    db: Database
    clock: Clock
    zone: ZoneInfo
    country: str
    membership: Membership

    async def create(self, body: PersonaIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Write a new persona down.

        Raises:
            PersonaExists, TooManyPersonas: there is no room for it.
            PersonalData, UnknownSegment, PersonaCycle, PersonaTooLarge, FutureTime: it cannot be so.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await repository.claim(tx)
            if await repository.latest(tx, body.key) is not None:
                raise PersonaExists
            if await repository.count(tx) >= MAX_PERSONAS:
                raise TooManyPersonas(MAX_PERSONAS)
            content, now = body.content(), self.clock.now()
            await self._check(tx, content, key=body.key, note=body.note)
            persona = Persona(body.key, 1, 1, content, body.note, now, by, now)
            await self._put(tx, persona, None)
            return await self._answer(tx, idem, 201, persona)

    async def change(
        self, key: str, body: PersonaChangeIn, *, by: str, versions: frozenset[int] | None, idem: Idempotent | None
    ) -> Answer:
        """Write the next version of a persona; what changes nothing makes none. One that is retired may come back.

        Raises:
            PersonaUnknown, PersonaMoved: there is no persona of these versions.
            PersonalData, UnknownSegment, FutureTime: it cannot be so.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            old = await _held(tx, key, versions)
            content = body.content()
            if content != old.content:
                await self._check(tx, content, note=body.note, known_segment=old.content.segment_id)
            return await self._next(tx, idem, old, content, note=body.note, by=by)

    async def retire(
        self, key: str, body: RetireIn, *, by: str, versions: frozenset[int] | None, idem: Idempotent | None
    ) -> Answer:
        """Take a persona out of use: nobody belongs to it any more, and it can still be read.

        Raises:
            PersonaUnknown, PersonaMoved: there is no persona of these versions.
            PersonalData: the note names somebody.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            old = await _held(tx, key, versions)
            await _check_words(tx, {"note": body.note})
            retired = old.content.model_copy(update={"status": "retired"})
            return await self._next(tx, idem, old, retired, note=body.note, by=by)

    async def get(self, key: str, *, version: int | None = None) -> tuple[Persona, Sight]:
        """A persona as it is, or was in a version, and what is live beside it now.

        Raises:
            PersonaUnknown, PersonaVersionUnknown: there is none.
        """
        async with self.db.read() as tx:
            persona = await _known(tx, key, version)
            return persona, await self._sight(tx, [persona])

    async def listed(self, *, status: Status | None, after: str | None, limit: int) -> tuple[Sequence[Persona], Sight]:
        """Personas by key, and what is live beside them; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            found = await repository.listed(tx, status=status, after=after, limit=limit + 1)
            return found, await self._sight(tx, found)

    async def versions(self, key: str, *, before: int | None, limit: int) -> Sequence[Persona]:
        """What a persona was, the latest version first; one more than `limit` if there are more.

        Raises:
            PersonaUnknown: there is none.
        """
        async with self.db.read() as tx:
            await _known(tx, key)
            return await repository.versions(tx, key, before=before, limit=limit + 1)

    async def differences(
        self, key: str, *, from_version: int | None, to_version: int | None
    ) -> tuple[Persona, Persona, list[Change]]:
        """Two versions and what changed between them; by default the latest, and the one before the other.

        Raises:
            PersonaUnknown, PersonaVersionUnknown: there is no such version.
        """
        async with self.db.read() as tx:
            after = await _known(tx, key, to_version)
            before = await _known(tx, key, from_version or max(after.version - 1, 1))
        return before, after, list(changes(before.content.document(), after.content.document()))

    async def of(self, reference: str) -> tuple[UUID, list[Belonging]]:
        """The root of the person that goes by `reference`, and the active personas they belong to now.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: it does not name one person.
        """
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.country)
            since = {each.segment_id: each.since for each in await definitions.BELONGINGS.read(tx, (), person.id)}
            found = await repository.of_segments(tx, since.keys())
        return person.id, [Belonging(each, since[each.content.segment_id]) for each in found]

    async def record(self, tx: WriteTx, events: Sequence[Event[SatisfactionTold] | Event[SegmentOutlookTold]]) -> None:
        """Keep what is told of the people of segments: of each figure and each outlook the latest word."""
        feelings: dict[tuple[UUID, str], Feeling] = {}
        outlooks: dict[UUID, Outlook] = {}
        for event in sorted(events, key=lambda each: each.time):
            match event.data:
                case SegmentOutlookTold() as told:
                    outlooks[told.segment_id] = Outlook(**dict(told), told_at=event.time)
                case SatisfactionTold(segment_id=UUID() as segment) as said:
                    feelings[segment, said.metric] = Feeling(
                        segment, said.metric, said.definition, said.value_hundredths, said.low_hundredths,
                        said.high_hundredths, said.n, said.days, said.as_of, event.time,
                    )  # fmt: skip
        await repository.put_feelings(tx, feelings.values())
        await repository.put_outlooks(tx, outlooks.values())

    async def _check(
        self, tx: WriteTx, content: Content, *, note: str, key: str = "", known_segment: UUID | None = None
    ) -> None:
        await _check_words(tx, {"key": key, "note": note, **content.document()})
        today = self.clock.now().astimezone(self.zone).date()
        if any(quote.said_on > today for quote in content.quotes):
            raise FutureTime
        # A segment that was deleted since stays named until somebody takes another one.
        if content.segment_id != known_segment:
            await memberships.claim_definitions(tx)
            if await definitions.get(tx, content.segment_id) is None:
                raise UnknownSegment

    async def _next(
        self, tx: WriteTx, idem: Idempotent | None, old: Persona, content: Content, *, note: str, by: str
    ) -> Answer:
        if content == old.content:
            return await self._answer(tx, idem, 200, old)
        version = old.version + 1
        persona = old._replace(
            version=version, latest=version, content=content, note=note, changed_at=self.clock.now(), changed_by=by
        )
        await self._put(tx, persona, old.content)
        return await self._answer(tx, idem, 200, persona)

    async def _put(self, tx: WriteTx, persona: Persona, old: Content | None) -> None:
        """Write a persona; where other people belong to it now, segments that ask for it ask everybody again.

        Raises:
            PersonaCycle: its segment asks for the persona itself.
        """
        was, is_ = None if old is None else _segment_in_use(old), _segment_in_use(persona.content)
        if was != is_:
            await memberships.claim_definitions(tx)
        await repository.put(tx, persona)
        if old is None or (old.segment_id, old.status) != (persona.content.segment_id, persona.content.status):
            _announce(tx, persona)
        if was == is_:
            return
        try:
            (await memberships.live(tx)).surroundings().checked()
        except Cycle:
            raise PersonaCycle from None
        except TooLarge:
            raise PersonaTooLarge from None
        await self.membership.redefined(tx, lambda leaf: leaf == OfPersona(persona.key))

    async def _sight(self, tx: ReadTx, personas: Collection[Persona]) -> Sight:
        segments, now = {each.content.segment_id for each in personas}, self.clock.now()
        return Sight(
            groups=await repository.groups(tx, segments),
            people=await repository.people(tx),
            as_of=now.astimezone(self.zone).date(),
            time_zone=str(self.zone),
            now=now,
            feelings={(each.segment_id, each.metric): each for each in await repository.feelings(tx, segments)},
            outlooks={each.segment_id: each for each in await repository.outlooks(tx, segments)},
        )

    async def _answer(self, tx: WriteTx, idem: Idempotent | None, status: int, persona: Persona) -> Answer:
        seen = PersonaOut.of(persona, await self._sight(tx, [persona]))
        answer = Answer(status, seen.model_dump_json().encode())
        await remember(tx, idem, answer)
        return answer


async def _known(tx: ReadTx, key: str, version: int | None = None) -> Persona:
    if (found := await repository.get(tx, key, version)) is not None:
        return found
    if (latest := await repository.latest(tx, key)) is None:
        raise PersonaUnknown
    raise PersonaVersionUnknown(latest)


def _announce(tx: WriteTx, persona: Persona) -> None:
    said = PersonaChanged(
        key=persona.key,
        version=persona.version,
        segment_id=persona.content.segment_id,
        status=persona.content.status,
    )
    subject = derived_id("persona", persona.key)
    tx.emit(Event(uuid7(), subject, persona.changed_at, persona.changed_at, said))


def _segment_in_use(content: Content) -> UUID | None:
    """The segment whose members belong to the persona."""
    return content.segment_id if content.status == "active" else None


async def _held(tx: WriteTx, key: str, versions: frozenset[int] | None) -> Persona:
    """The persona, nobody else changing it."""
    await repository.lock(tx, key)
    # A statement of its own: its snapshot is taken after the wait.
    found = await _known(tx, key)
    if versions is not None and found.version not in versions:
        raise PersonaMoved(found.version)
    return found


async def _check_words(tx: ReadTx, document: dict[str, object]) -> None:
    """Refuse words that name somebody.

    Raises:
        PersonalData: they do.
    """
    # Whom the segment is of, is not for texts to say.
    words = {name: value for name, value in document.items() if name != "segment_id"}
    found = findings(words)
    named = list(ids(words))
    customers = await repository.customers_among(tx, {id_ for _, id_ in named}) if named else set()
    found += [Finding(pointer, "customer_id") for pointer, id_ in named if id_ in customers]
    if found:
        raise PersonalData(list(dict.fromkeys(found)))
