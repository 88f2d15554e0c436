"""What is simulated: the programme as it was and as it is proposed, frozen in one document when it is asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from services.loyalty.earning.domain.book import Rulebook, RuleVersion, State
from services.loyalty.earning.domain.history import Rules
from services.loyalty.earning.domain.rule import Rule
from services.loyalty.programs.domain import beside
from services.loyalty.programs.domain.beside import Change, Phase
from services.loyalty.programs.domain.terms import Terms, default_terms
from services.loyalty.tiers.domain.track import Track
from services.loyalty.tiers.domain.walk import Version

_LAST_ID = 2**128 - 1


class Said(BaseModel):
    """From a moment on a version of a programme held, or it was in another phase."""

    at: datetime
    program: str
    terms: Terms | None = None
    phase: Phase | None = None

    @property
    def place(self) -> tuple[datetime, str, int]:
        """Where it stands among others: of one moment a phase comes first."""
        return self.at, self.program, 0 if self.terms is None else self.terms.version


class RuleSaid(BaseModel):
    """A version of an earning rule."""

    rule_id: UUID
    version: int
    name: str
    state: State
    rule: Rule
    effective_from: datetime


class TrackSaid(BaseModel):
    """A version of a tier track."""

    key: str
    version: int
    track: Track
    effective_from: datetime


class Book(BaseModel):
    """A whole programme: all terms, rules and tracks in all their versions. `zone` is the firm's."""

    zone: str
    terms: tuple[Said, ...] = ()
    rules: tuple[RuleSaid, ...] = ()
    tracks: tuple[TrackSaid, ...] = ()

    def made(self) -> Rules:
        """The book, ready to be asked."""
        default = default_terms(ZoneInfo(self.zone))
        tracks: dict[str, list[Version]] = {}
        for each in self.tracks:
            tracks.setdefault(each.key, []).append(Version(each.version, each.track, each.effective_from))
        versions = [
            RuleVersion(
                each.rule_id, each.version, each.name, each.state, each.rule, each.effective_from,
                each.effective_from, "",
            )
            for each in self.rules
        ]  # fmt: skip
        changes = [Change(each.at, each.program, each.terms, each.phase) for each in self.terms]
        return Rules(Rulebook(versions), beside.timeline(default, changes), tracks)


class Inputs(BaseModel):
    """Both programmes."""

    live: Book
    proposed: Book


class NewTerms(NamedTuple):
    """A programme under other terms."""

    program: str
    terms: Terms


class NewRule(NamedTuple):
    """A further rule, or another version of one (`replaces`); `rule` None: that one is no more."""

    replaces: UUID | None
    name: str
    rule: Rule | None


class NewTrack(NamedTuple):
    """A tier track as it would be."""

    key: str
    track: Track


class Proposal(NamedTuple):
    """All that would be otherwise."""

    terms: Sequence[NewTerms] = ()
    rules: Sequence[NewRule] = ()
    tracks: Sequence[NewTrack] = ()


def proposed(live: Book, proposal: Proposal, since: datetime) -> Book:
    """The programme as if the proposal had held from a moment on, and nothing else of the same had come later."""
    terms = live.terms
    for program, new in proposal.terms:
        kept = [each for each in terms if each.program != program or each.terms is None or each.at < since]
        terms = (*kept, Said(at=since, program=program, terms=new))
    return Book(
        zone=live.zone,
        terms=tuple(sorted(terms, key=lambda each: each.place)),
        rules=tuple(_rules(live.rules, proposal.rules, since)),
        tracks=tuple(_tracks(live.tracks, proposal.tracks, since)),
    )


def _rules(live: Sequence[RuleSaid], new: Sequence[NewRule], since: datetime) -> Iterable[RuleSaid]:
    replaced = {each.replaces for each in new if each.replaces is not None}
    yield from (each for each in live if each.rule_id not in replaced or each.effective_from < since)
    for place, (replaces, name, rule) in enumerate(new):
        before = [each for each in live if each.rule_id == replaces]
        shown = rule or (before[-1].rule if before else None)
        if shown is None:
            continue
        yield RuleSaid(
            # A new rule comes after all others of its priority, as one made now would.
            rule_id=replaces or UUID(int=_LAST_ID - len(new) + place),
            version=1 + max((each.version for each in before), default=0),
            name=name,
            state="active" if rule is not None else "ended",
            rule=shown,
            effective_from=since,
        )


def _tracks(live: Sequence[TrackSaid], new: Sequence[NewTrack], since: datetime) -> Iterable[TrackSaid]:
    replaced = {each.key for each in new}
    yield from (each for each in live if each.key not in replaced or each.effective_from < since)
    for key, track in new:
        number = 1 + max((each.version for each in live if each.key == key), default=0)
        yield TrackSaid(key=key, version=number, track=track, effective_from=since)


@dataclass(frozen=True, slots=True)
class Plan:
    """Both programmes, ready to be asked."""

    live: Rules
    proposed: Rules

    @property
    def wider(self) -> Rules:
        """What either asks of histories."""
        book = Rulebook((*self.live.book.versions, *self.proposed.book.versions))
        return Rules(book, self.live.timeline, {**self.live.tracks, **self.proposed.tracks})

    def unheard(self) -> list[tuple[str, str]]:
        """The kinds and names of facts that the proposal asks for and the programme did not: they were not kept."""
        book = self.live.book
        asked = {each for each in self.proposed.book.triggers if each[0] not in ("order", "segment")}
        asked |= {("touchpoint", name) for name in (*self.proposed.book.waits, *self.proposed.metrics)}
        kept = {("touchpoint", name) for name in self.live.metrics}
        return sorted(each for each in asked - kept if not book.asks(*each))


# A worker comes back to the same one slice after slice.
@lru_cache(maxsize=4)
def plan(document: str) -> Plan:
    """What a document says."""
    inputs = Inputs.model_validate_json(document)
    return Plan(inputs.live.made(), inputs.proposed.made())
