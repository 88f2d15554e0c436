"""Any history over HTTP: balances and holds are what plain counting says, and the same key has one effect."""

import asyncio
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from services.loyalty.app import service as manifest
from services.loyalty.invariants.service import Invariants
from services.loyalty.points.repository.checks import CHECKS
from shared.ids import uuid7
from shared.testing.platform import Running, running_platform
from shared.testing.postgres import fresh_database

STEPS = st.lists(
    st.tuples(st.sampled_from(("give", "take", "hold", "commit", "void")), st.integers(1, 60), st.booleans()),
    min_size=4,
    max_size=14,
)


class Customer:
    """Somebody at the counter, and what they should have: `free`, and held by hold."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.path = f"/v1/loyalty/members/user_id:{uuid7()}"
        self.free = 0
        self.held: dict[str, int] = {}

    async def ask(self, path: str, body: dict[str, Any], *, twice: bool) -> Any:
        """Send a request, perhaps again with the same key: the answer must be the same."""
        headers = {"Idempotency-Key": str(uuid7())}
        answer = await self.running.crm.post(path, json=body, headers=headers)
        if twice:
            again = await self.running.crm.post(path, json=body, headers=headers)
            assert (again.status_code, again.json().get("code")) == (answer.status_code, answer.json().get("code"))
            assert not answer.is_success or again.content == answer.content
        return answer

    async def step(self, what: str, points: int, *, twice: bool) -> None:
        """One request, and what it should do."""
        hold = next(iter(self.held), None)
        if what in ("give", "take"):
            signed = points if what == "give" else -points
            answer = await self.ask(f"{self.path}/adjustments", {"points": signed, "reason": "correction"}, twice=twice)
            assert answer.status_code == (201 if self.free + signed >= 0 else 409)
            self.free += signed if answer.is_success else 0
        elif what == "hold":
            answer = await self.ask(f"{self.path}/holds", {"points": points}, twice=twice)
            assert answer.status_code == (201 if self.free >= points else 409)
            if answer.is_success:
                self.free -= points
                self.held[answer.json()["id"]] = points
        elif hold is not None:
            spent = min(points, self.held[hold]) if what == "commit" else 0
            body = {"points": spent} if what == "commit" else {}
            answer = await self.ask(f"/v1/loyalty/holds/{hold}/{what}", body, twice=twice)
            assert answer.json()["captured"] == spent
            self.free += self.held.pop(hold) - spent

    async def agrees(self) -> None:
        """What they are told is what they should have."""
        (wallet,) = (await self.running.crm.get(self.path)).json()["wallets"]
        assert (wallet["available"], wallet["held"]) == (self.free, sum(self.held.values()))
        told = (await self.running.crm.get(f"{self.path}/holds")).json()["holds"]
        assert {each["id"]: each["points"] for each in told} == self.held


async def opened(pg_url: str, ready: "asyncio.Future[Running]", done: asyncio.Event) -> None:
    """A platform that one task opens and closes, while others play."""
    async with fresh_database(pg_url) as url, running_platform(url, [manifest], role="api") as running:
        ready.set_result(running)
        await done.wait()


def test_any_history_over_http_is_what_counting_says(pg_url: str):
    with asyncio.Runner() as runner:
        loop, done = runner.get_loop(), asyncio.Event()
        ready: asyncio.Future[Running] = loop.create_future()
        platform = loop.create_task(opened(pg_url, ready, done))

        async def until_ready() -> Running:
            await asyncio.wait((ready, platform), return_when=asyncio.FIRST_COMPLETED)
            return ready.result()

        running = runner.run(until_ready())

        @settings(max_examples=10, phases=(Phase.reuse, Phase.generate))
        @given(steps=STEPS)
        def play(steps: list[tuple[str, int, bool]]) -> None:
            async def history() -> None:
                customer = Customer(running)
                for what, points, twice in steps:
                    await customer.step(what, points, twice=twice)
                await customer.agrees()

            runner.run(history())

        async def end() -> list[str]:
            loyalty = running.platform.value("loyalty")
            found = await Invariants(loyalty.db, loyalty.clock, CHECKS).check()
            done.set()
            await platform
            return [each.name for each in found if each.violations]

        play()
        assert runner.run(end()) == []
