"""Use cases of declared traits: declare them, and judge again what is stored when a type changes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.profiles import repository as traits
from services.profiles.domain.facts import Facts
from services.profiles.domain.traits import announced, composed_name
from services.profiles.membership import repository as memberships
from services.profiles.membership.domain import Touched
from services.profiles.membership.service import Membership
from services.profiles.people import service as people
from services.profiles.search import repository as search
from services.profiles.search.domain import phrases_of
from services.profiles.segments.domain.rule import asks_trait
from services.profiles.trait_schema import repository
from services.profiles.trait_schema.domain.declaration import Declared
from services.profiles.trait_schema.domain.judging import Refused, Schema, Stored, judged_again, mend
from services.profiles.trait_schema.errors import (
    BadTraitName,
    DeclarationMoved,
    TooManyDeclared,
    TraitsMisfit,
    TraitUndeclared,
)
from services.profiles.trait_schema.repository import Declaration, DeclarationVersion, RefusedRow
from services.profiles.trait_schema.schemas import DeclarationIn, DeclarationOut
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.profiles import TraitsChanged
from shared.events.envelope import Event
from shared.ids import uuid7

MAX_DECLARED = 500
MAX_REFUSED = 500
# Traits looked at in one transaction of the job: tens of milliseconds.
PIECE = 5_000
FRESH_SECONDS = 5.0
# By then no batch is under way that was judged by what another process remembered.
SETTLED = timedelta(seconds=60)
# What `TraitsChanged` names where no source said anything: the type changed.
BY_SCHEMA = "trait_schema"


@dataclass(slots=True)
class Remembered:
    """What this process remembers of all that is declared: at most `FRESH_SECONDS` old, its own changes at once."""

    schema: Schema = field(default_factory=Schema)
    _until: float = float("-inf")
    _forgotten: int = 0

    async def get(self, tx: ReadTx, *, is_strict: bool, country: str) -> Schema:
        """The schema to judge by."""
        now, forgotten = monotonic(), self._forgotten
        if now < self._until:
            return self.schema
        schema = Schema(await repository.everything(tx), is_strict, country)
        if forgotten == self._forgotten:
            self.schema, self._until = schema, now + FRESH_SECONDS
        return schema

    def forget(self) -> None:
        """Read it again next time; what is being read now is not remembered."""
        self._forgotten += 1
        self._until = float("-inf")


class Refusals(NamedTuple):
    """Words on a person's traits that do not fit, and what is declared of those traits now."""

    customer: UUID
    rows: Sequence[RefusedRow]
    schema: Schema


@dataclass(frozen=True, slots=True)
class TraitSchema:
    """What is declared of traits. `country` is that of phone numbers without a country code."""

    db: Database
    clock: Clock
    country: str
    is_strict: bool
    remembered: Remembered
    membership: Membership

    async def current(self, tx: ReadTx) -> Schema:
        """The schema to judge words by; a statement only when it was not asked for some seconds."""
        return await self.remembered.get(tx, is_strict=self.is_strict, country=self.country)

    async def put(
        self, name: str, body: DeclarationIn, *, by: str, if_match: frozenset[str] | None, idem: Idempotent | None
    ) -> Answer:
        """Declare a trait, or declare it otherwise; what is stored is judged again soon.

        Raises:
            BadTraitName, TooManyDeclared: it cannot be declared.
            DeclarationMoved: it is of none of the versions `if_match` by now.
        """
        name, now = _name(name), self.clock.now()
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            old = await self._claimed(tx, name, if_match)
            if old is None and await repository.count(tx) >= MAX_DECLARED:
                raise TooManyDeclared(MAX_DECLARED)
            declared = body.declared(name)
            is_new_type = old is None or not _judges_alike(old.declared, declared)
            again_at = now + SETTLED if is_new_type else None
            await repository.put(tx, name, declared, by=by, now=now, again_at=again_at)
            await self._redefine(tx, None if old is None else old.declared, declared)
            tx.after_commit(self.remembered.forget)
            found = await self._found(tx, name)
            answer = Answer(201 if old is None else 200, DeclarationOut.stored(found).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def delete(self, name: str, *, by: str, if_match: frozenset[str] | None) -> None:
        """Declare a trait no more: what was refused for its type comes back, if nothing later was said.

        Raises:
            TraitUndeclared, DeclarationMoved: there is no declaration of that version.
        """
        name, now = _name(name), self.clock.now()
        async with self.db.write() as tx:
            old = await self._claimed(tx, name, if_match)
            if old is None:
                raise TraitUndeclared
            await repository.put(tx, name, None, by=by, now=now, again_at=now + SETTLED)
            await self._redefine(tx, old.declared, None)
            tx.after_commit(self.remembered.forget)

    async def get(self, name: str) -> tuple[Declaration, int]:
        """A declaration, and how many words are refused for it.

        Raises:
            TraitUndeclared: there is none.
        """
        name = _name(name)
        async with self.db.read() as tx:
            return await self._found(tx, name), await repository.count_refused(tx, name)

    async def listed(self, *, after: str | None, limit: int) -> Sequence[Declaration]:
        """Declarations by name; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await repository.listed(tx, after=after, limit=limit + 1)

    async def versions(self, name: str, *, before: int | None, limit: int) -> Sequence[DeclarationVersion]:
        """What a trait was declared as, the latest first; one more than `limit` if there are more.

        Raises:
            TraitUndeclared: it never was.
        """
        name = _name(name)
        async with self.db.read() as tx:
            if await repository.get(tx, name) is None:
                raise TraitUndeclared
            return await repository.versions(tx, name, before=before, limit=limit + 1)

    async def refused(self, reference: str, *, sees_sensitive: bool = False) -> Refusals:
        """What was said of a customer's traits that does not fit, the latest first, at most `MAX_REFUSED`.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
        """
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.country)
            rows = await repository.refused_of(tx, person.members, limit=MAX_REFUSED)
            hidden = frozenset() if sees_sensitive else await repository.sensitive(tx)
            told = [row for row in rows if row.name not in hidden]
            return Refusals(person.id, told, Schema(await repository.everything(tx), self.is_strict, self.country))

    async def judge_all(self) -> None:
        """Judge again all that a changed declaration is about, a piece at a time."""
        while await self.judge_piece():
            pass

    async def judge_piece(self, *, size: int = PIECE) -> bool:
        """Judge a piece again; whether there was one."""
        now = self.clock.now()
        async with self.db.write() as tx:
            at = await repository.behind(tx, now)
            if at is None:
                return False
            schema = Schema(await repository.everything(tx), self.is_strict, self.country)
            end = await repository.end_of_piece(tx, at, limit=size)
            before = await repository.words(tx, at, end)
            after = {key: judged_again(at.name, words, schema) for key, words in before.items()}
            moved = {key: words for key, words in after.items() if _kept(before[key]) != _kept(words)}
            changed = [key for key in sorted(moved) if _value(before[key]) != _value(moved[key])]
            await self._rewrite(tx, at.name, moved)
            await self._announce(tx, at.name, changed)
            await repository.advance(tx, at, end, now)
        return True

    async def _rewrite(self, tx: WriteTx, name: str, moved: Mapping[UUID, Sequence[Stored]]) -> None:
        if not moved:
            return
        words = [word for key in sorted(moved) for word in moved[key]]
        values = {(word.customer_id, name): word.write for word in words if word.verdict is None}
        await repository.take_out(tx, name, moved)
        await traits.put_traits(tx, values)
        await repository.set_aside(tx, name, [word for word in words if word.verdict is not None])
        await search.put_phrases(tx, phrases_of({key: write.value for key, write in values.items()}))

    async def _announce(self, tx: WriteTx, name: str, keys: Sequence[UUID]) -> None:
        """Keys whose value of the trait is another now."""
        if not keys:
            return
        now = self.clock.now()
        await traits.touch(tx, keys, now=now)
        for key in keys:
            tx.emit(Event(uuid7(), key, now, now, TraitsChanged(names=announced({name}), source=BY_SCHEMA)))
        touched = Touched()
        touched.traits[name].update(keys)
        await self.membership.refresh(tx, touched)

    async def _redefine(self, tx: WriteTx, old: Declared | None, new: Declared | None) -> None:
        """Where another word may hold between a person's keys, ask everybody again for segments that ask for it."""
        if _choosing(old) == _choosing(new):
            return
        name = (old or new or Declared("", "string")).name
        await memberships.claim_definitions(tx)
        await self.membership.redefined(tx, lambda leaf: asks_trait(leaf, name))

    async def _claimed(self, tx: WriteTx, name: str, if_match: frozenset[str] | None) -> Declaration | None:
        """The declaration that is to be changed."""
        await repository.claim(tx)
        old = await repository.get(tx, name)
        if old is not None and old.is_deleted:
            old = None
        if if_match is not None and (old is None or if_match.isdisjoint((str(old.version), old.tag()))):
            raise DeclarationMoved(0 if old is None else old.version)
        return old

    async def _found(self, tx: ReadTx, name: str) -> Declaration:
        found = await repository.get(tx, name)
        if found is None or found.is_deleted:
            raise TraitUndeclared
        return found


def check(refused: Mapping[tuple[UUID, str], Refused], schema: Schema) -> None:
    """Refuse a request for what does not fit.

    Raises:
        TraitsMisfit: something does not; it says which traits, what they are declared as, and how to mend it.
    """
    if refused:
        raise TraitsMisfit([_misfit(name, refusal, schema) for (_, name), refusal in sorted(refused.items())])


def _misfit(name: str, refusal: Refused, schema: Schema) -> dict[str, Any]:
    declared = schema.declared.get(name)
    return {
        # A name that nobody declared may hold personal data.
        "trait": None if declared is None else name,
        "type": None if declared is None else declared.type,
        "reason": refusal.reason,
        "mend": mend(refusal.reason, declared),
    }


def _name(name: str) -> str:
    written = composed_name(name)
    if not written or not written.isprintable():
        raise BadTraitName
    return written


def _choosing(declared: Declared | None) -> Declared | None:
    """What of a declaration decides between the words of several keys; None: the latest holds."""
    if declared is None or declared.merge_policy == "latest":
        return None
    kept = {"merge_policy": declared.merge_policy, "sources": declared.sources, "values": declared.values}
    return Declared.stored(declared.name, {"type": declared.type, **kept})


def _judges_alike(one: Declared, other: Declared) -> bool:
    # What is left decides which values fit, and how they are written.
    return _judging(one) == _judging(other)


def _judging(declared: Declared) -> Declared:
    return declared._replace(unit=None, description={}, merge_policy="latest", sources=(), sensitive=False)


def _kept(words: Sequence[Stored]) -> set[tuple[UUID, str | None, bool, bytes | None]]:
    """What is stored of these words."""
    return {(word.write.event_id, word.verdict, word.was_held, _form(word)) for word in words}


def _value(words: Sequence[Stored]) -> bytes | None:
    return next((_form(word) for word in words if word.verdict is None), None)


def _form(word: Stored) -> bytes | None:
    """How the value is written, without the spaces that a database writes."""
    return None if word.shown is None else orjson.dumps(orjson.loads(word.shown))


def announce_traits(tx: WriteTx, facts: Facts, changes: Sequence[traits.Change], now: datetime) -> None:
    """Announce the names of the traits that took a new value: one event per customer and source."""
    names: defaultdict[tuple[UUID, str], set[str]] = defaultdict(set)
    times: dict[tuple[UUID, str], datetime] = {}
    for change in changes:
        write = facts.traits[change.customer_id, change.name]
        said = change.customer_id, write.source
        names[said].add(change.name)
        times[said] = max(times.get(said, write.time), write.time)
    for (customer_id, source), changed in names.items():
        moved = TraitsChanged(names=announced(changed), source=source)
        tx.emit(Event(uuid7(), customer_id, times[customer_id, source], now, moved))
