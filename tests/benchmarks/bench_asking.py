"""Facts a second that twenty active surveys are asked about, and candidates a second that are decided. Half a minute.

On a PostgreSQL that syncs each commit, worker and server on the same cores, each batch in one transaction.

* evaluation: records of touchpoints and orders are decoded and asked of every policy, as the consumer does: twenty
  surveys with a trigger, conditions and what takes back; one fact in ten makes a candidate;
* the same where every fact makes one;
* naive: each fact is asked of each policy in turn, in Python, without a plan, and nothing is stored;
* decisions: candidates of different people, decided in passes of two hundred, with consent, segment, sample, budget.

Afterwards candidates are recounted: asked and all other reasons sum to what was proposed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic, process_time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from stand import cpu_seconds, descendants, store

from services.surveys.app import service as manifest
from services.surveys.asking.domain.fact import fact_of
from services.surveys.asking.domain.plan import Plan
from services.surveys.asking.repository import policies as policy_rows
from services.surveys.asking.schemas.policy import AskingIn, ContactRulesIn
from services.surveys.definitions.domain.library import ready
from services.surveys.definitions.schemas.survey import DraftIn
from services.surveys.service import SurveysService
from services.surveys.settings import SurveysSettings
from shared.clock import SystemClock
from shared.db.cluster import running
from shared.db.embedded import EmbeddedServer
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.events.catalogue.profiles import ConsentChanged, SegmentEntered
from shared.events.catalogue.touchpoints import OrderCancelled, OrderPlaced, TouchpointRecorded
from shared.events.envelope import Catalogue, Event, encode
from shared.ids import user_key, uuid7
from shared.runtime.garbage import tune
from shared.runtime.trees import trees_of
from shared.testing.postgres import scratch_folder

SURVEYS = 20
BATCH = 2_000
PEOPLE = 50_000
SECONDS = 6.0
SEGMENT = UUID("0197a000-0000-7000-8000-00000000beef")
CATEGORIES = tuple(f"c-{number}" for number in range(SURVEYS * 5))
OTHERS = ("Product Viewed", "Product Added", "Checkout Started", "Page Viewed", "Products Searched")


class Firm:
    """Surveys at one database, and what happens to customers as it comes from the bus."""

    def __init__(self, url: str, postgres: int) -> None:
        self.postgres = postgres
        self.db = Database(make_engine(url, schema="surveys", pool_size=8), schema="surveys", outbox=OutboxWriter())
        self.service = SurveysService(
            db=self.db, clock=SystemClock(), zone=ZoneInfo("Asia/Ho_Chi_Minh"), settings=SurveysSettings()
        )
        self.catalogue = Catalogue((TouchpointRecorded, OrderPlaced, OrderCancelled))
        self.random = Random(7)

    async def open(self) -> None:
        """Twenty surveys, each after the delivery of another category; everybody agreed and is in the segment."""
        rules = {"version": 0, "budget": [{"limit": 2, "window_days": 30, "gap_days": 7}], "quiet": None}
        await self.service.asking_policies.put_rules(ContactRulesIn.model_validate(rules), by="bench", idem=None)
        for number in range(SURVEYS):
            body = DraftIn.model_validate({**ready("after_delivery")["survey"], "name": f"survey {number}"})
            made = await self.service.editing.create(body, by="bench", idem=None)
            survey_id = UUID(orjson.loads(made.body)["id"])
            await self.service.editing.publish(survey_id, note="", by="bench", if_match=None, idem=None)
            where = [
                {"property": "category", "value": CATEGORIES[number]},
                {"property": "total", "op": "gte", "value": 1},
            ]
            trigger = {"id": "delivered", "name": "Order Delivered", "where": where, "delay": {"seconds": 0}}
            terms = {
                "version": 0,
                "triggers": [trigger],
                "cancel_if": [{"on": "order_cancelled"}],
                "segments_any": [str(SEGMENT)],
                "share": 0.5,
                "priority": number,
                "stale_after_seconds": 30 * 86_400,
            }
            await self.service.asking_policies.put(survey_id, AskingIn.model_validate(terms), by="bench", idem=None)
        for start in range(0, PEOPLE, BATCH):
            people = [user_key(f"u-{number}") for number in range(start, start + BATCH)]
            now = datetime.now(UTC)
            agreed = ConsentChanged(purpose="surveys", channel="email", state="granted", version=1)
            entered = SegmentEntered(segment_id=SEGMENT, segment_version=1, cause="fact")
            async with self.db.write() as tx:
                await self.service.hearing.consents(tx, [Event(uuid7(), each, now, now, agreed) for each in people])
                await self.service.hearing.moves(tx, [Event(uuid7(), each, now, now, entered) for each in people])

    def records(self, share: float) -> list[bytes]:
        """Facts as they stand in the log; so many of them make a candidate."""
        made, now = [], datetime.now(UTC) + timedelta(seconds=1)
        for _ in range(BATCH):
            person, draw = user_key(f"u-{self.random.randrange(PEOPLE)}"), self.random.random()
            data: Any
            if draw < share:
                category = self.random.choice(CATEGORIES[:SURVEYS])
                properties = {"order_id": f"o-{self.random.randrange(10**9)}", "category": category, "total": 90_000}
                data = TouchpointRecorded(source="web", call="track", name="Order Delivered", properties=properties)
            elif draw < share + (1 - share) * 0.2:
                data = OrderPlaced(
                    order_id=f"o-{self.random.randrange(10**9)}", total_minor=5, currency="VND", source="web"
                )
            else:
                properties = {"product_id": "p-1", "category": self.random.choice(CATEGORIES), "total": 1}
                data = TouchpointRecorded(
                    source="web", call="track", name=self.random.choice(OTHERS), properties=properties
                )
            made.append(encode(Event(uuid7(), person, now, now, data)))
        return made

    async def hear(self, records: Sequence[bytes]) -> None:
        """One batch, as the worker delivers it."""
        events: list[Any] = [self.catalogue.decode(each) for each in records]
        async with self.db.write() as tx:
            await self.service.hearing.facts(tx, events)

    async def naive(self, records: Sequence[bytes]) -> None:
        """Each fact asked of each policy by itself: twenty plans of one."""
        events: list[Any] = [self.catalogue.decode(each) for each in records]
        async with self.db.read() as tx:
            found = await policy_rows.current(
                tx, [each.survey_id for each in await self.service.definitions.active(tx)]
            )
        plans = [Plan((each,), self.service.zone) for each in found.values()]
        for event in events:
            for plan in plans:
                list(plan.proposed(fact_of(event)))

    async def count(self, condition: str = "true") -> int:
        """Candidates."""
        async with self.db.read() as tx:
            return int((await tx.execute(f"SELECT count(*) FROM candidates WHERE {condition}")).scalar_one())


async def measured(
    firm: Firm, share: float, work: Callable[[Sequence[bytes]], Awaitable[None]], seconds: float
) -> dict[str, Any]:
    """Facts a second, and what one costs us and PostgreSQL."""
    done, ours, theirs, spent, before = 0, 0.0, 0.0, 0.0, await firm.count()
    end = monotonic() + seconds
    while monotonic() < end:
        records = firm.records(share)
        began, mine, its = monotonic(), process_time(), cpu_seconds(descendants(firm.postgres))
        await work(records)
        spent += monotonic() - began
        ours += process_time() - mine
        theirs += cpu_seconds(descendants(firm.postgres)) - its
        done += len(records)
    return {
        "facts": done,
        "per_second": round(done / spent),
        "our_cpu_us_each": round(ours / done * 1e6, 1),
        "postgres_cpu_us_each": round(theirs / done * 1e6, 1),
        "candidates": await firm.count() - before,
    }


async def decided(firm: Firm, seconds: float) -> dict[str, Any]:
    """Candidates a second that are decided."""
    await asyncio.sleep(1.5)
    done, began, mine, its = 0, monotonic(), process_time(), cpu_seconds(descendants(firm.postgres))
    while monotonic() < began + seconds and (number := await firm.service.deciding.run()):
        done += number
    spent = monotonic() - began
    all_of_them, left = await firm.count(), await firm.count("reason IS NULL")
    asked, others = await firm.count("reason = 'asked'"), await firm.count("reason <> 'asked'")
    assert asked + others + left == all_of_them
    assert asked > 0
    assert others > 0
    return {
        "decided": done,
        "per_second": round(done / spent),
        "our_cpu_us_each": round((process_time() - mine) / done * 1e6, 1),
        "postgres_cpu_us_each": round((cpu_seconds(descendants(firm.postgres)) - its) / done * 1e6, 1),
        "asked": asked,
        "not_asked": others,
    }


async def main() -> None:
    """Measure, print, keep."""
    with scratch_folder() as folder:
        server = EmbeddedServer(folder)
        url = await server.start()
        try:
            found = running((folder / "pg").resolve() / "data")
            assert found is not None
            firm = Firm(url, found[0])
            await upgrade(firm.db.engine, trees_of([manifest]))
            await firm.open()
            await firm.hear(firm.records(0.1))
            # As the platform does it once all is open.
            tune()
            results = {
                "naive": await measured(firm, 0.1, firm.naive, SECONDS / 2),
                "one_in_ten": await measured(firm, 0.1, firm.hear, SECONDS),
                "every_fact": await measured(firm, 1.0, firm.hear, SECONDS),
                "decisions": await decided(firm, SECONDS),
            }
            await firm.db.dispose()
        finally:
            await server.stop()
    print(orjson.dumps(results, option=orjson.OPT_INDENT_2).decode())
    store("asking", results)


if __name__ == "__main__":
    asyncio.run(main())
