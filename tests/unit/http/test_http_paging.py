"""Cursors come back as they went, and made-up ones are refused."""

import base64
import contextlib
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.paging import BadCursor, decode_cursor, encode_cursor, page_of

_VALUES = st.lists(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8")))


@given(_VALUES)
def test_values_come_back(values: list[object]) -> None:
    cursor = encode_cursor(values)

    assert decode_cursor(cursor) == values
    assert cursor.replace("-", "").replace("_", "").isalnum() or not cursor


def test_ids_and_times_come_back_as_text() -> None:
    moment, key = datetime(2026, 1, 31, 3, 0, 0, 5, tzinfo=UTC), UUID(int=7)

    assert decode_cursor(encode_cursor([moment, key]), length=2) == ["2026-01-31T03:00:00.000005+00:00", str(key)]


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with contextlib.suppress(BadCursor):
        assert isinstance(decode_cursor(text), list)


@pytest.mark.parametrize("document", [b"{}", b"1", b"null", b'"x"', b"[1", b"[" * 5000, b"\xff"])
def test_other_json_is_refused(document: bytes) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(base64.urlsafe_b64encode(document).decode())


def test_a_cursor_of_another_route_is_refused() -> None:
    with pytest.raises(BadCursor):
        decode_cursor(encode_cursor([1, 2, 3]), length=2)


@pytest.mark.parametrize(
    ("found", "shown", "place"), [([3, 2, 1], ["3", "2"], [2]), ([3, 2], ["3", "2"], None), ([], [], None)]
)
def test_a_page_continues_only_where_there_is_more(found: list[int], shown: list[str], place: list[int] | None) -> None:
    page = page_of(found, 2, lambda each: (each,), str)
    assert page.items == shown
    assert (None if page.next_cursor is None else decode_cursor(page.next_cursor)) == place
