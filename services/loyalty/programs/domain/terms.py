"""The terms of the programme in one version: its zone, and what holds for each wallet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, field_validator, model_validator

from services.loyalty.programs.domain.calendar import add_days, local_day, period_begin
from services.loyalty.programs.domain.validity import End, Expiry, Pending, Rule
from services.loyalty.programs.errors import UnknownWallet
from shared.clock import time_zones
from shared.money import EXPONENTS, MAX_MINOR

DEFAULT_WALLET = "points"
MAIN = "main"
MAX_POINTS = 10**12

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Points = Annotated[int, Field(strict=True, ge=0, le=MAX_POINTS)]


class Transfers(Rule):
    """What members may give each other. The fee is taken from what is sent, rounded up; `daily` is per sender and
    local day; `keeps_expiry`: points end where they would have ended, else as if earned anew."""

    is_allowed: bool = False
    fee_permille: Annotated[int, Field(ge=0, le=1_000)] = 0
    least: Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS)] = 1
    most: Points = MAX_POINTS
    daily: Points = MAX_POINTS
    keeps_expiry: bool = True

    def fee(self, points: int) -> int:
        """What is kept of a transfer."""
        return -(-points * self.fee_permille // 1_000)


class Payment(Rule):
    """Where points pay: `points` are worth `minor` units of `currency`.

    They pay at most a share of an order (basis points of what it costs after discounts), no fewer than
    `minimum_points` at once; `gives_back`: they come back as the money does when the order is refunded or cancelled.
    """

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    points: Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS)]
    minor: Annotated[int, Field(strict=True, ge=1, le=MAX_MINOR)]
    share_basis_points: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 10_000
    minimum_points: Points = 0
    gives_back: bool = True

    @field_validator("currency")
    @classmethod
    def _is_a_currency(cls, value: str) -> str:
        if value not in EXPONENTS:
            raise ValueError("it is not an ISO 4217 currency")
        return value


class EarningCap(Rule):
    """The most that all earning rules together give a person into the wallet in a time.

    Periods are local, weeks begin on Monday. `truncate` gives what is left, and the rules that are lowest in rank give
    less; `reject` gives nothing for a fact that would go beyond.
    """

    per: Literal["transaction", "day", "week", "month", "year", "lifetime"]
    points: Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS)]
    over: Literal["truncate", "reject"] = "truncate"


class SpendingCap(Rule):
    """The most that a member spends from the wallet in a time; more is refused, and points pay for no more of an order.

    Periods are local, weeks begin on Monday. What is set apart counts from then on, and is spent whatever else is by
    then; what came back does not count. Members who pool their points have the cap together. What is taken by hand, or
    given to another member, is not spent.
    """

    per: Literal["transaction", "day", "week", "month", "year", "lifetime"]
    points: Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS)]

    def since(self, day: date) -> date | None:
        """The first day of the period in which a day lies; None: there is none, or it has always been."""
        return None if self.per in ("transaction", "lifetime") else period_begin(day, self.per)


class BalanceLimit(Rule):
    """The most that a member can have in the wallet: what can be spent, what is pending and what is held, together.

    It is asked when points come in that were earned: `truncate` takes those that find room, `reject` none if not all
    do. The rest ends at once (`over_limit`), and is not taken back again when its order is. What is given by hand, by
    another member, or back, always finds room.
    """

    points: Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS)]
    over: Literal["truncate", "reject"] = "truncate"

    def excess(self, before: int, points: int, owed: int) -> int:
        """How many of the points that come in do not find room beside those that are there; debt is repaid first."""
        room = max(0, self.points - before) + owed
        if points <= room:
            return 0
        return points if self.over == "reject" else points - room


class WalletTerms(Rule):
    """What holds for one kind of points.

    Points are whole numbers of the smallest unit; `scale` says how many decimals people see. `clawback` says what is
    taken back when what was earned for no longer stands: nothing, only what is pending, what the wallet has, or all
    of it, into debt of `max_debt` at most. `grace_days` is the least time that points have which come back after
    their end. `notice_days`: so many days before points end it is announced.
    """

    labels: Annotated[dict[Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")], Label], Field(max_length=20)] = (
        Field(default_factory=dict)
    )
    scale: Annotated[int, Field(ge=0, le=2)] = 0
    rounding: Literal["floor", "half_even", "ceil"] = "floor"
    is_closed: bool = False
    pending: Pending = Pending()
    expiry: Expiry = Expiry()
    draws: Literal["earliest_expiring", "oldest"] = "earliest_expiring"
    clawback: Literal["keep", "pending", "within_balance", "debt"] = "debt"
    max_debt: Points = MAX_POINTS
    grace_days: Annotated[int, Field(ge=0, le=366)] = 0
    notice_days: Annotated[tuple[Annotated[int, Field(ge=1, le=366)], ...], Field(max_length=5)] = ()
    transfers: Transfers = Transfers()
    four_eyes_above: Points | None = None
    caps: Annotated[tuple[EarningCap, ...], Field(max_length=6)] = ()
    spending: Annotated[tuple[SpendingCap, ...], Field(max_length=6)] = ()
    limit: BalanceLimit | None = None
    pays: Annotated[tuple[Payment, ...], Field(max_length=50)] = ()

    @field_validator("caps", "spending")
    @classmethod
    def _caps_once(
        cls, value: tuple[EarningCap, ...] | tuple[SpendingCap, ...]
    ) -> tuple[EarningCap, ...] | tuple[SpendingCap, ...]:
        if len({each.per for each in value}) < len(value):
            raise ValueError("there is one cap for each kind of period")
        return value

    @field_validator("pays")
    @classmethod
    def _pays_one_way(cls, value: tuple[Payment, ...]) -> tuple[Payment, ...]:
        if len({each.currency for each in value}) < len(value):
            raise ValueError("each currency is named once")
        return value


class Terms(Rule):
    """One version of a programme; or what holds at a moment, with the wallets of all programmes side by side.

    Then `zone` is that of the main programme, `homes` names the programme of each wallet of another, and `zones` the
    zone of each other programme.
    """

    version: int = 0
    zone: str
    wallets: Annotated[dict[Name, WalletTerms], Field(min_length=1)]
    homes: Annotated[dict[str, str], Field(exclude=True)] = Field(default_factory=dict)
    zones: Annotated[dict[str, str], Field(exclude=True)] = Field(default_factory=dict)

    @field_validator("zone")
    @classmethod
    def is_a_zone(cls, value: str) -> str:
        """The name of a zone.

        Raises:
            ValueError: it is none.
        """
        if value not in time_zones():
            raise ValueError("it is not an IANA time zone such as Asia/Ho_Chi_Minh")
        return value

    @model_validator(mode="after")
    def _has_an_open_wallet(self) -> "Terms":
        if all(wallet.is_closed for wallet in self.wallets.values()):
            raise ValueError("at least one wallet must be open")
        return self

    @cached_property
    def time_zone(self) -> ZoneInfo:
        """The zone whose days count."""
        return ZoneInfo(self.zone)

    def wallet(self, name: str) -> WalletTerms:
        """The terms of a wallet.

        Raises:
            UnknownWallet: the programme has none of that name.
        """
        if name not in self.wallets:
            raise UnknownWallet(name, tuple(sorted(self.wallets)))
        return self.wallets[name]

    def program_of(self, wallet: str) -> str:
        """The programme that a wallet belongs to."""
        return self.homes.get(wallet, MAIN)

    def is_running(self, program: str) -> bool:
        """Whether a programme is neither paused nor archived; one that is not in force yet is not either."""
        own = [wallet.is_closed for name, wallet in self.wallets.items() if self.program_of(name) == program]
        return not own or not all(own)

    def zone_in(self, program: str) -> ZoneInfo:
        """The zone whose days count in a programme; in one that is not in force, the main one's."""
        return ZoneInfo(self.zones[program]) if program in self.zones else self.time_zone

    def zone_of(self, wallet: str) -> ZoneInfo:
        """The zone whose days count for a wallet."""
        return self.zone_in(self.homes[wallet]) if wallet in self.homes else self.time_zone

    def seen_from(self, program: str) -> "Terms":
        """The same, with the days of one of the programmes."""
        if program not in self.zones:
            return self
        return Terms.model_construct(version=self.version, zone=self.zones[program], wallets=self.wallets)

    def start(self, wallet: str, earned_at: datetime) -> datetime | None:
        """The moment from which points count; None: they wait for a word."""
        return self.wallet(wallet).pending.start(earned_at, self.zone_of(wallet))

    def end(self, wallet: str, earned_at: datetime, opened_at: datetime) -> End | None:
        """Where points end; None: never."""
        return self.wallet(wallet).expiry.end(earned_at, opened_at, self.zone_of(wallet))

    def last_day(self, end: datetime, wallet: str) -> date:
        """The last local day before a moment at which points of a wallet end."""
        return local_day(end - timedelta(microseconds=1), self.zone_of(wallet))

    def grace(self, days: int, now: datetime, wallet: str) -> End:
        """The end of the local day so many days from now, for a wallet."""
        zone = self.zone_of(wallet)
        return End.of(add_days(local_day(now, zone), days), zone)


@lru_cache(maxsize=16)
def default_terms(zone: ZoneInfo) -> Terms:
    """What holds where nothing was configured: one wallet whose points never end."""
    return Terms(zone=zone.key, wallets={DEFAULT_WALLET: WalletTerms(labels={"vi": "điểm", "en": "points"})})


@dataclass(frozen=True, slots=True)
class Timeline:
    """What held from when on, all programmes side by side; before the first change, the default."""

    default: Terms
    versions: Sequence[tuple[datetime, Terms]] = ()

    @property
    def limited(self) -> frozenset[str]:
        """The wallets whose balance ever had a limit."""
        return frozenset(
            name for _, each in self.versions for name, wallet in each.wallets.items() if wallet.limit is not None
        )

    @property
    def capped(self) -> frozenset[str]:
        """The wallets whose spending was ever capped."""
        return frozenset(name for _, each in self.versions for name, wallet in each.wallets.items() if wallet.spending)

    @property
    def has_caps(self) -> bool:
        """Whether any wallet ever limits what all rules together give in a period."""
        return any(
            cap.per != "transaction" for _, each in self.versions for w in each.wallets.values() for cap in w.caps
        )

    def at(self, moment: datetime) -> Terms:
        """The terms in force at a moment."""
        for effective_at, terms in reversed(self.versions):
            if effective_at <= moment:
                return terms
        return self.default
