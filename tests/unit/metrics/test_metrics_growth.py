"""Earned growth: the book's worked example, and the identity that nothing is lost in."""

from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.earned.domain.growth import CLASSES, Band, Class, Growth
from services.metrics.earned.domain.joining import chosen_in, earned_options, reason
from services.metrics.earned.schemas import GrowthOut
from shared.events.catalogue.surveys import AnsweredScore, AskedQuestion, SurveyAnswered, SurveyPublished


def growth(before: int, **now: int) -> Growth:
    return Growth(before, {kind: now.get(kind, 0) for kind in CLASSES})


def test_the_book_s_worked_example():
    """Winning on Purpose, appendix B: 85 % + 25 % − 100 % = 10 %; of 30 % growth, a third is earned, 20 % bought."""
    found = growth(100, returning=85, earned=25, bought=20)

    assert found.of_before(found.now["returning"]) == Fraction(85, 100)
    assert found.of_before(found.now["earned"]) == Fraction(25, 100)
    assert found.rate == Band(Fraction(10, 100), Fraction(10, 100))
    assert found.growth == Fraction(30, 100)
    assert found.ratio == Band(Fraction(10, 30), Fraction(10, 30))
    assert found.of_before(found.now["bought"]) == Fraction(20, 100)


def test_the_book_s_worked_example_as_it_is_shown():
    out = GrowthOut.of("USD", growth(10_000, returning=8_500, earned=2_500, bought=2_000))

    assert (out.net_revenue_retention.value, out.earned_new_customers.low.value) == (0.85, 0.25)
    assert out.earned_growth_rate.low.value == out.earned_growth_rate.high.value == 0.10
    assert (out.earned_growth_rate.low.numerator, out.earned_growth_rate.low.denominator) == ("10.00", "100.00")
    assert out.revenue_growth.value == 0.30
    assert out.earned_growth_ratio.low.value is not None
    assert f"{out.earned_growth_ratio.low.value:.0%}" == "33%"
    assert (out.earned_growth_ratio.low.numerator, out.earned_growth_ratio.low.denominator) == ("10.00", "30.00")
    assert out.bought_new_customers.low.value == 0.20
    assert out.cannot_say is None


def test_what_is_not_known_is_a_band():
    """The same firm, of half of whose new customers it is not known why they came."""
    out = GrowthOut.of("VND", growth(100, returning=85, earned=12, bought=10, unknown=23))

    assert (out.earned_growth_rate.low.value, out.earned_growth_rate.high.value) == (-0.03, 0.20)
    assert (out.earned_new_customers.low.value, out.earned_new_customers.high.value) == (0.12, 0.35)
    assert (out.bought_new_customers.low.value, out.bought_new_customers.high.value) == (0.10, 0.33)
    assert out.unknown_new_customers.value == 0.23
    assert out.revenue_growth.value == 0.30


@pytest.mark.parametrize("before", [0, -5], ids=["nothing", "more went back than came"])
def test_without_a_base_nothing_is_said(before: int):
    out = GrowthOut.of("VND", growth(before, returning=5, unknown=7))

    assert out.cannot_say is not None
    assert out.revenue_now == "12"
    rates = (out.net_revenue_retention, out.earned_growth_rate.low, out.earned_growth_ratio.high, out.revenue_growth)
    assert [each.value for each in rates] == [None] * 4
    assert {each.cannot_say.code for each in rates if each.cannot_say is not None} == {"no_base"}
    assert all(each.cannot_say is not None for each in rates)


def test_of_a_firm_that_shrinks_no_part_of_growth_is_earned():
    out = GrowthOut.of("VND", growth(100, returning=80, earned=10))

    assert out.earned_growth_rate.low.value == -0.10
    assert out.cannot_say is None
    for end in (out.earned_growth_ratio.low, out.earned_growth_ratio.high):
        assert (end.value, end.cannot_say and end.cannot_say.code) == (None, "no_growth")


MINOR = st.integers(-(10**12), 10**15)


@given(st.integers(1, 10**15), st.fixed_dictionaries(dict.fromkeys(CLASSES, MINOR)))
def test_all_parts_make_the_whole_exactly(before: int, now: dict[Class, int]):
    found = Growth(before, now)
    enc, others = found.of_before(now["earned"]), ("bought", "unknown", "reactivated")

    without_unknown = found.of_before(now["returning"]) + enc - 1
    assert found.growth == without_unknown + sum(found.of_before(now[kind]) for kind in others)  # type: ignore[index]
    assert found.rate.low <= without_unknown <= found.rate.high
    assert found.rate.high - found.rate.low == found.of_before(abs(now["unknown"]))


def asked(purpose: str = "joining") -> SurveyPublished:
    why = AskedQuestion("why", "single", options=("friend", "ad", "press"), earned=("friend", "press"))
    return SurveyPublished.model_validate(
        {
            "survey_id": UUID(int=1),
            "version": 1,
            "purpose": purpose,
            "questions": (why, AskedQuestion("nps", "nps", 0, 10)),
        }
    )


def answered(*chosen: str, **changes: object) -> SurveyAnswered:
    scores = (AnsweredScore("why", chosen=chosen), AnsweredScore("nps", 9))
    fields: dict[str, object] = {"response_id": UUID(int=2), "revision": 1, "survey_id": UUID(int=1), "version": 1}
    fields |= {"state": "complete", "scores": scores, "channel": "link", "locale": "vi"}
    return SurveyAnswered.model_validate(fields | changes)


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (("friend",), "earned"),
        (("ad",), "bought"),
        (("friend", "press"), "earned"),
        (("friend", "ad"), None),
        ((), None),
    ],
    ids=["friend", "advertisement", "twice earned", "both", "nothing"],
)
def test_why_somebody_came(chosen: tuple[str, ...], why: str | None):
    earned = earned_options(asked())

    assert earned == {"why": ["friend", "press"]}
    assert reason(earned, chosen_in(answered(*chosen))) == why


def test_only_surveys_of_new_customers_ask_why():
    assert earned_options(asked("customers")) is None


@pytest.mark.parametrize("changes", [{"state": "withdrawn"}, {"verification": "inferred"}], ids=str)
def test_what_does_not_count_says_nothing(changes: dict[str, object]):
    assert chosen_in(answered("friend", **changes)) == {}
