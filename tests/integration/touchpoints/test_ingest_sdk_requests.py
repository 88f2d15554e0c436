"""The recorded requests of the six SDKs, sent again as they were, get the answers the SDKs need."""

import gzip
import json
from base64 import b64encode
from typing import Any

from touchpoint_log import on_the_log

from shared.events.topics import INGEST
from shared.testing.platform import Running


def _request(recorded: dict[str, Any], write_key: str) -> dict[str, Any]:
    """The same request with a key of ours."""
    dropped = ("host", "content-length", "connection", "accept-encoding")
    headers = {name: value for name, value in recorded["headers"].items() if name.lower() not in dropped}
    if "Authorization" in headers:
        headers["Authorization"] = "Basic " + b64encode(f"{write_key}:".encode()).decode()
    body = recorded["body"].replace('"WK"', f'"{write_key}"').encode()
    if headers.get("Content-Encoding") == "gzip":
        body = gzip.compress(body)
    path = recorded["path"].replace("writeKey=WK", f"writeKey={write_key}").replace("/WK/", f"/{write_key}/")
    return {"method": recorded["m"], "url": path, "headers": headers, "content": body}


async def test_every_recorded_request_is_answered_as_its_sdk_needs(
    wire: list[dict[str, Any]], running: Running
) -> None:
    running.shop.auth = None
    sent = 0
    for recorded in wire:
        answer = await running.shop.request(**_request(recorded, running.write_key))

        origin = recorded["headers"].get("Origin")
        if origin:
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
            assert "Origin" in answer.headers["Vary"]
        if recorded["m"] == "OPTIONS":
            assert answer.status_code == 204
            asked = recorded["headers"]["Access-Control-Request-Headers"]
            assert answer.headers["Access-Control-Allow-Headers"] == asked
            assert (
                recorded["headers"]["Access-Control-Request-Method"] in answer.headers["Access-Control-Allow-Methods"]
            )
            continue
        assert answer.status_code == 200, answer.text
        if recorded["m"] == "POST":
            events = json.loads(recorded["body"]).get("batch", [None])
            sent += len(events)
            assert answer.json()["accepted"] == len(events)
            assert answer.json()["rejected"] == []

    assert sent == 21
    assert len(await on_the_log(running.platform.bus, INGEST)) == sent


async def test_an_order_without_amount_is_answered_with_a_warning(wire: list[dict[str, Any]], running: Running) -> None:
    [node] = [each for each in wire if each["headers"].get("User-Agent") == "analytics-node-next/latest"]

    answer = await running.shop.request(**_request(node, running.write_key))

    [warning] = answer.json()["warnings"]
    assert (warning["index"], warning["code"]) == (1, "no_amount")


async def test_analytics_next_boots_from_our_settings(running: Running) -> None:
    answer = await running.shop.get(f"/v1/projects/{running.write_key}/settings", headers={"Host": "in.shop.example"})

    assert answer.json()["integrations"]["Segment.io"] == {
        "apiKey": running.write_key,
        "apiHost": "in.shop.example/v1",
        "protocol": "http",
        "addBundledMetadata": True,
        "unbundledIntegrations": [],
    }


async def test_settings_are_given_to_live_write_keys_only(running: Running) -> None:
    for key in ("nonsense", running.secret_key, running.write_key[:-1] + "x"):
        answer = await running.shop.get(f"/v1/projects/{key}/settings")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_write_key")


async def test_rudder_js_boots_from_our_source_config(running: Running) -> None:
    for path in ("/sourceConfig", "/sourceConfig/"):
        source = (await running.shop.get(path, params={"writeKey": running.write_key})).json()["source"]
        assert source["id"] == "web"
        assert source["enabled"] is True
        assert source["destinations"] == []
        assert source["config"]["statsCollection"]["errors"]["enabled"] is False


async def test_sdk_metrics_are_taken_and_forgotten(running: Running) -> None:
    body = '{"series":[{"type":"Counter","metric":"analytics_js.invoke","value":1,"tags":{}}]}'

    answer = await running.shop.post(
        "/v1/m", content=body, headers={"Content-Type": "text/plain", "Origin": "http://a"}
    )

    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "http://a")
