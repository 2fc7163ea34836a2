"""What a deployed local stage offers: addresses, keys and names, kept in outputs.json for people, tests and tools."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.errors import LocalError

FILE = "outputs.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The deployed local stage. The keys are good for this emulator only."""

    stage: str
    api_url: str
    """Where SDKs, forms and browsers send to: the front door."""
    inbox_url: str
    slack_url: str
    write_key: str
    """A server key: it proves who somebody is."""
    public_key: str
    """A browser key: it may add facts."""
    admin_key: str
    sales_key: str
    outcomes_key: str
    webhook_secret: str
    """What a CRM signs its webhooks with, under the label `local`."""
    aws_endpoint_url: str
    aws_region: str
    api_id: str
    direct_api_url: str
    """The same API at the emulator, past the front door."""
    table_name: str
    bus_name: str
    events_queue_url: str
    settle_queue_url: str
    resettle_queue_url: str
    sends_queue_url: str
    engagement_queue_url: str
    notices_queue_url: str
    functions: Mapping[str, str]
    """Function folder to deployed name."""
    failure_queues: Mapping[str, str]
    """Function folder, or queue, to the address of the queue where its failures are set aside."""
    alerts_topic_arn: str
    escalations_topic_arn: str
    operations_topic_arn: str
    mail_events_topic_arn: str
    identity_secret: str
    signing_secret: str
    slack_secret: str
    slack_signing_secret: str
    """What the Slack stand-in signs with; everything else named a secret is its id in Secrets Manager."""
    sender: str


def read_outputs(folder: Path) -> Outputs:
    """
    Return what is deployed.

    Raises:
        LocalError: nothing is.
    """
    try:
        return Outputs(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise LocalError("the local stage is not deployed: run `make up`") from error


def write_outputs(folder: Path, outputs: Outputs) -> Outputs:
    """Keep the outputs, readable by their owner only, and return them."""
    unfinished = folder / f"{FILE}.new"
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(asdict(outputs), indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / FILE)
    return outputs
