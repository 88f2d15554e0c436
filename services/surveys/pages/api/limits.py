"""How often one link and one address may come: enough for people and their mail scanners, too little to wear us out."""

from services.surveys.pages.settings import PagesSettings
from shared.errors import TooManyRequests
from shared.http.limits import RateLimited, TokenBuckets


class TooManyVisits(TooManyRequests):
    """Too many visits by one link or from one address."""

    code, title = "surveys.too_many_visits", "Too many visits"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            "There were too many visits by this link, or from this address.", retry_after_seconds=retry_after_seconds
        )


class VisitLimits:
    """Per process. A minute's visits may come at once."""

    def __init__(self, settings: PagesSettings) -> None:
        self._links = TokenBuckets(rate=settings.visits_per_minute / 60, burst=settings.visits_per_minute)
        self._addresses = TokenBuckets(
            rate=settings.address_visits_per_minute / 60, burst=settings.address_visits_per_minute
        )

    def take(self, address: str, link: str | None = None) -> None:
        """Count a visit, of a link if there is one.

        Raises:
            TooManyVisits: there were too many.
        """
        try:
            self._addresses.take(address)
            if link is not None:
                self._links.take(link)
        except RateLimited as limited:
            raise TooManyVisits(int(limited.data["retry_after_seconds"])) from None
