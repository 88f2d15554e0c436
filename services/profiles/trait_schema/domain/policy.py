"""Which value a person shows of whom several keys say something: a function of all words, in whatever order.

A word with the value None took the trait away from its key: where the latest word decides, from the person.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.profiles.people.domain import TraitRow
from services.profiles.trait_schema.domain.declaration import Declared, MergePolicy


class Word(NamedTuple):
    """The latest word of one key; `is_identified`: the key is a user's, not a visitor's."""

    row: TraitRow
    is_identified: bool


def held(words: Sequence[Word], declared: Declared | None) -> TraitRow | None:
    """The word that holds among those of all keys on one trait; None: the person has no such trait."""
    policy = "latest" if declared is None else declared.merge_policy
    if declared is None or policy == "latest":
        row = max(words, key=_when).row
        return None if row.value is None else row
    present = [word for word in words if word.row.value is not None]
    return _CHOICES[policy](present, declared)._replace(policy=policy) if present else None


def _when(word: Word) -> tuple[datetime, UUID, UUID]:
    return word.row.event_time, word.row.event_id, word.row.customer_id


def _latest(words: Iterable[Word], _: Declared) -> TraitRow:
    return max(words, key=_when).row


def _earliest(words: Sequence[Word], _: Declared) -> TraitRow:
    return min(words, key=_when).row


def _greatest(words: Sequence[Word], declared: Declared) -> TraitRow:
    return _extreme(words, declared, max)


def _least(words: Sequence[Word], declared: Declared) -> TraitRow:
    return _extreme(words, declared, min)


def _extreme(words: Sequence[Word], declared: Declared, choose: Callable[[list[Any]], Any]) -> TraitRow:
    """Of equal values the latest word. While a new type is not asked of everything yet, there may be others."""
    ranked = [(rank, word) for word in words if (rank := _rank(word.row.value, declared)) is not None]
    if not ranked:
        return _latest(words, declared)
    best = choose([rank for rank, _ in ranked])
    return _latest([word for rank, word in ranked if rank == best], declared)


def _rank(value: Any, declared: Declared) -> Any:
    if declared.type == "enum":
        return declared.values.index(value) if value in declared.values else None
    if declared.type in ("number", "integer"):
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    # A date has no zone, a datetime in its normal form is in UTC: they never meet.
    return moment if (moment.tzinfo is None) == (declared.type == "date") else None


def _users_first(words: Sequence[Word], _: Declared) -> TraitRow:
    return max(words, key=lambda word: (word.is_identified, _when(word))).row


def _by_source(words: Sequence[Word], declared: Declared) -> TraitRow:
    places = {source: -place for place, source in enumerate(declared.sources)}
    last = -len(places)

    def place(word: Word) -> int:
        # A request's source names its key: `api:<key>`; `api` is all of them.
        source = word.row.source
        return max(places.get(source, last), places.get("api", last) if source.startswith("api:") else last)

    return max(words, key=lambda word: (place(word), _when(word))).row


def _union(words: Sequence[Word], declared: Declared) -> TraitRow:
    """Everything that any key says, what was said first coming first; the word is the latest that adds to it."""
    arrays = sorted((word for word in words if isinstance(word.row.value, list)), key=_when)
    if not arrays:
        return _latest(words, declared)
    items: dict[str, None] = {}
    row = arrays[0].row
    for word in arrays:
        before = len(items)
        items.update(dict.fromkeys(each for each in word.row.value if isinstance(each, str)))
        row = word.row if len(items) > before else row
    return row._replace(value=list(items), said=None)


_CHOICES: Mapping[MergePolicy, Callable[[Sequence[Word], Declared], TraitRow]] = {
    "earliest": _earliest,
    "max": _greatest,
    "min": _least,
    "union": _union,
    "prefer_identified": _users_first,
    "source_priority": _by_source,
}
