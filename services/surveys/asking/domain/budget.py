"""The contact budget: how often somebody may be asked, over all surveys, by the kind of question, and by survey.

A rule is kept if in every window of its length no more contacts lie than it allows, and no two closer than its gap.
That is said of all contacts of a person whatever keys they were made under, and whatever order they are looked at:
a contact that another machine's clock put a second ahead counts as well as one behind.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

Scope = Literal["all", "kind", "survey", "channel"]


class Contact(NamedTuple):
    """Somebody was asked: by an invitation, or (`number` over 0) by a reminder of one."""

    at: datetime
    survey_id: UUID
    kind: str
    channel: str
    invitation_id: UUID
    number: int = 0
    is_counted: bool = True


class Rule(NamedTuple):
    """At most `limit` contacts in any window of `window_seconds`, and none within `gap_seconds` of another's.

    It is about all surveys, about those whose main question is of kind `of`, about one survey, or about one channel
    (what a customer agreed to: there also contacts count that are otherwise free).
    """

    scope: Scope
    of: str = ""
    limit: int | None = None
    window_seconds: int = 0
    gap_seconds: int = 0

    def counts(self, contact: Contact) -> bool:
        """Whether the rule is about a contact."""
        if self.scope == "channel":
            return contact.channel == self.of
        if not contact.is_counted or self.scope == "all":
            return contact.is_counted
        return self.of == (contact.kind if self.scope == "kind" else str(contact.survey_id))


def is_kept(rule: Rule, known: Iterable[Contact], asked: Contact) -> bool:
    """Whether a rule is kept with one more contact.

    The gap is one between experiences somebody is asked about: a reminder keeps it to all but its own invitation.
    """
    if not rule.counts(asked):
        return True
    others = [each for each in known if rule.counts(each)]
    gap = timedelta(seconds=rule.gap_seconds)
    if any(abs(each.at - asked.at) < gap for each in others if each.invitation_id != asked.invitation_id):
        return False
    return rule.limit is None or _most(sorted(each.at for each in others), asked.at, rule) < rule.limit


def _most(times: Sequence[datetime], at: datetime, rule: Rule) -> int:
    """The most of `times` that lie in one window together with `at`."""
    window = timedelta(seconds=rule.window_seconds)
    # A window begins at the earliest contact in it: one behind `at`, or `at` itself.
    starts = [each for each in times if at - window < each <= at] or [at]
    return max(bisect_left(times, start + window) - bisect_left(times, start) for start in (*starts, at))


def broken(rules: Iterable[Rule], known: Sequence[Contact], asked: Contact) -> Rule | None:
    """The first rule that one more contact would break; None: it may be made."""
    return next((rule for rule in rules if not is_kept(rule, known, asked)), None)


def longest(rules: Iterable[Rule]) -> timedelta:
    """How far back (and ahead) contacts matter."""
    return timedelta(seconds=max((max(each.window_seconds, each.gap_seconds) for each in rules), default=0))
