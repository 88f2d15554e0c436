"""Which failures end by themselves."""

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.bus.base import BusUnavailable
from shared.errors import Retry

# PostgreSQL: connection, serialization and deadlock, resources, locks, operator intervention, and a transaction that
# stood still for too long: the same batch may pass later.
_PASSING_SQLSTATES = ("08", "25P03", "40", "53", "55", "57")


def is_passing(error: BaseException) -> bool:
    """Whether the same batch may succeed later without anybody's help."""
    if isinstance(error, Retry | BusUnavailable | OperationalError | InterfaceError | PoolTimeout | OSError):
        return True
    if isinstance(error, DBAPIError):
        if isinstance(getattr(error.orig, "__cause__", None), asyncpg.InternalClientError):
            # A connection used in the moment between the server's goodbye and the end of the stream.
            return True
        state = str(getattr(error.orig, "sqlstate", "") or "")
        return error.connection_invalidated or state.startswith(_PASSING_SQLSTATES)
    return isinstance(error, TimeoutError)
