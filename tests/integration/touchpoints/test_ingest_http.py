"""What a client of the ingest door sees."""

import gzip
import json
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from touchpoint_log import on_the_log

from services.touchpoints.app import service
from shared.events.catalogue.touchpoints import TouchpointReceived, TouchpointRejected
from shared.events.topics import INGEST, INGEST_REJECTED
from shared.ids import derived_id, user_key
from shared.testing.platform import Running, running_platform


def a_track(**changes: Any) -> dict[str, Any]:
    """A plain track call."""
    return {"type": "track", "event": "Product Viewed", "userId": "u1", "messageId": "m1", **changes}


def _is_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert (problem["code"], problem["status"]) == (code, status)
    assert isinstance(problem["message"], str)
    assert problem["message"] == problem["detail"] != ""


async def test_200_means_that_it_is_on_the_log(door: Running) -> None:
    answer = await door.shop.post("/v1/track", json=a_track())

    assert answer.status_code == 200
    assert answer.json() == {"success": True, "accepted": 1, "duplicates": 0, "rejected": []}
    assert answer.headers["Content-Type"] == "application/json"
    [event] = await on_the_log(door.platform.bus, INGEST)
    assert (event.id, event.subject) == (derived_id("web", "m1"), user_key("u1"))
    assert isinstance(event.data, TouchpointReceived)
    assert (event.data.source, event.data.call, event.data.name) == ("web", "track", "Product Viewed")


async def test_every_call_has_a_long_and_a_short_address(door: Running) -> None:
    body = a_track(type="whatever", groupId="g", previousId="a")
    calls = ("track", "identify", "page", "screen", "group", "alias")
    for path in [f"/v1/{name}" for call in calls for name in (call, call[0], f"{call}/")]:
        answer = await door.shop.post(path, json={**body, "messageId": path})
        assert answer.status_code == 200, answer.text

    stored = [event.data for event in await on_the_log(door.platform.bus, INGEST)]
    assert Counter(each.call for each in stored if isinstance(each, TouchpointReceived)) == dict.fromkeys(calls, 3)


async def test_one_bad_event_never_takes_its_batch_along(door: Running) -> None:
    batch = [
        a_track(messageId="good-1"),
        a_track(messageId="bad-1", timestamp="2026-11-21T10:00:00"),
        "no event at all",
        a_track(messageId="bad-2", event="Order Completed", properties={"total": -5, "currency": "USD"}),
        a_track(messageId="good-2"),
        a_track(messageId="good-1"),
    ]

    answer = await door.shop.post("/v1/batch", json={"batch": batch})

    assert answer.status_code == 200
    verdict = answer.json()
    assert (verdict["success"], verdict["accepted"], verdict["duplicates"]) == (True, 2, 1)
    assert [(each["index"], each["messageId"], each["code"]) for each in verdict["rejected"]] == [
        (1, "bad-1", "naive_time"),
        (2, None, "not_an_object"),
        (3, "bad-2", "impossible_amount"),
    ]
    assert all(each["message"] for each in verdict["rejected"])
    stored = await on_the_log(door.platform.bus, INGEST)
    assert {event.id for event in stored} == {derived_id("web", "good-1"), derived_id("web", "good-2")}
    refused = [event.data for event in await on_the_log(door.platform.bus, INGEST_REJECTED)]
    assert {each.code for each in refused if isinstance(each, TouchpointRejected)} == {
        *("naive_time", "not_an_object", "impossible_amount"),
    }


async def test_a_batch_of_nothing_but_bad_events_is_answered_with_verdicts(door: Running) -> None:
    answer = await door.shop.post("/v1/batch", json={"batch": [1, 2]})

    assert answer.status_code == 200
    assert (answer.json()["accepted"], len(answer.json()["rejected"])) == (0, 2)


async def test_a_bad_single_call_is_dropped_by_sdks_and_kept_by_us(door: Running) -> None:
    answer = await door.shop.post("/v1/track", json=a_track(event=None))

    _is_problem(answer, 400, "no_event")
    [refused] = await on_the_log(door.platform.bus, INGEST_REJECTED)
    assert isinstance(refused.data, TouchpointRejected)
    assert json.loads(refused.data.raw)["messageId"] == "m1"


async def test_the_key_may_stand_in_header_query_or_body(door: Running) -> None:
    key = door.write_key
    door.shop.auth = None
    good: list[dict[str, Any]] = [
        {"json": {"batch": [a_track()], "writeKey": key}},
        {"json": {"batch": [a_track()]}, "params": {"writeKey": key}},
        {"json": {"batch": [a_track()]}, "auth": (key, "")},
        {"json": {"batch": [a_track()]}, "headers": {"Authorization": f"Bearer {key}"}},
        {"json": {"batch": [a_track()], "writeKey": key}, "auth": ("somebody's", "proxy")},
        {"json": {"batch": [a_track()]}, "headers": {"Authorization": f"Bearer {door.secret_key}"}},
    ]
    bad: list[tuple[dict[str, Any], str]] = [
        ({"json": {"batch": [a_track()]}}, "missing_key"),
        ({"json": {"batch": [a_track()], "writeKey": 5}}, "missing_key"),
        ({"json": {"batch": [a_track()], "writeKey": "nonsense"}}, "bad_key"),
        ({"json": {"batch": [a_track()]}, "auth": (key[:-1] + "_", "")}, "bad_key"),
        ({"json": [], "params": {"writeKey": "nonsense"}}, "bad_key"),
    ]

    for request in good:
        assert (await door.shop.post("/v1/batch", **request)).status_code == 200
    for request, code in bad:
        answer = await door.shop.post("/v1/batch", **request)
        _is_problem(answer, 401, code)
        # A browser would ask its user for a password.
        assert not answer.headers["WWW-Authenticate"].startswith("Basic")


async def test_a_secret_key_needs_the_scope_and_sends_under_its_own_name(door: Running) -> None:
    _, reader = await door.platform.keyring.create("secret", "reads", scopes=("metrics:read",))
    info, writer = await door.platform.keyring.create("secret", "writes", scopes=("touchpoints:write",))

    refused = await door.crm.post("/v1/track", json=a_track(), headers={"Authorization": f"Bearer {reader}"})
    taken = await door.crm.post("/v1/track", json=a_track(), headers={"Authorization": f"Bearer {writer}"})

    _is_problem(refused, 403, "missing_scope")
    assert taken.status_code == 200
    [event] = await on_the_log(door.platform.bus, INGEST)
    assert isinstance(event.data, TouchpointReceived)
    assert event.data.source == f"key:{info.id}"


async def test_a_key_with_origins_works_on_its_own_pages_only(door: Running) -> None:
    _, key = await door.platform.keyring.create("write", "shop", source="shop", origins=("https://shop.example",))
    for origin, status in (("https://shop.example", 200), ("https://evil.example", 403), (None, 200)):
        headers = {"Origin": origin} if origin else {}
        answer = await door.shop.post("/v1/track", json=a_track(), headers=headers, auth=(key, ""))
        assert answer.status_code == status
        # A browser must be able to read the refusal, or the SDK tries again for days.
        assert answer.headers.get("Access-Control-Allow-Origin") == origin
    assert len(await on_the_log(door.platform.bus, INGEST)) == 2


async def test_refusals_carry_cors_headers_too(door: Running) -> None:
    answer = await door.shop.post("/v1/track", content=b"{", headers={"Origin": "https://shop.example"})

    _is_problem(answer, 400, "not_json")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"


UNREADABLE: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"", {}, 400, "not_json"),
    (b"{", {}, 400, "not_json"),
    (b"[" * 100_000, {}, 400, "not_json"),
    (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, {}, 400, "not_json"),
    (b"null", {}, 400, "no_batch"),
    (b"[]", {}, 400, "no_batch"),
    (b'{"batch":{}}', {}, 400, "no_batch"),
    (b'{"events":[]}', {}, 400, "no_batch"),
    (b'{"batch":[' + b",".join([b"{}"] * 2501) + b"]}", {}, 400, "too_many_events"),
    (b" " * (4 * 1024 * 1024 + 1), {}, 413, "body_too_large"),
    (gzip.compress(b" " * 100_000_000, mtime=0), {"Content-Encoding": "gzip"}, 413, "body_too_large"),
    (gzip.compress(b"{}", mtime=0)[:-3], {"Content-Encoding": "gzip"}, 400, "bad_gzip"),
    (b"{}", {"Content-Encoding": "br"}, 400, "unknown_encoding"),
]


async def test_a_body_that_cannot_be_read_is_refused_as_a_whole(door: Running) -> None:
    for content, headers, status, code in UNREADABLE:
        _is_problem(await door.shop.post("/v1/batch", content=content, headers=headers), status, code)

    assert await on_the_log(door.platform.bus, INGEST) == []


async def test_a_body_without_length_is_limited_while_it_comes(door: Running) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100_000

    _is_problem(await door.shop.post("/v1/batch", content=endless()), 413, "body_too_large")


async def test_content_type_is_never_looked_at(door: Running) -> None:
    body = orjson.dumps({"batch": [a_track()]})
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json;charset=UTF-8", "x"):
        answer = await door.shop.post("/v1/batch", content=body, headers={"Content-Type": content_type})
        assert answer.status_code == 200
    packed = await door.shop.post("/v1/batch", content=gzip.compress(body))
    assert packed.status_code == 200


async def test_an_empty_batch_is_nothing_stored(door: Running) -> None:
    answer = await door.shop.post("/v1/batch", json={"batch": []})

    assert answer.json() == {"success": True, "accepted": 0, "duplicates": 0, "rejected": []}


async def test_half_an_emoji_or_a_nan_costs_no_batch(door: Running) -> None:
    cut = rb'{"type":"track","event":"A","userId":"u","properties":{"t":"\ud83c"}}'
    nan = b'{"type":"track","event":"B","userId":"u","properties":{"n":NaN}}'

    answer = await door.shop.post("/v1/batch", content=b'{"batch":[' + cut + b"," + nan + b"]}")

    assert answer.json()["accepted"] == 2


async def test_a_nul_costs_its_event_alone(door: Running) -> None:
    answer = await door.shop.post("/v1/batch", json={"batch": [a_track(), a_track(properties={"a": "\x00"})]})

    assert answer.json()["accepted"] == 1
    assert answer.json()["rejected"][0]["code"] == "nul_character"


async def test_other_methods_are_named_and_never_redirected(door: Running) -> None:
    for method, path, allowed in (
        ("GET", "/v1/batch", "POST, OPTIONS"),
        ("PUT", "/v1/t/", "POST, OPTIONS"),
        ("DELETE", "/v1/events", "POST, OPTIONS"),
        ("POST", "/sourceConfig", "GET, OPTIONS"),
    ):
        answer = await door.shop.request(method, path)
        _is_problem(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"] == allowed


async def test_the_trace_of_the_request_goes_with_the_event(door: Running) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    await door.shop.post("/v1/track", json=a_track(), headers={"traceparent": trace})
    await door.shop.post("/v1/track", json=a_track(messageId="m2"), headers={"traceparent": "nonsense"})

    traces = {event.traceparent for event in await on_the_log(door.platform.bus, INGEST)}
    assert len(traces) == 2
    assert None in traces
    assert any(each is not None and each.startswith("00-0af7651916cd43dd8448eb211c80319c-") for each in traces)


async def test_a_header_says_when_rudder_js_sent(door: Running) -> None:
    hour_ahead = {"SentAt": "2097-01-01T01:00:00Z"}

    await door.shop.post("/v1/track", json=a_track(originalTimestamp="2097-01-01T00:59:00Z"), headers=hour_ahead)

    [event] = await on_the_log(door.platform.bus, INGEST)
    assert isinstance(event.data, TouchpointReceived)
    assert event.data.clock == "corrected"
    assert (event.recorded - event.time).total_seconds() == 60


async def test_history_is_imported_at_its_own_time(door: Running) -> None:
    batch = {"batch": [a_track(timestamp="1997-01-12T00:00:00Z")], "sentAt": "2020-01-01T00:00:00Z"}

    answer = await door.shop.post("/v1/import/", json=batch)

    assert answer.status_code == 200
    [event] = await on_the_log(door.platform.bus, INGEST)
    assert event.time.isoformat() == "1997-01-12T00:00:00+00:00"


async def test_a_bus_that_is_down_is_503_and_come_back(door: Running) -> None:
    await door.platform.bus.stop()

    for path, body in (
        ("/v1/track", a_track()),
        ("/v1/batch", {"batch": [a_track()]}),
        ("/v1/track", a_track(event=None)),
    ):
        answer = await door.shop.post(path, json=body)
        _is_problem(answer, 503, "log_unavailable")
        assert 0 < int(answer.headers["Retry-After"]) <= 300


async def test_a_key_over_its_rate_is_429_and_come_back(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAM_TOUCHPOINTS_EVENTS_PER_SECOND", "1")
    monkeypatch.setenv("TAM_TOUCHPOINTS_EVENTS_BURST", "10")
    async with running_platform(database_url, [service], role="api") as door:
        first = await door.shop.post("/v1/batch", json={"batch": [a_track()] * 10})
        second = await door.shop.post("/v1/track", json=a_track(), headers={"Origin": "http://a"})

    assert first.status_code == 200
    _is_problem(second, 429, "rate_limited")
    assert int(second.headers["Retry-After"]) >= 1
    assert second.headers["Access-Control-Allow-Origin"] == "http://a"


async def test_the_pixel_is_always_an_image(door: Running) -> None:
    key = door.write_key
    door.shop.auth = None
    data = b64encode(orjson.dumps({"userId": "u2", "event": "Email Opened", "writeKey": key})).decode().rstrip("=")
    for params, status in (
        ({"data": data}, 200),
        ({"writeKey": key, "userId": "u1", "event": "Email Opened", "properties.campaign": "tết"}, 200),
        ({"writeKey": key, "userId": "u1"}, 400),
        ({"writeKey": "nonsense", "userId": "u1", "event": "Email Opened"}, 401),
        ({"writeKey": key, "data": "!!!"}, 400),
    ):
        answer = await door.shop.get("/pixel/v1/track", params=params)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "image/gif")
        assert answer.content.startswith(b"GIF89a")
        assert "no-store" in answer.headers["Cache-Control"]

    stored = [event.data for event in await on_the_log(door.platform.bus, INGEST)]
    read = {each.user_id: (each.name, each.properties) for each in stored if isinstance(each, TouchpointReceived)}
    assert read == {"u1": ("Email Opened", {"campaign": "tết"}), "u2": ("Email Opened", {})}
