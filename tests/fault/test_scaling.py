"""More processes share the work; one after the other may go and come again, with `tam load` as judge."""

import asyncio

import pytest
from installation import Installation
from load_run import traffic

from shared.testing.platform import PlatformProcess

pytestmark = [pytest.mark.long, pytest.mark.timeout(420)]

ROUNDS = 10


async def several(firm: Installation, **roles: int) -> dict[str, list[PlatformProcess]]:
    """So many processes of each role, all up."""
    made = {role: [firm.process(role=role) for _ in range(number)] for role, number in roles.items()}
    await asyncio.gather(*(each.start() for group in made.values() for each in group))
    return made


async def counted(firm: Installation, process: PlatformProcess, name: str) -> float:
    """A counter of a process, over all its labels."""
    found = await firm.scrape(process)
    return sum(value for key, value in found.items() if key.partition("{")[0] == name)


async def test_ten_rolling_restarts_lose_and_double_nothing(firm: Installation):
    made = await several(firm, api=2, worker=2)
    apis, workers = made["api"], made["worker"]
    codes: list[int] = []
    async with traffic(firm, apis) as load:
        await load.goes_on(50)
        for turn in range(ROUNDS):
            for each in (apis[turn % 2], workers[turn % 2]):
                codes.append(await each.stop())
                await load.goes_on(5)
                await each.start()
                await load.goes_on(5)
        await load.goes_on(50)
        await load.stop()
        rebalances = [await counted(firm, each, "tam_consumer_rebalances_total") for each in workers]

        verdict = await load.judged()

    print(f"{len(codes)} restarts: {load.story()}; rebalances of the last two workers {rebalances}")
    assert codes == [0] * (2 * ROUNDS)
    assert verdict.differences == []
    assert verdict.events > 500
    # Whoever was asked was there: a refusal of connection is the only thing that a client met.
    assert not {"500", "502", "503", "504"} & load.session.wire.outcomes.keys()
