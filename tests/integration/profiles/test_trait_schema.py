"""Declared traits on a real database: over HTTP and from touchpoints, through changes of type, merges and unmerges."""

import asyncio
from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import pytest
from profiles_world import HandClock, World, touchpoint
from sqlalchemy import event

from services.profiles.app import service as profiles
from services.profiles.schemas import MergeIn, UnmergeIn
from services.profiles.trait_schema.schemas import DeclarationIn
from services.profiles.trait_schema.service import SETTLED
from services.touchpoints.app import service as touchpoints
from shared.events.catalogue.profiles import TraitsChanged
from shared.ids import anonymous_key, user_key
from shared.testing.platform import Running, running_platform


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles,), role="api", clock=HandClock()) as platform:
        yield platform


async def declare(world: World, name: str, **body: Any) -> None:
    await world.service.trait_schema.put(name, DeclarationIn(**body), by="k", if_match=None, idem=None)
    await world.service.trait_schema.judge_all()


async def say(world: World, message: str, minute: float, user: str = "1", **traits: Any) -> list[Any]:
    return await world.play(touchpoint(message, user=user, call="identify", minute=minute, traits=traits))


async def shown(world: World, reference: str = "user_id:1") -> dict[str, Any]:
    return (await world.service.traits(reference)).traits


async def refused(world: World, reference: str = "user_id:1") -> dict[str, tuple[Any, str]]:
    found = await world.service.trait_schema.refused(reference)
    return {row.name: (row.value, row.reason) for row in found.rows}


async def test_a_declaration_is_made_read_changed_listed_and_taken_back(running: Running) -> None:
    crm, url = running.crm, "/v1/trait-schema/Hạng"
    made = await crm.put(url, json={"type": "enum", "values": ["bạc", "vàng"], "description": {"vi": "Hạng thẻ"}})
    assert made.status_code == 201, made.text
    got = await crm.get(url)
    assert got.json()["name"] == "Hạng"
    assert (got.json()["version"], got.json()["refused"]) == (1, 0)
    assert (await crm.get(url, headers={"If-None-Match": got.headers["ETag"]})).status_code == 304

    changed = {"type": "enum", "values": ["bạc", "vàng", "kim cương"], "merge_policy": "max"}
    assert (await crm.put(url, json=changed, headers={"If-Match": got.headers["ETag"]})).status_code == 200
    late = await crm.put(url, json=changed, headers={"If-Match": got.headers["ETag"]})
    assert (late.status_code, late.json()["code"]) == (412, "profiles.trait_declaration_moved")
    assert (await crm.delete(url, headers={"If-Match": '"1"'})).status_code == 412

    await crm.put("/v1/trait-schema/age", json={"type": "integer"})
    first = (await crm.get("/v1/trait-schema", params={"limit": 1})).json()
    second = (await crm.get("/v1/trait-schema", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert sorted(page["items"][0]["name"] for page in (first, second)) == ["Hạng", "age"]
    assert second["next_cursor"] is None

    assert (await crm.delete(url, headers={"If-Match": '"2"'})).status_code == 204
    assert (await crm.get(url)).json()["code"] == "profiles.trait_undeclared"
    versions = (await crm.get(f"{url}/versions")).json()["items"]
    assert [(each["version"], each["declared"] and len(each["declared"]["values"])) for each in versions] == [
        (3, None),
        (2, 3),
        (1, 2),
    ]


async def test_bad_declarations_are_refused(running: Running) -> None:
    for name, body in (
        ("a", {"type": "number", "min": 2, "max": 1}),
        ("a", {"type": "x"}),
        ("%20", {"type": "string"}),
    ):
        answer = await running.crm.put(f"/v1/trait-schema/{name}", json=body)
        assert answer.status_code == 422, answer.text
    assert (await running.crm.get("/v1/trait-schema", params={"cursor": "WzFd"})).status_code == 400
    assert (await running.shop.put("/v1/trait-schema/a", json={"type": "string"})).status_code == 403


async def test_a_request_is_refused_as_a_whole_and_told_how_to_mend_it(running: Running) -> None:
    await running.crm.put("/v1/trait-schema/age", json={"type": "integer", "min": 0, "max": 150})
    body = {"user_id": "1", "traits": {"city": "Huế", "age": "secret forty"}}

    answer = await running.crm.post("/v1/customers", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "profiles.traits_misfit")
    (misfit,) = answer.json()["misfits"]
    assert (misfit["trait"], misfit["type"], misfit["reason"]) == ("age", "integer", "wrong_type")
    assert "integer" in misfit["mend"]
    assert "secret" not in answer.text
    assert (await running.crm.get("/v1/customers/user_id:1")).status_code == 404
    assert (await running.crm.post("/v1/customers", json={**body, "traits": {"age": 40}})).status_code == 201
    patch = await running.crm.patch("/v1/customers/user_id:1/traits", json={"traits": {"age": 200, "city": "Huế"}})
    assert patch.json()["misfits"][0]["reason"] == "out_of_range"
    assert (await running.crm.get("/v1/customers/user_id:1/traits")).json()["traits"] == {"age": 40}


async def test_the_normal_form_is_shown_and_what_was_said_is_in_its_provenance(running: Running) -> None:
    await running.crm.put("/v1/trait-schema/phone", json={"type": "phone"})
    await running.crm.put("/v1/trait-schema/born", json={"type": "date"})
    made = await running.crm.post(
        "/v1/customers", json={"user_id": "1", "traits": {"phone": "090 123 4567", "born": "1990-01-31"}}
    )

    traits = made.json()["traits"]
    assert (traits["phone"]["value"], traits["phone"]["said"]) == ("+84901234567", "090 123 4567")
    assert (traits["born"]["value"], traits["born"]["said"]) == ("1990-01-31", None)


async def test_an_event_is_never_blocked_and_what_does_not_fit_is_readable_with_its_reason(world: World) -> None:
    await declare(world, "age", type="integer")
    emitted = await say(world, "m1", 1, age=42, city="Huế")
    assert any(isinstance(each.data, TraitsChanged) for each in emitted)
    assert await say(world, "m2", 2, age="abc", city="Đà Nẵng")
    # Earlier words come late, and again.
    await say(world, "m0", 0, age="older")
    await say(world, "m2", 2, age="abc", city="Đà Nẵng")

    assert await shown(world) == {"age": 42, "city": "Đà Nẵng"}
    assert await refused(world) == {"age": ("abc", "wrong_type")}
    assert (await world.service.trait_schema.get("age"))[1] == 1


async def test_from_the_shops_event_to_the_refused_word_over_http(database_url: str) -> None:
    async with running_platform(database_url, (touchpoints, profiles)) as running:
        shop, crm = running.shop, running.crm
        assert (await shop.post("/v1/identify", json={"userId": "1", "traits": {"age": "forty"}})).status_code == 200
        await running.settled()
        assert (await crm.get("/v1/customers/user_id:1/traits")).json()["traits"] == {"age": "forty"}
        await crm.put("/v1/trait-schema/age", json={"type": "integer"})
        async with asyncio.timeout(20):
            while not (await crm.get("/v1/trait-schema/age")).json()["is_judged"]:
                await asyncio.sleep(0.1)
        event = {"userId": "1", "traits": {"age": "fifty", "city": "Huế"}}
        assert (await shop.post("/v1/identify", json=event)).status_code == 200
        await running.settled()

        found = (await crm.get("/v1/customers/user_id:1/traits/refused")).json()
        assert (await crm.get("/v1/customers/user_id:1/traits")).json()["traits"] == {"city": "Huế"}
        assert found["customer"] == str(user_key("1"))
        assert [(each["value"], each["reason"], each["type"], each["source"]) for each in found["refused"]] == [
            ("fifty", "wrong_type", "integer", "web"),
            ("forty", "wrong_type", "integer", "web"),
        ]
        assert (await crm.get("/v1/trait-schema/age")).json()["refused"] == 2
        assert (await crm.get("/v1/customers/user_id:2/traits/refused")).status_code == 404


async def test_what_is_refused_of_one_customer_is_bounded(world: World) -> None:
    for name in ("age", "size"):
        await declare(world, name, type="integer")
    for minute in range(4):
        await say(world, f"m{minute}", minute, age=f"bad{minute}", size="bad")
    assert [row.n for row in await world.rows("SELECT count(*) AS n FROM refused_traits")] == [2]


async def test_a_change_of_type_sets_aside_what_does_not_fit_and_changing_back_gives_it_back(world: World) -> None:
    await say(world, "m1", 1, user="1", size="XL", name="Nguyễn Hương")
    await say(world, "m1b", 1, user="2", size=42)
    before = [await world.service.get(f"user_id:{each}") for each in "12"]

    await declare(world, "size", type="integer")
    assert await shown(world) == {"name": "Nguyễn Hương"}
    assert await refused(world) == {"size": ("XL", "wrong_type")}
    assert (await shown(world, "user_id:2"))["size"] == 42
    changes = [each for each in await world.announced(TraitsChanged) if each.data.source == "trait_schema"]
    assert [(each.subject, each.data.names) for each in changes] == [(user_key("1"), ("size",))]
    await say(world, "m2", 2, user="1", size=7)
    assert (await shown(world))["size"] == 7

    await declare(world, "size", type="string")
    assert (await shown(world))["size"] == "XL"
    assert await refused(world) == {"size": (7, "wrong_type")}
    assert await refused(world, "user_id:2") == {"size": (42, "wrong_type")}
    await declare(world, "size", type="integer")
    assert (await shown(world))["size"] == 7

    await world.service.trait_schema.delete("size", by="k", if_match=None)
    await world.service.trait_schema.judge_all()
    assert await world.service.get("user_id:2") == before[1]
    # The later word fits as well now.
    assert (await shown(world))["size"] == 7
    assert await refused(world) == {}
    await declare(world, "size", type="string")
    assert (await shown(world))["size"] == "XL"


async def test_a_type_that_writes_otherwise_keeps_what_was_said_and_finds_people_by_their_names_as_before(
    world: World,
) -> None:
    await say(world, "m1", 1, contact="Huong@X.VN", name="Nguyễn Hương")
    before = await world.service.get("user_id:1")
    await declare(world, "contact", type="email")
    await declare(world, "name", type="string", max_length=5)
    assert await shown(world) == {"contact": "huong@x.vn"}
    assert (await world.service.get("user_id:1")).traits["contact"].said == "Huong@X.VN"
    assert (await world.service.search.find("huong", [], after=None, limit=5)).items == []

    await world.service.trait_schema.delete("contact", by="k", if_match=None)
    await declare(world, "name", type="string")
    assert await world.service.get("user_id:1") == before
    assert len((await world.service.search.find("huong", [], after=None, limit=5)).items) == 1


async def test_everything_is_judged_in_pieces_and_once_more_when_no_old_version_is_remembered(world: World) -> None:
    for number in range(1, 10):
        await say(world, f"m{number}", number, user=str(number), size="XL", city="Huế")
    schema = world.service.trait_schema
    await schema.put("size", DeclarationIn(type="integer"), by="k", if_match=None, idem=None)
    pieces = 0
    while await schema.judge_piece(size=4):
        pieces += 1
        assert pieces < 20
    assert pieces > 3
    assert (await schema.get("size"))[1] == 9
    # A process that still remembered the version before wrote this after the job had passed.
    async with world.db.write() as tx:
        await tx.execute(
            "INSERT INTO traits SELECT customer_id, name, value, source, event_id, event_time, recorded_at, true "
            "FROM refused_traits WHERE customer_id = :key",
            {"key": user_key("3")},
        )
    assert (await shown(world, "user_id:3")).keys() == {"size", "city"}
    assert not await schema.judge_piece()
    world.clock.time += SETTLED
    await schema.judge_all()
    assert (await shown(world, "user_id:3")).keys() == {"city"}
    assert (await schema.get("size"))[1] == 9


async def test_a_merge_policy_decides_at_read_and_an_unmerge_gives_back_what_was_there(world: World) -> None:
    await declare(world, "points", type="integer", merge_policy="max")
    await declare(world, "tags", type="array", merge_policy="union")
    await declare(world, "city", type="string", merge_policy="prefer_identified")
    await say(world, "m1", 1, points=50, tags=["a"], city="Huế")
    visitor = touchpoint(
        "m2", anonymous="x", call="identify", minute=2, traits={"points": 10, "tags": ["b", "a"], "city": "Vinh"}
    )
    await world.play(visitor)
    before = [await world.service.get(each) for each in ("user_id:1", "anonymous_id:x")]
    rows = await world.rows("SELECT * FROM traits ORDER BY customer_id, name")
    body = MergeIn(into="user_id:1", reason="same person")

    preview = await world.service.merging.preview("anonymous_id:x", body)
    await world.service.merge("anonymous_id:x", body, by="k", idem=None)

    merged = await world.service.get("user_id:1")
    assert preview.after == merged
    assert {name: trait.value for name, trait in merged.traits.items()} == {
        "points": 50,
        "tags": ["a", "b"],
        "city": "Huế",
    }
    assert {each.name: each.because for each in preview.traits} == dict.fromkeys(("points", "tags", "city"), "policy")
    assert merged.traits["points"].customer == user_key("1")
    assert merged.traits["tags"].customer == anonymous_key("x")
    assert await world.rows("SELECT * FROM traits ORDER BY customer_id, name") == rows
    await world.service.unmerge("anonymous_id:x", UnmergeIn(reason="no"), by="k", idem=None)
    assert [await world.service.get(each) for each in ("user_id:1", "anonymous_id:x")] == before


async def test_three_keys_merged_in_any_order_show_the_same(world: World) -> None:
    await declare(world, "points", type="integer", merge_policy="min")
    found = []
    for order in permutations("abc"):
        tag = "".join(order)
        for minute, each in enumerate("abc"):
            await say(world, f"{tag}{each}", minute, user=f"{tag}{each}", points={"a": 3, "b": 1, "c": 2}[each])
        first, *others = order
        for each in others:
            body = MergeIn(into=f"user_id:{tag}{first}", reason="t")
            await world.service.merge(f"user_id:{tag}{each}", body, by="k", idem=None)
        found.append((await shown(world, f"user_id:{tag}{first}"))["points"])
    assert found == [1] * 6


async def test_nobody_is_listed_by_a_sensitive_trait_without_the_scope_for_it(running: Running) -> None:
    crm = running.crm
    await crm.put("/v1/trait-schema/income", json={"type": "integer", "sensitive": True})
    await crm.put("/v1/trait-schema/name", json={"type": "string", "sensitive": True})
    body = {"user_id": "shop-1", "traits": {"income": 30, "name": "Nguyễn Hương", "city": "Huế"}}
    await crm.post("/v1/customers", json=body)
    _, key = await running.platform.keyring.create("secret", "desk", scopes=("profiles:read",))
    desk = {"Authorization": f"Bearer {key}"}
    url = "/v1/customers/search"

    refused = await crm.get(url, params={"trait": "income:30"}, headers=desk)
    assert (refused.status_code, refused.json()["code"]) == (403, "profiles.sensitive_trait")
    assert (await crm.get(url, params={"q": "huong"}, headers=desk)).json()["items"] == []
    for query in ({"q": "shop"}, {"trait": "city:Huế"}):
        (found,) = (await crm.get(url, params=query, headers=desk)).json()["items"]
        assert found["name"] is None
    (found,) = (await crm.get(url, params={"trait": "income:30"})).json()["items"]
    assert found["name"] == "Nguyễn Hương"
    assert len((await crm.get(url, params={"q": "huong"})).json()["items"]) == 1


async def test_strict_refuses_what_nobody_declared(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAM_PROFILES_STRICT_TRAITS", "true")
    async with running_platform(database_url, (profiles,), role="api", clock=HandClock()) as running:
        await running.crm.put("/v1/trait-schema/age", json={"type": "integer"})
        answer = await running.crm.post("/v1/customers", json={"user_id": "1", "traits": {"age": 4, "a@b.vn": 1}})
        assert answer.status_code == 422
        assert [(each["trait"], each["reason"]) for each in answer.json()["misfits"]] == [(None, "undeclared")]
        assert "a@b.vn" not in answer.text
        assert (await running.crm.post("/v1/customers", json={"user_id": "1", "traits": {"age": 4}})).status_code == 201


async def test_a_batch_costs_no_statement_more_while_nothing_is_declared(world: World) -> None:
    statements: list[str] = []
    event.listen(
        world.db.engine.sync_engine,
        "before_cursor_execute",
        lambda *seen: statements.append(seen[2]),
    )
    await say(world, "m1", 1, city="Huế")
    first = [each for each in statements if "trait_schemas" in each]
    statements.clear()
    await say(world, "m2", 2, city="Vinh")

    # One for what fits, one for what rules of segments see.
    assert len(first) == 2
    assert not [each for each in statements if "trait_schemas" in each or "refused_traits" in each]


async def test_another_process_hears_of_a_change_within_seconds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("services.profiles.trait_schema.service.monotonic", lambda: now)
    await say(world, "m2", 2, age="abd")
    async with world.db.write() as tx:
        await tx.execute(
            "INSERT INTO trait_schemas (name, version, definition, is_deleted, created_at, updated_at, updated_by, "
            "is_judged) VALUES ('age', 1, '{\"type\": \"integer\"}', false, now(), now(), 'k', true)"
        )
    now = 4.9
    await say(world, "m3", 3, age="abe")
    assert (await shown(world))["age"] == "abe"
    now = 5.1
    await say(world, "m4", 4, age="abf")
    assert (await shown(world))["age"] == "abe"
    assert await refused(world) == {"age": ("abf", "wrong_type")}
