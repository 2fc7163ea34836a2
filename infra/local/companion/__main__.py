"""Runs the companion until it is told to stop: `python -m infra.local.companion --help`."""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from infra.local.companion.server import HOST, Companion, quiet_libraries


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.local.companion", description=__doc__)
    parser.add_argument("--front-door-port", type=int, required=True, help="port of the API, the inbox and Slack")
    parser.add_argument("--smtp-port", type=int, required=True, help="port the emulator relays mail to")
    parser.add_argument("--aws-endpoint", required=True, help="address of the emulated AWS")
    parser.add_argument("--outputs", type=Path, required=True, help="outputs.json of the deploy; may appear later")
    parser.add_argument("--data-dir", type=Path, help="where mails are kept (default: mails/ beside the outputs)")
    asked = parser.parse_args()

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    quiet_libraries()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())

    companion = Companion(
        port=asked.front_door_port,
        smtp_port=asked.smtp_port,
        endpoint=asked.aws_endpoint,
        outputs_path=asked.outputs,
        data_dir=asked.data_dir or asked.outputs.resolve().parent / "mails",
    )
    try:
        companion.start()
    except OSError as error:
        print(f"The companion cannot listen on {HOST}:{asked.smtp_port} (SMTP): {error.strerror}", file=sys.stderr)
        return 1
    print(f"The companion listens: {companion.url}/_companion, SMTP on {HOST}:{asked.smtp_port}", flush=True)
    stopped.wait()
    companion.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
