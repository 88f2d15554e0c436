"""The search: names however they are spelt, prefixes, traits, pages; and that it reads no more than it shows."""

from collections.abc import AsyncIterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from profiles_world import HandClock, World

from services.profiles.app import service as profiles
from services.profiles.search import repository
from shared.ids import user_key
from shared.testing.platform import Running, running_platform

PEOPLE: list[dict[str, Any]] = [
    {
        "user_id": "1",
        "traits": {"name": "Nguyễn Thị Hương", "email": "huong@x.vn", "phone": "0912345678", "city": "Huế"},
    },
    {"user_id": "2", "traits": {"name": "NGUYEN Van Đức", "city": "Vinh", "vip": True, "size": 37}},
    {"user_id": "3", "traits": {"first_name": "Hường", "city": "Huế"}, "external_ids": [{"type": "crm", "id": "K-77"}]},
    {"user_id": "4", "traits": {"name": "Đặng Huỳnh", "city": "Huế", "vip": "true"}},
    {"anonymous_id": "v", "traits": {"note": "nguyen"}},
]


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles,), role="api", clock=HandClock()) as platform:
        for body in PEOPLE:
            assert (await platform.crm.post("/v1/customers", json=body)).status_code == 201
        yield platform


async def found(running: Running, **params: Any) -> set[str]:
    """The user ids of who is found."""
    answer = await running.crm.get("/v1/customers/search", params=params)
    assert answer.status_code == 200, answer.text
    ids = {str(user_key(number)): number for number in "1234"}
    items = answer.json()["items"]
    assert len(items) == len({each["id"] for each in items})
    return {ids[each["id"]] for each in items}


async def test_people_are_found_by_the_beginning_of_what_they_go_by(running: Running) -> None:
    for q, who in (
        ("nguyen", "12"),
        ("Nguyễn", "12"),
        ("nguyễn thị h", "1"),
        ("huong", "13"),
        ("dang", "4"),
        ("đức", "2"),
        ("HUONG@", "1"),
        ("0912 345", "1"),
        ("+84912", "1"),
        ("K-7", "3"),
        ("k-7", ""),
        ("uyen", ""),
        ("note", ""),
    ):
        assert await found(running, q=q) == set(who), q


async def test_traits_filter_alone_and_with_a_beginning(running: Running) -> None:
    assert await found(running, trait="city:Huế") == {"1", "3", "4"}
    assert await found(running, trait=["city:Huế", "vip:true"]) == {"4"}
    assert await found(running, trait="vip:true") == {"2", "4"}
    assert await found(running, trait="size:37") == {"2"}
    assert await found(running, q="nguyen", trait="city:Vinh") == {"2"}
    await running.crm.patch("/v1/customers/user_id:1/traits", json={"traits": {"city": "Đà Lạt", "name": "Lan"}})
    assert await found(running, trait="city:Huế") == {"3", "4"}
    assert (await found(running, q="nguyen"), await found(running, q="lan")) == ({"2"}, {"1"})


async def test_a_person_of_several_keys_is_found_once_by_what_holds(running: Running) -> None:
    body = {"into": "user_id:1", "reason": "test"}
    assert (await running.crm.post("/v1/customers/user_id:2/merge", json=body)).status_code == 200

    assert await found(running, q="nguyen") == {"1"}
    assert await found(running, trait="city:Huế") == {"3", "4"} | (await found(running, trait="city:Vinh") ^ {"1"})
    first = (await running.crm.get("/v1/customers/search", params={"q": "k-77".upper()})).json()["items"][0]
    assert (first["matched"], first["name"]) == ("crm", None)


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("query", [{"q": "ng"}, {"q": "hu"}, {"trait": "city:Huế"}, {"q": "hu", "trait": "city:Huế"}])
async def test_pages_show_everybody_once_and_their_cursors_nobody(
    running: Running, query: dict[str, Any], limit: int
) -> None:
    whole = await found(running, **query)
    seen: list[str] = []
    params = {**query, "limit": limit}
    while True:
        page = (await running.crm.get("/v1/customers/search", params=params)).json()
        seen += [each["id"] for each in page["items"]]
        assert len(page["items"]) <= limit
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]

    assert sorted(seen) == sorted(str(user_key(each)) for each in whole)
    assert len(whole) >= 2


async def test_what_is_no_search_is_refused(running: Running) -> None:
    for params, status, code in (
        ({}, 400, "profiles.nothing_to_search"),
        ({"q": "n"}, 400, "profiles.nothing_to_search"),
        ({"q": " -- "}, 400, "profiles.nothing_to_search"),
        ({"q": "x" * 101}, 422, "invalid"),
        ({"trait": "city"}, 422, "invalid"),
        ({"trait": [f"t{n}:1" for n in range(6)]}, 422, "invalid"),
        ({"q": "ng", "cursor": "W10"}, 400, "bad_cursor"),
        ({"q": "ng", "cursor": "WyJhIiwiYiJd"}, 400, "bad_cursor"),
    ):
        refused = await running.crm.get("/v1/customers/search", params=params)
        assert (refused.status_code, refused.json()["code"]) == (status, code), params
    assert (await running.shop.get("/v1/customers/search", params={"q": "ng"})).status_code == 403


async def test_a_cursor_of_who_changed_says_so(running: Running) -> None:
    page = (await running.crm.get("/v1/customers/search", params={"q": "nguyen", "limit": 1})).json()
    who = page["items"][0]["id"]
    await running.crm.patch(f"/v1/customers/{who}/traits", json={"traits": {"name": None}})

    moved = await running.crm.get("/v1/customers/search", params={"q": "nguyen", "cursor": page["next_cursor"]})

    assert (moved.status_code, moved.json()["code"]) == (409, "profiles.search_moved")


async def test_a_page_of_a_common_name_reads_a_page_of_it(world: World) -> None:
    """INVARIANT: the first page costs the same however many go by the prefix: no scan, no sort of all of them."""
    async with world.db.write() as tx:
        await tx.execute(
            "INSERT INTO traits SELECT md5(n::text)::uuid, 'name', '1', 's', md5(n::text)::uuid, now(), now(), true "
            "FROM generate_series(1, 20000) AS n"
        )
        await tx.execute(
            "INSERT INTO phrases SELECT md5(n::text)::uuid, 'name', 'nguyen ' || n FROM generate_series(1, 20000) AS n"
        )
        await tx.execute(
            "INSERT INTO identifiers SELECT 'user_id', 'nguyen-' || n, md5(n::text)::uuid, now(), 's' "
            "FROM generate_series(1, 20000) AS n"
        )
    async with world.db.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).exec_driver_sql("ANALYZE")

    async with world.db.read() as tx:
        before = await fetched(tx)
        rows = await repository.beginning(tx, ["Nguyen", "nguyen"], "nguyen", after=None, limit=50)
        again = await repository.beginning(tx, ["Nguyen", "nguyen"], "nguyen", after=rows[-1][:2], limit=50)
        said = await repository.saying(tx, "name", ["1", '"1"'], limit=50)
        assert len(await repository.saying(tx, "name", ["1", '"1"'], after=said[-1].key, limit=50)) == 50
        assert await fetched(tx) - before < 1_000
        await tx.execute("SELECT count(*) FROM phrases WHERE phrase LIKE '%nguyen%'")
        assert await fetched(tx) - before > 20_000, "the counter counts a scan"

    assert len({(row.text, row.key) for row in [*rows, *again]}) == 100
    assert {row.kind for row in rows} <= {"name", "user_id"}


async def fetched(tx: Any) -> int:
    """Rows that this transaction read from the two tables, by scan or by index."""
    row = await tx.execute(
        "SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid)) AS n FROM pg_class "
        "WHERE relname ~ '^(phrases|identifiers|traits)' AND relkind IN ('r', 'i')"
    )
    return int(row.scalar_one())


async def test_names_that_were_there_before_are_found_as_new_ones_are(running: Running) -> None:
    """The migration folds in SQL what `domain.py` folds in Python."""
    path = Path(str(profiles.migrations)) / "versions" / "0004_search.py"
    spec = spec_from_file_location("names_known", path)
    assert spec is not None
    assert spec.loader is not None
    migration = module_from_spec(spec)
    spec.loader.exec_module(migration)
    database = {service.name: db for service, db in running.platform.databases()}["profiles"]
    phrases = "SELECT customer_id, trait, phrase FROM phrases ORDER BY customer_id, trait, phrase"
    async with database.write() as tx:
        new = [tuple(row) for row in await tx.execute(phrases)]
        await tx.execute("DELETE FROM phrases")
        await tx.execute(migration._NAMES_KNOWN)
        assert [tuple(row) for row in await tx.execute(phrases)] == new
    assert len(new) == 9
