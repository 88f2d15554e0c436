"""The built service: its ways in and its ways out."""

from dataclasses import dataclass, field

from services.metrics.alarms.service.configuring import Watches
from services.metrics.alarms.service.contracted import Kept
from services.metrics.alarms.service.reading import Alarms
from services.metrics.alarms.service.watching import Watching
from services.metrics.earned.service.reading import EarnedGrowth
from services.metrics.earned.service.taking import Joining
from services.metrics.figures.service import Figures
from services.metrics.freshness.service import Freshness
from services.metrics.gap.service.reading import DeliveryGap
from services.metrics.gap.service.taking import PROJECTION as VOICES
from services.metrics.gap.service.taking import Mirrors, Promises
from services.metrics.knowledge.service import Knowledge
from services.metrics.ledger.service import PROJECTION as PURCHASES
from services.metrics.ledger.service import Ledger
from services.metrics.retention.service.reading import Retention
from services.metrics.retention.service.scanning import Locks, locks
from services.metrics.retention.service.walking import Walking
from services.metrics.rights.service import MetricsRights
from services.metrics.satisfaction.service.figures import Satisfaction
from services.metrics.satisfaction.service.taking import PROJECTION as ANSWERS
from services.metrics.satisfaction.service.taking import Taking
from services.metrics.satisfaction.service.telling import Telling
from services.metrics.satisfaction.service.yardsticks import Yardsticks
from services.metrics.scorecard.service.aiming import Aims
from services.metrics.scorecard.service.keeping import Keeping
from services.metrics.scorecard.service.reading import ScoreCard
from services.metrics.scorecard.service.taking import PROJECTION as ENGAGEMENT
from services.metrics.scorecard.service.taking import Engagement
from services.metrics.subscriptions.service.deciding import Deciding
from services.metrics.subscriptions.service.reading import Subscriptions
from services.metrics.subscriptions.service.taking import PROJECTION as SUBSCRIBED
from services.metrics.subscriptions.service.taking import Subscribing
from services.metrics.value.service.outlooks import Outlooks
from services.metrics.value.service.refitting import Refitting
from services.metrics.value.service.segments import Segments
from services.metrics.value.service.so_far import ValueSoFar
from services.metrics.value.service.valuing import Value
from services.metrics.value.service.walking import PastValue
from shared.runtime.answers import Answers
from shared.runtime.service import Projection

# One: what people are counted by, who is whom, is theirs together.
_PARTS = (PURCHASES, ANSWERS, VOICES, ENGAGEMENT, SUBSCRIBED)
PROJECTION = Projection(
    tables=tuple(table for part in _PARTS for table in part.tables),
    groups=tuple(group for part in _PARTS for group in part.groups),
    given=tuple(table for part in _PARTS for table in part.given),
    unfinished=tuple(table for part in _PARTS for table in part.unfinished),
)


@dataclass(frozen=True, slots=True)
class MetricsService:
    """What `build` makes: consumers take in, HTTP and Prometheus read figures."""

    ledger: Ledger
    figures: Figures
    taking: Taking
    satisfaction: Satisfaction
    yardsticks: Yardsticks
    voices: Freshness
    knowledge: Knowledge
    rights: MetricsRights = field(default_factory=MetricsRights)
    answers: Answers = field(default_factory=Answers)
    scans: Locks = field(default_factory=locks)
    walked: Kept = field(default_factory=dict)

    @property
    def telling(self) -> Telling:
        """Tells figures of satisfaction as facts."""
        return Telling(self.satisfaction)

    @property
    def mirrors(self) -> Mirrors:
        """Takes in mirror waves."""
        return Mirrors()

    @property
    def promises(self) -> Promises:
        """Takes in what was promised, and what came of it."""
        return Promises(self.figures.zone)

    @property
    def engagement(self) -> Engagement:
        """Takes in points and complaints."""
        return Engagement(self.figures.zone)

    @property
    def joining(self) -> Joining:
        """Takes in why people became customers."""
        return Joining()

    @property
    def delivery_gap(self) -> DeliveryGap:
        """What staff believes, what customers say, what was promised."""
        return DeliveryGap(self.figures.db, self.figures.clock, self.figures.zone, self.voices)

    @property
    def earned_growth(self) -> EarnedGrowth:
        """What of the growth came back, or was brought."""
        figures = self.figures
        return EarnedGrowth(figures.db, figures.clock, figures.zone, figures.currency, self.voices, self.scans)

    @property
    def subscribing(self) -> Subscribing:
        """Takes in what became of subscriptions."""
        return Subscribing(self.figures.zone)

    @property
    def subscription_rules(self) -> Deciding:
        """When a departure counts, and rates of exchange."""
        return Deciding(self.figures.db, self.figures.clock, self.subscribing)

    @property
    def subscriptions(self) -> Subscriptions:
        """Who subscribes and who leaves, and what that brings in a month."""
        of = self.figures
        return Subscriptions(of.db, of.clock, of.zone, of.currency, self.voices)

    @property
    def value(self) -> Value:
        """What customers will probably do, and what that is worth."""
        of = self.figures
        return Value(of.db, of.clock, of.zone, of.currency, of.margin, of.freshness, self.scans)

    @property
    def value_so_far(self) -> ValueSoFar:
        """What customers have brought, in one currency."""
        return ValueSoFar(self.value)

    @property
    def refitting(self) -> Refitting:
        """Fits models of buying and of spending in the background."""
        return Refitting(self.figures.db, self.figures.clock, self.figures.zone)

    @property
    def segments(self) -> Segments:
        """Values the customers of segments, and tells it."""
        return Segments(self.value)

    @property
    def outlooks(self) -> Outlooks:
        """Tells churn risk and value of single customers as facts."""
        return Outlooks(self.value)

    @property
    def retention(self) -> Retention:
        """When silence is leaving, who comes back, and who customers are by what they did."""
        of = self.figures
        return Retention(of.db, of.clock, of.zone, of.currency, of.freshness, self.voices, self.scans)

    @property
    def walking(self) -> Walking:
        """How retention was on every past day, and what everybody was worth."""
        of = self.figures
        return Walking(of.db, of.clock, of.zone, PastValue(of.currency))

    @property
    def scorecard(self) -> ScoreCard:
        """All figures on one page, and why they changed."""
        of = self.figures
        return ScoreCard(of.db, of.clock, of.zone, of.currency, of.margin, self.voices, self.value)

    @property
    def aims(self) -> Aims:
        """Targets of the score card, and who answers for them."""
        return Aims(self.figures.db, self.figures.clock)

    @property
    def keeping(self) -> Keeping:
        """Computes what the score card cannot read in passing."""
        return Keeping(self.figures.db, self.figures.clock, self.value, self.earned_growth, self.retention)

    @property
    def watching(self) -> Watching:
        """Looks for changes in watched figures."""
        of = self.figures
        return Watching(of.db, of.clock, of.zone, self.satisfaction, self.voices, of.currency, self.walked)

    @property
    def watches(self) -> Watches:
        """What is watched, and who has seen what was raised."""
        return Watches(self.figures.db, self.figures.clock, self.figures.zone)

    @property
    def alarms(self) -> Alarms:
        """What was raised, and the evidence."""
        return Alarms(self.figures.db)

    async def begin(self) -> None:
        """Rebuild the figures if the firm's time zone is not the one they were counted in."""
        await self.ledger.begin(PROJECTION)
