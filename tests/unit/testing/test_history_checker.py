"""The checker of the fault tests finds what it is there to find."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.testing.history import Fact, History, Observed, check, expected_figures, expected_money
from shared.testing.shop import Customer

ZONE = timezone(timedelta(hours=7))


def life(name: str, facts: int) -> list[Fact]:
    customer = Customer(name, random.Random(name))
    return [customer.next_fact() for _ in range(facts)]


def told(facts: Sequence[Fact], unknown: Sequence[Fact] = ()) -> History:
    """A history in which `facts` were acknowledged and nobody knows of `unknown`."""
    history = History()
    for fact in facts:
        history.end("c", history.invoke("c", [fact]), "ok", "200")
    for fact in unknown:
        history.end("c", history.invoke("c", [fact]), "info", "ReadTimeout")
    return history


def held(facts: Sequence[Fact], **stages: Sequence[Fact]) -> Observed:
    """A platform that holds `facts` at every stage, but for what `stages` say."""
    kept = {"first": facts, "last": facts, **stages}
    return Observed(
        stages={stage: [fact.message_id for fact in mine] for stage, mine in kept.items()},
        money_stages=frozenset({"last"}),
        money=expected_money(kept["first"], ZONE),
        figures=expected_figures(kept["first"]),
    )


FACTS = [fact for pair in zip(life("a", 30), life("b", 30), strict=True) for fact in pair]


def test_a_clean_run_has_no_problem():
    verdict = check(told(FACTS), held(FACTS), ZONE)

    assert verdict.problems() == []
    assert (verdict.acknowledged, verdict.recorded, verdict.unknown_recorded) == (60, 60, 0)


def test_what_is_unknown_may_be_there_or_not():
    maybe = life("c", 2)

    assert check(told(FACTS, maybe), held(FACTS), ZONE).problems() == []
    there = check(told(FACTS, maybe), held([*FACTS, *maybe]), ZONE)
    assert there.problems() == []
    assert there.unknown_recorded == 2


@pytest.mark.parametrize("stage", ["first", "last"])
def test_an_acknowledged_fact_that_is_nowhere_is_lost(stage: str):
    verdict = check(told(FACTS), held(FACTS, **{stage: FACTS[:-1]}), ZONE)

    assert verdict.lost[stage] == {FACTS[-1].message_id}
    assert verdict.number("lost") == 1


def test_what_is_recorded_must_go_all_the_way_also_if_nobody_was_told():
    maybe = life("c", 1)
    verdict = check(told(FACTS, maybe), held([*FACTS, *maybe], last=FACTS), ZONE)

    assert verdict.lost["last"] == {maybe[0].message_id}


def test_what_nobody_sent_is_a_phantom():
    assert check(told(FACTS[1:]), held(FACTS), ZONE).phantom["last"] == {FACTS[0].message_id}


def test_a_second_effect_is_doubled():
    verdict = check(told(FACTS), held(FACTS, last=[*FACTS, FACTS[7]]), ZONE)

    assert verdict.doubled["last"] == {FACTS[7].message_id}
    assert verdict.disordered["last"] == set()


def test_a_later_fact_of_a_customer_before_an_earlier_one_is_disorder():
    mine = [fact for fact in FACTS if fact.customer == "a"]
    swapped = [*mine[:5], mine[6], mine[5], *mine[7:], *(fact for fact in FACTS if fact.customer == "b")]

    assert check(told(FACTS), held(FACTS, last=swapped), ZONE).disordered["last"] == {"a"}
    assert check(told(FACTS), held(FACTS, first=swapped), ZONE).number("disordered") == 0


def test_who_identifies_shows_where_touchpoints_do_and_nowhere_in_the_money():
    buyer = Customer("b", random.Random(1), visitor="v")
    facts = [buyer.next_fact() for _ in range(60)]
    money = [fact for fact in facts if fact.kind != "identified"]

    assert len(money) == 59
    assert check(told(facts), held(facts, last=money), ZONE).problems() == []
    assert check(told(facts), held(money), ZONE).number("lost") == 1


def test_an_amount_that_is_off_by_one_is_found():
    seen = held(FACTS)
    day, sums = next(iter(seen.money.items()))
    wrong = replace(seen, money={**seen.money, day: (sums[0], sums[1] + 1, sums[2])})

    (problem,) = check(told(FACTS), wrong, ZONE).problems()
    assert "day_money" in problem


def test_a_figure_that_differs_is_found():
    wrong = replace(held(FACTS), figures={**expected_figures(FACTS), "orders": 1})

    (problem,) = check(told(FACTS), wrong, ZONE).problems()
    assert "summary orders" in problem


def test_answers_that_no_fault_excuses_are_problems():
    history = told(FACTS)
    history.problems.append("HTTP 500: oops")

    assert check(history, held(FACTS), ZONE).problems() == ["HTTP 500: oops"]


def fact(sequence: int, kind: str, minor: int, *, day: int, order: str = "o-1") -> Fact:
    at = datetime(2024, 5, day, 20, tzinfo=UTC)
    return Fact(f"m-{sequence}", "x", sequence, kind, order, minor, "USD", at)  # type: ignore[arg-type]  # a literal


MONEY: Mapping[str, tuple[list[Fact], dict[tuple[int, int], tuple[int, int, int]]]] = {
    "the last total holds": (
        [fact(0, "placed", 1000, day=1), fact(1, "changed", 400, day=3)],
        {(5, 2): (1, 400, 0)},
    ),
    "refunds end at the total": (
        [fact(0, "placed", 1000, day=1), fact(1, "refunded", 700, day=2), fact(2, "refunded", 700, day=3)],
        {(5, 2): (1, 1000, 0), (5, 3): (0, 0, 700), (5, 4): (0, 0, 300)},
    ),
    "two orders of one local day": (
        [fact(0, "placed", 1000, day=1), fact(1, "placed", 5, day=1, order="o-2")],
        {(5, 2): (2, 1005, 0)},
    ),
}


@pytest.mark.parametrize("case", MONEY)
def test_money_by_brute_force(case: str):
    """20:00 UTC is the next day at UTC+7."""
    facts, expected = MONEY[case]

    found = expected_money(facts, ZONE)

    assert {(day.month, day.day): sums for (day, _), sums in found.items()} == expected
