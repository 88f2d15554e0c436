"""Use cases of the Profile API: pages of one person."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from services.profiles.errors import CustomerUnknown
from services.profiles.people import service as people
from services.profiles.people.domain import Person, TraitRow
from services.profiles.spaces import repository
from services.profiles.spaces.errors import ProfileNotFound
from services.profiles.spaces.repository import ExternalIdRow, Place
from services.profiles.spaces.schemas import MetadataOut
from shared.db.engine import Database, ReadTx


@dataclass(frozen=True, slots=True)
class Spaces:
    """Profiles as Segment shows them; `country` is that of phone numbers without a country code."""

    db: Database
    country: str

    async def traits(
        self,
        profile: str,
        *,
        include: Collection[str] | None,
        after: str | None,
        limit: int,
        sees_sensitive: bool = False,
    ) -> tuple[UUID, list[TraitRow]]:
        """Traits by name after a name, those of `include`; one more than `limit` if there are more.

        Raises:
            ProfileNotFound, AmbiguousIdentifier: the reference does not name one person.
        """
        async with self.db.read() as tx:
            person = await people.visible(tx, await self._person(tx, profile), sees_sensitive=sees_sensitive)
        wanted = [
            row
            for row in person.traits
            if (include is None or row.name in include) and (after is None or row.name > after)
        ]
        return person.id, sorted(wanted, key=lambda row: row.name)[: limit + 1]

    async def external_ids(
        self, profile: str, *, include: Collection[str] | None, after: Place | None, limit: int
    ) -> tuple[UUID, list[ExternalIdRow]]:
        """What the person goes by, of the types in `include`; one more than `limit` if there are more.

        Raises:
            ProfileNotFound, AmbiguousIdentifier: the reference does not name one person.
        """
        async with self.db.read() as tx:
            person = await self._person(tx, profile)
            rows = await repository.external_ids(tx, person.members, types=include, after=after, limit=limit + 1)
        return person.id, rows

    async def metadata(self, profile: str) -> MetadataOut:
        """Since when the person is known, and when we last learnt something.

        Raises:
            ProfileNotFound, AmbiguousIdentifier: the reference does not name one person.
        """
        async with self.db.read() as tx:
            person = await self._person(tx, profile)
            updated_at = await repository.updated_at(tx, person.members)
        return MetadataOut(
            created_at=min((row.created_at for row in person.seen), default=None),
            updated_at=updated_at,
            expires_at=None,
            first_source_id=person.seen[0].source if person.seen else None,
        )

    async def known(self, profile: str) -> UUID:
        """The id of the person.

        Raises:
            ProfileNotFound, AmbiguousIdentifier: the reference does not name one person.
        """
        async with self.db.read() as tx:
            return (await self._person(tx, profile)).id

    async def _person(self, tx: ReadTx, profile: str) -> Person:
        try:
            return await people.known(tx, profile, country=self.country)
        except CustomerUnknown:
            raise ProfileNotFound from None
