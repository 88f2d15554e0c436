"""What clicks come to: nothing speaks against a person, something does, or it was a machine."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.surveys.pages.domain.clicks import Click, Visitor, is_within, judge, signals_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PERSON = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile Safari/604.1"


def click(second: float = 0, score: int | None = 9, **rest: Any) -> Click:
    values = {"question_id": None if score is None else "nps", "address": b"a", "agent": b"b", "signals": (), **rest}
    return Click(at=NOON + timedelta(seconds=second), score=score, **values)


def signals(**rest: Any) -> list[str]:
    values = {"address": "203.0.113.7", "agent": PERSON, "method": "GET", "has_language": True, **rest}
    trap, hours = values.pop("is_trap", False), values.pop("after", timedelta(hours=1))
    networks = [ip_network("52.0.0.0/8"), ip_network("2001:db8::/32")]
    return list(signals_of(Visitor(**values), is_trap=trap, since_delivery=hours, networks=networks))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, []),
        ({"method": "HEAD"}, ["head"]),
        ({"has_language": False}, ["no_language"]),
        ({"agent": ""}, ["machine_agent"]),
        ({"agent": "python-httpx/0.28"}, ["machine_agent"]),
        ({"agent": "Mozilla/5.0 HeadlessChrome/146"}, ["machine_agent"]),
        ({"address": "52.1.2.3"}, ["datacentre"]),
        ({"address": "::ffff:52.1.2.3"}, ["datacentre"]),
        ({"address": "2001:db8::9"}, ["datacentre"]),
        ({"address": "testclient"}, []),
        ({"is_trap": True}, ["trap"]),
        ({"after": timedelta(seconds=59)}, ["soon"]),
        ({"after": timedelta(seconds=-5)}, ["soon"]),
    ],
    ids=range(13),
)
def test_a_request_says_something_of_whoever_sent_it(given: dict[str, Any], said: list[str]):
    assert signals(**given) == said


def test_what_is_no_address_is_in_no_network():
    assert not any(is_within(text, [ip_network("0.0.0.0/0")]) for text in ("", "x", "1.2.3", "1.2.3.4.5", ":"))


@pytest.mark.parametrize(
    ("clicks", "verdict", "reasons"),
    [
        ([click()], "clean", ()),
        ([click(), click(40)], "clean", ()),
        ([click(0, 9), click(1, 8)], "machine", ("several_scores",)),
        ([click(0, 9), click(90_000, 8)], "machine", ("several_scores",)),
        ([click(0, None, signals=("trap",)), click(2, 9)], "machine", ("trap",)),
        ([click(signals=("soon",))], "doubtful", ("soon",)),
        ([click(signals=("soon", "no_language"))], "machine", ("no_language", "soon")),
        ([click(), click(5, agent=b"other")], "doubtful", ("several_agents",)),
        ([click(), click(5, address=b"other")], "doubtful", ("several_addresses",)),
    ],
    ids=range(9),
)
def test_clicks_come_to_a_verdict(clicks: list[Click], verdict: str, reasons: tuple[str, ...]):
    found = judge(clicks)

    assert (found.verdict, found.reasons) == (verdict, reasons)


SIGNALS = st.lists(st.sampled_from(["head", "no_language", "machine_agent", "datacentre", "trap", "soon"]), max_size=3)
CLICKS = st.lists(
    st.builds(
        lambda second, score, said, who: click(second, score, signals=tuple(said), address=bytes([who])),
        st.integers(0, 10_000),
        st.integers(0, 10),
        SIGNALS,
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=8,
)


@given(CLICKS, st.randoms())
def test_the_order_in_which_clicks_are_read_does_not_matter_and_more_never_clears(clicks: list[Click], random: Any):
    shuffled = random.sample(clicks, len(clicks))
    verdicts = ["clean", "doubtful", "machine"]

    assert judge(clicks).reasons == judge(shuffled).reasons
    assert verdicts.index(judge(clicks).verdict) >= verdicts.index(judge(clicks[:1]).verdict)
    if len({each.score for each in clicks}) > 1:
        assert judge(clicks).verdict == "machine"
