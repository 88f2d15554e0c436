"""Which time an event gets."""

from datetime import UTC, datetime, timedelta

import pytest
from touchpoint_events import RECEIVED, a_track, judged

MINUTE = timedelta(minutes=1)


def _said(moment: datetime) -> str:
    return moment.isoformat()


def test_without_a_time_it_happened_when_we_got_it() -> None:
    read = judged(a_track(sentAt=_said(RECEIVED - 90 * MINUTE)))

    assert (read.time, read.data.original_time, read.data.clock) == (RECEIVED, RECEIVED, "as_sent")


@pytest.mark.parametrize("off", [4.99, -4.99, 0.2])
def test_a_clock_off_by_less_than_five_minutes_is_believed(off: float) -> None:
    """The difference is mostly the way of the request: correcting it would reorder events."""
    happened = RECEIVED - 3 * MINUTE

    read = judged(a_track(timestamp=_said(happened), sentAt=_said(RECEIVED - off * MINUTE)))

    assert (read.time, read.data.clock) == (happened, "as_sent")


@pytest.mark.parametrize("off", [5, -5, 60, -60 * 24 * 365])
def test_a_wrong_clock_is_corrected_and_the_original_kept(off: float) -> None:
    happened, sent = RECEIVED - 2 * MINUTE + off * MINUTE, RECEIVED + off * MINUTE

    read = judged(a_track(timestamp=_said(happened), sentAt=_said(sent)))

    assert (read.time, read.data.clock) == (RECEIVED - 2 * MINUTE, "corrected")
    assert (read.data.original_time, read.data.sent_at) == (happened, sent)


def test_sent_at_of_the_event_wins_over_that_of_the_batch() -> None:
    happened = RECEIVED - 30 * MINUTE

    read = judged(a_track(timestamp=_said(happened), sentAt=_said(RECEIVED)), sent=RECEIVED - 20 * MINUTE)

    assert read.time == happened


def test_original_timestamp_wins_over_timestamp() -> None:
    read = judged(a_track(originalTimestamp="2026-11-21T19:00:00Z", timestamp="2026-11-21T18:00:00Z"))

    assert read.time == datetime(2026, 11, 21, 19, tzinfo=UTC)


def test_history_survives_exactly() -> None:
    read = judged(a_track(timestamp="1997-01-12T00:00:00.123456+07:00"))

    assert read.time == datetime(1997, 1, 11, 17, 0, 0, 123456, tzinfo=UTC)


def test_an_import_is_never_corrected() -> None:
    event = a_track(timestamp="1997-01-12T00:00:00Z", sentAt="2026-01-01T00:00:00Z")

    assert judged(event, corrects_clocks=False).time == datetime(1997, 1, 12, tzinfo=UTC)
    assert judged(event).data.clock == "corrected"


def test_the_future_is_set_to_now_and_marked() -> None:
    soon, later = RECEIVED + 60 * MINUTE, RECEIVED + 61 * MINUTE

    assert (judged(a_track(timestamp=_said(soon))).time, judged(a_track(timestamp=_said(soon))).data.clock) == (
        soon,
        "as_sent",
    )
    read = judged(a_track(timestamp=_said(later)))
    assert (read.time, read.data.original_time, read.data.clock) == (RECEIVED, later, "clamped")


@pytest.mark.parametrize("nonsense", ["", "soon", 5, None, "2026-11-21T19:00:00", "0001-01-01T00:00:00Z", []])
def test_a_senseless_sent_at_counts_as_absent(nonsense: object) -> None:
    read = judged(a_track(timestamp="2026-11-21T19:00:00Z", sentAt=nonsense))

    assert (read.time, read.data.sent_at) == (datetime(2026, 11, 21, 19, tzinfo=UTC), None)


def test_a_correction_that_leads_nowhere_is_not_made() -> None:
    read = judged(a_track(timestamp="2026-11-21T19:00:00Z", sentAt="2150-01-01T00:00:00Z"))

    assert read.time == datetime(2026, 11, 21, 19, tzinfo=UTC)
