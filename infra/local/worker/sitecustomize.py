"""
Counts the AWS calls of functions on the embedded AWS, without their knowing.

Python imports this module in every process that has this folder on its path. Only the emulator sets that path, and
only a function's worker has a function's name: it then appends a line for each request botocore sends, retries
included. `infra/local/aws_calls.py` reads the lines. Nothing here is deployed.
"""

import os

_log = os.environ.get("RIPEN_CALLS_LOG")
_function = os.environ.get("POWERTOOLS_SERVICE_NAME")

if _log and _function and "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    import botocore.handlers

    _descriptor = os.open(_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _count(event_name: str, **_about: object) -> None:
        _event, service, operation = event_name.split(".", 2)
        os.write(_descriptor, f"{_function} {service} {operation}\n".encode())

    botocore.handlers.BUILTIN_HANDLERS.append(("before-send", _count))
