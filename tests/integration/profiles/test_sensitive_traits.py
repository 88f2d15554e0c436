"""A trait that is declared sensitive is told at no door to who lacks the scope for it; each door is tried."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from profiles_world import HandClock

from services.profiles.app import service as profiles
from shared.testing.platform import BASE_URL, Running, running_platform

SECRET = "23-11-bí-mật"
BORN = "1990-11-22"


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles,), role="api", clock=HandClock()) as platform:
        crm = platform.crm
        await crm.post(
            "/v1/customers", json={"user_id": "1", "traits": {"note": SECRET, "city": "Huế", "birthday": BORN}}
        )
        await crm.post("/v1/customers", json={"user_id": "2", "traits": {"note": "x"}})
        for name in ("note", "birthday"):
            body = {"type": "string", "sensitive": True}
            assert (await crm.put(f"/v1/trait-schema/{name}", json=body)).status_code == 201
        yield platform


async def key_of(running: Running, *scopes: str) -> httpx.AsyncClient:
    _, key = await running.platform.keyring.create("secret", "clerk", scopes=scopes)
    transport = httpx.ASGITransport(app=running.platform.app)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
async def clerk(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may read and write customers, and is not told what is sensitive."""
    async with await key_of(running, "profiles:read", "profiles:write") as client:
        yield client


Door = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def door(method: str, url: str, **body: Any) -> Door:
    return lambda client: client.request(method, url, **({"json": body} if body else {}))


MERGE = {"into": "user_id:2", "reason": "one person"}
DOORS: dict[str, Door] = {
    "the customer": door("GET", "/v1/customers/user_id:1"),
    "the traits": door("GET", "/v1/customers/user_id:1/traits"),
    "the Profile API": door("GET", "/v1/spaces/s/collections/users/profiles/user_id:1/traits"),
    "by name in the Profile API": door("GET", "/v1/spaces/s/collections/users/profiles/user_id:1/traits?include=note"),
    "the next best actions": door("GET", "/v1/customers/user_id:1/next-best-actions"),
    "the search": door("GET", "/v1/customers/search?trait=city:Huế"),
    "the list": door("GET", "/v1/customers"),
    "the preview of a merge": door("POST", "/v1/customers/user_id:1/merge/preview", **MERGE),
    "what a write answers": door("PATCH", "/v1/customers/user_id:1/traits", traits={"city": "Vinh"}),
    "what a creation answers": door("POST", "/v1/customers", user_id="1"),
    "what a merge answers": door("POST", "/v1/customers/user_id:1/merge", **MERGE),
    "what a split answers": door("POST", "/v1/customers/user_id:1/split", take=["user_id:1"], reason="two"),
    "what an unmerge answers": door("POST", "/v1/customers/user_id:1/unmerge", reason="two"),
}


@pytest.mark.parametrize("name", DOORS)
async def test_no_door_tells_it(running: Running, clerk: httpx.AsyncClient, name: str) -> None:
    if name in ("what a split answers", "what an unmerge answers"):
        assert (await running.crm.post("/v1/customers/user_id:1/merge", json=MERGE)).status_code == 200

    answer = await DOORS[name](clerk)

    assert answer.status_code in (200, 201), answer.text
    assert SECRET not in answer.text
    assert BORN not in answer.text
    assert "11-22" not in answer.text


async def test_who_has_the_scope_is_told(running: Running) -> None:
    async with await key_of(running, "profiles:read", "profiles:sensitive") as doctor:
        for name in ("the customer", "the traits", "the Profile API", "the preview of a merge"):
            assert SECRET in (await DOORS[name](doctor)).text, name
        assert "11-22" in (await DOORS["the next best actions"](doctor)).text
        rule = {"trait": "note", "eq": SECRET}
        assert (await doctor.post("/v1/segments/preview", json={"rule": rule})).json()["count"] == 1


async def test_words_that_were_refused_are_not_told_either(running: Running, clerk: httpx.AsyncClient) -> None:
    number = {"type": "number", "sensitive": True}
    assert (await running.crm.put("/v1/trait-schema/note", json=number)).status_code == 200
    await running.platform.value("profiles").trait_schema.judge_all()
    url = "/v1/customers/user_id:1/traits/refused"

    assert SECRET in (await running.crm.get(url)).text
    assert (await clerk.get(url)).json()["refused"] == []


async def test_nobody_finds_it_out_by_asking_who_has_it(running: Running, clerk: httpx.AsyncClient) -> None:
    rule = {"and": [{"trait": "city", "exists": True}, {"not": {"trait": "note", "starts_with": "2"}}]}
    for answer in (
        await clerk.post("/v1/segments/preview", json={"rule": rule}),
        await clerk.post("/v1/segments", json={"name": "S", "rule": rule}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "profiles.sensitive_condition")
    made = (await running.crm.post("/v1/segments", json={"name": "S", "rule": rule})).json()
    url = f"/v1/segments/{made['id']}"
    renamed = await clerk.put(url, json={"name": "T", "version": 1, "rule": rule})
    assert renamed.status_code == 200
    other = {"name": "T", "version": 2, "rule": {"trait": "note", "exists": True}}
    assert (await clerk.put(url, json=other)).json()["code"] == "profiles.sensitive_condition"
    through = {"segment": made["id"]}
    for answer in (
        await clerk.get(f"{url}/members"),
        await clerk.post("/v1/segments/preview", json={"rule": through}),
        await clerk.post("/v1/segments", json={"name": "U", "rule": {"not": through}}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "profiles.sensitive_condition")


async def test_who_is_in_a_segment_tells_nothing_of_a_sensitive_trait(
    running: Running, clerk: httpx.AsyncClient
) -> None:
    sensitive = {"name": "N", "rule": {"trait": "note", "exists": True}}
    plain = {"name": "P", "rule": {"identified": True}}
    ids = [(await running.crm.post("/v1/segments", json=each)).json()["id"] for each in (sensitive, plain)]
    await running.platform.value("profiles").upkeep.run()

    async def seen(client: httpx.AsyncClient) -> set[str]:
        found = (await client.get("/v1/customers/user_id:1/segments")).json()["segments"]
        return {each["segment"] for each in found}

    assert await seen(running.crm) == set(ids)
    assert await seen(clerk) == {ids[1]}
    assert (await running.crm.get(f"/v1/segments/{ids[0]}/members")).json()["items"] != []
    assert (await clerk.get(f"/v1/segments/{ids[1]}/members")).status_code == 200


async def test_a_revision_is_of_what_the_caller_sees(running: Running, clerk: httpx.AsyncClient) -> None:
    url = "/v1/customers/user_id:1/traits"
    tag = (await clerk.get(url)).headers["ETag"]
    assert (await running.crm.patch(url, json={"traits": {"note": "another"}})).status_code == 200

    said = await clerk.patch(url, json={"traits": {"city": "Vinh"}}, headers={"If-Match": tag})
    assert said.status_code == 200, said.text
    assert (await clerk.patch(url, json={"traits": {"city": "Huế"}}, headers={"If-Match": tag})).status_code == 412
