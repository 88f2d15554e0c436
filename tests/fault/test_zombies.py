"""A process freezes for longer than its session, is replaced, and wakes up: its work must not count twice."""

import signal

import pytest
from installation import Installation, repeats, until

from shared.events.topics import ORDERS
from shared.testing.platform import PlatformProcess

pytestmark = pytest.mark.long

# A batch in hand that somebody else will have handled; one whose transaction is open, with its locks; events that
# are not on the bus yet, and that somebody else will publish.
POINTS = {
    "consumer.after_poll@touchpoints.recorder:3": "touchpoints",
    "handler.done@tally.orders:3": "tally",
    "relay.before_append@orders:3": "tally",
}


# What the zombie's log says of work that it found done by somebody else.
GIVEN_UP = ("fenced", "batch_failed", "relay_waits", "partitions_lost")


async def published(firm: Installation, already: int) -> bool:
    """Whether events were published since there were `already` so many."""
    return await firm.ends(ORDERS.name) > already


async def has_tried(firm: Installation, zombie: PlatformProcess) -> bool:
    """Whether the zombie gave a batch up, or published again, or found the bus unwilling."""
    log = zombie.log.read_text()
    return any(f'"{word}"' in log for word in GIVEN_UP) or await repeats(firm, ORDERS.name) > 0


# An open transaction is the same on both buses; the others are not.
CASES = [("postgres", point) for point in POINTS] + [("kafka", point) for point in POINTS if "handler" not in point]


@pytest.mark.parametrize(("kafka", "point"), CASES, indirect=["kafka"])
async def test_a_zombie_counts_nothing_twice(firm: Installation, point: str):
    zombie, other = firm.process(), firm.process()
    zombie.launch(environ={"TAM_TEST_FAULT": point, "TAM_TEST_FAULT_SIGNAL": "SIGSTOP"})
    await zombie.ready()
    async with firm.load(zombie, timeout_seconds=3).running() as load:
        await zombie.frozen()
        frozen_at, already = firm.history.at(), await firm.ends(ORDERS.name)
        await other.start()
        load.base_urls = [other.base_url]
        await load.acknowledged(100)
        await until(lambda: published(firm, already), "the other process publishes")
        await firm.handles_all(POINTS[point])
        took_over = firm.history.at() - frozen_at
        zombie.signal(signal.SIGCONT)
        await load.acknowledged(50)
        await until(lambda: has_tried(firm, zombie), "the zombie tries to go on with what it had in hand")
    drain = await firm.settled()

    verdict = await firm.judged(other)

    log = zombie.log.read_text()
    given_up = sum(log.count(f'"{word}"') for word in GIVEN_UP)
    again = await repeats(firm, ORDERS.name)
    print(f"{point}: {firm.story()}, taken over in {took_over:.1f} s, drained in {drain:.1f} s,")
    print(f"{given_up} times given up, {again} events published again")
    assert verdict.problems() == []
    assert given_up + again > 0
    # The zombie is a member again, without help.
    await zombie.ready()
