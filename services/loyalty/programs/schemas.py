"""Wire models of the programme."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.loyalty.programs.domain.beside import Phase, State, state
from services.loyalty.programs.domain.terms import MAIN, Label, Name, Terms, Timeline, WalletTerms
from services.loyalty.programs.repository import Program, Status, Version
from shared.http.schemas import Instant, Strict

MAX_VERSION = 2**31 - 2

_Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["18:00"])]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MAX_WINDOWS = 20


class HoursIn(Strict):
    """From this time of day until before that one; on the next day, if that is not later."""

    from_: Annotated[_Clock, Field(alias="from")]
    to: _Clock


class WindowIn(Strict):
    """Some days of the week, some hours of them, or both. Days are those on which a window opens."""

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = None
    hours: HoursIn | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.days is None and self.hours is None:
            raise PydanticCustomError("always_open", "Say days or hours; what is always open needs no schedule")
        if self.hours is not None and self.hours.from_ == self.hours.to:
            raise PydanticCustomError("never_opens", "From and to are the same: leave hours out for the whole day")
        return self


Schedule = Annotated[
    list[WindowIn],
    Field(
        min_length=1,
        max_length=MAX_WINDOWS,
        description="Open while one of the windows is, by the clock of its zone; none: always.",
        examples=[[{"days": ["fri", "sat"], "hours": {"from": "22:00", "to": "02:00"}}, {"days": ["sun"]}]],
    ),
]


class ProgramIn(Strict):
    """The programme as it shall be."""

    zone: str = Field(max_length=64, description="IANA time zone whose days count.", examples=["Asia/Ho_Chi_Minh"])
    wallets: Annotated[dict[Name, WalletTerms], Field(min_length=1, max_length=50)]
    note: str = Field("", max_length=500, description="Why this version.")

    @field_validator("zone", "wallets")
    @classmethod
    def _is_possible(cls, value: object) -> object:
        if isinstance(value, str):
            Terms.is_a_zone(value)
        elif isinstance(value, dict) and all(wallet.is_closed for wallet in value.values()):
            raise ValueError("at least one wallet must be open")
        return value

    def terms(self, version: int) -> Terms:
        """What is kept of it."""
        return Terms(version=version, zone=self.zone, wallets=self.wallets)


class NewProgramIn(Strict):
    """Another programme, beside those there are."""

    key: Name = Field(examples=["gold_club"])
    labels: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z]{2}$")], Label], Field(max_length=20, examples=[{"vi": "Hội vàng"}])
    ] = Field(default_factory=dict)


class ProgramCardOut(BaseModel):
    """A programme as it stands now: a draft until a version is in force."""

    key: str
    labels: dict[str, str]
    state: State
    version: int | None = Field(description="The version in force; 0: the default; null: none yet.")
    zone: str | None
    wallets: list[str]

    @classmethod
    def of(cls, program: Program | None, terms: Terms | None, phase: Phase | None) -> "ProgramCardOut":
        """As it goes out; without a programme, the main one."""
        return cls(
            key=MAIN if program is None else program.key,
            labels={} if program is None else program.labels,
            state=state(terms is not None, phase),
            version=terms and terms.version,
            zone=terms and terms.zone,
            wallets=sorted(terms.wallets) if terms else [],
        )


class ActivateIn(Strict):
    """When a version comes into force."""

    effective_at: Instant | None = Field(None, description="Not before now, nor before another version; none: at once.")


class ProgramOut(BaseModel):
    """The programme in one version."""

    program: str
    version: int = Field(description="0: the default, where nothing was configured.")
    status: Status
    effective_at: datetime | None
    zone: str
    wallets: dict[str, WalletTerms]
    note: str
    changed_at: datetime | None
    changed_by: str | None

    @classmethod
    def of(cls, terms: Terms, version: Version | None) -> "ProgramOut":
        """The wire form; without a version, that of the default."""
        return cls(
            program=version.program if version else MAIN,
            version=terms.version,
            status=version.status if version else "active",
            effective_at=version and version.effective_at,
            zone=terms.zone,
            wallets=terms.wallets,
            note=version.note if version else "",
            changed_at=version and version.changed_at,
            changed_by=version and version.changed_by,
        )


class ValidityOut(BaseModel):
    """From when to when points count; `active_at` null: they wait for a word, `expires_at` null: they never end."""

    active_at: datetime | None
    expires_on: date | None = Field(description="The last local day they count on.")
    expires_at: datetime | None = Field(description="The moment from which they do not count.")


class PreviewLineOut(BaseModel):
    """What becomes of points of a wallet earned at a moment."""

    wallet: str
    earned_at: datetime
    kind: Literal["kept", "changed", "new"]
    before: ValidityOut | None = Field(description="By the terms in force at that moment; null: no such wallet.")
    after: ValidityOut


class PreviewOut(BaseModel):
    """What a version changes, for points earned at some moments, in a wallet opened at that moment."""

    version: int
    lines: list[PreviewLineOut]

    @classmethod
    def of(cls, terms: Terms, timeline: Timeline, moments: Sequence[datetime]) -> "PreviewOut":
        """The wire form."""
        return cls(
            version=terms.version,
            lines=[_line(name, at, timeline.at(at), terms) for name in sorted(terms.wallets) for at in moments],
        )


def _line(name: str, at: datetime, old: Terms, new: Terms) -> PreviewLineOut:
    before = _validity(old, name, at) if name in old.wallets else None
    after = _validity(new, name, at)
    kind: Literal["kept", "changed", "new"] = "new" if before is None else "kept" if before == after else "changed"
    return PreviewLineOut(wallet=name, earned_at=at, kind=kind, before=before, after=after)


def _validity(terms: Terms, name: str, at: datetime) -> ValidityOut:
    end = terms.end(name, at, at)
    return ValidityOut(active_at=terms.start(name, at), expires_on=end and end.on, expires_at=end and end.at)
