"""What a merge would change, worked out from the two people as they are and the one they would be."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from services.profiles.domain.identifiers import ANONYMOUS_ID
from services.profiles.identity.domain import Candidate, Decision
from services.profiles.people.domain import IdentifierRow, Person, TraitRow

Because = Literal["only_word", "later", "same_time", "removed_later", "policy"]
ConflictKind = Literal["different_identifiers", "taken_apart", "evidence_overruled"]

# Of these everybody may have many.
_PLENTIFUL = (ANONYMOUS_ID, "previous_id")


class Contest(NamedTuple):
    """A trait of which the merge makes one: the word that would hold, and the one that would not."""

    name: str
    wins: TraitRow | None
    loses: TraitRow | None
    because: Because


class Conflict(NamedTuple):
    """Something that speaks against a merge; `type` is that of the identifiers that differ."""

    kind: ConflictKind
    type: str | None
    keys: Sequence[UUID]


def contests(gone: Person, kept: Person, after: Person) -> list[Contest]:
    """What becomes of each trait that either of the two has, by name."""
    ours, theirs, then = ({row.name: row for row in person.traits} for person in (gone, kept, after))
    return [
        _contest(name, [side[name] for side in (ours, theirs) if name in side], then.get(name))
        for name in sorted(ours.keys() | theirs.keys())
    ]


def _contest(name: str, words: Sequence[TraitRow], wins: TraitRow | None) -> Contest:
    beaten = [word for word in words if word != wins]
    loses = max(beaten, key=lambda word: (word.event_time, word.event_id)) if beaten else None
    if wins is None:
        return Contest(name, None, loses, "removed_later")
    if loses is None:
        return Contest(name, wins, None, "only_word")
    if wins.policy != "latest":
        return Contest(name, wins, loses, "policy")
    return Contest(name, wins, loses, "same_time" if wins.event_time == loses.event_time else "later")


def conflicts(
    gone: Person, kept: Person, decisions: Sequence[Decision], links: Sequence[Candidate]
) -> Iterator[Conflict]:
    """What a person should look at before they merge: it is not refused for it.

    `decisions` are those on the keys of the two, `links` the evidence that the merge would overrule.
    """
    ours, theirs = _by_type(gone.identifiers), _by_type(kept.identifiers)
    for type_ in sorted(ours.keys() & theirs.keys()):
        if type_ not in _PLENTIFUL and not ours[type_].keys() & theirs[type_].keys():
            keys = {*ours[type_].values(), *theirs[type_].values()}
            yield Conflict("different_identifiers", type_, sorted(keys))
    sides = ({*gone.members}, {*kept.members})
    for decision in decisions:
        pair = decision.from_id, decision.into_id
        if decision.kind == "apart" and all(side & {*pair} for side in sides):
            yield Conflict("taken_apart", None, pair)
    for link in links:
        yield Conflict("evidence_overruled", None, (link.from_id, link.into_id))


def _by_type(rows: Sequence[IdentifierRow]) -> Mapping[str, Mapping[str, UUID]]:
    found: defaultdict[str, dict[str, UUID]] = defaultdict(dict)
    for row in rows:
        found[row.type][row.value] = row.customer_id
    return found
