"""What an event tells of a customer, as facts; of the same fact the highest version holds, whenever it comes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID

from services.profiles.segments.domain.rule import Told
from shared.events.catalogue.loyalty import (
    PointsEarned,
    PointsExpired,
    PointsExpiring,
    PointsMoved,
    PointsReversed,
    PointsSpent,
    TierChanged,
    TierNear,
)
from shared.events.catalogue.loyalty_rows import TierKept
from shared.events.catalogue.metrics import Band, ChurnRiskChanged, ClvBandChanged
from shared.events.catalogue.surveys import CaseChanged, CaseClosed, CaseOpened, SurveyAnswered, nobody
from shared.events.envelope import Event, EventData

MAX_NPS = 10

PointsFact = PointsEarned | PointsSpent | PointsExpired | PointsReversed | PointsMoved


class Fact(NamedTuple):
    """What was told of a raw person key: `part` says of which wallet, track, response or case.

    `until`: when it ends by itself, or is due. A `word` of an answer is its survey; None: it counts no more.
    """

    customer_id: UUID
    fact: Told
    part: str
    version: int
    number: int
    word: str | None
    until: datetime | None
    told_at: datetime


def _points(event: Event[PointsFact]) -> Iterable[Fact]:
    """What a wallet has that can be spent and, where it was looked at, what of it ends first."""
    data = event.data
    yield Fact(event.subject, "points", data.wallet, data.version, data.available, None, None, event.time)
    if data.next_expiring is not None:
        # A word on what ends comes after the transaction of its version, so two numbers stand for each.
        version = 2 * data.version
        yield Fact(
            event.subject, "expiring", data.wallet, version, data.next_expiring, None, data.next_expires_at, event.time
        )


def _expiring(event: Event[PointsExpiring]) -> Iterable[Fact]:
    """What of a wallet ends soon."""
    data, version = event.data, 2 * event.data.version + 1
    yield Fact(event.subject, "expiring", data.wallet, version, data.points, None, data.expires_at, event.time)


def _tier(event: Event[TierChanged | TierKept]) -> Iterable[Fact]:
    """The tier of a track: its name, and its rank as the number, since it holds; no tier: rank 0."""
    data = event.data
    rank, since = 0 if data.tier is None else data.rank, data.since or event.time
    yield Fact(event.subject, "tier", data.track, data.version, rank, data.tier, data.valid_until, since)


def _near(event: Event[TierNear]) -> Iterable[Fact]:
    """How much is missing for the next tier of a track; the word is `tier threshold measure currency`."""
    data = event.data
    word = None if data.tier is None else f"{data.tier} {data.threshold} {data.measure} {data.currency or ''}"
    yield Fact(event.subject, "tier_near", data.track, data.version, data.missing, word, None, event.time)


def _answer(event: Event[SurveyAnswered]) -> Iterable[Fact]:
    """The score of an answer to the question how likely somebody is to recommend; nobody's who is anonymous."""
    data = event.data
    if data.is_anonymous or data.metric != "nps" or event.subject == nobody(data.response_id):
        return
    counts = data.state != "withdrawn" and data.verification == "confirmed" and data.score is not None
    word = str(data.survey_id) if counts else None
    yield Fact(event.subject, "nps", str(data.response_id), data.revision, data.score or 0, word, None, event.time)


def _opened(event: Event[CaseOpened]) -> Iterable[Fact]:
    """A case: that it is open, and since when, to be contacted by when; the word is its priority."""
    data = event.data
    part, at = str(data.case_id), event.time
    yield Fact(event.subject, "case", part, data.version, 1, data.priority, None, at)
    yield Fact(event.subject, "case_opened", part, data.version, 1, data.priority, data.contact_due_at, at)


def _case(event: Event[CaseChanged]) -> Iterable[Fact]:
    """Whether a case is open, which it is until it is resolved or is part of another; and when it was contacted."""
    data = event.data
    is_open = data.status not in ("resolved", "closed") and data.merged_into is None
    part, word = str(data.case_id), data.priority
    yield Fact(event.subject, "case", part, data.version, int(is_open), word, None, event.time)
    if data.contacted_at is not None:
        yield Fact(event.subject, "case_contacted", part, data.version, 1, None, data.contacted_at, event.time)


def _closed(event: Event[CaseClosed]) -> Iterable[Fact]:
    """A case is over."""
    data = event.data
    yield Fact(event.subject, "case", str(data.case_id), data.version, 0, None, None, event.time)


def _risk(event: Event[ChurnRiskChanged]) -> Iterable[Fact]:
    """The churn risk in per cent; the word is its band."""
    data = event.data
    yield Fact(event.subject, "churn_risk", "", data.version, data.percent, data.band, None, event.time)


def _clv(event: Event[ClvBandChanged]) -> Iterable[Fact]:
    """The predicted lifetime value in minor units; the word is `band currency`."""
    data = event.data
    word = None if data.band is None else f"{data.band} {data.currency or ''}"
    yield Fact(event.subject, "clv", "", data.version, data.value_minor, word, None, event.time)


READERS: Mapping[type[EventData], Callable[[Event[Any]], Iterable[Fact]]] = {
    **dict.fromkeys((PointsEarned, PointsSpent, PointsExpired, PointsReversed, PointsMoved), _points),
    PointsExpiring: _expiring,
    TierChanged: _tier,
    TierKept: _tier,
    TierNear: _near,
    SurveyAnswered: _answer,
    CaseOpened: _opened,
    CaseChanged: _case,
    CaseClosed: _closed,
    ChurnRiskChanged: _risk,
    ClvBandChanged: _clv,
}


def told(events: Iterable[Event[Any]]) -> list[Fact]:
    """What a batch tells, of each fact the highest version, in the order of their keys."""
    latest: dict[tuple[UUID, str, str], Fact] = {}
    for event in events:
        for fact in READERS[type(event.data)](event):
            key = fact[:3]
            if key not in latest or fact.version > latest[key].version:
                latest[key] = fact
    return [latest[key] for key in sorted(latest)]


class Tier(NamedTuple):
    """The tier of a track that a person is in."""

    tier: str
    rank: int
    valid_until: datetime | None
    since: datetime


class Ending(NamedTuple):
    """So many points that can be spent end at a moment, before all others."""

    points: int
    at: datetime


class TierAhead(NamedTuple):
    """The next tier of a track is near: so much of its threshold is missing, in minor units of `currency` if money."""

    tier: str
    missing: int
    threshold: int
    measure: Literal["points", "spend", "orders"]
    currency: str | None
    since: datetime


class LastNps(NamedTuple):
    """What somebody said last, from 0 to 10, how likely they are to recommend the firm."""

    score: int
    at: datetime
    survey_id: UUID

    @property
    def band(self) -> Literal["detractor", "passive", "promoter"]:
        """Which of the three kinds that makes them."""
        if self.score >= MAX_NPS - 1:
            return "promoter"
        return "passive" if self.score >= MAX_NPS - 3 else "detractor"


class OpenCase(NamedTuple):
    """Somebody is unhappy, and it is not mended yet. `since` and `contact_due_at` None: nobody told of it yet."""

    case_id: UUID
    priority: str
    since: datetime | None
    contact_due_at: datetime | None
    contacted_at: datetime | None


class ChurnRisk(NamedTuple):
    """How likely it is that somebody buys nothing within a year, when that was in another band last."""

    band: Band
    percent: int
    since: datetime


class Worth(NamedTuple):
    """What somebody will probably bring within a year, when that was in another band last; minor units."""

    band: Band
    value_minor: int
    currency: str
    since: datetime


class Standing(NamedTuple):
    """What a person has, and how they are with the firm.

    Points that can be spent and what of them ends first, by wallet; the tier of each track and the next where it is
    near; the last NPS; open cases, the oldest first; when somebody last spoke to them about a case.
    """

    points: Mapping[str, int]
    tiers: Mapping[str, Tier]
    ending: Mapping[str, Ending]
    ahead: Mapping[str, TierAhead]
    nps: LastNps | None
    cases: Sequence[OpenCase]
    contacted_at: datetime | None
    churn_risk: ChurnRisk | None = None
    clv: Worth | None = None


def standing(root: UUID, facts: Iterable[Fact]) -> Standing:
    """What the facts of all keys of a person come to.

    Points are those of all keys. A tier is the person's: that of the root, or until one was told of it, the highest.
    """
    of: defaultdict[Told, list[Fact]] = defaultdict(list)
    for fact in facts:
        of[fact.fact].append(fact)
    points: Counter[str] = Counter()
    for fact in of["points"]:
        points[fact.part] += fact.number
    return Standing(
        dict(sorted(points.items())),
        {
            track: Tier(fact.word, fact.number, fact.until, fact.told_at)
            for track, fact in _best(root, of["tier"]).items()
            if fact.word is not None
        },
        dict(sorted(_ending(of["expiring"]))),
        {track: _ahead(fact) for track, fact in _best(root, of["tier_near"]).items() if fact.word is not None},
        _last_nps(of["nps"]),
        _open_cases(of["case"], of["case_opened"], of["case_contacted"]),
        max((fact.until for fact in of["case_contacted"] if fact.until is not None), default=None),
        _churn_risk(_latest(root, of["churn_risk"])),
        _worth(_latest(root, of["clv"])),
    )


def _latest(root: UUID, facts: Iterable[Fact]) -> Fact | None:
    """What holds of several keys of a person: that of the root, or until one was told of it, the latest."""
    said = [fact for fact in facts if fact.word is not None]
    return min(
        said, key=lambda fact: (fact.customer_id != root, -fact.told_at.timestamp(), fact.customer_id), default=None
    )


def _churn_risk(fact: Fact | None) -> ChurnRisk | None:
    return None if fact is None else ChurnRisk(cast(Band, fact.word), fact.number, fact.told_at)


def _worth(fact: Fact | None) -> Worth | None:
    if fact is None or fact.word is None:
        return None
    band, _, currency = fact.word.partition(" ")
    return Worth(cast(Band, band), fact.number, currency, fact.told_at)


def _best(root: UUID, facts: Iterable[Fact]) -> dict[str, Fact]:
    best: dict[str, Fact] = {}
    for fact in facts:
        if fact.part not in best or _rank(root, fact) > _rank(root, best[fact.part]):
            best[fact.part] = fact
    return dict(sorted(best.items()))


def _rank(root: UUID, fact: Fact) -> tuple[bool, int, list[int]]:
    # Of two tiers of one rank, which are a fault, the first by name, as the rules say it too.
    return fact.customer_id == root, fact.number, [-ord(letter) for letter in fact.word or ""]


def _ending(facts: Iterable[Fact]) -> Iterator[tuple[str, Ending]]:
    """Of each wallet what ends first, under all keys together."""
    ends: defaultdict[str, Counter[datetime]] = defaultdict(Counter)
    for fact in facts:
        if fact.until is not None and fact.number > 0:
            ends[fact.part][fact.until] += fact.number
    for wallet, points in ends.items():
        at = min(points)
        yield wallet, Ending(points[at], at)


def _ahead(fact: Fact) -> TierAhead:
    tier, threshold, measure, currency = (fact.word or "").split(" ")
    return TierAhead(tier, fact.number, int(threshold), cast(Any, measure), currency or None, fact.told_at)


def _last_nps(facts: Iterable[Fact]) -> LastNps | None:
    counted = [fact for fact in facts if fact.word is not None]
    if not counted:
        return None
    last = max(counted, key=lambda fact: (fact.told_at, fact.part))
    return LastNps(last.number, last.told_at, UUID(last.word))


def _open_cases(states: Iterable[Fact], opened: Iterable[Fact], contacted: Iterable[Fact]) -> list[OpenCase]:
    begun, spoken = {fact.part: fact for fact in opened}, {fact.part: fact.until for fact in contacted}
    found = []
    for fact in states:
        if fact.number:
            first = begun.get(fact.part)
            since, due = (first.told_at, first.until) if first else (None, None)
            found.append(OpenCase(UUID(fact.part), fact.word or "normal", since, due, spoken.get(fact.part)))
    return sorted(found, key=lambda case: (case.since or datetime.max.replace(tzinfo=UTC), case.case_id))
