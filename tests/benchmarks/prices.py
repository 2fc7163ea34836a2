"""
List prices in US dollars: us-east-1, on demand, no free tier, as read on 2026-11-21. The one place that knows any.

What is charged by the million is written by the million, what is charged by time or bytes by one.
"""

from collections.abc import Mapping

HTTP_REQUEST = 1.00
"""Of an HTTP API, each 512 KB begun."""
LAMBDA_REQUEST = 0.20
LAMBDA_GB_SECOND = 0.0000133334
"""On arm64. A vCPU is 1,769 MB."""
SQS_REQUEST = 0.40
"""Each 64 KB begun."""
SNS_PUBLISH = 0.50
"""Each 64 KB begun; handing it to Lambda is free."""
WRITE_UNIT = 0.625
READ_UNIT = 0.125
LOG_GB = 0.50

MB_OF_A_VCPU = 1_769
WAIT: Mapping[str, float] = {"sqs": 0.010, "dynamodb": 0.006, "ses": 0.050}
"""Seconds a call waits for the service in its region: assumed, for the machine that measures calls a stub."""
PLATFORM_LOG_BYTES = 340
"""What Lambda itself writes of an invocation: START, END and REPORT."""
ACCESS_LOG_BYTES = 170
"""A line of the API's access log: `infra.http_api.ACCESS_LOG` with its values."""
