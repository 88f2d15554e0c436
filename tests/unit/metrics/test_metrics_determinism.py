"""One set of facts has one answer: whatever the seed of hashes, the zone of the machine and the time on its clock."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Folds orders of two days on which clocks are set, fits what came of it, and tells all of it to the last digit.
FIGURES = """
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo
import numpy as np
from services.metrics.domain.changes import Changes
from services.metrics.domain.models import betageo, gamma_gamma
from services.metrics.domain.models.histories import counted
from services.metrics.domain.purchases import history_of
from shared.events.orders import Order, Placing, Refund, Total

dice, told = random.Random(5), []
people = defaultdict(dict)
for zone in ("Europe/Berlin", "America/New_York", "Asia/Ho_Chi_Minh"):
    changes = Changes(ZoneInfo(zone))
    for number in range(600):
        who = UUID(int=dice.randrange(1, 200))
        at = datetime(2026, 3, 29, tzinfo=UTC) + timedelta(minutes=dice.randrange(300_000))
        placing = Placing(False, at, UUID(int=number), who)
        minor = dice.randrange(1_000, 90_000)
        back = {"r": Refund(at + timedelta(days=1), UUID(int=number), minor // 3, None)} if number % 7 == 0 else {}
        total = Total(at, UUID(int=number), minor, "VND")
        changes.replace(None, Order(placing, total, back, False))
    told.append(sorted(changes.money_changes()))
    for who, bought in changes.purchases.items():
        people[zone][who] = history_of(bought)
found = [each for each in people["Asia/Ho_Chi_Minh"].values() if each is not None]
told.append(sorted(map(str, found)))
rng = np.random.default_rng(3)
x = rng.integers(0, 9, 500)
age = rng.integers(200, 400, 500)
recency = np.where(x > 0, np.minimum(age - 1, 20 * x + rng.integers(0, 60, 500)), 0)
told.append(betageo.fit(counted(x, recency, age), "mbg_nbd").parameters)
told.append(gamma_gamma.fit(x[x > 0].astype(float), 1_000 * rng.gamma(4, 1, int((x > 0).sum()))).parameters)
print(repr(told))
"""
WORLDS = (
    {"PYTHONHASHSEED": "0", "TZ": "UTC"},
    {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu"},
    {"PYTHONHASHSEED": "random", "TZ": "America/New_York"},
)


def told_in(world: dict[str, str]) -> str:
    environ = {**os.environ, **world, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", FIGURES], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def told() -> str:
    return told_in(WORLDS[0])


@pytest.mark.parametrize("world", WORLDS[1:], ids=lambda world: world["TZ"])
def test_another_machine_says_the_same_to_the_last_digit(told: str, world: dict[str, str]):
    assert len(told) > 10_000
    assert told_in(world) == told
