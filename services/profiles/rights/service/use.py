"""Whether what is kept of a person may be used."""

from collections.abc import Collection
from uuid import UUID

from services.profiles.rights.errors import Restricted
from services.profiles.rights.repository import person as repository
from shared.db.engine import ReadTx


async def check(tx: ReadTx, keys: Collection[UUID]) -> None:
    """Let nobody use the data of a person of these keys who had that restricted.

    Raises:
        Restricted: they had.
    """
    if await repository.are_restricted(tx, keys):
        raise Restricted
