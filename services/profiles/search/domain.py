"""What is searched for: names without diacritics and case, prefixes as ranges, values of traits."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

import orjson

NAMES = frozenset(
    {"name", "first_name", "last_name", "middle_name", "full_name", "display_name"}
    | {"firstName", "lastName", "middleName", "fullName", "displayName"}
)
MAX_PHRASES = 8
MAX_PHRASE_LENGTH = 100

_WORD = re.compile(r"\w+")
_NOT_COMPOSED = str.maketrans("Đđ", "Dd")
_LOCAL_PHONE = re.compile(r"0[0-9]{1,10}", re.ASCII)


class Phrase(NamedTuple):
    """A name from one of its words on; `trait` says which name."""

    customer_id: UUID
    trait: str
    phrase: str


class Match(NamedTuple):
    """A place in the order of what was found: the text, the person key that has it, and what kind of text it is."""

    text: str
    key: UUID
    kind: str


def folded(text: str) -> str:
    """The words of a text without diacritics, case and punctuation: `Nguyễn Thị-Hương` is `nguyen thi huong`."""
    plain = unicodedata.normalize("NFD", text.translate(_NOT_COMPOSED)).casefold()
    return " ".join(_WORD.findall("".join(each for each in plain if not unicodedata.combining(each))))


def phrases(name: str) -> Iterator[str]:
    """A name from each of its words on, so that the beginning of any word, and what follows it, is a prefix."""
    words = folded(name).split()
    for place in range(min(len(words), MAX_PHRASES)):
        yield " ".join(words[place:])[:MAX_PHRASE_LENGTH]


def phrases_of(written: Mapping[tuple[UUID, str], str | None]) -> dict[tuple[UUID, str], list[Phrase]]:
    """The phrases of the names among these traits (JSON text, None: removed); others are passed over."""
    found: dict[tuple[UUID, str], list[Phrase]] = {}
    for (key, trait), value in written.items():
        if trait in NAMES:
            name = None if value is None else orjson.loads(value)
            each = dict.fromkeys(phrases(name)) if isinstance(name, str) else ()
            found[key, trait] = [Phrase(key, trait, phrase) for phrase in each]
    return found


def prefixes(text: str, *, country: str) -> list[str]:
    """How identifiers that begin with this may be stored: as it is, in small letters, and as a number in E.164."""
    found = [text, text.lower()]
    bare = re.sub(r"[\s.()-]", "", text)
    if country == "VN" and _LOCAL_PHONE.fullmatch(bare):
        found.append(f"+84{bare[1:]}")
    elif bare.startswith("+"):
        found.append(bare)
    return sorted(set(found))


def meanings(value: str) -> list[str]:
    """What a value in a query may be as JSON: a text, and the number or truth value it may be written for."""
    found = [orjson.dumps(value).decode()]
    try:
        plain = orjson.loads(value)
    except orjson.JSONDecodeError:
        return found
    return [*found, orjson.dumps(plain).decode()] if isinstance(plain, bool | int | float) else found


def is_meant(value: object, wanted: Collection[str]) -> bool:
    """Whether a trait has one of these values (JSON texts)."""
    return orjson.dumps(value).decode() in wanted
