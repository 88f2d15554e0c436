"""The built service: its ways in and its ways out."""

from dataclasses import dataclass, field

from services.metrics.earned.service.reading import EarnedGrowth
from services.metrics.earned.service.taking import Joining
from services.metrics.figures.service import Figures
from services.metrics.freshness.service import Freshness
from services.metrics.gap.service.reading import DeliveryGap
from services.metrics.gap.service.taking import PROJECTION as VOICES
from services.metrics.gap.service.taking import Mirrors, Promises
from services.metrics.ledger.service import PROJECTION as PURCHASES
from services.metrics.ledger.service import Ledger
from services.metrics.rights.service import MetricsRights
from services.metrics.satisfaction.service.figures import Satisfaction
from services.metrics.satisfaction.service.taking import PROJECTION as ANSWERS
from services.metrics.satisfaction.service.taking import Taking
from services.metrics.satisfaction.service.telling import Telling
from services.metrics.satisfaction.service.yardsticks import Yardsticks
from services.metrics.scorecard.service.taking import PROJECTION as ENGAGEMENT
from services.metrics.scorecard.service.taking import Engagement
from services.metrics.value.service.outlooks import Outlooks
from services.metrics.value.service.valuing import Value, Worths
from shared.runtime.service import Projection

# One: what people are counted by, who is whom, is theirs together.
_PARTS = (PURCHASES, ANSWERS, VOICES, ENGAGEMENT)
PROJECTION = Projection(
    tables=tuple(table for part in _PARTS for table in part.tables),
    groups=tuple(group for part in _PARTS for group in part.groups),
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
    rights: MetricsRights = field(default_factory=MetricsRights)
    worths: Worths = field(default_factory=dict)

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
        return EarnedGrowth(figures.db, figures.clock, figures.zone, figures.currency, self.voices)

    @property
    def value(self) -> Value:
        """What customers will probably do, and what that is worth."""
        of = self.figures
        return Value(of.db, of.clock, of.zone, of.currency, of.margin, of.freshness, self.worths)

    @property
    def outlooks(self) -> Outlooks:
        """Tells churn risk and value of single customers as facts."""
        return Outlooks(self.value)

    async def begin(self) -> None:
        """Rebuild the figures if the firm's time zone is not the one they were counted in."""
        await self.ledger.begin(PROJECTION)
