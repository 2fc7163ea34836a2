"""The logger and the metrics every function shares. Log ids and counts; never an address, a name or a payload."""

from aws_lambda_powertools import Logger, Metrics

logger = Logger()
metrics = Metrics(namespace="Ripen")
