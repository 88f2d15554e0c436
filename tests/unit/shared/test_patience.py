"""Waiting at the start for what is started beside us."""

import pytest

from shared.errors import UserError
from shared.runtime import patience
from shared.runtime.patience import patiently


class Dependency:
    """Something that answers at the n-th time."""

    def __init__(self, answers_at: int) -> None:
        self.answers_at, self.asked = answers_at, 0

    async def ask(self) -> str:
        self.asked += 1
        if self.asked < self.answers_at:
            raise UserError(f"It is not there yet, {self.asked // 3}.")
        return "here"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 0.001)


async def test_what_comes_later_is_waited_for_and_each_reason_is_told_once(capsys: pytest.CaptureFixture[str]):
    dependency = Dependency(answers_at=6)

    assert await patiently(30, dependency.ask) == "here"
    assert dependency.asked == 6
    told = capsys.readouterr()
    assert (told.out + told.err).count("start_waits") == 2


async def test_patience_ends_with_the_last_reason():
    dependency = Dependency(answers_at=1_000_000)

    with pytest.raises(UserError, match="It is not there yet"):
        await patiently(0.05, dependency.ask)
    assert dependency.asked > 1


async def test_without_patience_it_is_asked_once():
    dependency = Dependency(answers_at=2)

    with pytest.raises(UserError):
        await patiently(0, dependency.ask)
    assert dependency.asked == 1
