"""Whatever is sent wrong is answered with a code and a sentence, never with a 500; what was right is kept."""

import gzip
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from e2e_world import Shop, order, tam

GOOD = {"userId": "u", "type": "track", "event": "Hello"}
HUGE = b'{"batch": [' + b" " * 5_000_000 + b"]}"


def chunks() -> Any:
    """A body without a length."""
    for _ in range(200):
        yield b" " * 65_536


@pytest.fixture(scope="session")
def reader(one_box: Shop) -> str:
    """A secret key that may read figures and nothing else."""
    made = tam("keys", "create", "reader", "--scope", "metrics:read", **one_box.environ)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def is_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that a refused request is answered with, in the words of RFC 9457 and of the SDKs."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert {"type", "title", "detail", "message"} <= problem.keys()
    assert problem["message"] == problem["detail"]
    assert response.headers["X-Request-Id"]
    return problem


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b"{", 400, "not_json"),
        (b"\xff\xfe\x00", 400, "not_json"),
        (b'{"batch": [1, 2', 400, "not_json"),
        (b"[" * 100_000, 400, "not_json"),
        (b'{"batch": ' + b"[" * 900 + b"]" * 900 + b"}", 200, ""),
        (b"[]", 400, "no_batch"),
        (b"null", 400, "no_batch"),
        (b'"batch"', 400, "no_batch"),
        (b'{"batch": {}}', 400, "no_batch"),
        (b'{"events": []}', 400, "no_batch"),
        (HUGE, 413, "body_too_large"),
        (gzip.compress(b"0" * 200_000_000, 9), 413, "body_too_large"),
        (gzip.compress(b'{"batch": []}')[:-5], 400, "bad_gzip"),
        (b"\x1f\x8b" + b"nonsense", 400, "bad_gzip"),
        (json.dumps({"batch": [GOOD] * 2_501}).encode(), 400, "too_many_events"),
    ],
    ids=range(16),
)
def test_a_body_that_is_no_batch(one_box: Shop, body: bytes, status: int, code: str):
    response = one_box.post("/v1/batch", content=body)

    if status == 200:
        assert response.json()["rejected"][0]["code"] == "not_an_object"
    else:
        is_problem(response, status, code)


def test_a_body_without_length_is_bounded_too(one_box: Shop):
    try:
        response = one_box.post("/v1/batch", content=chunks())
    except httpx.TransportError:
        return  # the server said 413 and closed while we still sent
    is_problem(response, 413, "body_too_large")


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track", "/v1/events", "/v1/metrics/summary"])
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "missing_key"),
        ({"Authorization": "Bearer tam_sk_made_up"}, 401, "bad_key"),
        ({"Authorization": "Bearer " + "x" * 8_000}, 401, "bad_key"),
    ],
    ids=["none", "made up", "endless"],
)
def test_a_wrong_key(one_box: Shop, path: str, headers: dict[str, str], status: int, code: str):
    method = "GET" if "metrics" in path else "POST"
    body = json.dumps({"batch": [GOOD], "events": [GOOD], **GOOD}).encode() if method == "POST" else None

    response = httpx.request(method, one_box.base_url + path, headers=headers, content=body, trust_env=False)

    is_problem(response, status, code)
    assert "Bearer" in response.headers["WWW-Authenticate"]


def test_a_key_without_the_right(one_box: Shop, reader: str):
    bearer = {"Authorization": f"Bearer {reader}"}
    sent = httpx.post(one_box.base_url + "/v1/track", json=GOOD, headers=bearer, trust_env=False)

    is_problem(sent, 403, "missing_scope")
    is_problem(one_box.get("/v1/customers/user_id:u", key=reader), 403, "missing_scope")
    is_problem(one_box.get("/v1/metrics/summary", key=one_box.write_key), 403, "wrong_key_kind")


def money(**properties: Any) -> dict[str, Any]:
    return {**order("o", 1, {"userId": "u"}), "properties": {"order_id": "o", "currency": "USD", **properties}}


BAD_EVENTS: list[tuple[Any, str]] = [
    (7, "not_an_object"),
    (None, "not_an_object"),
    ({}, "unknown_type"),
    ({**GOOD, "type": "buy"}, "unknown_type"),
    ({"type": "track", "event": "x"}, "no_user_anon_id"),
    ({**GOOD, "userId": "undefined"}, "no_user_anon_id"),
    ({**GOOD, "userId": {}}, "bad_user_id"),
    ({**GOOD, "userId": "x" * 256}, "user_id_too_long"),
    ({**GOOD, "anonymousId": "x" * 256}, "anonymous_id_too_long"),
    ({**GOOD, "messageId": "x" * 101}, "message_id_too_long"),
    ({**GOOD, "event": ""}, "no_event"),
    ({**GOOD, "event": "x" * 256}, "event_too_long"),
    ({**GOOD, "userId": "a\x00b"}, "nul_character"),
    ({**GOOD, "properties": {"note": {"deep": ["\x00"]}}}, "nul_character"),
    ({**GOOD, "properties": [1]}, "bad_properties"),
    ({**GOOD, "properties": {"note": "x" * 40_000}}, "event_too_large"),
    ({**GOOD, "timestamp": "2026-11-21T10:00:00"}, "naive_time"),
    ({**GOOD, "timestamp": "2026-11-21"}, "naive_time"),
    ({**GOOD, "timestamp": "yesterday"}, "bad_time"),
    ({**GOOD, "timestamp": 1_700_000_000}, "bad_time"),
    ({**GOOD, "timestamp": "2026-02-30T10:00:00Z"}, "bad_time"),
    ({**GOOD, "timestamp": "0001-01-01T00:00:00Z"}, "impossible_time"),
    ({**GOOD, "timestamp": "9999-12-31T23:59:59-12:00"}, "impossible_time"),
    (money(total=-1), "impossible_amount"),
    (money(total="many"), "impossible_amount"),
    (money(total=True), "impossible_amount"),
    (money(total=[1]), "impossible_amount"),
    (money(total="1e400"), "impossible_amount"),
    (money(total="NaN"), "impossible_amount"),
    (money(total=float("nan")), "impossible_amount"),
    (money(total=float("inf")), "impossible_amount"),
    (money(total="9" * 39), "impossible_amount"),
    (money(total=1, currency="EURO"), "unknown_currency"),
    (money(total=1, currency="XXX"), "unknown_currency"),
    (money(total=1, currency=None), "no_currency"),
    (money(total=1, order_id="x" * 256), "order_id_too_long"),
    ({**money(total=1, order_id=None), "event": "Order Refunded"}, "no_order_id"),
    ({"type": "group", "userId": "u"}, "no_group_id"),
    ({"type": "alias", "userId": "u"}, "no_previous_id"),
]


@pytest.mark.parametrize(("bad", "code"), BAD_EVENTS, ids=range(len(BAD_EVENTS)))
def test_one_bad_event_is_quarantined_and_its_neighbours_are_kept(one_box: Shop, bad: Any, code: str):
    """In a batch, and alone on its own route: refused with the same code, never stored, never a 500."""
    name = uuid4().hex
    neighbours = [{**GOOD, "userId": name, "event": each} for each in ("Before", "After")]
    batch = [neighbours[0], bad, neighbours[1]]

    response = one_box.post("/v1/batch", content=json.dumps({"batch": batch}).encode())

    assert response.status_code == 200, response.text
    answer = response.json()
    (verdict,) = answer["rejected"]
    assert (answer["accepted"], verdict["index"], verdict["code"]) == (2, 1, code)
    assert verdict["message"].endswith(".")
    if isinstance(bad, dict) and bad.get("type") == "track":
        alone = one_box.post("/v1/track", content=json.dumps(bad).encode())
        assert is_problem(alone, 400, code)["message"] == verdict["message"]


def test_the_quarantine_holds_what_was_refused_and_the_journeys_what_was_not(one_box: Shop):
    name = uuid4().hex
    batch = [
        {**GOOD, "userId": name, "event": f"e-{number}"} if number % 2 else money(total=f"{name}-{number}")
        for number in range(20)
    ]
    answer = one_box.post("/v1/batch", {"batch": batch}).json()
    one_box.settled()

    assert (answer["accepted"], len(answer["rejected"])) == (10, 10)
    assert {each["name"] for each in one_box.touchpoints(f"user_id:{name}")} == {f"e-{n}" for n in range(1, 20, 2)}
    page = one_box.json("/v1/touchpoints/quarantine", code="impossible_amount", limit=100)
    mine = [each for each in page["items"] if name in json.dumps(each)]
    assert len(mine) == 10
    assert {each["source"] for each in mine} == {"web"}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "track", "event": "x", "user_id": "u", "colour": "red"}, "unknown_field"),
        ({"type": "track", "user_id": "u"}, "missing_field"),
        ({"type": "track", "event": "x", "user_id": "u", "time": "2026-11-21T10:00:00"}, "naive_time"),
        ({"type": "track", "event": "x", "user_id": "u" * 256}, "user_id_too_long"),
        (
            {"type": "track", "event": "Order Completed", "user_id": "u", "properties": {"order_id": "o"}},
            "missing_field",
        ),
    ],
)
def test_the_typed_route_is_strict(one_box: Shop, event: dict[str, Any], code: str):
    good = {"type": "track", "event": "fine", "user_id": "u"}

    alone = one_box.post("/v1/events", {"events": [event]})
    mixed = one_box.post("/v1/events", {"events": [event, good]})

    assert is_problem(alone, 422, "all_events_refused")["rejected"][0]["code"] == code
    assert mixed.status_code == 200
    assert (mixed.json()["accepted"], mixed.json()["rejected"][0]["code"]) == (1, code)


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/v1/metrics/summary", {"as_of": "2999-01-01"}, 422, "metrics.in_the_future"),
        ("/v1/metrics/summary", {"as_of": "yesterday"}, 422, "invalid"),
        ("/v1/metrics/summary", {"window": "0"}, 422, "invalid"),
        ("/v1/metrics/summary", {"window": "9" * 30}, 422, "invalid"),
        ("/v1/metrics/summary", {"currency": "EURO"}, 422, "metrics.unknown_currency"),
        ("/v1/metrics/series/happiness", {}, 422, "invalid"),
        ("/v1/metrics/series/gross", {"from": "2026-02-01", "to": "2026-01-01"}, 422, "metrics.bad_range"),
        ("/v1/metrics/customers/nobody", {}, 422, "metrics.bad_customer"),
        ("/v1/metrics/customers/user_id:nobody-at-all", {}, 404, "metrics.unknown_customer"),
        ("/v1/metrics/customers/user_id:%00", {}, 400, "nul_character"),
        ("/v1/customers/user_id:u/touchpoints", {"cursor": "made-up"}, 400, "bad_cursor"),
        ("/v1/customers/user_id:u/touchpoints", {"limit": "1000000"}, 422, "invalid"),
        ("/v1/no/such/route", {}, 404, "not_found"),
    ],
)
def test_a_question_that_makes_no_sense(one_box: Shop, path: str, params: dict[str, str], status: int, code: str):
    is_problem(one_box.get(path, **params), status, code)


def test_the_wrong_method_names_the_right_one(one_box: Shop):
    response = one_box.get("/v1/batch")

    is_problem(response, 405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]


def test_after_all_this_the_platform_is_well(one_box: Shop):
    """Nothing above became a dead letter, and no consumer is behind."""
    one_box.settled()

    assert one_box.json("/v1/ops/dead-letters")["items"] == []
    assert httpx.get(f"{one_box.base_url}/readyz", trust_env=False).status_code == 200
