"""Files of codes over HTTP: every row is taken or refused by its line, and what was cut off goes on."""

import gzip
import logging
from collections.abc import AsyncIterator
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from loyalty_world import LoyaltyWorld
from starlette.requests import ClientDisconnect
from test_vouchers_campaigns import body
from vouchers_stand import campaign

from services.loyalty.vouchers.schemas.imports import CodeImportOut
from services.loyalty.vouchers.service import importing
from shared.delivery.idempotency import Idempotent
from shared.records import records
from shared.testing.platform import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = count(1)
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "STEP", 3)


async def made(running: Running, **rest: Any) -> str:
    answer = await running.crm.post("/v1/loyalty/campaigns", json=body(**rest))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def codes(many: int) -> list[str]:
    start = next(NUMBERS) * 100_000
    return [f"CU-{start + number:09}" for number in range(many)]


def csv_of(given: list[str], heading: str = "code") -> bytes:
    return "\n".join([heading, *given]).encode()


async def send(running: Running, campaign: str, content: Any, *, key: str | None = None, **rest: Any) -> Any:
    headers = {**CSV, **rest.pop("headers", {})} | ({} if key is None else {"Idempotency-Key": key})
    path = f"/v1/loyalty/campaigns/{campaign}/code-imports"
    return await running.crm.post(path, content=content, headers=headers, params=rest)


async def refused(running: Running, import_id: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (
            await running.crm.get(f"/v1/loyalty/code-imports/{import_id}/refused", params={"limit": 2, **cursor})
        ).json()
        found += [(each["line"], each["reason"]) for each in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def usable(running: Running, code: str) -> dict[str, Any] | None:
    answer = await running.crm.post("/v1/loyalty/vouchers/lookup", json={"code": code})
    return answer.json() if answer.status_code == 200 else None


async def test_every_row_is_taken_or_refused_by_its_line_and_a_dry_run_says_the_same(
    module_running: Running, small_steps: None
):
    campaign = await made(module_running)
    a, b, c, d, taken = codes(5)
    assert (await send(module_running, campaign, csv_of([taken]))).json()["imported"] == 1
    file = csv_of(
        [
            f"{a},",
            f"{b},2001-01-01",
            ",",
            f"{taken.lower()},",
            f"{a.replace('-', ' ')},",
            f"{c},x",
            "\xff",
            f"{d},2099-12-31",
        ],
        "Coupon Code,Expiration Date",
    )
    lines = [(3, "expired"), (4, "no_code"), (5, "taken"), (6, "duplicate"), (7, "bad_date"), (8, "wrong_width")]

    dry = await send(module_running, campaign, file, dry_run="true")
    assert await usable(module_running, a) is None
    real = await send(module_running, campaign, gzip.compress(file, mtime=0), headers={"Content-Encoding": "gzip"})

    for answer in (dry, real):
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert (said["state"], said["rows"], said["imported"], said["refused"]) == ("done", 8, 2, 6)
        assert said["reasons"] == {reason: 1 for _, reason in lines}
        assert await refused(module_running, said["id"]) == lines
    assert (dry.json()["is_dry_run"], real.json()["is_dry_run"]) == (True, False)
    assert (await usable(module_running, d) or {})["expires_at"] == "2099-12-31T17:00:00Z"
    assert await module_rows(module_running, "SELECT count(*) FROM code_import_seen") == [(0,)]


async def module_rows(running: Running, sql: str) -> list[Any]:
    async with running.platform.databases()[0][1].read() as tx:
        return [tuple(row) for row in await tx.execute(sql)]


async def test_what_was_cut_off_goes_on_where_it_ended(module_running: Running, small_steps: None):
    campaign, given = await made(module_running), codes(30)
    file = csv_of(given)
    packed = {"Content-Encoding": "gzip"}
    cut = await send(module_running, campaign, gzip.compress(file, 0, mtime=0)[:-150], key="cut-1", headers=packed)
    assert (cut.status_code, cut.json()["reason"]) == (422, "truncated")
    path = f"/v1/loyalty/campaigns/{campaign}/code-imports"
    (begun,) = (await module_running.crm.get(path)).json()["items"]
    assert (begun["state"], begun["problem"], begun["finished_at"] is None) == ("failed", "truncated", False)
    assert 0 < begun["imported"] < 30, "it was not cut off in the middle"

    other = await send(module_running, campaign, file.replace(given[1].encode(), b"CU-X"), key="cut-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    shorter = await send(module_running, campaign, file[:20], key="cut-1")
    assert shorter.json()["code"] == "idempotency_key_reused"
    assert (await module_running.crm.get(path)).json()["items"] == [begun]

    whole = await send(module_running, campaign, file, key="cut-1")
    again = await send(module_running, campaign, gzip.compress(file, mtime=0), key="cut-1", headers=packed)
    longer = await send(module_running, campaign, file + b"\nCU-Y", key="cut-1")

    assert (whole.json()["id"], whole.json()["imported"], whole.json()["refused"]) == (begun["id"], 30, 0)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (whole.json(), "true")
    assert longer.json()["code"] == "idempotency_key_reused"
    assert (await module_running.crm.get(f"/v1/loyalty/code-imports/{begun['id']}")).json() == whole.json()


async def taken(world: LoyaltyWorld, campaign_id: UUID, parts: list[bytes | Exception], key: str) -> CodeImportOut:
    """A file that comes in these parts; an exception among them is what the door says of who goes away."""

    async def come() -> AsyncIterator[bytes]:
        for part in parts:
            if isinstance(part, Exception):
                raise part
            yield part

    options = importing.Options("csv", is_dry_run=False, to_assign=False, columns={})
    idem = Idempotent(key, b"the same request")
    said, _ = await world.service.code_files.take(
        campaign_id, records(come(), "csv"), options, by="test", idem=idem
    )  # fmt: skip
    return said


async def test_whoever_goes_away_leaves_an_import_that_says_so_and_goes_on(
    module_world: LoyaltyWorld, small_steps: None
):
    at, file = await campaign(module_world.service), csv_of(codes(20))
    half = len(file) // 2
    with pytest.raises(ClientDisconnect):
        await taken(module_world, at, [file[:half], ClientDisconnect()], "gone")
    (begun,) = await module_world.service.code_files.listed(at, before=None, limit=5)
    assert (begun.state, begun.problem, begun.finished_at is None) == ("interrupted", "cut_off", False)
    assert 0 < begun.imported < 20

    whole = await taken(module_world, at, [file[:half], file[half:]], "gone")
    assert (whole.id, whole.state, whole.problem, whole.imported) == (begun.id, "done", None, 20)


async def test_what_a_killed_process_leaves_is_said_to_have_stalled_within_minutes(
    module_world: LoyaltyWorld, small_steps: None, monkeypatch: pytest.MonkeyPatch
):
    """Nobody is left to say it: the row stands as the last step wrote it."""
    files, clock = module_world.service.code_files, module_world.clock
    at, file = await campaign(module_world.service), csv_of(codes(20))

    async def nobody(*_: object) -> None:
        return None

    async def state() -> tuple[str, str | None]:
        await files.forget_old()
        (found,) = await files.listed(at, before=None, limit=5)
        return found.state, found.problem

    with monkeypatch.context() as killed, pytest.raises(ClientDisconnect):
        killed.setattr(importing.rows, "end", nobody)
        await taken(module_world, at, [file[:90], ClientDisconnect()], "killed")
    clock.forward(minutes=9)
    assert await state() == ("running", None)
    clock.forward(minutes=2)
    assert await state() == ("interrupted", "stalled")
    clock.forward(hours=47)
    assert (await taken(module_world, at, [file], "killed")).state == "done"
    with pytest.raises(ClientDisconnect):
        await taken(module_world, at, [file[:90], ClientDisconnect()], "given up")
    clock.forward(hours=49)
    await files.forget_old()
    assert [each.state for each in await files.listed(at, before=None, limit=5)] == ["abandoned", "done"]


async def test_gift_cards_come_with_what_is_left_on_them(module_running: Running):
    campaign = await made(module_running, terms={"benefit": {"type": "stored_value"}})
    with_money, without = codes(2)
    lines = f'{{"Code":"{with_money}","Value":90000,"Gift Balance":"50000"}}\n{{"code":"{without}"}}\n'

    answer = await send(module_running, campaign, lines.encode(), headers={"Content-Type": "application/x-ndjson"})

    assert (answer.json()["imported"], answer.json()["reasons"]) == (1, {"value_needed": 1})
    assert (await usable(module_running, with_money) or {})["value_minor"] == 50_000


async def test_a_column_can_be_named(module_running: Running):
    campaign, (code,) = await made(module_running), codes(1)
    file = csv_of([f"7,{code}"], "id,value")

    unnamed = await send(module_running, campaign, file)
    named = await send(module_running, campaign, file, column="code=Value")

    assert (unnamed.status_code, unnamed.json()["code"], unnamed.json()["reason"]) == (
        422,
        "bad_file",
        "no_such_column",
    )
    assert named.json()["imported"] == 1


@pytest.mark.parametrize(
    ("content", "headers", "status", "code", "reason"),
    [
        (b"{}", {"Content-Type": "application/json"}, 415, "not_a_file", None),
        (b"code\nA-111", {"Content-Encoding": "br"}, 415, "not_a_file", None),
        (b"code\nA-111", {"Content-Encoding": "gzip"}, 422, "bad_file", "bad_gzip"),
        (gzip.compress(b"code\nA-111", mtime=0)[:-4], {"Content-Encoding": "gzip"}, 422, "bad_file", "truncated"),
        (b"", {}, 422, "bad_file", "empty"),
        (b"code\nA-111", {"Idempotency-Key": "two words"}, 400, "bad_idempotency_key", None),
    ],
)
async def test_what_is_no_file_is_refused(
    module_running: Running, content: bytes, headers: dict[str, str], status: int, code: str, reason: str | None
):
    answer = await send(module_running, await made(module_running), content, headers=headers)

    assert (answer.status_code, answer.json()["code"], answer.json().get("reason")) == (status, code, reason)


async def test_a_bomb_is_cut_off_and_no_code_is_said_in_clear(
    module_running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("services.loyalty.vouchers.api.imports._MOST_BYTES", 1_000_000)
    campaign = await made(module_running)
    bomb = gzip.compress(b"code\nSECRET-BOMB-1\nSECRET-BOMB-1,\n" + b"0" * 5_000_000, mtime=0)

    answer = await send(module_running, campaign, bomb, headers={"Content-Encoding": "gzip"})
    wrong = await send(module_running, campaign, b"SECRET-BOMB-1\nSECRET-BOMB-2")

    assert (answer.status_code, answer.json()["reason"]) == (422, "too_large")
    said = answer.text + wrong.text + caplog.text
    said += str(await module_rows(module_running, "SELECT i::text FROM code_imports AS i"))
    assert "SECRET" not in said
