"""What cases cost: to look at answers, to open cases, to escalate, and to read an inbox of 100,000. About a minute.

The use cases run in this process on a durable PostgreSQL; CPU is that of this process (Python and the driver), time is
of the clock. Answers are looked at in batches, as they are taken. The inbox is filled in bulk in SQL: one case in ten
is open, one customer in a hundred has several.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic, process_time
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from stand import durable_postgres, store

from services.surveys.app import service as manifest
from services.surveys.cases.domain.filters import Filters
from services.surveys.cases.domain.judged import Judged, Scored
from services.surveys.cases.schemas.policy import DEFAULT_DOCUMENT, PolicyIn
from services.surveys.cases.schemas.settings import AgentIn, TeamIn
from services.surveys.service import SurveysService
from services.surveys.settings import SurveysSettings
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.ids import user_key
from shared.runtime.trees import trees_of

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
BATCH, BATCHES, OPENED, INBOX = 50, 100, 1_000, 100_000
LADDER = [{"key": "old", "clock": "age", "minutes": 60, "action": "notify"}]
FILL = """
    INSERT INTO cases (id, version, entries, person, revision, is_anonymous, rule, wants_callback, themes, priority,
        status, owner, opened_at, clock_from, contacted_at, contact_seconds, running_since, ran, contact_due_at, due_at,
        next_step_at, resolved_at, closed_at, outcome, root_cause)
    SELECT gen_random_uuid(), 1, 0, md5('p' || n % 90000)::uuid, 1, false, 'unhappy', n % 9 = 0, '{}', 'normal',
        CASE WHEN n % 10 = 0 THEN 'open' ELSE 'closed' END, 'agent-' || n % 20, at, at, at + interval '3 hours',
        n % 30000, CASE WHEN n % 10 = 0 THEN at END, '[]', at + interval '1 day',
        CASE WHEN n % 10 = 0 THEN at + interval '9 days' ELSE '9999-12-31' END, '9999-12-31',
        CASE WHEN n % 10 <> 0 THEN at END, CASE WHEN n % 10 <> 0 THEN at END,
        CASE WHEN n % 10 <> 0 THEN 'solved' END, CASE WHEN n % 10 <> 0 THEN 'late' END
    FROM (SELECT n, now() - interval '300 days' * (n / CAST(:inbox AS float)) AS at
          FROM generate_series(1, :inbox) AS n) AS made
"""


def answer(score: int) -> Judged:
    """What somebody new says."""
    return Judged(
        uuid4(), 1, UUID(int=1), user_key(str(uuid4())), (Scored("q", "nps", score),), datetime.now(UTC), "nps"
    )


async def measured(times: int, units: int, job: Callable[[], Awaitable[Any]]) -> dict[str, float]:
    """CPU and time for each of `units`, over so many runs."""
    await job()
    begun, cpu = monotonic(), process_time()
    for _ in range(times):
        await job()
    per = 1e6 / (times * units)
    return {"our_cpu_us": round((process_time() - cpu) * per, 1), "time_us": round((monotonic() - begun) * per, 1)}


async def taken(surveys: SurveysService, score: int) -> None:
    """A batch of answers is looked at, in a transaction of its own."""
    async with surveys.db.write() as tx:
        await surveys.cases.consider_many(tx, [answer(score) for _ in range(BATCH)])


async def escalated(surveys: SurveysService) -> dict[str, float]:
    """All cases are a month older at once: what each step costs."""
    async with surveys.db.write() as tx:
        result = await tx.execute(
            "UPDATE cases SET clock_from = clock_from - interval '30 days', next_step_at = now() "
            "WHERE status = 'open' AND next_step_at < '9000-01-01'"
        )
    begun, cpu = monotonic(), process_time()
    while await surveys.case_escalation.run():
        pass
    per = 1e6 / result.rowcount
    return {
        "cases": result.rowcount,
        "our_cpu_us": round((process_time() - cpu) * per, 1),
        "time_us": round((monotonic() - begun) * per, 1),
    }


async def main() -> None:
    """Run all of it and store what came out."""
    figures: dict[str, Any] = {}
    async with durable_postgres() as (url, _):
        db = Database(make_engine(url, schema="surveys", pool_size=8), schema="surveys", outbox=OutboxWriter())
        await upgrade(db.engine, trees_of([manifest]))
        surveys = SurveysService(db=db, clock=SystemClock(), zone=ZONE, settings=SurveysSettings())
        await prepared(surveys)
        figures["answer_without_case"] = await measured(BATCHES, BATCH, lambda: taken(surveys, 10))
        figures["case_opened"] = await measured(OPENED // BATCH, BATCH, lambda: taken(surveys, 1))
        figures["step_taken"] = await escalated(surveys)
        async with db.write() as tx:
            await tx.execute(FILL, {"inbox": INBOX})
            await tx.execute("ANALYZE cases")
        inbox, today = surveys.case_inbox, datetime.now(ZONE).date()
        for name, filters in (("by_due", Filters()), ("of_owner", Filters(owner="agent-3", statuses=["open"]))):
            read = lambda filters=filters: inbox.listed(filters, customer=None, words=None, after=None, limit=50)  # noqa: E731
            figures[f"page_{name}"] = await measured(20, 1, read)
        figures["counts"] = await measured(5, 1, inbox.counts)
        year = today - timedelta(days=299)
        figures["figures_of_300_days"] = await measured(5, 1, lambda: surveys.case_figures.of(year, today))
        await db.dispose()
    print(figures, file=sys.stderr)
    store("cases", {"inbox": INBOX, "batch": BATCH, **figures})


async def prepared(surveys: SurveysService) -> None:
    """A team of twenty, a ladder, a root cause."""
    settings, agents = surveys.case_settings, [f"agent-{each}" for each in range(20)]
    for agent in agents:
        await settings.put_agent(agent, AgentIn(), by="bench", if_match=None, idem=None)
    await settings.put_team("hotline", TeamIn(members=agents), by="bench", if_match=None, idem=None)
    said = {"ladder": LADDER, "assign": [{"to": "team", "name": "hotline"}]}
    body = PolicyIn.model_validate({**DEFAULT_DOCUMENT.model_dump(mode="json"), **said})
    await settings.put_policy(body, by="bench", if_match=None, idem=None)
    async with surveys.db.write() as tx:
        await tx.execute("INSERT INTO case_root_causes VALUES ('late', '{}', true, now(), 'bench')")


if __name__ == "__main__":
    asyncio.run(main())
