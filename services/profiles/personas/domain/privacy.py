"""What of a person must not stand in the description of a group: addresses, numbers, ids."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.profiles.personas.errors import Finding, Kind

_EMAIL = re.compile(r"[^\s@<>(),;:\"]+@[^\s@<>(),;:\"]+\.\w{2,}")
_UUID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}(?![0-9a-f])", re.I)
# Digits with what people write between them; a comma and a slash part amounts and dates instead.
_NUMBER = re.compile(r"(?<![\d.,])\(?\+?\(?\d(?:[ \u00a0.()\u2010-\u2015-]{0,3}\d){7,16}(?!\d)")
# Types of references that name a customer, not an answer.
_NAMING = re.compile(r"(?<![\w-])(user_id|anonymous_id|customer_id|customer|email|phone):\S", re.I)
_AMERICAN = re.compile(r"\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}")


def findings(document: Any) -> list[Finding]:
    """Everything in the texts of a JSON document that looks like personal data, in the order of the document."""
    return [Finding(pointer, kind) for pointer, text in _texts(document) for kind in _kinds(text)]


def ids(document: Any) -> Iterator[tuple[str, UUID]]:
    """The UUIDs in the texts of a JSON document: an answer's is welcome, a customer's is not."""
    for pointer, text in _texts(document):
        yield from ((pointer, UUID(found)) for found in _UUID.findall(_plain(text)))


def _texts(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(each, f"{pointer}/{name}")
    elif isinstance(value, Sequence):
        for place, each in enumerate(value):
            yield from _texts(each, f"{pointer}/{place}")


def _kinds(text: str) -> Iterator[Kind]:
    plain = _plain(text)
    if _EMAIL.search(plain):
        yield "email"
    # A UUID has runs of digits too.
    numbers = {kind for found in _NUMBER.findall(_UUID.sub(" ", plain)) if (kind := _kind_of_number(found))}
    yield from sorted(numbers)
    # Keys of users and visitors are the only UUIDs of version 5 here.
    if _NAMING.search(plain) or any(UUID(found).version == 5 for found in _UUID.findall(plain)):
        yield "customer_id"


def _kind_of_number(written: str) -> Kind | None:
    digits = re.sub(r"\D", "", written)
    if written.lstrip("(").startswith("+") or _AMERICAN.fullmatch(written):
        return "phone"
    if digits.startswith("0") and len(digits) == 12:
        return "id_number"
    if digits.startswith("00") and len(digits) >= 11:
        return "phone"
    if re.fullmatch(r"0[1-9]\d{8,9}", digits) or re.fullmatch(r"84[1-9]\d{8,9}", digits):
        return "phone"
    return None


def _plain(text: str) -> str:
    """The text without what hides in it: full-width and other digits, characters of no width."""
    return "".join(
        str(unicodedata.decimal(each)) if each.isdecimal() else each
        for each in unicodedata.normalize("NFKC", text)
        if unicodedata.category(each) != "Cf"
    )
