"""How often alarms are false, how soon changes are found, and what looking costs. About a minute.

Shops are simulated for 40,000 days without a change, at shares from 0.1 % to half, an NPS, a mean score, with weekdays,
with people that are alike, with short and long bases: days between false alarms over those stated. A p-chart of the
same days (three standard deviations over the same base, one-sided: one false alarm in 741 days, it is said) stands
beside. Then changes of one and of two times the size that is looked for.

At last a database with two years in which on every day somebody bought who bought next on every other day: as full as
`cells` can be, however many customers there are. All watches are looked at, when a day has changed and when none has.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, process_time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from stand import cpu_seconds, descendants, durable_postgres, percentile, store

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "metrics"))

from alarm_simulation import MONDAY, Shop, find, share, simulate

from services.metrics.alarms.domain.path import Rule, walk
from services.metrics.alarms.domain.series import Series
from services.metrics.app import build
from services.metrics.app import service as metrics
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.events.topics import TOPICS
from shared.rights.marks import Seal
from shared.runtime.service import Parts
from shared.runtime.trees import trees_of

DAYS, SEED, RUNS = 40_000, 1, 100
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
CES = Shop("mean", 10, (0.05, 0.05, 0.1, 0.1, 0.2, 0.3, 0.2))
NPS = Shop("net", 10, (0.2, 0.3, 0.5))
QUIET = {
    "0.1 % of 10,000, up": (share(0.001, 10_000), Rule("up", 0.05, 100, 26)),
    "0.5 % of 2,000, up": (share(0.005, 2_000), Rule("up", 0.25, 100, 26)),
    "0.5 % of 2,000, down": (share(0.005, 2_000), Rule("down", 0.25, 100, 26)),
    "5 % of 100, up": (share(0.05, 100), Rule("up", 2, 100, 26)),
    "20 % of 50, up": (share(0.2, 50), Rule("up", 4, 100, 26)),
    "30 % of 20, up, ARL0 365": (share(0.3, 20), Rule("up", 5, 365, 26)),
    "60 % of 5, down": (share(0.6, 5), Rule("down", 10, 100, 26)),
    "NPS 30 of 10, down": (NPS, Rule("down", 15, 100, 26)),
    "CES 4.9 of 10, down": (CES, Rule("down", 0.5, 100, 26)),
    "8 weeks of base": (share(0.3, 20), Rule("up", 5, 100, 8)),
    "52 weeks of base": (share(0.3, 20), Rule("up", 5, 100, 52)),
    "weekdays": (share(0.3, 20, weekdays=0.6), Rule("up", 5, 100, 26)),
    "two risks, 80 % and 30 %": (Shop("share", 20, (0.5, 0.5), strata=(0.8, 0.3)), Rule("up", 5, 100, 26)),
    "alike: weeks vary twice as much": (share(0.3, 20, clumped=2.0), Rule("up", 5, 100, 26)),
}
CHANGED = {
    "30 % of 20, by 5": (share(0.3, 20), Rule("up", 5, 365, 26)),
    "NPS 30 of 10, by −15": (NPS, Rule("down", 15, 365, 26)),
    "CES 4.9 of 10, by −0.5": (CES, Rule("down", 0.5, 365, 26)),
}
CELLS = """
    INSERT INTO cells (kind, day, next_day, customers)
    SELECT kind, day, next_day, 1 + (day + next_day) % 40
    FROM unnest(ARRAY['day', 'repeat']) AS kind, generate_series(CAST(:first AS int), CAST(:last AS int)) AS day,
         generate_series(day + 1, CAST(:last AS int)) AS next_day
    UNION ALL
    SELECT kind, day, 2147483647, 100 + day % 20 FROM unnest(ARRAY['day', 'repeat']) AS kind,
         generate_series(CAST(:first AS int), CAST(:last AS int)) AS day"""


def p_chart(series: Series, weeks: int) -> float:
    """False alarms of a p-chart in a thousand days; of shares alone."""
    numbers, yes = series.numbers(), series.totals() / 100
    back = 7 * weeks
    sums = np.cumsum(np.stack([numbers, yes]), axis=1)
    base = (sums[:, back:-1] - sums[:, : -back - 1])[:, :]
    p, n = base[1] / base[0], numbers[back + 1 :]
    limit = p + 3 * np.sqrt(p * (1 - p) / np.maximum(n, 1))
    return float(1000 * (yes[back + 1 :] / np.maximum(n, 1) > limit).mean())


def quiet() -> dict[str, Any]:
    """Days between false alarms."""
    found: dict[str, Any] = {}
    for name, (shop, rule) in QUIET.items():
        series = simulate(shop, DAYS, np.random.default_rng(SEED))
        begun = process_time()
        path = walk(series, rule, MONDAY)
        spent = process_time() - begun
        told = sum(step.statistic is not None and not step.is_raised for step in path.steps) + len(path.episodes)
        alarms = len(path.episodes)
        found[name] = {
            "arl0": rule.arl0,
            "alarms": alarms,
            "measured_over_stated": round(told / alarms / rule.arl0, 2),
            "cpu_us_a_day": round(1e6 * spent / DAYS, 1),
        }
        if shop.form == "share":
            found[name]["p_chart_alarms_in_741_days"] = round(0.741 * p_chart(series, rule.base_weeks), 2)
        print(name, found[name], file=sys.stderr)
    return found


def changed() -> dict[str, Any]:
    """Days until a change is found."""
    found: dict[str, Any] = {}
    for name, (shop, rule) in CHANGED.items():
        for times in (1, 2):
            seen = find(shop, rule, RUNS, SEED, times=times)
            key = name if times == 1 else f"{name}, in truth twice as much"
            found[key] = {part: round(value, 2) for part, value in seen._asdict().items()}
            print(key, found[key], file=sys.stderr)
    return found


async def looking() -> dict[str, Any]:
    """What a look at all watches costs."""
    async with durable_postgres() as (url, pid):
        db = Database(make_engine(url, schema="metrics"), schema="metrics", outbox=OutboxWriter())
        await upgrade(db.engine, trees_of((metrics,)))
        bus = PostgresBus(url, sole=True)
        await bus.start()
        await bus.ensure_topics(TOPICS, partitions=1)
        parts = Parts(
            db=db, bus=bus, clock=SystemClock(), platform=PlatformSettings(), settings=None, seal=Seal(bytes(32))
        )
        service = build(parts)
        today = (datetime.now(UTC).astimezone(ZONE).date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days
        async with db.write() as tx:
            await tx.execute(CELLS, {"first": today - 730, "last": today})
        async with db.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.exec_driver_sql("VACUUM ANALYZE cells")
            cells = (await connection.exec_driver_sql("SELECT count(*) FROM cells")).scalar_one()
        found: dict[str, Any] = {"cells": cells, "watches": 5}
        for name, touch in (("a day has changed", True), ("none has changed", False)):
            seconds, ours, theirs = [], process_time(), cpu_seconds(descendants(pid))
            for number in range(5):
                if touch:
                    await db.call(
                        "UPDATE cells SET customers = customers + 1 WHERE day = :day RETURNING 1",
                        {"day": today - 200 - number},
                    )
                begun = monotonic()
                await service.watching.look()
                seconds.append(monotonic() - begun)
            found[name] = {
                "p50_ms": round(1e3 * percentile(seconds, 0.5), 1),
                "our_cpu_ms": round(200 * (process_time() - ours), 1),
                "backend_cpu_ms": round(200 * (cpu_seconds(descendants(pid)) - theirs), 1),
            }
        begun, ours = monotonic(), process_time()
        for _ in range(20):
            listed, _ = await service.alarms.listed(state=None, watch_id=None, after=None, limit=50)
        found["list"] = {
            "alarms": len(listed),
            "ms": round(50 * (monotonic() - begun), 1),
            "our_cpu_ms": round(50 * (process_time() - ours), 1),
        }
        print(found, file=sys.stderr)
        await bus.stop()
        await db.dispose()
    return found


async def main() -> None:
    """Measure all three."""
    store("alarms", {"quiet": quiet(), "changed": changed(), "looking": await looking()})


if __name__ == "__main__":
    asyncio.run(main())
