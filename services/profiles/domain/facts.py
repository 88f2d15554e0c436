"""What a batch of touchpoints says of customers, folded: one row per customer, identifier, trait and link.

Folding keeps the earliest or the latest by (event time, event id), so it gives the same whatever order they come in.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.profiles.domain.identifiers import (
    ANONYMOUS_ID,
    EMAIL,
    PHONE,
    USER_ID,
    Blocklist,
    Identifier,
    email,
    is_type,
    phone,
)
from services.profiles.domain.traits import Refusals, TraitWrite, readable
from services.profiles.identifier_types.domain import DEFAULT_PRIORITY, Types
from services.profiles.trait_schema.domain.judging import Refused, Schema
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.ids import anonymous_key, user_key

# RudderStack and Segment spell it both ways.
_EXTERNAL_IDS = ("externalIds", "externalId")
_MAX_EXTERNAL_IDS = 20
_PREVIOUS_ID = "previous_id"
_OWN_TYPES = (USER_ID, ANONYMOUS_ID, _PREVIOUS_ID)


class Origin(NamedTuple):
    """Where and when something was said: the order of all folding is (time, event_id)."""

    time: datetime
    event_id: UUID
    source: str
    recorded: datetime


class OwnId(NamedTuple):
    """The id that a raw person key is made of."""

    type: str
    value: str


@dataclass(slots=True)
class Seen:
    """A customer in a batch. `source` is that of the first touchpoint, the smaller name if two came at once."""

    first: datetime
    last: datetime
    source: str
    own: OwnId | None
    is_identified: bool


class First(NamedTuple):
    """When an identifier was first seen, and where."""

    time: datetime
    source: str


class Link(NamedTuple):
    """Evidence that one key is the person of another; the smallest rank of a pair stands for it.

    `visitor` is the anonymous id that the first key is made of, where the event held it; `priority` that of the type
    of identifier it rests on.
    """

    time: datetime
    event_id: UUID
    kind: Literal["identify", "alias", "identifier"]
    source: str
    visitor: str | None
    priority: int = DEFAULT_PRIORITY

    @property
    def rank(self) -> tuple[int, datetime, UUID]:
        """The smaller decides."""
        return self.priority, self.time, self.event_id


@dataclass(slots=True)
class Facts:
    """A folded batch. Words that do not fit the schema are folded by themselves: they never hide one that fits."""

    schema: Schema = field(default_factory=Schema)
    types: Types = field(default_factory=Types)
    seen: dict[UUID, Seen] = field(default_factory=dict)
    identifiers: dict[Identifier, First] = field(default_factory=dict)
    traits: dict[tuple[UUID, str], TraitWrite] = field(default_factory=dict)
    links: dict[tuple[UUID, UUID], Link] = field(default_factory=dict)
    refused: Refusals = field(default_factory=lambda: Refusals([], []))
    misfits: dict[tuple[UUID, str], Refused] = field(default_factory=dict)

    def see(self, customer_id: UUID, own: OwnId | None, origin: Origin, *, is_identified: bool) -> None:
        """The customer was there."""
        time, source = origin.time, origin.source
        seen = self.seen.get(customer_id)
        if seen is None:
            self.seen[customer_id] = Seen(time, time, source, own, is_identified)
        elif time > seen.last:
            seen.last = time
        elif (time, source) < (seen.first, seen.source):
            seen.first, seen.source = time, source

    def name(self, type_: str, value: str, customer_id: UUID, origin: Origin) -> None:
        """The identifier belongs to the customer."""
        identifier = Identifier(type_, value, customer_id)
        first = First(origin.time, origin.source)
        known = self.identifiers.get(identifier)
        if known is None or first < known:
            self.identifiers[identifier] = first

    def say(self, customer_id: UUID, name: str, write: TraitWrite) -> None:
        """A word on a trait."""
        if self.schema:
            verdict = self.schema.judge(name, write)
            if isinstance(verdict, Refused):
                misfit = self.misfits.get((customer_id, name))
                if misfit is None or write.beats(misfit.write):
                    self.misfits[customer_id, name] = verdict
                return
            write = verdict
        known = self.traits.get((customer_id, name))
        if known is None or write.beats(known):
            self.traits[customer_id, name] = write

    def link(
        self,
        from_id: UUID,
        into_id: UUID,
        kind: Literal["identify", "alias"],
        origin: Origin,
        *,
        visitor: str | None = None,
    ) -> None:
        """Evidence that `from_id` is the person `into_id`."""
        pair = from_id, into_id
        known = self.links.get(pair)
        priority = self.types.of(USER_ID).priority
        link = Link(origin.time, origin.event_id, kind, origin.source, visitor, priority)
        if from_id != into_id and (known is None or link.rank < known.rank):
            self.links[pair] = link

    def own_ids(self, customers: Iterable[UUID], pairs: Iterable[tuple[UUID, UUID]]) -> dict[Identifier, First]:
        """The ids that the keys of these customers, and of the visitors in these links, are made of.

        They are given for keys that are new, or first seen earlier than was known: all others have theirs.
        """
        found: dict[Identifier, First] = {}
        for key in customers:
            seen = self.seen[key]
            if seen.own is not None:
                found[Identifier(*seen.own, key)] = First(seen.first, seen.source)
        for pair in pairs:
            link = self.links[pair]
            if link.visitor is not None:
                identifier, first = Identifier(ANONYMOUS_ID, link.visitor, pair[0]), First(link.time, link.source)
                found[identifier] = min(first, found.get(identifier, first))
        return found


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads touchpoints and requests into facts."""

    blocklist: Blocklist
    max_trait_bytes: int
    phone_country: str

    def observe(self, facts: Facts, event: Event[TouchpointReceived]) -> None:
        """Fold one touchpoint into `facts`.

        A placeholder for an id names nobody: the event then counts for its other id, or for no customer at all.
        """
        data = event.data
        # No event is about a time after we learnt it: a clock set wrong must not win for ever.
        origin = Origin(min(event.time, event.recorded), event.id, data.source, event.recorded)
        user = data.user_id if self.usable(facts.types, USER_ID, data.user_id) else None
        anonymous = data.anonymous_id if self.usable(facts.types, ANONYMOUS_ID, data.anonymous_id) else None
        if user is not None:
            customer_id = event.subject
        elif anonymous is not None:
            customer_id = event.subject if not data.user_id else anonymous_key(anonymous)
        elif data.user_id or data.anonymous_id:
            return
        else:
            customer_id = event.subject
        self.meet(facts, customer_id, user, anonymous, origin)
        if data.call == "alias":
            self._alias(facts, customer_id, user, data.previous_id, origin)
        # The root's traits first: of two words of one event the first holds.
        if data.call == "identify" and data.traits:
            self.describe(facts, customer_id, data.traits, origin)
        if data.context:
            self._context(facts, customer_id, data, origin)

    def meet(self, facts: Facts, customer_id: UUID, user: str | None, anonymous: str | None, origin: Origin) -> None:
        """The customer was there under these ids; both together say that the visitor is the user."""
        if user is None:
            own = None if anonymous is None else OwnId(ANONYMOUS_ID, anonymous)
            facts.see(customer_id, own, origin, is_identified=False)
            return
        facts.see(customer_id, OwnId(USER_ID, user), origin, is_identified=True)
        if anonymous is not None:
            facts.link(anonymous_key(anonymous), customer_id, "identify", origin, visitor=anonymous)

    def describe(self, facts: Facts, customer_id: UUID, traits: Mapping[str, Any], origin: Origin) -> None:
        """Traits of the customer; an e-mail address and a phone number also name them."""
        for name, value in readable(traits, max_bytes=self.max_trait_bytes, refused=facts.refused):
            write = TraitWrite(origin.time, origin.event_id, value, origin.source, origin.recorded)
            facts.say(customer_id, name, write)
        if (address := email(traits.get(EMAIL))) is not None and facts.types.takes(EMAIL, address):
            facts.name(EMAIL, address, customer_id, origin)
        number = phone(traits.get(PHONE), country=self.phone_country)
        if number is not None and facts.types.takes(PHONE, number):
            facts.name(PHONE, number, customer_id, origin)

    def usable(self, types: Types, type_: str, value: str | None) -> bool:
        """Whether a key may be made of an id."""
        return self.blocklist.usable(value) and types.takes(type_, value or "")

    def written(self, types: Types, type_: str, value: str) -> str | None:
        """The stored form of an external id of this type and value; None: it names nobody."""
        if not is_type(type_) or type_ in _OWN_TYPES or not self.blocklist.usable(value):
            return None
        text = types.of(type_).written(value, country=self.phone_country)
        return text if self.blocklist.usable(text) else None

    def external(self, facts: Facts, customer_id: UUID, type_: str, value: str, origin: Origin) -> None:
        """An id that another system has for the customer; one that cannot name anybody is passed over."""
        if (written := self.written(facts.types, type_, value)) is not None:
            facts.name(type_, written, customer_id, origin)

    def _alias(self, facts: Facts, customer_id: UUID, user: str | None, previous: str | None, origin: Origin) -> None:
        """`previous_id` does not say whether it is a user's or a visitor's, and both readings are linked.

        Deciding by what is known would let a later page view undo a merge; this way the order of events is nothing.
        Where no event ever used one of the two, that link has no effect.
        """
        if user is None or previous is None or not self.blocklist.usable(previous):
            return
        facts.name(_PREVIOUS_ID, previous, customer_id, origin)
        if facts.types.takes(ANONYMOUS_ID, previous):
            facts.link(anonymous_key(previous), customer_id, "alias", origin)
        if facts.types.takes(USER_ID, previous):
            facts.link(user_key(previous), customer_id, "alias", origin)

    def _context(self, facts: Facts, customer_id: UUID, data: TouchpointReceived, origin: Origin) -> None:
        for key in _EXTERNAL_IDS:
            for type_, value in _external_ids(data.context.get(key)):
                self.external(facts, customer_id, type_, value, origin)
        traits = data.context.get("traits")
        # On a group call these may be the group's.
        if isinstance(traits, dict) and traits and data.call != "group":
            self.describe(facts, customer_id, traits, origin)


def _external_ids(found: Any) -> Iterator[tuple[str, str]]:
    """The (type, id) of `externalIds[]`; what is not of that form is passed over."""
    if not isinstance(found, list):
        return
    for each in found[:_MAX_EXTERNAL_IDS]:
        if isinstance(each, dict) and each.get("collection", "users") == "users":
            type_, value = each.get("type"), each.get("id")
            if isinstance(type_, str) and isinstance(value, str | int) and not isinstance(value, bool):
                yield type_, str(value)
