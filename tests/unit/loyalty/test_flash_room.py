"""Who is let in when: by number, at the rate of the room, and never sooner because somebody hopes so."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loyalty.flash.domain.room import Room
from shared.ids import uuid7

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)
ROOM = Room(uuid7(), 2.0, 60, 0.0, NOON, 10, NOON)


@pytest.mark.parametrize(
    ("after", "number", "is_in", "ahead"),
    [(-5, 1, False, 0), (0, 3, False, 2), (0.5, 1, True, 0), (1.0, 3, False, 0), (1.5, 3, True, 0), (1.0, 9, False, 6)],
)
def test_a_number_is_let_in_when_its_time_comes(after: float, number: int, *, is_in: bool, ahead: int):
    at = NOON + timedelta(seconds=after)

    assert (ROOM.is_in(number, at), ROOM.ahead(number, at)) == (is_in, ahead)


def test_nobody_is_let_in_and_no_time_passes_while_the_sale_is_paused():
    paused = ROOM._replace(since=None, admitted=4.0)
    later = NOON + timedelta(days=1)

    assert [paused.is_in(number, later) for number in (4, 5)] == [True, False]
    assert (paused.turn_at(5), paused.pass_until(4)) == (None, None)


@given(st.integers(1, 10_000), st.floats(0.01, 5_000), st.floats(0, 10_000))
def test_what_is_said_of_the_time_is_true(number: int, rate: float, admitted: float):
    room = ROOM._replace(per_second=rate, admitted=admitted)
    turn = room.turn_at(number)
    assert turn is not None

    assert room.is_in(number, turn + timedelta(milliseconds=1))
    if number > admitted + 1:
        assert not room.is_in(number, turn - timedelta(seconds=0.5 / rate))
    assert room.pass_until(number) == turn + timedelta(seconds=60)
