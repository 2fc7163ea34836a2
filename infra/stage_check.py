"""What would deploy and then not work: mistakes of whoever fills in a stage, found before anything is deployed."""

import re
from collections.abc import Iterator

from infra.log_group import RETENTION
from infra.stages import Stage

EXAMPLE = "example.com"
"""The domain that no stage can keep."""

LISTS = ("allowed_origins", "redirect_hosts", "mail_topics_elsewhere", "sns_signatures")

_ORIGIN = re.compile(r"\*|https?://[^/\s]+")
_HOST = re.compile(r"[^/\s]+")


class StageMistakeError(ValueError):
    """A stage is filled in wrongly; the message names each field and what to write."""


def check(stage: Stage) -> None:
    """Raises StageMistakeError when something of the stage could not work, with every field that is wrong."""
    if found := list(_mistakes(stage)):
        raise StageMistakeError("\n".join(f"infra/stages.py: stage {stage.name}: {each}" for each in found))


def left_to_fill_in(stage: Stage) -> Iterator[str]:
    """Yield what deploys and does nothing until somebody fills it in: a warning at every synthesis."""
    if stage.mail_domain == EXAMPLE or stage.mail_domain.endswith(f".{EXAMPLE}"):
        yield f"mail_domain is {stage.mail_domain}, which nobody can verify: SES will send no mail until it is yours"
    if stage.keeps_data and not stage.alarms_mail:
        yield "alarms_mail is empty: alarms will ring where nobody listens"


def _mistakes(stage: Stage) -> Iterator[str]:
    yield from _of_lists(stage)
    domain = stage.sender.rpartition("@")[2]
    if domain != stage.mail_domain and not domain.endswith(f".{stage.mail_domain}"):
        yield f"sender: {stage.sender} is not of mail_domain {stage.mail_domain}, so SES would refuse every mail"
    if bool(stage.api_domain) != bool(stage.certificate_arn):
        missing = "certificate_arn" if stage.api_domain else "api_domain"
        yield f"{missing} is empty; api_domain and certificate_arn go together"
    if stage.log_days not in RETENTION:
        yield f"log_days: {stage.log_days} is no retention here; write one of {', '.join(map(str, RETENTION))}"


def _of_lists(stage: Stage) -> Iterator[str]:
    texts = {name: said for name in LISTS if isinstance(said := getattr(stage, name), str)}
    for name, said in texts.items():
        yield f'{name} is a single text; write it with a comma behind it, as in ("{said}",)'
    for origin in () if "allowed_origins" in texts else stage.allowed_origins:
        if not _ORIGIN.fullmatch(origin):
            yield f"allowed_origins: {origin!r} is no origin; write scheme and host alone, as in https://www.acme.com"
    for host in () if "redirect_hosts" in texts else stage.redirect_hosts:
        if not _HOST.fullmatch(host):
            yield f"redirect_hosts: {host!r} is no host; write the name alone, as in www.acme.com"
