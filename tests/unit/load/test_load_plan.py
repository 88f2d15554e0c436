"""The traffic: the same for the same seed, at its rate, in believable shares, and timed from when it was due."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import httpx
import pytest

from shared.errors import UserError
from shared.load import pace
from shared.load.acts import Ask, Buy, Claim, Reply, Say, weight
from shared.load.chance import stream, zipf
from shared.load.drive import Drive
from shared.load.firm import Terms
from shared.load.journal import Journal
from shared.load.order import Order
from shared.load.plan import plan
from shared.load.profiles import PROFILES
from shared.load.watch import Watch
from shared.load.wire import Wire

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
TERMS = Terms("CODE", "c", "s", "f", 5, "r", "g", earns=True)


def order(profile: str = "shop", seed: int = 1, **fields: object) -> Order:
    asked = {"rate": 50.0, "customers": 200, "seconds": 20.0, "start": START, **fields}
    return Order(profile, seed, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_same_seed_is_the_same_traffic(profile: str):
    first, again, other = (list(plan(order(profile, seed))) for seed in (1, 1, 2))

    assert first == again
    assert [each.act for each in first[:20]] != [each.act for each in other[:20]]


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_each_event_has_an_id_of_its_own_unless_it_is_sent_again(profile: str):
    acts = [each.act for each in plan(order(profile))]
    once = [call["messageId"] for act in acts if isinstance(act, Say) and not act.again for call in act.calls]

    assert len(once) == len(set(once))
    assert max(map(len, once)) <= 100


def test_it_keeps_to_the_rate_and_to_one_visit_at_a_time():
    planned = list(plan(order(rate=200.0, seconds=60.0)))

    assert sum(weight(each.act) for each in planned) == pytest.approx(12_000, rel=0.1)
    assert [each.due for each in planned] == sorted(each.due for each in planned)
    assert planned[-1].due < 60
    assert len({each.lane for each in planned}) > 100


def test_a_shop_does_all_that_shops_do():
    acts = [each.act for each in plan(order(rate=400.0, seconds=120.0, customers=3_000))]
    told = Counter(call.get("event", call["type"]) for act in acts if isinstance(act, Say) for call in act.calls)

    assert {type(act).__name__ for act in acts} == {"Say", "Buy", "Answer", "Consent", "Claim", "Refer", "Ask", "Reply"}
    assert {"page", "identify", "Product Viewed", "Order Completed", "Order Refunded", "Order Cancelled"} <= set(told)
    assert told["page"] > told["Product Added"] > told["Order Refunded"] > 0
    assert any(isinstance(act, Buy) and act.points and act.has_voucher for act in acts)


def test_a_wave_asks_each_once_and_some_answer_after_they_were_asked():
    planned = list(plan(order(rate=400.0, seconds=120.0, customers=3_000)))
    asked = {each.act.key: each for each in planned if isinstance(each.act, Ask)}
    replies = [each for each in planned if isinstance(each.act, Reply)]
    waits = sorted(each.due - asked[each.act.key].due for each in replies if isinstance(each.act, Reply))

    assert len(asked) == sum(isinstance(each.act, Ask) for each in planned) == pytest.approx(480, rel=0.2)
    assert 0.25 < len(replies) / len(asked) < 0.45
    assert waits[0] >= 0
    assert 2 < waits[len(waits) // 2] < 9
    assert waits[-1] > 15
    assert all(asked[each.act.key].lane == each.lane for each in replies if isinstance(each.act, Reply))


def test_profiles_differ_in_what_they_are_about():
    flash = [each.act for each in plan(order("flash", seconds=60.0))]
    sdk = [each.act for each in plan(order("sdk", seconds=60.0))]

    assert sum(isinstance(act, Claim) for act in flash) > len(flash) / 8
    assert sum(isinstance(act, Say) and act.again for act in sdk) > len(sdk) / 10
    times = [datetime.fromisoformat(act.calls[0]["timestamp"]) for act in sdk if isinstance(act, Say)]
    assert min(times) < START - timedelta(days=1)
    assert times != sorted(times)


def test_days_gone_by_end_now():
    times = [
        datetime.fromisoformat(call["timestamp"])
        for each in plan(order(days=100, seconds=30.0))
        if isinstance(each.act, Say)
        for call in each.act.calls
        if "timestamp" in call
    ]

    assert START - timedelta(days=101) < min(times) < START - timedelta(days=98)
    assert max(times) <= START


def test_a_day_is_busy_in_the_evening_and_asleep_at_four():
    hours = [pace.of_hour(datetime(2026, 11, 22, hour, tzinfo=pace.ZONE)) for hour in range(24)]

    assert sum(hours) / 24 == pytest.approx(1)
    assert max(range(24), key=hours.__getitem__) in (20, 21)
    assert min(range(24), key=hours.__getitem__) in (3, 4)


@pytest.mark.parametrize("exponent", [0.5, 0.8, 1.0, 1.1])
def test_some_ranks_come_much_more_often(exponent: float):
    chance = stream("zipf")
    times = Counter(zipf(chance, 1_000, exponent) for _ in range(20_000))

    assert set(times) <= set(range(1_000))
    assert times[0] > times[99] > 0
    # Rank 10 is drawn (1/10)^exponent as often as the first, near enough: it is a continuous curve.
    assert times[9] / times[0] == pytest.approx(10**-exponent, rel=0.6)


def test_a_journal_that_was_cut_off_is_read_up_to_there(tmp_path: Path):
    journal = Journal(tmp_path / "j")
    journal.begin({"order": order().document()})
    journal.settle(3, {"refused": "sold_out"})
    journal.note(4, {"paid": 5})
    journal.close()
    whole = (tmp_path / "j").read_bytes()
    (tmp_path / "j").write_bytes(whole + b'[5,{"pa')

    again = Journal(tmp_path / "j")
    again.settle(5, {})
    again.close()
    once_more = Journal(tmp_path / "j")
    once_more.close()

    assert Order.of(once_more.head["order"]) == order()
    assert once_more.settled == {3: {"refused": "sold_out"}, 5: {}}
    assert once_more.noted == {4: {"paid": 5}}
    (tmp_path / "k").write_text("order_id,total\n1,2\n")
    with pytest.raises(UserError, match="no journal"):
        Journal(tmp_path / "k")


@asynccontextmanager
async def stalling(seconds: float) -> AsyncIterator[Wire]:
    """A platform that answers nothing for so long, and then at once."""
    opened = monotonic() + seconds

    async def answer(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(max(0.0, opened - monotonic()))
        return httpx.Response(200, json={"accepted": 1, "rejected": []})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://tam.test") as client:
        yield Wire([client], "w", "s")


async def test_a_stall_is_felt_by_all_that_was_due_in_it(tmp_path: Path):
    """A closed loop would see one slow answer for each connection, and call the stall rare."""
    journal = Journal(tmp_path / "j")
    # Calls alone: what else there is asks for answers of a real platform.
    calls = [each for each in plan(order("sdk", rate=300.0, seconds=1.0)) if isinstance(each.act, Say)]
    async with stalling(0.5) as wire:
        drive = Drive(wire, TERMS, journal, Watch.of(1))
        await drive.run(calls)
    journal.close()

    waits = drive.timing.waits["say"]
    due_in_it = [each for each in calls if each.due - calls[0].due < 0.4]
    assert len(waits) == len(calls)
    assert sum(wait > 0.09 for wait in waits) >= len(due_in_it)
    assert max(waits) >= 0.45


async def test_what_nobody_answers_is_given_up_and_said(tmp_path: Path):
    async def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503, json={"code": "busy"}, headers={"Retry-After": "0"})

    journal = Journal(tmp_path / "j")
    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse), base_url="http://tam.test") as client:
        drive = Drive(Wire([client], "w", "s", patience_seconds=0.05), TERMS, journal, Watch.of(1))
        await drive.run(list(plan(order("sdk", seconds=0.1))))
    journal.close()

    assert all("503" in result["unknown"] for result in journal.settled.values())
    assert journal.settled
