"""The delivery gap: how far what staff believes is from what customers say, and how sure that is.

Shares are from 0 to 1, differences of shares and of NPS in points (hundredths). A gap above zero is overestimation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from services.metrics.domain.intervals import Comparison, Interval, compare_nps, newcombe, nps_interval, wilson
from services.metrics.gap.domain.waves import NO_SCORES, MirrorWave, Place, Scores, nps_counts, top_two
from shared.events.catalogue.surveys import AskedQuestion

# Of fewer anonymous answers of customers nothing is shown.
MIN_ANONYMOUS = 5


@dataclass(frozen=True, slots=True)
class Customers:
    """What customers said in the period, by question; None of a question: too few, anonymously.

    `before_close` is how many of their answers had come before the wave closed: none, if staff could not know any.
    """

    scores: Mapping[str, Scores | None]
    before_close: int


@dataclass(frozen=True, slots=True)
class Believes:
    """Bain's two firms: who believes to deliver, and who does. The thresholds are the firm's own."""

    believer_at: float
    achiever_at: float
    is_believer: bool | None
    is_achiever: bool | None


@dataclass(frozen=True, slots=True)
class TopTwo:
    """The share of the two highest scores; None without answers."""

    top_two: int
    n: int
    share: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Points:
    """A difference in points, with its interval."""

    points: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class RoleGap:
    """What one role believes, and by how much it is wrong."""

    role: str
    internal: TopTwo
    gap: Points | None


@dataclass(frozen=True, slots=True)
class NpsGap:
    """Of a question that an NPS is made of: that which staff's answers in customers' place come to, less theirs."""

    internal: float
    customers: float
    gap: Comparison


@dataclass(frozen=True, slots=True)
class QuestionGap:
    """One question. `customers` None: too few of them answered, anonymously, to be shown."""

    place: Place
    kind: str
    internal: TopTwo
    customers: TopTwo | None
    gap: Points | None
    nps: NpsGap | None
    roles: Sequence[RoleGap]
    bain: Believes


@dataclass(frozen=True, slots=True)
class Prediction:
    """What staff says the NPS is, less what it is. The interval is that of the customers' side alone."""

    role: str | None
    n: int
    predicted: float
    actual: float | None
    actual_n: int
    gap: Points | None


def share_of(scores: Scores, question: AskedQuestion) -> TopTwo:
    """The share of the two highest scores, with Wilson's interval."""
    top, n = top_two(scores, question)
    return TopTwo(top, n, top / n if n else None, wilson(top, n) if n else None)


def gap_of(internal: TopTwo, customers: TopTwo | None) -> Points | None:
    """Internal less customers in points, with Newcombe's interval; None if either side says nothing."""
    if customers is None or internal.share is None or customers.share is None:
        return None
    found = newcombe(internal.top_two, internal.n, customers.top_two, customers.n)
    return Points(100 * (internal.share - customers.share), _in_points(found))


def _in_points(interval: Interval) -> Interval:
    return Interval(100 * interval.low, 100 * interval.high, interval.level, interval.method)


def question_gaps(
    wave: MirrorWave, customers: Customers, *, believer_at: float, achiever_at: float
) -> list[QuestionGap]:
    """The gap of each question that was asked of both."""
    found: list[QuestionGap] = []
    for place, question in wave.places():
        said = NO_SCORES if place.row is not None else customers.scores.get(place.question_id, NO_SCORES)
        theirs = None if said is None else share_of(said, question)
        ours = share_of(wave.internal(place), question)
        found.append(
            QuestionGap(
                place=place,
                kind=question.kind,
                internal=ours,
                customers=theirs,
                gap=gap_of(ours, theirs),
                nps=_nps_gap(wave.internal(place), said) if question.kind == "nps" else None,
                roles=[_role_gap(wave, role, place, question, theirs) for role in wave.roles],
                bain=_believes(ours, theirs, believer_at, achiever_at),
            )
        )
    return found


def _role_gap(wave: MirrorWave, role: str, place: Place, question: AskedQuestion, customers: TopTwo | None) -> RoleGap:
    internal = share_of(wave.internal(place, role), question)
    return RoleGap(role, internal, gap_of(internal, customers))


def _believes(internal: TopTwo, customers: TopTwo | None, believer_at: float, achiever_at: float) -> Believes:
    """A belief is a belief whatever its interval; to deliver, the customers' share must surely be as high."""
    interval = None if customers is None else customers.interval
    return Believes(
        believer_at,
        achiever_at,
        None if internal.share is None else internal.share >= believer_at,
        None if interval is None else interval.low >= achiever_at,
    )


def _nps_gap(internal: Scores, customers: Scores | None) -> NpsGap | None:
    if customers is None or not sum(internal.values()) or not sum(customers.values()):
        return None
    ours, theirs = nps_counts(internal), nps_counts(customers)
    found = compare_nps(ours, theirs)
    return NpsGap(
        _nps(ours),
        _nps(theirs),
        Comparison(100 * found.difference, _in_points(found.interval), found.p_value, 100 * found.smallest_detectable),
    )


def _nps(counts: tuple[int, int, int]) -> float:
    return 100 * (counts[0] - counts[2]) / sum(counts)


def predictions(wave: MirrorWave, customers: Customers) -> list[Prediction]:
    """What all, and each role, predicted, beside the NPS that it is."""
    question = next((each for each in wave.questions if each.kind == "nps"), None)
    said = None if question is None else customers.scores.get(question.id, NO_SCORES)
    theirs = nps_counts(said) if said else None
    roles = [None, *sorted(wave.predictions)]
    return [_prediction(role, wave.predicted(role), theirs) for role in roles if wave.predicted(role)]


def _prediction(role: str | None, predicted: Sequence[int], theirs: tuple[int, int, int] | None) -> Prediction:
    mean = fmean(predicted)
    if theirs is None or not sum(theirs):
        return Prediction(role, len(predicted), mean, None, 0, None)
    actual, interval = _nps(theirs), nps_interval(*theirs)
    band = Interval(mean - 100 * interval.high, mean - 100 * interval.low, interval.level, interval.method)
    return Prediction(role, len(predicted), mean, actual, sum(theirs), Points(mean - actual, band))
