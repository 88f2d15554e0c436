"""A million codes from one file over HTTP: in bounded memory, and `kill -9` in the middle loses and doubles none."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from installation import Installation, installed

from shared.testing.zygote import Zygote

pytestmark = pytest.mark.long

ROWS = 1_000_000
PEPPER = base64.b64encode(bytes(range(32))).decode()
# What a process may take more than it did before the file: a few steps of rows, and what the driver keeps.
MORE_MB = 120


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, seed: int, zygote: Zygote) -> AsyncIterator[Installation]:
    async with installed(database_url, tmp_path, seed, zygote, TAM_LOYALTY_CODE_PEPPERS=PEPPER) as made:
        yield made


async def file(rows: int) -> AsyncIterator[bytes]:
    """So many codes, two of three lines good: the last one of each three is there already."""
    yield b"Coupon Code;Usage Limit;Note\n"
    for start in range(0, rows, 3_000):
        lines = (f"TAKEN-OVER-{number - (number % 3 == 2):08};1;n" for number in range(start, min(start + 3_000, rows)))
        yield ("\n".join(lines) + "\n").encode()


def resident_mb(pid: int, name: str) -> float:
    """What a process holds of memory (VmRSS), or held at most (VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024


async def campaign(http: httpx.AsyncClient) -> str:
    body = {"name": "Tết", "currency": "VND", "terms": {"benefit": {"type": "percentage", "percent": 10}}}
    made = await http.post("/v1/loyalty/campaigns", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def progress(http: httpx.AsyncClient, campaign_id: str) -> dict[str, Any]:
    found = (await http.get(f"/v1/loyalty/campaigns/{campaign_id}/code-imports")).json()["items"]
    return dict(found[0]) if found else {"rows": 0}


async def test_a_million_rows_in_bounded_memory_with_a_kill_in_the_middle(shop: Installation):
    process = shop.process(role="api")
    await process.start()
    headers = {"Authorization": f"Bearer {shop.secret_key}"}
    upload = {**headers, "Content-Type": "text/csv", "Idempotency-Key": "a-million"}
    async with httpx.AsyncClient(base_url=process.base_url, headers=headers, timeout=600) as http:
        campaign_id = await campaign(http)
        path = f"/v1/loyalty/campaigns/{campaign_id}/code-imports"
        sending = asyncio.create_task(http.post(path, content=file(ROWS), headers=upload))
        while (await progress(http, campaign_id))["rows"] < ROWS // 10:
            await asyncio.sleep(0.2)
        process.kill()
        with pytest.raises(httpx.TransportError):
            await sending

    await process.start()
    async with httpx.AsyncClient(base_url=process.base_url, headers=headers, timeout=600) as http:
        begun = await progress(http, campaign_id)
        assert begun["state"] == "running"
        assert ROWS // 10 <= begun["rows"] < ROWS, "it was not killed in the middle"
        before = resident_mb(process.pid, "VmRSS")
        answer = await http.post(path, content=file(ROWS), headers=upload)
        said = answer.json()
        more = resident_mb(process.pid, "VmHWM") - before

    print(f"{ROWS} rows, killed at {begun['rows']}; {before:.0f} MB before the rest, {more:.0f} MB more at most")
    assert (said["id"], said["state"], said["rows"]) == (begun["id"], "done", ROWS)
    assert (said["imported"], said["reasons"]) == (ROWS - ROWS // 3, {"duplicate": ROWS // 3})
    (row,) = await shop.rows("loyalty", "SELECT count(*) AS codes, count(DISTINCT fingerprint) AS texts FROM codes")
    assert (row.codes, row.texts) == (ROWS - ROWS // 3,) * 2
    assert more < MORE_MB
    assert "TAKEN-OVER" not in process.log.read_text()
