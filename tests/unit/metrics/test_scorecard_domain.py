"""Contributions sum to the change exactly; lights respect intervals; what one reads is written as people write it."""

from fractions import Fraction
from itertools import pairwise, permutations
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.domain.intervals import Interval
from services.metrics.gap.domain.gaps import Points
from services.metrics.satisfaction.domain.measures import CES, CSAT, NPS, read
from services.metrics.satisfaction.domain.scores import Counted, Item, Scores
from services.metrics.scorecard.domain import explaining
from services.metrics.scorecard.domain.decompose import Part, in_minor, mix_and_rate, shapley
from services.metrics.scorecard.domain.engagement import spells
from services.metrics.scorecard.domain.explaining import WITHHELD, Leaving, Trade
from services.metrics.scorecard.domain.lights import light, verdict
from services.metrics.scorecard.schemas.numbers import value_text
from services.metrics.scorecard.service.gaps import beside
from services.metrics.scorecard.service.taking import with_version

# A few dozen cases find what there is to find; a thousand cost seconds.
few = settings(max_examples=40)
SMALL = st.fractions(min_value=-50, max_value=50, max_denominator=40)


@few
@given(st.lists(st.tuples(SMALL, SMALL), min_size=1, max_size=4))
def test_shapley_is_the_mean_over_all_orders_and_sums_exactly(pairs: list[tuple[Fraction, Fraction]]):
    """The oracle walks every order of changing one factor after the other."""
    names = [f"f{number}" for number in range(len(pairs))]
    before, after = ({name: pair[when] for name, pair in zip(names, pairs, strict=True)} for when in (0, 1))

    def figure(values: dict[str, Fraction]) -> Fraction:
        product = Fraction(1)
        for name in names:
            product *= values[name]
        return product + values[names[0]] ** 2

    found = shapley(figure, before, after)

    walked = dict.fromkeys(names, Fraction(0))
    orders = list(permutations(names))
    for order in orders:
        now = dict(before)
        for name in order:
            old = figure(now)
            now[name] = after[name]
            walked[name] += (figure(now) - old) / len(orders)
    assert found == walked
    assert sum(found.values()) == figure(after) - figure(before)


WHOLES = st.dictionaries(
    st.sampled_from("abcde"), st.tuples(st.integers(0, 40), st.integers(-200, 200)), min_size=1, max_size=5
)


@few
@given(WHOLES, WHOLES)
def test_mix_and_rate_sum_to_the_change_of_the_mean(before: dict, after: dict):
    old, new = (
        {key: Part(Fraction(weight), Fraction(total if weight else 0)) for key, (weight, total) in parts.items()}
        for parts in (before, after)
    )
    if not all(sum(part.weight for part in parts.values()) for parts in (old, new)):
        with pytest.raises(ZeroDivisionError):
            mix_and_rate(old, new)
        return

    found = mix_and_rate(old, new)

    means = [
        sum((part.total for part in parts.values()), Fraction(0)) / sum(part.weight for part in parts.values())
        for parts in (old, new)
    ]
    assert sum((effect.both for effect in found.values()), Fraction(0)) == means[1] - means[0]
    for key, effect in found.items():
        if key not in old or key not in new or not old[key].weight or not new[key].weight:
            assert effect.rate == 0, "who was not there both times cannot have changed"


def test_a_part_that_only_grows_contributes_by_its_share_alone():
    found = mix_and_rate(
        {"good": Part(Fraction(50), Fraction(5000)), "bad": Part(Fraction(50), Fraction(0))},
        {"good": Part(Fraction(75), Fraction(7500)), "bad": Part(Fraction(25), Fraction(0))},
    )

    assert {key: (effect.mix, effect.rate) for key, effect in found.items()} == {
        "good": (Fraction(1, 4) * Fraction(75, 2), 0),
        "bad": (Fraction(1, 4) * Fraction(125, 2), 0),
    }


@few
@given(st.dictionaries(st.text(max_size=3), SMALL, min_size=1, max_size=6))
def test_minor_units_keep_the_sum_and_are_never_a_unit_off(parts: dict[str, Fraction]):
    rest = sum(parts.values(), Fraction(0))
    whole = parts | {"the rest": round(rest) - rest}

    found = in_minor(whole)

    assert sum(found.values()) == round(rest)
    assert all(abs(found[key] - whole[key]) < 1 for key in whole)
    assert in_minor(dict(reversed(whole.items()))) == found


def test_minor_units_of_a_fraction_are_refused():
    with pytest.raises(ValueError, match="fraction"):
        in_minor({"a": Fraction(1, 3), "b": Fraction(1, 3)})


TRADES = st.builds(Trade, st.integers(0, 30), st.integers(0, 60), st.integers(0, 10**12))


@few
@given(TRADES, TRADES)
def test_revenue_is_explained_in_whole_units_or_not_at_all(before: Trade, after: Trade):
    found = explaining.revenue(before, after, "VND")

    if not (before.buyers and before.orders and after.buyers and after.orders):
        assert (found.reason, found.parts) == ("empty_period", ())
        return
    assert sum(part.amount for part in found.parts) == after.minor - before.minor
    assert all(part.amount.denominator == 1 for part in found.parts)
    assert explaining.revenue(before, after, None).reason == "no_currency"


@few
@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_lapses_are_explained_exactly(then: int, new: int, silent: int, back: int):
    lapsed = min(then, silent)
    before, won_back = Leaving(then, lapsed), min(back, lapsed)
    after = Leaving(then + new, lapsed - won_back + min(silent, then - lapsed))

    found = explaining.lapse(before, after, won_back)

    assert found.change == Fraction(after.lapsed, after.customers) - Fraction(before.lapsed, before.customers)
    assert sum((part.amount for part in found.parts), Fraction(0)) == found.change
    by_name = {part.name: part.amount for part in found.parts}
    assert by_name["new_customers"] <= 0 <= by_name["newly_lapsed"]
    assert by_name["won_back"] <= 0


def scored(item: Item, weight: int, counts: dict[int, int]) -> Scores:
    found = Scores()
    found.add(item, Counted(item.id, "", weight, [counts.get(score, 0) for score in range(11)]))
    return found


COUNTS = st.dictionaries(st.integers(0, 10), st.integers(1, 9), max_size=5)


@few
@given(st.lists(st.tuples(COUNTS, COUNTS, st.sampled_from([1000, 2500])), min_size=1, max_size=3))
@pytest.mark.parametrize(("measure", "lowest", "highest"), [(NPS, 0, 10), (CSAT, 1, 5), (CES["mean"], 1, 7)])
def test_satisfaction_is_explained_as_it_is_measured(measure, lowest: int, highest: int, places: list):
    """What is explained is the very change that the figure shows, weights and all."""
    item = Item(UUID(int=1), 1, "q", lowest, highest, False)
    wholes: list[Scores] = []
    parts: list[dict[str, Scores]] = []
    for when in (0, 1):
        whole, by_place = Scores(), {}
        for number, place in enumerate(places):
            counts = {score: many for score, many in place[when].items() if lowest <= score <= highest}
            by_place[f"p{number}"] = scored(item, place[2], counts)
            whole.add(item, Counted(item.id, "", place[2], [counts.get(score, 0) for score in range(11)]))
        wholes.append(whole)
        parts.append(by_place)

    found = explaining.satisfaction("x", measure, parts[0], parts[1], {"p0"}, "touchpoint")

    before, after = (read(measure, each).value for each in wholes)
    if before is None or after is None:
        assert found.reason == "empty_period"
        return
    assert float(found.change) == pytest.approx(after - before, abs=1e-9)
    assert sum((part.amount for part in found.parts), Fraction(0)) == found.change
    names = {part.name for part in found.parts}
    assert "p0" not in names
    assert names <= {WITHHELD, "p1", "p2"}


LIGHTS = {
    "the value decides without an interval": (5.0, None, 5.0, "higher", "met"),
    "below is missed": (4.9, None, 5.0, "higher", "missed"),
    "lower is better": (0.1, None, 0.2, "lower", "met"),
    "more than allowed": (0.3, None, 0.2, "lower", "missed"),
    "all of the interval above": (40.0, (35.0, 45.0), 35.0, "higher", "met"),
    "all of it below": (40.0, (35.0, 45.0), 46.0, "higher", "missed"),
    "the target within": (40.0, (35.0, 45.0), 39.0, "higher", "cannot_say"),
    "the target within, lower": (0.2, (0.1, 0.3), 0.2, "lower", "cannot_say"),
    "surely low enough": (0.2, (0.1, 0.3), 0.3, "lower", "met"),
    "no value": (None, None, 5.0, "higher", "cannot_say"),
    "no target": (5.0, (1.0, 9.0), None, "higher", "no_target"),
}


@pytest.mark.parametrize("name", LIGHTS)
def test_a_light_is_as_sure_as_the_interval(name: str):
    value, ends, target, better, expected = LIGHTS[name]
    interval = None if ends is None else Interval(*ends)

    assert light(value, interval, target, better) == expected


def test_a_change_by_chance_is_neither_better_nor_worse():
    assert verdict(5.0, False, "higher") == "unclear"
    assert verdict(5.0, True, "higher") == "better"
    assert verdict(5.0, None, "lower") == "worse"
    assert verdict(0.0, False, "lower") == "same"
    assert verdict(None, None, "lower") is None


@few
@given(st.sets(st.integers(0, 120), max_size=8), st.integers(1, 40))
def test_spells_cover_the_days_on_which_somebody_is_active(days: set[int], window: int):
    covered = [day for start, end in spells(days, window) for day in range(start, end)]

    assert sorted(covered) == [day for day in range(170) if any(day - window < each <= day for each in days)]


@few
@given(st.lists(st.integers(1, 12), max_size=20))
def test_versions_are_counted_once_in_any_order(versions: list[int]):
    spans: list[tuple[int, int]] = []
    counted = []
    for version in versions:
        found = with_version(spans, version)
        if found is not None:
            spans = found
            counted.append(version)

    assert sorted(counted) == sorted(set(versions))
    assert [version for low, high in spans for version in range(low, high)] == sorted(set(versions))
    assert all(high < low for (_, high), (low, _) in pairwise(spans))


def test_one_gap_beside_another_is_as_wide_as_both():
    now, before = Points(30.0, Interval(20.0, 38.0)), Points(10.0, Interval(4.0, 13.0))

    found = beside(now, before)

    assert found.difference == 20.0
    assert found.interval.low == pytest.approx(20 - (10**2 + 3**2) ** 0.5)
    assert found.interval.high == pytest.approx(20 + (8**2 + 6**2) ** 0.5)
    assert found.p_value < 0.05


NUMBERS = {
    ("money", "VND", "1570010", "vi"): "1.570.010 VND",
    ("money", "USD", "1234.5", "en"): "1,234.50 USD",
    ("ratio", None, 0.28571, "vi"): "28,6 %",
    ("points", None, -33.333, "en"): "−33.3",
    ("count", None, 1234, "vi"): "1.234",
}


@pytest.mark.parametrize("given_", NUMBERS)
def test_numbers_are_written_as_people_write_them(given_: tuple):
    unit, currency, value, language = given_

    assert value_text({"unit": unit, "currency": currency}, language, value) == NUMBERS[given_]


def test_a_change_has_its_sign_and_zero_has_none():
    ratio = {"unit": "ratio", "currency": None}

    assert value_text(ratio, "en", 0.0512, is_change=True) == "+5.1 pp"
    assert value_text(ratio, "vi", -0.0512, is_change=True) == "−5,1 điểm %"
    assert value_text(ratio, "en", 0.00001, is_change=True) == "0.0 pp"
