"""The built service: one collaborator per subject."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.achievements.repository import CHECKS as ACHIEVEMENT_CHECKS
from services.loyalty.achievements.service import Achievements, AchievementSettling, AchievementShow
from services.loyalty.checkout.repository.checks import CHECKS as CHECKOUT_CHECKS
from services.loyalty.checkout.service import Checkout
from services.loyalty.checkout.service.lanes import Lanes as CheckoutLanes
from services.loyalty.earning.repository.checks import CHECKS as EARNING_CHECKS
from services.loyalty.earning.service import Earning, FactsDoor, RulesService, Simulation
from services.loyalty.flash.repository.checks import CHECKS as FLASH_CHECKS
from services.loyalty.flash.schemas.sales import SaleOut
from services.loyalty.flash.service.claims import Claims
from services.loyalty.flash.service.draws import Draws
from services.loyalty.flash.service.lanes import Lanes
from services.loyalty.flash.service.rooms import Rooms, RoomViews
from services.loyalty.flash.service.sales import Sales, Views
from services.loyalty.flash.service.upkeep import Upkeep
from services.loyalty.invariants.service import Invariants
from services.loyalty.points.repository.checks import CHECKS as POINTS_CHECKS
from services.loyalty.points.service import Points
from services.loyalty.points.service.accounts import Accounts
from services.loyalty.points.service.counter import Counter
from services.loyalty.points.service.trying import Trials
from services.loyalty.points.service.upkeep import Upkeep as PointsUpkeep
from services.loyalty.pools.repository import CHECKS as POOL_CHECKS
from services.loyalty.pools.service import Pools
from services.loyalty.programs.service import Programs
from services.loyalty.promotions.service import Board, Promotions
from services.loyalty.referrals.repository.referrals import CHECKS as REFERRAL_CHECKS
from services.loyalty.referrals.service.coming import Coming
from services.loyalty.referrals.service.programs import ReferralPrograms
from services.loyalty.referrals.service.settling import Settling
from services.loyalty.replays.service import Replays
from services.loyalty.reports.service import Reports
from services.loyalty.rewards.repository import CHECKS as REWARD_CHECKS
from services.loyalty.rewards.service import Rewards
from services.loyalty.rights.service import LoyaltyRights
from services.loyalty.settings import LoyaltySettings
from services.loyalty.simulations.service import Simulations
from services.loyalty.throttle.service import Guard
from services.loyalty.tiers.repository import CHECKS as TIER_CHECKS
from services.loyalty.tiers.service.tracks import TracksService
from services.loyalty.verification.service import Verification
from services.loyalty.vouchers.repository.checks import CHECKS as VOUCHER_CHECKS
from services.loyalty.vouchers.service import (
    Assignments,
    Campaigns,
    CodesService,
    Generation,
    Importing,
    Vault,
    Vouchers,
)
from services.loyalty.vouchers.service.pools import CodePools
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event
from shared.identity import mapping
from shared.runtime.service import Parts


@dataclass(frozen=True, slots=True)
class LoyaltyService:
    """What `build` makes. Each subject is a property that puts its collaborators together."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    settings: LoyaltySettings
    vault: Vault = field(default_factory=Vault)
    checkout_lanes: CheckoutLanes = field(default_factory=CheckoutLanes)
    board: Board = field(default_factory=Board)
    flash_lanes: Lanes = field(default_factory=Lanes)
    flash_views: Views[SaleOut] = field(default_factory=Views)
    flash_room_views: RoomViews = field(default_factory=RoomViews)
    parts: Parts | None = None

    @property
    def programs(self) -> Programs:
        """The terms of the programme, in versions."""
        return Programs(db=self.db, clock=self.clock, zone=self.zone)

    @property
    def points(self) -> Points:
        """The ledger."""
        return Points(clock=self.clock, programs=self.programs)

    @property
    def accounts(self) -> Accounts:
        """What members have, and what the firm owes."""
        return Accounts(self.db, self.clock, self.programs, self.points)

    @property
    def counter(self) -> Counter:
        """Adjustments, transfers and holds."""
        return Counter(self.db, self.clock, self.programs, self.points)

    @property
    def trials(self) -> Trials:
        """Dry runs of what is done at the counter."""
        return Trials(self.db, self.points, self.counter)

    @property
    def points_upkeep(self) -> PointsUpkeep:
        """Timed work on points."""
        return PointsUpkeep(self.db, self.clock, self.points, self.programs)

    @property
    def invariants(self) -> Invariants:
        """What must always hold; each room names its own."""
        rooms = (
            POINTS_CHECKS,
            EARNING_CHECKS,
            TIER_CHECKS,
            CHECKOUT_CHECKS,
            FLASH_CHECKS,
            REFERRAL_CHECKS,
            REWARD_CHECKS,
            VOUCHER_CHECKS,
            ACHIEVEMENT_CHECKS,
            POOL_CHECKS,
        )
        return Invariants(self.db, self.clock, tuple(chain.from_iterable(rooms)))

    @property
    def replays(self) -> Replays:
        """What comparisons with the log have found."""
        return Replays(self.db, self.clock)

    @property
    def reports(self) -> Reports:
        """What is owed in points, and the revenue that waits for them."""
        return Reports(self.db, self.clock, self.programs)

    @property
    def verification(self) -> Verification:
        """The books beside what was told of them, every night."""
        return Verification(self.db, self.clock, self.settings, self.replays, self.parts)

    @property
    def simulations(self) -> Simulations:
        """What another programme would have come to."""
        return Simulations(self.db, self.clock, self.zone, self.settings.simulation_days)

    @property
    def rights(self) -> LoyaltyRights:
        """What loyalty keeps of a person, and what it forgets."""
        return LoyaltyRights(self.pools, self.clock)

    async def regroup(
        self, tx: WriteTx, events: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]
    ) -> Mapping[UUID, tuple[UUID, UUID]]:
        """Follow merges and unmerges; the keys whose person changed, each with its old and its new root.

        Points, codes and uses stay where they are. A room that says something of whole persons looks at them here.
        """
        moved = await mapping.follow(tx, events)
        await self.earning.regroup(tx, moved)
        await self.referral_settling.note_moves(tx, moved)
        return moved

    @property
    def earning(self) -> Earning:
        """Facts in, points and tiers out."""
        return Earning(self.db, self.clock, self.points, self.programs)

    @property
    def earning_rules(self) -> RulesService:
        """Earning rules as staff makes them."""
        return RulesService(self.db, self.clock, self.programs)

    @property
    def earning_facts(self) -> FactsDoor:
        """Birthdays and answers that somebody tells of."""
        return FactsDoor(self.db, self.clock, self.earning)

    @property
    def simulation(self) -> Simulation:
        """What rules would give, and why somebody has what they have."""
        return Simulation(self.db, self.clock, self.programs)

    @property
    def tracks(self) -> TracksService:
        """Tiers as staff makes them, and as members see them."""
        return TracksService(self.db, self.clock, self.programs, self.earning)

    @property
    def checkout(self) -> Checkout:
        """Validate, reserve, redeem, roll back."""
        return Checkout(
            self.db,
            self.clock,
            self.settings,
            self.vouchers,
            self.programs,
            self.points,
            self.guard,
            self.checkout_lanes,
            self.board,
            self.pools.purses,
        )

    @property
    def flash_sales(self) -> Sales:
        """Flash sales as staff makes and steers them."""
        return Sales(self.db, self.clock, self.zone, self.flash_lanes, self.flash_views, self.vault)

    @property
    def flash_claims(self) -> Claims:
        """Claims on what flash sales sell."""
        return Claims(self.db, self.clock, self.flash_lanes, self.flash_rooms)

    @property
    def flash_draws(self) -> Draws:
        """Lotteries of flash sales."""
        return Draws(self.db, self.clock, self.vault)

    @property
    def flash_rooms(self) -> Rooms:
        """The waiting rooms of flash sales."""
        return Rooms(self.db, self.vault, self.flash_room_views, self.flash_sales)

    @property
    def flash_upkeep(self) -> Upkeep:
        """Timed work on flash sales."""
        return Upkeep(self.db, self.clock, self.flash_lanes)

    @property
    def vouchers(self) -> Vouchers:
        """Vouchers by code and by id."""
        return Vouchers(self.vault)

    @property
    def guard(self) -> Guard:
        """The throttle of failed codes."""
        return Guard(self.db, self.vault, self.settings.code_failures_per_minute)

    @property
    def campaigns(self) -> Campaigns:
        """Voucher campaigns as staff makes and steers them."""
        return Campaigns(self.db, self.clock, self.zone, self.vault, self.board.forget)

    @property
    def promotions(self) -> Promotions:
        """How vouchers stand together, and what budgets have left."""
        return Promotions(self.db, self.clock, self.board, self.vault, self.settings.max_vouchers_per_order)

    @property
    def codes(self) -> CodesService:
        """Voucher codes one by one."""
        return CodesService(self.db, self.clock, self.vault, self.vouchers)

    @property
    def code_jobs(self) -> Generation:
        """Voucher codes in bulk."""
        return Generation(self.db, self.clock, self.vault)

    @property
    def code_files(self) -> Importing:
        """Voucher codes of other systems, from files."""
        return Importing(self.db, self.clock, self.vault, self.codes)

    @property
    def code_pools(self) -> CodePools:
        """Voucher codes that are kept ready to be assigned."""
        return CodePools(self.db, self.clock, self.vault)

    @property
    def assignments(self) -> Assignments:
        """Voucher codes for customers."""
        return Assignments(self.db, self.clock, self.vault, self.vouchers)

    @property
    def referral_programs(self) -> ReferralPrograms:
        """Referral programmes, and the codes of advocates."""
        return ReferralPrograms(self.db, self.clock, self.programs, self.vault)

    @property
    def referrals(self) -> Coming:
        """Friends who come with a code."""
        return Coming(self.db, self.clock, self.referral_settling, self.vault)

    @property
    def referral_settling(self) -> Settling:
        """What referrals earn."""
        return Settling(self.db, self.clock, self.points, self.assignments, self.earning)

    @property
    def pools(self) -> Pools:
        """Members who spend together."""
        return Pools(self.db, self.clock, self.programs, self.points)

    @property
    def achievements(self) -> Achievements:
        """Achievements as staff makes them."""
        return Achievements(self.db, self.clock, self.programs)

    @property
    def achievement_settling(self) -> AchievementSettling:
        """What customers reach."""
        return AchievementSettling(self.db, self.clock, self.points, self.programs, self.assignments)

    @property
    def achievement_show(self) -> AchievementShow:
        """What customers see of achievements."""
        return AchievementShow(self.db, self.clock, self.programs)

    @property
    def rewards(self) -> Rewards:
        """What points buy."""
        return Rewards(self.db, self.clock, self.programs, self.points, self.assignments, self.pools.purses)
