"""Preflights, as browsers send them: what a page of a listed origin may do, and that no trick makes a page one."""

from collections.abc import Iterator

import pytest
import requests

from infra.cors import ALLOWED_HEADERS, EXPOSED_HEADERS
from infra.stages import PROD
from tests.end_to_end.conftest import Platform
from tests.origins import LISTED, TRICKS

pytestmark = pytest.mark.embedded

UNUSUAL = "authorization,baggage,content-type,sentry-trace,traceparent,x-datadog-trace-id,x-retry-count"


def preflight(url: str, origin: str, *, headers: str = "authorization") -> requests.Response:
    """Ask what a page of that origin may send. As bytes: origins of tricksters hold any sign."""
    return requests.options(
        url,
        headers={
            "Origin": origin.encode(),
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": headers,
        },
        timeout=30,
    )


@pytest.fixture(scope="module")
def of_production(platform: Platform) -> Iterator[str]:
    """An API beside the deployed one that has production's origins: the local stage admits every page."""
    gateway = platform.client("apigatewayv2")
    api_id = gateway.create_api(
        Name="origins-of-production",
        ProtocolType="HTTP",
        CorsConfiguration={
            "AllowOrigins": list(PROD.allowed_origins),
            "AllowMethods": ["GET", "POST", "OPTIONS"],
            "AllowHeaders": list(ALLOWED_HEADERS),
            "ExposeHeaders": list(EXPOSED_HEADERS),
        },
    )["ApiId"]
    yield f"{platform.outputs.aws_endpoint_url}/_aws/execute-api/{api_id}/$default/v1/t"
    gateway.delete_api(ApiId=api_id)


def test_a_page_of_a_listed_origin_may_send_and_no_cookies(of_production: str):
    answer = preflight(of_production, LISTED)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == LISTED
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_is_let_in(of_production: str, trick: str):
    answer = preflight(of_production, trick)

    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_the_deployed_api_lets_a_page_ask_for_any_header_and_read_when_to_come_back(platform: Platform):
    answer = preflight(f"{platform.outputs.api_url}/v1/t", "https://shop.example", headers=UNUSUAL)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"authorization", "*"} <= {
        each.strip() for each in answer.headers["access-control-allow-headers"].split(",")
    }
    assert "retry-after" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers


def test_what_a_browser_loads_first_comes_from_the_api(platform: Platform):
    api, origin = platform.outputs.api_url, {"Origin": "https://shop.example"}
    settings = requests.get(f"{api}/v1/projects/{platform.outputs.public_key}/settings", headers=origin, timeout=30)
    script = requests.get(f"{api}/ripen.js", headers={**origin, "Accept-Encoding": "gzip"}, timeout=30)
    again = requests.get(f"{api}/ripen.js", headers={"If-None-Match": script.headers["etag"]}, timeout=30)
    nobody = requests.get(f"{api}/v1/projects/{platform.outputs.write_key}/settings", headers=origin, timeout=30)

    ours = settings.json()["integrations"]["Segment.io"]
    assert f"{ours['protocol']}://{ours['apiHost']}" == f"{api}/v1"
    assert (script.status_code, script.headers["content-encoding"]) == (200, "gzip")
    assert script.text.startswith("/*")
    assert (again.status_code, again.content) == (304, b"")
    assert nobody.status_code == 404
    assert {answer.headers["access-control-allow-origin"] for answer in (settings, script, nobody)} == {"*"}
