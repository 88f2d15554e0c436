"""Whether what is said of a trait fits its type, and its one written form.

Always: an e-mail address in small letters, a phone number in E.164, a datetime in UTC, 42.0 as the integer 42. Only
where the declaration says `coerce`: "42" as a number, 42 as a text, "true" as a truth value, an enum value in whatever
case, one text as an array of it. Never: a local time (its zone is unknown), a number that is not certainly E.164.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import orjson

from services.profiles.domain.identifiers import email, is_e164, phone
from services.profiles.domain.traits import TraitWrite
from services.profiles.trait_schema.domain.declaration import NUMERIC, Declared, Type

Reason = Literal[
    "wrong_type", "out_of_range", "too_long", "not_listed", "not_iso_8601", "not_an_email", "not_e164", "undeclared"
]
Verdict = Reason | Literal["superseded"] | None

_MEND: Mapping[Reason, str] = {
    "wrong_type": "Send a JSON value of the type {type}{coerced}.",
    "out_of_range": "Send a number within the limits{limits}, of at most 64 bits.",
    "too_long": "Send at most {max_length} characters, or items of an array.",
    "not_listed": "Send one of the values of the declaration, written as it is there.",
    "not_iso_8601": "Send ISO 8601: a date as 2026-01-31, a datetime with its offset as 2026-01-31T09:30:00+07:00.",
    "not_an_email": "Send an e-mail address such as name@example.com.",
    "not_e164": "Send the number with its country code, as in +84901234567.",
    "undeclared": "Declare the trait first (PUT /v1/trait-schema/<name>), or leave it out.",
}
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)


class Unfit(Exception):
    """The value does not fit."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(NamedTuple):
    """A word that does not fit."""

    write: TraitWrite
    reason: Reason


class Stored(NamedTuple):
    """A word as it is kept. `verdict` None: it is the value of the trait, which is written as `shown`.

    `was_held`: it was the value once, and was set aside when the type changed.
    """

    customer_id: UUID
    write: TraitWrite
    verdict: Verdict
    was_held: bool
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """All that is declared. `country` is that of phone numbers without a country code."""

    declared: Mapping[str, Declared] = field(default_factory=dict)
    is_strict: bool = False
    country: str = "none"

    def __bool__(self) -> bool:
        return bool(self.declared) or self.is_strict

    def judge(self, name: str, write: TraitWrite) -> TraitWrite | Refused:
        """The word in its normal form, with what was said if that was written otherwise; or why it is refused."""
        declared = self.declared.get(name)
        if write.value is None or (declared is None and not self.is_strict):
            return write
        if declared is None:
            return Refused(write, "undeclared")
        said = orjson.loads(write.value)
        try:
            text = orjson.dumps(read(declared, said, country=self.country))
        except Unfit as unfit:
            return Refused(write, unfit.reason)
        except orjson.JSONEncodeError:
            return Refused(write, "out_of_range")
        return write if text == orjson.dumps(said) else write._replace(value=text.decode(), said=write.value)


def judged_again(name: str, words: Sequence[Stored], schema: Schema) -> list[Stored]:
    """All words on one trait of one key, judged by today's schema: the latest that fits is the value.

    The values of `words` are those that were said.
    """
    once: dict[UUID, Stored] = {}
    for word in sorted(words, key=lambda word: (word.verdict is None, word.was_held)):
        once[word.write.event_id] = word
    verdicts = [(word, schema.judge(name, word.write)) for word in once.values()]
    fitting = [(word, verdict) for word, verdict in verdicts if isinstance(verdict, TraitWrite)]
    value = max(fitting, key=lambda each: (each[0].write.time, each[0].write.event_id), default=None)
    found = (
        [] if value is None else [value[0]._replace(write=value[1], verdict=None, was_held=False, shown=value[1].value)]
    )
    for word, verdict in verdicts:
        if (value is None or word is not value[0]) and word.write.value is not None:
            reason: Verdict = verdict.reason if isinstance(verdict, Refused) else "superseded"
            found.append(word._replace(verdict=reason, was_held=word.was_held or word.verdict is None))
    return found


def mend(reason: Reason, declared: Declared | None) -> str:
    """A sentence that says how to make the value fit."""
    if declared is None:
        return _MEND[reason]
    bounds = [
        f"{word} {bound:g}" for word, bound in (("from", declared.min), ("to", declared.max)) if bound is not None
    ]
    return _MEND[reason].format(
        type="array of strings" if declared.type == "array" else declared.type,
        coerced=", or a text that says one" if declared.coerce else "",
        limits=f" ({' '.join(bounds)})" if bounds else "",
        max_length=declared.max_length,
    )


def read(declared: Declared, value: Any, *, country: str) -> Any:
    """The value in the normal form of its type.

    Raises:
        Unfit: it does not fit.
    """
    if declared.type == "phone":
        number = phone(value, country=country)
        if number is None or not is_e164(number):
            raise Unfit("not_e164")
        return number
    found = _READERS[declared.type](declared, value)
    if declared.type in NUMERIC:
        low, high = declared.min, declared.max
        if (low is not None and found < low) or (high is not None and found > high):
            raise Unfit("out_of_range")
    elif declared.max_length is not None and len(found) > declared.max_length:
        raise Unfit("too_long")
    return found


def _string(declared: Declared, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and declared.coerce:
        return orjson.dumps(value).decode()
    return _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit("wrong_type")
    return value


def _number(declared: Declared, value: Any) -> int | float:
    if isinstance(value, str) and declared.coerce and _NUMBER.fullmatch(value.strip()):
        value = orjson.loads(str(float(value))) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit("wrong_type")
    return value


def _integer(declared: Declared, value: Any) -> int:
    number = _number(declared, value)
    if isinstance(number, float):
        if not number.is_integer():
            raise Unfit("wrong_type")
        return int(number)
    return number


def _boolean(declared: Declared, value: Any) -> bool:
    if isinstance(value, str) and declared.coerce:
        value = {"true": True, "false": False}.get(value.strip().casefold())
    if not isinstance(value, bool):
        raise Unfit("wrong_type")
    return value


def _date(_: Declared, value: Any) -> str:
    text = _text(value)
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "").isoformat()
    except ValueError:
        raise Unfit("not_iso_8601") from None


def _datetime(_: Declared, value: Any) -> str:
    text = _text(value)
    try:
        moment = datetime.fromisoformat(text.upper() if _DATETIME.fullmatch(text) else "")
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        raise Unfit("not_iso_8601") from None


def _email(_: Declared, value: Any) -> str:
    address = email(value)
    if address is None:
        raise Unfit("not_an_email")
    return address


def _enum(declared: Declared, value: Any) -> str:
    text = _text(value)
    if text in declared.values:
        return text
    if declared.coerce:
        folded = text.strip().casefold()
        for each in declared.values:
            if each.casefold() == folded:
                return each
    raise Unfit("not_listed")


def _array(declared: Declared, value: Any) -> list[str]:
    if isinstance(value, str) and declared.coerce:
        return [value]
    if not isinstance(value, list):
        raise Unfit("wrong_type")
    return [_text(each) for each in value]


_READERS: Mapping[Type, Callable[[Declared, Any], Any]] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "email": _email,
    "enum": _enum,
    "array": _array,
}
