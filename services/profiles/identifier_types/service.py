"""Use cases of types of identifiers: declare them, and follow what shared values tell."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

from services.profiles import repository as stored_rows
from services.profiles.domain.facts import Facts, Link
from services.profiles.domain.identifiers import Identifier, is_type
from services.profiles.errors import IdentifierTaken, TooManyIdentifiers
from services.profiles.identifier_types import repository
from services.profiles.identifier_types.domain import (
    BUILT_IN,
    DEFAULT_PRIORITY,
    OWN,
    RESERVED,
    IdentifierType,
    Types,
    bad_pattern,
    default,
    joins,
)
from services.profiles.identifier_types.errors import (
    BadIdentifierType,
    IdentifiersStored,
    IdentifierTypeMoved,
    IdentifierTypeUnknown,
    TooManyIdentifierTypes,
)
from services.profiles.identifier_types.repository import Declaration
from services.profiles.identifier_types.schemas import IdentifierTypeIn, IdentifierTypeOut
from services.profiles.settings import ProfilesSettings
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import derived_id

MAX_TYPES = 100
FRESH_SECONDS = 5.0
# Where a link comes from that rests on a shared value and on no event.
BY_VALUE = "identifier:"


@dataclass(slots=True)
class RememberedTypes:
    """What this process remembers of all that is declared: at most `FRESH_SECONDS` old, its own changes at once."""

    types: Types = field(default_factory=Types)
    _until: float = float("-inf")
    _forgotten: int = 0

    async def get(self, tx: ReadTx) -> Types:
        """The types to judge by."""
        now, forgotten = monotonic(), self._forgotten
        if now < self._until:
            return self.types
        types = Types(await repository.everything(tx))
        if forgotten == self._forgotten:
            self.types, self._until = types, now + FRESH_SECONDS
        return types

    def forget(self) -> None:
        """Read it again next time; what is being read now is not remembered."""
        self._forgotten += 1
        self._until = float("-inf")


@dataclass(frozen=True, slots=True)
class IdentifierTypes:
    """Types of identifiers as people declare them."""

    db: Database
    clock: Clock
    remembered: RememberedTypes

    async def current(self, tx: ReadTx) -> Types:
        """The types to judge by; a statement only when they were not asked for some seconds."""
        return await self.remembered.get(tx)

    async def put(
        self, name: str, body: IdentifierTypeIn, *, by: str, if_match: frozenset[str] | None, idem: Idempotent | None
    ) -> Answer:
        """Declare a type, or declare it otherwise; it holds for what is said from then on.

        Raises:
            BadIdentifierType, TooManyIdentifierTypes: it cannot be declared so.
            IdentifiersStored: values are stored in another form.
            IdentifierTypeMoved: it is of none of the versions `if_match` by now.
        """
        type_ = body.declared(name)
        _check(type_)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            old = await _claimed(tx, name, if_match)
            is_new = old is None or old.declared is None
            if is_new and await repository.count(tx) >= MAX_TYPES:
                raise TooManyIdentifierTypes(MAX_TYPES)
            before = default(name) if old is None or old.declared is None else old.declared
            if type_.form != before.form and await repository.is_stored(tx, name):
                raise IdentifiersStored(before.form)
            await repository.put(tx, name, type_, by=by, now=self.clock.now())
            tx.after_commit(self.remembered.forget)
            said = IdentifierTypeOut.stored(name, await repository.get(tx, name))
            answer = Answer(201 if is_new else 200, said.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def delete(self, name: str, *, by: str, if_match: frozenset[str] | None) -> None:
        """Declare a type no more: what holds by default holds again.

        Raises:
            IdentifierTypeUnknown, IdentifierTypeMoved: there is no declaration of that version.
            IdentifiersStored: values are stored in a form that is not that of the default.
        """
        async with self.db.write() as tx:
            old = await _claimed(tx, name, if_match)
            if old is None or old.declared is None:
                raise IdentifierTypeUnknown
            if old.declared.form != default(name).form and await repository.is_stored(tx, name):
                raise IdentifiersStored(old.declared.form)
            await repository.put(tx, name, None, by=by, now=self.clock.now())
            tx.after_commit(self.remembered.forget)

    async def get(self, name: str) -> IdentifierTypeOut:
        """A type, declared or built in.

        Raises:
            IdentifierTypeUnknown: it is neither.
        """
        async with self.db.read() as tx:
            found = await repository.get(tx, name)
        if name not in BUILT_IN and (found is None or found.declared is None):
            raise IdentifierTypeUnknown
        return IdentifierTypeOut.stored(name, found)

    async def listed(self) -> list[IdentifierTypeOut]:
        """All types, by priority and name."""
        async with self.db.read() as tx:
            found = {each.name: each for each in await repository.listed(tx)}
        types = [IdentifierTypeOut.stored(name, found.get(name)) for name in {*BUILT_IN, *found}]
        return sorted(types, key=lambda each: (each.priority, each.name))

    async def versions(self, name: str, *, before: int | None, limit: int) -> Sequence[Declaration]:
        """What a type was declared as, the latest first; one more than `limit` if there are more.

        Raises:
            IdentifierTypeUnknown: it never was.
        """
        async with self.db.read() as tx:
            if await repository.get(tx, name) is None and name not in BUILT_IN:
                raise IdentifierTypeUnknown
            return await repository.versions(tx, name, before=before, limit=limit + 1)


def bounds(types: Types, settings: ProfilesSettings) -> stored_rows.Bounds:
    """How many identifiers a key goes by."""
    priorities = {each.name: each.priority for each in types.declared.values()}
    limits = types.limits(settings.identifier_limits)
    return stored_rows.Bounds(limits, settings.max_identifiers, priorities, DEFAULT_PRIORITY)


async def lock(tx: WriteTx, types: Types, identifiers: Collection[Identifier]) -> None:
    """Be the only one who gives these values to anybody, where their type decides between those who share one."""
    if deciding := types.sharing("first", "join"):
        await repository.lock_values(tx, identifiers, deciding)


async def share(tx: WriteTx, types: Types, written: Collection[Identifier]) -> dict[tuple[UUID, UUID], Link]:
    """Decide on the values that were written now: refuse those that are taken; the evidence of those that join."""
    firsts, joining = types.sharing("first"), types.sharing("join")
    await repository.refuse_taken(tx, sorted({each[:2] for each in written if each.type in firsts}))
    most = {each[:2]: types.of(each.type).joins_at_most for each in sorted(written) if each.type in joining}
    links: dict[tuple[UUID, UUID], Link] = {}
    for (type_, _), held in (await repository.holders(tx, most)).items():
        for join in joins(held):
            pair = join.from_id, join.into_id
            # The same in whatever order it is found, and nothing of the value is in it.
            id_ = derived_id(BY_VALUE, type_, *map(str, pair))
            link = Link(join.time, id_, "identifier", BY_VALUE + type_, None, types.of(type_).priority)
            if pair not in links or link.rank < links[pair].rank:
                links[pair] = link
    return links


async def check_limits(tx: ReadTx, facts: Facts) -> None:
    """Refuse a request, unlike an event, for what would be kept as refused evidence only."""
    if (type_ := await stored_rows.over_limit(tx, facts.identifiers.keys(), facts.links.keys())) is not None:
        raise TooManyIdentifiers(type_)
    if (taken := await repository.taken_by(tx, facts.identifiers.keys())) is not None:
        raise IdentifierTaken(*taken)


def _check(type_: IdentifierType) -> None:
    """Refuse what makes no sense."""
    if not is_type(type_.name) or type_.name in RESERVED:
        raise BadIdentifierType(
            "A type's name has 1 to 64 of a-z, 0-9, _, . and -, does not begin with . or -, and is not previous_id.",
            field="name",
        )
    if type_.pattern is not None and (wrong := bad_pattern(type_.pattern)) is not None:
        raise BadIdentifierType(wrong, field="pattern")
    if type_.name in BUILT_IN and type_.form != default(type_.name).form:
        raise BadIdentifierType(f"The form of {type_.name} is {default(type_.name).form}; leave it out.", field="form")
    if type_.name in OWN and (type_.when_shared != "keep" or type_.limit is not None):
        raise BadIdentifierType(
            f"A {type_.name} makes its own customer: there is no limit and nothing to share; leave both out.",
            field="when_shared" if type_.limit is None else "limit",
        )


async def _claimed(tx: WriteTx, name: str, if_match: frozenset[str] | None) -> Declaration | None:
    """The declaration that is to be changed, nobody else changing it."""
    await repository.claim(tx)
    old = await repository.get(tx, name)
    if if_match is not None:
        now = IdentifierTypeOut.stored(name, old)
        if if_match.isdisjoint((str(now.version), now.tag())):
            raise IdentifierTypeMoved(now.version)
    return old
