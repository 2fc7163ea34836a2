"""What must outlive a deployment: the table, the secrets, and the right to send mail."""

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ses as ses
from constructs import Construct

from infra.stages import Stage
from infra.topic import topic
from shared import table

OURS = (ses.EmailSendingEvent.OPEN, ses.EmailSendingEvent.CLICK)
"""What our own links tell: asked for these, SES would rewrite every link and add a pixel of its own."""


class StatefulStack(cdk.Stack):
    """One table, three secrets, one mail identity with the topic that hears what became of each mail."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, **options: Any) -> None:
        super().__init__(scope, construct_id, **options)
        self._removal = cdk.RemovalPolicy.RETAIN if stage.keeps_data else cdk.RemovalPolicy.DESTROY

        self.table = self._one_table(stage)

        # Lead ids and address hashes are made with the identity secret: another value would orphan every item.
        self.identity_secret = self._random_secret("IdentitySecret", "Keys lead ids and address hashes; never rotate")
        # API keys and the links of mails already sent are made with the signing secret.
        self.signing_secret = self._random_secret("SigningSecret", "Signs API keys and mail links")
        self.slack_secret = self._slack_secret()
        self.secrets = (self.identity_secret, self.signing_secret, self.slack_secret)

        self.mail_events = topic(self, "MailEvents", stage=stage)
        self.mail_identity, self.configuration_set = self._mail(stage)

    def _one_table(self, stage: Stage) -> dynamodb.TableV2:
        text, number = dynamodb.AttributeType.STRING, dynamodb.AttributeType.NUMBER

        def key(name: str, kind: dynamodb.AttributeType = text) -> dynamodb.Attribute:
            return dynamodb.Attribute(name=name, type=kind)

        return dynamodb.TableV2(
            self,
            "Table",
            partition_key=key(table.PK),
            sort_key=key(table.SK),
            billing=dynamodb.Billing.on_demand(),
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
            time_to_live_attribute=table.TTL,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=stage.point_in_time_recovery
            ),
            deletion_protection=stage.keeps_data,
            removal_policy=self._removal,
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=table.DUE_INDEX,
                    partition_key=key(table.DUE_KEY),
                    sort_key=key(table.DUE_AT),
                    projection_type=dynamodb.ProjectionType.INCLUDE,
                    non_key_attributes=[table.DUE_ATTEMPTS],
                ),
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=table.RANK_INDEX,
                    partition_key=key(table.RANK_KEY),
                    sort_key=key(table.RANK_BOUND, number),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                ),
            ],
        )

    def _random_secret(self, construct_id: str, description: str) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            self,
            construct_id,
            description=description,
            removal_policy=self._removal,
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
        )

    def _slack_secret(self) -> secretsmanager.Secret:
        """Slack stays off until an operator fills in what Slack issued."""
        return secretsmanager.Secret(
            self,
            "SlackSecret",
            description="What Slack issued: bot_token, signing_secret, webhook_url",
            removal_policy=self._removal,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps(dict.fromkeys(("bot_token", "signing_secret", "webhook_url"), "")),
                generate_string_key="unused",
            ),
        )

    def _mail(self, stage: Stage) -> tuple[ses.EmailIdentity, ses.ConfigurationSet]:
        configuration_set = ses.ConfigurationSet(
            self,
            "Mail",
            reputation_metrics=True,
            tls_policy=ses.ConfigurationSetTlsPolicy.REQUIRE,
            suppression_reasons=ses.SuppressionReasons.BOUNCES_AND_COMPLAINTS,
        )
        configuration_set.add_event_destination(
            "ToTopic",
            destination=ses.EventDestination.sns_topic(self.mail_events),
            events=[event for event in ses.EmailSendingEvent if event not in OURS],
        )
        identity = ses.EmailIdentity(
            self,
            "Sender",
            identity=ses.Identity.domain(stage.mail_domain),
            configuration_set=configuration_set,
        )
        identity.apply_removal_policy(self._removal)
        for number, record in enumerate(identity.dkim_records if stage.prints_dkim_records else (), start=1):
            cdk.CfnOutput(self, f"DkimRecord{number}", value=f"{record.name} CNAME {record.value}")
        return identity, configuration_set
