"""Unrestricted resource consumption, and brute force: what is asked too often or too much is refused, and says so."""

import gzip
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pkgutil import walk_packages
from typing import Any

import httpx
import pytest
import pytest_asyncio
from authorisation import committed, document
from security_world import House, open_house

import services
import shared
from shared.http.key_text import new_key
from shared.http.limits import BAD_KEYS_AT_ONCE

pytestmark = pytest.mark.asyncio(loop_scope="module")

MATRIX = [row for row in committed() if row.door != "nothing"]
BURST = 500
# Of one process on a machine that has other things to do; an attack of any worth costs whole seconds.
SLOW_SECONDS = 2.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(pg_url: str, template: str) -> AsyncIterator[House]:
    rates = {"TAM_HTTP_RATE_PER_SECOND": "5", "TAM_HTTP_RATE_BURST": str(BURST)}
    async with open_house(pg_url, template, role="api", TAM_TOUCHPOINTS_EVENTS_PER_SECOND="50", **rates) as opened:
        yield opened


def fields(said: httpx.Response, name: str) -> Mapping[str, int]:
    """The parameters of a RateLimit field."""
    return {key: int(value) for key, value in re.findall(r";(\w)=(\d+)", said.headers[name])}


async def test_a_key_is_told_its_rate_before_it_is_over_it(house: House):
    async with house.client(await house.key("metrics:read")) as client:
        first, second = [await client.get("/v1/metrics/definitions") for _ in range(2)]

    assert first.headers["ratelimit-policy"] == f'"key";q={BURST};w={BURST // 5}'
    assert fields(first, "ratelimit") == {"r": BURST - 1, "t": 1}
    assert BURST - 2 <= fields(second, "ratelimit")["r"] < BURST


async def test_over_its_rate_a_key_is_refused_and_no_other(house: House):
    """One key asks until it is told to stop; its neighbour at the same address does not notice."""
    one, other = await house.key("metrics:read", "ops:read"), await house.key("metrics:read", "rights:read")
    async with house.client(one, "203.0.113.1") as greedy, house.client(other, "203.0.113.1") as modest:
        said = [await greedy.get("/v1/rights") for _ in range(BURST + 50)]
        while said[-1].status_code != 429:
            said += [await greedy.get("/v1/rights") for _ in range(50)]
        refused = said[-1]
        neighbour = await modest.get("/v1/metrics/definitions")

    assert [each.status_code for each in said[:BURST]] == [403] * BURST
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "rate_limited"
    assert int(refused.headers["retry-after"]) == refused.json()["retry_after_seconds"] >= 1
    assert fields(refused, "ratelimit")["r"] == 0
    assert neighbour.status_code == 200


async def test_events_have_a_rate_of_their_own(house: House):
    """A burst of events passes, then the key is told when to come back, in a field that SDKs read."""
    event = {"type": "track", "event": "Product Viewed", "userId": "lan"}
    async with house.client(await house.write_key("flood")) as shop:
        for _ in range(6):
            said = await shop.post("/v1/batch", json={"batch": [event] * 2_500})
            if said.status_code != 200:
                break

    assert said.status_code == 429
    assert int(said.headers["retry-after"]) >= 1


async def test_who_guesses_keys_is_stopped_and_nobody_else(house: House):
    """After some made-up keys a network is asked no more; keys that were let in from anywhere still are."""
    good = await house.key("metrics:read", "surveys:read")
    async with house.client(good, "203.0.113.77") as client:
        assert (await client.get("/v1/metrics/definitions")).status_code == 200
    said = [await guess(house, f"203.0.113.{n % 250}") for n in range(BAD_KEYS_AT_ONCE + 10)]

    assert [each.status_code for each in said[:BAD_KEYS_AT_ONCE]] == [401] * BAD_KEYS_AT_ONCE
    assert {each.status_code for each in said[BAD_KEYS_AT_ONCE + 2 :]} == {429}
    assert int(said[-1].headers["retry-after"]) >= 1
    # What is good is known; what is new must wait; another street does not notice.
    async with house.client(good, "203.0.113.78") as client:
        assert (await client.get("/v1/metrics/definitions")).status_code == 200
    async with house.client(await house.key("metrics:read", "consent:read"), "203.0.113.78") as client:
        assert (await client.get("/v1/metrics/definitions")).status_code == 429
    assert (await guess(house, "198.51.100.1")).status_code == 401


async def test_guessing_is_stopped_at_the_door_of_events_too(house: House):
    """In whatever place the key stands: header, query or body."""
    event = {"type": "track", "event": "x", "userId": "lan"}
    statuses = []
    for number in range(BAD_KEYS_AT_ONCE + 5):
        key = new_key("write")[1]
        async with house.client(address="192.0.2.9") as shop:
            way: tuple[str, Any] = [
                (f"/v1/track?writeKey={key}", event),
                ("/v1/track", {**event, "writeKey": key}),
                ("/v1/batch", {"batch": [event], "writeKey": key}),
            ][number % 3]
            statuses.append((await shop.post(way[0], json=way[1])).status_code)
    assert statuses[0] == 401
    assert statuses[-1] == 429


async def test_a_key_that_has_ended_is_no_guess(house: House):
    """A server that goes on with its old key must not keep the new one out."""
    old, new = await house.ended_key("revoked"), await house.key("metrics:read", "audit:read")
    async with house.client(old, "198.51.101.2") as late:
        for _ in range(BAD_KEYS_AT_ONCE + 5):
            assert (await late.get("/v1/metrics/definitions")).json()["code"] == "revoked_key"
    async with house.client(new, "198.51.101.2") as client:
        assert (await client.get("/v1/metrics/definitions")).status_code == 200


async def guess(house: House, address: str) -> httpx.Response:
    async with house.client(new_key("secret")[1], address) as client:
        return await client.get("/v1/metrics/definitions")


DEEP = b"[" * 100_000
WIDE = json.dumps({"items": list(range(150_000))}).encode()
LONG = json.dumps({"name": "ă" * 400_000}).encode()
BOMB = gzip.compress(b"0" * 64_000_000)
ATTACKS: Mapping[str, tuple[bytes, Mapping[str, str]]] = {
    "larger than any limit": (b'{"a":"' + b"x" * 17_000_000 + b'"}', {}),
    "nested a hundred thousand deep": (DEEP, {}),
    "nested in an object": (b'{"a":' * 50_000, {}),
    "a hundred thousand items": (WIDE, {}),
    "a text of 800 kB": (LONG, {}),
    "a decompression bomb": (BOMB, {"content-encoding": "gzip"}),
    "a number of 400,000 digits": (b'{"items":' + b"9" * 400_000 + b"}", {}),
    "not a number": (b'{"items":NaN,"a":1e999}', {}),
    "no text": (b'{"a":"\xff\xfe\x00"}', {}),
    "half a pair and a NUL": (b'{"\\ud800":"\\u0000"}', {}),
    "not what it says": (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", {}),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_no_body_wears_any_route_out(house: House, attack: str):
    """Each route that takes a body: refused, quickly, and with nothing of what was sent in the answer."""
    body, headers = ATTACKS[attack]
    wrong: dict[str, Any] = {}
    client = house.client(await house.fresh_key())
    for row in MATRIX:
        if row.method not in ("POST", "PUT", "PATCH"):
            continue
        path = re.sub(r"\{\w+\}", "user_id:lan", row.path)
        started = time.process_time()
        said = await client.request(
            row.method, path, content=body, headers={"content-type": "application/json", **headers}
        )
        seconds = time.process_time() - started
        if not 400 <= said.status_code < 500 and not may_be_taken(row.path, said.status_code):
            wrong[f"{row.method} {row.path}"] = said.status_code
        if seconds > SLOW_SECONDS or len(said.content) > 65_536:
            wrong[f"{row.method} {row.path} costs"] = (seconds, len(said.content))
    assert wrong == {}


def may_be_taken(path: str, status: int) -> bool:
    """What needs no body looks at none; SDKs have no use for a refusal of their own figures."""
    return status < 300 and (path == "/v1/m" or not takes_body(path))


def takes_body(path: str) -> bool:
    """Whether a route says it takes a body."""
    return any("requestBody" in each for each in document()["paths"][path].values() if isinstance(each, dict))


def questions() -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Every route that reads, with every parameter it has set to too much."""
    for path, item in document()["paths"].items():
        operation = item.get("get")
        if operation is None or path.startswith(("/s/", "/v1/projects", "/sourceConfig", "/pixel")):
            continue
        names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
        for name in names:
            for value in ("9" * 500, "-1", "ơ" * 5_000, "\x00", "%", "'; DROP TABLE api_keys; --", "../../etc/passwd"):
                yield path, name, {name: value}


@pytest.mark.long
async def test_no_question_wears_any_route_out(house: House):
    """Each parameter of each route that reads: far too large, negative, endless, nothing at all."""
    wrong: dict[str, Any] = {}
    for number, (path, name, query) in enumerate(questions()):
        if number % (BURST - 50) == 0:
            client = house.client(await house.fresh_key())
        started = time.process_time()
        said = await client.get(re.sub(r"\{\w+\}", "user_id:lan", path), params=query)
        seconds = time.process_time() - started
        if said.status_code >= 500 or seconds > SLOW_SECONDS or len(said.content) > 1_000_000:
            wrong[f"{path}?{name}={query[name][:20]}"] = (said.status_code, seconds)
    assert wrong == {}


async def test_every_list_is_paged_and_no_page_is_endless():
    """A `limit` has a largest value, and whatever answers `items` without one is short by nature."""
    endless = {}
    for path, item in document()["paths"].items():
        for each in item.get("get", {}).get("parameters", ()):
            if each["name"] in ("limit", "size", "top", "count") and "maximum" not in each["schema"]:
                endless[path] = each["name"]
    assert endless == {}


async def test_a_head_that_is_too_large_is_refused_before_we_see_it(house: House):
    """Long ids, long cursors, long keys: nothing is looked up, nothing fails."""
    for path in (f"/v1/customers/{'x' * 50_000}", f"/v1/customers?cursor={'A' * 50_000}", "/" + "v1/" * 20_000):
        assert (await house.crm.get(path)).status_code in (400, 404, 414, 422)
    async with house.client("tam_sk_" + "A" * 100_000) as client:
        assert (await client.get("/v1/customers")).status_code == 401


NASTY = tuple(
    text * (size // len(text)) + end
    for size in (30, 3_000)
    for text, end in (
        ("a", "!"),
        ("1", "x"),
        (" ", "x"),
        ("a ", "\x01"),
        ("a.", "@"),
        ("a@", " "),
        ("1,1", ";"),
        ("=", "%"),
        ("%41", "%"),
        ("ơ", "\n!"),
        ("<a ", "\0"),
        ("+84 ", ")"),
    )
)


def patterns() -> Iterator[tuple[str, "re.Pattern[Any]"]]:
    """Every regular expression that our modules keep."""
    for package in (services, shared):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name and module.name in sys.modules:
                for name, value in vars(sys.modules[module.name]).items():
                    if isinstance(value, re.Pattern):
                        yield f"{module.name}.{name}", value


async def test_no_regular_expression_explodes():
    """None of ours takes more than moments for a text that was made to keep it busy."""
    slow = {}
    found = dict(patterns())
    assert len(found) > 30
    ways: tuple[Callable[[re.Pattern[Any]], Any], ...] = (
        lambda pattern: pattern.fullmatch,
        lambda pattern: pattern.search,
    )
    for name, pattern in found.items():
        for text in NASTY:
            subject = text.encode() if isinstance(pattern.pattern, bytes) else text
            for way in ways:
                started = time.process_time()
                way(pattern)(subject)
                if (seconds := time.process_time() - started) > 0.5:
                    slow[name] = (text[:20], seconds)
    assert slow == {}
