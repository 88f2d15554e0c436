"""What was believed at a moment, and whether the live figures are what the log says: rebuilt beside them."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from metrics_world import NOW, HandClock, cancelled, changed, fact, merged, placed, refunded
from satisfaction_world import answered, published
from sqlalchemy import text
from subscription_world import ended, started
from test_scorecard_facts import opened, points

from services.cli.past_figures import known, told
from services.cli.rebuilt import verified
from services.metrics.app import service as metrics
from services.metrics.subscriptions.domain.policy import Policy
from shared.bus.base import OutRecord
from shared.db.engine import Database
from shared.events.catalogue.touchpoints import OrderRefunded
from shared.events.envelope import Event, encode
from shared.rights.marks import Seal
from shared.runtime.rebuilding import Rebuilt, rebuilding, verify
from shared.runtime.service import Parts
from shared.testing.platform import Running, running_platform


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (metrics,), clock=HandClock(), currency="VND") as platform:
        yield platform


async def publish(running: Running, events: list[Event[Any]]) -> None:
    records = [OutRecord(event.data.topic.name, event.subject.bytes, encode(event)) for event in events]
    await running.platform.bus.append(records)
    await running.settled()


@asynccontextmanager
async def beside(running: Running) -> AsyncIterator[Rebuilt]:
    bus, settings = running.platform.bus, running.platform.settings

    def parts(db: Database) -> Parts:
        return Parts(db, bus, HandClock(), settings, None, Seal(bytes(32)))

    async with rebuilding(metrics, running.platform.database_url, bus, parts) as rebuilt:
        yield rebuilt


async def silent(left: int) -> None:
    assert left >= 0


def learnt(event: Event[Any], days_ago: int) -> Event[Any]:
    return event._replace(recorded=NOW - timedelta(days=days_ago))


def a_life(dice: random.Random) -> list[Event[Any]]:
    """Orders that are changed, refunded, cancelled and learnt of late; answers; a merge. Each learnt on some day."""
    events: list[Event[Any]] = [learnt(published("s", ("nps", "nps", 0, 10)), 300)]
    for number in range(40):
        who, day = f"u-{dice.randrange(12)}", dice.randrange(1, 200)
        at = NOW - timedelta(days=day)
        own = [placed(f"o{number}", who, at, dice.randrange(1, 90) * 1000, "VND")]
        if dice.random() < 0.3:
            own.append(changed(f"o{number}", who, at + timedelta(hours=1), 5000, "VND"))
        if dice.random() < 0.3:
            own.append(refunded(f"o{number}", who, at + timedelta(hours=9), 700, currency="VND"))
        if dice.random() < 0.1:
            own.append(cancelled(f"o{number}", who, at + timedelta(hours=2)))
        events += [learnt(each, dice.randrange(day)) for each in own]
    for number in range(25):
        day = dice.randrange(1, 80)
        said = answered(f"r{number}", f"u-{dice.randrange(12)}", NOW - timedelta(days=day), nps=dice.randint(0, 10))
        events.append(learnt(said, dice.randrange(day)))
    events.append(learnt(merged("u-1", "u-2", 1), 30))
    # On the log in the order in which they were learnt, as the relay sends them.
    return sorted(events, key=lambda event: event.recorded)


def known_then(events: list[Event[Any]], moment: datetime) -> list[Event[Any]]:
    return [event for event in events if event.recorded <= moment]


@pytest.mark.parametrize("seed", [1])
async def test_what_was_known_at_a_moment_is_what_a_service_said_that_had_heard_no_more(running: Running, seed: int):
    """The oracle is the live service itself, asked before the rest of the facts came."""
    dice = random.Random(seed)
    events, moment = a_life(dice), NOW - timedelta(days=dice.choice((20, 45)))
    early = known_then(events, moment)
    assert 0 < len(early) < len(events)
    value = running.platform.value("metrics")
    await publish(running, early)
    day = moment.date()
    believed = await told(value, day, 90, "VND")
    await publish(running, events[len(early) :])
    known_now = await told(value, day, 90, "VND")

    found = await known(running.platform.settings, moment, day, 90, "VND")

    assert found.pop("known_at") == moment.isoformat()
    for each in (believed, found, known_now):
        without_ages(each)
    assert found == believed
    assert found != known_now, "what came later changed nothing, so this showed nothing"


def without_ages(document: Any) -> None:
    if isinstance(document, dict):
        document.pop("staleness_seconds", None)
        for each in document.values():
            without_ages(each)


async def test_a_live_projection_is_what_the_log_says(running: Running):
    events = a_life(random.Random(7))
    more = [points("earned", "u-1", 1, 100, NOW - timedelta(days=4)), opened("k", "u-3", NOW, NOW + timedelta(days=1))]
    nonsense = OrderRefunded(order_id="o1", refund_id="x", amount_minor=-5, currency="VND", source="web")
    await publish(running, [*events, *more, fact(nonsense, "u-1", NOW)])

    async with beside(running) as rebuilt:
        verdicts = await verify(rebuilt, running.platform.units["metrics"].db, silent)
        schemas = await schemas_of(running)
        dead = rebuilt.dead

    assert [each.table for each in verdicts if not each.is_same] == []
    filled = {each.table for each in verdicts if each.live_rows}
    assert filled >= {
        "orders",
        "activity",
        "cells",
        "survey_answers",
        "score_days",
        "wallet_days",
        "complaints",
        "identity",
    }
    assert dead == 1, "a fact that no live consumer could take was taken here"
    assert len(schemas) == 1
    assert await schemas_of(running) == []


async def schemas_of(running: Running) -> list[str]:
    async with running.platform.units["metrics"].db.engine.connect() as connection:
        return list(
            (
                await connection.execute(text("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%rebuilt%'"))
            ).scalars()
        )


async def test_a_difference_is_told_by_its_first_row(running: Running, capsys: pytest.CaptureFixture[str]):
    await publish(running, a_life(random.Random(8)))
    db = running.platform.units["metrics"].db
    async with db.write() as tx:
        first = "(SELECT min(day) FROM day_money)"
        await tx.execute(f"UPDATE day_money SET gross_minor = gross_minor + 1 WHERE day = {first}")
        await tx.execute("DELETE FROM survey_answers WHERE ctid = (SELECT min(ctid) FROM survey_answers)")

    async with beside(running) as rebuilt:
        verdicts = {each.table: each for each in await verify(rebuilt, db, silent)}
    is_same = await verified(running.platform.settings, metrics)
    said = capsys.readouterr().err
    async with db.read() as tx:
        changed_row = (await tx.execute("SELECT row::text FROM day_money AS row ORDER BY day LIMIT 1")).scalar_one()

    different = {name for name, each in verdicts.items() if not each.is_same}
    assert different == {"day_money", "survey_answers"}
    assert verdicts["day_money"].only_live == changed_row
    assert verdicts["day_money"].only_rebuilt is not None
    answers = verdicts["survey_answers"]
    assert (answers.only_live, answers.live_rows) == (None, answers.rebuilt_rows - 1)
    assert answers.only_rebuilt is not None
    assert not is_same
    assert f"first row that only the live one has: {changed_row}" in said
    assert said.count("DIFFERENT") == 2


async def test_facts_that_come_meanwhile_are_no_difference(running: Running):
    events = a_life(random.Random(9))
    await publish(running, events[:30])
    came = False

    async def meanwhile(left: int) -> None:
        nonlocal came
        if not came:
            came = True
            await publish(running, events[30:])

    async with beside(running) as rebuilt:
        verdicts = await verify(rebuilt, running.platform.units["metrics"].db, meanwhile)

    assert came
    assert [each.table for each in verdicts if not each.is_same] == []
    assert sum(each.live_rows for each in verdicts if each.table == "orders") == 40


async def test_what_the_firm_decided_is_taken_along(running: Running):
    """Subscriptions are counted by the firm's policy, which is in no log: also while history is counted anew."""
    began = NOW - timedelta(days=40)
    facts = [started(f"s-{number}", f"u-{number}", began) for number in range(9)]
    facts += [ended(f"s-{number}", f"u-{number}", NOW - timedelta(days=9), ends_at=NOW) for number in range(4)]
    await publish(running, facts)
    rules = running.platform.value("metrics").subscription_rules
    await rules.decide(Policy(recognition="at_request"), None)
    pending = await replace(rules, at_once=2).decide(Policy(recognition="at_period_end", dunning_days=None), None)

    async with beside(running) as rebuilt:
        verdicts = await verify(rebuilt, running.platform.units["metrics"].db, silent)

    assert [each.table for each in verdicts if not each.is_same] == []
    assert {each.table: each.live_rows for each in verdicts}["subscription_spells"] == 1
    assert b'"is_counted":false' in pending.body
