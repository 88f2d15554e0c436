"""A day at work, without misfortunes: `TAM_TEST_SOAK` seconds of shop traffic at `TAM_TEST_SOAK_RATE` events a second.

Memory stays flat, nobody falls behind, all that was sent is what the platform says, and what is rebuilt from the log
is what there was. What was seen is kept as JSON and as a picture, in `TAM_TEST_SOAK_RESULTS` if that names a folder.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from installation import Install, Installation
from load_run import PEPPER, Traffic, traffic
from soak_picture import facts, picture
from soak_watch import Moment, Watch

from shared.load.judge import Verdict
from shared.runtime.progress import digest, empty_projection
from shared.testing.platform import PlatformProcess

SECONDS = float(os.environ.get("TAM_TEST_SOAK", "0"))
# About half of what one worker of all services does with the log on Kafka; the result says how much of a core it was.
RATE = float(os.environ.get("TAM_TEST_SOAK_RATE", "50"))
RESULTS = os.environ.get("TAM_TEST_SOAK_RESULTS")
# So often memory is read; a short run is looked at sixty times too.
LOOK_SECONDS = min(5.0, max(0.2, SECONDS / 60))
MOST_GROWTH = 1.05
# To replay half an hour's events on a machine with other work.
REPLAY_SECONDS = SECONDS + 300


@pytest.fixture
async def firm(install: Install, database_url: str) -> AsyncIterator[Installation]:
    async with install(database_url, **PEPPER) as made:
        yield made


async def digests(firm: Installation) -> dict[str, str]:
    """A digest of every table that is a function of the log, of all services."""
    return {
        f"{service.name}.{table}": found
        for service, db in firm.databases
        for projection in service.projections
        for table, found in (await digest(db, projection.tables)).items()
        if (service.name, table) != ("tally", "journal")
    }


async def watched(firm: Installation, processes: dict[str, PlatformProcess], load: Traffic) -> Watch:
    """Look at it for as long as was asked for."""
    watch, began = Watch(RATE), monotonic()
    while (at := monotonic() - began) < SECONDS:
        await watch.look(at, firm, processes, load)
        await asyncio.sleep(LOOK_SECONDS)
    return watch


async def rebuilt(firm: Installation) -> dict[str, str]:
    """The digests after every projection was emptied and read from the log again."""
    for service, db in firm.databases:
        for projection in service.projections:
            await empty_projection(db, projection)
    await firm.settled(patience_seconds=REPLAY_SECONDS)
    return await digests(firm)


def kept(folder: Path, firm: Installation, watch: Watch, verdict: Verdict, sent: dict[str, Any]) -> Path:
    """The result as JSON and as a picture; where."""
    bus = "kafka" if "TAM_KAFKA_BOOTSTRAP_SERVERS" in firm.environ else "postgresql"
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": {"bus": bus, "seconds": SECONDS, "rate": RATE, "seed": firm.seed, **sent},
        "verdict": verdict.document(),
        "watch": watch.document(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"soak-{bus}.json"
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")
    path.with_suffix(".svg").write_text(picture(facts(document), document["watch"]["seen"]), encoding="utf-8")
    return path


@pytest.mark.long
@pytest.mark.skipif(SECONDS == 0, reason="TAM_TEST_SOAK says for how many seconds")
@pytest.mark.timeout(SECONDS * 2 + 1_800)
async def test_a_long_day(firm: Installation, tmp_path: Path):
    processes = {role: firm.process(role=role) for role in ("api", "worker")}
    for each in processes.values():
        await each.start()
    async with traffic(firm, [processes["api"]], rate=RATE, customers=2_000) as load:
        watch = await watched(firm, processes, load)
        verdict = await load.judged(at_most=1_000, patience_seconds=300)
        sent = load.session.document(verdict)["sent"]
        print(f"{load.story()}; {sent}")
    print(f"kept in {kept(Path(RESULTS) if RESULTS else tmp_path, firm, watch, verdict, sent)}")

    await firm.settled(patience_seconds=300)
    live = await digests(firm)
    again = await rebuilt(firm)

    print(f"{verdict.persons} people, {verdict.events} events, {len(live)} tables equal after a replay")
    assert verdict.differences == []
    assert not watch.falls_behind()
    assert {name: grown for name in processes if (grown := watch.growth(name)) > MOST_GROWTH} == {}
    assert {name for name in live if live[name] != again[name]} == set()


def seen(memory: list[float], behind: list[int]) -> Watch:
    """A watch that has looked every five seconds."""
    looks = enumerate(zip(memory, behind, strict=True))
    return Watch(
        50, [Moment(n * 5.0, {"worker": size}, {"worker": n * 2.0}, n * 250, late) for n, (size, late) in looks]
    )


def test_the_watch_sees_what_grows():
    """A watch that sees nothing would call every day a good one."""
    leaks = seen([100 + number / 2 for number in range(60)], list(range(0, 60_000, 1_000)))
    flat = seen([100.0 + number % 3 for number in range(60)], [number % 7 for number in range(60)])

    assert leaks.growth("worker") > MOST_GROWTH
    assert leaks.drift("worker") == pytest.approx(360)
    assert leaks.falls_behind()
    assert flat.growth("worker") == pytest.approx(1, abs=0.02)
    assert flat.drift("worker") == pytest.approx(0, abs=5)
    assert not flat.falls_behind()
    assert flat.cores("worker") == pytest.approx(0.4)


def test_the_picture_shows_each_process():
    watch = seen([100.0] * 60, [3] * 60).document()
    run = {"seconds": 300.0, "events": 15_000, "bus": "kafka"}

    drawn = picture(facts({"run": run, "watch": watch}), watch["seen"])

    assert drawn.count("<polyline") == 3
    assert "5 min, 15,000 events, log on kafka; worker 0.40 cores; memory worker ×1.000" in drawn
