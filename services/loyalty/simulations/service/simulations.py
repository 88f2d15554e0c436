"""Use cases of simulations: ask for one, work it off slice by slice, tell what came out.

A slice is read in one transaction, counted in a thread, and added in another together with how far the work is by it:
a kill between two loses nothing and counts nothing twice, and two processes never count the same.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.earning.service.histories import histories
from services.loyalty.programs.domain.terms import Payment
from services.loyalty.simulations.domain.months import Months
from services.loyalty.simulations.domain.person import Life, known_by, tallied
from services.loyalty.simulations.domain.plan import Inputs, Plan, plan, proposed
from services.loyalty.simulations.domain.tally import Run, Tally
from services.loyalty.simulations.errors import (
    BadPeriod,
    SimulationNotDone,
    SimulationOver,
    SimulationUnknown,
    TooManySimulations,
)
from services.loyalty.simulations.repository import kept, programme
from services.loyalty.simulations.repository import simulations as rows
from services.loyalty.simulations.repository.simulations import Simulation
from services.loyalty.simulations.schemas import results
from services.loyalty.simulations.schemas.asking import SimulationIn, SimulationOut
from services.loyalty.simulations.schemas.results import ResultOut, UnheardOut
from services.loyalty.simulations.service import proposing
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.errors import AppError
from shared.identity import members
from shared.identity.person import Member
from shared.ids import uuid7
from shared.observability.logging import logger

log = logger(__name__)

MAX_OPEN = 5
MAX_MONTHS = 120
# Members looked at in one go: what a slice needs of memory.
SLICE = 100
# In one run of the job; the rest waits for the next, so that a stop or a cancellation does not wait long.
SLICES = 20


@dataclass(frozen=True, slots=True)
class Simulations:
    """What another programme would have come to. Nothing but its own tables is written."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    kept_days: int

    async def start(self, body: SimulationIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Ask for one; it is worked off from now on, by whichever process does the jobs.

        Raises:
            BadPeriod, BadProposal, TooManySimulations: it cannot be.
            ProgramUnknown, VersionUnknown, RuleUnknown: what it names is not there.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            made = await self._add(tx, body, by)
            answer = Answer(202, SimulationOut.of(made, made.asked_at).model_dump_json(by_alias=True).encode())
            await remember(tx, idem, answer)
            return answer

    async def begin(self, body: SimulationIn, *, by: str) -> SimulationOut:
        """The same for a command of ours.

        Raises:
            what `start` raises.
        """
        async with self.db.write() as tx:
            made = await self._add(tx, body, by)
            return SimulationOut.of(made, made.asked_at)

    async def _add(self, tx: WriteTx, body: SimulationIn, by: str) -> Simulation:
        await rows.claim(tx)
        if len(await rows.unfinished(tx)) >= MAX_OPEN:
            raise TooManySimulations(MAX_OPEN)
        now = self.clock.now()
        since, until = body.from_, body.until or now
        if not since < until <= now or until - since > timedelta(days=31 * MAX_MONTHS):
            raise BadPeriod(now, MAX_MONTHS)
        live = await programme.book(tx, self.zone)
        proposal = await proposing.read(tx, body)
        new = proposed(live, proposal, since)
        proposing.check(live, new, proposal, since=since, until=until)
        inputs = Inputs(live=live, proposed=new).model_dump_json(by_alias=True, exclude_none=True)
        zone = live.made().timeline.at(until).zone
        said = f"{since.isoformat()}|{until.isoformat()}|{zone}|{inputs}"
        made = Simulation(
            id=uuid7(), title=body.title, state="waiting", from_at=since, until_at=until, zone=zone,
            inputs_digest=hashlib.sha256(said.encode()).hexdigest(), asked_at=now, asked_by=by, started_at=None,
            finished_at=None, keep_until=None, total=None, done=0, place=None, digest=None, reason=None,
        )  # fmt: skip
        await rows.add(tx, made, request=body.model_dump_json(by_alias=True, exclude_none=True), inputs=inputs)
        return made

    async def get(self, simulation_id: UUID) -> SimulationOut:
        """How far one is.

        Raises:
            SimulationUnknown: there is none.
        """
        async with self.db.read() as tx:
            return SimulationOut.of(await _known(tx, simulation_id), self.clock.now())

    async def listed(self, *, before: UUID | None, limit: int) -> Sequence[SimulationOut]:
        """All there are, the latest first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            found = await rows.listed(tx, before=before, limit=limit + 1)
        return [SimulationOut.of(each, self.clock.now()) for each in found]

    async def cancel(self, simulation_id: UUID, *, idem: Idempotent | None) -> Answer:
        """End one before it is done; it has no result.

        Raises:
            SimulationUnknown: there is none.
            SimulationOver: it is done, or failed.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            found = await rows.locked(tx, simulation_id)
            if found is None:
                raise SimulationUnknown
            if found.state in ("done", "failed"):
                raise SimulationOver(found.state)
            if found.state != "cancelled":
                await self._end(tx, found, "cancelled")
            after = SimulationOut.of(await _known(tx, simulation_id), self.clock.now())
            answer = Answer(200, after.model_dump_json(by_alias=True).encode())
            await remember(tx, idem, answer)
            return answer

    async def result(self, simulation_id: UUID) -> ResultOut:
        """What came out.

        Raises:
            SimulationUnknown, SimulationNotDone: there is nothing to be told.
        """
        async with self.db.read() as tx:
            found = await _known(tx, simulation_id)
            if found.state != "done":
                raise SimulationNotDone(found.state)
            both = plan(await rows.inputs(tx, simulation_id))
            counts = await rows.tallies(tx, simulation_id)
            spreads = await rows.spreads(tx, simulation_id)
            examples = await rows.examples(tx, simulation_id)
            # Who was merged since is shown as who they are.
            now_called = await members.find_many(tx, {each.person for each in examples})
        examples = [each._replace(person=now_called[each.person].root) for each in examples]
        months = _months(found)
        return ResultOut(
            simulation=SimulationOut.of(found, self.clock.now()),
            wallets=results.wallets(counts, months, spreads, examples, lambda *asked: _pays(both, *asked)),
            tracks=results.tracks(counts, months),
            not_heard=[UnheardOut(kind=kind, name=name) for kind, name in both.unheard()],
        )

    async def run(self) -> None:
        """Work on, the oldest first; what cannot be worked off holds up none of the others."""
        async with self.db.read() as tx:
            found = await rows.unfinished(tx)
        left = SLICES
        for simulation_id in found:
            while left and await self.advance(simulation_id):
                left -= 1

    async def advance(self, simulation_id: UUID, moved: Callable[[int], None] = lambda _: None) -> bool:
        """Work off one slice; `moved` hears how many members it had. Whether there is more."""
        try:
            return await self._advance(simulation_id, moved)
        except AppError as refusal:
            log.exception("simulation_failed", simulation=str(simulation_id), code=refusal.code)
            async with self.db.write() as tx:
                found = await rows.locked(tx, simulation_id)
                if found is not None and found.finished_at is None:
                    await self._end(tx, found, "failed", reason=refusal.code)
            return False

    async def _advance(self, simulation_id: UUID, moved: Callable[[int], None]) -> bool:
        async with self.db.read() as tx:
            found = await rows.get(tx, simulation_id)
            if found is None or found.finished_at is not None:
                return False
            both = plan(await rows.inputs(tx, simulation_id))
            due = await rows.people(tx, simulation_id, after=found.place, limit=SLICE)
            lives = await _lives(tx, found, both, due)
        if found.state == "running" and due:
            tally = await asyncio.to_thread(tallied, lives, both, _months(found))
        else:
            tally = Tally()
        return await self._keep(found, due, tally, moved)

    async def _keep(self, seen: Simulation, due: Sequence[Member], tally: Tally, moved: Callable[[int], None]) -> bool:
        """Write down what a slice came to, unless somebody else went on meanwhile."""
        async with self.db.write() as tx:
            now = await rows.locked(tx, seen.id)
            if now is None or now.finished_at is not None:
                return False
            if (now.state, now.place) != (seen.state, seen.place):
                return True
            if now.state == "waiting":
                await rows.begin(tx, now.id, now.until_at, self.clock.now())
            elif due:
                await rows.put(tx, now, due, tally)
            else:
                await self._end(tx, now, "done")
                return False
        moved(len(due))
        return True

    async def _end(self, tx: WriteTx, found: Simulation, state: rows.State, reason: str | None = None) -> None:
        now = self.clock.now()
        await rows.end(tx, found.id, state, now, now + timedelta(days=self.kept_days), reason=reason)

    async def forget_old(self) -> None:
        """Throw results away that were kept long enough."""
        async with self.db.write() as tx:
            await rows.forget(tx, self.clock.now())


async def _known(tx: ReadTx, simulation_id: UUID) -> Simulation:
    found = await rows.get(tx, simulation_id)
    if found is None:
        raise SimulationUnknown
    return found


async def _lives(tx: ReadTx, found: Simulation, both: Plan, due: Sequence[Member]) -> list[Life]:
    if not due:
        return []
    until, asked_at = found.until_at, found.asked_at
    read = await histories(tx, due, both.wider)
    own = await kept.of(tx, due, until=until, asked_at=asked_at)
    return [Life(each, known_by(read[each], until=until, asked_at=asked_at), own[each]) for each in due]


def _months(found: Simulation) -> Months:
    return Months.of(found.from_at, found.until_at, ZoneInfo(found.zone))


def _pays(both: Plan, run: Run, wallet: str, at: datetime) -> Sequence[Payment]:
    rules = both.live if run == "live" else both.proposed
    terms = rules.timeline.at(at)
    return terms.wallets[wallet].pays if wallet in terms.wallets else ()
