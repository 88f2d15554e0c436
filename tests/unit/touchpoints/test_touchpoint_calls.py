"""The rules of the door, one by one."""

from typing import Any

import pytest
from touchpoint_events import RECEIVED, a_delivery, a_track, judged, refusal_of

from services.touchpoints.domain.calls import MAX_EVENT_BYTES, accept
from shared.ids import anonymous_key, derived_id, user_key


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (None, "not_an_object"),
        ([], "not_an_object"),
        ("x", "not_an_object"),
        ({}, "unknown_type"),
        (a_track(type="trak"), "unknown_type"),
        (a_track(type=["track"]), "unknown_type"),
        (a_track(userId=None), "no_user_anon_id"),
        (a_track(userId=""), "no_user_anon_id"),
        (a_track(userId="  "), "no_user_anon_id"),
        (a_track(userId=True), "bad_user_id"),
        (a_track(userId={"id": 1}), "bad_user_id"),
        (a_track(userId=1.5), "bad_user_id"),
        (a_track(userId=1e23), "bad_user_id"),
        (a_track(userId="u" * 256), "user_id_too_long"),
        (a_track(anonymousId="u" * 256), "anonymous_id_too_long"),
        (a_track(messageId="m" * 101), "message_id_too_long"),
        (a_track(messageId=[1]), "bad_message_id"),
        (a_track(event=None), "no_event"),
        (a_track(event="  "), "no_event"),
        (a_track(event="e" * 256), "event_too_long"),
        (a_track(event={"name": "x"}), "bad_event"),
        (a_track(properties="x"), "bad_properties"),
        (a_track(context=7), "bad_context"),
        (a_track(traits="x"), "bad_traits"),
        (a_track(properties={"a": "b\x00c"}), "nul_character"),
        (a_track(properties={"a\x00": 1}), "nul_character"),
        (a_track(userId="u\x00"), "nul_character"),
        (a_track(timestamp="yesterday"), "bad_time"),
        (a_track(timestamp=1700000000), "bad_time"),
        (a_track(timestamp="2026-11-21T19:00:00"), "naive_time"),
        (a_track(timestamp="2026-11-21"), "naive_time"),
        (a_track(timestamp="1989-12-31T23:59:59Z"), "impossible_time"),
        (a_track(timestamp="0001-01-01T00:00:00+14:00"), "impossible_time"),
        (a_track(timestamp="9999-12-31T23:59:59-12:00"), "impossible_time"),
        (a_track(type="group"), "no_group_id"),
        (a_track(type="alias"), "no_previous_id"),
        (a_track(type="alias", userId=None, anonymousId="a"), "no_user_id"),
        (a_track(properties={"big": 2**70}), "not_storable"),
    ],
)
def test_a_bad_event_is_refused_with_a_code(event: Any, code: str) -> None:
    assert refusal_of(event) == code


@pytest.mark.parametrize("given", [4711, "4711", " 4711 ", 4711.0])
def test_numbers_and_padded_ids_are_the_same_person(given: Any) -> None:
    read = judged(a_track(userId=given))

    assert read.data.user_id == "4711"
    assert read.subject == user_key("4711")


@pytest.mark.parametrize(
    "nobody", ["undefined", "null", "NaN", "[object Object]", "00000000-0000-0000-0000-000000000000"]
)
def test_leavings_of_broken_scripts_make_nobody(nobody: str) -> None:
    """Taken for an id, one such script would make one person of all visitors."""
    assert judged(a_track(userId=nobody, anonymousId="a1")).subject == anonymous_key("a1")
    assert refusal_of(a_track(userId=nobody)) == "no_user_anon_id"


def test_a_user_outranks_an_anonymous_id() -> None:
    read = judged(a_track(anonymousId="a1"))

    assert read.subject == user_key("u1")
    assert read.data.anonymous_id == "a1"


def test_a_message_without_id_gets_one_of_ours() -> None:
    first, second = judged(a_track(messageId=None)), judged(a_track(messageId=""))

    assert first.data.message_id.startswith("tam-")
    assert first.id == derived_id("web", first.data.message_id)
    assert first.id != second.id


def test_the_same_message_id_of_two_sources_is_two_events() -> None:
    assert judged(a_track()).id == derived_id("web", "m1") != derived_id("app", "m1")


def test_traits_of_rudder_stand_under_context() -> None:
    read = judged({"type": "identify", "userId": "u1", "context": {"traits": {"city": "Huế"}}})

    assert read.data.traits == {"city": "Huế"}


def test_a_batch_context_stands_under_that_of_each_event() -> None:
    read = judged(a_track(context={"locale": "vi"}), context={"locale": "en", "channel": "server"})

    assert read.data.context == {"locale": "vi", "channel": "server"}


def test_an_empty_list_of_php_is_an_empty_object() -> None:
    assert judged(a_track(properties=[], context=[])).data.properties == {}


def test_page_category_at_the_top_becomes_a_property() -> None:
    read = judged({"type": "page", "userId": "u", "category": "Docs", "name": "Home", "properties": {"path": "/"}})

    assert read.data.properties == {"category": "Docs", "path": "/"}


def test_alias_falls_back_to_the_anonymous_id() -> None:
    assert judged(a_track(type="alias", anonymousId="a1")).data.previous_id == "a1"


def test_type_in_capitals_is_understood() -> None:
    assert judged(a_track(type="Track")).data.call == "track"


def test_an_event_over_32_kb_is_refused_and_one_under_is_not() -> None:
    small = len(b'{"type":"track","event":"Product Viewed","userId":"u1","messageId":"m1","properties":{"a":""}}')
    most = MAX_EVENT_BYTES - small

    assert refusal_of(a_track(properties={"a": "x" * most})) == "accepted"
    assert refusal_of(a_track(properties={"a": "x" * (most + 1)})) == "event_too_large"


def test_in_a_large_body_an_event_is_measured_before_it_is_read() -> None:
    """A list of millions in a place that is looked at must not hold up everybody else."""
    huge = a_track(event="Order Completed", properties={"products": [1] * 2_000_000, "total": 1, "currency": "USD"})

    assert refusal_of(huge, is_large=True) == "event_too_large"
    assert refusal_of(a_track(), is_large=True) == "accepted"


def test_nesting_that_cannot_be_written_is_refused() -> None:
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(500):
        inner["a"] = {}
        inner = inner["a"]

    assert refusal_of(a_track(properties=deep)) == "not_storable"


def test_the_envelope_carries_the_trace_and_when_we_learnt_it() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    read = judged(a_track(), traceparent=trace)

    assert read.traceparent == trace
    assert read.recorded == read.time == RECEIVED


def test_the_record_is_keyed_by_the_person() -> None:
    assert accept(a_track(), None, a_delivery()).key == user_key("u1").bytes
