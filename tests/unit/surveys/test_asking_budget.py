"""The contact budget against an oracle that looks at every window of a history."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.surveys.asking.domain.budget import Contact, Rule, broken, is_kept, longest

START = datetime(2026, 11, 22, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)
HOUR = 3_600


def contact(hours: float, *, survey: UUID = ONE, kind: str = "csat", key: int = 0, **rest: object) -> Contact:
    """A contact so many hours after the start; each of an invitation of its own, unless it says which."""
    at = START + timedelta(hours=hours)
    return Contact(at, survey, kind, "email", UUID(int=key or round(hours * 60) + 10**6), **rest)  # type: ignore[arg-type]


def worst_window(times: list[datetime], seconds: int) -> int:
    """The most that lie in any window of a length, whichever contact it begins with."""
    length = timedelta(seconds=seconds)
    return max((sum(start <= each < start + length for each in times) for start in times), default=0)


hours = st.lists(st.integers(0, 200), max_size=12)


@settings(max_examples=200, deadline=None)
@given(hours, st.integers(1, 4), st.integers(1, 72), st.integers(0, 48))
def test_no_window_ever_holds_more(asked_at: list[int], limit: int, window: int, gap: int):
    """Asked in any order, as clocks of several machines may have it: what was allowed keeps the rule everywhere."""
    rule = Rule("all", limit=limit, window_seconds=window * HOUR, gap_seconds=gap * HOUR)
    made: list[Contact] = []
    for number, each in enumerate(asked_at):
        asked = contact(each, key=number + 1)
        times = [one.at for one in (*made, asked)]
        apart = all(abs(one.at - asked.at) >= timedelta(hours=gap) for one in made)

        kept = is_kept(rule, made, asked)

        assert kept == (apart and worst_window(times, window * HOUR) <= limit)
        if kept:
            made.append(asked)
    assert worst_window([each.at for each in made], window * HOUR) <= limit


def test_a_window_ends_to_the_second():
    rule = Rule("all", limit=1, window_seconds=24 * HOUR)

    assert not is_kept(rule, [contact(0)], contact(23.999))
    assert is_kept(rule, [contact(0)], contact(24))
    assert not is_kept(rule, [contact(24)], contact(0.5))


def test_what_rules_are_about():
    nps, other = contact(0, kind="nps"), contact(0, survey=TWO)
    asked = contact(1, kind="nps")

    assert not is_kept(Rule("kind", "nps", 1, 24 * HOUR), [nps], asked)
    assert is_kept(Rule("kind", "nps", 1, 24 * HOUR), [other], asked)
    assert is_kept(Rule("kind", "ces", 1, 24 * HOUR), [nps], asked)
    assert not is_kept(Rule("survey", str(ONE), 1, 24 * HOUR), [nps], asked)
    assert is_kept(Rule("survey", str(ONE), 1, 24 * HOUR), [other], asked)


def test_a_reminder_counts_but_keeps_no_gap_to_its_own_invitation():
    invited = contact(0, key=7)
    reminder = contact(1, key=7, number=1)
    free = reminder._replace(is_counted=False)

    assert is_kept(Rule("all", gap_seconds=24 * HOUR), [invited], reminder)
    assert not is_kept(Rule("all", gap_seconds=24 * HOUR), [contact(0, key=8)], reminder)
    assert not is_kept(Rule("all", limit=1, window_seconds=24 * HOUR), [invited], reminder)
    assert is_kept(Rule("all", limit=1, window_seconds=24 * HOUR), [invited], free)
    # What a customer agreed to is about each word they get.
    assert not is_kept(Rule("channel", "email", 1, 24 * HOUR), [invited], free)


def test_the_first_broken_rule_is_told():
    rules = (Rule("all", limit=5, window_seconds=HOUR), Rule("all", gap_seconds=9 * HOUR))

    assert broken(rules, [contact(0)], contact(1)) == rules[1]
    assert broken(rules, [contact(0)], contact(9)) is None
    assert longest(rules) == timedelta(hours=9)
