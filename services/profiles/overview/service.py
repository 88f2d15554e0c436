"""The whole of a customer in one read: for whoever looks at a person, or fills another system with them."""

from collections.abc import Collection
from dataclasses import dataclass

from services.profiles.activity.schemas import ComputedOut
from services.profiles.activity.service import ActivityService
from services.profiles.consent.service import Consent
from services.profiles.needs.service import Needs
from services.profiles.overview.schemas import OverviewOut, Part
from services.profiles.people import service as people
from services.profiles.segments.schemas import BelongingsOut
from services.profiles.segments.service import SegmentsService
from shared.db.engine import Database


@dataclass(frozen=True, slots=True)
class Overview:
    """Reads of several rooms in one snapshot. `country` is that of phone numbers without a country code."""

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
        async with self.db.read() as tx:
            found = await people.known(tx, reference, country=self.country)
            person = await people.visible(tx, found, sees_sensitive=sees_sensitive)
            whole = OverviewOut.of(person)
            if "computed" in parts:
                whole.computed = ComputedOut.of(await self.activity.told(tx, person))
            if "segments" in parts:
                belongings = await self.segments.belongings(tx, person, sees_sensitive=sees_sensitive)
                whole.segments = BelongingsOut.of(person.id, belongings)
            if "consent" in parts:
                whole.consent = await self.consent.standing(tx, person)
            if "preferences" in parts:
                whole.preferences = await self.needs.wanted(tx, person)
        return whole
