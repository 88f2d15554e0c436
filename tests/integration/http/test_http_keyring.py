"""Keys are made, told from one another, and end when they are said to."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import event

from shared.db.engine import Database, make_engine
from shared.errors import UserError
from shared.http.caller import BadKey, ExpiredKey, MissingKey, RevokedKey
from shared.http.key_text import new_key
from shared.http.keys import KeyRing, KeysUnavailable


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


def count_statements(db: Database) -> list[str]:
    """Every statement the database is sent from now on."""
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    return seen


class TestCreate:
    async def test_a_key_opens_what_it_was_made_for(self, ring: KeyRing) -> None:
        info, text = await ring.create("secret", "CRM", scopes=["profiles:read", "metrics:read"])

        caller = await ring.authenticate(text)

        assert (caller.key_id, caller.kind, caller.source) == (info.id, "secret", None)
        assert caller.scopes == {"profiles:read", "metrics:read"}

    async def test_a_write_key_carries_its_source_and_origins(self, ring: KeyRing) -> None:
        _, text = await ring.create("write", "shop", source="web", origins=["https://Shop.example/"])

        caller = await ring.authenticate(text)

        assert (caller.kind, caller.source, caller.origins) == ("write", "web", {"https://shop.example"})

    async def test_the_secret_is_stored_nowhere(self, ring: KeyRing, databases: dict[str, Database]) -> None:
        _, text = await ring.create("secret", "CRM", scopes=["*"])
        secret = text.split("_")[3]

        async with databases["platform"].read() as tx:
            row = (await tx.execute("SELECT row_to_json(api_keys)::text FROM api_keys")).scalar_one()

        assert secret not in row
        assert secret.encode().hex() not in row

    @pytest.mark.parametrize(
        ("kind", "wrong"),
        [
            ("write", {"name": "a"}),
            ("write", {"name": "a", "source": "s", "scopes": ["metrics:read"]}),
            ("write", {"name": "a", "source": "s", "origins": ["shop.example"]}),
            ("write", {"name": "a", "source": "s", "origins": ["https://shop.example/path"]}),
            ("secret", {"name": "a", "scopes": ["everything"]}),
            ("secret", {"name": "  ", "scopes": ["metrics:read"]}),
            ("secret", {"name": "a\x00", "scopes": ["metrics:read"]}),
            ("secret", {"name": "a" * 201, "scopes": ["metrics:read"]}),
        ],
    )
    async def test_rights_that_do_not_fit_end_in_one_line(self, ring: KeyRing, kind: str, wrong: dict) -> None:
        with pytest.raises(UserError):
            await ring.create(kind, **wrong)
        assert await ring.list() == ()


class TestAuthenticate:
    @pytest.mark.parametrize("presented", [None, "", "abc", "tam_sk_x_y_z", "tam_sk_" + "a" * 64, "é" * 71])
    async def test_what_is_no_key_never_reaches_the_database(
        self, ring: KeyRing, databases: dict[str, Database], presented: str | None
    ) -> None:
        statements = count_statements(databases["platform"])

        with pytest.raises((MissingKey, BadKey)):
            await ring.authenticate(presented)

        assert statements == []

    async def test_a_made_up_key_asks_the_database_once(self, ring: KeyRing, databases: dict[str, Database]) -> None:
        statements = count_statements(databases["platform"])
        _, text = new_key("secret")

        for _ in range(5):
            with pytest.raises(BadKey):
                await ring.authenticate(text)

        assert sum("api_keys" in each for each in statements) == 1

    async def test_a_known_id_with_another_secret_is_a_bad_key_even_if_revoked(self, ring: KeyRing) -> None:
        from shared.http.key_text import _checksum

        info, text = await ring.create("secret", "CRM", scopes=["*"])
        await ring.revoke(info.id)
        forged = f"tam_sk_{info.id}_{'0' * 43}"

        with pytest.raises(BadKey):
            await ring.authenticate(f"{forged}_{_checksum(forged)}")
        with pytest.raises(RevokedKey):
            await ring.authenticate(text)

    async def test_fifty_at_once_with_a_cold_key_ask_the_database_a_few_times(
        self, ring: KeyRing, databases: dict[str, Database]
    ) -> None:
        _, text = await ring.create("secret", "CRM", scopes=["*"])
        statements = count_statements(databases["platform"])

        await asyncio.gather(*(ring.authenticate(text) for _ in range(50)))

        assert 1 <= sum("api_keys" in each for each in statements) <= 4

    async def test_the_fast_path_knows_only_what_was_found_good(self, ring: KeyRing) -> None:
        _, text = await ring.create("write", "shop", source="web")

        assert ring.cached(text) is None
        caller = await ring.authenticate(text)
        assert ring.cached(text) is caller
        assert ring.cached(text[:-1]) is None
        assert ring.cached("\ud800") is None

    async def test_a_flood_of_made_up_keys_takes_no_memory_and_pushes_no_good_key_out(
        self, databases: dict[str, Database]
    ) -> None:
        ring = KeyRing(databases["platform"], max_cached=5)
        _, good = await ring.create("secret", "CRM", scopes=["*"])
        await ring.authenticate(good)

        for _ in range(20):
            with pytest.raises(BadKey):
                await ring.authenticate(new_key("secret")[1])

        assert len(ring._bad) == 5
        assert ring.cached(good) is not None


class TestEnd:
    async def test_a_revoked_key_is_dead_here_at_once(self, ring: KeyRing) -> None:
        info, text = await ring.create("secret", "CRM", scopes=["*"])
        await ring.authenticate(text)

        await ring.revoke(info.id)

        assert ring.cached(text) is None
        with pytest.raises(RevokedKey):
            await ring.authenticate(text)

    async def test_a_revoked_key_is_dead_in_another_process_when_its_memory_ends(
        self, ring: KeyRing, databases: dict[str, Database]
    ) -> None:
        elsewhere = KeyRing(databases["platform"], hit_seconds=0.3)
        info, text = await ring.create("secret", "CRM", scopes=["*"])
        await elsewhere.authenticate(text)

        await ring.revoke(info.id)
        still = elsewhere.cached(text)
        await asyncio.sleep(0.35)

        assert still is not None
        assert elsewhere.cached(text) is None
        with pytest.raises(RevokedKey):
            await elsewhere.authenticate(text)

    async def test_the_memory_is_shorter_than_a_minute(self) -> None:
        from shared.http.keys import HIT_SECONDS, MISS_SECONDS

        assert HIT_SECONDS <= 30
        assert MISS_SECONDS <= 5

    async def test_a_key_that_was_refused_works_once_it_is_made(self, databases: dict[str, Database]) -> None:
        ring = KeyRing(databases["platform"], miss_seconds=0.1)
        info, text = await ring.create("secret", "CRM", scopes=["*"])
        async with databases["platform"].write() as tx:
            await tx.execute("UPDATE api_keys SET revoked_at = now()")
        with pytest.raises(RevokedKey):
            await ring.authenticate(text)

        async with databases["platform"].write() as tx:
            await tx.execute("UPDATE api_keys SET revoked_at = NULL")
        await asyncio.sleep(0.15)

        assert (await ring.authenticate(text)).key_id == info.id

    async def test_an_expired_key(self, databases: dict[str, Database]) -> None:
        clock = Hands()
        ring = KeyRing(databases["platform"], clock=clock)
        _, text = await ring.create("secret", "CRM", scopes=["*"], expires=timedelta(days=1))

        await ring.authenticate(text)
        clock.at += timedelta(days=1)

        with pytest.raises(ExpiredKey):
            await KeyRing(databases["platform"], clock=clock).authenticate(text)

    async def test_the_memory_of_a_key_ends_with_the_key(self, databases: dict[str, Database]) -> None:
        ring = KeyRing(databases["platform"])
        _, text = await ring.create("secret", "CRM", scopes=["*"], expires=timedelta(seconds=0.3))
        await ring.authenticate(text)

        await asyncio.sleep(0.35)

        assert ring.cached(text) is None
        with pytest.raises(ExpiredKey):
            await ring.authenticate(text)

    async def test_rotation_gives_a_twin_and_lets_the_old_one_live_for_the_grace(
        self, ring: KeyRing, databases: dict[str, Database]
    ) -> None:
        old, old_text = await ring.create("write", "shop", source="web", origins=["https://shop.example"])

        new, new_text = await ring.rotate(old.id, grace=timedelta(hours=1))

        assert (new.name, new.source, new.allowed_origins) == ("shop", "web", ("https://shop.example",))
        assert (await ring.authenticate(old_text)).key_id == old.id
        assert (await ring.authenticate(new_text)).key_id == new.id
        listed = {each.id: each for each in await ring.list()}
        assert listed[old.id].replaced_by == new.id
        assert listed[old.id].expires_at is not None
        with pytest.raises(UserError, match="replaced"):
            await ring.rotate(old.id, grace=timedelta(0))

    async def test_rotation_without_grace_ends_the_old_key_now(self, ring: KeyRing) -> None:
        old, text = await ring.create("secret", "CRM", scopes=["*"])
        await ring.authenticate(text)

        await ring.rotate(old.id, grace=timedelta(0))

        with pytest.raises(ExpiredKey):
            await ring.authenticate(text)

    async def test_unknown_ids(self, ring: KeyRing) -> None:
        with pytest.raises(UserError, match="no key"):
            await ring.revoke("nobody")
        with pytest.raises(UserError, match="no key"):
            await ring.rotate("nobody", grace=timedelta(0))


class TestOutage:
    async def test_a_good_key_is_served_from_memory_and_a_cold_one_is_neither_good_nor_bad(
        self, ring: KeyRing, databases: dict[str, Database]
    ) -> None:
        _, warm = await ring.create("secret", "warm", scopes=["*"])
        _, cold = await ring.create("secret", "cold", scopes=["*"])
        await ring.authenticate(warm)
        live, databases["platform"].engine = (
            databases["platform"].engine,
            make_engine("postgresql://nobody@127.0.0.1:9/none", schema="platform", pool_size=None),
        )

        assert (await ring.authenticate(warm)).scopes == {"*"}
        with pytest.raises(KeysUnavailable):
            await ring.authenticate(cold)

        databases["platform"].engine = live
        assert (await ring.authenticate(cold)).scopes == {"*"}

    async def test_a_server_that_hangs_is_given_up_on(self, ring: KeyRing, databases: dict[str, Database]) -> None:
        _, text = await ring.create("secret", "CRM", scopes=["*"])
        async with databases["platform"].write() as tx:
            await tx.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")

            async with asyncio.timeout(5):
                with pytest.raises(KeysUnavailable):
                    await ring.authenticate(text)

        assert (await ring.authenticate(text)).scopes == {"*"}


class TestLastUsed:
    async def test_is_stored_in_one_statement_outside_of_requests(
        self, ring: KeyRing, databases: dict[str, Database]
    ) -> None:
        _, first = await ring.create("secret", "a", scopes=["*"])
        _, second = await ring.create("secret", "b", scopes=["*"])
        statements = count_statements(databases["platform"])
        for text in (first, second, first):
            await ring.authenticate(text)
            ring.cached(text)

        assert not any("UPDATE" in each for each in statements)
        await ring.store_used()
        await ring.store_used()

        assert sum("UPDATE" in each for each in statements) == 1
        assert all(each.last_used_at is not None for each in await ring.list())


class TestOverHttp:
    async def test_both_ways_to_present_a_key(self, ring: KeyRing, client: httpx.AsyncClient) -> None:
        info, text = await ring.create("secret", "CRM", scopes=["till:read"])

        bearer = await client.get("/v1/till/me", headers={"Authorization": f"Bearer {text}"})
        basic = await client.get("/v1/till/me", auth=(text, ""))

        assert bearer.json() == basic.json() == {"key": info.id, "scopes": ["till:read"]}

    async def test_no_key_and_bad_keys_are_401_with_a_challenge(self, client: httpx.AsyncClient) -> None:
        for headers, code in (
            ({}, "missing_key"),
            ({"Authorization": "Bearer nonsense"}, "bad_key"),
            ({"Authorization": "Basic !!!"}, "bad_key"),
            ({"Authorization": f"Bearer {new_key('secret')[1]}"}, "bad_key"),
        ):
            answer = await client.get("/v1/till/me", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, code)
            assert answer.headers["www-authenticate"].startswith("Bearer ")

    async def test_a_write_key_reads_nothing(self, ring: KeyRing, client: httpx.AsyncClient) -> None:
        _, text = await ring.create("write", "shop", source="web")

        answer = await client.get("/v1/till/me", auth=(text, ""))

        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_key_kind")

    async def test_a_missing_scope_is_named(self, ring: KeyRing, client: httpx.AsyncClient) -> None:
        _, text = await ring.create("secret", "CRM", scopes=["till:write"])

        answer = await client.get("/v1/till/me", auth=(text, ""))

        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
        assert answer.json()["required"] == "till:read"
