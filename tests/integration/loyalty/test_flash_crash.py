"""Processes and connections that die while they claim: no unit is lost, none is sold twice, a retry gets its claim."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from flash_world import Shop, shop

from services.loyalty.flash.domain.sale import Claim

HERE = Path(__file__).parent

# Claims for ever under keys of its own, and says each key that was answered; killed without warning.
BUYER = """
import asyncio, sys
from uuid import UUID
sys.path.insert(0, sys.argv[1])
from flash_world import Process
from services.loyalty.flash.schemas.sales import ClaimIn
from shared.db.engine import Database, make_engine

async def buyer(process, sale, name):
    for step in range(100_000):
        key = f"{name}-{step}"
        body = ClaimIn(key=key, item="áo dài", customer=f"user_id:{key}")
        await process.flash_claims.claim(sale, body)
        sys.stdout.write(key + chr(10))
        sys.stdout.flush()

async def main():
    process = Process(Database(make_engine(sys.argv[2], schema="loyalty", pool_size=8), schema="loyalty"))
    await asyncio.gather(*(buyer(process, UUID(sys.argv[3]), f"{sys.argv[4]}-{n}") for n in range(50)))

asyncio.run(main())
"""


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Shop]:
    async with shop(database_url) as made:
        yield made


async def killed_buyers(store: Shop, sale: UUID, name: str, log: Path) -> list[str]:
    """Let a process claim, kill it in the middle; the keys that were answered."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", BUYER, str(HERE), store.url, str(sale), name], stdout=out, start_new_session=True
        )
    try:
        async with asyncio.timeout(60):
            while log.read_bytes().count(b"\n") < 300:
                assert process.poll() is None
                await asyncio.sleep(0.002)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    return [line for line in log.read_text().split("\n")[:-1] if line]


async def test_a_kill_between_grant_and_answer_loses_and_doubles_nothing(store: Shop, tmp_path: Path):
    sale = await store.sale(1_000_000)
    answered: list[str] = []
    for round_ in range(3):
        answered += await killed_buyers(store, sale, f"p{round_}", tmp_path / f"keys-{round_}")

    rows = await store.rows("SELECT key, id, number FROM flash_claims")
    granted = {row.key: row for row in rows}
    assert set(answered) <= set(granted), "what was answered stands"
    unanswered = set(granted) - set(answered)
    assert unanswered, "the kill came between grant and answer"
    for key in sorted(unanswered):
        again = await store.claim(sale, key)
        assert isinstance(again, Claim)
        assert (again.id, again.number) == (granted[key].id, granted[key].number)
    (item,) = await store.rows("SELECT taken, last_number FROM flash_items")
    assert item == (len(granted), len(granted))
    assert await store.faults() == {}


async def test_connections_that_are_cut_again_and_again_cost_nothing_but_time(store: Shop):
    sale, unsure = await store.sale(100, item_max=1), 0

    async def buyer(number: int) -> Claim | str:
        nonlocal unsure
        while (answer := await store.claim(sale, f"u{number}")) in ("loyalty.flash_unsure", "unavailable"):
            unsure += answer != "unavailable"
            await asyncio.sleep(0.01)
        return answer

    async def cutter() -> None:
        while True:
            await store.cut()
            await asyncio.sleep(0.05)

    cutting = asyncio.create_task(cutter())
    answers = []
    for start in range(0, 200, 20):
        answers += await asyncio.gather(*(buyer(number) for number in range(start, start + 20)))
    cutting.cancel()
    await asyncio.wait({cutting})
    await store.service.db.engine.dispose()

    claims = [answer for answer in answers if isinstance(answer, Claim)]
    assert unsure > 0, "connections were cut while claims were under way"
    assert sorted(claim.number for claim in claims) == list(range(1, 101))
    assert set(answers) - set(claims) == {"loyalty.flash_sold_out"}
    assert await store.faults() == {}
