"""Declared types of identifiers: their form, their priority, and what a shared value does, in any order."""

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import pytest
from profiles_world import World, touchpoint

from services.profiles.app import service as profiles
from services.profiles.errors import CustomerUnknown
from services.profiles.identifier_types.schemas import IdentifierTypeIn
from services.profiles.schemas import UnmergeIn
from shared.events.envelope import Event
from shared.identity import mapping
from shared.ids import anonymous_key, user_key
from shared.testing.platform import Running, running_platform

TABLES = (
    "customers, identifiers, traits, links, decisions, merge_log, identity, identifier_types, "
    "identifier_type_versions, standings, outbox"
)


async def declare(world: World, name: str, **fields: Any) -> None:
    body = IdentifierTypeIn(**fields)
    await world.service.identifier_types.put(name, body, by="test", if_match=None, idem=None)


def said(
    number: int, user: str | None, type_: str, value: str, minute: float, anonymous: str | None = None
) -> Event[Any]:
    """A touchpoint that names the customer by an external id."""
    context = {"externalIds": [{"type": type_, "id": value, "collection": "users"}]}
    return touchpoint(f"{number}", user=user, anonymous=anonymous, minute=minute, context=context)


async def empty(world: World) -> None:
    async with world.db.write() as tx:
        await tx.execute(f"TRUNCATE {TABLES} CASCADE")
    world.service.remembered_types.forget()


async def parts(world: World, keys: list[UUID]) -> set[frozenset[UUID]]:
    """The persons that these keys are."""
    async with world.db.read() as tx:
        roots = await mapping.roots(tx, keys)
    return {frozenset(key for key in keys if roots[key] == root) for root in roots.values()}


async def test_identifiers_are_written_in_the_form_of_their_type_and_found_so(world: World) -> None:
    await declare(world, "card", form="digits", pattern="\\d{6}", blocked=["000001"])
    await world.play(
        said(1, "a", "card", "12-34 56", 1), said(2, "b", "card", "12345", 1), said(3, "c", "card", "000-001", 1)
    )

    rows = await world.rows("SELECT value, customer_id FROM identifiers WHERE type = 'card'")
    assert [(row.value, row.customer_id) for row in rows] == [("123456", user_key("a"))]
    assert (await world.service.get("card:1234 56")).id == user_key("a")
    with pytest.raises(CustomerUnknown):
        await world.service.get("card:none")


async def test_a_blocked_user_id_names_nobody_and_the_visitor_is_kept(world: World) -> None:
    await declare(world, "user_id", blocked=["kiosk"])
    await world.play(touchpoint("1", user="Kiosk", anonymous="v", minute=1))

    rows = await world.rows("SELECT id FROM customers")
    assert [row.id for row in rows] == [anonymous_key("v")]


async def test_what_comes_first_is_shown_first_and_kept_where_there_is_too_much(world: World) -> None:
    settings = world.service.settings.model_copy(update={"max_identifiers": 10})
    world = replace(world, service=replace(world.service, settings=settings))
    await declare(world, "crm", priority=1)
    await declare(world, "pos", priority=900)
    events = [
        said(n, "a", type_, f"{type_}{n % 6}", n) for n, type_ in enumerate(["pos"] * 6 + ["app"] * 6 + ["crm"] * 6)
    ]
    wanted = {*(f"crm{n}" for n in range(6)), *(f"app{n}" for n in range(4))}
    for seed in range(3):
        cards = [*events, *events]
        Random(seed).shuffle(cards)
        for card in cards:
            await world.play(card)
        rows = await world.rows(
            "SELECT value FROM identifiers WHERE refused_because IS NULL AND type NOT IN ('user_id')"
        )
        assert {row.value for row in rows} == wanted
    shown = [each for each in (await world.service.get("user_id:a")).identifiers if each.type != "user_id"]
    assert [each.type for each in shown][:7] == ["crm"] * 6 + ["app"]


async def test_a_value_that_names_one_alone_stays_with_the_first_in_any_order(world: World) -> None:
    """INVARIANT: one identifier belongs to one customer, where its type is declared so."""
    for seed in range(4):
        await empty(world)
        await declare(world, "crm", when_shared="first")
        cards = [
            said(n, user, "crm", "42", minute)
            for n, (user, minute) in enumerate((("a", 5), ("b", 3), ("c", 9), ("b", 7)))
        ]
        Random(seed).shuffle(cards)
        for card in cards:
            await world.play(card)
        rows = await world.rows("SELECT customer_id, refused_because AS why FROM identifiers WHERE type = 'crm'")
        assert {row.customer_id: row.why for row in rows} == {
            user_key("a"): "taken", user_key("b"): None, user_key("c"): "taken",
        }  # fmt: skip
        assert (await world.service.get("crm:42")).id == user_key("b")


USERS, VISITORS, VALUES = ("a", "b", "c", "d"), ("v", "w"), ("1", "2", "3")
KEYS = [*map(user_key, USERS), *map(anonymous_key, VISITORS)]


def together(events: list[Event[Any]]) -> set[frozenset[UUID]]:
    """A union-find over what users said; each visitor goes with the user it shares its strongest evidence with."""
    group = {key: {key} for key in KEYS}
    held: dict[str, list[UUID]] = {}
    for event in events:
        held.setdefault(event.data.context["externalIds"][0]["id"], []).append(event.subject)
    for keys in held.values():
        users = [key for key in keys if key in map(user_key, USERS)]
        for one, other in pairwise(users):
            if group[one] is not group[other]:
                group[one] |= group[other]
                for key in group[other]:
                    group[key] = group[one]
    return {frozenset(each) for each in group.values()}


async def test_users_who_share_a_value_are_one_in_any_order(world: World) -> None:
    """INVARIANT: the graph equals a union-find over the facts in any order.

    Breaks if a user with a parent is left where it is, or if an earlier holder that comes late changes nothing.
    """
    users = KEYS[: len(USERS)]
    joined = 0
    for seed in range(25):
        random = Random(seed)
        await empty(world)
        await declare(world, "crm", when_shared="join")
        cards = [
            said(n, random.choice(USERS), "crm", random.choice(VALUES), random.randint(0, 50))
            for n in range(random.randint(2, 6))
        ]
        wanted = {each & set(users) for each in together(cards)} - {frozenset()}
        joined += len(wanted) < len(users)
        for _ in range(2):
            await world.play(*cards[: len(cards) // 2])
            for card in cards:
                await world.play(card)
            assert await parts(world, users) == wanted, seed
            random.shuffle(cards)
            async with world.db.write() as tx:
                await tx.execute(f"TRUNCATE {TABLES.partition(' identifier_types')[0].rstrip(',')} CASCADE")
    assert joined > 10


async def test_a_visitor_goes_with_one_user_and_a_user_never_becomes_a_visitor(world: World) -> None:
    await declare(world, "crm", when_shared="join")
    await world.play(said(1, None, "crm", "1", 1, anonymous="v"), said(2, None, "crm", "2", 1, anonymous="v"))
    await world.play(said(3, "a", "crm", "1", 5), said(4, "b", "crm", "2", 6))

    assert await world.root(anonymous_key("v")) == user_key("a")
    assert await world.root(user_key("b")) == user_key("b")
    log = await world.rows("SELECT reason, note, event_id IS NULL AS bare FROM merge_log")
    assert [(row.reason, row.note) for row in log] == [("identifier", None)]


async def test_no_declaration_merges_or_splits_and_what_people_decide_stands(world: World) -> None:
    await world.play(said(1, "a", "crm", "1", 1), said(2, "b", "crm", "1", 2))
    await declare(world, "crm", when_shared="join")
    assert await world.root(user_key("b")) == user_key("b")

    await world.play(said(3, "c", "crm", "1", 3))
    assert await parts(world, KEYS[:3]) == {frozenset(KEYS[:3])}

    await world.service.unmerge("user_id:c", UnmergeIn(reason="a sister"), by="test", idem=None)
    await world.play(said(4, "c", "crm", "1", 0.5), said(5, "c", "crm", "1", 9))
    assert user_key("c") not in {await world.root(user_key("a")), await world.root(user_key("b"))}

    together_before = await parts(world, KEYS[:3])
    await declare(world, "crm", when_shared="keep", priority=3)
    await world.play(said(6, "b", "crm", "9", 12), said(7, "d", "crm", "1", 13))
    assert await parts(world, KEYS[:3]) == together_before
    assert await world.root(user_key("d")) == user_key("d")


async def test_the_priority_that_held_when_evidence_came_decides_in_any_order(world: World) -> None:
    for cards in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        await empty(world)
        await declare(world, "crm", when_shared="join", priority=10)
        events = [
            touchpoint("i", user="a", anonymous="v", minute=1),
            said(8, None, "crm", "1", 5, anonymous="v"),
            said(9, "b", "crm", "1", 7),
        ]
        for each in cards:
            await world.play(events[each])
        assert await world.root(anonymous_key("v")) == user_key("b")
    await declare(world, "crm", when_shared="join", priority=900)
    await world.play(touchpoint("again", user="a", anonymous="v", minute=0))
    assert await world.root(anonymous_key("v")) == user_key("b")


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles,), role="api") as platform:
        yield platform


async def test_types_over_http(running: Running) -> None:
    url = "/v1/identifier-types"
    built_in = (await running.crm.get(url)).json()["types"]
    assert [(each["name"], each["version"], each["form"]) for each in built_in] == [
        ("anonymous_id", 0, "text"),
        ("email", 0, "email"),
        ("phone", 0, "phone"),
        ("user_id", 0, "text"),
    ]
    crm = {"form": "upper", "pattern": "KH-\\d{2}", "when_shared": "first", "priority": 5}
    made = await running.crm.put(f"{url}/crm", json=crm)
    assert (made.status_code, made.json()["version"], made.json()["built_in"]) == (201, 1, False)
    tag = (await running.crm.get(f"{url}/crm")).headers["ETag"]
    changed = await running.crm.put(f"{url}/crm", json={**crm, "limit": 3}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    late = await running.crm.put(f"{url}/crm", json=crm, headers={"If-Match": tag})
    assert (late.status_code, late.json()["version"]) == (412, 2)
    assert (await running.crm.get(url)).json()["types"][0]["name"] == "crm"

    ids = [{"type": "crm", "id": "kh-12"}]
    first = await running.crm.post("/v1/customers", json={"user_id": "1", "external_ids": ids})
    assert first.json()["identifiers"][0]["value"] == "KH-12"
    taken = await running.crm.post("/v1/customers", json={"user_id": "2", "external_ids": ids})
    assert (taken.status_code, taken.json()["code"]) == (409, "profiles.identifier_taken")
    assert taken.json()["customer"] == first.json()["id"]
    assert (await running.crm.get("/v1/customers/user_id:2")).status_code == 404
    bad = await running.crm.post("/v1/customers", json={"external_ids": [{"type": "crm", "id": "KH-1"}]})
    assert (bad.status_code, bad.json()["code"]) == (422, "profiles.blocked_identifier")

    await running.crm.post("/v1/customers/user_id:1/merge", json={"into": "user_id:3", "reason": "x"})
    other = {"form": "digits", "pattern": "\\d+"}
    stored = await running.crm.put(f"{url}/crm", json=other)
    assert (stored.status_code, stored.json()["code"]) == (409, "profiles.identifiers_stored")
    assert (await running.crm.delete(f"{url}/crm")).status_code == 409
    for name, body, field in (
        ("crm", {"pattern": "(a+)+"}, "pattern"),
        ("email", {"form": "text"}, "form"),
        ("user_id", {"when_shared": "join"}, "when_shared"),
        ("anonymous_id", {"limit": 3}, "limit"),
        ("previous_id", {}, "name"),
    ):
        refused = await running.crm.put(f"{url}/{name}", json=body)
        assert (refused.status_code, refused.json()["field"]) == (422, field), name
    assert (await running.crm.get(f"{url}/nobody")).status_code == 404
    versions = (await running.crm.get(f"{url}/crm/versions")).json()["items"]
    assert [(each["version"], each["declared"]["limit"]) for each in versions] == [(2, 3), (1, None)]

    assert (await running.crm.put(f"{url}/email", json={"priority": 1})).status_code == 201
    assert (await running.crm.delete(f"{url}/email")).status_code == 204
    back = (await running.crm.get(f"{url}/email")).json()
    assert (back["priority"], back["version"]) == (100, 2)
