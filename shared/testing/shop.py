"""Shops under load: concurrent clients that post orders, corrections and refunds, and keep a history of it.

Each customer belongs to one client, which sends the customer's next facts only when the last ones were acknowledged;
so the order per customer is defined. What nobody knows the outcome of is sent again with the same message ids; a part
of what was acknowledged is sent again too, as shops do; some customers are given up in doubt.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic

import httpx

from shared.testing.history import Fact, History, Kind, Outcome

BEGINNING = datetime(2024, 3, 1, tzinfo=UTC)
CURRENCY = "USD"
# Longer than the platform's own deadline for an append.
TIMEOUT_SECONDS = 15.0
PATIENCE_SECONDS = 90.0
REPEAT_SHARE = 0.25
GIVE_UP_SHARE = 0.1
IDENTIFY_SHARE = 0.1
_KINDS: tuple[Kind, ...] = ("placed", "changed", "refunded")
_SHARES = (8, 1, 1)


@dataclass(slots=True)
class Customer:
    """One customer's life so far; `visitor` is whom they will say to have been."""

    name: str
    random: random.Random
    is_visitor: bool = False
    visitor: str | None = None
    sequence: int = 0
    at: datetime = BEGINNING
    orders: list[tuple[str, int]] = field(default_factory=list)

    def next_fact(self) -> Fact:
        """The next order, correction or refund, or that they identify."""
        self.at += timedelta(milliseconds=self.random.randrange(1, 20_000_000))
        if self.visitor is not None and self.orders and self.random.random() < IDENTIFY_SHARE:
            visitor, self.visitor = self.visitor, None
            return self._fact("identified", "", 0, visitor)
        kind: Kind = self.random.choices(_KINDS, _SHARES)[0] if self.orders else "placed"
        if kind == "placed":
            order_id, minor = f"{self.name}-{self.sequence}", self.random.randrange(1, 100_000)
            self.orders.append((order_id, minor))
        else:
            order_id, total = self.random.choice(self.orders)
            minor = self.random.randrange(1, total + 1)
        return self._fact(kind, order_id, minor)

    def _fact(self, kind: Kind, order_id: str, minor: int, visitor: str | None = None) -> Fact:
        made = Fact(
            message_id=f"m-{self.name}-{self.sequence}",
            customer=self.name,
            sequence=self.sequence,
            kind=kind,
            order_id=order_id,
            minor=minor,
            currency=CURRENCY,
            at=self.at,
            is_visitor=self.is_visitor,
            visitor=visitor,
        )
        self.sequence += 1
        return made


@dataclass
class Load:
    """The clients; `base_urls` may be several processes, which they take in turns. Two loads have two names."""

    history: History
    base_urls: Sequence[str]
    write_key: str
    seed: int
    clients: int = 6
    customers: int = 8
    pause_seconds: float = 0.02
    repeat_share: float = REPEAT_SHARE
    timeout_seconds: float = TIMEOUT_SECONDS
    name: str = "c"
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    slowest_refusal_seconds: float = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        """Load while the block runs; then every client finishes what it has begun.

        Raises:
            TimeoutError: something was not acknowledged in a minute and a half.
        """
        async with (
            httpx.AsyncClient(auth=(self.write_key, ""), timeout=self.timeout_seconds) as http,
            asyncio.TaskGroup() as group,
        ):
            for number in range(self.clients):
                group.create_task(_Client(self, http, f"{self.name}{number}").run())
            try:
                yield self
            finally:
                self.stopped.set()

    async def acknowledged(self, more: int, *, patience_seconds: float = 30.0) -> None:
        """Wait until so many more facts are acknowledged than now: the platform works again.

        Raises:
            TimeoutError: they are not.
        """
        goal, deadline = len(self.history.acknowledged) + more, monotonic() + patience_seconds
        while (missing := goal - len(self.history.acknowledged)) > 0:
            if monotonic() > deadline:
                raise TimeoutError(f"{missing} of {more} more facts were not acknowledged in {patience_seconds:.0f} s")
            await asyncio.sleep(0.02)


class _Client:
    """One client with its own customers."""

    def __init__(self, load: Load, http: httpx.AsyncClient, name: str) -> None:
        self._load = load
        self._http = http
        self._name = name
        self._random = random.Random(f"{load.seed}/{name}")
        self._made = 0
        self._customers = [self._new_customer() for _ in range(load.customers)]
        self._old: list[Fact] = []
        self._turn = 0

    def _new_customer(self) -> Customer:
        """Every second one is a visitor, whom the next one will say to have been."""
        number, self._made = self._made, self._made + 1
        name, chance = f"{self._name}-{number}", random.Random(self._random.random())
        if number % 2 == 0:
            return Customer(name, chance, is_visitor=True)
        return Customer(name, chance, visitor=f"{self._name}-{number - 1}")

    async def run(self) -> None:
        while not self._load.stopped.is_set():
            buyers = self._random.sample(self._customers, self._random.choice((1, 1, 1, 2, 5)))
            facts = [buyer.next_fact() for buyer in buyers for _ in range(self._random.choice((1, 1, 2, 3)))]
            if await self._deliver(facts):
                self._old = (self._old + facts)[-200:]
            else:
                # Whatever became of it stays unknown: no later fact may follow.
                for buyer in buyers:
                    self._customers[self._customers.index(buyer)] = self._new_customer()
            if self._old and self._random.random() < self._load.repeat_share:
                await self._deliver(self._random.sample(self._old, min(len(self._old), self._random.randrange(1, 6))))
            await asyncio.sleep(self._random.random() * 2 * self._load.pause_seconds)

    async def _deliver(self, facts: Sequence[Fact]) -> bool:
        """Send until it is acknowledged; False if given up in doubt."""
        deadline = monotonic() + PATIENCE_SECONDS
        while True:
            outcome, wait = await self._send(facts)
            if outcome == "ok":
                return True
            if outcome == "info" and self._random.random() < GIVE_UP_SHARE:
                return False
            if monotonic() > deadline:
                raise TimeoutError(f"not acknowledged within {PATIENCE_SECONDS:.0f} s: {facts[0].message_id}")
            await asyncio.sleep(wait)

    async def _send(self, facts: Sequence[Fact]) -> tuple[Outcome, float]:
        """Send once; what became of it, and how long to wait before the next time."""
        history, began = self._load.history, monotonic()
        self._turn += 1
        base_url = self._load.base_urls[self._turn % len(self._load.base_urls)]
        ids = history.invoke(self._name, facts)
        calls = [fact.call() for fact in facts]
        path, body = (calls[0]["type"], calls[0]) if len(calls) == 1 else ("batch", {"batch": calls})
        try:
            response = await self._http.post(f"{base_url}/v1/{path}", json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            history.end(self._name, ids, "fail", type(error).__name__)
            return "fail", 0.05
        except httpx.TransportError as error:
            history.end(self._name, ids, "info", type(error).__name__)
            return "info", 0.05
        outcome = self._judge(response, len(facts))
        history.end(self._name, ids, outcome, str(response.status_code))
        if outcome == "ok":
            return "ok", 0.0
        self._load.slowest_refusal_seconds = max(self._load.slowest_refusal_seconds, monotonic() - began)
        return "info", 0.1 + self._random.random() * 0.2

    def _judge(self, response: httpx.Response, number: int) -> Outcome:
        problems = self._load.history.problems
        if response.status_code == 200:
            answer = response.json()
            if answer.get("rejected") or answer.get("accepted", number) + answer.get("duplicates", 0) != number:
                problems.append(f"of {number} valid events the answer says {answer}")
            return "ok"
        if response.status_code not in (429, 503):
            problems.append(f"HTTP {response.status_code}: {response.text[:200]}")
        elif "retry-after" not in response.headers:
            problems.append(f"HTTP {response.status_code} without Retry-After")
        return "info"
