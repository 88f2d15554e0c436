"""SQL of the throttle: token buckets by the clock of the database."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.db.engine import ReadTx, WriteTx

_KEPT_SECONDS = 86_400


class Bucket(NamedTuple):
    """A bucket that holds at most `size` tokens and fills with `rate` a second."""

    name: str
    size: float
    rate: float


_ASKED = (
    "unnest(CAST(:names AS text[]), CAST(:sizes AS double precision[]), CAST(:rates AS double precision[])) "
    "AS asked (bucket, size, rate)"
)
_LEFT = (
    "least(asked.size, b.tokens + asked.rate * extract(epoch FROM clock_timestamp() - b.filled_at)::double precision)"
)


# The buckets that have no token, each with the seconds until it has one. One that is not there is full.
SHORT = (
    f"SELECT bucket, (1 - {_LEFT}) / asked.rate AS wait FROM {_ASKED} JOIN throttle_buckets b USING (bucket) "
    f"WHERE {_LEFT} < 1"
)


def values(buckets: Sequence[Bucket]) -> dict[str, object]:
    """What statements about these buckets take."""
    return {
        "names": [each.name for each in buckets],
        "sizes": [each.size for each in buckets],
        "rates": [each.rate for each in buckets],
    }


async def wait_seconds(tx: ReadTx, buckets: Sequence[Bucket]) -> float:
    """How long until each of the buckets has a token; 0: now."""
    rows = await tx.execute(SHORT, values(buckets))
    return max((float(row.wait) for row in rows), default=0.0)


async def take(tx: WriteTx, buckets: Sequence[Bucket], tokens: int) -> None:
    """Take tokens out of each bucket, also more than there are: what is owed fills up first.

    No more than a whole bucket is owed, so nobody is kept out for ever.
    """
    in_order = sorted(buckets)
    await tx.execute(
        f"INSERT INTO throttle_buckets (bucket, tokens, filled_at) "
        f"SELECT asked.bucket, asked.size, clock_timestamp() FROM {_ASKED} ORDER BY 1 ON CONFLICT DO NOTHING",
        values(in_order),
    )
    # Locked in one order, so that two who fail at once never wait for each other.
    await tx.execute(
        "SELECT 1 FROM throttle_buckets WHERE bucket = ANY(:names) ORDER BY bucket FOR UPDATE",
        {"names": [each.name for each in in_order]},
    )
    await tx.execute(
        f"UPDATE throttle_buckets b SET filled_at = clock_timestamp(), "
        f"tokens = greatest(-asked.size, {_LEFT} - :tokens) FROM {_ASKED} WHERE b.bucket = asked.bucket",
        {**values(in_order), "tokens": float(tokens)},
    )


async def forget_full(tx: WriteTx) -> None:
    """Delete buckets that nobody has taken from for a day: they are full."""
    await tx.execute(
        "DELETE FROM throttle_buckets WHERE filled_at < clock_timestamp() - make_interval(secs => :kept)",
        {"kept": _KEPT_SECONDS},
    )
