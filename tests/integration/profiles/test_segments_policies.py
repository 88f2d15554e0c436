"""Between the keys of a person the merge policy of a trait decides, also for rules of segments and the search."""

from random import Random
from typing import Any
from uuid import UUID

from profiles_world import World, touchpoint

from services.profiles.schemas import MergeIn
from services.profiles.segments.schemas import SegmentIn, SegmentOut
from services.profiles.trait_schema import service as trait_schema
from services.profiles.trait_schema.schemas import DeclarationIn
from shared.ids import anonymous_key, user_key

TRAITS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "first": ({"type": "string", "merge_policy": "earliest"}, ["a", "b", "c"]),
    "users": ({"type": "string", "merge_policy": "prefer_identified"}, ["a", "b", "c"]),
    "source": (
        {"type": "string", "merge_policy": "source_priority", "sources": ["app", "api", "web"]},
        ["a", "b", "c"],
    ),
    "most": ({"type": "number", "merge_policy": "max"}, [1, 2.5, 10]),
    "least": ({"type": "integer", "merge_policy": "min"}, [1, 2, 10]),
    "rank": (
        {"type": "enum", "values": ["none", "silver", "gold"], "merge_policy": "max"},
        ["none", "silver", "gold"],
    ),
    "day": ({"type": "date", "merge_policy": "min"}, ["2026-01-31", "2025-12-01", "2026-02-01"]),
    "at": (
        {"type": "datetime", "merge_policy": "max"},
        ["2026-01-31T00:00:00Z", "2026-01-31T00:00:00.500000Z", "2026-01-30T23:59:59Z"],
    ),
    "likes": ({"type": "array", "merge_policy": "union"}, [["a"], ["b", "a"], []]),
    "usual": ({"type": "string", "merge_policy": "latest"}, ["a", "b", "c"]),
}
KEYS = {"u": user_key("u"), "w": user_key("w"), None: anonymous_key("v")}


async def declare(world: World, name: str, body: dict[str, Any]) -> None:
    await world.service.trait_schema.put(name, DeclarationIn(**body), by="test", if_match=None, idem=None)


async def segments(world: World) -> dict[tuple[str, str], UUID]:
    """A segment for each value that a trait may have."""
    made: dict[tuple[str, str], UUID] = {}
    for name, (_, values) in TRAITS.items():
        for value in values:
            test = (
                {"exists": True}
                if value == []
                else {"contains": value[0]}
                if isinstance(value, list)
                else {"eq": value}
            )
            body = SegmentIn(name=f"{name} {value}", rule={"trait": name, **test})
            answer = await world.service.segments.create(body, by="test", idem=None)
            made[name, str(value)] = SegmentOut.model_validate_json(answer.body).id
    return made


async def inside(world: World, root: UUID) -> set[UUID]:
    rows = await world.rows("SELECT segment_id FROM memberships WHERE customer_id = :root", root=root)
    return {row.segment_id for row in rows}


def fulfils(held: Any, value: Any) -> bool:
    if value == []:
        return True
    return value[0] in held if isinstance(value, list) else bool(held == value)


async def check(world: World, made: dict[tuple[str, str], UUID]) -> None:
    """Everybody is in the segments of the values that their page shows."""
    for reference in ("user_id:u", "user_id:w", "anonymous_id:v"):
        person = await world.service.get(reference)
        wanted = {
            made[name, str(value)]
            for name, (_, values) in TRAITS.items()
            if name in person.traits
            for value in values
            if fulfils(person.traits[name].value, value)
        }
        assert await inside(world, person.id) == wanted, person.traits


async def test_who_is_in_a_segment_is_what_the_customers_page_shows(world: World, monkeypatch: Any) -> None:
    """INVARIANT: rules see the value that holds by the merge policy.

    Breaks if rules take the latest word of all keys, or if a new policy asks nobody again.
    """
    monkeypatch.setattr(trait_schema, "FRESH_SECONDS", 0.0)
    for name, (body, _) in TRAITS.items():
        await declare(world, name, body)
    made = await segments(world)
    await world.service.upkeep.run()
    random = Random(5)
    for step in range(40):
        names = random.sample(sorted(TRAITS), 3)
        user = random.choice(["u", "w", None])
        traits = {
            name: random.choice([*TRAITS[name][1], None] if random.random() < 0.3 else TRAITS[name][1])
            for name in names
        }
        await world.play(
            touchpoint(
                f"{step}", user=user, anonymous=None if user else "v", call="identify", traits=traits,
                minute=random.randint(0, 900), source=random.choice(("web", "app", "shop")),
            )
        )  # fmt: skip
        if step == 15:
            await world.service.merge("anonymous_id:v", MergeIn(into="user_id:u", reason="x"), by="test", idem=None)
        if step == 20:
            await world.service.merge("user_id:w", MergeIn(into="user_id:u", reason="x"), by="test", idem=None)
        if step >= 15:
            await check(world, made)
    person = await world.service.get("user_id:u")
    assert len(person.members) == 3
    assert sum(trait.policy != "latest" for trait in person.traits.values()) >= 8

    before = await inside(world, person.id)
    for name in ("most", "first", "users", "rank"):
        await declare(world, name, {**TRAITS[name][0], "merge_policy": "latest"})
    await world.service.upkeep.run()
    await check(world, made)
    assert await inside(world, person.id) != before
    await world.service.trait_schema.delete("least", by="test", if_match=None)
    await world.service.upkeep.run()
    await check(world, made)


async def test_the_search_finds_people_by_the_value_that_holds(world: World) -> None:
    await declare(world, "score", {"type": "number", "merge_policy": "max"})
    await world.play(
        touchpoint("1", user="u", call="identify", traits={"score": 9, "name": "Lan"}, minute=1),
        touchpoint("2", user="w", call="identify", traits={"score": 3, "name": "Hoa"}, minute=5),
    )
    await world.service.merge("user_id:w", MergeIn(into="user_id:u", reason="one"), by="test", idem=None)

    async def found(score: str) -> list[UUID]:
        page = await world.service.search.find(None, [("score", score)], after=None, limit=10)
        return [each.id for each in page.items]

    assert await found("9") == [user_key("u")]
    assert await found("3") == []
    await declare(world, "score", {"type": "number", "merge_policy": "latest"})
    assert (await found("9"), await found("3")) == ([], [user_key("u")])
