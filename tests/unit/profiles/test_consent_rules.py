"""The rules of consent: the latest word holds whatever order words come in, and nothing is allowed by silence."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profiles.consent.domain import (
    Announced,
    Frequency,
    Pair,
    Registry,
    State,
    Word,
    heard,
    holding,
    is_allowed,
    judge,
    news,
)
from services.profiles.consent.errors import ConsentNotNeeded, UnknownChannel, UnknownPurpose
from services.profiles.domain.identifiers import Blocklist
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.ids import anonymous_key, derived_id, user_key

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MAIL, SMS, SITE = Pair("marketing", "email"), Pair("marketing", "sms"), Pair("analytics", "web")
REGISTRY = Registry(
    purposes=frozenset({"marketing", "analytics"}),
    exempt={"transactional": "contract"},
    channels=frozenset({"email", "sms", "web"}),
    frequency_required=frozenset(),
    texts_required=False,
    categories={"Advertising": (MAIL, SMS), "Analytics": (SITE,)},
)


def a_word(number: int = 1, *, granted: bool = True, minute: float = 0, pair: Pair = MAIL, **rest: Any) -> Word:
    time = NOON + timedelta(minutes=minute)
    return Word(UUID(int=number), user_key("42"), pair, granted, time, time, "form", "api:k", **rest)


words = st.lists(
    st.builds(
        a_word,
        st.integers(1, 10**9),
        granted=st.booleans(),
        minute=st.integers(0, 3),
        pair=st.sampled_from([MAIL, SMS]),
    ),
    unique_by=lambda word: word.id,
    max_size=12,
)


@given(said=words, draw=st.data())
def test_the_latest_word_holds_in_any_order(said: list[Word], draw: st.DataObject):
    """INVARIANT: what is allowed depends on the words alone; of two at one moment a withdrawal wins."""
    expected = {}
    for pair in {word.pair for word in said}:
        last = max(word.time for word in said if word.pair == pair)
        at_last = [word for word in said if word.pair == pair and word.time == last]
        withdrawals = [word for word in at_last if not word.granted]
        expected[pair] = max(withdrawals or at_last, key=lambda word: word.id)

    assert holding(draw.draw(st.permutations([*said, *said]))) == expected


@given(said=words, cuts=st.lists(st.integers(0, 12), max_size=3))
def test_a_union_of_parts_holds_what_the_whole_does(said: list[Word], cuts: list[int]):
    """So the words may lie under any keys of a person, and only the latest of each need be read."""
    places = [0, *sorted(cuts), len(said)]
    parts = [said[start:end] for start, end in pairwise(places)]

    assert holding(word for part in parts for word in holding(part).values()) == holding(said)


def test_silence_is_no_consent():
    assert judge(None, NOON) == "no_consent"
    assert not is_allowed("no_consent")
    assert State.of(None) == State("none")


@pytest.mark.parametrize(
    ("word", "minute", "reason"),
    [
        (a_word(), 0, "granted"),
        (a_word(granted=False), 0, "withdrawn"),
        (a_word(expires_at=NOON + timedelta(minutes=5)), 4.999, "granted"),
        (a_word(expires_at=NOON + timedelta(minutes=5)), 5, "expired"),
        (a_word(expires_at=NOON + timedelta(minutes=5)), 5_000, "expired"),
    ],
)
def test_a_consent_ends_by_withdrawal_or_at_its_end(word: Word, minute: float, reason: str):
    assert judge(word, NOON + timedelta(minutes=minute)) == reason


def test_the_later_grant_without_an_end_outlives_the_earlier_with_one():
    short, open_ended = a_word(1, expires_at=NOON + timedelta(hours=1)), a_word(2, minute=1)

    assert judge(holding([open_ended, short])[MAIL], NOON + timedelta(days=1)) == "granted"


def test_what_needs_no_consent_says_on_what_it_rests():
    pair = Pair("transactional", "sms")

    assert REGISTRY.declared(pair) == "contract"
    assert REGISTRY.reason(pair, None, NOON) == "not_needed"
    assert is_allowed("not_needed")
    with pytest.raises(ConsentNotNeeded):
        REGISTRY.askable(pair, position=0)


def test_what_is_not_declared_is_refused_and_never_allowed():
    with pytest.raises(UnknownPurpose) as purpose:
        REGISTRY.declared(Pair("resale", "email"))
    with pytest.raises(UnknownChannel) as channel:
        REGISTRY.declared(Pair("marketing", "fax"), position=3)

    assert purpose.value.data == {"known": ["analytics", "marketing", "transactional"], "position": 0}
    assert channel.value.data == {"known": ["email", "sms", "web"], "position": 3}
    for pair in (Pair("resale", "email"), Pair("marketing", "fax")):
        assert REGISTRY.reason(pair, a_word(pair=pair), NOON) == "undeclared"


def test_followers_hear_what_is_new_and_nothing_twice():
    twice_a_week = Frequency(2, "week")
    granted = a_word(frequency=twice_a_week, text_version="v1")

    first = news(holding([granted]), {})
    assert first == {MAIL: Announced(State("granted", "v1", twice_a_week), 1)}
    assert news(holding([granted, a_word(2, minute=1, frequency=twice_a_week, text_version="v1")]), first) == {}
    oftener = a_word(3, minute=2, frequency=Frequency(1, "day"), text_version="v1")
    assert news(holding([granted, oftener]), first) == {MAIL: Announced(State("granted", "v1", Frequency(1, "day")), 2)}
    assert news({}, first) == {MAIL: Announced(State("none"), 2)}


def a_choice(
    name: str = "Segment Consent Preference Updated",
    *,
    user: str | None = "42",
    anonymous: str | None = None,
    call: str = "track",
    consent: object = None,
) -> Event[TouchpointReceived]:
    data = TouchpointReceived.model_validate(
        {
            "source": "web",
            "message_id": "m",
            "call": call,
            "name": name,
            "user_id": user,
            "anonymous_id": anonymous,
            "context": {"consent": consent or {"categoryPreferences": {"Advertising": True, "Analytics": False}}},
            "original_time": NOON,
        }
    )
    subject = user_key(user) if user else anonymous_key(anonymous or "")
    return Event(derived_id("web", "m"), subject, NOON, NOON + timedelta(seconds=1), data)


def told(event: Event[TouchpointReceived]) -> Sequence[Word]:
    return list(heard(event, REGISTRY, Blocklist()))


@pytest.mark.parametrize("name", ["Segment Consent Preference Updated", "segment consent preference"])
def test_a_consent_manager_is_heard(name: str):
    said = told(a_choice(name))

    assert {(word.pair, word.granted) for word in said} == {(MAIL, True), (SMS, True), (SITE, False)}
    assert {word.customer_id for word in said} == {user_key("42")}
    assert {word.id for word in said} == {word.id for word in told(a_choice(name))}
    assert len({word.id for word in said}) == 3
    assert {word.source for word in said} == {"web"}


@pytest.mark.parametrize(
    "event",
    [
        a_choice("Product Viewed"),
        a_choice(call="page"),
        a_choice(user="null"),
        a_choice(consent={"categoryPreferences": {"Advertising": "yes", "Analytics": 1}}),
        a_choice(consent={"categoryPreferences": ["Advertising"]}),
        a_choice(consent={"categoryPreferences": {"Functional": True}}),
        a_choice(consent="all"),
    ],
    ids=["another event", "another call", "nobody", "no booleans", "a list", "not declared", "a text"],
)
def test_nothing_else_is_taken_for_a_choice(event: Event[TouchpointReceived]):
    assert told(event) == []


def test_a_visitor_chooses_under_the_visitors_key():
    assert {word.customer_id for word in told(a_choice(user=None, anonymous="v"))} == {anonymous_key("v")}
    assert {word.customer_id for word in told(a_choice(user="null", anonymous="v"))} == {anonymous_key("v")}
