"""What everybody was worth on each past day, worked out when the past days are walked through."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.metrics.domain.purchases import SEVERAL
from services.metrics.retention.domain.past import Document, Lives
from services.metrics.retention.repository import past
from services.metrics.value.domain.answers import Asking, Counted, Stored, id_of
from services.metrics.value.domain.standings import Standings
from services.metrics.value.domain.worth import Base, Living
from services.metrics.value.repository import sums as repository
from services.metrics.value.service.valuing import crowds_of, main_of, models_of, whom
from shared.db.engine import ReadTx


@dataclass(frozen=True, slots=True)
class PastValue:
    """Goes along on walks through past days. `currency` is the firm's."""

    currency: str | None

    async def companion(self, tx: ReadTx) -> "PastWorth":
        """For one walk, with the fits as they are now."""
        return PastWorth(self.currency, await repository.fits(tx), Standings())

    async def is_behind(self, tx: ReadTx, day: int) -> bool:
        """Whether another fit serves that day than did on the walk."""
        document = await past.document(tx, Asking.of_past(self.currency), day)
        if document is None:
            return False
        found = Counted.of(document)
        stored = None if found.currency is None else await repository.newest(tx, found.currency, day)
        return found.fit_id != id_of(stored)


@dataclass(frozen=True, slots=True)
class PastWorth:
    """Counts who was there; and on each day says what they were worth, by the fit of that day or the first after."""

    currency: str | None
    fits: Mapping[str, Sequence[Stored]]
    standings: Standings

    def take(self, lives: Lives) -> None:
        """Count some persons, whole: no other call may have any of them."""
        self.standings.take(lives)

    def walked(self, currencies: Sequence[str], first: int, last: int) -> Iterator[Mapping[str, Document]]:
        """The documents of each day: of each currency, and of that which is meant where none is asked for."""
        if not self.standings.is_known:
            # All that is there is then counted when it is asked for.
            yield from ({} for _ in range(first, last + 1))
            return
        for day, bases in enumerate(self.standings.walked(currencies, first, last), first):
            codes = [*({*bases} - {SEVERAL}), self.currency]
            yield {Asking.of_past(code): self._document(code, bases, day) for code in codes}

    def _document(self, currency: str | None, bases: Mapping[str, Base], day: int) -> Document:
        crowds = crowds_of(bases)
        code = currency or main_of(crowds)
        stored = None if code is None else self._fit(code, day)
        counted = whom(code, crowds, stored, day, is_part=False)
        if stored is None or counted.reasons or code is None or code not in bases:
            return counted.document()
        return counted._replace(living=Living.of(bases[code], *models_of(stored.fit), day)).document()

    def _fit(self, currency: str, day: int) -> Stored | None:
        """As `repository.newest` finds it."""
        fits = self.fits.get(currency, ())
        return fits[max(bisect_right(fits, day, key=lambda each: each.fit.day) - 1, 0)] if fits else None
