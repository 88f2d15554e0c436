"""The whole of a customer in one read: for whoever looks at a person, or fills another system with them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.profiles.activity.schemas import ComputedOut
from services.profiles.activity.service import BESIDES as ACTIVITY
from services.profiles.activity.service import ActivityService
from services.profiles.consent import repository as consents
from services.profiles.consent.service import Consent
from services.profiles.needs import repository as needs
from services.profiles.needs.service import Needs
from services.profiles.overview.schemas import OverviewOut, Part
from services.profiles.people import service as people
from services.profiles.people.repository import Beside
from services.profiles.segments.domain.definition import Belonging
from services.profiles.segments.repository import definitions
from services.profiles.segments.schemas import BelongingsOut
from services.profiles.segments.service import SegmentsService
from shared.db.engine import Database

_BESIDES: Mapping[Part, Sequence[Beside[Any]]] = {
    "computed": ACTIVITY,
    "segments": (definitions.BELONGINGS,),
    "consent": (consents.LATEST,),
    "preferences": (needs.LATEST,),
}


@dataclass(frozen=True, slots=True)
class Overview:
    """Reads what several rooms keep with one statement. `country` is that of numbers without a country code."""

    db: Database
    country: str
    activity: ActivityService
    segments: SegmentsService
    consent: Consent
    needs: Needs

    async def of(self, reference: str, parts: Collection[Part], *, sees_sensitive: bool) -> OverviewOut:
        """The person that goes by `reference`, with these parts.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: it does not name one person.
        """
        asked = [part for part in _BESIDES if part in parts]
        besides = [each for part in asked for each in _BESIDES[part]]
        person, found = await people.seen_with(
            self.db, reference, besides, country=self.country, sees_sensitive=sees_sensitive
        )
        whole, rows = OverviewOut.of(person), iter(found)
        for part in asked:
            told = [next(rows) for _ in _BESIDES[part]]
            match part:
                case "computed":
                    whole.computed = ComputedOut.of(self.activity.shown(person, told))
                case "segments":
                    belongings = told[0] if sees_sensitive else await self._shown(told[0])
                    whole.segments = BelongingsOut.of(person.id, belongings)
                case "consent":
                    whole.consent = self.consent.shown(person.id, told[0])
                case "preferences":
                    whole.preferences = self.needs.wanted(person.id, told[0])
        return whole

    async def _shown(self, belongings: Sequence[Belonging]) -> list[Belonging]:
        async with self.db.read() as tx:
            return await self.segments.shown(tx, belongings, sees_sensitive=False)
