"""What is told of codes: of which there are, and what becomes of each. Never a code, nor what may be shown of it."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.loyalty.vouchers.repository.codes import NewCode
from shared.db.engine import WriteTx
from shared.events.catalogue.loyalty import VoucherChanged, VouchersMade
from shared.events.envelope import Event
from shared.ids import uuid7

# Of one fact, which is then some 45 kB: a bus takes no record of a megabyte.
MOST = 1_000


def tell_changed(tx: WriteTx, code: Row[Any], now: datetime, **loaded: Any) -> None:
    """Tell what a code is by now, as it was read when it was locked; `loaded`: what was put on a gift card."""
    said = VoucherChanged(
        voucher_id=code.id,
        state=code.state,
        value_minor=code.value_minor,
        expires_at=code.expires_at,
        version=code.version,
        **loaded,
    )
    tx.emit(Event(uuid7(), code.campaign_id, now, now, said))


def tell_made(tx: WriteTx, made: Iterable[NewCode], now: datetime) -> None:
    """Tell of codes of one campaign that were kept."""
    for said, several in groupby(sorted(made, key=_order), key=_same):
        found = list(several)
        tell_batch(
            tx,
            found[0].campaign_id,
            [each.id for each in found],
            [each.fingerprint for each in found],
            now,
            **dict(zip(_SAME, said, strict=True)),
        )


def tell_batch(
    tx: WriteTx, campaign_id: UUID, ids: Sequence[UUID], prints: Sequence[bytes], now: datetime, **said: Any
) -> None:
    """Tell of codes that say the same but for what they are; `said` are fields of the fact."""
    for start in range(0, len(ids), MOST):
        end = start + MOST
        data = VouchersMade(
            ids=_packed(each.bytes for each in ids[start:end]), prints=_packed(prints[start:end]), **said
        )
        tx.emit(Event(uuid7(), campaign_id, now, now, data))


_SAME = ("kid", "job_id", "pool", "max_uses", "value_minor", "expires_at")


def _same(code: NewCode) -> tuple[Any, ...]:
    return tuple(getattr(code, name) for name in _SAME)


def _order(code: NewCode) -> tuple[str, ...]:
    return tuple(map(str, _same(code)))


def _packed(parts: Iterable[bytes]) -> str:
    return b64encode(b"".join(parts)).decode()
