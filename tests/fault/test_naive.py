"""The same faults against careless versions: what the checker says then shows that it would see a real failure."""

import pytest
from installation import Installation, repeats

from shared.events.topics import INGEST, ORDERS

pytestmark = pytest.mark.long

KILLS = 3


@pytest.mark.parametrize("kafka", ["postgres"], indirect=True)
async def test_answering_before_the_log_has_it_loses_orders(firm: Installation):
    process = firm.process()
    await process.start(environ={"TAM_TEST_NAIVE": "answer_early"})
    async with firm.load(process).running() as load:
        for _ in range(KILLS):
            await load.acknowledged(30)
            process.kill()
            await process.start(environ={"TAM_TEST_NAIVE": "answer_early"})
        await load.acknowledged(30)
    await firm.settled()

    verdict = await firm.judged(process)

    print(f"{KILLS} kills, {firm.story()}, lost {verdict.number('lost')}")
    assert len(verdict.lost["touchpoints"]) > 0
    assert len(verdict.phantom["touchpoints"]) == 0


@pytest.mark.parametrize("kafka", ["postgres"], indirect=True)
async def test_without_an_inbox_repeats_count_twice(firm: Installation):
    process = firm.process()
    process.launch(environ={"TAM_TEST_NAIVE": "no_inbox", "TAM_TEST_FAULT": "relay.after_append@orders:3"})
    async with firm.load(process).running() as load:
        await process.ended()
        await process.start(environ={"TAM_TEST_NAIVE": "no_inbox"})
        await load.acknowledged(30)
    await firm.settled()

    verdict = await firm.judged(process)

    doubled = verdict.doubled["tally"]
    print(f"{firm.story()}, counted twice {len(doubled)}")
    assert len(doubled) > 0
    assert verdict.number("lost") == 0


@pytest.mark.parametrize("kafka", ["postgres"], indirect=True)
async def test_without_faults_nothing_is_repeated(firm: Installation):
    """So the repeats that other tests see come from their faults, and from shops that send again."""
    process = firm.process()
    await process.start()
    async with firm.load(process, repeat_share=0.0).running() as load:
        await load.acknowledged(200)
    await firm.settled()

    assert await repeats(firm, INGEST.name) == 0
    assert await repeats(firm, ORDERS.name) == 0
    assert (await firm.judged(process)).problems() == []
