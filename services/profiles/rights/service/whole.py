"""All of data rights, put together from what profiles is made of."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.profiles.consent.service import Consent
from services.profiles.membership.service import Membership
from services.profiles.rights.service.admission import Admission
from services.profiles.rights.service.following import Following, Rectify
from services.profiles.rights.service.installation import Installation
from services.profiles.rights.service.journal import Journal
from services.profiles.rights.service.person import Persons
from services.profiles.rights.service.reading import Cases
from services.profiles.rights.service.requests import Requests
from shared.clock import Clock
from shared.db.engine import Database


@dataclass(frozen=True, slots=True)
class DataRights:
    """What people ask of their data. `country` is that of phone numbers without a country code."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    country: str
    installation: Installation
    consent: Consent
    membership: Membership
    rectify: Rectify

    @property
    def admission(self) -> Admission:
        """Keeping out who was erased."""
        return Admission(self.installation.seal)

    @property
    def persons(self) -> Persons:
        """What is kept of people, and its end."""
        return Persons(self.clock, self.installation.seal, self.consent, self.membership)

    @property
    def following(self) -> Following:
        """What becomes of requests, step by step."""
        return Following(self.db, self.clock, self.zone, self.installation, self.persons, self.consent, self.rectify)

    @property
    def requests(self) -> Requests:
        """Taking requests down."""
        seal, registry = self.installation.seal, self.consent.registry
        return Requests(self.db, self.clock, self.zone, self.country, seal, registry, self.following)

    @property
    def cases(self) -> Cases:
        """What became of them."""
        return Cases(self.db, self.clock, self.country, self.installation.seal, self.following)

    @property
    def journal(self) -> Journal:
        """What a restored back-up must forget again."""
        return Journal(self.db, self.following)
