"""Use cases of targets: each is one transaction, and what was said before is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.metrics.scorecard.domain.card import KINDS, Kind, Target
from services.metrics.scorecard.errors import NoSuchTarget, NotBySegment, OutOfRange, TargetCurrency, UnknownFigure
from services.metrics.scorecard.repository import targets
from services.metrics.scorecard.schemas.targets import TargetIn, TargetOut, TargetsOut
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import uuid7

_GONE = Answer(204, b"")
_LIMITS: Mapping[str, tuple[float, float]] = {
    "nps": (-100, 100),
    "csat": (0, 100),
    "ces": (-100, 100),
    "delivery_gap": (-100, 100),
    "lapse_rate": (0, 1),
    "churn_rate": (0, 1),
    "active_members": (0, 1e15),
    "points_earned": (-1e15, 1e15),
    "points_redeemed": (0, 1e15),
    "redemption_rate": (0, 1e6),
    "complaints_opened": (0, 1e15),
    "complaints_open": (0, 1e15),
    "complaints_late": (0, 1e15),
    "earned_growth_rate": (-1e6, 1e6),
}
_ANY = (-1e15, 1e15)


@dataclass(frozen=True, slots=True)
class Aims:
    """Targets of the card's figures, with who answers for each."""

    db: Database
    clock: Clock

    async def listed(self) -> TargetsOut:
        """All that stand."""
        async with self.db.read() as tx:
            found = await targets.standing(tx)
        return TargetsOut(items=[TargetOut.of(found[key]) for key in sorted(found)])

    async def history(self, figure: str, segment: UUID | None) -> TargetsOut:
        """All there ever were of one, the newest first.

        Raises:
            UnknownFigure: the card has none of this name.
        """
        _kind(figure)
        async with self.db.read() as tx:
            found = await targets.history(tx, figure, _name(segment))
        return TargetsOut(items=[TargetOut.of(each) for each in found])

    async def put(self, figure: str, said: TargetIn, by: str, idem: Idempotent | None) -> Answer:
        """Enter a target; it stands over the one before.

        Raises:
            UnknownFigure, NotBySegment, TargetCurrency, OutOfRange: it can be none.
        """
        kind = _kind(figure)
        if said.segment is not None and not kind.by_segment:
            raise NotBySegment(figure)
        if (said.currency is None) == (kind.unit == "money"):
            raise TargetCurrency(figure, is_money=kind.unit == "money")
        low, high = _LIMITS.get(figure, _ANY)
        if not low <= said.value <= high:
            raise OutOfRange(figure, low, high)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            entered = await self._enter(tx, figure, said, by)
            answer = Answer(200, TargetOut.of(entered).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def remove(self, figure: str, segment: UUID | None, by: str, idem: Idempotent | None) -> Answer:
        """Have no target from now on; those before stay in the history.

        Raises:
            UnknownFigure: the card has none of this name.
            NoSuchTarget: there is none.
        """
        _kind(figure)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            version = await targets.lock(tx, figure, _name(segment))
            if (figure, _name(segment)) not in await targets.standing(tx):
                raise NoSuchTarget
            await targets.add(tx, self._version(figure, segment, version + 1, None, by))
            await remember(tx, idem, _GONE)
            return _GONE

    async def _enter(self, tx: WriteTx, figure: str, said: TargetIn, by: str) -> Target:
        version = await targets.lock(tx, figure, _name(said.segment))
        target = self._version(figure, said.segment, version + 1, said, by)
        await targets.add(tx, target)
        return target

    def _version(self, figure: str, segment: UUID | None, version: int, said: TargetIn | None, by: str) -> Target:
        return Target(
            uuid7(),
            figure,
            _name(segment),
            version,
            None if said is None else said.value,
            None if said is None else said.currency,
            None if said is None else said.owner,
            None if said is None else said.due,
            None if said is None else said.note,
            self.clock.now(),
            by,
        )


def _kind(figure: str) -> Kind:
    if figure not in KINDS:
        raise UnknownFigure(figure, KINDS)
    return KINDS[figure]


def _name(segment: UUID | None) -> str:
    return "" if segment is None else str(segment)
