"""What a worker process does besides answering HTTP: relays, consumers, jobs, and measuring them."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from shared.bus.base import BusUnavailable
from shared.db.engine import Database, WriteTx
from shared.delivery import idempotency, inbox
from shared.delivery.dead_letters import count_open
from shared.delivery.leases import take_lease
from shared.delivery.relay import Relay, measure_outbox
from shared.delivery.runner import DRAIN_SECONDS, Runner
from shared.observability import metrics
from shared.observability.logging import logger
from shared.runtime.service import Job, Service
from shared.runtime.supervisor import Supervisor

log = logger(__name__)

MEASURE_SECONDS = 5.0
HOUSEKEEPING = timedelta(minutes=10)
LEASE_SLACK_SECONDS = 60.0
FLUSH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Chore:
    job: Job
    service: str
    value: Any
    db: Database
    owner: UUID


class Workers:
    """The background work of one process; `run` it in a task, `drain` it before the end."""

    def __init__(self) -> None:
        self._works: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        self._relays: list[Relay] = []
        self._make_runner: dict[str, Callable[[], Runner]] = {}
        self._runners: dict[str, Runner] = {}
        self._chores: list[_Chore] = []
        self._databases: list[Database] = []
        self._supervisor = Supervisor()
        self._all_left = asyncio.Event()
        self._all_left.set()

    def add_work(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Other work of the process, kept alive like the rest."""
        self._works[name] = work

    def add_relay(self, relay: Relay) -> None:
        """Publish this service's outbox."""
        self._relays.append(relay)

    def add_runner(self, group: str, make: Callable[[], Runner]) -> None:
        """Consume as a member of `group`; `make` gives a fresh runner whenever it has to begin again."""
        self._make_runner[group] = make

    def add_jobs(self, manifest: Service, value: Any, db: Database, owner: UUID) -> None:
        """The service's timed work, and the housekeeping that every service has."""
        housekeeping = Job("housekeeping", HOUSEKEEPING, lambda _: _housekeeping(db))
        self._databases.append(db)
        for job in (*manifest.jobs, housekeeping):
            self._chores.append(_Chore(job, manifest.name, value, db, owner))

    def add_job(self, job: Job, service: str, value: Any, db: Database, owner: UUID) -> None:
        """Timed work that the runtime does for a service."""
        self._chores.append(_Chore(job, service, value, db, owner))

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, work in self._works.items():
                self._supervisor.start(name, work, group=group)
            for relay in self._relays:
                self._supervisor.start(f"relay {relay.service}", relay.run, group=group)
            for name in self._make_runner:
                self._supervisor.start(f"consumer {name}", partial(self._consume, name), group=group)
            for chore in self._chores:
                name = f"job {chore.service}.{chore.job.name}"
                self._supervisor.start(name, partial(_repeat, chore), group=group)
            self._supervisor.start("measuring", self._measure, group=group)

    async def drain(self) -> None:
        """Let consumers finish their batch, empty the outboxes, then stop everything."""
        for runner in self._runners.values():
            runner.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._all_left.wait()
        with contextlib.suppress(TimeoutError, BusUnavailable, SQLAlchemyError, OSError):
            async with asyncio.timeout(FLUSH_SECONDS):
                for relay in self._relays:
                    while await relay.relay_once():
                        pass
        await self._supervisor.stop()

    async def ready(self) -> str | None:
        """None, or what an operator should know."""
        problems = self._supervisor.problems()
        problems += [problem for runner in self._runners.values() if (problem := runner.problem())]
        return "; ".join(problems) or None

    async def _consume(self, name: str) -> None:
        runner = self._runners[name] = self._make_runner[name]()
        self._all_left.clear()
        try:
            await runner.run()
        finally:
            self._runners.pop(name, None)
            if not self._runners:
                self._all_left.set()

    async def _measure(self) -> None:
        """Refresh the gauges, and interrupt a consumer that no longer moves."""
        while True:
            for name, runner in list(self._runners.items()):
                with contextlib.suppress(BusUnavailable, OSError, TimeoutError, SQLAlchemyError):
                    await runner.measure()
                if problem := runner.problem():
                    log.error("consumer_is_stuck", consumer=name, problem=problem)
                    self._supervisor.restart(f"consumer {name}")
            for db in self._databases:
                with contextlib.suppress(OSError, TimeoutError, SQLAlchemyError):
                    if ended := await db.end_frozen_sessions():
                        log.warning("frozen_sessions_ended", service=db.schema, number=ended)
                    await measure_outbox(db)
                    async with db.read() as tx:
                        metrics.DEAD_LETTERS.labels(db.schema).set(await count_open(tx))
            await asyncio.sleep(MEASURE_SECONDS)


async def _repeat(chore: _Chore) -> None:
    """Run a job every so often, in one process at a time."""
    name, every = f"{chore.service}.{chore.job.name}", chore.job.every.total_seconds()
    lease_seconds, ours_until = every + LEASE_SLACK_SECONDS, 0.0
    while True:
        try:
            now = monotonic()
            # Renewed when a quarter of it has passed: a write for each run would be most of what idling costs.
            if now >= ours_until:
                async with chore.db.write() as tx:
                    mine = await take_lease(tx, f"job:{chore.job.name}", chore.owner, seconds=lease_seconds)
                ours_until = now + (lease_seconds / 4 if mine else 0.0)
            if now < ours_until:
                with metrics.JOB_SECONDS.labels(name).time():
                    await chore.job.run(chore.value)
        except Exception:
            metrics.JOB_FAILURES.labels(name).inc()
            log.exception("job_failed", job=name)
        await asyncio.sleep(every)


async def _housekeeping(db: Database) -> None:
    """Forget inbox rows and idempotency keys past their age, a little at a time."""

    async def until_done(forget: Callable[[WriteTx], Any]) -> None:
        while True:
            async with db.write() as tx:
                if not await forget(tx):
                    return

    await until_done(inbox.forget_old)
    await until_done(idempotency.forget_old)
