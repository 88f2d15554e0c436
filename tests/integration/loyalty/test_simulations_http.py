"""Simulations over HTTP and on the command line: asked for, watched, read, refused."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from typer.testing import CliRunner

from services.cli.commands import app
from services.cli.common import read_settings
from services.cli.simulate import _simulate
from services.loyalty.simulations.schemas.asking import SimulationIn
from shared.clock import SystemClock
from shared.ids import user_key, uuid7
from shared.testing.platform import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/loyalty/simulations"
SINCE = (SystemClock().now() - timedelta(days=40)).isoformat()


async def asked(crm: httpx.AsyncClient, expected: int = 202, **body: Any) -> dict[str, Any]:
    answer = await crm.post(PATH, json={"from": SINCE, **body})
    assert answer.status_code == expected, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def done(crm: httpx.AsyncClient, simulation: str) -> dict[str, Any]:
    for _ in range(200):
        found: dict[str, Any] = (await crm.get(f"{PATH}/{simulation}")).json()
        if found["state"] != "waiting" and found["finished_at"]:
            return found
        await asyncio.sleep(0.1)
    raise TimeoutError


async def test_a_worker_does_it_and_the_result_is_there(module_running: Running) -> None:
    crm = module_running.crm
    member = f"/v1/loyalty/members/{user_key('Lan')}/adjustments"
    assert (await crm.post(member, json={"points": 70, "reason": "goodwill"})).is_success
    key = {"Idempotency-Key": str(uuid7())}

    first = await crm.post(PATH, json={"from": SINCE, "title": "Thử"}, headers=key)
    again = await crm.post(PATH, json={"from": SINCE, "title": "Thử"}, headers=key)
    finished = await done(crm, first.json()["id"])
    result = (await crm.get(f"{PATH}/{first.json()['id']}/result")).json()

    assert (first.status_code, first.json()["state"]) == (202, "waiting")
    assert again.json()["id"] == first.json()["id"]
    assert (finished["state"], finished["share_done"], finished["members"]) == ("done", 1.0, 1)
    total = result["wallets"][0]["total"]
    assert total["live"]["other_in"] == total["proposed"]["outstanding"] == 70
    assert total["difference"]["outstanding"] == 0
    listed = (await crm.get(PATH)).json()["items"]
    assert first.json()["id"] in [each["id"] for each in listed]
    late = await crm.post(f"{PATH}/{first.json()['id']}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "loyalty.simulation_over")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"from": "2999-01-01T00:00:00+07:00"}, 422, "loyalty.bad_simulation_period"),
        ({"from": "1990-01-01T00:00:00+07:00"}, 422, "loyalty.bad_simulation_period"),
        ({"programs": [{"version": 77}]}, 404, "loyalty.program_version_unknown"),
        ({"programs": [{"program": "nobody", "version": 1}]}, 404, "loyalty.program_unknown"),
        ({"rules": [{"replaces": "0198c0de-0000-7000-8000-000000000000"}]}, 404, "loyalty.rule_unknown"),
        (
            {"programs": [{"terms": {"zone": "Asia/Ho_Chi_Minh", "wallets": {"sao": {}}}}]},
            422,
            "loyalty.bad_simulation",
        ),
        ({"rules": [{}]}, 422, "invalid"),
        ({"programs": [{}]}, 422, "invalid"),
    ],
)
async def test_what_cannot_be_is_refused(module_running: Running, body: dict[str, Any], status: int, code: str) -> None:
    answer = await module_running.crm.post(PATH, json={"from": SINCE, **body})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_wrong_rule_says_where_it_is_wrong(module_running: Running) -> None:
    rule = {"trigger": {"on": "order"}, "effect": {"kind": "fixed", "points": 5}, "wallet": "sao"}

    refusal = await asked(module_running.crm, 422, rules=[{"rule": rule}])

    assert refusal["code"] == "loyalty.bad_simulation"
    assert refusal["problems"][0]["pointer"] == "/rules/0/rule/wallet"


async def test_facts_that_nobody_kept_are_named(module_running: Running) -> None:
    crm = module_running.crm
    rule = {"trigger": {"on": "touchpoint", "name": "app_opened"}, "effect": {"kind": "fixed", "points": 5}}

    begun = await asked(crm, rules=[{"rule": rule}])
    await done(crm, begun["id"])

    result = (await crm.get(f"{PATH}/{begun['id']}/result")).json()
    assert result["not_heard"] == [{"kind": "touchpoint", "name": "app_opened"}]


async def test_who_may_only_read_starts_none(module_running: Running) -> None:
    _, secret = await module_running.platform.keyring.create("secret", "reader", scopes=("loyalty:read",))
    headers = {"Authorization": f"Bearer {secret}"}

    refused = await module_running.crm.post(PATH, json={"from": SINCE}, headers=headers)
    read = await module_running.crm.get(PATH, headers=headers)

    assert (refused.status_code, read.status_code) == (403, 200)


async def test_the_command_shows_the_same(
    module_running: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TAM_DATABASE_URL", module_running.platform.database_url)
    monkeypatch.setenv("TAM_DATA_DIR", str(tmp_path))
    proposal = tmp_path / "proposal.json"
    wallet = {"points": {"pays": [{"currency": "VND", "points": 1, "minor": 500}]}}
    proposal.write_bytes(orjson.dumps({"programs": [{"terms": {"zone": "Asia/Ho_Chi_Minh", "wallets": wallet}}]}))
    arguments = ["simulate", "loyalty", "--from", SINCE[:10], "--proposal", str(proposal)]

    shown = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    nothing = await asyncio.to_thread(CliRunner().invoke, app, ["simulate", "loyalty"])

    assert shown.exit_code == 0, shown.output
    assert "outstanding" in shown.output
    assert "1 members would have" not in shown.output
    assert nothing.exit_code == 2
    body = SimulationIn.model_validate({"from": SINCE})
    result = await _simulate(read_settings(), body)
    assert result.wallets[0].total.live.outstanding == 70
