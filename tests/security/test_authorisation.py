"""The authorisation matrix: each route, each kind of caller, ids of others, and no route without a row."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
import pytest_asyncio
from authorisation import CALLERS, FILE, IN, STRANGERS, Row, addressed, committed, document, rows, written
from security_world import CUSTOMER, SCOPES, House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

MATRIX = list(committed())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(pg_url: str, template: str) -> AsyncIterator[House]:
    # Here strangers knock by the hundred: how soon they are stopped is for `test_limits.py`.
    async with open_house(pg_url, template, TAM_HTTP_BAD_KEYS_PER_MINUTE="0") as opened:
        yield opened


async def test_every_route_has_a_row_and_every_row_a_route():
    """A route that is new, gone, or opened by something else than before."""
    assert FILE.read_text(encoding="utf-8") == written(rows(document())), (
        "the routes changed: run `python tests/security/authorisation.py` and read what it changed"
    )


async def test_what_is_open_is_open_on_purpose():
    """A route that asks for no key has one of the few reasons there are: a signed link, or nothing to tell."""
    opened = {row.path for row in MATRIX if row.door == "nothing"}

    assert {path for path in opened if not path.startswith("/s/")} == {"/v1/m"}
    assert {row.door for row in MATRIX} - {"nothing", "write key", "key in the address"} <= SCOPES


async def knock(client: httpx.AsyncClient, row: Row, key: str | None, *, customer: str = CUSTOMER) -> httpx.Response:
    """One request: about somebody who is there, with a body that says nothing."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    body: Any = None if row.method in ("GET", "HEAD", "DELETE") else {}
    return await client.request(row.method, addressed(row.path, customer=customer), headers=headers, json=body)


@pytest.mark.parametrize("caller", CALLERS[:6])
async def test_who_has_no_right_is_refused_everywhere(house: House, caller: str):
    """Strangers and write keys at each door: the status of the matrix, whoever is asked about."""
    key = (await house.credentials())[caller]
    wrong = {}
    async with house.client() as client:
        for row in MATRIX:
            expected = row.by_caller[caller]
            if expected == IN and caller in STRANGERS:
                continue
            said = await knock(client, row, key)
            if not fits(said, expected):
                wrong[f"{row.method} {row.path}"] = (said.status_code, expected)
    assert wrong == {}


async def test_every_scope_but_the_right_one_opens_nothing(house: House):
    """INVARIANT: a door is opened by its scope and by no other, not by all others together."""
    wrong = {}
    async with house.client() as client:
        for row in MATRIX:
            if row.door not in SCOPES and row.door != "write key":
                continue
            scope = row.door if row.door in SCOPES else "touchpoints:write"
            refused = await knock(client, row, await house.key(*(SCOPES - {scope})))
            let_in = await knock(client, row, await house.key(scope))
            if not fits(refused, row.by_caller["other_scopes"]) or not fits(let_in, row.by_caller["its_scope"]):
                wrong[f"{row.method} {row.path}"] = (refused.status_code, let_in.status_code)
            elif "json" in refused.headers["content-type"]:
                assert refused.json()["code"] == "missing_scope"
    assert wrong == {}


@pytest.mark.parametrize("caller", ["nobody", "write_key", "other_scopes"])
async def test_a_refusal_tells_nothing_of_whom_it_was_about(house: House, caller: str):
    """Whether a customer exists is not told to who may not ask: the refusal is the same, to the letter."""
    told = {}
    async with house.client() as client:
        for row in MATRIX:
            if addressed(row.path, customer="x") == addressed(row.path, customer="y") or row.door not in SCOPES:
                continue
            key = await house.key(*(SCOPES - {row.door})) if caller == "other_scopes" else None
            key = house.running.write_key if caller == "write_key" else key
            seen = [
                stripped(await knock(client, row, key, customer=customer)) for customer in (CUSTOMER, "user_id:nobody")
            ]
            if seen[0] != seen[1]:
                told[f"{row.method} {row.path}"] = seen
    assert len(MATRIX) > 300
    assert told == {}


def fits(said: httpx.Response, expected: str) -> bool:
    """Whether an answer is what the matrix says."""
    if expected == IN:
        return said.status_code not in (401, 403) and said.status_code < 500
    return said.status_code == int(expected)


def stripped(said: httpx.Response) -> Mapping[str, Any]:
    """An answer without what is of this one request: its id, and how much of the rate is left."""
    document = said.json()
    document.pop("instance")
    kept = {name: value for name, value in said.headers.items() if name not in ("x-request-id", "ratelimit")}
    return {"status": said.status_code, "headers": kept, **document}
