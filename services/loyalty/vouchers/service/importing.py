"""Codes of other systems from files of millions of rows: read while they come, kept in steps, resumed where they ended.

No file is held, in memory or on disk: codes are in clear only while they pass. Each step is a transaction that keeps
codes, refused lines and how far it is; whoever was cut off sends the same file with the same key again, and what was
read before is only compared, by a keyed hash.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from services.loyalty.vouchers.domain.files import CsvReader, JsonReader, NoSuchColumn, Reading, Row
from services.loyalty.vouchers.domain.keys import Peppers
from services.loyalty.vouchers.errors import CampaignUnknown, ImportMoved, ImportUnknown
from services.loyalty.vouchers.repository import campaigns as campaign_rows
from services.loyalty.vouchers.repository import imports as rows
from services.loyalty.vouchers.repository.imports import Import, Refusal
from services.loyalty.vouchers.schemas.codes import ImportedIn, ImportIn
from services.loyalty.vouchers.schemas.imports import CodeImportOut
from services.loyalty.vouchers.service.codes import CodesService
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery.idempotency import KEEP, IdempotencyKeyReused, Idempotent
from shared.ids import uuid7
from shared.records import BadFile, Kind, Record

STEP = 2_000
# What came no further for so long is not under way any more.
STALLED = timedelta(minutes=10)
MAX_ROWS = 5_000_000
KEEP_REFUSALS = timedelta(days=30)

Line = tuple[int, Row | str]


class Options(NamedTuple):
    """How a file is taken: what kind it is, whether anything is kept, for what, and which column says what."""

    kind: Kind
    is_dry_run: bool
    to_assign: bool
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Importing:
    """Imports of files of codes."""

    db: Database
    clock: Clock
    vault: Vault
    codes: CodesService

    async def take(
        self,
        campaign_id: UUID,
        records: AsyncIterator[list[Record]],
        options: Options,
        *,
        by: str,
        idem: Idempotent | None,
    ) -> tuple[CodeImportOut, bool]:
        """Take a file over, on from where an earlier try with the same key ended; whether it had ended before.

        Raises:
            CampaignUnknown, WrongKindOfCodes: it takes no codes.
            BadFile: it cannot be read on; what was read before stands.
            IdempotencyKeyReused: the key began with another file.
            ImportMoved: somebody else goes on with it now.
            PepperMissing: codes are under a pepper that is not here.
        """
        async with self.db.write() as tx:
            at, peppers, reading = await self._begun(tx, campaign_id, options, by, idem)
        walk = _Walk(at, _Source(options.kind, reading), peppers)
        # What else ends it is not of the file: who sent it went away, or this process stops.
        ended: tuple[str, str] | None = ("interrupted", "cut_off")
        try:
            await self._read(walk, records, options)
            ended = None
        except BadFile as bad:
            ended = ("failed", bad.data["reason"])
            raise
        except (IdempotencyKeyReused, ImportMoved):
            ended = None
            raise
        finally:
            if ended is not None:
                async with self.db.write() as tx:
                    await rows.end(tx, walk.at, *ended, self.clock.now())
        return CodeImportOut.of(walk.at), at.state == "done"

    async def _read(self, walk: "_Walk", records: AsyncIterator[list[Record]], options: Options) -> None:
        async for several in records:
            for record in several:
                walk.read(record)
                if walk.is_full:
                    await self._step(walk, options)
        if not walk.has_heading:
            raise BadFile("empty", "The file has no rows.")
        await self._step(walk, options, is_last=True)

    async def _begun(
        self, tx: WriteTx, campaign_id: UUID, options: Options, by: str, idem: Idempotent | None
    ) -> tuple[Import, Peppers, Reading]:
        version = await self.codes.version(tx, campaign_id, "unique")
        now = self.clock.now()
        row = (await campaign_rows.rows(tx, (campaign_id,)))[campaign_id]
        peppers = await self.vault.peppers(tx) if options.is_dry_run else await self.vault.using(tx, now)
        new = Import(
            uuid7(), campaign_id, None if idem is None else idem.key, b"" if idem is None else idem.fingerprint,
            options.is_dry_run, options.to_assign, "running", None, 0, 0, 0, {}, b"", now, by, now, None,
        )  # fmt: skip
        reading = Reading(row.currency, version.zone, version.terms.max_uses_per_code, options.columns)
        if await rows.add(tx, new) or idem is None:
            return new, peppers, reading
        old = await rows.of_key(tx, idem.key)
        if old is None or old.asked != idem.fingerprint or old.state == "abandoned":
            raise IdempotencyKeyReused
        return old, peppers, reading

    async def _step(self, walk: "_Walk", options: Options, *, is_last: bool = False) -> None:
        """Keep what was read since the last step."""
        lines, done = walk.taken()
        if walk.at.state == "done":
            # All of this was read before: it is only compared.
            if is_last and walk.count != walk.at.rows:
                raise IdempotencyKeyReused
            return
        now = self.clock.now()
        async with self.db.write() as tx:
            stands = await rows.locked(tx, walk.at.id)
            # One that was slow goes on, too: whoever else had gone on with it had read more by now.
            if stands is None or stands.rows != walk.at.rows or stands.state in ("done", "abandoned"):
                raise ImportMoved
            refused = [Refusal(line, said) for line, said in lines if isinstance(said, str)]
            good = [(line, said) for line, said in lines if not isinstance(said, str)]
            imported = 0
            if good:
                imported, more = await self._kept(tx, walk.at, good, options)
                refused = sorted(refused + more)
            reasons = Counter(walk.at.reasons) + Counter(each.reason for each in refused)
            moved = walk.at._replace(
                rows=walk.at.rows + len(lines),
                imported=walk.at.imported + imported,
                refused=walk.at.refused + len(refused),
                reasons=dict(sorted(reasons.items())),
                digest=done,
                changed_at=now,
                state="done" if is_last else "running",
                problem=None,
                finished_at=now if is_last else None,
            )
            await rows.progress(tx, moved, refused)
        walk.at = moved

    async def _kept(
        self, tx: WriteTx, at: Import, good: Sequence[tuple[int, Row]], options: Options
    ) -> tuple[int, list[Refusal]]:
        body = ImportIn.model_construct(
            codes=[ImportedIn.model_construct(**said._asdict()) for _, said in good],
            dry_run=options.is_dry_run,
            to_assign=options.to_assign,
        )
        said = await self.codes.take_over(tx, at.campaign_id, body, import_id=at.id)
        return said.imported, [Refusal(good[each.position][0], each.reason) for each in said.refused]

    async def get(self, import_id: UUID) -> CodeImportOut:
        """An import as it stands.

        Raises:
            ImportUnknown: there is none.
        """
        async with self.db.read() as tx:
            found = await rows.get(tx, import_id)
        if found is None:
            raise ImportUnknown
        return CodeImportOut.of(found)

    async def listed(self, campaign_id: UUID, *, before: UUID | None, limit: int) -> list[CodeImportOut]:
        """The imports of a campaign, the latest first; one more than `limit` if there are more.

        Raises:
            CampaignUnknown: there is none.
        """
        async with self.db.read() as tx:
            if campaign_id not in await campaign_rows.rows(tx, (campaign_id,)):
                raise CampaignUnknown
            found = await rows.of_campaign(tx, campaign_id, before=before, limit=limit + 1)
        return [CodeImportOut.of(each) for each in found]

    async def refused(self, import_id: UUID, *, after: int, limit: int) -> list[Refusal]:
        """The lines that were refused, from a line on; one more than `limit` if there are more.

        Raises:
            ImportUnknown: there is none.
        """
        async with self.db.read() as tx:
            if await rows.get(tx, import_id) is None:
                raise ImportUnknown
            return await rows.refusals(tx, import_id, after=after, limit=limit + 1)

    async def forget_old(self) -> None:
        """Say which imports came to a stop, end for good those that nobody went on with, and forget refused lines."""
        now = self.clock.now()
        async with self.db.write() as tx:
            await rows.interrupt(tx, now - STALLED, "stalled", now)
            await rows.abandon(tx, now - KEEP, now)
            await rows.forget_refusals(tx, now - KEEP_REFUSALS)


class _Source:
    """Reads records as rows; of CSV the first one is the heading."""

    def __init__(self, kind: Kind, reading: Reading) -> None:
        self._reading = reading
        self._reader: CsvReader | JsonReader | None = JsonReader(reading) if kind == "ndjson" else None

    @property
    def has_begun(self) -> bool:
        return self._reader is not None

    def row(self, record: Record) -> Row | str | None:
        """What a record says, or why not; None: it is the heading."""
        if record.raw is None:
            return "too_long"
        if self._reader is not None:
            return self._reader.row(record.raw)
        try:
            self._reader = CsvReader(record.raw, self._reading)
        except NoSuchColumn as missing:
            raise BadFile(
                "no_such_column", f"The file has no column that says {missing.name[:100]}.", line=record.line
            ) from None
        return None


class _Walk:
    """How far a file is read, and what waits for the next step."""

    def __init__(self, at: Import, source: _Source, peppers: Peppers) -> None:
        self.at = at
        self.count = 0
        self.has_heading = source.has_begun
        self._before = at.rows
        self._source = source
        self._peppers = peppers
        self._hash = hashlib.sha256()
        self._lines: list[Line] = []
        self._check_beginning()

    @property
    def is_full(self) -> bool:
        """Whether it is time for a step."""
        return len(self._lines) >= STEP

    def read(self, record: Record) -> None:
        """Read a record; those that an earlier try has read are passed over."""
        self._hash.update(b"\0too long" if record.raw is None else record.raw + b"\n")
        said = self._source.row(record)
        self.has_heading = True
        if said is None:
            return
        self.count += 1
        if self.count > MAX_ROWS:
            raise BadFile("too_many_rows", f"A file has at most {MAX_ROWS} rows.", line=record.line)
        if self.count > self._before:
            if self.at.state == "done":
                raise IdempotencyKeyReused
            self._lines.append((record.line, said))
        self._check_beginning()

    def taken(self) -> tuple[list[Line], bytes]:
        """What was read since the last step, and the keyed hash of all that was read."""
        lines, self._lines = self._lines, []
        if self.count < self._before:
            # The file is shorter than what was read of it before.
            raise IdempotencyKeyReused
        return lines, self._digests()[0]

    def _check_beginning(self) -> None:
        if self.count == self._before and self._before and self.at.digest not in self._digests():
            raise IdempotencyKeyReused

    def _digests(self) -> list[bytes]:
        return self._peppers.fingerprints(f"import {self._hash.hexdigest()}")
