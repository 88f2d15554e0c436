"""The life of one subscription under a policy: when it counts, what it brings, and why it ceases.

Facts are taken in the order in which they happened. Between two of them time passes: a trial ends, a notice runs out,
a refused payment is not mended. What falls due at the very moment of a fact yields to the fact: a renewal at the end
of the paid period keeps the subscription. A period that passes without a word ends nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.metrics.subscriptions.domain.facts import Cause, Fact
from services.metrics.subscriptions.domain.policy import Policy
from services.metrics.subscriptions.domain.pricing import Interval, Terms

FOREVER = datetime.max.replace(tzinfo=UTC)


class Standing(NamedTuple):
    """Whether a subscription counts, and what it brings in a month; without a currency its price is not known."""

    is_counted: bool
    minor: int = 0
    currency: str = ""


OUT = Standing(is_counted=False)


class Step(NamedTuple):
    """From when on a subscription stands so; of one that ceases, why."""

    at: datetime
    standing: Standing
    cause: Cause
    every: Interval


class Walked(NamedTuple):
    """A life: its steps, and when trials ended, won or lost."""

    steps: list[Step]
    trials: list[tuple[datetime, bool]]


def walk(facts: Sequence[Fact], policy: Policy) -> Walked:
    """What facts in their order come to."""
    return _Walker(policy).over(facts).to_the_end()


def walk_on(before: Sequence[Fact], after: Sequence[Fact], policy: Policy) -> tuple[Walked, Walked]:
    """What facts came to, and come to now; where all new ones came last, the way to them is gone once."""
    known = len(before)
    if not known or after[:known] != before:
        return walk(before, policy), walk(after, policy)
    walker = _Walker(policy).over(before)
    on = replace(walker, steps=[*walker.steps], trials=[*walker.trials])
    return walker.to_the_end(), on.over(after[known:]).to_the_end()


def later(at: datetime, days: int) -> datetime:
    """So many days later; the end of all days at most."""
    try:
        return at + timedelta(days=days)
    except OverflowError:
        return FOREVER


@dataclass(slots=True)
class _Walker:
    policy: Policy
    terms: Terms = field(default_factory=Terms)
    is_known: bool = False
    is_running: bool = False
    is_paused: bool = False
    has_paid: bool = False
    period_end: datetime | None = None
    trial_end: datetime | None = None
    failing_since: datetime | None = None
    notice: Cause | None = None
    notice_ends: datetime = FOREVER
    steps: list[Step] = field(default_factory=list)
    trials: list[tuple[datetime, bool]] = field(default_factory=list)

    def over(self, facts: Sequence[Fact]) -> "_Walker":
        """Go on over these."""
        for fact in facts:
            self.wait_until(fact.at)
            self.take(fact)
            self.note(fact.at)
        return self

    def to_the_end(self) -> Walked:
        """What comes if nothing is heard any more."""
        self.wait_until(FOREVER)
        return Walked(self.steps, self.trials)

    def take(self, fact: Fact) -> None:
        """Something happened."""
        match fact.kind:
            case "cancelled":
                self._cancel(fact)
            case "payment_failed":
                if self.is_running and self.failing_since is None:
                    self.failing_since = fact.at
            case "paused":
                self.is_paused = True
            case "changed":
                self.terms = self.terms.then(fact.terms)
                if not self.is_known:
                    # Nobody told of its start: it is from when it is first heard of.
                    self._begin(fact)
                self._dates(fact)
            case _:
                self.terms = self.terms.then(fact.terms)
                self._begin(fact)
                self._dates(fact)

    def _begin(self, fact: Fact) -> None:
        if not self.is_running:
            self.trial_end = None
        self.is_known = self.is_running = True
        self.is_paused = False
        self.failing_since, self.notice, self.notice_ends = None, None, FOREVER
        if fact.kind == "renewed" and self.trial_end is not None and self.trial_end > fact.at:
            # A period was paid: the trial is over.
            self.trial_end = fact.at

    def _dates(self, fact: Fact) -> None:
        self.period_end = fact.period_end or self.period_end
        if fact.trial_ends_at is not None and fact.trial_ends_at > fact.at and not self.has_paid:
            self.trial_end = fact.trial_ends_at

    def _cancel(self, fact: Fact) -> None:
        if not self.is_running:
            return
        cause = fact.cause
        if cause == "unstated":
            cause = "involuntary" if self.failing_since is not None else self.notice or "unstated"
        self.notice = cause
        if self.policy.recognition == "at_request":
            self._end(fact.at, cause)
            return
        # Service never ends before the end is asked for.
        end = max(fact.at, fact.ends_at or fact.period_end or self.period_end or fact.at)
        in_trial = self.trial_end is not None and end <= self.trial_end
        grace = self.policy.grace_days if self.policy.recognition == "after_grace" and not in_trial else 0
        self.notice_ends = later(end, grace)
        if self.notice_ends <= fact.at:
            self._end(fact.at, cause)

    def wait_until(self, until: datetime) -> None:
        """Let happen what falls due before `until`, in its order."""
        while True:
            gives_up = self._gives_up()
            end = min(self.notice_ends, gives_up) if self.is_running else FOREVER
            trial = self.trial_end if self.is_running and self.trial_end is not None else FOREVER
            at = min(end, trial)
            if at >= until:
                return
            if end <= trial:
                self._end(end, self.notice if end == self.notice_ends and self.notice else "involuntary")
            else:
                self.trial_end = None
                self.trials.append((at, True))
            self.note(at)

    def _gives_up(self) -> datetime:
        days = self.policy.dunning_days
        return FOREVER if days is None or self.failing_since is None else later(self.failing_since, days)

    def _end(self, at: datetime, cause: Cause) -> None:
        if self.trial_end is not None:
            self.trials.append((at, False))
        self.is_running, self.notice = False, cause
        self.trial_end = self.failing_since = self.period_end = None
        self.notice_ends = FOREVER

    def note(self, at: datetime) -> None:
        """Keep how it stands now, if that is new."""
        now = self._standing(at)
        before = self.steps[-1].standing if self.steps else OUT
        if now == before:
            return
        left: Cause = (self.notice or "unstated") if not self.is_running else "voluntary"
        self.steps.append(Step(at, now, left, self.terms.every))

    def _standing(self, at: datetime) -> Standing:
        if not self.is_running or (self.trial_end is not None and self.trial_end > at):
            return OUT
        if self.is_paused:
            return (
                OUT
                if self.policy.pause_is_churn or not self.has_paid
                else Standing(is_counted=True)._replace(currency=self.terms.currency or "")
            )
        minor = self.terms.monthly_minor
        if minor is None:
            self.has_paid = True
            return Standing(is_counted=True)
        if minor:
            self.has_paid = True
            return Standing(True, minor, self.terms.currency or "")
        if self.has_paid and not self.policy.free_is_churn:
            return Standing(True, 0, self.terms.currency or "")
        return OUT
