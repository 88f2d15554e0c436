"""What facts have earned as it is stored, and what of that the ledger is to be told when it changes.

What one fact brings into one wallet comes in together, under all rules that leave beginning and end of the points to
the wallet: one lot, one transaction, one event. A rule with a beginning or an end of its own brings its own lot. Which
rule gave how much of it is what the awards say.
"""

from collections.abc import Iterator, Mapping
from uuid import UUID

from services.loyalty.earning.domain.history import Award, FactKey, Stored
from services.loyalty.points.domain.requests import Target

# Under this name the points that come in for a fact wait for a word of their own rule; None: as the wallet says.
Lane = tuple[str, UUID | None]
MOST_NAMES = 5


def lane_of(rule: UUID, row: Stored | Award) -> Lane:
    """With which other awards of its fact an award comes in."""
    return row.wallet, None if row.active_at is None and row.expires_at is None else rule


def source_of(fact: str, lane: Lane) -> str:
    """What the ledger calls it."""
    return f"earn:{fact}" if lane[1] is None else f"earn:{lane[1]}:{fact}"


def targets(
    key: FactKey, before: Mapping[UUID, Stored], rows: Mapping[UUID, Stored], awards: Mapping[UUID, Award]
) -> Iterator[Target]:
    """What the ledger is to be told of a fact whose awards were `before`, and are `rows` now (of `awards`)."""
    was = _lanes(before)
    for lane, points in _lanes(rows).items():
        if was.pop(lane, None) != points:
            yield _target(key, lane, points, {rule: awards[rule] for rule in rows if lane_of(rule, rows[rule]) == lane})
    at = next(iter(before.values())).occurred_at if was else None
    for lane in was:
        if at is not None:
            yield Target(
                key[0], lane[0], source_of(key[1], lane), 0, at, reason="no_longer_earned", reference=_told(key[1])
            )


def _lanes(rows: Mapping[UUID, Stored]) -> dict[Lane, int]:
    found: dict[Lane, int] = {}
    for rule, row in rows.items():
        lane = lane_of(rule, row)
        found[lane] = found.get(lane, 0) + row.points
    return found


def _target(key: FactKey, lane: Lane, points: int, awards: Mapping[UUID, Award]) -> Target:
    first = next(iter(awards.values()))
    return Target(
        person=key[0],
        wallet=lane[0],
        source=source_of(key[1], lane),
        points=points,
        occurred_at=first.occurred_at,
        active_at=first.active_at,
        expires_at=first.expires_at,
        reason=_names([each.rule_name for each in awards.values()]),
        reference=first.reference,
        kind=first.kind,
    )


def _names(names: list[str]) -> str:
    """The rules that gave it, as the ledger tells them to people."""
    if len(names) <= MOST_NAMES:
        return " + ".join(names)
    return " + ".join(names[:MOST_NAMES]) + f" + {len(names) - MOST_NAMES}"


def _told(fact: str) -> str | None:
    kind, _, name = fact.partition(":")
    return name if kind == "order" else None
