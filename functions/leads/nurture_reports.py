"""The report on nurturing: which time and which track the request asks for, and the answer."""

from collections.abc import Mapping
from typing import Any

from functions.leads.reports import asked_time
from shared.aws import enrollments, nurture_runs, playbooks
from shared.errors import InvalidInputError, TooManyError
from shared.instants import instant_text
from shared.rules.arms import tests_of
from shared.rules.nurture_report import nurture_report
from shared.rules.tracks import tracks_of
from shared.rules.trials import goals_of, trial_results

MOST = 4_000
"""Leads, and messages, that one report reads of all its tracks: more do not come apart within the 30 seconds there are."""


def nurture_answer(query: Mapping[str, str], now: int) -> dict[str, Any]:
    """
    Return the report the query asks for.

    Raises:
        InvalidInputError: Naming what is wrong with the query, or how to ask for less.
    """
    since, until = asked_time(query, now)
    document = playbooks.current()
    known: Mapping[str, Any] = document["tracks"]
    tracks = tracks_of(document)
    asked = query.get("track")
    if asked is not None and asked not in known:
        raise InvalidInputError("track", f"must be one of {', '.join(sorted(known))}, or be left out for all of them")
    told: list[dict[str, Any]] = []
    leads = messages = MOST
    for track in known if asked is None else (asked,):
        try:
            runs = list(nurture_runs.runs_of(track, since=since, most=leads))
            made = list(nurture_runs.sends_of(track, since, until, most=messages))
        except TooManyError as error:
            less = "a shorter time" if asked else "one track, or a shorter time"
            raise InvalidInputError("from", f"more than {MOST:,} leads or messages: ask for {less}") from error
        leads, messages = leads - len(runs), messages - len(made)
        of_before = {each.ref.lead_id for each in made} - {run.lead_id for run in runs}
        runs += enrollments.get_runs(sorted(of_before), track)
        report = nurture_report(runs, made, since=since, until=until)
        tests = [
            trial_results(made, test, track=track, goals=goals_of(runs)) for test in tests_of(tracks[track]).values()
        ]
        told.append({"track": track, "label": known[track]["label"], **report, "tests": tests})
    return {"from": instant_text(since), "to": instant_text(until), "as_of": instant_text(now), "tracks": told}
