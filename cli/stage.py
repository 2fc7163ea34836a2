"""Where a stage is, and the keys to it: from the stack's outputs on AWS, from .local/outputs.json for the local stage."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from infra.local.emulator import client_environment
from infra.local.errors import LocalError
from infra.local.outputs import Outputs, read_outputs
from infra.local.state import state_folder
from infra.names import pascal
from shared.aws import deployments
from shared.errors import RipenError
from shared.keys import KeyKind, api_signing_key, mint_key, outgoing_webhook_secret, webhook_secret

LOCAL = "local"


class StageError(RipenError):
    """The stage is not there, or not as it must be."""


@dataclass(frozen=True)
class Stage:
    """A deployed stage. What has to be asked of AWS is asked when it is first needed."""

    name: str

    @property
    def api_url(self) -> str:
        return self._local.api_url if self.name == LOCAL else self._output("ApiUrl").rstrip("/")

    def key(self, kind: KeyKind, label: str | None = None) -> str:
        """
        Return a key to the stage.

        Args:
            kind: What it may do.
            label: Whose key; the stage's own when not said.
        """
        if self.name == LOCAL and label is None:
            known = self._local
            return {"public": known.public_key, "server": known.write_key, "admin": known.admin_key,
                    "sales": known.sales_key, "outcomes": known.outcomes_key}[kind]  # fmt: skip
        return mint_key(kind, label or self.name, self._signing_secret)

    def webhook_secret(self, label: str | None = None) -> str:
        """Return what a CRM signs its webhooks with; the label goes into the address it sends them to."""
        if self.name == LOCAL and label is None:
            return self._local.webhook_secret
        return webhook_secret(label or self.name, self._signing_secret)

    def outgoing_webhook_secret(self, name: str, number: int) -> str:
        """Return what we sign the webhooks of that name with; its receiver checks with it."""
        return outgoing_webhook_secret(name, number, self._signing_secret)

    def function(self, name: str) -> str:
        """Return the deployed name of a function's folder."""
        return self._local.functions[name] if self.name == LOCAL else self._output(f"{pascal(name)}Function")

    def take_settings(self) -> None:
        """Give this process what a function of the stage finds in its environment: table and queues by name."""
        if self.name == LOCAL:
            known = self._local
            named = {
                "TABLE_NAME": known.table_name,
                "SETTLE_QUEUE_URL": known.settle_queue_url,
                "RESETTLE_QUEUE_URL": known.resettle_queue_url,
            }
        else:
            named = {
                "TABLE_NAME": self._output("TableName"),
                "SETTLE_QUEUE_URL": self._output("SettleQueueUrl"),
                "RESETTLE_QUEUE_URL": self._output("ResettleQueueUrl"),
            }
        os.environ.update(named)

    @cached_property
    def _signing_secret(self) -> str:
        secret_id = self._local.signing_secret if self.name == LOCAL else self._output("SigningSecretArn")
        return api_signing_key(deployments.secret_value(secret_id))

    def _output(self, name: str) -> str:
        if name not in self._outputs:
            raise StageError(f"stage {self.name} has no output {name}: was it deployed by an older version?")
        return self._outputs[name]

    @cached_property
    def _outputs(self) -> Mapping[str, str]:
        return deployments.stack_outputs(self.name)

    @cached_property
    def _local(self) -> Outputs:
        """Return what `make up` left, and turn every AWS client of this process to the emulator."""
        try:
            outputs = read_outputs(state_folder())
        except LocalError as error:
            raise StageError(str(error)) from error
        environment = client_environment(outputs.aws_endpoint_url)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        return outputs
