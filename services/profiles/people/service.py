"""Finding people: from what somebody calls a customer to the person, whatever keys were merged into one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.profiles.domain.identifiers import EMAIL, PHONE, is_type, normalised
from services.profiles.errors import AmbiguousIdentifier, CustomerUnknown
from services.profiles.identifier_types import repository as declarations
from services.profiles.identifier_types.domain import BUILT_IN
from services.profiles.people import repository
from services.profiles.people.domain import Person
from services.profiles.people.repository import Beside
from services.profiles.trait_schema import repository as schemas
from shared.db.engine import Database, ReadTx
from shared.identity import mapping
from shared.ids import customer_key
from shared.rights import audit

_MAX_NAMESAKES = 20


async def keys_of(tx: ReadTx, reference: str, *, country: str) -> list[UUID]:
    """The raw person keys that `reference` names: a customer id, or `<type>:<value>`.

    Raises:
        CustomerUnknown: it names nobody.
    """
    named = await _named(tx, reference, country)
    if isinstance(named, UUID):
        return [named]
    found = await repository.owners(tx, *named)
    if not found:
        raise CustomerUnknown
    return found


async def _named(tx: ReadTx, reference: str, country: str) -> UUID | tuple[str, str]:
    """What `reference` names: a raw person key, or an identifier by type and stored value.

    Raises:
        CustomerUnknown: it is neither.
    """
    try:
        reference.encode()
        return customer_key(reference)
    except UnicodeEncodeError:
        raise CustomerUnknown from None
    except ValueError:
        pass
    type_, _, value = reference.partition(":")
    written = await _written(tx, type_, value, country) if is_type(type_) else None
    if written is None:
        raise CustomerUnknown
    return type_, written


async def _written(tx: ReadTx, type_: str, value: str, country: str) -> str | None:
    """The stored form of a value, as its type is declared."""
    if type_ in BUILT_IN or (declared := await declarations.declared(tx, type_)) is None:
        return normalised(type_, value, country=country)
    return declared._replace(pattern=None, blocked=()).written(value, country=country)


async def root_of(tx: ReadTx, reference: str, *, country: str) -> UUID:
    """The root of the one person that goes by `reference`.

    An address or number that several had at one time names the one who has it now.

    Raises:
        CustomerUnknown: nobody goes by it.
        AmbiguousIdentifier: several do.
    """
    root, _ = await _family(tx, reference, country)
    return root


async def _family(tx: ReadTx, reference: str, country: str) -> tuple[UUID, list[UUID]]:
    """The root of the one person that goes by `reference`, and all their keys."""
    keys = await keys_of(tx, reference, country=country)
    families = await mapping.families(tx, keys)
    alone = set(keys).difference(*families.values())
    roots = sorted(alone | families.keys())
    if len(roots) > 1:
        type_, _, value = reference.partition(":")
        roots = await _holders(tx, roots, type_, value, country) or roots
    if len(roots) > 1:
        raise AmbiguousIdentifier(roots[:_MAX_NAMESAKES])
    audit.saw(roots)
    return roots[0], families.get(roots[0], roots)


async def key_or_root(tx: ReadTx, reference: str, root: UUID, *, country: str) -> UUID:
    """The one key that `reference` names, else the root of its person: a merge names the key it was given."""
    named = await keys_of(tx, reference, country=country)
    return named[0] if len(named) == 1 else root


async def person(tx: ReadTx, root: UUID) -> Person:
    """Everything known of the person with this root."""
    audit.saw((root,))
    return await repository.gathered(tx, root, (await mapping.members(tx, (root,)))[root])


async def known(tx: ReadTx, reference: str, *, country: str) -> Person:
    """The person that goes by `reference`.

    Raises:
        CustomerUnknown: nobody was ever seen or named under it.
        AmbiguousIdentifier: several go by it.
    """
    found = await repository.gathered(tx, *await _family(tx, reference, country))
    if not found.is_known:
        raise CustomerUnknown
    return found


async def seen(db: Database, reference: str, *, country: str, sees_sensitive: bool) -> Person:
    """The person that goes by `reference`, as a caller sees them.

    Raises:
        CustomerUnknown: nobody was ever seen or named under it.
        AmbiguousIdentifier: several go by it.
    """
    person, _ = await seen_with(db, reference, (), country=country, sees_sensitive=sees_sensitive)
    return person


async def seen_with(
    db: Database, reference: str, besides: Sequence[Beside[Any]], *, country: str, sees_sensitive: bool
) -> tuple[Person, list[list[Any]]]:
    """As `seen`, and what of the person is asked for beside; all of it is as of one moment."""
    async with db.glance() as tx:
        found = await repository.found(tx, await _named(tx, reference, country), besides)
    if found is None:
        async with db.read() as tx:
            person = await visible(tx, await known(tx, reference, country=country), sees_sensitive=sees_sensitive)
            return person, [await each.read(tx, person.members, person.id) for each in besides]
    if not found.person.is_known:
        raise CustomerUnknown
    audit.saw((found.person.id,))
    return found.person if sees_sensitive else found.person.without(found.sensitive), found.beside


async def visible(tx: ReadTx, person: Person, *, sees_sensitive: bool) -> Person:
    """The person as a caller sees them: traits that are declared sensitive take a scope of their own."""
    return person if sees_sensitive else person.without(await schemas.sensitive(tx))


async def _holders(tx: ReadTx, roots: Sequence[UUID], type_: str, value: str, country: str) -> list[UUID]:
    """Those of the people whose trait of this name is now the value."""
    if type_ not in (EMAIL, PHONE) or len(roots) > _MAX_NAMESAKES:
        return []
    wanted = normalised(type_, value, country=country)
    members = await mapping.members(tx, roots)
    return [
        root
        for root in roots
        for trait in await repository.traits(tx, members[root])
        if trait.name == type_ and normalised(type_, str(trait.value), country=country) == wanted
    ]
