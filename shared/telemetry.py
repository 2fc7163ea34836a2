"""The logger and the metrics every function shares. Log ids and counts; never an address, a name or a payload."""

import warnings

from aws_lambda_powertools import Logger, Metrics

logger = Logger()
metrics = Metrics(namespace="Ripen")

warnings.filterwarnings("ignore", "No application metrics to publish")


def count(name: str, value: int) -> None:
    """
    Add the value to the metric, if it is above 0.

    A name said at least once an hour is paid for, be it 0; one that is not said is 0 in a sum, so a sweep that finds nothing
    says nothing. An alarm on such a metric must treat missing data as not breaching.
    """
    if value > 0:
        metrics.add_metric(name=name, unit="Count", value=value)
