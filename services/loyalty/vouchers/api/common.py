"""What the pages of vouchers share: places in lists."""

from uuid import UUID

from shared.http.paging import BadCursor, decode_cursor


def place(cursor: str | None) -> UUID | None:
    """The id in a cursor.

    Raises:
        BadCursor: there is none in it.
    """
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise BadCursor from None


def number(cursor: str | None) -> int | None:
    """The version in a cursor.

    Raises:
        BadCursor: there is none in it.
    """
    if cursor is None:
        return None
    (found,) = decode_cursor(cursor, length=1)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**31:
        raise BadCursor
    return found
