"""A worker that does nothing and does not end either: `tam load` waits for it, and names what it has not done."""

import signal
from collections.abc import AsyncIterator
from time import monotonic

import pytest
from installation import Install, Installation
from load_run import PEPPER, traffic

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

PATIENCE_SECONDS = 3.0


@pytest.fixture
async def firm(install: Install, database_url: str) -> AsyncIterator[Installation]:
    async with install(database_url, **PEPPER) as made:
        yield made


async def test_what_a_frozen_worker_has_not_read_is_waited_for_and_named(firm: Installation):
    api, worker = firm.process(role="api"), firm.process(role="worker")
    for each in (api, worker):
        await each.start()
    # Calls of SDKs alone: what else there is asks for what a worker has to do first.
    async with traffic(firm, [api], profile="sdk") as load:
        await load.goes_on(20)
        worker.signal(signal.SIGSTOP)
        await load.goes_on(40)
        await load.stop()

        began = monotonic()
        late = await load.judged(patience_seconds=PATIENCE_SECONDS)
        waited = monotonic() - began
        worker.signal(signal.SIGCONT)
        right = await load.judged()

    behind = {each.what: each.found for each in late.differences if each.where == "the platform"}
    assert waited >= PATIENCE_SECONDS
    assert sum(behind.values()) > 0, "nobody knew that it was frozen"
    assert all(what.startswith("on its way to ") for what in behind)
    assert right.differences == []
    assert right.events > 50
