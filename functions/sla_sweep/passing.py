"""Giving a handoff to the next one when its owner let a clock run out or left: who that is, and what to write with it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.aws import handoffs, owners, playbooks
from shared.aws.leads import get_lead
from shared.handoff import SYSTEM, Handoff
from shared.rules.model import DERIVED, scoring_model
from shared.rules.profile import profile_values
from shared.rules.reassigning import goes_to_manager, moved_detail, must_pass_on, not_again, pass_on
from shared.rules.routing import Candidate, HandoffPolicy, candidate, route
from shared.rules.sla import Tick


def pass_to_next(
    handoff: Handoff, ticks: Sequence[Tick], policy: HandoffPolicy, now: int
) -> tuple[Handoff, list[dict[str, Any]]]:
    """
    Return the handoff as the next one's, and the transaction entries that count it on them and announce it.

    One that stays where it is comes back as it was, with no entries.
    """
    cause = must_pass_on(handoff, ticks, policy)
    if cause is None:
        return handoff, []
    kept = owners.get_owners(person.id for person in policy.people)
    routed = route(_candidate(handoff, policy), policy, {name: state.load for name, state in kept.items()}, now)
    name = policy.person(handoff.owner).name
    why = f"{name} did not act" if cause == "clock" else f"{name} is not in the playbook any more"
    moved = pass_on(handoff, routed.owner, by=SYSTEM, at=now, policy=policy, why=f"{why}; {routed.why}")
    moved = replace(moved, version=handoff.version)  # what the sweep found of it is written with it
    announcement = handoffs.change_entry(
        moved, at=now, detail_type="HandoffReassigned", detail=moved_detail(moved), about="passed-on"
    )
    return moved, [owners.given_entry(kept[routed.owner], routed.load), announcement]


def _candidate(handoff: Handoff, policy: HandoffPolicy) -> Candidate:
    if goes_to_manager(handoff, policy):
        return Candidate({}, not_to=frozenset(person.id for person in policy.owners))
    lead = get_lead(handoff.lead_id)
    if lead is None:
        return Candidate({}, not_to=not_again(handoff))
    profile = profile_values(lead, scoring_model(playbooks.current()), DERIVED)
    return replace(candidate(lead, profile, ()), not_to=not_again(handoff))
