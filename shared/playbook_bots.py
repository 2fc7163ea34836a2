"""The part of a playbook that says by what machines are told from people."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from shared.crawlers import crawlers, headless
from shared.playbook_types import MisplacedError, Section, Span, Text, Whole, YesNo, each_once

LONGEST_STRETCH = 3600
"""Seconds within which page views are counted: a lead remembers the views of one such stretch."""

LONGEST_AROUND = 600
"""Seconds around a click in which something else tells that it was a machine's."""

SHORTEST_TEXT = 3


def _tells(said: list[str]) -> list[str]:
    short = [
        ((number,), f"{each!r} is in many agents; write {SHORTEST_TEXT} characters or more of the one that is meant")
        for number, each in enumerate(said)
        if len(each.strip()) < SHORTEST_TEXT
    ]
    if short:
        raise MisplacedError(*short)
    return each_once([each.lower() for each in said])


def _stretch(said: int) -> int:
    if said > LONGEST_STRETCH:
        raise ValueError("is longer than an hour, in which people read a lot; write at most `1 hour`")
    return said


AgentTexts = Annotated[list[Text], Field(max_length=200), AfterValidator(_tells)]


class KnownAgents(Section):
    """Machines by their user agent: those of the list that comes with Ripen, and those that `also` are; `never` wins."""

    known: YesNo = True
    also: AgentTexts = []
    never: AgentTexts = []


class Speed(Section):
    """More page views of one visitor in a stretch of time than a person makes; 0 pages is no watch."""

    pages: Annotated[Whole, Field(ge=0, le=50)]
    within: Annotated[Span, AfterValidator(_stretch)]


def _around(said: int) -> int:
    if said > LONGEST_AROUND:
        raise ValueError("reaches too far from a click; write at most `10 minutes`")
    return said


class Burst(Section):
    """Links of one mail that are followed in a stretch of time in which a person follows one or two."""

    links: Annotated[Whole, Field(ge=2, le=20)]
    within: Annotated[Span, AfterValidator(_around)]


class MailRules(Section):
    """By what machines are told among those who touch a mail."""

    burst: Burst = Field(default_factory=lambda: Burst.model_validate({"links": 3, "within": "10 seconds"}))
    decoy: Annotated[Span, AfterValidator(_around)] = 60


class BotRules(Section):
    """By what machines are told from people, and whether what they do counts all the same."""

    agents: KnownAgents = Field(default_factory=KnownAgents)
    headless: YesNo = True
    speed: Speed = Field(default_factory=lambda: Speed.model_validate({"pages": 20, "within": "10 seconds"}))
    mail: MailRules = Field(default_factory=MailRules)
    score: YesNo = False

    @property
    def filing(self) -> dict[str, Any]:
        """What the facts of leads follow from: not the speed, nor the mail, for what was judged by them stays judged."""
        return {name: said for name, said in self.compiled().items() if name not in ("pages", "within_seconds", "mail")}

    def compiled(self) -> dict[str, Any]:
        """Return the section with the lists it names, so that no function needs a package for them."""
        lists = [crawlers()] * self.agents.known + [headless()] * self.headless
        return {
            "names": [name for each in lists for name in each.names],
            "shapes": [shape for each in lists for shape in each.shapes],
            "also": self.agents.also,
            "never": self.agents.never,
            "headless": self.headless,
            "pages": self.speed.pages,
            "within_seconds": self.speed.within,
            "mail": {
                "links": self.mail.burst.links,
                "within_seconds": self.mail.burst.within,
                "decoy_seconds": self.mail.decoy,
            },
            "score": self.score,
        }
