"""Keyset pages: `items` and the cursor of the next page, opaque to clients.

A cursor is the sort key of the last item, so a page costs the same at the first and at the millionth row, and rows
that come in between neither repeat nor hide others.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar, overload
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import BaseModel, Field

from shared.errors import BadRequest

T = TypeVar("T")
R = TypeVar("R")

MAX_CURSOR_LENGTH = 1_024

# Query parameters of a paged route.
Limit = Annotated[int, Query(ge=1, le=500, description="How many items at most.")]
Cursor = Annotated[
    str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the page before; none: the first.")
]


class BadCursor(BadRequest):
    """The cursor was not made by this route."""

    code, title = "bad_cursor", "Bad cursor"

    def __init__(self) -> None:
        super().__init__("The cursor is not one this endpoint gave; leave it out to begin at the first page.")


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(None, description="Pass as `cursor` for the next page; null: this is the last.")


@overload
def page_of(found: Sequence[T], limit: int, place: Callable[[T], tuple[Any, ...]]) -> Page[T]: ...


@overload
def page_of(
    found: Sequence[R], limit: int, place: Callable[[R], tuple[Any, ...]], show: Callable[[R], T]
) -> Page[T]: ...


def page_of(
    found: Sequence[Any],
    limit: int,
    place: Callable[[Any], tuple[Any, ...]],
    show: Callable[[Any], Any] | None = None,
) -> Page[Any]:
    """A page of what was found: `limit` items, and if there is one more the cursor that continues after the last.

    `place` is what the list is sorted by; `show` makes an item of what was found.
    """
    items = [show(each) for each in found[:limit]] if show else list(found[:limit])
    return Page(items=items, next_cursor=next_cursor(found, limit, place))


def next_cursor(found: Sequence[R], limit: int, place: Callable[[R], tuple[Any, ...]]) -> str | None:
    """The cursor that continues after the first `limit` of what was found; None: there are no more."""
    return encode_cursor(place(found[limit - 1])) if len(found) > limit else None


def encode_cursor(values: Sequence[Any]) -> str:
    """The opaque form of JSON values (ids and times may be UUIDs and datetimes; they come back as strings)."""
    # asyncpg's UUIDs are a subclass of uuid.UUID, which orjson takes for an unknown type.
    return base64.urlsafe_b64encode(orjson.dumps(list(values), default=str)).decode().rstrip("=")


def decode_cursor(cursor: str, *, length: int | None = None) -> list[Any]:
    """The values of a cursor, `length` of them if given.

    Raises:
        BadCursor: it is none. The types of the values are the caller's to check: clients can make cursors up.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        values = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError):
        raise BadCursor from None
    if not isinstance(values, list) or (length is not None and len(values) != length):
        raise BadCursor
    return values


def read_id(value: object) -> UUID:
    """An id in a cursor.

    Raises:
        BadCursor: it is none.
    """
    try:
        return UUID(str(value))
    except ValueError:
        raise BadCursor from None


def read_moment(value: object) -> datetime:
    """A time with offset in a cursor.

    Raises:
        BadCursor: it is none.
    """
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise BadCursor from None
    if moment.tzinfo is None:
        raise BadCursor
    return moment


def id_in(cursor: str | None) -> UUID | None:
    """The id that a cursor is; None for the first page.

    Raises:
        BadCursor: it is none.
    """
    return None if cursor is None else read_id(decode_cursor(cursor, length=1)[0])


def moment_and_id_in(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The time and the id that a cursor is; None for the first page.

    Raises:
        BadCursor: it is none.
    """
    if cursor is None:
        return None
    moment, key = decode_cursor(cursor, length=2)
    return read_moment(moment), read_id(key)


def number_in(cursor: str | None, *, below: int = 2**31) -> int | None:
    """The number from 0 that a cursor is; None for the first page.

    Raises:
        BadCursor: it is none.
    """
    if cursor is None:
        return None
    (number,) = decode_cursor(cursor, length=1)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < below:
        raise BadCursor
    return number
