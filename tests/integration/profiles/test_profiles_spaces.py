"""Segment's Profile API: a client that speaks it asks with our secret key as user name, and reads what it knows."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from profiles_world import HandClock

from services.profiles.app import service as profiles
from services.touchpoints.app import service as touchpoints
from shared.ids import user_key
from shared.testing.platform import BASE_URL, Running, running_platform

SPACE = "/v1/spaces/lg8283283/collections/users/profiles"
ID = str(user_key("u1"))


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles, touchpoints), clock=HandClock()) as platform:
        yield platform


@pytest.fixture
async def segment(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client as Segment documents it: the secret key as user name of Basic, no password."""
    traits = {"first_name": "Hương", "email": "a@b.c", **{f"t{number:02}": number for number in range(12)}}
    body = {"user_id": "u1", "anonymous_id": "v1", "traits": traits, "external_ids": [{"type": "crm", "id": "K-1"}]}
    assert (await running.crm.post("/v1/customers", json=body)).status_code == 201
    transport = httpx.ASGITransport(app=running.platform.app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL, auth=(running.secret_key, "")) as client:
        yield client


async def got(segment: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    answer = await segment.get(f"{SPACE}/{path}", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Request-Id"]
    return dict(answer.json())


async def test_traits_by_any_identifier_ten_at_a_time(segment: httpx.AsyncClient) -> None:
    first = await got(segment, "email:a%40b.c/traits")
    assert len(first["traits"]) == 10
    assert first["traits"]["first_name"] == "Hương"
    cursor = first["cursor"]
    assert (cursor["url"], cursor["has_more"], cursor["limit"]) == (f"{SPACE}/{ID}/traits", True, 10)

    rest = await got(segment, "user_id:u1/traits", next=cursor["next"])
    assert (rest["cursor"]["has_more"], rest["cursor"]["next"]) == (False, "")
    assert first["traits"] | rest["traits"] == (await got(segment, "crm:K-1/traits", limit=200))["traits"]
    assert len(first["traits"]) + len(rest["traits"]) == 14


async def test_traits_that_are_asked_for(segment: httpx.AsyncClient) -> None:
    assert (await got(segment, "user_id:u1/traits", include="first_name, t03,none"))["traits"] == {
        "first_name": "Hương",
        "t03": 3,
    }
    verbose = (await got(segment, "user_id:u1/traits", include="t03", verbose="true"))["traits"]["t03"]
    assert (verbose["value"], verbose["source_id"][:4], verbose["updated_at"]) == (3, "api:", "2026-11-21T09:00:00Z")
    assert (await got(segment, "user_id:u1/traits", **{"class": "audience"}))["traits"] == {}


async def test_external_ids_in_pages(segment: httpx.AsyncClient) -> None:
    seen: list[dict[str, Any]] = []
    following = ""
    while True:
        page = await got(segment, "anonymous_id:v1/external_ids", limit=2, next=following)
        seen += page["data"]
        following = page["cursor"]["next"]
        if not page["cursor"]["has_more"]:
            break

    assert {(each["type"], each["id"]) for each in seen} == {
        ("user_id", "u1"),
        ("anonymous_id", "v1"),
        ("email", "a@b.c"),
        ("crm", "K-1"),
    }
    assert len(seen) == 4
    assert {(each["collection"], each["encoding"]) for each in seen} == {("users", "none")}
    only = await got(segment, "user_id:u1/external_ids", include="email")
    assert [each["id"] for each in only["data"]] == ["a@b.c"]


async def test_metadata_and_links(segment: httpx.AsyncClient) -> None:
    metadata = (await got(segment, "user_id:u1/metadata"))["metadata"]
    assert (metadata["created_at"], metadata["updated_at"], metadata["expires_at"]) == (
        "2026-11-21T09:00:00Z",
        "2026-11-21T09:00:00Z",
        None,
    )
    assert (await got(segment, "user_id:u1/links"))["data"] == []


async def test_events_are_the_touchpoints_under_the_same_address(running: Running, segment: httpx.AsyncClient) -> None:
    batch = [
        {"type": "track", "event": name, "userId": "u1", "messageId": f"m{number}", "properties": {"n": number}}
        for number, name in enumerate(["Product Viewed", "Product Added", "Order Completed"])
    ]
    batch[2]["properties"] = {"order_id": "o1", "total": 10, "currency": "USD"}
    assert (await running.shop.post("/v1/batch", json={"batch": batch})).status_code == 200
    await running.settled()

    page = await got(segment, "user_id:u1/events", limit=2)
    rest = await got(segment, f"{ID}/events", next=page["cursor"]["next"])
    events = [*page["data"], *rest["data"]]
    assert {each["message_id"] for each in events} == {"m0", "m1", "m2"}
    assert {each["event"] for each in events} == {"Product Viewed", "Product Added", "Order Completed"}
    assert {(each["type"], each["source_id"]) for each in events} == {("track", "web")}
    assert (page["cursor"]["has_more"], rest["cursor"]["has_more"]) == (True, False)
    only = await got(segment, "user_id:u1/events", include="Product Viewed,Product Added", exclude="Product Added")
    assert [each["event"] for each in only["data"]] == ["Product Viewed"]


async def test_refusals_speak_both_tongues(running: Running, segment: httpx.AsyncClient) -> None:
    for path, status, code in (
        ("user_id:nobody/traits", 404, "not_found"),
        ("email:no%40b.c/external_ids", 404, "not_found"),
        ("user_id:nobody/metadata", 404, "not_found"),
        ("user_id:nobody/links", 404, "not_found"),
        ("user_id:u1/traits?limit=201", 422, "validation_error"),
        ("user_id:u1/traits?next=x!", 400, "validation_error"),
        ("user_id:u1/external_ids?next=W10", 400, "validation_error"),
        ("email:a%40b.c/events", 422, "validation_error"),
    ):
        refused = await segment.get(f"{SPACE}/{path}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), path
        assert refused.json()["error"]["message"] == refused.json()["detail"]
    for client, status in (
        (running.shop, 403),
        (httpx.AsyncClient(transport=segment._transport, base_url=BASE_URL), 401),
    ):
        refused = await client.get(f"{SPACE}/user_id:u1/traits")
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, "authentication_error")
