"""The doors: which routes there are, who may knock from a page, how often, and what is written down."""

import json
import re

import pytest

from functions.ingest import throttle
from functions.ingest.throttle import Rate
from infra.stages import STAGES
from tests.infra.synthesis import logical_id, synthesis
from tests.origins import LISTED, TRICKS

ROUTES = {
    "ingest": {
        "POST /v1/identify", "POST /v1/track", "POST /v1/page", "POST /v1/screen", "POST /v1/group", "POST /v1/alias",
        "POST /v1/batch", "POST /v1/import", "POST /v1/i", "POST /v1/t", "POST /v1/p", "POST /v1/s", "POST /v1/g",
        "POST /v1/a", "POST /v1/b", "POST /forms/{form}", "POST /v1/leads/{lead_id}/adjustments",
        "GET /v1/projects/{key}/settings", "POST /v1/m", "GET /sourceConfig", "POST /beacon/v1/batch", "POST /api/s/{call}",
        "POST /api/s/s2s/{call}", "GET /ripen.js", "GET /openapi.json", "POST /v1/leads/{lead_id}/verdicts", "POST /v1/outcomes",
    },
    "leads": {"GET /v1/leads", "GET /v1/leads/{id}", "GET /v1/leads/{id}/history", "GET /v1/leads/{id}/export", "POST /v1/leads/lookup", "GET /v1/reports/sla",
              "GET /v1/reports/nurture", "GET /v1/leads/{id}/mailing"},
    "erase": {"POST /v1/leads/{id}/erase", "POST /v1/leads/erase", "GET /v1/erasures/{id}"},
    "links": {
        "GET /c/{token}", "HEAD /c/{token}", "GET /d/{token}", "HEAD /d/{token}", "GET /o/{token}", "GET /u/{token}",
        "HEAD /u/{token}", "POST /u/{token}", "GET /y/{token}", "POST /y/{token}",
    },
    "mail_feedback": {
        "POST /v1/mail/events", "POST /v1/suppressions", "POST /v1/suppressions/remove", "POST /v1/suppressions/lookup",
    },
    "sales": {
        "POST /slack/interactions", "POST /v1/handoffs/{lead_id}/{n}/{action}", "GET /s/{action}/{token}",
        "POST /s/{action}/{token}", "GET /v1/owners", "POST /v1/owners/{id}/time-off", "DELETE /v1/owners/{id}/time-off",
        "GET /v1/mail", "POST /v1/mail/pause", "POST /v1/mail/resume",
    },
}  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
def test_every_route_leads_to_its_function(stage):
    made = synthesis(stage)
    integrations = made.resources("AWS::ApiGatewayV2::Integration")
    found: dict[str, set[str]] = {}
    for route in made.resources("AWS::ApiGatewayV2::Route").values():
        integration = integrations[route["Properties"]["Target"]["Fn::Join"][1][1]["Ref"]]["Properties"]
        function = made.stateless["Resources"][logical_id(integration["IntegrationUri"])]
        found.setdefault(function["Properties"]["Handler"].split(".")[1], set()).add(route["Properties"]["RouteKey"])
        assert integration["PayloadFormatVersion"] == "2.0"
    assert found == ROUTES


@pytest.mark.parametrize("stage", STAGES)
def test_requests_are_throttled(stage):
    limits = synthesis(stage).only("AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]
    assert limits == {
        "ThrottlingRateLimit": STAGES[stage].requests_per_second,
        "ThrottlingBurstLimit": STAGES[stage].request_burst,
    }


@pytest.mark.parametrize("stage", STAGES)
def test_pages_may_post_from_the_origins_of_the_stage(stage):
    cors = synthesis(stage).only("AWS::ApiGatewayV2::Api")["CorsConfiguration"]
    assert cors["AllowOrigins"] == list(STAGES[stage].allowed_origins)
    assert "AllowCredentials" not in cors
    assert set(cors["AllowMethods"]) == {"GET", "POST", "OPTIONS"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_preflight_may_ask_for_any_header_and_what_sdks_send_is_named(stage):
    """`*` does not cover Authorization; a browser that does not know `*` compares names."""
    cors = synthesis(stage).only("AWS::ApiGatewayV2::Api")["CorsConfiguration"]
    assert {"authorization", "content-type", "x-write-key", "x-retry-count", "anonymousid", "*"} <= set(
        cors["AllowHeaders"]
    )
    assert all(name == name.lower() for name in cors["AllowHeaders"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_page_may_read_when_to_come_back(stage):
    cors = synthesis(stage).only("AWS::ApiGatewayV2::Api")["CorsConfiguration"]
    assert cors["ExposeHeaders"] == ["retry-after", "x-ratelimit-reset"]


def test_the_origins_of_a_stage_are_exact():
    """API Gateway compares a listed origin as a whole, and knows `*`, `https://*` and `http://*`: none of them in between."""
    for stage in STAGES.values():
        assert stage.allowed_origins
        for origin in stage.allowed_origins:
            assert origin == "*" or re.fullmatch(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?", origin), (
                stage.name,
                origin,
            )


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_is_an_origin_of_production(trick):
    cors = synthesis("prod").only("AWS::ApiGatewayV2::Api")["CorsConfiguration"]
    assert cors["AllowOrigins"] == [LISTED]
    assert trick.lower() not in {origin.lower() for origin in cors["AllowOrigins"]}


@pytest.mark.parametrize("stage", STAGES)
def test_ingest_reads_the_rates_of_the_stage(stage):
    _, function = synthesis(stage).function("ingest")
    written = function["Environment"]["Variables"]["EVENT_RATES"]
    assert throttle.rates(written) == {kind: Rate(*rate) for kind, rate in STAGES[stage].event_rates.items()}


def test_every_batch_fits_the_rate_of_its_key_and_a_server_may_send_more_than_a_page():
    for stage in STAGES.values():
        rates = {kind: Rate(*rate) for kind, rate in stage.event_rates.items()}
        assert rates["server"].per_second >= rates["public"].per_second > 0
        assert min(rates["server"].burst, rates["public"].burst) >= 2_500


@pytest.mark.parametrize("stage", STAGES)
def test_access_logs_hold_the_route_and_nothing_personal(stage):
    settings = synthesis(stage).only("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]
    written = json.loads(settings["Format"])
    assert written["route"] == "$context.routeKey"
    assert not {"$context.path", "$context.identity.sourceIp", "$context.identity.userAgent"} & set(written.values())
    assert "DestinationArn" in settings


def test_only_the_local_stage_and_dev_admit_every_origin():
    assert [name for name, stage in STAGES.items() if "*" in stage.allowed_origins] == ["local", "dev"]
