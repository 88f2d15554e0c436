"""Broken object property level authorisation: nothing is set that is not offered, nothing is shown that need not be."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from authorisation import addressed, committed, document
from security_world import CUSTOMER, EMAIL, NAME, PHONE, House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What an attacker would like to set beside what a body offers: whose it is, what it is worth, that it is done.
WISHES = {
    "id": 1,
    "customer_id": "x",
    "points": 10**9,
    "is_admin": True,
    "scopes": ["*"],
    "created_at": "2020-01-01T00:00:00Z",
}
# Fields that hold whatever a firm says: their names are the firm's.
FREE = {"traits", "properties", "metadata", "attributes", "answers", "labels", "context", "values"}
# The doors of SDKs mend what they are sent; what they do not know they keep as a property, of the event alone.
FORGIVING = re.compile(
    r"^/(v1/(batch|b|import|track|t|page|p|identify|i|screen|s|group|g|alias|a|m|events)$|beacon/|s/)"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(pg_url: str, template: str) -> AsyncIterator[House]:
    async with open_house(pg_url, template) as opened:
        yield opened


def bodies() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Every JSON body that a native route takes."""
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}) if isinstance(operation, dict) else {}
            if "application/json" in content and not FORGIVING.match(path):
                yield method.upper(), path, content["application/json"]["schema"]


def objects(
    schema: Any, seen: frozenset[str] = frozenset(), field: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object a body may hold, at any depth, with the field it stands in."""
    if not isinstance(schema, dict):
        return
    if (reference := schema.get("$ref")) is not None:
        name = reference.rpartition("/")[2]
        if name not in seen:
            yield from objects(document()["components"]["schemas"][name], seen | {name}, field or name)
        return
    if "properties" in schema:
        yield field, schema
    for name, each in schema.get("properties", {}).items():
        yield from objects(each, seen, name)
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from objects(each, seen, field)
    yield from objects(schema.get("items"), seen, field)


async def test_no_body_takes_a_field_it_does_not_name():
    """By contract, at every depth of every body."""
    loose = {
        f"{method} {path}: {field}"
        for method, path, schema in bodies()
        for field, each in objects(schema)
        if each.get("additionalProperties") is not False
    }
    assert len(list(bodies())) > 100
    assert loose == set()


async def test_a_field_that_is_not_named_is_refused_and_named(house: House):
    """And live: each wish is among the faults, whatever else is missing."""
    wrong = {}
    for method, path, schema in bodies():
        named = {name for field, each in objects(schema) for name in each["properties"]}
        wishes = {name: value for name, value in WISHES.items() if name not in named}
        said = await house.crm.request(method, addressed(path, customer=CUSTOMER), json=wishes)
        told = said.json()
        faults = {each["pointer"].strip("/") for each in told.get("errors") or () if each["type"] == "extra_forbidden"}
        # Where an id of the address is no id, that is said at once.
        if said.status_code != 422 or not (faults >= wishes.keys() or _is_about_address(told) or _is_choice(told)):
            wrong[f"{method} {path}"] = (said.status_code, told.get("detail"))
    assert wrong == {}


def _is_about_address(told: Mapping[str, Any]) -> bool:
    return any(each["where"] == "path" for each in told.get("errors") or ())


def _is_choice(told: Mapping[str, Any]) -> bool:
    """A body of several kinds says which kinds there are before it looks at fields."""
    return any("extra_forbidden" in each["type"] or "union" in each["type"] for each in told.get("errors") or ())


# All that a write key is ever answered. A field that is added is added here on purpose.
SHOWN_TO_WRITE_KEYS = {
    "/v1/batch": {"success", "accepted", "duplicates", "rejected"},
    "/v1/track": {"success", "accepted", "duplicates", "rejected"},
    "/v1/identify": {"success", "accepted", "duplicates", "rejected"},
    "/v1/events": {"success", "accepted", "duplicates", "rejected"},
    "/v1/m": {"success"},
}


async def test_a_write_key_is_shown_no_more_than_that_it_was_heard(house: House):
    event = {
        "type": "track",
        "event": "Order Completed",
        "userId": "lan",
        "properties": {"total": 5, "currency": "VND"},
    }
    native = {"type": "track", "name": "Order Completed", "user_id": "lan"}
    sent = {
        "/v1/batch": {"batch": [event]},
        "/v1/track": event,
        "/v1/identify": {"userId": "lan", "traits": {"vip": True}},
        "/v1/events": {"events": [native]},
        "/v1/m": {"series": []},
    }
    assert sent.keys() == SHOWN_TO_WRITE_KEYS.keys()
    for path, body in sent.items():
        said = await house.running.shop.post(path, json=body)
        assert set(said.json()) - {"warnings"} <= SHOWN_TO_WRITE_KEYS[path] | {"errors", "type", "title", "status"} | (
            {"detail", "code", "message", "instance"} if said.status_code != 200 else set()
        ), path
        for secret in (NAME, EMAIL, PHONE):
            assert secret not in said.text


async def test_settings_for_sdks_hold_no_secret(house: House):
    """What an SDK asks at its start names the key it asked with, and nothing of the firm."""
    key = house.running.write_key
    for path in (f"/v1/projects/{key}/settings", f"/sourceConfig?writeKey={key}"):
        said = await house.running.shop.get(path)
        assert said.status_code == 200
        for secret in ("tam_sk_", "postgresql:", "password", NAME, EMAIL):
            assert secret not in said.text
    assert (await house.running.shop.get(f"/v1/projects/{house.running.secret_key}/settings")).status_code == 404


async def test_an_anonymous_try_of_a_code_tells_browsers_nothing_of_it(house: House):
    """A code that is not there, one of another form, one of a letter: the same words for all."""
    told = set()
    for code in ("NOSUCHCODE12", "TAM-0000-0000-0000", "Z" * 30):
        body = {"codes": [code], "basket": {"currency": "VND", "items": []}}
        said = await house.running.shop.post("/v1/loyalty/validations/anonymous", json=body)
        told.add(re.sub(r"[A-Z0-9-]{12,}|urn:uuid:[0-9a-f-]+", "", said.text))
    assert len(told) == 1


async def test_contacts_are_in_no_answer_but_those_of_profiles(house: House):
    """Whoever reads figures, points, answers or cases sees ids: names and addresses are told by profiles alone."""
    told = []
    assert EMAIL in (await house.crm.get(f"/v1/customers/{CUSTOMER}/traits")).text
    async with house.client(
        await house.key(
            "loyalty:read", "metrics:read", "surveys:read", "ops:read", "touchpoints:read", "loyalty:checkout"
        )
    ) as reader:
        for row in committed():
            if row.method == "GET" and row.door in (
                "loyalty:read",
                "metrics:read",
                "surveys:read",
                "ops:read",
                "touchpoints:read",
            ):
                path = row.path.replace("{invitation}", str(house.invitations[0]))
                said = await reader.get(addressed(path, customer=CUSTOMER))
                told += [row.path for secret in (NAME, EMAIL, PHONE, PHONE[3:]) if secret in said.text]
    assert told == []
