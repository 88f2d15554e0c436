"""Who opens a page in a browser is asked for a key; a page of somebody else changes nothing with it."""

import httpx
import pytest

from shared.http.browsers import CHALLENGE

OPENED = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
BASIC = {"Authorization": "Basic dGFtOg=="}
HOME = "http://demo"
EVIL = "https://evil.example"


@pytest.mark.parametrize(
    ("fields", "challenge"),
    [
        (OPENED, CHALLENGE),
        ({"Accept": "text/html"}, CHALLENGE),
        # A script, which would have the browser ask its user for a key out of nowhere.
        ({"Accept": "text/html", "Sec-Fetch-Mode": "cors"}, 'Bearer realm="tam"'),
        ({"Accept": "application/json"}, 'Bearer realm="tam"'),
        ({}, 'Bearer realm="tam"'),
    ],
)
async def test_only_who_opens_a_page_is_asked_by_the_browser(
    client: httpx.AsyncClient, fields: dict[str, str], challenge: str
) -> None:
    answer = await client.get("/v1/demo/whose", headers=fields)

    assert (answer.status_code, answer.json()["code"]) == (401, "missing_key")
    assert answer.headers["www-authenticate"] == challenge


async def test_a_browser_is_shown_what_there_is_to_read(client: httpx.AsyncClient) -> None:
    page = await client.get("/", headers=OPENED)

    assert page.headers["content-type"].startswith("text/html")
    assert '<a href="/v1/metrics/scorecard/page?language=vi">' in page.text
    assert "{" not in page.text.partition("</style>")[2]
    assert "<script" not in page.text
    assert (await client.get("/")).headers["content-type"] == "application/json"
