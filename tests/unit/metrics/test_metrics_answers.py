"""Whoever looks at a card again does not wait for it, and nobody is shown one that is too old."""

import asyncio

import pytest

from shared.runtime import answers
from shared.runtime.answers import Answers


class Writer:
    """Writes 1, 2, 3, … as it is let."""

    def __init__(self) -> None:
        self.number = 0
        self.may = asyncio.Event()
        self.may.set()

    async def write(self) -> bytes:
        self.number += 1
        mine = self.number
        await self.may.wait()
        return str(mine).encode()


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(answers, "monotonic", lambda: now[0])
    return now


async def test_one_card_is_written_for_all_who_wait(moment: list[float]):
    kept, writer = Answers(), Writer()
    writer.may.clear()
    asking = [asyncio.create_task(kept.get("q", writer.write, is_slow=True)) for _ in range(3)]
    await asyncio.sleep(0)
    asking[0].cancel()
    writer.may.set()

    assert await asyncio.gather(*asking[1:]) == [(b"1", 0), (b"1", 0)]
    moment[0] += 4
    assert await kept.get("q", writer.write, is_slow=True) == (b"1", 4)
    assert await kept.get("other", writer.write, is_slow=True) == (b"2", 0)


async def test_an_older_card_is_shown_while_the_next_is_written(moment: list[float]):
    kept, writer = Answers(), Writer()
    await kept.get("q", writer.write, is_slow=True)
    moment[0] += 30
    writer.may.clear()

    assert await kept.get("q", writer.write, is_slow=True) == (b"1", 30)
    assert await kept.get("q", writer.write, is_slow=True) == (b"1", 30)
    await asyncio.sleep(0)
    writer.may.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert await kept.get("q", writer.write, is_slow=True) == (b"2", 0)
    moment[0] += 61
    assert await kept.get("q", writer.write, is_slow=True) == (b"3", 0)


async def test_what_was_begun_before_a_target_changed_is_not_shown_after(moment: list[float]):
    kept, writer = Answers(), Writer()
    writer.may.clear()
    old = asyncio.create_task(kept.get("q", writer.write, is_slow=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    kept.forget()
    new = asyncio.create_task(kept.get("q", writer.write, is_slow=True))
    await asyncio.sleep(0)
    writer.may.set()

    assert await old == (b"1", 0)
    assert await new == (b"2", 0)
    assert await kept.get("q", writer.write, is_slow=True) == (b"2", 0)


async def test_what_is_quickly_written_is_written_for_each_who_asks(moment: list[float]):
    kept, writer = Answers(), Writer()

    assert [await kept.get("q", writer.write) for _ in range(2)] == [(b"1", 0), (b"2", 0)]


async def test_what_takes_long_is_shown_for_twenty_times_as_long(moment: list[float], monkeypatch: pytest.MonkeyPatch):
    kept, writer, spent = Answers(), Writer(), iter((0.0, 0.1, 1.0, 1.1))
    monkeypatch.setattr(answers, "thread_time", lambda: next(spent))

    assert await kept.get("q", writer.write) == (b"1", 0)
    moment[0] += 1.9
    assert await kept.get("q", writer.write) == (b"1", 1)
    moment[0] += 0.2
    # Who asks now is shown the old one; the next asker is shown the new.
    assert await kept.get("q", writer.write) == (b"1", 2)
    for _ in range(3):
        await asyncio.sleep(0)
    assert await kept.get("q", writer.write) == (b"2", 0)


async def test_a_card_that_failed_is_tried_again():
    kept, writer = Answers(), Writer()

    async def fail() -> bytes:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await kept.get("q", fail)
    assert await kept.get("q", writer.write, is_slow=True) == (b"1", 0)
