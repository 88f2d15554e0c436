"""What responses are about: rules over words and phrases, which a firm writes for itself.

    "giao hàng chậm"                        these words, one after the other
    "giao*"                                 a word that begins so
    {"near": ["giao", "chậm"], "within": 4} all of them within so many words, in any order
    {"any": [rule, …]}, {"all": [rule, …]}, {"not": rule}

Case never counts. A word that is written with diacritics is found as it is, and where the customer wrote without any:
`chậm` is found in "Giao CHAM", not in "chấm điểm". A word without diacritics is found whatever stands on it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from services.surveys.answers.domain.said import folded_word

MAX_THEMES = 200
MAX_RULES = 5_000
MAX_PHRASE_WORDS = 10
MAX_WITHIN = 20
_DEEPEST = 8
_TOKEN = re.compile(r"\w+")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


class BadRule(ValueError):
    """A rule that nothing could be found by: `path` says where, the message why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path


class Word(NamedTuple):
    """A word of a text: as it is written, in lower case, and without diacritics."""

    written: str
    plain: str


@dataclass(frozen=True, slots=True)
class Text:
    """The words of a text in their order, and by the word without diacritics the places where it stands."""

    words: Sequence[Word]
    places: Mapping[str, Sequence[int]]
    plain: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "Text":
        """The words of a text."""
        words = [
            Word(each, folded_word(each)) for each in _TOKEN.findall(unicodedata.normalize("NFC", text).casefold())
        ]
        places: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            places.setdefault(word.plain, []).append(place)
        return cls(words, places, frozenset(places))


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a rule. `is_start`: a word that begins so."""

    written: str
    plain: str
    is_start: bool

    def fits(self, word: Word) -> bool:
        """Whether a word of a text is it."""
        if self.written == self.plain or word.written == word.plain:
            return word.plain.startswith(self.plain) if self.is_start else word.plain == self.plain
        return word.written.startswith(self.written) if self.is_start else word.written == self.written

    def places(self, text: Text) -> Sequence[int]:
        """Where it may stand in a text."""
        if self.is_start:
            return range(len(text.words))
        return text.places.get(self.plain, ())


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words one after the other. `needs`: what a text that has them has; most lack some, which is found at once."""

    tokens: tuple[Token, ...]
    needs: frozenset[str]

    def holds(self, text: Text) -> bool:
        """Whether a text has them."""
        return self.needs <= text.plain and any(map(partial(self._is_at, text), self.tokens[0].places(text)))

    def _is_at(self, text: Text, start: int) -> bool:
        words = text.words[start : start + len(self.tokens)]
        return len(words) == len(self.tokens) and all(map(Token.fits, self.tokens, words))


@dataclass(frozen=True, slots=True)
class Near:
    """Words within so many, in any order; `needs` as in a phrase."""

    tokens: tuple[Token, ...]
    needs: frozenset[str]
    within: int

    def holds(self, text: Text) -> bool:
        """Whether a text has them."""
        if not self.needs <= text.plain:
            return False
        starts = range(max(1, len(text.words) - self.within + 1))
        return any(self._is_in(text.words[start : start + self.within]) for start in starts)

    def _is_in(self, words: Sequence[Word]) -> bool:
        return all(any(map(token.fits, words)) for token in self.tokens)


@dataclass(frozen=True, slots=True)
class Either:
    """One of them."""

    parts: tuple["Rule", ...]

    def holds(self, text: Text) -> bool:
        """Whether one holds of a text."""
        return any(part.holds(text) for part in self.parts)


@dataclass(frozen=True, slots=True)
class All:
    """All of them."""

    parts: tuple["Rule", ...]

    def holds(self, text: Text) -> bool:
        """Whether all hold of a text."""
        return all(part.holds(text) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    part: "Rule"

    def holds(self, text: Text) -> bool:
        """Whether it does not hold of a text."""
        return not self.part.holds(text)


Rule = Phrase | Near | Either | All | Not


@dataclass(frozen=True, slots=True)
class Themes:
    """A version of a firm's rules: by the key of a theme, when a text is about it."""

    version: int
    rules: Mapping[str, Rule]
    # By the key of a theme, words of which a text has at least one; a theme that is not here may be of any text.
    hints: Mapping[str, frozenset[str]]

    def of(self, text: str) -> tuple[str, ...]:
        """What a text is about, in alphabetical order."""
        if not self.rules:
            return ()
        said = Text.of(text)
        if not said.words:
            return ()
        plain = said.plain
        # Most themes have no word in common with a text.
        near = [key for key in self.rules if (hints := self.hints.get(key)) is None or not hints.isdisjoint(plain)]
        return tuple(sorted(key for key in near if self.rules[key].holds(said)))


NONE = Themes(0, {}, {})


def read_themes(version: int, document: Mapping[str, Any]) -> Themes:
    """The rules in a decoded JSON document: by the key of a theme, its rule.

    Raises:
        BadRule: nothing could be found by one of them.
    """
    if len(document) > MAX_THEMES:
        raise BadRule("", f"At most {MAX_THEMES} themes.")
    left = iter(range(MAX_RULES))
    rules = {}
    for key, rule in document.items():
        if not _KEY.fullmatch(key):
            raise BadRule(f"/{key[:64]}", "The key of a theme is lower case letters, digits and _, at most 40.")
        rules[key] = _read(rule, f"/{key}", left, _DEEPEST)
    found = {key: _hints(rule) for key, rule in rules.items()}
    return Themes(version, rules, {key: hints for key, hints in found.items() if hints is not None})


def _read(rule: object, path: str, left: Iterator[int], deeper: int) -> Rule:
    if next(left, None) is None:
        raise BadRule(path, f"At most {MAX_RULES} rules altogether.")
    if deeper == 0:
        raise BadRule(path, f"Rules are at most {_DEEPEST} deep.")
    match rule:
        case str():
            tokens = _tokens(rule, path)
            return Phrase(tokens, _needs(tokens))
        case {"any": list() as parts, **rest} if not rest and parts:
            return Either(_parts(parts, f"{path}/any", left, deeper))
        case {"all": list() as parts, **rest} if not rest and parts:
            return All(_parts(parts, f"{path}/all", left, deeper))
        case {"not": part, **rest} if not rest:
            return Not(_read(part, f"{path}/not", left, deeper - 1))
        case {"near": list() as words, "within": int() as within, **rest} if not rest and words:
            return _near(words, within, path)
    raise BadRule(
        path, 'A rule is a phrase, {"near": [word, …], "within": n}, {"any": […]}, {"all": […]} or {"not": …}.'
    )


def _hints(rule: Rule) -> frozenset[str] | None:
    """Words without diacritics, one of which is in every text that a rule holds of; None: there may be none."""
    match rule:
        case Phrase(needs=needs) | Near(needs=needs):
            # Any of them would do; long words are rare ones.
            return frozenset({max(needs, key=len)}) if needs else None
        case Either(parts=parts):
            found = [_hints(part) for part in parts]
            return None if None in found else frozenset().union(*(each for each in found if each is not None))
        case All(parts=parts):
            return min(filter(None, map(_hints, parts)), key=len, default=None)
        case Not():
            return None


def _parts(parts: Sequence[object], path: str, left: Iterator[int], deeper: int) -> tuple[Rule, ...]:
    return tuple(_read(part, f"{path}/{place}", left, deeper - 1) for place, part in enumerate(parts))


def _near(words: Sequence[object], within: int, path: str) -> Near:
    tokens = [_tokens(word, f"{path}/near/{place}") for place, word in enumerate(words) if isinstance(word, str)]
    if len(tokens) != len(words) or any(len(each) != 1 for each in tokens) or len(tokens) > MAX_PHRASE_WORDS:
        raise BadRule(f"{path}/near", f"A list of single words, at most {MAX_PHRASE_WORDS}.")
    if isinstance(within, bool) or not len(tokens) <= within <= MAX_WITHIN:
        raise BadRule(f"{path}/within", f"A whole number from the number of words to {MAX_WITHIN}.")
    words_near = tuple(each[0] for each in tokens)
    return Near(words_near, _needs(words_near), within)


def _needs(tokens: Sequence[Token]) -> frozenset[str]:
    return frozenset(token.plain for token in tokens if not token.is_start)


def _tokens(phrase: str, path: str) -> tuple[Token, ...]:
    found = []
    for each in unicodedata.normalize("NFC", phrase).casefold().split():
        if not _TOKEN.fullmatch(each.removesuffix("*")):
            raise BadRule(path, "A phrase is words of letters and digits; a last * stands for any end of a word.")
        found.append(Token(each.removesuffix("*"), folded_word(each.removesuffix("*")), each.endswith("*")))
    if not 0 < len(found) <= MAX_PHRASE_WORDS:
        raise BadRule(path, f"A phrase has 1 to {MAX_PHRASE_WORDS} words.")
    return tuple(found)
