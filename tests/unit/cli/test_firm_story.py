"""The demo's firm: the same on the same day, nothing in the future, nothing that belongs to the purchase log."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.cli.firm.past import DAYS, TROUBLE_DAYS, Past
from services.cli.firm.voices import DELIVERY, RELATIONSHIP, SUPPORT, voices

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


def at(now: datetime) -> Past:
    return Past(now.astimezone(HANOI).replace(hour=0, minute=0, second=0, microsecond=0), now)


def ids_of(past: Past) -> set[str]:
    return {each.event["messageId"] for each in past.events()}


@pytest.fixture(scope="module", params=["an evening", "the end of a month"])
def past(request: pytest.FixtureRequest) -> Past:
    is_evening = request.param == "an evening"
    return at(datetime(2026, 11, 22, 20, 15, tzinfo=UTC) if is_evening else datetime(2027, 2, 28, 17, 0, 1, tzinfo=UTC))


def test_it_is_the_same_whenever_it_is_told_on_a_day_or_on_the_next(past: Past):
    first, later, tomorrow = (at(past.now + timedelta(minutes=wait)) for wait in (0, 5, 24 * 60))
    known = ids_of(first)

    assert list(first.orders()) == list(first.orders())
    assert known <= ids_of(later)
    assert len(known ^ ids_of(tomorrow)) < len(known) / 20
    said, again = ([(each.reference, each.answers) for each in voices(told)] for told in (first, later))
    assert said == again
    assert {reference for reference, _ in said} == {each.reference for each in voices(tomorrow)}


def test_each_event_is_of_the_last_year_and_has_an_id_of_its_own(past: Past):
    events = [each.event for each in past.events()]
    times = [datetime.fromisoformat(event["timestamp"]) for event in events]

    assert len({event["messageId"] for event in events}) == len(events)
    assert past.today - timedelta(days=DAYS) <= min(times) <= max(times) < past.now
    assert all(voice.at < past.now for voice in voices(past))
    assert not [event for event in events if "cdnow" in event["userId"]]


def test_there_are_enough_customers_and_days_for_models_and_alarms(past: Past):
    orders = Counter(each.customer for each in past.orders())
    heard = Counter(voice.survey for voice in voices(past))

    assert len(orders) >= 500
    assert sum(times > 1 for times in orders.values()) >= 100
    assert heard[RELATIONSHIP] >= 100
    assert heard[DELIVERY] >= 100
    assert heard[SUPPORT] >= 20
    assert {voice.locale for voice in voices(past)} == {"vi", "en"}


def test_the_courier_is_late_in_the_last_weeks_and_customers_say_so(past: Past):
    since = past.today - timedelta(days=TROUBLE_DAYS)

    def share(is_recent: bool) -> float:
        those = [each.is_late for each in past.orders() if (each.at > since) is is_recent]
        return sum(those) / len(those)

    def nps(is_recent: bool) -> float:
        scores = [
            voice.answers["nps"]["score"]
            for voice in voices(past)
            if voice.survey == RELATIONSHIP and (voice.at > since) is is_recent
        ]
        return 100 * (sum(score >= 9 for score in scores) - sum(score <= 6 for score in scores)) / len(scores)

    assert share(True) > 3 * share(False)
    assert nps(False) > 20 > nps(True)
