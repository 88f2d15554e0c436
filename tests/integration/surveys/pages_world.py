"""What the tests of pages play with: surveys behind their addresses, and browsers without a script."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
from answers_world import RELATIONSHIP, invite
from starlette.applications import Starlette
from starlette.types import ASGIApp
from surveys_world import HandClock, SurveysWorld, open_world

from services.surveys.app import service as manifest
from services.surveys.definitions.domain.definition import Definition
from services.surveys.pages.api import page_routes
from services.surveys.service import SurveysService
from services.surveys.settings import SurveysSettings
from shared.testing.platform import Running, running_platform
from shared.testing.postgres import fresh_database

PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131 Mobile Safari/537.36"
)
PERSON = {"user-agent": PHONE, "accept-language": "vi-VN,vi;q=0.9,en;q=0.8"}
SETTINGS = SurveysSettings(
    public_url="https://khaosat.example.vn", visits_per_minute=10_000, address_visits_per_minute=10_000
)


@dataclass
class PagesWorld:
    """Surveys and their pages."""

    surveys: SurveysWorld
    app: ASGIApp
    definitions: dict[str, Definition] = field(default_factory=dict)

    @property
    def clock(self) -> Any:
        return self.surveys.clock

    def browser(self, address: str = "203.0.113.7", headers: Mapping[str, str] = PERSON) -> "Browser":
        """Somebody at an address."""
        transport = httpx.ASGITransport(app=self.app, client=(address, 4711))
        return Browser(httpx.AsyncClient(transport=transport, base_url="http://tam.test", headers=dict(headers)))

    async def ask(self, document: dict[str, Any] | None = None, **rest: Any) -> UUID:
        """Somebody was asked; their invitation."""
        document = RELATIONSHIP if document is None else document
        key = document["name"] + str(document.get("is_anonymous"))
        if key not in self.definitions:
            self.definitions[key] = await self.surveys.publish_document(document)
        name = rest.pop("person_name", "lan")
        return (await invite(self.surveys, self.definitions[key], name, **rest))[0]

    def link(self, invitation: UUID, score: int | None = None, question: str = "nps") -> str:
        """The address of a link."""
        links = self.surveys.service.links
        return f"/s/{links.sign(invitation, score=score, question_id=None if score is None else question)}"

    async def responses(self, invitation: UUID) -> list[tuple[Any, ...]]:
        """What was answered to an invitation: state, answers, revision, verification."""
        rows = await self.surveys.rows(
            "SELECT state, answers, revision, verification FROM responses WHERE invitation_id = :id", id=invitation
        )
        return [tuple(row) for row in rows]

    async def intents(self, invitation: UUID) -> list[Any]:
        """The clicks that were noted of an invitation."""
        return await self.surveys.rows(
            "SELECT score, method, signals FROM score_intents WHERE invitation_id = :id ORDER BY at, id", id=invitation
        )

    async def everything(self) -> dict[str, int]:
        """How many rows there are of whatever could be an answer or follow from one."""
        tables = ("responses", "response_revisions", "ballots", "ballot_stubs", "cases")
        return {name: await self.surveys.value(f"SELECT count(*) FROM {name}") for name in tables}


@dataclass
class Browser:
    """Fetches pages and sends their forms as a browser without a script does."""

    client: httpx.AsyncClient
    page: httpx.Response | None = None

    async def open(self, path: str, **headers: str) -> httpx.Response:
        """Fetch a page, following redirects."""
        self.page = await self.client.get(path, headers=headers, follow_redirects=True)
        return self.page

    @property
    def html(self) -> str:
        assert self.page is not None
        return self.page.text

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The fields of the form, with what stands in them."""
        return form_fields(self.html)

    def names(self) -> set[str]:
        """The questions of the page."""
        return {value for name, value in self.fields if name == "shown"}

    async def send(self, follow: bool = True, **values: str | list[str] | None) -> httpx.Response:
        """Fill the form in (`nps="9"`, None takes out) and press its first button."""
        assert self.page is not None
        action = re.search(r'<form id="f" method="post" action="([^"]+)"', self.html)
        assert action is not None, self.html
        given = {_field(name): value for name, value in values.items()}
        pairs = [(name, value) for name, value in self.fields if name not in given]
        for name, value in given.items():
            pairs += [(name, each) for each in ([value] if isinstance(value, str) else value or [])]
        return await self.post(f"/s/{action[1]}", pairs, follow=follow)

    async def post(self, path: str, pairs: Any, *, follow: bool = True) -> httpx.Response:
        """Send a form's fields."""
        self.page = await self.client.post(
            path,
            content=urlencode(pairs),
            headers={"content-type": "application/x-www-form-urlencoded"},
            follow_redirects=follow,
        )
        return self.page


def _field(name: str) -> str:
    """`nps` is `a:nps`, `t_comment` is `t:comment`; what is no answer stays."""
    if name in ("nonce", "lang", "to", "back", "website", "auto", "edit", "shown"):
        return name
    kind, _, rest = name.partition("_")
    return f"{kind}:{rest}" if kind in ("t", "o", "a", "m") and rest else f"a:{name}"


def form_fields(html: str) -> list[tuple[str, str]]:
    """The successful controls of the first form of a page."""
    form = re.search(r"<form.*?</form>", html, re.DOTALL)
    assert form is not None, html
    found = []
    for tag in re.finditer(r"<input ([^>]*)>|<textarea ([^>]*)>\n?(.*?)</textarea>", form[0], re.DOTALL):
        attributes = tag[1] or tag[2]
        name = re.search(r'name="([^"]*)"', attributes)
        value = re.search(r'value="([^"]*)"', attributes)
        is_choice = re.search(r'type="(radio|checkbox)"', attributes)
        if name and not (is_choice and not re.search(r"\bchecked\b", attributes)):
            found.append((unescape(name[1]), unescape(tag[3] if tag[2] else value[1] if value else "")))
    return found


@asynccontextmanager
async def open_pages(url: str, settings: SurveysSettings = SETTINGS) -> AsyncIterator[PagesWorld]:
    """Surveys on a database, and their pages."""
    async with open_world(url) as surveys:
        surveys.service = replace(surveys.service, settings=settings)
        yield PagesWorld(surveys, Starlette(routes=list(page_routes(surveys.service))))


@asynccontextmanager
async def pages_of_a_module(pg_url: str, settings: SurveysSettings = SETTINGS) -> AsyncIterator[PagesWorld]:
    """The same on a database of its own, for the tests of a file."""
    async with fresh_database(pg_url) as url, open_pages(url, settings) as world:
        yield world


@asynccontextmanager
async def pages_on_a_platform(pg_url: str, **settings: Any) -> AsyncIterator[tuple[PagesWorld, Running]]:
    """The same in a whole platform with surveys alone: keys, limits and headers as they are."""
    clock = HandClock()
    async with fresh_database(pg_url) as url, running_platform(url, [manifest], clock=clock, **settings) as running:
        service: SurveysService = running.platform.app.state.services["surveys"]
        yield PagesWorld(SurveysWorld(service.db, service, clock), running.platform.app), running
