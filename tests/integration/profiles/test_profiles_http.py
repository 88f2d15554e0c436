"""Customers over HTTP, as a CRM sees them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from profiles_world import NOW, HandClock

from services.profiles.app import service as profiles
from shared.ids import anonymous_key, user_key
from shared.testing.platform import Running, running_platform

HUONG = "Nguyễn Thị Hương"
MAIL = "huong.nguyen@example.vn"


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def running(database_url: str, clock: HandClock) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles,), role="api", clock=clock) as platform:
        yield platform


async def created(running: Running, **body: Any) -> dict[str, Any]:
    answer = await running.crm.post("/v1/customers", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_customer_is_created_and_found_by_all_it_goes_by(running: Running) -> None:
    made = await created(
        running,
        user_id="42",
        external_ids=[{"type": "crm", "id": "K-7"}],
        traits={"name": HUONG, "email": " Huong.Nguyen@Example.vn ", "phone": "0912 345 678"},
    )

    references = ("user_id:42", f"email:{MAIL}", "email:HUONG.nguyen@example.VN", "phone:+84912345678")
    for reference in (*references, "phone:0912-345-678", "crm:K-7", made["id"]):
        found = await running.crm.get(f"/v1/customers/{reference}")
        assert found.status_code == 200
        assert found.json()["id"] == made["id"] == str(user_key("42"))
        assert found.json()["traits"]["name"]["value"] == HUONG
    assert made["identified"] is True
    assert {(each["type"], each["value"]) for each in made["identifiers"]} == {
        ("user_id", "42"),
        ("crm", "K-7"),
        ("email", MAIL),
        ("phone", "+84912345678"),
    }


# What comes of an order, and what loyalty tells.
LIFE = """
    WITH bought AS (
        INSERT INTO orders (order_id, customer_id, placed_at, placed_id, placed_by_change, total_at, total_id,
            total_minor, currency, refunded_minor, is_cancelled)
        VALUES ('o-1', :customer, now(), gen_random_uuid(), false, now(), gen_random_uuid(), 250000, 'VND', 0, false)
    ), done AS (
        INSERT INTO event_days (customer_id, name, day, count, first_at, last_at, instants)
        VALUES (:customer, 'Order Completed', current_date, 1, now(), now(), ARRAY[now()])
    )
    INSERT INTO told_facts (customer_id, fact, part, version, number, word, told_at) VALUES
        (:customer, 'points', 'points', 1, 120, NULL, now()), (:customer, 'tier', 'main', 1, 2, 'silver', now())
"""


async def test_the_whole_of_a_customer_is_one_read(running: Running) -> None:
    made = await created(running, user_id="42", traits={"city": "Huế"})
    rule = {"kind": "rule", "name": "Huế", "rule": {"trait": "city", "eq": "Huế"}}
    segment = (await running.crm.post("/v1/segments", json=rule)).json()["id"]
    await running.platform.value("profiles").upkeep.run()
    word = {"purpose": "marketing", "channel": "email", "state": "granted"}
    said = await running.crm.post("/v1/customers/user_id:42/consent", json={"changes": [word], "text_version": "v1"})
    assert said.status_code == 200, said.text
    wish = {"value": "M", "source": "shop"}
    assert (await running.crm.put("/v1/customers/user_id:42/preferences/size", json=wish)).status_code == 200
    async with running.platform.value("profiles").db.write() as tx:
        await tx.execute(LIFE, {"customer": UUID(made["id"])})

    parts = ("computed", "segments", "consent", "preferences")
    whole = await running.crm.get("/v1/customers/user_id:42", params={"include": list(parts)})

    found = whole.json()
    assert {name: value for name, value in found.items() if name not in parts} == made
    assert [each["segment"] for each in found["segments"]["segments"]] == [segment]
    assert [each["allowed"] for each in found["consent"]["consents"]] == [True]
    assert found["preferences"]["preferences"]["size"]["value"] == "M"
    computed = found["computed"]
    assert (computed["orders"], computed["events"].keys()) == (1, {"Order Completed"})
    assert (computed["points"], computed["tiers"]["main"]["tier"]) == ({"points": 120}, "silver")
    for part in parts:
        assert found[part] == (await running.crm.get(f"/v1/customers/{made['id']}/{part}")).json()
    some = await running.crm.get("/v1/customers/user_id:42", params={"include": "computed"})
    assert some.json().keys() == {*made, "computed"}
    again = await running.crm.get(
        "/v1/customers/user_id:42", params={"include": list(parts)}, headers={"If-None-Match": whole.headers["etag"]}
    )
    assert again.status_code == 304
    wrong = await running.crm.get("/v1/customers/user_id:42", params={"include": "everything"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")


async def test_creating_again_adds_and_answers_200(running: Running) -> None:
    await created(running, user_id="42", traits={"name": HUONG})

    again = await running.crm.post("/v1/customers", json={"user_id": "42", "traits": {"city": "Huế"}})

    assert again.status_code == 200
    assert {name: each["value"] for name, each in again.json()["traits"].items()} == {"name": HUONG, "city": "Huế"}


async def test_an_external_id_alone_makes_one_customer(running: Running) -> None:
    body = {"external_ids": [{"type": "crm", "id": "K-7"}], "traits": {"name": HUONG}}
    first = await running.crm.post("/v1/customers", json=body)
    second = await running.crm.post("/v1/customers", json=body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["identified"] is True


async def test_the_same_idempotency_key_makes_one_customer(running: Running) -> None:
    body = {"external_ids": [{"type": "crm", "id": "K-7"}]}
    headers = {"Idempotency-Key": "one"}
    first = await running.crm.post("/v1/customers", json=body, headers=headers)
    second = await running.crm.post("/v1/customers", json=body, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"


WRONG_CUSTOMERS: list[tuple[dict[str, Any], str]] = [
    ({}, "invalid"),
    ({"user_id": "42", "colour": "red"}, "invalid"),
    ({"user_id": ""}, "invalid"),
    ({"user_id": "x" * 201}, "invalid"),
    ({"user_id": "a\x00b"}, "invalid"),
    ({"user_id": "null"}, "profiles.blocked_identifier"),
    ({"user_id": "42", "anonymous_id": "0"}, "profiles.blocked_identifier"),
    ({"external_ids": [{"type": "crm", "id": "N/A"}]}, "profiles.blocked_identifier"),
    ({"external_ids": [{"type": "email", "id": "not an address"}]}, "profiles.blocked_identifier"),
    ({"external_ids": [{"type": "user_id", "id": "42"}]}, "profiles.blocked_identifier"),
    ({"external_ids": [{"type": "Crm!", "id": "1"}]}, "invalid"),
    ({"user_id": "42", "time": "2026-01-31T09:30:00"}, "invalid"),
    ({"user_id": "42", "time": "2027-01-31T09:30:00Z"}, "profiles.future_time"),
    ({"user_id": "42", "traits": {"": 1}}, "profiles.bad_traits"),
    ({"user_id": "42", "traits": {"n" * 101: 1}}, "profiles.bad_traits"),
    ({"user_id": "42", "traits": {"bio": "x" * 9_000}}, "profiles.bad_traits"),
    ({"user_id": "42", "traits": {"n": 10**30}}, "profiles.bad_traits"),
    ({"user_id": "42", "traits": {f"t{n}": n for n in range(201)}}, "profiles.too_many_traits"),
]


async def test_a_wrong_customer_is_refused_and_not_stored(running: Running) -> None:
    for body, code in WRONG_CUSTOMERS:
        refused = await running.crm.post("/v1/customers", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, code), body

    assert (await running.crm.get("/v1/customers")).json()["items"] == []


async def test_unknown_customers_are_404_without_an_echo(running: Running) -> None:
    for reference in (user_key("nobody"), "user_id:nobody", "email:no@body.vn", "crm:1", "nonsense", "a:b:c", "é:1"):
        missing = await running.crm.get(f"/v1/customers/{reference}")
        assert (missing.status_code, missing.json()["code"]) == (404, "profiles.customer_unknown")
        assert "body" not in missing.json()["detail"]


async def test_a_poll_that_brings_nothing_new_is_304(running: Running) -> None:
    await created(running, user_id="42", traits={"name": HUONG})
    url = "/v1/customers/user_id:42"
    tag = (await running.crm.get(url)).headers["ETag"]

    assert (await running.crm.get(url, headers={"If-None-Match": tag})).status_code == 304
    await running.crm.patch(f"{url}/traits", json={"traits": {"name": "Hương"}})
    assert (await running.crm.get(url, headers={"If-None-Match": tag})).status_code == 200


async def test_traits_change_only_as_they_were_read(running: Running) -> None:
    made = await created(running, user_id="42", traits={"name": HUONG})
    url = "/v1/customers/user_id:42/traits"
    tag = (await running.crm.get(url)).headers["ETag"]
    assert made["traits_revision"] in tag

    first = await running.crm.patch(url, json={"traits": {"city": "Huế", "name": None}}, headers={"If-Match": tag})
    second = await running.crm.patch(url, json={"traits": {"city": "Hội An"}}, headers={"If-Match": tag})

    assert first.json()["traits"] == {"city": "Huế"}
    assert (second.status_code, second.json()["code"]) == (412, "profiles.traits_moved")
    assert first.json()["revision"] == second.json()["revision"]
    assert (await running.crm.get(url)).json()["traits"] == {"city": "Huế"}


async def test_an_older_word_is_named_outdated(running: Running) -> None:
    await created(running, user_id="42", traits={"city": "Huế"})
    body = {"traits": {"city": "Hà Nội", "name": HUONG}, "time": "2020-01-01T00:00:00+07:00"}

    answer = await running.crm.patch("/v1/customers/user_id:42/traits", json=body)

    assert answer.json()["outdated"] == ["city"]
    assert answer.json()["traits"] == {"city": "Huế", "name": HUONG}


async def test_merge_and_unmerge_give_back_what_was(running: Running) -> None:
    await created(running, user_id="42", traits={"name": HUONG, "city": "Huế"})
    await created(running, anonymous_id="v", traits={"city": "Đà Nẵng", "size": 37})
    urls = ("/v1/customers/user_id:42", "/v1/customers/anonymous_id:v")
    before = [(await running.crm.get(url)).json() for url in urls]

    merged = await running.crm.post(f"{urls[1]}/merge", json={"into": "user_id:42", "reason": "called us"})
    assert merged.status_code == 200
    assert {each["id"] for each in merged.json()["members"]} == {str(user_key("42")), str(anonymous_key("v"))}
    assert merged.json()["traits"]["size"]["value"] == 37
    assert {(await running.crm.get(url)).json()["id"] for url in urls} == {str(user_key("42"))}

    apart = await running.crm.post(f"{urls[1]}/unmerge", json={"reason": "it was her sister"})
    assert apart.status_code == 200
    assert [(await running.crm.get(url)).json() for url in urls] == before

    log = (await running.crm.get(f"{urls[0]}/merges")).json()["items"]
    assert [(each["kind"], each["reason"], each["note"]) for each in log] == [
        ("unmerged", "manual", "it was her sister"),
        ("merged", "manual", "called us"),
    ]
    assert {each["decided_by"] for each in log} != {None}


async def test_merges_that_make_no_sense_are_refused(running: Running) -> None:
    await created(running, user_id="42")
    await created(running, user_id="43", anonymous_id="v")

    async def refusal(path: str, **body: Any) -> tuple[int, str]:
        answer = await running.crm.post(f"/v1/customers/{path}", json={"reason": "test", **body})
        return answer.status_code, answer.json()["code"]

    assert await refusal("user_id:43/merge", into="anonymous_id:v") == (409, "profiles.same_person")
    assert await refusal("user_id:42/merge", into="user_id:42") == (409, "profiles.same_person")
    assert await refusal("user_id:42/merge", into="user_id:nobody") == (404, "profiles.customer_unknown")
    assert await refusal("user_id:42/unmerge") == (409, "profiles.not_merged")
    await created(running, anonymous_id="w")
    assert await refusal("user_id:42/merge", into="anonymous_id:w") == (409, "profiles.merge_into_visitor")
    assert (await running.crm.post("/v1/customers/user_id:42/merge", json={"into": "user_id:43"})).status_code == 422


async def test_an_address_of_two_people_names_who_has_it_now(running: Running, clock: HandClock) -> None:
    await created(running, user_id="42", traits={"email": MAIL})
    await created(running, user_id="43", traits={"email": MAIL})

    both = await running.crm.get(f"/v1/customers/email:{MAIL}")
    assert (both.status_code, both.json()["code"]) == (409, "profiles.ambiguous_identifier")
    assert {*both.json()["customers"]} == {str(user_key("42")), str(user_key("43"))}
    assert MAIL not in both.text

    await running.crm.patch("/v1/customers/user_id:42/traits", json={"traits": {"email": "new@example.vn"}})
    now = await running.crm.get(f"/v1/customers/email:{MAIL}")
    assert now.json()["id"] == str(user_key("43"))


async def test_the_list_pages_through_everybody_once(running: Running) -> None:
    for number in range(7):
        await created(running, user_id=f"u{number}")
    await created(running, user_id="u0x", anonymous_id="v")
    await created(running, anonymous_id="w")

    seen: list[str] = []
    cursor = None
    while True:
        page = (
            await running.crm.get("/v1/customers", params={"limit": 3, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert len(seen) == len(set(seen)) == 9
    visitors = (await running.crm.get("/v1/customers", params={"identified": False})).json()["items"]
    assert [each["id"] for each in visitors] == [str(anonymous_key("w"))]


async def test_polling_for_changes_finds_the_changed(running: Running, clock: HandClock) -> None:
    await created(running, user_id="old", traits={"name": HUONG})
    await created(running, user_id="other")
    await created(running, anonymous_id="v")
    clock.time += timedelta(hours=1)

    async def changed() -> set[str]:
        since = (clock.time - timedelta(minutes=1)).isoformat()
        answer = await running.crm.get("/v1/customers", params={"updated_since": since})
        assert answer.status_code == 200, answer.text
        return {each["id"] for each in answer.json()["items"]}

    assert await changed() == set()
    await running.crm.patch("/v1/customers/user_id:old/traits", json={"traits": {"name": HUONG}})
    assert await changed() == set()
    await running.crm.patch("/v1/customers/user_id:old/traits", json={"traits": {"name": "Hương"}})
    assert await changed() == {str(user_key("old"))}
    clock.time += timedelta(hours=1)
    await running.crm.post("/v1/customers/anonymous_id:v/merge", json={"into": "user_id:other", "reason": "test"})
    assert await changed() == {str(user_key("other"))}
    clock.time += timedelta(hours=1)
    await running.crm.post("/v1/customers/anonymous_id:v/unmerge", json={"reason": "test"})
    assert await changed() == {str(user_key("other")), str(anonymous_key("v"))}


async def test_bad_cursors_are_refused(running: Running) -> None:
    await created(running, user_id="42")
    for path in ("/v1/customers", "/v1/customers/user_id:42/merges"):
        for cursor in ("!", "W10", "WzEsMl0", "WyJhIiwiYiIsMV0", "WyIyMDI2LTAxLTAxIiwiYiJd"):
            refused = await running.crm.get(path, params={"cursor": cursor})
            assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")


async def test_scopes_are_asked_for(running: Running) -> None:
    _, key = await running.platform.keyring.create("secret", "reader", scopes=("profiles:read",))
    headers = {"Authorization": f"Bearer {key}"}
    assert (await running.crm.get("/v1/customers", headers=headers)).status_code == 200
    for method, path in (
        ("POST", "/v1/customers"),
        ("PATCH", "/v1/customers/user_id:1/traits"),
        ("POST", "/v1/customers/user_id:1/merge"),
        ("POST", "/v1/customers/user_id:1/unmerge"),
    ):
        refused = await running.crm.request(method, path, json={}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert (await running.shop.get("/v1/customers")).status_code == 403


async def test_a_customer_says_where_it_is_from(running: Running) -> None:
    made = await created(running, user_id="42", traits={"name": HUONG}, time="2026-11-20T08:00:00+07:00")

    trait = made["traits"]["name"]
    assert trait["time"] == "2026-11-20T01:00:00Z"
    assert trait["recorded_at"] == NOW.isoformat().replace("+00:00", "Z")
    assert trait["source"].startswith("api:")
    assert UUID(trait["event_id"]).version == 7
    assert made["source"] == trait["source"]
