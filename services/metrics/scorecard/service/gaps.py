"""The delivery gap of the card: what staff believed in the newest mirror wave, less what customers said, by segment."""

from collections import defaultdict
from collections.abc import Mapping
from math import sqrt
from zoneinfo import ZoneInfo

from services.metrics.domain.calendar import day_number, to_date
from services.metrics.domain.intervals import Comparison, Interval, normal_quantile, two_sided_p
from services.metrics.gap import repository
from services.metrics.gap.domain.gaps import MIN_ANONYMOUS, Points, TopTwo, gap_of, share_of
from services.metrics.gap.domain.waves import MirrorWave, Place
from services.metrics.satisfaction.domain.query import Days
from services.metrics.satisfaction.domain.tally import item_id
from services.metrics.scorecard.domain.drafts import Draft, Maker
from services.metrics.scorecard.repository import reading
from shared.db.engine import ReadTx
from shared.events.catalogue.surveys import AskedQuestion

_WAVES = 8
EVERYBODY = ""
# What a test at 5 % finds four times in five is this many standard errors wide; an interval at 95 % is 1.96 each way.
_DETECTABLE = normal_quantile(0.95) + normal_quantile(0.60)


async def gap_drafts(tx: ReadTx, make: Maker, zone: ZoneInfo, day: int) -> list[tuple[str, str, Draft]]:
    """The gap of the newest wave that had closed by a day, beside that of the wave before of the same survey."""
    found = [
        wave
        for wave in await repository.waves(tx, last=to_date(day), limit=_WAVES)
        if wave.closed_at.astimezone(zone).date() <= to_date(day)
    ]
    newest = next((wave for wave in found if _question(wave) is not None), None)
    if newest is None:
        return [
            (EVERYBODY, "delivery_gap", Draft(make.figure("delivery_gap", None, make.as_of), None, reason="no_data"))
        ]
    earlier = (each for each in found if each.survey_id == newest.survey_id and each.closed_at < newest.closed_at)
    before = next((wave for wave in earlier if _question(wave) == _question(newest)), None)
    waves = {"now": newest} if before is None else {"now": newest, "before": before}
    customers = await _customers(tx, waves)
    segments = {EVERYBODY, *(segment for found in customers.values() for segment in found)}
    return [(each, "delivery_gap", _draft(make, waves, customers, each)) for each in sorted(segments)]


def _question(wave: MirrorWave) -> AskedQuestion | None:
    """The question the gap is shown of: the NPS, else the first that was asked."""
    asked = [question for place, question in wave.places() if place.row is None]
    return next((each for each in asked if each.kind == "nps"), asked[0] if asked else None)


async def _customers(tx: ReadTx, waves: Mapping[str, MirrorWave]) -> dict[str, dict[str, TopTwo | None]]:
    """What customers said to it in the period of each wave, by segment; None: too few, anonymously."""
    survey, question = waves["now"].survey_id, _question(waves["now"])
    if question is None:
        return {}
    same = (question.id, question.kind, question.lowest, question.highest)
    asked = [each for each in await repository.asked_of_customers(tx, survey) if same in each.questions]
    items = [item_id(survey, each.version, question.id) for each in asked]
    periods = {name: Days(day_number(wave.period_from), day_number(wave.period_to)) for name, wave in waves.items()}
    scores: dict[str, defaultdict[str, dict[int, int]]] = {name: defaultdict(dict) for name in waves}
    for period, _, counted in await reading.answers(tx, items, ("all", "segment"), periods) if items else []:
        told = scores[period][counted.value]
        for score, number in enumerate(counted.counts):
            if number:
                told[score] = told.get(score, 0) + number
    is_anonymous = any(each.is_anonymous for each in asked)
    return {
        name: {
            segment: None if is_anonymous and 0 < sum(told.values()) < MIN_ANONYMOUS else share_of(told, question)
            for segment, told in found.items()
        }
        for name, found in scores.items()
    }


def _draft(
    make: Maker, waves: Mapping[str, MirrorWave], customers: Mapping[str, Mapping[str, TopTwo | None]], segment: str
) -> Draft:
    figures, gaps = [], []
    for name, day in (("now", make.as_of), ("before", make.as_of_before)):
        wave = waves.get(name)
        question = None if wave is None else _question(wave)
        if wave is None or question is None:
            continue
        internal = share_of(wave.internal(Place(question.id, None)), question)
        gap = gap_of(internal, customers[name].get(segment))
        gaps.append(gap)
        figures.append(
            make.figure(
                "delivery_gap",
                None if gap is None else gap.points,
                day,
                interval=None if gap is None else gap.interval,
                parameters=_parameters(wave, question, internal, customers[name].get(segment)),
            )
        )
    is_hidden = segment in customers["now"] and customers["now"][segment] is None
    reason = None if gaps[0] is not None else "too_few_anonymous" if is_hidden else "no_data"
    both = gaps[0], gaps[1] if len(gaps) > 1 else None
    comparison = None if both[0] is None or both[1] is None else beside(both[0], both[1])
    return Draft(figures[0], figures[1] if len(figures) > 1 else None, comparison, reason)  # type: ignore[arg-type]


def _parameters(
    wave: MirrorWave, question: AskedQuestion, internal: TopTwo, customers: TopTwo | None
) -> dict[str, int | str]:
    found: dict[str, int | str] = {
        "wave_id": str(wave.id),
        "question_id": question.id,
        "period_from": wave.period_from.isoformat(),
        "period_to": wave.period_to.isoformat(),
        "internal_top_two": internal.top_two,
        "internal_n": internal.n,
    }
    if wave.touchpoint is not None:
        found["touchpoint"] = wave.touchpoint
    if customers is not None:
        found |= {"customers_top_two": customers.top_two, "customers_n": customers.n}
    return found


def beside(now: Points, before: Points) -> Comparison:
    """One gap less another, of different people: by MOVER, each side of the interval from the two that make it.

    The p-value and what could have been seen stand on the mean width of the two intervals.
    """
    difference = now.points - before.points
    low = difference - sqrt((now.points - now.interval.low) ** 2 + (before.interval.high - before.points) ** 2)
    high = difference + sqrt((now.interval.high - now.points) ** 2 + (before.points - before.interval.low) ** 2)
    error = (high - low) / 2 / normal_quantile(now.interval.level)
    return Comparison(
        difference,
        Interval(max(-200.0, low), min(200.0, high), now.interval.level, "mover"),
        two_sided_p(difference, error),
        _DETECTABLE * error,
    )
