"""Why a lead was not mailed: everything that bears on it, read now, and put into words by the rules."""

from functools import lru_cache
from typing import Any

from shared.aws import addresses, lead_views, mail_control, playbooks, secret_values
from shared.aws.enrollments import enrollment_of
from shared.aws.nurture_runs import made_of
from shared.identity import normal_number, number_hash
from shared.lead import Lead
from shared.mailing import Address
from shared.rules.enrolling import Book
from shared.rules.mailing_view import Known, Policy, mailing_view
from shared.rules.model import ScoringModel
from shared.rules.nurture import mail_policy
from shared.rules.tracks import GOING, Track, tracks_of


def mailing_answer(lead: Lead, model: ScoringModel, now: int) -> dict[str, Any]:
    """Return why the lead is mailed or not: what is known now, as it would be decided at `now`."""
    beside = lead_views.companions(lead)
    control = mail_control.control()
    known = Known(
        lead,
        [enrollment_of(item) for item in beside["enrollments"]],
        [made_of(item) for item in beside["sends"]],
        address=None if lead.address_hash is None else addresses.get_address(lead.address_hash),
        number=_number(lead),
        paused=f"{control.reason} ({control.by})" if control.paused else None,
    )
    document = playbooks.current()
    entered = {run.playbook for run in known.runs if run.status in GOING} - {document["bundle"]}
    pinned = {bundle: tracks for bundle in entered if (tracks := _kept(bundle)) is not None}
    policy = Policy(
        mail_policy(document),
        tracks={name: said["label"] for name, said in document["tracks"].items()},
        topics={name: said["label"] for name, said in document["mail"].get("topics", {}).items()},
    )
    return mailing_view(known, Book(document["bundle"], tracks_of(document), model, pinned), policy, now)


def _number(lead: Lead) -> Address | None:
    phone = lead.value("phone")
    number = normal_number(phone) if isinstance(phone, str) else None
    return None if number is None else addresses.get_address(number_hash(number, secret_values.identity_secret()))


@lru_cache(maxsize=playbooks.KEPT)
def _kept(bundle: str) -> dict[str, Track] | None:
    try:
        return tracks_of(playbooks.document(bundle))
    except playbooks.UnknownPlaybookError:
        return None
