"""Looking before a merge, and splitting: the preview is the merge, and a split undone is nothing."""

from collections.abc import AsyncIterator
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profiles_world import HandClock, World, touchpoint

from services.profiles.app import service as profiles
from services.profiles.merging.schemas import SplitIn
from services.profiles.schemas import MergeIn, UnmergeIn
from shared.errors import AppError
from shared.identity import mapping
from shared.ids import anonymous_key, user_key
from shared.testing.platform import Running, running_platform


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles,), role="api", clock=HandClock()) as platform:
        yield platform


async def created(running: Running, **body: Any) -> dict[str, Any]:
    answer = await running.crm.post("/v1/customers", json=body)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


async def test_a_preview_shows_what_comes_what_wins_and_what_speaks_against_it(running: Running) -> None:
    await created(
        running, user_id="1", traits={"city": "Huế", "email": "a@x.vn", "vip": True}, time="2026-11-20T08:00:00+07:00"
    )
    await created(running, user_id="2", traits={"city": "Đà Nẵng", "email": "b@x.vn"}, time="2026-11-19T08:00:00Z")
    body = {"into": "user_id:2", "reason": "called us"}
    before = [(await running.crm.get(f"/v1/customers/user_id:{each}")).content for each in "12"]

    seen = await running.crm.post("/v1/customers/user_id:1/merge/preview", json=body)

    assert seen.status_code == 200, seen.text
    preview = seen.json()
    assert preview["keys"] == [str(user_key("1"))]
    assert {(each["type"], each["value"]) for each in preview["identifiers"]} == {("user_id", "1"), ("email", "a@x.vn")}
    assert {
        each["name"]: (each["wins"]["value"], each["loses"] and each["loses"]["value"], each["because"])
        for each in preview["traits"]
    } == {
        "city": ("Huế", "Đà Nẵng", "later"),
        "email": ("a@x.vn", "b@x.vn", "later"),
        "vip": (True, None, "only_word"),
    }
    assert [(each["kind"], each["type"]) for each in preview["conflicts"]] == [
        ("different_identifiers", "email"),
        ("different_identifiers", "user_id"),
    ]
    assert [(await running.crm.get(f"/v1/customers/user_id:{each}")).content for each in "12"] == before
    merged = await running.crm.post("/v1/customers/user_id:1/merge", json=body)
    assert merged.json() == preview["after"]


async def test_a_preview_says_that_the_two_were_taken_apart_and_what_evidence_it_overrules(world: World) -> None:
    await world.play(touchpoint("1", user="u", anonymous="a"), touchpoint("2", user="w"))
    await world.service.unmerge("anonymous_id:a", UnmergeIn(reason="shared tablet"), by="k", idem=None)
    again = await world.service.merging.preview("anonymous_id:a", MergeIn(into="user_id:u", reason="?"))
    assert [each.kind for each in again.conflicts] == ["taken_apart"]

    elsewhere = await world.service.merging.preview("anonymous_id:a", MergeIn(into="user_id:w", reason="?"))
    assert [(each.kind, each.keys) for each in elsewhere.conflicts] == [
        ("evidence_overruled", [anonymous_key("a"), user_key("u")])
    ]


async def test_a_preview_refuses_what_the_merge_refuses(running: Running) -> None:
    await created(running, user_id="1", anonymous_id="a")
    await created(running, anonymous_id="b")
    for customer, into, status, code in (
        ("user_id:1", "anonymous_id:a", 409, "profiles.same_person"),
        ("user_id:1", "anonymous_id:b", 409, "profiles.merge_into_visitor"),
        ("user_id:1", "user_id:nobody", 404, "profiles.customer_unknown"),
        ("user_id:nobody", "user_id:1", 404, "profiles.customer_unknown"),
    ):
        body = {"into": into, "reason": "test"}
        for path in ("merge/preview", "merge"):
            refused = await running.crm.post(f"/v1/customers/{customer}/{path}", json=body)
            assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_a_split_makes_one_person_of_what_is_taken_and_a_merge_gives_back_what_was(running: Running) -> None:
    for visitor, city in (("a", "Huế"), ("b", "Vinh"), ("c", "Cần Thơ")):
        await created(running, user_id="1", anonymous_id=visitor)
        await created(running, anonymous_id=visitor, traits={"city": city, visitor: visitor})
    before = (await running.crm.get("/v1/customers/user_id:1")).json()

    headers = {"Idempotency-Key": "once"}
    body = {"take": ["anonymous_id:a", str(anonymous_key("b"))], "reason": "her sister's phones"}
    split = await running.crm.post("/v1/customers/user_id:1/split", json=body, headers=headers)

    assert split.status_code == 200, split.text
    taken, rest = split.json()["taken"], split.json()["rest"]
    assert {each["id"] for each in taken["members"]} == {str(anonymous_key("a")), str(anonymous_key("b"))}
    assert {name: each["value"] for name, each in taken["traits"].items()} == {"city": "Vinh", "a": "a", "b": "b"}
    assert {each["id"] for each in rest["members"]} == {str(user_key("1")), str(anonymous_key("c"))}
    assert rest["traits"]["city"]["value"] == "Cần Thơ"
    repeated = await running.crm.post("/v1/customers/user_id:1/split", json=body, headers=headers)
    assert repeated.content == split.content
    log = (await running.crm.get(f"/v1/customers/{taken['id']}/merges")).json()["items"]
    assert {each["note"] for each in log if each["decided_by"]} >= {"her sister's phones"}

    await created(running, user_id="1", anonymous_id="a")
    assert (await running.crm.get("/v1/customers/anonymous_id:a")).json()["id"] == taken["id"]
    back = await running.crm.post(
        f"/v1/customers/{taken['id']}/merge", json={"into": "user_id:1", "reason": "it was her after all"}
    )
    assert without_links(back.json()) == without_links(before)


async def test_taking_the_key_that_gives_the_id_leaves_the_rest_together(running: Running) -> None:
    await created(running, user_id="1", anonymous_id="a")
    await created(running, user_id="1", anonymous_id="b")

    split = (
        await running.crm.post("/v1/customers/user_id:1/split", json={"take": ["user_id:1"], "reason": "wrong login"})
    ).json()

    assert split["taken"]["id"] == str(user_key("1"))
    assert {each["id"] for each in split["rest"]["members"]} == {str(anonymous_key("a")), str(anonymous_key("b"))}


async def test_splits_that_make_no_sense_are_refused(running: Running) -> None:
    await created(running, user_id="1", anonymous_id="a")
    await created(running, user_id="2")
    for take, status, code in (
        (["user_id:2"], 409, "profiles.not_a_member"),
        (["user_id:1", "anonymous_id:a"], 409, "profiles.nothing_left"),
        (["crm:nobody"], 404, "profiles.customer_unknown"),
        ([], 422, "invalid"),
        (["x"] * 101, 422, "invalid"),
    ):
        body = {"take": take, "reason": "test"}
        refused = await running.crm.post("/v1/customers/user_id:1/split", json=body)
        assert (refused.status_code, refused.json()["code"]) == (status, code)


def without_links(customer: dict[str, Any]) -> dict[str, Any]:
    """A customer without the evidence, which a decision overrules."""
    return {name: value for name, value in customer.items() if name != "links"}


# Histories of aliases among few ids, so that refused rings and shared devices are common, with decisions in between.
USERS, VISITORS = ("u", "w", "x"), ("a", "b", "c")
KEYS = [("user_id", name) for name in USERS] + [("anonymous_id", name) for name in VISITORS]
histories = st.lists(
    st.fixed_dictionaries(
        {
            "do": st.sampled_from(["see", "see", "see", "alias", "alias", "merge", "unmerge"]),
            "user": st.sampled_from(USERS),
            "visitor": st.sampled_from(VISITORS),
            "previous": st.sampled_from([*USERS, *VISITORS]),
            "one": st.sampled_from(KEYS),
            "other": st.sampled_from(KEYS),
            "minute": st.integers(0, 9),
        }
    ),
    min_size=3,
    max_size=12,
)
runs = count(1)


def reference(tag: str, key: tuple[str, str]) -> str:
    return f"{key[0]}:{tag}{key[1]}"


async def live(world: World, history: list[dict[str, Any]]) -> str:
    """Play a history, with what makes no sense left out; the tag of its ids."""
    tag = f"{next(runs)}-"
    for number, step in enumerate(history):
        user, name = tag + step["user"], f"{tag}{number}"
        one = reference(tag, step["one"])
        try:
            if step["do"] == "see":
                said = {"traits": {step["visitor"]: number, "city": step["user"]}, "call": "identify"}
                await world.play(
                    touchpoint(name, user=user, anonymous=tag + step["visitor"], minute=step["minute"], **said)
                )
            elif step["do"] == "alias":
                previous = tag + step["previous"]
                await world.play(touchpoint(name, user=user, call="alias", previous_id=previous, minute=step["minute"]))
            elif step["do"] == "merge":
                body = MergeIn(into=reference(tag, step["other"]), reason="test")
                await world.service.merge(one, body, by="k", idem=None)
            else:
                await world.service.unmerge(one, UnmergeIn(reason="test"), by="k", idem=None)
        except AppError:
            continue
    return tag


async def refusal_or(answer: Any) -> Any:
    try:
        return await answer
    except AppError as error:
        return error.code


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, one=st.sampled_from(KEYS), other=st.sampled_from(KEYS))
async def test_a_preview_says_exactly_what_the_merge_does(
    world: World, history: list[dict[str, Any]], one: tuple[str, str], other: tuple[str, str]
) -> None:
    """INVARIANT: whatever was decided and refused before, `after` of the preview is the answer of the merge."""
    tag = await live(world, history)
    body = MergeIn(into=reference(tag, other), reason="test")
    seen = await refusal_or(world.service.merging.preview(reference(tag, one), body))
    done = await refusal_or(world.service.merge(reference(tag, one), body, by="k", idem=None))

    if isinstance(done, str):
        assert seen == done
    else:
        assert orjson.loads(seen.after.model_dump_json()) == orjson.loads(done.body)
        assert {each.name: each.wins for each in seen.traits if each.wins} == seen.after.traits


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, who=st.sampled_from(USERS), seed=st.integers(0, 2**32))
async def test_a_split_is_what_was_asked_and_a_merge_undoes_it(
    world: World, history: list[dict[str, Any]], who: str, seed: int
) -> None:
    """INVARIANT: the two sides of a split are the keys that were named and all others, and stay so when all events
    come again; a merge gives back the keys, identifiers and traits there were.
    """
    tag = await live(world, history)
    person = f"user_id:{tag}{who}"
    before = await refusal_or(world.service.get(person))
    if isinstance(before, str) or before.member_count < 2:
        return
    members = [each.id for each in before.members]
    taken = {*Random(seed).sample(members, k=seed % (len(members) - 1) + 1)}

    body = SplitIn(take=[str(key) for key in taken], reason="test")
    done = await refusal_or(world.service.merging.split(person, body, by="k", idem=None))
    if done == "profiles.nothing_left":
        there = {each.id for each in before.members if each.last_seen} | {each.customer for each in before.identifiers}
        assert not there & taken or not there - taken
        return
    split = orjson.loads(done.body)

    sides = [{UUID(each["id"]) for each in split[side]["members"]} for side in ("taken", "rest")]
    assert sides == [taken, {*members} - taken]
    async with world.db.read() as tx:
        roots = await mapping.roots(tx, members)
    assert len(set(roots.values())) == 2
    new = {*roots.values()} - {before.id}
    assert len(new) == 1
    back = await refusal_or(
        world.service.merge(str(new.pop()), MergeIn(into=str(before.id), reason="undo"), by="k", idem=None)
    )
    if back == "profiles.merge_into_visitor":
        return
    kept = {"id", "identifiers", "traits", "members", "member_count", "first_seen", "last_seen", "identified"}
    then, now = orjson.loads(before.model_dump_json()), orjson.loads(back.body)
    assert {name: then[name] for name in kept} == {name: now[name] for name in kept}
