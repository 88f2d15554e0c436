"""Codes made anew from what was told of them: which there were, what became of each, and who got it."""

from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from services.loyalty.vouchers.domain.keys import FINGERPRINT_BYTES
from services.loyalty.vouchers.repository import replaying as rows
from services.loyalty.vouchers.repository.replaying import Changed, Issued, Load, Made
from shared.db.engine import ReadTx, WriteTx
from shared.errors import Poison
from shared.events.catalogue.loyalty import VoucherChanged, VoucherIssued, VouchersMade
from shared.events.envelope import Event

VoucherFact = VouchersMade | VoucherChanged | VoucherIssued
FACTS = (VouchersMade, VoucherChanged, VoucherIssued)
RELATIONS = rows.RELATIONS
_ID_BYTES = 16


class Untold(Poison):
    """A fact of before codes were told whole."""


async def replay(tx: WriteTx, events: Sequence[Event[Any]]) -> None:
    """Store codes as they were told, in any order and as often as it comes.

    Raises:
        Untold: it was told before assignments were told whole.
    """
    made = [event for event in events if isinstance(event.data, VouchersMade)]
    changed = [event for event in events if isinstance(event.data, VoucherChanged)]
    issued = [event for event in events if isinstance(event.data, VoucherIssued)]
    await rows.put_made(tx, list({code.id: code for event in made for code in _made(event)}.values()))
    await rows.stand(tx, [(event.data.voucher_id, event.subject) for event in changed])
    await rows.stand(tx, [(event.data.voucher_id, UUID(event.data.campaign)) for event in issued])
    await rows.put_changed(tx, _latest(changed))
    await rows.put_issued(tx, [_issued(each) for each in issued], [_assignment(each) for each in issued])
    await rows.put_loads(tx, [load for event in changed if (load := _load(event)) is not None])


async def known_to(live: ReadTx, events: Sequence[Event[Any]]) -> list[Event[Any]]:
    """Those of these facts that `live` sees told."""
    versions = await rows.known(live, {_first(event.data) for event in events})
    assigned = await rows.assigned(
        live, {event.data.voucher_id for event in events if isinstance(event.data, VoucherIssued)}
    )
    return [event for event in events if _is_known(event.data, versions, assigned)]


def _is_known(told: VoucherFact, versions: dict[UUID, int], assigned: set[UUID]) -> bool:
    if isinstance(told, VoucherIssued):
        return told.voucher_id in assigned
    version = versions.get(_first(told))
    return version is not None and (isinstance(told, VouchersMade) or told.version <= version)


def _first(told: VoucherFact) -> UUID:
    """A code that it tells of: those that were made at once are seen at once."""
    if isinstance(told, VouchersMade):
        return next(UUID(bytes=each) for each in _parts(told.ids, _ID_BYTES))
    return told.voucher_id


def _made(event: Event[VouchersMade]) -> Iterator[Made]:
    told = event.data
    prints = _parts(told.prints, FINGERPRINT_BYTES)
    for key, fingerprint in zip(_parts(told.ids, _ID_BYTES), prints, strict=True):
        yield Made(
            UUID(bytes=key), event.subject, fingerprint, told.kid, told.max_uses, told.value_minor, told.expires_at,
            told.job_id, event.time, told.pool,
        )  # fmt: skip


def _parts(packed: str, size: int) -> Iterator[bytes]:
    whole = b64decode(packed)
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _latest(events: Sequence[Event[VoucherChanged]]) -> list[Changed]:
    found: dict[UUID, Changed] = {}
    for event in events:
        told = event.data
        known = found.get(told.voucher_id)
        if known is None or known.version < told.version:
            found[told.voucher_id] = Changed(
                told.voucher_id, event.subject, told.state, told.value_minor, told.expires_at, told.version
            )
    return sorted(found.values())


def _issued(event: Event[VoucherIssued]) -> Issued:
    told = event.data
    return Issued(told.voucher_id, UUID(told.campaign), event.subject, told.expires_at, told.version)


def _assignment(event: Event[VoucherIssued]) -> tuple[Any, ...]:
    told = event.data
    if told.assignment_id is None:
        raise Untold("the fact does not tell the whole assignment")
    return (
        told.assignment_id, UUID(told.campaign), event.subject, str(told.assignment_id), told.voucher_id, event.time,
        told.by,
    )  # fmt: skip


def _load(event: Event[VoucherChanged]) -> Load | None:
    told = event.data
    if told.load_id is None:
        return None
    return Load(told.load_id, told.voucher_id, told.loaded_minor or 0, event.time, told.by or "")
