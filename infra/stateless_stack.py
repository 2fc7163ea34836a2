"""
Everything that works: read it beside the picture in the README, from left to right.

What a stage costs a month while nobody uses it, US East, no free tier: 35 alarms $3.50, 3 secrets $1.20, the pollers of
7 queues $1.81 (648,000 receives each), 63,360 sweeps with their queries $0.45, which say no metric when they find nothing;
the rest is paid by use: under $7. Tests hold the numbers.
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.http_api import RipenApi
from infra.look_up import name_what_people_look_for
from infra.packages import dependency_layer
from infra.ripen_function import Platform, RipenFunction
from infra.stages import Stage
from infra.stateful_stack import StatefulStack
from infra.sweep import Sweep
from infra.topic import alarms_may_ring, topic
from infra.working_queue import FailureQueue, WorkingQueue
from shared import contracts, table


class StatelessStack(cdk.Stack):
    """API, queues, functions, bus, schedules and topics of one stage."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, state: StatefulStack, **options: Any
    ) -> None:
        super().__init__(scope, construct_id, **options)
        self._stage, self.state = stage, state
        self.operations = topic(self, "Operations", stage=stage)
        alarms_may_ring(self.operations, stage=stage)
        self.alerts = topic(self, "Alerts", stage=stage)
        self.escalations = topic(self, "Escalations", stage=stage)
        if stage.alarms_mail:
            self.operations.add_subscription(subscriptions.EmailSubscription(stage.alarms_mail))
        self._platform = Platform(
            stage=stage,
            operations=self.operations,
            layer=dependency_layer(self, "Dependencies") if stage.dependency_layer else None,
        )
        self._items = state.table.table_arn
        self._due = f"{self._items}/index/{table.DUE_INDEX}"
        self._rank = f"{self._items}/index/{table.RANK_INDEX}"

        self.api = RipenApi(self, "Http", stage=stage)
        self.events = WorkingQueue(self, "Events", stage=stage, operations=self.operations)
        self.settle = WorkingQueue(self, "Settle", stage=stage, operations=self.operations)
        self.resettle = WorkingQueue(self, "ResettleWork", stage=stage, operations=self.operations)
        self.sends = WorkingQueue(self, "Sends", stage=stage, operations=self.operations)
        self.engagement = WorkingQueue(self, "EngagementWork", stage=stage, operations=self.operations)
        self.erasures = WorkingQueue(self, "Erasures", stage=stage, operations=self.operations)
        self.notices = WorkingQueue(
            self, "Notices", stage=stage, operations=self.operations, receive_count=stage.notice_receive_count
        )
        self.bus = events.EventBus(self, "Bus", description=f"Ripen {stage.name}: what changed about leads")

        self.functions = [
            self._ingest(),
            self._score(),
            self._publish(),
            self._handoff(),
            self._enroll(),
            self._notify(),
            self._decay_sweep(),
            self._resettle(),
            self._sla_sweep(),
            self._nurture_sweep(),
            self._digest(),
            self._trials(),
            self._nurture_send(),
            self._mail_feedback(),
            self._links(),
            self._engagement(),
            self._sales(),
            self._leads(),
            self._erase(),
        ]
        self._what_sales_did_is_an_event()
        name_what_people_look_for(self)

    # from the outside to the table

    def _ingest(self) -> RipenFunction:
        ingest = self._function(
            "ingest",
            EVENTS_QUEUE_URL=self.events.queue.queue_url,
            SIGNING_SECRET=self.state.signing_secret.secret_arn,
            ALLOWED_REDIRECT_HOSTS=",".join(self._stage.redirect_hosts),
            TABLE_NAME=self.state.table.table_name,
            PUBLIC_URL=self.api.public_url,
            EVENT_RATES=" ".join(f"{kind}={a}/{most}" for kind, (a, most) in self._stage.event_rates.items()),
        )
        ingest.may("sqs:SendMessage", on=[self.events.queue.queue_arn])
        ingest.may("dynamodb:GetItem", on=[self._items])
        self._may_read_secrets(ingest, signing=True)
        self.api.serve("ingest", ingest)
        return ingest

    def _score(self) -> RipenFunction:
        score = self._function(
            "score",
            TABLE_NAME=self.state.table.table_name,
            IDENTITY_SECRET=self.state.identity_secret.secret_arn,
        )
        score.may(
            "dynamodb:BatchGetItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:GetItem",
            "dynamodb:PartiQLInsert",
            "dynamodb:PartiQLUpdate",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            on=[self._items],
        )
        self._may_read_secrets(score, identity=True)
        score.works_off(self.events, batch=100, window=1, concurrency=self._stage.score_concurrency)
        score.works_off(self.settle, batch=20, window=1, concurrency=self._stage.settle_concurrency)
        return score

    def _what_sales_did_is_an_event(self) -> None:
        """Feed what reps decide back to the score, like anything else that happens to a lead."""
        events.Rule(
            self,
            "SalesToEvents",
            event_bus=self.bus,
            event_pattern=events.EventPattern(
                source=[contracts.SOURCE],
                detail_type=[
                    change.detail_type
                    for change in (
                        contracts.HandoffAccepted,
                        contracts.HandoffRejected,
                        contracts.HandoffContacted,
                        contracts.HandoffClosed,
                    )
                ],
            ),
            targets=[targets.SqsQueue(self.events.queue, dead_letter_queue=self.events.failures.queue)],
        )

    # from the table to the bus

    def _publish(self) -> RipenFunction:
        publish = self._function("publish", TABLE_NAME=self.state.table.table_name, BUS_NAME=self.bus.event_bus_name)
        publish.may("events:PutEvents", on=[self.bus.event_bus_arn])
        publish.may("dynamodb:BatchGetItem", "dynamodb:UpdateItem", on=[self._items])
        publish.may("dynamodb:Query", on=[self._due])
        publish.follows_changes(self.state.table)
        Sweep(self, "Republish", function=publish, every=self._stage.republish_every, stage=self._stage)
        return publish

    # from the bus to people

    def _handoff(self) -> RipenFunction:
        handoff = self._function("handoff", TABLE_NAME=self.state.table.table_name)
        handoff.may(
            "dynamodb:BatchGetItem",
            "dynamodb:ConditionCheckItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            on=[self._items],
        )
        handoff.hears(self.bus, contracts.LeadQualified, contracts.LeadUnqualified, contracts.StageChanged)
        return handoff

    def _enroll(self) -> RipenFunction:
        enroll = self._function(
            "enroll", TABLE_NAME=self.state.table.table_name, SENDS_QUEUE_URL=self.sends.queue.queue_url
        )
        enroll.may("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", on=[self._items])
        enroll.may("sqs:SendMessage", on=[self.sends.queue.queue_arn])
        enroll.hears(
            self.bus,
            contracts.BandChanged,
            contracts.LeadQualified,
            contracts.LeadUnqualified,
            contracts.StageChanged,
            contracts.RuleTriggered,
            contracts.LeadMailable,
            contracts.TrackEnded,
            contracts.HandoffAccepted,
            contracts.HandoffRejected,
            contracts.ConfirmationRequested,
        )
        return enroll

    def _notify(self) -> RipenFunction:
        notify = self._function(
            "notify",
            TABLE_NAME=self.state.table.table_name,
            ALERTS_TOPIC_ARN=self.alerts.topic_arn,
            ESCALATIONS_TOPIC_ARN=self.escalations.topic_arn,
            SLACK_SECRET=self.state.slack_secret.secret_arn,
            SLACK_API_URL=self._stage.slack_api_url,
            PUBLIC_URL=self.api.public_url,
            SIGNING_SECRET=self.state.signing_secret.secret_arn,
        )
        notify.may(
            "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem", on=[self._items]
        )
        notify.may("sns:Publish", on=[self.alerts.topic_arn, self.escalations.topic_arn])
        self._may_read_secrets(notify, slack=True, signing=True)
        notify.works_off(self.notices, batch=1, window=0, concurrency=self._stage.notify_concurrency)
        notify.hears_through(
            self.notices,
            self.bus,
            contracts.HandoffCreated,
            contracts.HandoffAccepted,
            contracts.HandoffRejected,
            contracts.HandoffContacted,
            contracts.HandoffReassigned,
            contracts.HandoffSnoozed,
            contracts.HandoffConverted,
            contracts.HandoffClosed,
            contracts.SlaWarned,
            contracts.SlaBreached,
            contracts.SlaEscalated,
            contracts.LeadErased,
            contracts.TaskDue,
        )
        return notify

    # what time brings

    def _decay_sweep(self) -> RipenFunction:
        sweep = self._function(
            "decay_sweep", TABLE_NAME=self.state.table.table_name, SETTLE_QUEUE_URL=self.settle.queue.queue_url
        )
        sweep.may("dynamodb:Query", on=[self._due])
        sweep.may("dynamodb:GetItem", "dynamodb:UpdateItem", on=[self._items])
        sweep.may("sqs:SendMessage", on=[self.settle.queue.queue_arn])
        Sweep(self, "Decay", function=sweep, every=self._stage.decay_every, stage=self._stage)
        return sweep

    def _resettle(self) -> RipenFunction:
        resettle = self._function(
            "resettle",
            TABLE_NAME=self.state.table.table_name,
            SETTLE_QUEUE_URL=self.settle.queue.queue_url,
            RESETTLE_QUEUE_URL=self.resettle.queue.queue_url,
        )
        resettle.may("dynamodb:GetItem", "dynamodb:UpdateItem", on=[self._items])
        resettle.may("dynamodb:Query", on=[self._rank])
        resettle.may("sqs:SendMessage", on=[self.settle.queue.queue_arn, self.resettle.queue.queue_arn])
        resettle.works_off(self.resettle, batch=1, window=0, concurrency=self._stage.resettle_concurrency)
        return resettle

    def _sla_sweep(self) -> RipenFunction:
        sweep = self._function("sla_sweep", TABLE_NAME=self.state.table.table_name)
        sweep.may("dynamodb:Query", on=[self._items, self._due])
        sweep.may(
            "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", on=[self._items]
        )
        Sweep(self, "Sla", function=sweep, every=self._stage.sla_every, stage=self._stage)
        return sweep

    def _nurture_sweep(self) -> RipenFunction:
        sweep = self._function(
            "nurture_sweep",
            TABLE_NAME=self.state.table.table_name,
            SENDS_QUEUE_URL=self.sends.queue.queue_url,
            OPERATIONS_TOPIC_ARN=self.operations.topic_arn,
            RELEASE_SECONDS=str(self._stage.nurture_every * 60 if self._stage.send_limits else 0),
        )
        sweep.may("dynamodb:Query", on=[self._items, self._due])
        sweep.may("dynamodb:GetItem", "dynamodb:UpdateItem", on=[self._items])
        sweep.may("sqs:GetQueueAttributes", "sqs:SendMessage", on=[self.sends.queue.queue_arn])
        sweep.may("ses:GetSendQuota", on=["*"])  # of the account: SES knows no resource for it
        sweep.may("sns:Publish", on=[self.operations.topic_arn])
        Sweep(self, "Nurture", function=sweep, every=self._stage.nurture_every, stage=self._stage)
        return sweep

    def _digest(self) -> RipenFunction:
        digest = self._function(
            "digest", TABLE_NAME=self.state.table.table_name, OPERATIONS_TOPIC_ARN=self.operations.topic_arn
        )
        digest.may("dynamodb:BatchGetItem", "dynamodb:GetItem", on=[self._items])
        digest.may("dynamodb:Query", on=[self._rank])
        digest.may("sns:Publish", on=[self.operations.topic_arn])
        Sweep(self, "Monthly", function=digest, every="month", stage=self._stage)
        return digest

    def _trials(self) -> RipenFunction:
        trials = self._function(
            "trials", TABLE_NAME=self.state.table.table_name, OPERATIONS_TOPIC_ARN=self.operations.topic_arn
        )
        trials.may("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", on=[self._items])
        trials.may("dynamodb:Query", on=[self._due])
        trials.may("sns:Publish", on=[self.operations.topic_arn])
        Sweep(self, "Daily", function=trials, every="day", stage=self._stage)
        return trials

    # mail and what becomes of it

    def _nurture_send(self) -> RipenFunction:
        state = self.state
        send = self._function(
            "nurture_send",
            TABLE_NAME=state.table.table_name,
            PUBLIC_URL=self.api.public_url,
            SENDER=self._stage.sender,
            CONFIGURATION_SET=state.configuration_set.configuration_set_name,
            SIGNING_SECRET=state.signing_secret.secret_arn,
            IDENTITY_SECRET=state.identity_secret.secret_arn,
            SMS_ORIGIN=self._stage.sms_origin,
            WEBHOOKS_URL=self._stage.webhooks_url,
        )
        send.may_text()
        send.may(
            "dynamodb:BatchGetItem",
            "dynamodb:ConditionCheckItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            on=[self._items],
        )
        send.may(
            "ses:SendRawEmail",
            on=[
                state.mail_identity.email_identity_arn,
                self.format_arn(
                    service="ses",
                    resource="configuration-set",
                    resource_name=state.configuration_set.configuration_set_name,
                ),
            ],
            only_if={"StringEquals": {"ses:FromAddress": self._stage.sender}},
        )
        self._may_read_secrets(send, signing=True, identity=True)
        send.works_off(self.sends, batch=10, window=0, concurrency=self._stage.send_concurrency)
        return send

    def _mail_feedback(self) -> RipenFunction:
        feedback = self._function(
            "mail_feedback",
            TABLE_NAME=self.state.table.table_name,
            EVENTS_QUEUE_URL=self.events.queue.queue_url,
            ENGAGEMENT_QUEUE_URL=self.engagement.queue.queue_url,
            IDENTITY_SECRET=self.state.identity_secret.secret_arn,
            SIGNING_SECRET=self.state.signing_secret.secret_arn,
            MAIL_TOPIC_ARN=self.state.mail_events.topic_arn,
            MAIL_TOPICS_ELSEWHERE=" ".join(self._stage.mail_topics_elsewhere),
            SNS_SIGNATURES=" ".join(self._stage.sns_signatures),
        )
        feedback.may("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", on=[self._items])
        feedback.may("sqs:SendMessage", on=[self.events.queue.queue_arn, self.engagement.queue.queue_arn])
        self._may_read_secrets(feedback, signing=True, identity=True)
        feedback.listens(self.state.mail_events)
        self.api.serve("mail_feedback", feedback)
        return feedback

    def _links(self) -> RipenFunction:
        links = self._function(
            "links",
            TABLE_NAME=self.state.table.table_name,
            EVENTS_QUEUE_URL=self.events.queue.queue_url,
            SIGNING_SECRET=self.state.signing_secret.secret_arn,
            ENGAGEMENT_QUEUE_URL=self.engagement.queue.queue_url,
        )
        links.may("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem", on=[self._items])
        links.may("sqs:SendMessage", on=[self.events.queue.queue_arn, self.engagement.queue.queue_arn])
        self._may_read_secrets(links, signing=True)
        self.api.serve("links", links)
        return links

    def _engagement(self) -> RipenFunction:
        engagement = self._function(
            "engagement",
            TABLE_NAME=self.state.table.table_name,
            EVENTS_QUEUE_URL=self.events.queue.queue_url,
            ENGAGEMENT_QUEUE_URL=self.engagement.queue.queue_url,
            CLICK_DELAY_SECONDS=str(self._stage.click_delay),
        )
        engagement.may("dynamodb:GetItem", "dynamodb:UpdateItem", on=[self._items])
        engagement.may("sqs:SendMessage", on=[self.events.queue.queue_arn, self.engagement.queue.queue_arn])
        engagement.works_off(self.engagement, batch=50, window=1, concurrency=self._stage.engagement_concurrency)
        return engagement

    # people who ask and decide

    def _sales(self) -> RipenFunction:
        sales = self._function(
            "sales",
            TABLE_NAME=self.state.table.table_name,
            SIGNING_SECRET=self.state.signing_secret.secret_arn,
            SLACK_SECRET=self.state.slack_secret.secret_arn,
            SLACK_API_URL=self._stage.slack_api_url,
        )
        sales.may(
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            on=[self._items],
        )
        self._may_read_secrets(sales, signing=True, slack=True)
        self.api.serve("sales", sales)
        return sales

    def _leads(self) -> RipenFunction:
        leads = self._function(
            "leads",
            TABLE_NAME=self.state.table.table_name,
            SIGNING_SECRET=self.state.signing_secret.secret_arn,
            IDENTITY_SECRET=self.state.identity_secret.secret_arn,
        )
        leads.may("dynamodb:BatchGetItem", "dynamodb:GetItem", on=[self._items])
        leads.may("dynamodb:Query", on=[self._items, self._due, self._rank])
        self._may_read_secrets(leads, signing=True, identity=True)
        self.api.serve("leads", leads)
        return leads

    def _erase(self) -> RipenFunction:
        erase = self._function(
            "erase",
            TABLE_NAME=self.state.table.table_name,
            ERASURES_QUEUE_URL=self.erasures.queue.queue_url,
            ERASURE_PATIENCE_SECONDS=str(self._stage.erasure_patience),
            SIGNING_SECRET=self.state.signing_secret.secret_arn,
            IDENTITY_SECRET=self.state.identity_secret.secret_arn,
        )
        erase.may(
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            on=[self._items],
        )
        erase.may("sqs:SendMessage", on=[self.erasures.queue.queue_arn])
        self._may_read_secrets(erase, signing=True, identity=True)
        erase.works_off(self.erasures, batch=1, window=0, concurrency=2)
        self.api.serve("erase", erase)
        return erase

    # what they share

    def _function(self, name: str, **environment: str) -> RipenFunction:
        return RipenFunction(self, name=name, platform=self._platform, environment=environment)

    def _may_read_secrets(
        self, function: RipenFunction, *, signing: bool = False, identity: bool = False, slack: bool = False
    ) -> None:
        wanted = {
            self.state.signing_secret: signing,
            self.state.identity_secret: identity,
            self.state.slack_secret: slack,
        }
        function.may(
            "secretsmanager:GetSecretValue", on=[secret.secret_arn for secret, needed in wanted.items() if needed]
        )

    @property
    def failure_queues(self) -> list[FailureQueue]:
        """Every queue where something is set aside."""
        return [
            self.events.failures,
            self.settle.failures,
            self.resettle.failures,
            self.sends.failures,
            self.engagement.failures,
            self.erasures.failures,
            self.notices.failures,
            *(function.failures for function in self.functions if function.asynchronous),
        ]
