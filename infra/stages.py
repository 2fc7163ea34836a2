"""
Every stage Ripen is deployed as, and every value in which stages differ. Nothing else may depend on the stage.

Operations edits this file: sender, domains, origins, alarm mail. The field defaults are production's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One deployment of Ripen. Durations are seconds unless the name says otherwise."""

    name: str

    # data
    keeps_data: bool = True
    """Table, secrets and mail identity outlive the stack; the table and the stack refuse deletion."""
    point_in_time_recovery: bool = True
    playbook: str = "default"
    """Which document of shared/playbooks a new stage starts with; afterwards `ripen playbook publish` changes it."""
    signed_playbook_only: bool = True
    """Refuse to publish a playbook that is not signed, or is overdue for review, unless told to accept it."""

    # who may talk to us, and how much
    allowed_origins: tuple[str, ...] = ("https://www.example.com",)
    """Sites whose pages may post from a browser."""
    redirect_hosts: tuple[str, ...] = ("www.example.com",)
    """Hosts a form post may send the visitor on to."""
    requests_per_second: int = 500
    request_burst: int = 1000
    event_rates: Mapping[str, tuple[int, int]] = field(
        default_factory=lambda: {"public": (200, 5_000), "server": (5_000, 50_000), "outcomes": (100, 1_000)}
    )
    """By kind of key: events (or kilobytes) a second, and at once, for each key in each warm copy of `ingest`."""
    api_domain: str = ""
    """Custom domain of the API; empty means the generated address."""
    certificate_arn: str = ""
    """Certificate of `api_domain`, in the stage's region."""
    public_url: str = ""
    """Base of every link we print; empty means the API's own address."""

    # mail
    mail_domain: str = "example.com"
    """The SES identity. Its DNS must hold the DKIM records that the stack prints."""
    prints_dkim_records: bool = True
    sender: str = "hello@example.com"
    mail_topics_elsewhere: tuple[str, ...] = ()
    """ARNs of SNS topics of other accounts that may post what became of mails; none closes the route."""
    sns_signatures: tuple[str, ...] = ("2",)
    """Versions of their signatures that are believed: 2 is SHA256, 1 is SHA1."""
    sms_origin: str = ""
    """Registered number (`+46...`) or sender id that text messages come from; empty lets AWS choose."""
    webhooks_url: str = ""
    """Where every webhook goes instead of its own address, to try things out; empty in earnest."""
    send_limits: bool = True
    """Go by the rate and the daily quota of the SES account, and by the playbook's warm-up."""
    click_delay: int = 60
    """How long a click or open of a mail waits before it counts, so that a scan is known by then. At most 900."""

    # sales and operations
    slack_api_url: str = "https://slack.com/api"
    alarms_mail: str = ""
    """Subscribed to the operations topic; empty means nobody."""

    # schedules, in minutes
    schedules_enabled: bool = True
    decay_every: int = 15
    sla_every: int = 1
    nurture_every: int = 5
    republish_every: int = 5

    # functions and queues
    memory_mb: int = 512
    memory_mb_of: Mapping[str, int] = field(
        default_factory=lambda: {"score": 1024, "ingest": 1024, "digest": 1769, "trials": 1769}
    )
    timeout: int = 30
    visibility: int = 200
    """Six times the function's timeout and the batching window, as AWS advises."""
    receive_count: int = 5
    """Deliveries of a queued message before it is set aside."""
    notice_receive_count: int = 25
    """How often a change is tried to be told: with `visibility` more than an hour that Slack or SNS may be away."""
    notify_concurrency: int = 5
    """How many changes are told at once."""
    score_concurrency: int = 50
    settle_concurrency: int = 10
    """How many `score` functions work on leads that time or a new playbook changes: live events never wait for them."""
    resettle_concurrency: int = 4
    send_concurrency: int = 5
    engagement_concurrency: int = 5
    erasure_patience: int = 90
    """How long after an erasure was asked for nothing may still run that read the lead before: thrice the timeout."""
    stream_record_age: int | None = None
    """How long `publish` retries a change before setting it aside; None means by count alone."""
    dependency_layer: bool = True
    """Ship third-party packages in a layer; without it the runtime must have them."""

    # telemetry
    log_days: int = 90
    log_level: str = "INFO"

    # rules of the platform
    enforce_tls: bool = True
    security_checks: bool = True
    """Run cdk-nag; a finding without an acknowledgement fails the synthesis."""


PROD = Stage(name="prod")

STAGING = replace(
    PROD,
    name="staging",
    signed_playbook_only=False,
    allowed_origins=("https://staging.example.com",),
    redirect_hosts=("staging.example.com",),
    mail_domain="staging.example.com",
    sender="hello@staging.example.com",
    requests_per_second=100,
    request_burst=200,
    score_concurrency=10,
    settle_concurrency=5,
    log_days=30,
)

DEV = replace(
    STAGING,
    name="dev",
    keeps_data=False,
    allowed_origins=("*",),
    redirect_hosts=("dev.example.com",),
    mail_domain="dev.example.com",
    sender="hello@dev.example.com",
    score_concurrency=2,
    settle_concurrency=2,
    resettle_concurrency=2,
    send_concurrency=2,
    engagement_concurrency=2,
    log_days=7,
    log_level="DEBUG",
)

LOCAL = replace(
    DEV,
    name="local",
    allowed_origins=("*",),
    redirect_hosts=("127.0.0.1", "localhost"),
    event_rates=dict.fromkeys(("public", "server", "outcomes"), (20_000, 200_000)),  # weeks in a minute
    mail_domain="ripen.example",
    prints_dkim_records=False,  # the emulator makes none
    sender="hello@ripen.example",
    send_limits=False,  # weeks in a minute are no day's quota
    click_delay=2,
    schedules_enabled=False,  # sweeps are driven by hand, or their real time would mix with the replayed one
    timeout=10,
    visibility=10,  # a failed message comes back soon
    receive_count=3,
    score_concurrency=4,
    erasure_patience=5,  # seconds count where people watch
    stream_record_age=60,  # the emulator knows no other end to a failing record
    dependency_layer=False,
    log_level="INFO",
    enforce_tls=False,
    security_checks=False,
)

STAGES: Mapping[str, Stage] = {stage.name: stage for stage in (LOCAL, DEV, STAGING, PROD)}
