"""What names a person: the texts that an erasure looks for, and the marks that keep them from coming back."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Values that name somebody wherever they stand. All others may be of many people: a town, a tier.
_NAMES = ("name", "full_name", "display_name", "fullname", "displayname")
_CONTACTS = ("email", "phone")
# A name of one word is of thousands.
_FULL_NAME = re.compile(r"\S+(?:\s+\S+)+")
MIN_FULL_NAME = 6
MAX_TEXT = 254
# Texts and marks of one request event, which has a million bytes.
SLICE = 1_000


def telling(traits: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """The values of traits that name the person, as they were said."""
    for name, value in traits:
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
            continue
        folded = name.replace("-", "_").lower()
        is_full_name = folded in _NAMES and len(value) >= MIN_FULL_NAME and _FULL_NAME.fullmatch(value.strip())
        if folded in _CONTACTS or is_full_name:
            yield value.strip()
    # An address is said as an object.
    for name, value in traits:
        if name.lower() == "address" and isinstance(value, Mapping):
            street = value.get("street")
            if isinstance(street, str) and MIN_FULL_NAME <= len(street) <= MAX_TEXT:
                yield street


def slices(texts: list[str], marks: list[bytes]) -> list[tuple[list[str], list[bytes]]]:
    """Both in pieces that fit into an event; at least one, also of nothing."""
    count = max(1, -(-len(texts) // SLICE), -(-len(marks) // SLICE))
    return [
        (texts[place * SLICE : (place + 1) * SLICE], marks[place * SLICE : (place + 1) * SLICE])
        for place in range(count)
    ]
