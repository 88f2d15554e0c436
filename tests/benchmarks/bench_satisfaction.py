"""NPS by each breakdown over 5,000,000 answers of 2,000,000 people, and how fast answers are taken in. Some minutes.

The tables are filled in bulk with what the consumer would have written: eight surveys over two years, on four channels,
about ten touchpoints, with fifty of the staff, in twenty segments. What the sums say is held to what the answers
themselves say. Then answers are handed to the use case that the consumer calls, in batches of one partition.
"""

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic, process_time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import create_async_engine
from stand import cpu_seconds, descendants, durable_postgres, percentile, store

from services.metrics.app import service as metrics
from services.metrics.domain.calendar import day_number
from services.metrics.freshness.service import Freshness
from services.metrics.satisfaction.domain.query import Query
from services.metrics.satisfaction.domain.seen import Seen
from services.metrics.satisfaction.domain.tally import item_id, slot_id
from services.metrics.satisfaction.repository.sums import SCORE_COLUMNS, name_slots
from services.metrics.satisfaction.service.figures import Satisfaction
from services.metrics.satisfaction.service.taking import Taking
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock
from shared.db.engine import Database, async_url, make_engine
from shared.db.migrate import upgrade
from shared.events.catalogue.surveys import AnsweredScore, SurveyAnswered
from shared.events.envelope import Event
from shared.ids import derived_id, uuid7
from shared.runtime.trees import trees_of

ANSWERS, DAYS, SURVEYS = 5_000_000, 730, 8
BATCH, BATCHES = 1_000, 10
RUNS = 7
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
TODAY = datetime.now(UTC).astimezone(ZONE).date()
FIRST = TODAY - timedelta(days=DAYS - 1)
DIMENSIONS = {
    "channel": "a.channel",
    "locale": "a.locale",
    "touchpoint": "a.touchpoint",
    "stage": "a.stage",
    "staff": "a.staff",
    "segment": "CAST(a.segment AS text)",
}
SURVEY_IDS = [derived_id("bench", str(number)) for number in range(SURVEYS)]

# Once without an index, for the sums; what was answered in the last two months is stored as answers too.
FILL_PLAIN = """
    CREATE UNLOGGED TABLE plain AS
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid) AS response_id,
           CAST(lpad(to_hex(abs(hashint8(n)) % :people), 32, 'a') AS uuid) AS customer,
           CAST(:first AS timestamptz) + (abs(hashint8(n + 1)) % (:days * 86400)) * INTERVAL '1 second' AS at,
           1 + abs(hashint8(n + 2)) % 8 AS survey,
           (ARRAY['email', 'link', 'widget', 'api'])[1 + n % 4] AS channel, (ARRAY['vi', 'en'])[1 + n % 2] AS locale,
           't-' || abs(hashint8(n + 3)) % 10 AS touchpoint, 's-' || abs(hashint8(n + 4)) % 5 AS stage,
           'p-' || abs(hashint8(n + 5)) % 50 AS staff,
           CAST(abs(hashint8(n + 6)) % 11 AS int) AS score
    FROM generate_series(CAST(1 AS bigint), :answers) AS n"""
FILL_DAYS = """
    CREATE UNLOGGED TABLE dated AS
    SELECT p.*, (CAST(:items AS uuid[]))[p.survey] AS item, (CAST(:surveys AS uuid[]))[p.survey] AS survey_id,
           (CAST(:segments AS uuid[]))[1 + abs(hashtext(CAST(p.customer AS text))) % 20] AS segment,
           (at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date - DATE '1970-01-01' AS day,
           (lead(at) OVER w AT TIME ZONE 'Asia/Ho_Chi_Minh')::date - DATE '1970-01-01' AS next_day
    FROM plain p WINDOW w AS (PARTITION BY customer, survey ORDER BY at, response_id)"""
FILL_ANSWERS = """
    INSERT INTO survey_answers
    SELECT response_id, 1, customer, at, survey_id, 1, 'complete', false, channel, locale, touchpoint, stage, staff,
           1000, ARRAY['nps'], ARRAY[score]
    FROM dated WHERE day >= :since"""
FILL_SEGMENTS = """
    INSERT INTO segment_members SELECT DISTINCT customer, segment FROM dated WHERE day >= :since"""
COUNTS = ", ".join(f"count(*) FILTER (WHERE a.score = {score})" for score in range(11))
MONTH = "date_trunc('month', DATE '1970-01-01' + {0})::date - DATE '1970-01-01'"
SUMS = ", ".join(f"sum({name})" for name in SCORE_COLUMNS)


def passes() -> Iterator[tuple[str, str]]:
    """The statements that fill the sums, by name."""
    for dimension, value in DIMENSIONS.items():
        of = f"FROM dated a JOIN score_slots k ON k.item = a.item AND k.dimension = '{dimension}' AND k.value = {value}"
        yield (
            f"days by {dimension}",
            f"INSERT INTO score_days SELECT k.slot, false, a.day, 0, 1000, {COUNTS} {of} GROUP BY 1, 3 ORDER BY 1, 3",
        )
        of += " WHERE a.next_day IS NOT NULL GROUP BY 1, 3"
        yield (
            f"days followed by {dimension}",
            f"INSERT INTO score_days SELECT k.slot, false, a.day, -15, 1000, {COUNTS} {of} ORDER BY 1, 3",
        )
        yield (
            f"followed by {dimension}",
            f"INSERT INTO score_followed SELECT k.slot, false, a.day, a.next_day, 15, 1000, {COUNTS} {of}, 4 "
            "ORDER BY 1, 3, 4",
        )
    day, after = MONTH.format("day"), MONTH.format("next_day")
    yield (
        "months",
        f"INSERT INTO score_days SELECT slot, true, {day}, kind, weight, {SUMS} FROM score_days GROUP BY 1, 3, 4, 5",
    )
    yield (
        "followed months",
        f"INSERT INTO score_followed SELECT slot, true, {day}, {after}, modes, weight, {SUMS} "
        "FROM score_followed GROUP BY 1, 3, 4, 5, 6",
    )
    asked = ", ".join(f"sum({' + '.join(SCORE_COLUMNS)})" for _ in range(5))
    yield (
        "asked",
        f"INSERT INTO ask_days SELECT i.survey_id, dimension, value, is_month, day, {asked} "
        "FROM score_days s JOIN score_slots k USING (slot) "
        "JOIN unnest(CAST(:items AS uuid[]), CAST(:surveys AS uuid[])) AS i(item, survey_id) "
        "USING (item) WHERE dimension <> 'locale' AND kind = 0 "
        "GROUP BY 1, 2, 3, 4, 5",
    )


async def fill(db: Database, answers: int) -> None:
    """What the consumer would have written."""
    ids = list(SURVEY_IDS)
    asked = [["nps", "nps", 0, 10]]
    async with db.write() as tx:
        for survey in ids:
            await tx.execute(
                "INSERT INTO survey_versions VALUES (:id, 1, 'customers', NULL, NULL, false, :questions)",
                {"id": survey, "questions": str(asked).replace("'", '"')},
            )
    segments = [derived_id("bench-segment", str(number)) for number in range(20)]
    items = [item_id(survey, 1, "nps") for survey in ids]
    first = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=ZONE)
    since = {"since": day_number(TODAY) - 60}
    index = "CREATE INDEX score_followed_next ON score_followed (slot, is_month, next_day)"
    names = "SELECT DISTINCT item, dimension, value FROM dated, LATERAL (VALUES {}) AS v(dimension, value)".format(
        ", ".join(f"('{dimension}', {value.replace('a.', '')})" for dimension, value in DIMENSIONS.items())
    )
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("plain", FILL_PLAIN, {"people": max(1, answers * 2 // 5), "first": first, "days": DAYS, "answers": answers}),
        ("dated", FILL_DAYS, {"surveys": ids, "items": items, "segments": segments}),
        ("answers", FILL_ANSWERS, since),
        ("segments", FILL_SEGMENTS, since),
        ("slots", names, {}),
        ("index away", "DROP INDEX score_followed_next", {}),
        *((name, sql, {"items": items, "surveys": ids} if name == "asked" else {}) for name, sql in passes()),
        ("index back", index, {}),
        ("done", "DROP TABLE plain, dated", {}),
    ]
    for name, sql, values in steps:
        begun = monotonic()
        async with db.write() as tx:
            await tx.execute("SET LOCAL work_mem = '512MB'")
            if name == "slots":
                await name_slots(tx, {slot_id(*each): (*each,) for each in await tx.execute(sql)})
            else:
                await tx.execute(sql, values)
        print(f"{name}: {monotonic() - begun:.1f} s", file=sys.stderr)


def slow_database(url: str) -> Database:
    """One whose statements may take minutes."""
    connect = {"server_settings": {"search_path": "metrics"}, "command_timeout": 3600}
    return Database(create_async_engine(async_url(url), connect_args=connect), schema="metrics")


async def analyse(db: Database) -> None:
    """Statistics, and visibility maps, as autovacuum would have made them."""
    async with db.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.exec_driver_sql("VACUUM ANALYZE")


def n_of(seen: Seen) -> int:
    """How many answers it was of."""
    total = seen.report.total
    return 0 if total is None or total.reading is None else total.reading.n


async def reads(satisfaction: Satisfaction, postgres: int) -> dict[str, Any]:
    """Milliseconds and CPU of NPS by each breakdown, over all days and over the last 90."""
    found: dict[str, Any] = {}
    bys: list[Any] = [None, "survey", "channel", "locale", "touchpoint", "stage", "staff", "segment"]
    odd = FIRST + timedelta(days=17)
    for by in bys:
        for label, first, last in (("two years", odd, TODAY), ("90 days", TODAY - timedelta(days=89), TODAY)):
            query, seconds = Query("nps", by=by), []
            seen = await satisfaction.figure(query, first=first, last=last)
            ours, backend = process_time(), cpu_seconds(descendants(postgres))
            for _ in range(RUNS):
                begun = monotonic()
                await satisfaction.figure(query, first=first, last=last)
                seconds.append(monotonic() - begun)
            found[f"by {by or 'nothing'}, {label}"] = {
                "p50_ms": round(percentile(seconds, 0.5) * 1e3, 1),
                "worst_ms": round(max(seconds) * 1e3, 1),
                "our_cpu_ms": round((process_time() - ours) / RUNS * 1e3, 1),
                "backend_cpu_ms": round((cpu_seconds(descendants(postgres)) - backend) / RUNS * 1e3, 1),
                "n": n_of(seen),
                "groups": len(seen.report.groups),
            }
            print(by, label, found[f"by {by or 'nothing'}, {label}"], file=sys.stderr)
    return found


async def two_dimensions(satisfaction: Satisfaction) -> dict[str, Any]:
    """What is read from the answers themselves: it takes longer, and must say the same."""
    first = TODAY - timedelta(days=29)
    begun = monotonic()
    both = await satisfaction.figure(Query("nps", by="staff", filters={"channel": "email"}), first=first)
    took = monotonic() - begun
    alone = await satisfaction.figure(Query("nps", filters={"channel": "email"}), first=first)
    assert n_of(both) == n_of(alone), "sums and answers differ"
    return {"staff within a channel, 30 days, ms": round(took * 1e3), "n": n_of(both)}


def some_answers(dice: Random) -> list[Event[Any]]:
    """A batch of answers given just now, by people of whom every other has answered before."""
    now, found = datetime.now(UTC), []
    for _ in range(BATCH):
        data = SurveyAnswered(
            response_id=uuid7(),
            revision=1,
            survey_id=SURVEY_IDS[dice.randrange(SURVEYS)],
            version=1,
            state="complete",
            scores=(AnsweredScore("nps", dice.randrange(11)),),
            channel="email",
            locale="vi",
            touchpoint=f"t-{dice.randrange(10)}",
            stage=f"s-{dice.randrange(5)}",
            staff_id=f"p-{dice.randrange(50)}",
        )
        key = UUID(f"{dice.randrange(1 << 20):x}".rjust(32, "a")) if dice.random() < 0.5 else uuid7()
        found.append(Event(uuid7(), key, now, now, data))
    return found


async def rate(db: Database, postgres: int) -> dict[str, int]:
    """Answers a second, and CPU of each."""
    taking, dice = Taking(ZONE), Random(1)
    batches = [some_answers(dice) for _ in range(BATCHES + 1)]
    for number, batch in enumerate(batches):
        if number == 1:
            begun, ours, backend = monotonic(), process_time(), cpu_seconds(descendants(postgres))
        async with db.write() as tx:
            await taking.take(tx, batch)
    total = BATCH * BATCHES
    return {
        "per_second": round(total / (monotonic() - begun)),
        "our_cpu_us": round((process_time() - ours) / total * 1e6),
        "backend_cpu_us": round((cpu_seconds(descendants(postgres)) - backend) / total * 1e6),
    }


async def main() -> None:
    """Fill, read, take in."""
    answers = int(sys.argv[1]) if len(sys.argv) > 1 else ANSWERS
    async with durable_postgres() as (url, postgres):
        db = Database(make_engine(url, schema="metrics", pool_size=4), schema="metrics")
        await upgrade(db.engine, trees_of((metrics,)))
        await fill(slow_database(url), answers)
        await analyse(db)
        clock = SystemClock()
        satisfaction = Satisfaction(db, clock, ZONE, Freshness(PostgresBus(url, sole=True), clock, ()))
        figures: dict[str, Any] = {"answers": answers, "days": [str(FIRST), str(TODAY)]}
        figures["reads"] = await reads(satisfaction, postgres)
        figures["two dimensions"] = await two_dimensions(satisfaction)
        figures["taken in"] = await rate(db, postgres)
        print(figures["two dimensions"], figures["taken in"], file=sys.stderr)
        async with db.read() as tx:
            for table in ("survey_answers", "score_days", "score_followed"):
                size = "SELECT pg_total_relation_size(:name) / 1000000"
                figures[f"{table}_mb"] = (await tx.execute(size, {"name": table})).scalar_one()
        assert day_number(TODAY) > 0
        await db.dispose()
    store("satisfaction", figures)


if __name__ == "__main__":
    asyncio.run(main())
