"""
What the people of the demo do: each story is a list of visits, each visit a list of steps.

Stories say when and what, never an instant: `audience.py` puts them into the calendar. Days and steps depend on the
random numbers given, so on the seed alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

Kind = Literal["identify", "group", "page", "track", "form"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing somebody does. `name` is the page's path, the event, or the form."""

    kind: Kind
    name: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """Steps within some minutes: on a working day some days ago, or some hours ago."""

    steps: tuple[Step, ...]
    days_ago: int = 0
    hours_ago: float = 0.0


Story = Callable[[Random], list[Visit]]

POSTS = (
    "why-leads-go-cold", "scoring-without-guessing", "five-questions-before-a-demo", "handoff-in-an-hour",
    "what-sales-ignores", "intent-is-not-interest", "the-half-life-of-a-click", "webinars-that-sell",
    "nurture-without-noise", "cleaning-a-crm", "what-is-an-mql", "reading-a-pricing-page", "the-cost-of-late-calls",
)  # fmt: skip
PRODUCTS = ("scoring", "nurture", "handoff", "integrations", "security")
WEBINARS = ("from-click-to-call", "scoring-live", "sales-and-marketing-agree")
GUIDES = (
    ("comparison-2026", "comparison"), ("roi-calculator", "roi-calculator"), ("halden-case-study", "case-study"),
    ("eichwald-case-study", "case-study"),
)  # fmt: skip
PAPERS = (("state-of-b2b-2026", "whitepaper"), ("scoring-checklist", "checklist"))

IDENTIFY = Step("identify")
OPT_IN = Step("identify", said={"consent": True})
OPT_OUT = Step("identify", said={"consent": False})
GROUP = Step("group")
HOME = Step("page", "/")
PRICING = Step("page", "/pricing")
CAREERS = Step("page", "/careers")
MAIL_OPENED = Step("track", "Email Opened", {"send_id": "newsletter-41"})


def post(random: Random) -> Step:
    return Step("page", f"/blog/{random.choice(POSTS)}")


def product(random: Random) -> Step:
    return Step("page", f"/product/{random.choice(PRODUCTS)}")


def webinar(random: Random) -> Step:
    return Step("track", "Webinar Attended", {"webinar": random.choice(WEBINARS), "minutes": random.randrange(18, 61)})


def guide(random: Random) -> Step:
    asset, kind = random.choice(GUIDES)
    return Step("track", "Asset Downloaded", {"asset": asset, "kind": kind})


def paper(random: Random) -> Step:
    asset, kind = random.choice(PAPERS)
    return Step("track", "Asset Downloaded", {"asset": asset, "kind": kind})


def trial(random: Random) -> Step:
    return Step(
        "track", "Trial Started", {"plan": random.choice(("team", "business")), "seats": random.randrange(3, 40)}
    )


def _days(random: Random, count: int, newest: int, oldest: int) -> list[int]:
    """Return that many days ago, the oldest first."""
    return sorted((random.randint(newest, oldest) for _ in range(count)), reverse=True)


def _reading(random: Random, visits: int, *, newest: int = 2, oldest: int = 27) -> list[Visit]:
    """Return visits that read a post or two each."""
    return [
        Visit((*([HOME] if random.random() < 0.3 else []), *(post(random) for _ in range(random.randint(1, 2)))), day)
        for day in _days(random, visits, newest, oldest)
    ]


def _opting(random: Random) -> Step:
    """Return how somebody says who they are: most of them agree to be mailed."""
    return OPT_IN if random.random() < 0.85 else IDENTIFY


def _signed_up(random: Random, visits: list[Visit], *, at: int, step: Step | None = None) -> list[Visit]:
    """Return the visits with the one at that place beginning by saying who it is; what is before stays anonymous."""
    said = step or _opting(random)
    company = (GROUP,) if random.random() < 0.25 else ()
    visit = visits[at]
    named = Visit((said, *company, *visit.steps), visit.days_ago, visit.hours_ago)
    return [*visits[:at], named, *visits[at + 1 :]]


def _form(name: str, random: Random, *, consent: bool = True) -> Step:
    extras = {"message": "Please call me in the morning."} if random.random() < 0.4 else {}
    return Step("form", name, {"consent": "yes" if consent else "", **extras})


# What ended before yesterday: it scores, and alerts nobody.


def reader(random: Random) -> list[Visit]:
    visits = _reading(random, random.randint(3, 4))
    if random.random() < 0.2:
        return visits  # never says who it is
    if random.random() < 0.3:
        day = visits[1].days_ago
        return [visits[0], Visit((post(random), _form("newsletter", random)), day), *visits[1:]]
    return _signed_up(random, visits, at=random.randint(1, 2))


def evaluator(random: Random) -> list[Visit]:
    looks = [
        Visit((HOME, product(random), PRICING, product(random)), day)
        for day in _days(random, random.randint(1, 3), 3, 19)
    ]
    visits = [*_reading(random, random.randint(1, 2), newest=20), *looks, *_reading(random, 1, newest=2, oldest=2)]
    return _signed_up(random, visits, at=random.randint(1, len(visits) - 2))


def webinar_guest(random: Random) -> list[Visit]:
    day = random.randint(4, 20)
    seat = Step("track", "Webinar Registered", {"webinar": random.choice(WEBINARS)})
    seen = [webinar(random)] if random.random() < 0.8 else []
    visits = [
        *_reading(random, random.randint(1, 2), newest=22),
        Visit((HOME, seat), min(day + random.randint(1, 2), 21)),
        Visit((*seen, post(random)), day),
        *_reading(random, 2, newest=2, oldest=3),
    ]
    return _signed_up(random, visits, at=1)


def downloader(random: Random) -> list[Visit]:
    days = _days(random, random.randint(2, 4), 3, 22)
    visits = [Visit((post(random), product(random), random.choice((guide, paper))(random)), day) for day in days]
    visits = [*_reading(random, random.randint(1, 2), newest=23), *visits]
    return _signed_up(random, visits, at=random.randint(1, 2))


def trialist(random: Random) -> list[Visit]:
    day = random.randint(5, 18)
    uses = [
        Visit(tuple(Step("track", "Feature Used", {"feature": random.choice(PRODUCTS)}) for _ in range(2)), ago)
        for ago in _days(random, 3, 2, day - 1)
    ]
    visits = [*_reading(random, 1, newest=20), Visit((product(random), PRICING, trial(random)), day), *uses]
    return _signed_up(random, visits, at=1)


def past_demo(random: Random) -> list[Visit]:
    day = random.randint(6, 16)
    visits = [
        *_reading(random, 2, newest=17),
        Visit((HOME, product(random), PRICING), day + 1),
        Visit((product(random), Step("track", "Demo Requested", {"source": "website"})), day),
    ]
    return _signed_up(random, visits, at=random.randint(1, 2))


def student(random: Random) -> list[Visit]:
    visits = [
        Visit((post(random), post(random), paper(random)), random.randint(12, 26)),
        *_reading(random, 3, oldest=11),
    ]
    opened = [Visit((MAIL_OPENED,), visits[-1].days_ago)] if random.random() < 0.6 else []
    return [*_signed_up(random, visits, at=0), *opened]


def job_seeker(random: Random) -> list[Visit]:
    looks = [
        Visit((HOME, CAREERS, *(CAREERS for _ in range(random.randint(0, 2))), post(random)), day)
        for day in _days(random, random.randint(2, 4), 2, 24)
    ]
    return looks if random.random() < 0.5 else _signed_up(random, looks, at=1, step=IDENTIFY)


def quiet(random: Random) -> list[Visit]:
    """Somebody who looked closely three or four weeks ago, and never came back."""
    visits = [
        *_reading(random, 2, newest=26),
        Visit((HOME, product(random), product(random), PRICING), random.randint(24, 25)),
        Visit((guide(random), PRICING), random.randint(21, 23)),
    ]
    return _signed_up(random, visits, at=1)


def unsubscriber(random: Random) -> list[Visit]:
    visits = _signed_up(random, _reading(random, 4, newest=9), at=1, step=OPT_IN)
    return [*visits, Visit((OPT_OUT, Step("track", "Unsubscribed", {"list": "newsletter"})), random.randint(3, 8))]


# What goes on within the last 24 hours: it is announced.


def asks_for_demo(random: Random) -> list[Visit]:
    """A customer's own server saw the request, so it proves who asked."""
    visits = [
        *_reading(random, 2, newest=10),
        Visit((HOME, product(random), PRICING), random.randint(3, 8)),
        Visit(
            (product(random), Step("track", "Demo Requested", {"source": "website"})), hours_ago=random.uniform(1, 9)
        ),
    ]
    return _signed_up(random, visits, at=1, step=OPT_IN)


def sends_demo_form(random: Random) -> list[Visit]:
    """Somebody nobody knew fills in the form of a public page: believed, but nothing is proved."""
    return [
        *_reading(random, 2, newest=6, oldest=15),
        Visit((HOME, product(random), PRICING, _form("demo", random)), hours_ago=random.uniform(1, 7)),
    ]


def crosses(random: Random) -> list[Visit]:
    """A fitting person whose first look at the pricing page carries the score over 75 points."""
    visits = [
        *_reading(random, 2, newest=14),
        Visit((product(random), webinar(random)), random.randint(6, 11)),
        Visit((HOME, product(random), PRICING), hours_ago=random.uniform(1, 16)),
    ]
    return _signed_up(random, visits, at=1, step=OPT_IN)


def starts_trial(random: Random) -> list[Visit]:
    visits = [
        *_reading(random, 3, newest=5),
        Visit((HOME, product(random), trial(random)), hours_ago=random.uniform(1, 18)),
    ]
    return _signed_up(random, visits, at=1, step=OPT_IN)


def warms_up(random: Random) -> list[Visit]:
    """Somebody who fits and compares: engaged, not yet for sales."""
    visits = [
        *_reading(random, random.randint(2, 3), newest=6),
        Visit((HOME, product(random), PRICING), hours_ago=random.uniform(1, 18)),
    ]
    return _signed_up(random, visits, at=1, step=OPT_IN)


def begins(random: Random) -> list[Visit]:
    visits = [
        *_reading(random, random.randint(1, 2), newest=2),
        Visit((HOME, post(random), product(random)), hours_ago=random.uniform(1, 20)),
    ]
    return _signed_up(random, visits, at=len(visits) - 1, step=OPT_IN)


def leaves(random: Random) -> list[Visit]:
    visits = _signed_up(random, _reading(random, 3, newest=4), at=0, step=OPT_IN)
    return [
        *visits,
        Visit((OPT_OUT, Step("track", "Unsubscribed", {"list": "newsletter"})), hours_ago=random.uniform(1, 6)),
    ]


def comes_back(random: Random) -> list[Visit]:
    """Asked for a demo before anybody listened: what was reached in silence is announced by the next own event."""
    return [*past_demo(random), Visit((HOME, post(random)), hours_ago=random.uniform(1, 10))]


def sarah(random: Random) -> list[Visit]:
    """The Director of Operations of the worked example: case study, pricing twice, a webinar, and now a trial."""
    visits = [
        *_reading(random, 2, newest=18),
        Visit((Step("track", "Asset Downloaded", {"asset": "eichwald-case-study", "kind": "case-study"}),), 15),
        Visit((HOME, product(random), PRICING), 9),
        Visit((Step("track", "Webinar Attended", {"webinar": WEBINARS[0], "minutes": 52}),), 4),
        Visit((PRICING, trial(random)), hours_ago=3.5),
    ]
    return _signed_up(random, visits, at=2, step=OPT_IN)


def marcus(random: Random) -> list[Visit]:
    """The student of the worked example: one download for a class project, one opened mail."""
    visits = [
        Visit((post(random), Step("track", "Asset Downloaded", {"asset": PAPERS[0][0], "kind": PAPERS[0][1]})), 19)
    ]
    return [*_signed_up(random, visits, at=0, step=OPT_IN), Visit((MAIL_OPENED,), 12)]


CAST: tuple[tuple[Story, int], ...] = (
    (sarah, 1), (marcus, 1),
    (asks_for_demo, 4), (sends_demo_form, 3), (crosses, 6), (starts_trial, 4), (warms_up, 8), (begins, 12), (leaves, 2),
    (comes_back, 2),
    (reader, 72), (evaluator, 40), (webinar_guest, 33), (downloader, 31), (trialist, 14), (past_demo, 7), (student, 15),
    (job_seeker, 20), (quiet, 17), (unsubscriber, 8),
)  # fmt: skip
"""Who plays, and how many of each: 300 people."""

FITTING = frozenset({asks_for_demo, crosses, comes_back, starts_trial})
"""Stories of leading people at companies the playbook looks for."""

MIDDLING = frozenset({warms_up})
"""Stories of other people at companies the playbook looks for."""

NOT_BUYING = frozenset({marcus, student})
"""Stories of people at a university."""
