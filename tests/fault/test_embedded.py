"""The default way to run: `kill -9` of the platform, of its own PostgreSQL, and of both, under load."""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest
from installation import Install

from shared.db.embedded import EmbeddedServer
from shared.testing.outage import postmaster

pytestmark = pytest.mark.long

VICTIMS = ("platform", "database", "both", "platform", "both", "database")


@pytest.mark.parametrize("kafka", ["postgres"], indirect=True)
async def test_killed_with_and_without_its_database(install: Install, data_dir: Path, seed: int):
    chance = random.Random(seed)
    server = EmbeddedServer(data_dir)
    # Its address stays the same whoever starts it.
    async with install(await server.start(), TAM_DATABASE_URL="", TAM_DATA_DIR=str(data_dir)) as firm:
        await server.stop()
        process = firm.process()
        await process.start()
        recoveries: list[float] = []
        async with firm.load(process).running() as load:
            for victim in VICTIMS:
                await load.acknowledged(20)
                await asyncio.sleep(chance.random() / 2)
                began = firm.history.at()
                if victim != "platform":
                    os.kill(postmaster(data_dir), signal.SIGKILL)
                if victim != "database":
                    process.kill()
                    await process.start()
                await load.acknowledged(1)
                recoveries.append(firm.history.at() - began)
            await load.acknowledged(50)
        await firm.settled()

        verdict = await firm.judged(process)

        told = ", ".join(f"{victim} {seconds:.1f} s" for victim, seconds in zip(VICTIMS, recoveries, strict=True))
        print(f"{len(VICTIMS)} kills, {firm.story()}; accepting again after: {told}")
        assert verdict.problems() == []
        assert sum(firm.history.outcomes.values()) > firm.history.outcomes["200"]
        assert await process.stop() == 0
