"""Use cases of segments. A change of a definition waits for whoever looks at persons by the old one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from services.profiles.consent.domain import Registry
from services.profiles.errors import AmbiguousIdentifier, CustomerUnknown
from services.profiles.membership import repository as memberships
from services.profiles.membership.domain import Touched
from services.profiles.membership.service import Membership
from services.profiles.people import repository as rows
from services.profiles.people import service as people
from services.profiles.personas import repository as persona_rows
from services.profiles.segments.domain.definition import Belonging, Member, Preview, Segment, Verdict, Version
from services.profiles.segments.domain.expansion import MAX_EXPANDED, Cycle, TooLarge
from services.profiles.segments.domain.parse import parse
from services.profiles.segments.domain.rule import (
    ConsentIs,
    InList,
    InSegment,
    Leaf,
    OfPersona,
    Rule,
    Scored,
    asks_trait,
    leaves,
)
from services.profiles.segments.errors import (
    BadRule,
    NameTaken,
    NotAList,
    Problem,
    RuleNeeded,
    SegmentInUse,
    SegmentMoved,
    SegmentUnknown,
    SensitiveCondition,
    TooManySegments,
)
from services.profiles.segments.repository import definitions, previews
from services.profiles.segments.repository.compiler import Asked, Definitions, compiled
from services.profiles.segments.schemas import ListChangedOut, ListChangeIn, SegmentChangeIn, SegmentIn, SegmentOut
from services.profiles.trait_schema import repository as schemas
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import mapping
from shared.ids import uuid7

MAX_SEGMENTS = 200
TOO_LARGE = f"With all it refers to, a rule has at most {MAX_EXPANDED} conditions, and refers at most 8 deep."
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class SegmentsService:
    """Segments as people define them. Use cases that change something name the key that asks (`by`)."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    country: str
    membership: Membership
    registry: Registry

    async def create(
        self, body: SegmentIn, *, by: str, idem: Idempotent | None, sees_sensitive: bool = False
    ) -> Answer:
        """Make a segment; everybody is asked from now on, those of whom facts come at once.

        Raises:
            BadRule, RuleNeeded: it has no rule that can be read.
            SensitiveCondition: it asks for a trait that the caller is not told.
            NameTaken, TooManySegments: there is no room for it.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await memberships.claim_definitions(tx)
            await self._check(tx, body.rule, is_static=body.kind == "static")
            await self._check_sight(tx, body.rule, sees_sensitive=sees_sensitive)
            if await definitions.count(tx) >= MAX_SEGMENTS:
                raise TooManySegments(MAX_SEGMENTS)
            if (other := await definitions.namesake(tx, body.name)) is not None:
                raise NameTaken(other)
            now = self.clock.now()
            is_built = body.kind == "static"
            segment = Segment(uuid7(), body.kind, body.name, body.description, body.rule, 1, is_built, now, now, by)
            await definitions.put(tx, segment)
            await memberships.count_up(tx)
            return await _answer(tx, idem, 201, segment)

    async def change(
        self,
        segment_id: UUID,
        body: SegmentChangeIn,
        *,
        by: str,
        idem: Idempotent | None,
        sees_sensitive: bool = False,
    ) -> Answer:
        """Give a segment another name, description or rule; with another rule everybody is asked again.

        Raises:
            SegmentUnknown, SegmentMoved: there is no segment of that version.
            SensitiveCondition: another rule asks for a trait that the caller is not told.
            BadRule, RuleNeeded, NameTaken: it cannot be so.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await memberships.claim_definitions(tx)
            old = await self._known(tx, segment_id)
            if old.version != body.version:
                raise SegmentMoved(old.version)
            await self._check(tx, body.rule, is_static=old.kind == "static", of=old.id)
            if body.rule != old.rule:
                await self._check_sight(tx, body.rule, sees_sensitive=sees_sensitive)
            if (other := await definitions.namesake(tx, body.name)) not in (None, old.id):
                raise NameTaken(other or old.id)
            segment = old._replace(
                name=body.name,
                description=body.description,
                rule=body.rule,
                version=old.version + 1,
                is_built=old.is_built and old.rule == body.rule,
                updated_at=self.clock.now(),
                updated_by=by,
            )
            await definitions.put(tx, segment)
            if old.rule != segment.rule:
                await self.membership.redefined(tx, lambda leaf: leaf == InSegment(old.id))
            return await _answer(tx, idem, 200, segment)

    async def delete(self, segment_id: UUID) -> None:
        """Take a segment away; everybody leaves it.

        Raises:
            SegmentUnknown: there is none.
            SegmentInUse: rules of others or personas in use ask for it.
        """
        async with self.db.write() as tx:
            await memberships.claim_definitions(tx)
            await self._known(tx, segment_id)
            live = await memberships.live(tx)
            personas = [key for key, of in live.personas if of == segment_id]
            asking = {InSegment(segment_id), InList(segment_id)}
            users = [
                each.id
                for each in live.segments
                if each.rule is not None and asking.intersection(leaves(parse(orjson.loads(each.rule))))
            ]
            if users or personas:
                raise SegmentInUse(users, personas)
            await definitions.delete(tx, segment_id)
            await memberships.count_up(tx)

    async def get(self, segment_id: UUID) -> tuple[Segment, int]:
        """A segment and how many are in it.

        Raises:
            SegmentUnknown: there is none.
        """
        async with self.db.read() as tx:
            return await self._known(tx, segment_id), await definitions.size(tx, segment_id)

    async def listed(self, *, after: UUID | None, limit: int) -> Sequence[Segment]:
        """Segments, those made last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await definitions.listed(tx, after=after, limit=limit + 1)

    async def versions(self, segment_id: UUID, *, before: int | None, limit: int) -> Sequence[Version]:
        """What a segment was, the latest first; one more than `limit` if there are more.

        Raises:
            SegmentUnknown: there is none.
        """
        async with self.db.read() as tx:
            await self._known(tx, segment_id)
            return await definitions.versions(tx, segment_id, before=before, limit=limit + 1)

    async def members(
        self, segment_id: UUID, *, after: UUID | None, limit: int, sees_sensitive: bool = False
    ) -> Sequence[Member]:
        """Who is in a segment, by id; one more than `limit` if there are more.

        Raises:
            SegmentUnknown: there is none.
            SensitiveCondition: who is in it tells of a trait that the caller is not told.
        """
        async with self.db.read() as tx:
            segment = await self._known(tx, segment_id)
            await self._check_sight(tx, segment.rule, sees_sensitive=sees_sensitive)
            return await definitions.members(tx, segment_id, after=after, limit=limit + 1)

    async def of(self, reference: str, *, sees_sensitive: bool = False) -> tuple[UUID, list[Belonging]]:
        """The root of the person that goes by `reference`, and the segments they are in, but for those that tell of a
        trait that the caller is not told.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: it does not name one person.
        """
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.country)
            found = await definitions.BELONGINGS.read(tx, (), person.id)
            return person.id, await self.shown(tx, found, sees_sensitive=sees_sensitive)

    async def shown(self, tx: ReadTx, found: Sequence[Belonging], *, sees_sensitive: bool) -> list[Belonging]:
        """The segments that a person is in, as a caller sees them."""
        hidden = set() if sees_sensitive else await self._hidden(tx, {each.segment_id for each in found})
        return [each for each in found if each.segment_id not in hidden]

    async def preview(self, rule: dict[str, Any], *, sees_sensitive: bool = False) -> tuple[Preview, datetime]:
        """How many people a rule takes in, some of them, and as of when.

        Raises:
            BadRule: it cannot be read.
            SensitiveCondition: it asks for a trait that the caller is not told.
        """
        async with self.db.read() as tx:
            await self._check(tx, rule, is_static=False)
            await self._check_sight(tx, rule, sees_sensitive=sees_sensitive)
            plan = compiled((Asked(_NOBODY, orjson.dumps(rule).decode()),), await memberships.live(tx))
            now = self.clock.now()
            today = now.astimezone(self.zone).date()
            return await previews.preview(tx, plan, now=now, today=today, zone=self.zone), now

    async def change_list(self, segment_id: UUID, body: ListChangeIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Put people on a static list and take others off it; who is in both is taken off.

        Raises:
            SegmentUnknown, NotAList: there is no such list.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await mapping.hold(tx)
            await memberships.hold_definitions(tx)
            if (await self._known(tx, segment_id)).kind != "static":
                raise NotAList
            verdicts: list[Verdict] = []
            add = await self._roots(tx, "add", body.add, verdicts)
            remove = await self._roots(tx, "remove", body.remove, verdicts)
            members = await mapping.members(tx, add | remove)
            there = await definitions.on_list(tx, segment_id, [key for keys in members.values() for key in keys])
            on_it = {root for root, keys in members.items() if there.intersection(keys)}
            new = add - on_it - remove
            await definitions.add_to_list(tx, segment_id, new, by=by, now=self.clock.now())
            gone = remove & on_it
            await definitions.remove_from_list(tx, segment_id, [key for root in gone for key in members[root]])
            await self.membership.refresh(tx, Touched(people=new | gone))
            said = ListChangedOut.of(len(new), len(gone), verdicts)
            answer = Answer(200, said.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def _roots(self, tx: ReadTx, field: Any, references: Sequence[str], verdicts: list[Verdict]) -> set[UUID]:
        """The persons that the references name; notes those that name nobody."""
        named: dict[int, UUID] = {}
        for position, reference in enumerate(references):
            try:
                named[position] = await people.root_of(tx, reference, country=self.country)
            except (CustomerUnknown, AmbiguousIdentifier) as refusal:
                verdicts.append(Verdict(field, position, refusal.code))
        members = await mapping.members(tx, set(named.values()))
        seen = {row.id for row in await rows.customers(tx, [key for keys in members.values() for key in keys])}
        unknown = {position for position, root in named.items() if not seen.intersection(members[root])}
        verdicts += [Verdict(field, position, CustomerUnknown.code) for position in sorted(unknown)]
        return {root for position, root in named.items() if position not in unknown}

    async def _known(self, tx: ReadTx, segment_id: UUID) -> Segment:
        segment = await definitions.get(tx, segment_id)
        if segment is None:
            raise SegmentUnknown
        return segment

    async def _check(self, tx: ReadTx, document: dict[str, Any] | None, *, is_static: bool, of: UUID = _NOBODY) -> None:
        """Refuse a rule that nobody can be asked; `of`: the segment that it shall be of."""
        if is_static is (document is not None):
            raise RuleNeeded(is_static=is_static)
        if document is None:
            return
        rule, live = parse(document), await memberships.live(tx)
        known = await persona_rows.keys(tx)
        problems = [found for leaf in leaves(rule) if (found := self._unknown(leaf, live, known)) is not None]
        if problems:
            raise BadRule(problems)
        try:
            live.surroundings().tried(of, rule)
        except Cycle:
            refusal = "cycle", "The rule refers to its own segment, through another segment or a persona."
            raise BadRule([Problem("", *refusal)]) from None
        except TooLarge:
            raise BadRule([Problem("", "too_large", TOO_LARGE)]) from None

    async def _check_sight(self, tx: ReadTx, document: dict[str, Any] | None, *, sees_sensitive: bool) -> None:
        """Whom a condition takes in tells what it asks for."""
        if document is None or sees_sensitive or not (names := await schemas.sensitive(tx)):
            return
        # Also what it asks through other segments and personas.
        rule = (await memberships.live(tx)).surroundings().expanded(parse(document))
        if _asks(rule, names):
            raise SensitiveCondition

    async def _hidden(self, tx: ReadTx, segments: Collection[UUID]) -> set[UUID]:
        """Those of the segments that ask for a sensitive trait."""
        if not segments or not (names := await schemas.sensitive(tx)):
            return set()
        around = (await memberships.live(tx)).surroundings()
        return {each for each in segments if _asks(around.expanded(InSegment(each)), names)}

    def _unknown(self, leaf: Leaf, live: Definitions, known: Collection[str]) -> Problem | None:
        """What a condition refers to and is not there."""
        match leaf:
            case InList(id_) if not any(each.id == id_ and each.rule is None for each in live.segments):
                return Problem("", "unknown_list", f"There is no static segment {id_}.")
            case InSegment(id_) if not any(each.id == id_ for each in live.segments):
                return Problem("", "unknown_segment", f"There is no segment {id_}.")
            case OfPersona(key) if key not in known:
                return Problem("", "unknown_persona", f"There is no persona {key}.")
            case Scored("monetary") if live.scale.currency is None:
                return Problem("", "no_currency", "The scale has no currency: set one first (PUT /v1/rfm-scale).")
            case ConsentIs(purpose, channel):
                return self._no_consent(purpose, channel)
        return None

    def _no_consent(self, purpose: str, channel: str) -> Problem | None:
        if purpose not in self.registry.purposes:
            known = ", ".join(sorted(self.registry.purposes))
            return Problem("", "unknown_purpose", f"Purposes that need consent are {known}.")
        if channel not in self.registry.channels:
            return Problem("", "unknown_channel", f"Channels are {', '.join(sorted(self.registry.channels))}.")
        return None


def _asks(rule: Rule, names: Collection[str]) -> bool:
    return any(asks_trait(leaf, name) for leaf in leaves(rule) for name in names)


async def _answer(tx: WriteTx, idem: Idempotent | None, status: int, segment: Segment) -> Answer:
    answer = Answer(status, SegmentOut.of(segment).model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer
