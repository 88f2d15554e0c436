"""Files of codes over HTTP: every row is taken or refused by its line, and what was cut off goes on."""

import gzip
import logging
from itertools import count
from typing import Any

import pytest
from test_vouchers_campaigns import body

from services.loyalty.vouchers.service import importing
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
    assert begun["state"] == "running"
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
