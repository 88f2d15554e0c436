"""Every event that the six official SDKs were recorded to send is accepted, and means what they meant."""

import json
from typing import Any

from touchpoint_events import judged

from shared.ids import anonymous_key, derived_id, user_key

LETTERS = {"p": "page", "t": "track", "i": "identify", "g": "group", "a": "alias", "s": "screen"}


def _calls(wire: list[dict[str, Any]]) -> list[tuple[str, str | None, dict[str, Any]]]:
    """Each recorded event with its path and the call its path names."""
    found: list[tuple[str, str | None, dict[str, Any]]] = []
    for request in wire:
        if request["m"] != "POST":
            continue
        body, name = json.loads(request["body"]), request["path"].rpartition("/")[2]
        if "batch" in body:
            found += [(request["path"], None, event) for event in body["batch"]]
        else:
            found.append((request["path"], LETTERS.get(name, name), body))
    return found


def test_all_recorded_events_are_accepted_with_their_ids(wire: list[dict[str, Any]]) -> None:
    calls = _calls(wire)

    for _, call, event in calls:
        read = judged(event, call, currency="USD")
        assert read.data.call == event["type"]
        assert read.data.message_id == event["messageId"]
        assert read.id == derived_id("web", event["messageId"])
        assert read.data.user_id == (event.get("userId") or None)
        assert read.data.anonymous_id == event.get("anonymousId")
        expected = user_key(event["userId"]) if event.get("userId") else anonymous_key(event["anonymousId"])
        assert read.subject == expected

    assert len(calls) == 21


def test_every_kind_of_call_keeps_what_is_its_own(wire: list[dict[str, Any]]) -> None:
    segment_python = [(call, event) for path, call, event in _calls(wire) if path == "/v1/batch"][:6]

    identify, order, group, alias, page, screen = (judged(event, call) for call, event in segment_python)

    assert identify.data.traits == {"email": "a@b.c"}
    assert (order.data.name, order.data.properties["total"]) == ("Order Completed", 27.5)
    assert (group.data.group_id, group.data.traits) == ("g1", {"name": "x"})
    assert (alias.data.user_id, alias.data.previous_id) == ("u1", "anon1")
    assert alias.subject == user_key("u1")
    assert (page.data.call, page.data.name) == ("page", "Home")
    assert (screen.data.call, screen.data.name) == ("screen", "S")


def test_blank_user_id_of_rudder_js_is_nobody(wire: list[dict[str, Any]]) -> None:
    [event] = [event for path, _, event in _calls(wire) if path == "/v1/page"]

    read = judged(event, "page")

    assert event["userId"] == ""
    assert read.data.user_id is None
    assert read.subject == anonymous_key(event["anonymousId"])
    assert read.data.original_time.isoformat() == "2026-11-21T19:55:30.416000+00:00"


def test_an_order_without_amount_is_taken_with_a_warning(wire: list[dict[str, Any]]) -> None:
    [event] = [e for p, _, e in _calls(wire) if e.get("properties") == {"order_id": "o1"}]

    assert event["event"] == "Order Completed"
    assert judged(event).data.properties == {"order_id": "o1"}
