"""The doors: which routes there are, who may knock from a page, how often, and what is written down."""

import json

import pytest

from infra.stages import STAGES
from tests.infra.synthesis import logical_id, synthesis

ROUTES = {
    "ingest": {
        "POST /v1/identify", "POST /v1/track", "POST /v1/page", "POST /v1/screen", "POST /v1/group", "POST /v1/alias",
        "POST /v1/batch", "POST /v1/import", "POST /v1/i", "POST /v1/t", "POST /v1/p", "POST /v1/s", "POST /v1/g",
        "POST /v1/a", "POST /v1/b", "POST /forms/{form}", "POST /v1/leads/{lead_id}/adjustments",
    },
    "leads": {"GET /v1/leads", "GET /v1/leads/{id}", "GET /v1/leads/{id}/history", "POST /v1/leads/lookup"},
    "links": {
        "GET /c/{token}", "HEAD /c/{token}", "GET /o/{token}", "GET /u/{token}", "POST /u/{token}", "GET /y/{token}",
        "POST /y/{token}",
    },
    "sales": {"POST /slack/interactions", "POST /v1/handoffs/{lead_id}/{n}/{action}"},
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
    assert set(cors["AllowHeaders"]) == {"authorization", "content-type"}
    assert "AllowCredentials" not in cors


@pytest.mark.parametrize("stage", STAGES)
def test_access_logs_hold_the_route_and_nothing_personal(stage):
    settings = synthesis(stage).only("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]
    written = json.loads(settings["Format"])
    assert written["route"] == "$context.routeKey"
    assert not {"$context.path", "$context.identity.sourceIp", "$context.identity.userAgent"} & set(written.values())
    assert "DestinationArn" in settings


def test_only_the_local_stage_and_dev_admit_every_origin():
    assert [name for name, stage in STAGES.items() if "*" in stage.allowed_origins] == ["local", "dev"]
