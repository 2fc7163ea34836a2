"""Who is given leads, how many they have today, and when they are away: to read, and to say when somebody is away."""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from functions.sales.api import RefusedError, check_key, raw_body
from shared.aws import owners, playbooks
from shared.errors import ConflictError
from shared.instants import DAY, WRITABLE, instant_text, parse_instant
from shared.owners import OwnerState, TimeOff
from shared.rules.calendars import days_off
from shared.rules.routing import HandoffPolicy, Person, handoff_policy, today

PREFIX = "/v1/owners"

TRIES = 5
"""Rounds of read and write for a person who is given leads at the same time."""

MOST_ABSENCES = 50
LONGEST = 366 * DAY
"""Who is away for longer has left: take them out of the playbook."""

DATE = re.compile(r"\d{4}-\d\d-\d\d")


Change = Callable[[tuple[TimeOff, ...]], tuple[TimeOff, ...]]


class TimeOffRequest(BaseModel):
    """Body of POST: first and last day in the person's zone, or instants; `by` is an id, and no mail address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Annotated[str, StringConstraints(min_length=1, max_length=40), Field(alias="from")]
    until: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    by: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")] = "api"


def answer(event: Mapping[str, Any], at: int) -> dict[str, Any]:
    """
    Return the body of the answer to a request under `PREFIX`.

    Raises:
        RefusedError: The key, the person or a field is wrong; the message says what to send instead.
    """
    check_key(event["headers"], kinds=("sales", "admin"))
    policy = handoff_policy(playbooks.current())
    match event["requestContext"]["http"]["method"], event["rawPath"].strip("/").split("/"):
        case "GET", ["v1", "owners"]:
            states = owners.get_owners(person.id for person in policy.people)
            return {"owners": [_shown(person, states[person.id], policy, at) for person in _each_once(policy)]}
        case "POST", ["v1", "owners", owner, "time-off"]:
            return _away(_person(owner, policy), raw_body(event), policy, at)
        case "DELETE", ["v1", "owners", owner, "time-off"]:
            since = (event.get("queryStringParameters") or {}).get("from")
            return _back(_person(owner, policy), since, policy, at)
        case _:
            raise RefusedError(HTTPStatus.NOT_FOUND, "not_found", "there is no such route")


def _person(owner: str, policy: HandoffPolicy) -> Person:
    if not policy.knows(owner):
        known = ", ".join(person.id for person in _each_once(policy))
        raise RefusedError(HTTPStatus.NOT_FOUND, "not_found", f"nobody in the playbook has this id; there is {known}")
    return policy.person(owner)


def _each_once(policy: HandoffPolicy) -> list[Person]:
    return list({person.id: person for person in reversed(policy.people)}.values())[::-1]


def _away(person: Person, body: bytes, policy: HandoffPolicy, at: int) -> dict[str, Any]:
    try:
        said = TimeOffRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", f"{field}: {first['msg']}") from None
    zone = policy.calendar_of(person.id).zone
    wanted = TimeOff(_instant("from", said.since, zone), _instant("until", said.until, zone), said.by)
    if wanted.until <= max(wanted.since, at):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", "until: must be after from, and not be past")
    if wanted.until - wanted.since > LONGEST:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            "invalid",
            "until: is more than a year after from: take who left out of the playbook",
        )

    def with_it(off: tuple[TimeOff, ...]) -> tuple[TimeOff, ...]:
        others = [each for each in off if (each.since, each.until) != (wanted.since, wanted.until)]
        if len(others) >= MOST_ABSENCES:
            raise RefusedError(
                HTTPStatus.CONFLICT, "not_allowed", f"{MOST_ABSENCES} absences are kept: take one back first"
            )
        return (*others, wanted)

    return _keep(person, with_it, policy, at)


def _back(person: Person, since: str | None, policy: HandoffPolicy, at: int) -> dict[str, Any]:
    begins = None if since is None else _instant("from", since, policy.calendar_of(person.id).zone)
    return _keep(
        person, lambda off: tuple(each for each in off if begins is not None and each.since != begins), policy, at
    )


def _keep(person: Person, change: Change, policy: HandoffPolicy, at: int) -> dict[str, Any]:
    """Write what becomes of the absences that are not past, and return the person as they are then."""
    for _ in range(TRIES):
        seen = owners.get_owners([person.id])[person.id]
        off = sorted(change(tuple(each for each in seen.off if each.until > at)), key=lambda each: each.since)
        try:
            owners.set_time_off(seen, off)
        except ConflictError:
            continue
        return _shown(person, owners.get_owners([person.id])[person.id], policy, at)
    raise ConflictError(f"{person.id} kept being given leads")


def _instant(field: str, said: str, zone: str) -> int:
    """Return the instant; of a day its beginning in the zone, or as `until` its end."""
    instant: int | None
    try:
        if DATE.fullmatch(said):
            ((begins, ends),) = days_off(zone, [(said, said)])
            instant = ends if field == "until" else begins
        else:
            instant = parse_instant(said.replace(" ", "+"))
    except (OverflowError, ValueError):
        instant = None
    if instant is None or instant not in WRITABLE:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, "invalid", f"{field}: must be a day (2026-12-21) or a time with a zone"
        )
    return instant


def _shown(person: Person, state: OwnerState, policy: HandoffPolicy, at: int) -> dict[str, Any]:
    calendar = policy.calendar_of(person.id)
    named = [TimeOff(since, until, "playbook") for since, until in calendar.away]
    off = sorted((each for each in (*named, *state.off) if each.until > at), key=lambda each: (each.since, each.until))
    return {
        "id": person.id,
        "name": person.name,
        "zone": calendar.zone,
        "away": any(each.since <= at for each in off),
        "time_off": [each.to_json() for each in off],
        "given_today": state.load.on(today(person, policy, at)),
        "gets_leads": any(owner.id == person.id for owner in policy.owners),
        "teams": list(person.teams),
        "capacity": person.capacity,
        "daily_quota": person.daily_quota,
        "as_of": instant_text(at),
    }
