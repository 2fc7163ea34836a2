"""
The demo's audience: about 300 people and 3,000 calls over four weeks, a pure function of seed and instant.

Event ids depend on the seed alone, so posting again, today or tomorrow, is posting the same events. Calls come as they
would: people overlap, some events arrive late, some twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.demo import journeys, people
from infra.local.demo.journeys import Kind, Step, Story, Visit
from infra.local.demo.people import Person
from shared.instants import DAY, HOUR, MINUTE

SEED = 7

LATE = 0.06
"""Share of calls that arrive after others of the same day or week."""

TWICE = 0.03
"""Share of calls that arrive twice, as retries of a client do."""

DISPLACED = 60
"""Calls by which a late one is late, at most."""

SITE = "https://www.ripen.example"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an SDK, or one post of a form. `at` is epoch seconds; `said` are traits, properties or form fields."""

    kind: Kind
    message_id: str
    at: int
    name: str
    said: Mapping[str, Any]
    user_id: str | None
    anonymous_id: str


@dataclass(frozen=True, slots=True)
class Audience:
    """
    Everybody, and what they sent, in the order it arrives.

    `history` happened more than a day before the audience's instant; `today` within the last 24 hours.
    """

    people: tuple[Person, ...]
    stories: tuple[str, ...]
    """Name of each person's story, in the order of `people`."""
    history: tuple[Call, ...]
    today: tuple[Call, ...]

    @property
    def calls(self) -> tuple[Call, ...]:
        return self.history + self.today

    def who(self, story: str) -> list[Person]:
        """Return the people of a story."""
        return [person for person, name in zip(self.people, self.stories, strict=True) if name == story]


def audience(seed: int, now: int) -> Audience:
    """
    Return the audience of that seed, its last four weeks ending at `now`.

    Args:
        seed: Another seed is other people with other events.
        now: Epoch seconds; moves the times of all events and changes nothing else.
    """
    stories = [story for story, count in journeys.CAST for _ in range(count)]
    cast = _cast(seed, stories)
    past: list[list[Call]] = []
    present: list[Call] = []
    for person, story in zip(cast, stories, strict=True):
        calls = list(_calls(person, story, seed, now))
        past.append([call for call in calls if call.at < now - DAY])
        present += [call for call in calls if call.at >= now - DAY]
    random = Random(f"order {seed}")  # noqa: S311 - a made-up audience, not a secret
    random.shuffle(past)
    history = [call for calls in past for call in calls]
    return Audience(
        people=tuple(cast),
        stories=tuple(story.__name__ for story in stories),
        history=tuple(_as_it_arrives(history, random)),
        today=tuple(_as_it_arrives(sorted(present, key=lambda call: (call.at, call.message_id)), random)),
    )


def _cast(seed: int, stories: Sequence[Story]) -> list[Person]:
    random = Random(f"people {seed}")  # noqa: S311 - a made-up audience, not a secret
    names = people.names(random, len(stories))
    targets = [company for company in people.COMPANIES if company.is_target]
    others = [company for company in people.COMPANIES if not company.is_target]
    cast = []
    for number, (story, drawn) in enumerate(zip(stories, names, strict=True), start=1):
        name = drawn
        company = random.choice(people.COMPANIES)
        title = random.choice(people.LEADERS if random.random() < 0.25 else people.SPECIALISTS)
        leader, target, other = random.choice(people.LEADERS), random.choice(targets), random.choice(others)
        if story is journeys.sarah:
            name, company, title = ("Sarah", "Lindgren"), people.SARAH_COMPANY, people.LEADERS[0]
        elif story is journeys.marcus:
            name, company, title = ("Marcus", "Webb"), people.UNIVERSITY, "Marketing student"
        elif story in journeys.NOT_BUYING:
            company, title = people.UNIVERSITY, "Student"
        elif story in journeys.FITTING:
            company, title = target, leader
        elif story in journeys.MIDDLING:
            company, title = target, random.choice(people.SPECIALISTS)
        elif story is journeys.begins:
            company, title = other, random.choice(people.SPECIALISTS)
        cast.append(people.person(seed, number, company, title, name=name))
    return cast


def _calls(person: Person, story: Story, seed: int, now: int) -> Iterator[Call]:
    """Yield what one person sends. Before it says who it is, only the device is known."""
    random = Random(f"person {seed} {person.number}")  # noqa: S311 - a made-up audience, not a secret
    visits = story(random)
    number, known = 0, False
    for visit, start in zip(visits, _starts(visits, person, random, now), strict=True):
        at = start
        for step in visit.steps:
            number += 1
            known |= step.kind == "identify"
            yield Call(
                kind=step.kind,
                message_id=f"demo-{seed}-{person.number:03d}-{number:03d}",
                at=min(at, now - MINUTE),
                name=step.name,
                said=_said(person, step),
                user_id=person.user_id if known else None,
                anonymous_id=person.anonymous_id,
            )
            at += random.randint(15, 4 * MINUTE)


def _starts(visits: Sequence[Visit], person: Person, random: Random, now: int) -> list[int]:
    """Return when each visit starts: past ones in the working hours of the person's zone, in the story's order."""
    zone = ZoneInfo(person.company.zone)
    today = datetime.fromtimestamp(now, UTC).astimezone(zone)
    past = []
    for visit in visits:
        hour, minute, weekend = random.randint(8, 18), random.randrange(60), random.random() < 0.15
        if visit.days_ago:
            day = today - timedelta(days=visit.days_ago)
            back = 0 if weekend else max(0, day.weekday() - 4)
            past.append(int((day - timedelta(days=back)).replace(hour=hour, minute=minute, second=0).timestamp()))
    ordered = iter(sorted(past))
    return [next(ordered) if visit.days_ago else now - int(visit.hours_ago * HOUR) for visit in visits]


def _said(person: Person, step: Step) -> dict[str, Any]:
    company = person.company
    about: dict[str, Any] = {"name": company.name, "industry": company.industry}
    if company.employees:
        about["employees"] = company.employees
    match step.kind:
        case "identify":
            return {
                "email": person.email,
                "firstName": person.first_name,
                "lastName": person.last_name,
                "title": person.title,
                "country": company.country,
                "timezone": company.zone,
                "company": about,
                **step.said,
            }
        case "group":
            return about
        case "page":
            return {"path": step.name, "url": f"{SITE}{step.name}", "title": _title(step.name)}
        case "form":
            return {
                "first-name": person.first_name,
                "last-name": person.last_name,
                "email": person.email,
                "job-title": person.title,
                "company": company.name,
                "industry": company.industry,
                "company-size": f"{company.employees:,}" if company.employees else "",
                "country": company.country,
                "timezone": company.zone,
                **step.said,
            }
        case "track":
            return dict(step.said)


def _title(path: str) -> str:
    return path.rpartition("/")[2].replace("-", " ").capitalize() or "Home"


def _as_it_arrives(calls: Sequence[Call], random: Random) -> Iterator[Call]:
    """Yield the calls, some later than they happened and some twice."""
    places: list[tuple[float, int, Call]] = []
    for index, call in enumerate(calls):
        late = random.random() < LATE
        places.append((index + random.randint(1, DISPLACED) if late else index, index, call))
        if random.random() < TWICE:
            places.append((index + random.randint(1, DISPLACED), index, call))
    return (call for _, _, call in sorted(places, key=lambda place: place[:2]))
