"""The official SDKs, unmodified but for the host: nothing lost to a bad neighbour, nothing doubled by a retry."""

import json
import subprocess
from base64 import b64encode
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from e2e_world import Shop, clean_environ
from sdk_world import SCRIPTS, deaf_once, folder_with_node_sdks, python_with_sdks

WIRE = Path(__file__).parents[1] / "contract" / "fixtures" / "sdk-wire.jsonl"
CALLS = {"page", "track", "identify", "screen", "group", "alias"}

pytestmark = pytest.mark.timeout(400)


def run_shop(language: str, sdk: str, host: str, write_key: str, name: str) -> None:
    if language == "python":
        command = [str(python_with_sdks()), str(SCRIPTS / "shop.py"), sdk, host, write_key, name]
        folder = None
    else:
        folder = folder_with_node_sdks()
        command = ["node", str(SCRIPTS / "shop.js"), sdk, host, write_key, name]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=90, check=False, cwd=folder, env=clean_environ()
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout


@pytest.mark.parametrize("language", ["python", "node"])
@pytest.mark.parametrize(("sdk", "module"), [("segment", "segment"), ("rudder", "rudderstack")])
def test_eight_calls_of_an_sdk(one_box: Shop, language: str, sdk: str, module: str):
    """Its first delivery is stored and answered 503, so it sends everything again; one event of nine is wrong."""
    name = uuid4().hex[:12]
    with deaf_once(one_box.base_url) as (proxy, statuses):
        run_shop(language, module if language == "python" else sdk, proxy, one_box.write_key, name)
    one_box.settled()

    assert statuses[0] == 503
    assert statuses[1:].count(200) >= 1
    figures = one_box.customer(f"user_id:user-{name}")
    assert (figures["orders"], figures["gross"], figures["refunds"]) == (2, "50.50", "5.00")
    assert one_box.customer(f"anonymous_id:visitor-{name}") == figures
    touchpoints = one_box.touchpoints(f"user_id:user-{name}")
    assert len(touchpoints) == 8
    assert {each["call"] for each in touchpoints} == CALLS
    assert {each["source"] for each in touchpoints} == {"web"}
    people = {one_box.json(f"/v1/customers/{who}-{name}")["id"] for who in ("anonymous_id:visitor", "user_id:user")}
    assert len(people) == 1
    quarantined = one_box.json("/v1/touchpoints/quarantine", code="impossible_amount", limit=100)["items"]
    mine = [each for each in quarantined if f"{name}-3" in str(each)]
    assert len(mine) == 1


def test_the_browser_sdks_recorded_requests(one_box: Shop):
    """analytics-next in both its modes, and rudder-js: as recorded on the wire, with our key in place of theirs."""
    records = [json.loads(line) for line in WIRE.read_text().splitlines()]
    basic = "Basic " + b64encode(f"{one_box.write_key}:".encode()).decode()
    sent = 0
    for record in records:
        if record["m"] != "POST":
            continue
        body = record["body"].replace('"writeKey":"WK"', f'"writeKey":"{one_box.write_key}"')
        skipped = ("host", "content-length", "content-encoding", "authorization")
        headers = {name: value for name, value in record["headers"].items() if name.lower() not in skipped}
        response = httpx.post(
            one_box.base_url + record["path"].replace("writeKey=WK", f"writeKey={one_box.write_key}"),
            content=body.encode(),
            headers={**headers, "Authorization": basic},
            trust_env=False,
        )
        assert response.status_code == 200, (record["path"], response.text)
        answer = response.json()
        assert answer["rejected"] == [], record["path"]
        sent += answer["accepted"]

    one_box.settled()
    assert sent >= 10
    assert {"identify", "track"} <= {each["call"] for each in one_box.touchpoints("user_id:u1")}
