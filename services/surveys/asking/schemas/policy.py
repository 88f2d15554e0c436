"""Wire models of asking policies and of the firm's contact rules. Domain values come of them, and those are stored."""

from dataclasses import asdict
from datetime import datetime, time
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.surveys.asking.domain import policy as domain
from services.surveys.asking.domain.invitation import Channel
from services.surveys.asking.domain.policy import DAY_SECONDS
from services.surveys.asking.domain.sampling import Rotates
from services.surveys.asking.schemas.parts import (
    AskingConsentIn,
    BudgetIn,
    CancelIn,
    FirmBudgetIn,
    QuietIn,
    RemindersIn,
    ScheduleIn,
    TriggerIn,
    clock_text,
    words_of_budget,
    words_of_match,
)
from shared.http.schemas import Strict

Version = Annotated[int, Field(strict=True, ge=0, le=2**31 - 2)]


class AskingTerms(Strict):
    """Whom a survey asks, and when."""

    is_active: bool = True
    channel: Channel = "link"
    priority: Annotated[int, Field(strict=True, ge=-1_000, le=1_000)] = 0
    triggers: list[TriggerIn] = Field([], max_length=50)
    cancel_if: list[CancelIn] = Field([], max_length=20)
    schedules: list[ScheduleIn] = Field([], max_length=10)
    segments_any: list[UUID] = Field([], max_length=50, description="Only who is in one of these.")
    segments_none: list[UUID] = Field([], max_length=50, description="Nobody who is in one of these.")
    consent: AskingConsentIn | None = Field(
        AskingConsentIn(), description="Null: asking rests on another basis than consent."
    )
    share: float = Field(1.0, gt=0, le=1, description="Share of the customers that is asked.")
    rotates: Rotates = Field("never", description="When another sample is drawn for triggers.")
    budget: list[BudgetIn] = Field([], max_length=10, description="How often this survey asks somebody.")
    expires_after_seconds: Annotated[int, Field(strict=True, ge=60, le=365 * DAY_SECONDS)] = 14 * DAY_SECONDS
    stale_after_seconds: Annotated[int, Field(strict=True, ge=60, le=30 * DAY_SECONDS)] = DAY_SECONDS
    reminders: RemindersIn = RemindersIn()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for named in ([each.id for each in self.triggers], [each.id for each in self.schedules]):
            if len(set(named)) < len(named):
                raise PydanticCustomError("ids", "Each trigger and each schedule has an id of its own")
        if self.schedules and self.consent is None and not self.segments_any:
            raise PydanticCustomError("schedule", "A schedule needs a segment, or consent: whom else would it ask?")
        if set(self.segments_any) & set(self.segments_none):
            raise PydanticCustomError("segments", "A segment is asked, or left out")
        return self

    def policy(self, survey_id: UUID, before: domain.Policy | None, now: datetime) -> domain.Policy:
        """The policy, following another: what it had before goes on, what is new counts from now."""
        live = before is not None and before.is_active
        triggers = {each.id: each.since for each in before.triggers} if before and live else {}
        schedules = {each.id: each.since for each in before.schedules} if before and live else {}
        return domain.Policy(
            is_active=self.is_active,
            channel=self.channel,
            priority=self.priority,
            triggers=tuple(_trigger(each, triggers.get(each.id, now)) for each in self.triggers),
            cancel_if=tuple(domain.Cancel(each.match(), each.by) for each in self.cancel_if),
            schedules=tuple(_schedule(each, schedules.get(each.id, now)) for each in self.schedules),
            segments_any=tuple(self.segments_any),
            segments_none=tuple(self.segments_none),
            consent=None if self.consent is None else domain.Consent(self.consent.purpose, self.consent.channel),
            share=self.share,
            rotates=self.rotates,
            budget=tuple(each.rule("survey", str(survey_id)) for each in self.budget),
            expires_after_seconds=self.expires_after_seconds,
            stale_after_seconds=self.stale_after_seconds,
            reminders=domain.Reminders(self.reminders.most, self.reminders.after_seconds, self.reminders.is_counted),
        )


class AskingIn(AskingTerms):
    """Whom a survey asks, and when. `version` is the one you read; 0: there was none."""

    version: Version


class AskingOut(AskingTerms):
    """Whom a survey asks, and when. Version 0: nobody has said, so it is asked by hand, of whoever agreed."""

    survey_id: UUID
    version: int
    created_at: datetime | None
    created_by: str | None

    @classmethod
    def of(cls, survey_id: UUID, found: domain.PolicyVersion | None) -> "AskingOut":
        """A policy as it is shown, in the words in which it is set."""
        policy = domain.Policy() if found is None else found.policy
        return cls(
            survey_id=survey_id,
            version=0 if found is None else found.version,
            created_at=None if found is None else found.created_at,
            created_by=None if found is None else found.created_by,
            is_active=policy.is_active,
            channel=policy.channel,
            priority=policy.priority,
            triggers=[TriggerIn.of(each) for each in policy.triggers],
            cancel_if=[CancelIn(by=each.by, **words_of_match(each.match)) for each in policy.cancel_if],
            schedules=[ScheduleIn.of(each) for each in policy.schedules],
            segments_any=list(policy.segments_any),
            segments_none=list(policy.segments_none),
            consent=policy.consent and AskingConsentIn(purpose=policy.consent.purpose, channel=policy.consent.channel),
            share=policy.share,
            rotates=policy.rotates,
            budget=[BudgetIn(**words_of_budget(each)) for each in policy.budget],
            expires_after_seconds=policy.expires_after_seconds,
            stale_after_seconds=policy.stale_after_seconds,
            reminders=RemindersIn.model_validate(asdict(policy.reminders)),
        )


class ContactTerms(Strict):
    """The contact budget over all surveys, and quiet hours (null: none)."""

    budget: list[FirmBudgetIn] = Field(max_length=20)
    quiet: QuietIn | None

    def rules(self) -> domain.ContactRules:
        """The rules."""
        budget = tuple(each.rule("all") if each.kind is None else each.rule("kind", each.kind) for each in self.budget)
        return domain.ContactRules(budget, None if self.quiet is None else self.quiet.quiet())


class ContactRulesIn(ContactTerms):
    """The contact budget over all surveys, and quiet hours. `version` is the one you read; 0: there was none."""

    version: Version


class ContactRulesOut(ContactTerms):
    """The contact budget over all surveys, and quiet hours. Version 0: what holds before the firm has said anything."""

    version: int
    created_at: datetime | None
    created_by: str | None

    @classmethod
    def of(cls, found: domain.RulesVersion | None) -> "ContactRulesOut":
        """Contact rules as they are shown, in the words in which they are set."""
        rules = domain.ContactRules() if found is None else found.rules
        return cls(
            version=0 if found is None else found.version,
            created_at=None if found is None else found.created_at,
            created_by=None if found is None else found.created_by,
            budget=[FirmBudgetIn(kind=each.of or None, **words_of_budget(each)) for each in rules.budget],
            quiet=rules.quiet and QuietIn(start=clock_text(rules.quiet.start), end=clock_text(rules.quiet.end)),
        )


def _trigger(body: TriggerIn, since: datetime) -> domain.Trigger:
    return domain.Trigger(body.id, body.match(), body.delay.delay(), since, body.staff, body.touchpoint, body.stage)


def _schedule(body: ScheduleIn, since: datetime) -> domain.Schedule:
    return domain.Schedule(
        body.id,
        body.kind,
        body.starts_on,
        time.fromisoformat(body.at),
        since,
        body.every_days,
        body.every_months,
        body.spread_days,
        body.retry_days,
    )
