"""What names a customer: values that never do, and one written form for each e-mail address and phone number."""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

USER_ID = "user_id"
ANONYMOUS_ID = "anonymous_id"
EMAIL = "email"
PHONE = "phone"

MAX_ID_LENGTH = 200
MAX_TYPE_LENGTH = 64
MAX_EMAIL_LENGTH = 254
MAX_PHONE_LENGTH = 64

# Placeholders that shops send for everybody who has no id; merging by one of them joins strangers.
_PLACEHOLDERS = frozenset(
    {
        "-1", "anonymous", "anon", "unknown", "undefined", "null", "nil", "none", "nan", "n/a", "na", "guest",
        "default", "empty", "missing", "blank", "(null)", "(none)", "(not set)", "not set", "not_set", "true", "false",
        "[object object]", "khách", "khach", "khách lẻ", "khach le", "vãng lai", "khách vãng lai",
    }
)  # fmt: skip

_TYPE = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,63}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PHONE_PUNCTUATION = re.compile(r"[\s.()\-\u2010-\u2015\u00a0/]+")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)
# Vietnam's numbering plan: mobile 3, 5, 7, 8, 9 and eight digits; land lines 2 and nine digits.
_VN_NATIONAL = re.compile(r"([35789][0-9]{8}|2[0-9]{9})", re.ASCII)


class Identifier(NamedTuple):
    """A value of a declared type that names the customer with this raw person key."""

    type: str
    value: str
    customer_id: UUID


class Blocklist:
    """Values that never identify anybody: the well-known placeholders, `0…0-0`, and the firm's own."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._values = _PLACEHOLDERS | {folded_value(value) for value in more}

    def usable(self, value: str | None) -> bool:
        """Whether the value may name a customer."""
        if not value or len(value) > MAX_ID_LENGTH or "\x00" in value:
            return False
        folded = folded_value(value)
        return folded.strip("0-") != "" and folded not in self._values


def folded_value(value: str) -> str:
    """The value as two are compared that differ in case alone."""
    return value.strip().lower() if value.isascii() else unicodedata.normalize("NFC", value).strip().casefold()


def email(value: object) -> str | None:
    """An e-mail address in its one form, or None if it is not one.

    The whole address is folded: no mail system in use tells local parts apart by case.
    """
    if not isinstance(value, str):
        return None
    text = folded_value(value)
    return text if len(text) <= MAX_EMAIL_LENGTH and _EMAIL.fullmatch(text) and "\x00" not in text else None


def phone(value: object, *, country: str) -> str | None:
    """A phone number in E.164 where that is certain, else as it was written without punctuation; None if it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_PHONE_LENGTH:
        return None
    text = _PHONE_PUNCTUATION.sub("", unicodedata.normalize("NFKC", value))
    digits = text.removeprefix("+")
    if not digits.isascii() or not digits.isdigit() or not 5 <= len(digits) <= 17 or not digits.strip("0"):
        return None
    if text.startswith("00"):
        text = "+" + text[2:]
    return _vietnamese(text, country) or text


def _vietnamese(text: str, country: str) -> str | None:
    """The E.164 form if the number is certainly a Vietnamese one."""
    if text.startswith("+84"):
        national = text[3:].removeprefix("0")
    elif country == "VN" and text.startswith("0"):
        national = text[1:]
    elif country == "VN" and text.startswith("84"):
        national = text[2:]
    else:
        return None
    return f"+84{national}" if _VN_NATIONAL.fullmatch(national) else None


def is_e164(number: str) -> bool:
    """Whether `phone` was certain."""
    return _INTERNATIONAL.fullmatch(number) is not None


def normalised(type_: str, value: str, *, country: str) -> str | None:
    """The stored form of an identifier's value, or None if it can be none."""
    if type_ == EMAIL:
        return email(value)
    if type_ == PHONE:
        return phone(value, country=country)
    return value if 0 < len(value) <= MAX_ID_LENGTH and "\x00" not in value else None


def is_type(name: object) -> bool:
    """Whether `name` may be the type of an identifier."""
    return isinstance(name, str) and _TYPE.fullmatch(name) is not None
