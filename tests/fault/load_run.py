"""Shop traffic of `tam load` against an installation under test, until the test has done its worst; then the check."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic

from installation import Installation

from shared.clock import SystemClock
from shared.load.journal import Journal
from shared.load.judge import Verdict
from shared.load.order import Order
from shared.load.session import Session
from shared.load.wire import connected
from shared.testing.platform import PlatformProcess

# Longer than any test; it is stopped when the test has had enough.
_FOR_EVER = 7_200.0
_PEOPLE = 400
# A broker that gets no CPU answers no sooner; an act that is given up has no outcome that could be right.
_PATIENCE_SECONDS = 400.0
# All processes hash codes of vouchers under the same.
PEPPER = {"TAM_LOYALTY_CODE_PEPPERS": base64.b64encode(b"of a test, and of nothing else..").decode()}


class Traffic:
    """What is being sent; afterwards `judged` says whether all of it is right."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._sending = asyncio.create_task(session.send())

    @property
    def settled(self) -> int:
        """Acts that were answered."""
        return len(self.session.journal.settled)

    async def goes_on(self, more: int = 20, *, patience_seconds: float = 120.0) -> None:
        """Wait until so many more acts are answered.

        Raises:
            TimeoutError: they are not.
        """
        goal, deadline = self.settled + more, monotonic() + patience_seconds
        while self.settled < goal:
            if monotonic() > deadline:
                raise TimeoutError(f"{goal - self.settled} of {more} more acts were not answered")
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Send no more; what is under way is answered then."""
        self._sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._sending

    async def judged(self, *, at_most: int = _PEOPLE, patience_seconds: float = 180.0) -> Verdict:
        """What the platform says of all that was sent, once no more is sent and nothing is on its way."""
        await self.stop()
        return await self.session.judge(at_most=at_most, patience_seconds=patience_seconds)

    def story(self) -> str:
        """What was sent and how it was answered, in half a line."""
        return f"{self.settled} acts, {self.session.timing.events} events, answers {dict(self.session.wire.outcomes)}"


@asynccontextmanager
async def traffic(
    firm: Installation,
    processes: Sequence[PlatformProcess],
    *,
    profile: str = "shop",
    rate: float = 40.0,
    customers: int = 150,
) -> AsyncIterator[Traffic]:
    """Send to these processes until it is judged, or the block ends."""
    urls = [each.base_url for each in processes]
    async with connected(urls, firm.write_key, firm.secret_key, patience_seconds=_PATIENCE_SECONDS) as wire:
        journal = Journal(firm.folder / "load.jsonl")
        order = Order(profile, firm.seed, rate, customers, _FOR_EVER, datetime.now(UTC))
        made = Traffic(await Session.opened(wire, SystemClock(), journal, order))
        try:
            yield made
        finally:
            await made.stop()
            journal.close()
