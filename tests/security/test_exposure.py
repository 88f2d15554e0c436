"""Security misconfiguration and inventory: headers, CORS, what is open, what is documented, what a failure says."""

import ast
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from authorisation import document
from fastapi.routing import iter_route_contexts
from security_world import CUSTOMER, House, open_house

from shared.http.openapi import operations
from shared.http.raw import RawRoutes

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
TOKEN = "a-scraper-s-own-token-0123456789"
SYSTEM = {"/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/openapi/platform.json", "/docs/platform"}
EVIL = "https://evil.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(pg_url: str, template: str) -> AsyncIterator[House]:
    async with open_house(pg_url, template, role="api", TAM_HTTP_METRICS_TOKEN=TOKEN, TAM_HTTP_DOCS="false") as opened:
        yield opened


async def test_what_is_served_is_what_is_documented(house: House):
    """Every address and method of the running platform stands in the contract, and the other way round."""
    served = set()
    for route in house.running.platform.app.router.routes:
        raw = [*route.exact, *route.others] if isinstance(route, RawRoutes) else [route]
        for context in iter_route_contexts(raw):
            path = re.sub(r":\w+\}", "}", context.path)
            methods = context.methods or document()["paths"].get(path.rstrip("/"), {})
            served |= {(method.upper(), path) for method in methods if method.upper() not in ("HEAD", "OPTIONS")}
    # Each door of events stands there again with a slash at its end.
    served = {(method, path.rstrip("/") or "/") for method, path in served if path not in SYSTEM}
    documented = {(method.upper(), path) for path, method, _ in operations(document())}

    assert served - documented == set()
    assert documented - served == set()


async def test_all_addresses_are_of_one_version():
    """There is `/v1`, the addresses that SDKs have built in, and pages; no second version, nothing internal."""
    odd = [path for path in document()["paths"] if not re.match(r"/(v1|s|beacon|pixel|sourceConfig)(/|$)", path)]
    assert odd == []
    assert not [path for path in document()["paths"] if re.search(r"intern|debug|admin|test\b|v2", path)]


async def test_metrics_want_their_token(house: House):
    """They show revenue. No key of the API opens them, and their token opens nothing else."""
    for key in (None, house.running.secret_key, house.running.write_key, TOKEN[:-1], TOKEN + "x", ""):
        async with house.client(key) as client:
            said = await client.get("/metrics")
        assert (said.status_code, said.headers["content-type"]) == (401, "application/problem+json")
        assert said.headers["www-authenticate"].startswith("Bearer")
        assert "tam_" not in said.text
    async with house.client(TOKEN) as scraper:
        assert "tam_http_requests_total" in (await scraper.get("/metrics")).text
        assert (await scraper.get("/v1/customers")).status_code == 401
        assert (await scraper.get("/healthz")).status_code == 200


async def test_the_description_can_be_switched_off(house: House):
    for path in (
        "/docs",
        "/openapi.json",
        "/docs/platform",
        "/openapi/platform.json",
        "/redoc",
        "/docs/oauth2-redirect",
    ):
        assert (await house.crm.get(path)).status_code == 404


async def test_what_a_key_opened_is_kept_by_nobody_on_the_way(house: House):
    """Personal data must not stay in a cache that others share, nor be guessed to be a script."""
    for path in (f"/v1/customers/{CUSTOMER}", "/v1/customers", "/v1/responses", "/v1/audit", "/v1/nothing"):
        said = await house.crm.get(path)
        assert said.headers["x-content-type-options"] == "nosniff"
        if said.status_code == 200:
            expected = "private, no-cache" if "etag" in said.headers else "no-store"
            assert said.headers["cache-control"] == expected, path
        assert "server" not in said.headers
        assert "x-powered-by" not in said.headers


async def test_pages_of_other_sites_read_nothing(house: House):
    """CORS is for the door of events; no native route answers a foreign page, not even a preflight."""
    asks = {"Origin": EVIL, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    for path in (f"/v1/customers/{CUSTOMER}", "/v1/metrics/summary", "/v1/loyalty/rewards", "/metrics"):
        preflight = await house.crm.options(path, headers=asks)
        read = await house.crm.get(path, headers={"Origin": EVIL})
        for said in (preflight, read):
            assert not [name for name in said.headers if name.startswith("access-control-")], path
        assert preflight.status_code == 405


async def test_a_write_key_is_good_on_its_owners_pages_alone(house: House):
    """A key with a list of origins, on a page that is not in it, sends nothing; servers have no origin."""
    event = {"type": "track", "event": "x", "userId": "lan"}
    async with house.client(await house.write_key("bound", "https://shop.example")) as shop:
        said = {
            origin: (await shop.post("/v1/track", json=event, headers={"Origin": origin})).status_code
            for origin in ("https://shop.example", EVIL, "https://shop.example.evil.example", "null", "")
        }
        assert (await shop.post("/v1/track", json=event)).status_code == 200
    assert said == {
        "https://shop.example": 200,
        EVIL: 403,
        "https://shop.example.evil.example": 403,
        "null": 403,
        "": 403,
    }


async def test_a_failure_says_nothing_of_our_inside(house: House):
    """Wrong in every way there is: no traceback, no SQL, no path, no version, no driver's words."""
    spies = re.compile(
        r"Traceback|asyncpg|sqlalchemy|SELECT |site-packages|/home/|/opt/|\.py\b|pydantic|postgres", re.I
    )
    for path in ("/v1/customers/%00", "/v1/customers?cursor=x", "/v1/customers/user_id:%F0", "/v1/metrics/series/x'"):
        assert not spies.search((await house.crm.get(path)).text), path
    for body in (b"{", b"[]", b'{"user_id": 1}', b"\xff"):
        said = await house.crm.post("/v1/customers", content=body, headers={"content-type": "application/json"})
        assert 400 <= said.status_code < 500
        assert not spies.search(said.text)


async def test_pages_of_html_load_and_frame_nothing(house: House):
    """Every page that a browser shows says what it may load; none may be framed by another site but the widget's."""
    async with house.client() as browser:
        pages = [await browser.get(f"/s/{house.link()}"), await browser.get("/s/nonsense")]
    pages += [await house.crm.get("/v1/metrics/scorecard/page")]
    for page in pages:
        assert page.headers["content-type"].startswith("text/html")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-eval" not in policy


def _comparisons() -> list[str]:
    """Where something secret by its name is compared with `==`."""
    secret = re.compile(r"(secret|token|digest|signature|hmac|password|mac)$")
    found = []
    for path in (*ROOT.glob("shared/**/*.py"), *ROOT.glob("services/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Compare) or not any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                continue
            names = [ast.unparse(each) for each in (node.left, *node.comparators)]
            if any(secret.search(name) for name in names) and not any(name in ("None", "''") for name in names):
                found.append(f"{path.relative_to(ROOT)}: {ast.unparse(node)}")
    return found


# Digests of documents and of chains that anybody may compute, and the spelling of a link that was found good before:
# equal or not is no secret.
PUBLIC = (
    "services/loyalty/flash",
    "services/metrics/alarms",
    "services/surveys/links/domain.py: ",
    "shared/backup",
    "shared/delivery",
    "shared/rights/audit.py",
    "shared/testing",
)


async def test_secrets_are_compared_in_constant_time():
    """How long a comparison takes must not tell how much of a guess was right."""
    assert [each for each in _comparisons() if not each.startswith(PUBLIC)] == []
    for file in ("shared/http/keys.py", "shared/http/system.py", "services/surveys/links/domain.py"):
        assert "compare_digest" in (ROOT / file).read_text(encoding="utf-8")
