"""The search over HTTP. Cursors hold no personal data, and what is searched for is in no log."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.profiles.api import Profiles, Reader
from services.profiles.search.errors import NothingToSearch, SearchMoved, SensitiveTrait
from services.profiles.search.schemas import FoundOut
from services.profiles.search.service import Place
from services.profiles.trait_schema.errors import SENSITIVE_SCOPE
from shared.http.paging import BadCursor, Cursor, Limit, Page, decode_cursor, encode_cursor, read_id
from shared.http.problems import problems

router = APIRouter(prefix="/v1/customers", tags=["customers"])

MAX_TRAITS = 5

Trait = Annotated[str, Query(min_length=3, max_length=300, pattern=r"^[^:]+:")]


@router.get("/search", responses=problems(BadCursor, NothingToSearch, SearchMoved, SensitiveTrait))
async def search(
    caller: Reader,
    profiles: Profiles,
    q: Annotated[
        str | None,
        Query(
            max_length=100,
            description="The beginning of an e-mail address, a phone number, another identifier, or of a word of a "
            "name; diacritics and case of names are nothing: `nguyen thi` finds Nguyễn Thị Hương. At least two letters "
            "or digits.",
            examples=["nguyen"],
        ),
    ] = None,
    trait: Annotated[
        list[Trait],
        Query(max_length=MAX_TRAITS, description="Only who has this trait: `<name>:<value>`, as in `city:Huế`."),
    ] = [],  # noqa: B006 - FastAPI copies it
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[FoundOut]:
    """Find customers, one item per person, by what they go by and what is said of them.

    A page may hold fewer than `limit`, also none, as long as there is a `next_cursor`.
    """
    name_and_value = [(name, value) for name, _, value in (each.partition(":") for each in trait)]
    page = await profiles.search.find(
        q, name_and_value, after=_place(cursor), limit=limit, sees_sensitive=caller.may(SENSITIVE_SCOPE)
    )
    return Page(items=list(page.items), next_cursor=encode_cursor(page.more) if page.more else None)


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    key, digest = decode_cursor(cursor, length=2)
    return Place(read_id(key), str(digest))
