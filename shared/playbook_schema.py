"""What a playbook may say: pydantic models whose errors are written for the person who edits the YAML."""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from shared.forms import FORM_NAME
from shared.playbook_bots import BotRules
from shared.playbook_channels import webhook_problems
from shared.playbook_conditions import compiled_condition, rules_in
from shared.playbook_forms import Form
from shared.playbook_handoff import Handoff
from shared.playbook_mail_policy import Mail
from shared.playbook_scoring import Scoring, short_hash
from shared.playbook_tracks import Tracks, contents_in, track_problems, triggers
from shared.playbook_types import Day, MisplacedError, Prose, Section, Slug, Text, nearest
from shared.rules.patterns import Place


class SignOff(Section):
    """Who signed for one side, and when."""

    name: Text
    on: Day


class Agreement(Section):
    """Who signed, what MQL and SQL mean in words, and when it must be looked at again."""

    marketing: SignOff | None = None
    sales: SignOff | None = None
    review_by: Day
    mql: Prose
    sql: Prose


class Playbook(Section):
    """The whole agreement."""

    name: Slug
    agreement: Agreement
    scoring: Scoring
    handoff: Handoff
    tracks: Tracks = {}
    mail: Mail
    bots: BotRules = Field(default_factory=BotRules)
    forms: Annotated[dict[Annotated[str, Field(pattern=FORM_NAME)], Form], Field(max_length=100)] = {}

    @model_validator(mode="after")
    def names_exist(self) -> Self:
        problems = list(self._unknown_names())
        if problems:
            raise MisplacedError(*problems)
        return self

    def _unknown_names(self) -> Iterator[tuple[Place, str]]:
        codes: set[str] = set()
        for number, reason in enumerate(self.handoff.reject_reasons):
            place: Place = ("handoff", "reject_reasons", number)
            if reason.returns_to is not None and reason.returns_to not in self.tracks:
                yield (
                    (*place, "returns_to"),
                    f"no track is named {reason.returns_to!r}; {nearest(reason.returns_to, self.tracks)}",
                )
            if reason.code in codes:
                yield (*place, "code"), f"codes must differ; used twice: {reason.code}"
            codes.add(reason.code)
        yield from ((("tracks", *place), text) for place, text in self._track_problems())
        yield from ((("handoff", *place), text) for place, text in self.handoff.unknown_names())
        closed = self.mail.closed_problems(self.agreement.review_by.year)
        yield from ((("mail", *place), text) for place, text in closed)
        routing = self.handoff.routing_problems(self.scoring.profile, self.scoring.lists)
        yield from ((("handoff", *place), text) for place, text in routing)
        rules = {rule.id for rule in self.scoring.engagement} | {rule.id for rule in self.scoring.fit}
        for at, condition in self.handoff.comes_back_conditions():
            for inside, wanted in rules_in(condition, ()):
                if wanted not in rules:
                    yield ("handoff", *at, *inside), f"no rule is named {wanted!r}; {nearest(wanted, rules)}"
        yield from self._unknown_fields()
        steps: dict[Place, str] = {
            ("tracks", name, "steps", number): step.to
            for name, track in self.tracks.items()
            for number, step in enumerate(track.steps)
            if step.to is not None
        }
        yield from webhook_problems(self.mail.webhooks, steps, self.scoring.profile)

    def _track_problems(self) -> Iterator[tuple[Place, str]]:
        return track_problems(
            self.tracks,
            rules={rule.id for rule in self.scoring.engagement},
            told=self.scoring.triggers,
            topics=self.mail.topics,
            returned_to={reason.returns_to for reason in self.handoff.reject_reasons if reason.returns_to},
            profile=self.scoring.profile,
            lists=self.scoring.lists,
            at_problem=self.mail.at_problem,
        )

    def _unknown_fields(self) -> Iterator[tuple[Place, str]]:
        for name, form in self.forms.items():
            for inside, text in (*form.unknown_targets(self.scoring.profile), *form.unknown_topic(self.mail.topics)):
                yield ("forms", name, *inside), text

    @property
    def contents(self) -> set[str]:
        """Names of the mails its tracks send."""
        return {content for _, content in contents_in(self.tracks)}

    def compiled(self) -> dict[str, Any]:
        """Return the playbook as plain JSON values: points in milli-points, durations in seconds."""
        scoring = self.scoring.compiled()
        scoring["filed"] = short_hash([scoring["filed"], self.bots.filing])
        scoring["triggers"] = triggers(self.tracks, self.scoring.triggers)
        reasons = self.handoff.reject_reasons
        scoring["cool_downs"] = {reason.code: reason.cool_down or 0 for reason in reasons}
        if never := [reason.code for reason in reasons if reason.never]:
            scoring["never"] = never
        if comes_back := {each.code: compiled_condition(each.comes_back) for each in reasons if each.comes_back}:
            scoring["comes_back"] = comes_back
        return {
            "agreement": self.agreement.model_dump(mode="json"),
            "scoring": scoring,
            "handoff": self.handoff.compiled(self.agreement.review_by.year),
            "tracks": {name: track.compiled() for name, track in self.tracks.items()},
            "mail": self.mail.compiled(self.agreement.review_by.year),
            "bots": self.bots.compiled(),
            **({"forms": self._compiled_forms()} if self.forms else {}),
        }

    def _compiled_forms(self) -> dict[str, Any]:
        return {name: form.compiled(self.scoring.profile) for name, form in self.forms.items()}
