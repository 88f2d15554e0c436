"""Readiness is asked often and must neither hang nor crash, nor multiply the load."""

import asyncio

from shared.observability.health import Health, Trouble


async def fine() -> str | None:
    return None


async def broken() -> str | None:
    return "the bus does not answer"


async def crashing() -> str | None:
    raise ConnectionRefusedError("10.0.0.7")


async def hanging() -> str | None:
    await asyncio.sleep(60)
    return None


async def test_all_troubles_are_told_and_all_checks_run_at_once() -> None:
    health = Health(check_seconds=0.1)
    for name, check in (("a", fine), ("b", broken), ("c", crashing), ("d", hanging), ("e", hanging)):
        health.add(name, check)

    async with asyncio.timeout(1):
        found = await health.troubles()

    assert found == (
        Trouble("b", "the bus does not answer"),
        Trouble("c", "the check failed with ConnectionRefusedError"),
        Trouble("d", "it did not answer within 0.1 s"),
        Trouble("e", "it did not answer within 0.1 s"),
    )


async def test_many_probes_at_once_run_the_checks_once_and_later_ones_again() -> None:
    runs = 0

    async def counted() -> str | None:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0.01)
        return None

    health = Health(kept_seconds=0.1)
    health.add("counted", counted)

    await asyncio.gather(*(health.troubles() for _ in range(20)))
    first = runs
    await asyncio.sleep(0.15)
    await health.troubles()

    assert (first, runs) == (1, 2)


async def test_a_trouble_passes() -> None:
    wrong: list[str] = ["the disk is full"]

    async def check() -> str | None:
        return wrong[0] if wrong else None

    health = Health(kept_seconds=0)
    health.add("disk", check)

    assert await health.troubles() == (Trouble("disk", "the disk is full"),)
    wrong.clear()
    assert await health.troubles() == ()


async def test_stopping_needs_no_check() -> None:
    health = Health()
    health.add("d", hanging)
    health.stopping = True

    async with asyncio.timeout(0.1):
        assert await health.troubles() == (Trouble("process", "it is stopping"),)
