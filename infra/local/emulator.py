"""MiniStack, the AWS emulator: started on a port of 127.0.0.1, with everything it needs in the folder of the run."""

import importlib.util
import os
import sys
from pathlib import Path

from infra.local.errors import LocalError
from infra.local.processes import Started, answers, start, stop, wait_until
from infra.local.state import State

ACCOUNT = "000000000000"
CREDENTIAL = "test"
"""Both halves of the key pair; the emulator takes any."""
REGION = "us-east-1"
START_SECONDS = 30.0
WARM_SECONDS = 60
"""How long an idle worker of a function stays; each holds about 45 MB."""

READY = "/_ministack/ready"
CALLS_LOG = "aws-calls.log"
WAITING_FILE = "waiting-invocations"
"""Where the emulator says how many invocations by events wait or run."""


def client_environment(endpoint: str) -> dict[str, str]:
    """Return our environment with every way to a real AWS account replaced by the emulator."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def start_emulator(folder: Path, state: State) -> Started:
    """
    Start MiniStack and wait until it answers.

    Raises:
        LocalError: it is not installed, or ended or stayed silent; the message names its log.
    """
    if importlib.util.find_spec("ministack") is None or importlib.util.find_spec("boto3") is None:
        raise LocalError(f"ministack is not installed beside {sys.executable}: run `make setup`, then use make")
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "LAMBDA_", "RIPEN_", "MINISTACK_"))
    }
    environment = kept | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(state.emulator_port),
        "SMTP_HOST": f"127.0.0.1:{state.smtp_port}",
        "LAMBDA_WARM_TTL_SECONDS": str(WARM_SECONDS),
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        "AWS_DEFAULT_REGION": REGION,
        "TMPDIR": str(temporary),
        # It would listen on fixed ports, and it sweeps the containers of any Docker it finds.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{temporary}/no-docker",
        # Functions are children of the emulator: they count their AWS calls here.
        "PYTHONPATH": str(Path(__file__).parent / "worker"),
        "RIPEN_CALLS_LOG": str(folder / CALLS_LOG),
        "RIPEN_WAITING_FILE": str(folder / WAITING_FILE),
    }
    log = folder / "emulator.log"
    log.unlink(missing_ok=True)
    started = start([sys.executable, "-m", "queued_ministack"], environment=environment, log=log, folder=folder)
    if not wait_until(lambda: not started.alive() or answers(state.emulator_port, READY), seconds=START_SECONDS):
        stop(started)
        raise LocalError(f"the emulator did not answer within {START_SECONDS:.0f} s; its log: {log}")
    if not started.alive():
        raise LocalError(f"the emulator ended at once; the end of {log}:\n{log.read_text(errors='replace')[-800:]}")
    return started
