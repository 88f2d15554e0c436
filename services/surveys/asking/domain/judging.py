"""Why somebody is asked, or not: one list of checks, in one order, for deciding and for explaining."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.asking.domain.budget import Contact, Rule, broken
from services.surveys.asking.domain.candidate import Candidate, Reason
from services.surveys.asking.domain.policy import Policy
from services.surveys.asking.domain.sampling import is_sampled
from services.surveys.asking.domain.timing import Quiet, is_quiet, next_open

_UTC = ZoneInfo("UTC")
# Over these we come to them; in a widget, or over an interface, they came to us.
_DISTURBING = frozenset({"email", "link"})
# What somebody may have agreed to, in seconds; a month is its longest, so that no month has more.
PERIODS = {"day": 86_400, "week": 7 * 86_400, "month": 31 * 86_400}


class Word(NamedTuple):
    """What a person said about being asked, as profiles announced it last."""

    is_granted: bool
    expires_at: datetime | None
    frequency_max: int | None
    frequency_per: str | None


@dataclass(frozen=True, slots=True)
class Rival:
    """Another candidate of the same person who still waits, for a survey that is more urgent."""

    asked: Contact
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Situation:
    """All that is known when it is decided, under the lock of the person. `contacts` are those of all their keys.

    `rules` are the firm's and the survey's; `rivals` those who wait for something more urgent.
    """

    now: datetime
    policy: Policy
    is_survey_active: bool
    root: UUID
    kind: str
    channel: str
    rules: tuple[Rule, ...]
    contacts: Sequence[Contact]
    rivals: Sequence[Rival] = ()
    segments: Collection[UUID] = ()
    word: Word | None = None
    has_open_case: bool = False
    is_restricted: bool = False
    is_cancelled: bool = False
    is_answered: bool = False
    quiet: Quiet | None = None
    zone: ZoneInfo = _UTC


class Finding(NamedTuple):
    """One check: the reason it gives for not asking, whether it speaks against it, and what it saw."""

    reason: Reason
    is_against: bool
    detail: str | None = None


def findings(candidate: Candidate, seen: Situation) -> Iterator[Finding]:
    """Every check, in the order in which the first that speaks against it is the reason. Lazy: later ones cost more."""
    policy = seen.policy
    yield Finding("survey_not_active", not seen.is_survey_active)
    yield Finding("policy_paused", not policy.is_active)
    yield Finding("expired", seen.now >= candidate.stale_at, f"to be asked until {candidate.stale_at.isoformat()}")
    yield Finding("cancelled", seen.is_cancelled)
    if candidate.number:
        yield Finding("answered", seen.is_answered)
    yield _segment(policy, seen)
    yield Finding("in_excluded_segment", any(each in seen.segments for each in policy.segments_none))
    yield Finding("restricted", seen.is_restricted)
    if policy.consent is not None:
        yield _consent(seen)
    if not candidate.skips_sampling and not candidate.number:
        yield Finding("not_sampled", not is_sampled(candidate.survey_id, candidate.wave, seen.root, policy.share))
    yield Finding("open_case", seen.has_open_case)
    asked = contact_of(candidate, seen)
    if (agreed := frequency_of(seen)) is not None:
        yield _kept("over_frequency", (agreed,), seen, asked)
    yield _kept("over_budget", seen.rules, seen, asked)
    yield _priority(seen, asked)


def decide(candidate: Candidate, seen: Situation) -> Finding | datetime:
    """The reason that decides, which may be that nothing speaks against asking; or until when it has to wait.

    A candidate waits for the end of quiet hours only where everything else speaks for asking now.
    """
    found = next((each for each in findings(candidate, seen) if each.is_against), None)
    if found is not None:
        return found
    if seen.channel in _DISTURBING and is_quiet(seen.now, seen.quiet, seen.zone):
        return next_open(seen.now, seen.quiet, seen.zone)
    return Finding("asked", is_against=False)


def postponed(candidate: Candidate, until: datetime) -> Candidate:
    """The candidate with a later time; it becomes stale as long after it as before."""
    return replace(candidate, due_at=until, stale_at=until + (candidate.stale_at - candidate.due_at))


def contact_of(candidate: Candidate, seen: Situation) -> Contact:
    """The contact that asking now would be."""
    counted = candidate.number == 0 or seen.policy.reminders.is_counted
    key = candidate.invitation_id or candidate.id
    return Contact(seen.now, candidate.survey_id, seen.kind, seen.channel, key, candidate.number, counted)


def frequency_of(seen: Situation) -> Rule | None:
    """How often the person agreed to be asked over this channel, as a rule."""
    word = seen.word
    if seen.policy.consent is None or word is None or word.frequency_max is None or word.frequency_per is None:
        return None
    return Rule("channel", seen.channel, word.frequency_max, PERIODS[word.frequency_per])


def next_reminder(policy: Policy, number: int, asked_at: datetime, expires_at: datetime) -> datetime | None:
    """When a reminder is due after the word before it; None: there is to be none."""
    at = asked_at + timedelta(seconds=policy.reminders.after_seconds)
    return at if number <= policy.reminders.most and at < expires_at else None


def _segment(policy: Policy, seen: Situation) -> Finding:
    wanted = policy.segments_any
    return Finding("not_in_segment", bool(wanted) and not any(each in seen.segments for each in wanted))


def _consent(seen: Situation) -> Finding:
    word = seen.word
    if word is None:
        return Finding("no_consent", is_against=True, detail="nothing was said")
    if not word.is_granted:
        return Finding("no_consent", is_against=True, detail="withdrawn")
    is_over = word.expires_at is not None and word.expires_at <= seen.now
    return Finding("no_consent", is_over, "expired" if is_over else None)


def _kept(reason: Reason, rules: Sequence[Rule], seen: Situation, asked: Contact) -> Finding:
    rule = broken(rules, seen.contacts, asked)
    return Finding(reason, rule is not None, None if rule is None else said(rule))


def said(rule: Rule) -> str:
    """A rule in a word or two, for whoever asks why."""
    scope = rule.scope if not rule.of else f"{rule.scope} {rule.of}"
    limit = "" if rule.limit is None else f" {rule.limit} in {rule.window_seconds / 86_400:g} days"
    gap = "" if not rule.gap_seconds else f" {rule.gap_seconds / 86_400:g} days apart"
    return f"{scope}:{','.join(filter(None, (limit, gap)))}"


def _priority(seen: Situation, asked: Contact) -> Finding:
    """Whether asking now would take the place of somebody's more urgent survey, which could be asked without it."""
    for rival in seen.rivals:
        without = broken(rival.rules, seen.contacts, rival.asked)
        if without is None and broken(rival.rules, (*seen.contacts, asked), rival.asked) is not None:
            return Finding("lower_priority", is_against=True, detail=str(rival.asked.survey_id))
    return Finding("lower_priority", is_against=False)
