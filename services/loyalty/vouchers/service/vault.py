"""What a process keeps of codes: its peppers, what codes look like, and what versions of campaigns say.

Peppers come from `TAM_LOYALTY_CODE_PEPPERS`, or from a file that the first use makes: never from the database, so that
whoever has a copy of that has no code. A database whose codes are under a pepper that is not here is refused aloud:
its codes would all seem unknown.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from services.loyalty.vouchers.domain.codes import Shape, matching
from services.loyalty.vouchers.domain.keys import Peppers
from services.loyalty.vouchers.errors import PepperMissing
from services.loyalty.vouchers.repository import campaigns as campaign_rows
from services.loyalty.vouchers.repository import codes as rows
from services.loyalty.vouchers.repository.campaigns import Version
from shared.config import PlatformSettings
from shared.db.engine import ReadTx, WriteTx
from shared.secret_keys import secret_from

PEPPER_FILE = "loyalty-code-pepper"
_MAX_VERSIONS = 10_000


class Vault:
    """One per process. `configured` are the peppers of the settings; without them that of `file` counts.

    Where processes run on several machines there is no such file (None): each would make one of its own, and lose it
    with its machine, and all codes with it.
    """

    def __init__(self, configured: Sequence[bytes] = (), file: Path | None = Path("tam-data") / PEPPER_FILE) -> None:
        self._configured = configured
        self._file = file
        self._peppers: Peppers | None = None
        self._shapes: Sequence[Shape] = ()
        self._versions: dict[tuple[UUID, int], Version] = {}

    @property
    def held(self) -> Peppers | None:
        """The peppers, if it is known already that they are those of this database."""
        return self._peppers

    async def peppers(self, tx: ReadTx) -> Peppers:
        """The peppers, once it is sure that they are those of this database.

        Raises:
            PepperMissing: there are none, or codes in the database are under another one.
        """
        if self._peppers is None:
            found = Peppers(self._configured or self._own())
            if missing := await rows.kids(tx) - set(found.kids):
                raise PepperMissing(sorted(missing))
            self._peppers = found
        return self._peppers

    def _own(self) -> list[bytes]:
        if self._file is None:
            raise PepperMissing
        return [secret_from(self._file, what="The pepper of codes", setting="TAM_LOYALTY_CODE_PEPPERS")]

    async def using(self, tx: WriteTx, now: datetime) -> Peppers:
        """The peppers, for whoever keeps codes under the current one.

        Raises:
            PepperMissing: codes in the database are under another one.
        """
        found = await self.peppers(tx)
        await rows.put_kid(tx, found.current, now)
        return found

    async def may_exist(self, tx: ReadTx, texts: Collection[str]) -> set[str]:
        """Those of these canonical codes that look like codes there are; the table of codes is not asked."""
        likely = {text for text in texts if matching(text, self._shapes)}
        if len(likely) < len(set(texts)):
            # Another process may have made codes of a new kind since.
            self._shapes = await rows.shapes(tx)
            likely = {text for text in texts if matching(text, self._shapes)}
        return likely

    async def versions(self, tx: ReadTx, keys: Collection[tuple[UUID, int]]) -> Mapping[tuple[UUID, int], Version]:
        """What these versions of campaigns say; a version never changes, so each is read once."""
        if missing := set(keys) - self._versions.keys():
            if len(self._versions) > _MAX_VERSIONS:
                self._versions.clear()
                missing = set(keys)
            for version in await campaign_rows.versions(tx, missing):
                self._versions[version.campaign_id, version.version] = version
        return {key: self._versions[key] for key in keys}


def pepper_file(platform: PlatformSettings) -> Path | None:
    """Where a pepper may be kept that nobody set: beside the data, while all processes share that folder."""
    return None if platform.kafka_bootstrap_servers else platform.data_dir / PEPPER_FILE
