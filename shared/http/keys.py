"""The key ring: makes keys, ends them, and says who presents one.

A key that was found good is taken for good again for half a minute without asking the database, so that a revocation
holds in every process after 30 s at the latest, and an outage of the database of that length goes unnoticed. Longer
than that nothing is served from memory: the answer is then `Unavailable`, never a false yes or no.
"""

import asyncio
import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.clock import Clock, SystemClock
from shared.db.engine import Database
from shared.errors import Unavailable, UserError
from shared.http import key_store
from shared.http.caller import BadKey, Caller, ExpiredKey, Kind, MissingKey, Refused, RevokedKey
from shared.http.key_store import KeyInfo
from shared.http.key_text import KeyText, new_key, parse_key
from shared.http.limits import Guesses
from shared.observability.logging import logger

log = logger(__name__)

HIT_SECONDS = 30.0
MISS_SECONDS = 5.0
MAX_CACHED = 10_000
USED_EVERY_SECONDS = 60.0
_LOOKUP_SECONDS = 3.0
# Cold keys ask the database four at a time: a flood of made-up keys must not take its connections from real work.
_LOOKUPS_AT_ONCE = 4
_MAX_TEXT = 200
_SCOPE = re.compile(r"\*|[a-z][a-z_]*:(read|write|sensitive|checkout)")


class KeysUnavailable(Unavailable):
    """The database of keys does not answer; whether the key is good is unknown."""

    code = "keys_unavailable"

    def __init__(self) -> None:
        super().__init__("Keys cannot be checked at the moment; send the same again.")


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    until: float


class KeyRing:
    """Keys in the table `api_keys` of `db`, with a bounded memory of this process in front."""

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock | None = None,
        guesses: Guesses | None = None,
        hit_seconds: float = HIT_SECONDS,
        miss_seconds: float = MISS_SECONDS,
        max_cached: int = MAX_CACHED,
    ) -> None:
        self._db = db
        self._clock = clock or SystemClock()
        self.guesses = guesses or Guesses()
        self._hit_seconds = hit_seconds
        self._miss_seconds = miss_seconds
        self._max_cached = max_cached
        # Keyed by the digest of the presented text: no secret stays in memory.
        self._good: OrderedDict[bytes, _Known] = OrderedDict()
        self._bad: OrderedDict[bytes, tuple[Callable[[], Refused], float]] = OrderedDict()
        self._lookups = asyncio.Semaphore(_LOOKUPS_AT_ONCE)
        self._used: dict[str, datetime] = {}

    async def create(
        self,
        kind: Kind,
        name: str,
        source: str | None = None,
        scopes: Sequence[str] = (),
        origins: Sequence[str] = (),
        expires: timedelta | None = None,
    ) -> tuple[KeyInfo, str]:
        """Make a key; its text is in the answer and nowhere else.

        Raises:
            UserError: the rights do not fit the kind, or an origin or a scope has not the form of one.
        """
        _check(kind, name, source, scopes)
        key, text = new_key(kind)
        async with self._db.write() as tx:
            info = await key_store.insert(
                tx,
                key_id=key.id,
                digest=key.digest,
                kind=kind,
                name=name,
                source=source,
                scopes=sorted(set(scopes)),
                origins=sorted({_origin(each) for each in origins}),
                expires_at=None if expires is None else self._clock.now() + expires,
            )
        return info, text

    async def list(self) -> tuple[KeyInfo, ...]:
        """Every key there is, oldest first."""
        async with self._db.read() as tx:
            return await key_store.select_all(tx)

    async def rotate(self, key_id: str, grace: timedelta) -> tuple[KeyInfo, str]:
        """Make a successor with the same rights; the old key ends after `grace`.

        Raises:
            UserError: there is no such key, or it has ended.
        """
        async with self._db.write() as tx:
            found = await key_store.find(tx, key_id)
            if found is None:
                raise UserError(f"There is no key {key_id!r}.")
            old = found[0]
            if old.revoked_at is not None or old.replaced_by is not None:
                raise UserError(f"The key {key_id!r} has been {'revoked' if old.revoked_at else 'replaced'} already.")
            key, text = new_key(old.kind)
            info = await key_store.insert(
                tx,
                key_id=key.id,
                digest=key.digest,
                kind=old.kind,
                name=old.name,
                source=old.source,
                scopes=old.scopes,
                origins=old.allowed_origins,
                expires_at=old.expires_at,
            )
            await key_store.replace(tx, key_id, by=info.id, grace=grace)
        self._forget(key_id)
        return info, text

    async def revoke(self, key_id: str) -> None:
        """End a key: here at once, in other processes when their memory of it does.

        Raises:
            UserError: there is no such key.
        """
        async with self._db.write() as tx:
            if not await key_store.set_revoked(tx, key_id):
                raise UserError(f"There is no key {key_id!r}.")
        self._forget(key_id)

    def cached(self, presented: str) -> Caller | None:
        """The caller, if the key was found good a moment ago; None means: `authenticate`."""
        known = self._good.get(_digest(presented))
        if known is None or known.until <= monotonic():
            return None
        self._note(known.caller)
        return known.caller

    async def authenticate(self, presented: str | None, *, address: str | None = None) -> Caller:
        """Who presents this key, from this address.

        Raises:
            Unauthorized: `missing_key`, `bad_key`, `revoked_key` or `expired_key`.
            RateLimited: too many bad keys came from the address.
            KeysUnavailable: it cannot be checked now.
        """
        if not presented:
            raise MissingKey
        digest = _digest(presented)
        # What was good here once is looked up all the same: it is nobody's guess.
        if digest not in self._good:
            self.guesses.refuse_if_spent(address)
        try:
            return await self._authenticated(presented, digest)
        except BadKey:
            # One that has ended is no guess either: only who has its secret is told that it has.
            self.guesses.count(address)
            raise

    async def _authenticated(self, presented: str, digest: bytes) -> Caller:
        key = parse_key(presented)
        if key is None:
            raise BadKey
        caller = self._remembered(presented, digest)
        if caller is None:
            caller = await self._look_up(presented, key, digest)
            self._note(caller)
        return caller

    async def run(self) -> None:
        """Store when keys were last used, once a minute, until cancelled."""
        while True:
            await asyncio.sleep(USED_EVERY_SECONDS)
            try:
                await self.store_used()
            except (DBAPIError, PoolTimeout, OSError) as error:
                log.warning("key_use_not_stored", error=type(error).__name__)

    async def store_used(self) -> None:
        """Store when the keys used since the last time were last used."""
        used, self._used = self._used, {}
        if not used:
            return
        async with self._db.write() as tx:
            await key_store.set_used(tx, used)

    def _note(self, caller: Caller) -> None:
        self._used[caller.key_id] = self._clock.now()

    def _remembered(self, presented: str, digest: bytes) -> Caller | None:
        if (caller := self.cached(presented)) is not None:
            return caller
        refused = self._bad.get(digest)
        if refused is not None and refused[1] > monotonic():
            raise refused[0]()
        return None

    async def _look_up(self, presented: str, key: KeyText, digest: bytes) -> Caller:
        try:
            async with asyncio.timeout(_LOOKUP_SECONDS), self._lookups:
                # Whoever waited behind a request with the same key finds it here.
                if (known := self._remembered(presented, digest)) is not None:
                    return known
                async with self._db.read() as tx:
                    found = await key_store.find(tx, key.id)
        except (DBAPIError, PoolTimeout, OSError) as error:
            log.warning("keys_unavailable", error=type(error).__name__)
            raise KeysUnavailable from error
        try:
            info = self._hold(key, found)
        except Refused as refused:
            self._bad[digest] = (type(refused), monotonic() + self._miss_seconds)
            self._bound(self._bad)
            raise
        return self._remember(digest, info)

    def _remember(self, digest: bytes, info: KeyInfo) -> Caller:
        left = self._hit_seconds
        if info.expires_at is not None:
            left = min(left, (info.expires_at - self._clock.now()).total_seconds())
        caller = info.caller()
        self._good[digest] = _Known(caller, monotonic() + left)
        self._bound(self._good)
        return caller

    def _bound(self, memory: OrderedDict[bytes, Any]) -> None:
        # Good and bad keys apart: a flood of made-up ones must not push out those that work.
        if len(memory) > self._max_cached:
            memory.popitem(last=False)

    def _hold(self, key: KeyText, found: tuple[KeyInfo, bytes] | None) -> KeyInfo:
        # Whether an id exists, or has ended, is only said to who has its secret.
        if found is None or not hmac.compare_digest(found[1], key.digest):
            raise BadKey
        info = found[0]
        if info.revoked_at is not None:
            raise RevokedKey
        if info.expires_at is not None and info.expires_at <= self._clock.now():
            raise ExpiredKey
        return info

    def _forget(self, key_id: str) -> None:
        for digest in [digest for digest, known in self._good.items() if known.caller.key_id == key_id]:
            del self._good[digest]


def _digest(presented: str) -> bytes:
    return hashlib.sha256(presented.encode("utf-8", "replace")).digest()


def _check(kind: Kind, name: str, source: str | None, scopes: Sequence[str]) -> None:
    for what, value in (("name", name), ("source", source)):
        if value is not None and (not value.strip() or len(value) > _MAX_TEXT or not value.isprintable()):
            raise UserError(f"The {what} of a key is 1 to {_MAX_TEXT} printable characters.")
    if kind == "write" and source is None:
        raise UserError("A write key needs a source: the name its events carry.")
    if kind == "write" and scopes:
        raise UserError("A write key has no scopes: it can send events and nothing else.")
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise UserError(f"{scope!r} is not a scope such as metrics:read or profiles:write (or * for all).")


def _origin(text: str) -> str:
    parts = urlsplit(text.strip().lower())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise UserError(f"{text!r} is not a web origin such as https://shop.example.")
    return f"{parts.scheme}://{parts.netloc}"
