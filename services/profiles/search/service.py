"""Use cases of the search. A person is found once, at the first thing in the order that it is found by."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.profiles.people import repository as rows
from services.profiles.search import repository
from services.profiles.search.domain import Match, folded, is_meant, meanings, prefixes
from services.profiles.search.errors import NothingToSearch, SearchMoved, SensitiveTrait
from services.profiles.search.schemas import FoundOut
from services.profiles.trait_schema import repository as declarations
from shared.db.engine import Database, ReadTx
from shared.identity import mapping
from shared.rights import audit

MIN_LETTERS = 2
# A filter may pass over this many before a page ends early.
MAX_LOOKED_AT = 2_000
_DIGEST = 16


class Place(NamedTuple):
    """Where a page ended: the person key, and a digest of what it was found by. It holds no personal data."""

    key: UUID
    digest: str

    @classmethod
    def of(cls, match: Match) -> "Place":
        """The place of a match."""
        return cls(match.key, hashlib.sha256(match.text.encode()).hexdigest()[:_DIGEST])


class Page(NamedTuple):
    """What was found, and the place to go on from if there may be more."""

    items: Sequence[FoundOut]
    more: Place | None


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: the beginning of something, and traits with values (JSON texts)."""

    prefixes: Sequence[str]
    phrase: str
    traits: Mapping[str, Sequence[str]]

    async def page(self, tx: ReadTx, after: Match | None, limit: int) -> list[Match]:
        """What comes next in the order."""
        if self.prefixes:
            place = None if after is None else (after.text, after.key)
            return await repository.beginning(tx, self.prefixes, self.phrase, after=place, limit=limit)
        name, values = next(iter(self.traits.items()))
        return await repository.saying(tx, name, values, after=after.key if after else None, limit=limit)

    async def all_of(self, tx: ReadTx, keys: Sequence[UUID]) -> list[Match]:
        """All that these keys are found by, in order."""
        if self.prefixes:
            return await repository.matches_of(tx, keys, self.prefixes, self.phrase)
        name, values = next(iter(self.traits.items()))
        return await repository.saying(tx, name, values, keys=keys)


@dataclass(frozen=True, slots=True)
class Search:
    """Finding people; `country` is that of phone numbers without a country code."""

    db: Database
    country: str

    async def find(
        self,
        q: str | None,
        traits: Sequence[tuple[str, str]],
        *,
        after: Place | None,
        limit: int,
        sees_sensitive: bool = False,
    ) -> Page:
        """People who go by something that begins with `q`, and of whom the traits hold; `after` a place in the order.

        Raises:
            SensitiveTrait: a trait is declared sensitive, and the caller does not see those.
            NothingToSearch: there is nothing to search for.
            SearchMoved: what the place is of is gone.
        """
        query = self._query(q, traits)
        async with self.db.read() as tx:
            hidden = frozenset() if sees_sensitive else await declarations.sensitive(tx)
            if hidden & query.traits.keys():
                raise SensitiveTrait
            place = None if after is None else await _resume(tx, query, after)
            found: list[FoundOut] = []
            looked_at = 0
            while True:
                matches = await query.page(tx, place, limit + 1)
                looked_at += len(matches)
                for number, match, item in await _shown(tx, query, matches, hidden):
                    if item is not None:
                        found.append(item)
                        audit.saw((item.id,))
                    if len(found) == limit and number + 1 < len(matches):
                        return Page(found, Place.of(match))
                if len(matches) <= limit or not matches:
                    return Page(found, None)
                place = matches[-1]
                if len(found) == limit or looked_at >= MAX_LOOKED_AT:
                    return Page(found, Place.of(place))

    def _query(self, q: str | None, traits: Sequence[tuple[str, str]]) -> Query:
        text = (q or "").strip()
        if text and len(folded(text).replace(" ", "")) < MIN_LETTERS:
            raise NothingToSearch
        if not text and not traits:
            raise NothingToSearch
        wanted = {name: meanings(value) for name, value in traits}
        # An address is no name.
        phrase = "" if "@" in text else folded(text)
        return Query(prefixes(text, country=self.country) if text else (), phrase, wanted)


async def _resume(tx: ReadTx, query: Query, after: Place) -> Match:
    """The match that a place is of."""
    for match in await query.all_of(tx, [after.key]):
        if Place.of(match) == after:
            return match
    raise SearchMoved


async def _shown(
    tx: ReadTx, query: Query, matches: Sequence[Match], hidden: frozenset[str]
) -> list[tuple[int, Match, FoundOut | None]]:
    """Each match with its person, or None where the person is found elsewhere already or a trait says otherwise.

    Nobody is found by what is hidden.
    """
    roots = await mapping.roots(tx, {match.key for match in matches})
    members = await mapping.members(tx, set(roots.values()))
    root_of = {key: root for root, keys in members.items() for key in keys}
    first: dict[UUID, Match] = {}
    for match in await query.all_of(tx, list(root_of)):
        if match.kind not in hidden:
            first.setdefault(root_of[match.key], match)
    people = await rows.summaries(tx, set(members))
    words = await rows.held_traits(tx, root_of, {*query.traits, "name"})
    held = {key: word.value for key, word in words.items()}
    shown: list[tuple[int, Match, FoundOut | None]] = []
    for number, match in enumerate(matches):
        root = roots[match.key]
        is_it = root in people and first.get(root) == match
        is_it = is_it and all(is_meant(held.get((root, name)), values) for name, values in query.traits.items())
        name = None if "name" in hidden else held.get((root, "name"))
        shown.append((number, match, FoundOut.found(people[root], match.kind, name) if is_it else None))
    return shown
