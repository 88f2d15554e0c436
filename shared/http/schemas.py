"""Wire types of the native routes: unknown fields, naive times and what PostgreSQL cannot hold are refused."""

import math
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from shared.clock import time_zones

# RFC 3339: pydantic alone would take 1700000000 and "1700000000" for a time as well.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_MAX_DEPTH = 64


def _innermost(schema: Any) -> Any:
    """What a core schema is about: without defaults, null and functions around it."""
    while "schema" in schema:
        schema = schema["schema"]
    return schema


def _take_only_booleans(schema: CoreSchema) -> None:
    """Make the switches of a model strict; models within see to their own."""
    for field in map(_innermost, _innermost(schema).get("fields", {}).values()):
        if field["type"] == "bool":
            field["strict"] = True


class Strict(BaseModel):
    """Base of request bodies.

    Refuses unknown fields, NaN and infinities, NUL characters and lone surrogates, and what is neither true nor false
    where one of them is meant: pydantic alone would take 0, "off" and "n" as well.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, str_max_length=65_536)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        _take_only_booleans(schema)
        return schema

    @model_validator(mode="before")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
        refuse_unstorable(value)
        return value


def refuse_unstorable(value: Any, depth: int = 0) -> None:
    """Raise a `PydanticCustomError` if decoded JSON holds what no column or JSON document can keep.

    Free-form objects (`dict[str, Any]`) are validated by nothing else.
    """
    if isinstance(value, str):
        _refuse_text(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise PydanticCustomError("finite_number", "Numbers must be finite")
    elif isinstance(value, dict | list):
        if depth >= _MAX_DEPTH:
            raise PydanticCustomError("too_deep", "The document is nested too deeply")
        for each in (*value, *value.values()) if isinstance(value, dict) else value:
            refuse_unstorable(each, depth + 1)


def _refuse_text(value: str) -> None:
    if "\x00" in value:
        raise PydanticCustomError("nul_character", "Text must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("lone_surrogate", "Text must be valid Unicode") from None


def _only_rfc_3339(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise PydanticCustomError("rfc_3339", "Input should be an RFC 3339 time such as 2026-01-31T09:30:00+07:00")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("rfc_3339", "The time is out of range") from None


# A moment: RFC 3339 with an offset on the wire, an aware UTC datetime in the code. A naive time is refused.
Instant = Annotated[AwareDatetime, BeforeValidator(_only_rfc_3339), AfterValidator(_in_utc)]


def _only_iso_day(value: Any) -> Any:
    if isinstance(value, str) and len(value) == 10:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            day = None
        if day is not None and day.year >= 1900:
            return day
    raise PydanticCustomError("day", "Input should be a day such as 2026-01-31, not before 1900")


# A day is written 2026-01-31 and no other way: pydantic alone would take seconds since 1970 as well.
Day = Annotated[
    date,
    BeforeValidator(_only_iso_day),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-01-31"]}),
]


def _known_zone(value: str) -> str:
    if value not in time_zones():
        raise PydanticCustomError("time_zone", "Input should be an IANA time zone such as Asia/Ho_Chi_Minh")
    return value


TimeZone = Annotated[str, Field(max_length=64, examples=["Asia/Ho_Chi_Minh"]), AfterValidator(_known_zone)]

# A whole number in a JSON body that fits PostgreSQL's bigint; "1", 1.0 and true are none.
BigInt = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise PydanticCustomError("printable", "Text must be printable and have no space around it")
    return value


# An id from outside (a user id, an order id, a reference), as it may stand in a URL.
ExternalId = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
