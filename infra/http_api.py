"""The HTTP API: which route calls which function, from which pages, and how often."""

import json
from collections.abc import Mapping

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigateway_v2
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.cors import ALLOWED_HEADERS, EXPOSED_HEADERS
from infra.log_group import log_group
from infra.ripen_function import RipenFunction
from infra.stages import Stage

ROUTES: Mapping[str, tuple[str, ...]] = {
    "ingest": (
        "POST /v1/identify",
        "POST /v1/track",
        "POST /v1/page",
        "POST /v1/screen",
        "POST /v1/group",
        "POST /v1/alias",
        "POST /v1/batch",
        "POST /v1/import",
        # what Segment's browser SDK calls
        "GET /v1/projects/{key}/settings",
        "POST /v1/m",
        "POST /v1/i",
        "POST /v1/t",
        "POST /v1/p",
        "POST /v1/s",
        "POST /v1/g",
        "POST /v1/a",
        "POST /v1/b",
        # what RudderStack's and Jitsu's browser SDKs call besides
        "GET /sourceConfig",
        "POST /beacon/v1/batch",
        "POST /api/s/{call}",
        "POST /api/s/s2s/{call}",
        # forms, our own script, points by hand
        "GET /ripen.js",
        "GET /openapi.json",
        "POST /forms/{form}",
        "POST /v1/leads/{lead_id}/adjustments",
        "POST /v1/leads/{lead_id}/verdicts",
        "POST /v1/outcomes",
    ),
    "links": (
        "GET /c/{token}",
        "HEAD /c/{token}",
        "GET /d/{token}",
        "HEAD /d/{token}",
        "GET /o/{token}",
        "GET /u/{token}",
        "HEAD /u/{token}",
        "POST /u/{token}",
        "GET /y/{token}",
        "POST /y/{token}",
    ),
    "mail_feedback": (
        "POST /v1/mail/events",
        "POST /v1/suppressions",
        "POST /v1/suppressions/remove",
        "POST /v1/suppressions/lookup",
    ),
    "sales": (
        "POST /slack/interactions",
        "POST /v1/handoffs/{lead_id}/{n}/{action}",
        "GET /v1/owners",
        "POST /v1/owners/{id}/time-off",
        "DELETE /v1/owners/{id}/time-off",
        "GET /v1/mail",
        "POST /v1/mail/pause",
        "POST /v1/mail/resume",
        "GET /s/{action}/{token}",
        "POST /s/{action}/{token}",
    ),
    "leads": (
        "GET /v1/leads",
        "GET /v1/leads/{id}",
        "GET /v1/leads/{id}/history",
        "GET /v1/leads/{id}/export",
        "GET /v1/leads/{id}/mailing",
        "POST /v1/leads/lookup",
        "GET /v1/reports/sla",
        "GET /v1/reports/nurture",
    ),
    "erase": (
        "POST /v1/leads/{id}/erase",
        "POST /v1/leads/erase",
        "GET /v1/erasures/{id}",
    ),
}

ACCESS_LOG = {
    "request": "$context.requestId",
    "time": "$context.requestTime",
    "route": "$context.routeKey",  # never the path: it holds lead ids and link tokens
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "error": "$context.integrationErrorMessage",
}
"""One line a request, without an address, a path or a body."""


@jsii.implements(apigateway_v2.IAccessLogSettings)
class AccessLog:
    """Where the lines of `ACCESS_LOG` go."""

    def __init__(self, group: logs.ILogGroup) -> None:
        self._group = group

    @property
    def destination(self) -> apigateway_v2.IAccessLogDestination:
        return apigateway_v2.LogGroupLogDestination(self._group)

    @property
    def format(self) -> apigateway.AccessLogFormat:
        return apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG))


class RipenApi(Construct):
    """The API and its one stage, without routes until `serve` adds them."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self.api = apigateway_v2.HttpApi(
            self,
            "Api",
            api_name=f"ripen-{stage.name}",  # a label: API names identify nothing
            create_default_stage=False,
            cors_preflight=apigateway_v2.CorsPreflightOptions(
                allow_origins=list(stage.allowed_origins),
                allow_methods=[
                    apigateway_v2.CorsHttpMethod.GET,
                    apigateway_v2.CorsHttpMethod.POST,
                    apigateway_v2.CorsHttpMethod.OPTIONS,
                ],
                allow_headers=list(ALLOWED_HEADERS),
                expose_headers=list(EXPOSED_HEADERS),
                max_age=cdk.Duration.hours(2),
            ),
        )
        apigateway_v2.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            auto_deploy=True,
            throttle=apigateway_v2.ThrottleSettings(
                rate_limit=stage.requests_per_second, burst_limit=stage.request_burst
            ),
            access_log_settings=AccessLog(log_group(self, "Logs", stage=stage)),
            domain_mapping=self._domain_mapping(stage),
        )
        self.public_url = stage.public_url or (
            f"https://{stage.api_domain}" if stage.api_domain else self.api.api_endpoint
        )

    def _domain_mapping(self, stage: Stage) -> apigateway_v2.DomainMappingOptions | None:
        if not stage.api_domain:
            return None
        name = apigateway_v2.DomainName(
            self,
            "Domain",
            domain_name=stage.api_domain,
            certificate=certificates.Certificate.from_certificate_arn(self, "Certificate", stage.certificate_arn),
        )
        cdk.CfnOutput(self, "DomainTarget", value=name.regional_domain_name)
        return apigateway_v2.DomainMappingOptions(domain_name=name)

    def serve(self, name: str, function: RipenFunction) -> None:
        """Route to the function what `ROUTES` says is its."""
        integration = integrations.HttpLambdaIntegration(
            f"{name}-integration", function.function, scope_permission_to_route=False
        )
        for route in ROUTES[name]:
            method, path = route.split(" ")
            self.api.add_routes(path=path, methods=[apigateway_v2.HttpMethod[method]], integration=integration)
