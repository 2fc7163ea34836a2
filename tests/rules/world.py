"""The score function's rounds without AWS: what is stored, applied and rebuilt, in dictionaries."""

from dataclasses import dataclass, field

from shared.identity import address_hash, home, identity_text
from shared.lead import Alias, Lead, LeadEvent
from shared.rules.attribution import attribute, share
from shared.rules.facts import refiled
from shared.rules.people import named
from shared.rules.workspace import Addressed, Name, Workspace, untold, wanted

SECRET = "world"


def addressed(event: LeadEvent) -> Addressed:
    names = tuple(Name(identity_text(*each, SECRET), home(*each, SECRET)) for each in named(event))
    return Addressed(event, names, address_hash(event.email, SECRET) if event.email else None)


@dataclass
class World:
    """Homes and timelines, changed batch by batch."""

    model: object
    homes: dict[str, Lead | Alias] = field(default_factory=dict)
    timelines: dict[str, dict[str, LeadEvent]] = field(default_factory=dict)

    def apply(self, batch: list[LeadEvent]) -> None:
        every = [addressed(event) for event in batch]
        for each in every:
            known = self.timelines.setdefault(each.home, {})
            copy = known.get(each.event.event_id)
            if copy is None or copy.occurred_at < each.event.occurred_at:
                known[each.event.event_id] = each.event
        workspace = Workspace()
        for each in sorted(every, key=lambda one: (one.event.occurred_at, one.event.event_id)):
            while missing := wanted([each], workspace):
                workspace.add({place: self.homes.get(place) for place in missing})
            for lead_id in untold(each, workspace):
                lead = workspace.lead_at(lead_id)
                workspace.told[lead_id] = [
                    addressed(event) for place in lead.homes for event in self.timelines.get(place, {}).values()
                ]
            attribute(each, workspace, self.model)
        for group in workspace.together:
            for place in group:
                lead = workspace.now.get(place)
                if isinstance(lead, Lead) and place in workspace.rebuild:
                    events = {at: list(self.timelines.get(at, {}).values()) for at in lead.homes}
                    mine, others = share(lead, events, {**self.homes, **workspace.now})
                    workspace.now[place] = refiled(lead, mine, others, self.model)
        self.homes.update(workspace.made())

    def lead(self, kind: str, value: str) -> Lead:
        entry = self.homes[home(kind, value, SECRET)]
        while isinstance(entry, Alias):
            entry = self.homes[entry.alias_of]
        return entry

    def leads(self) -> dict[frozenset[str], tuple[object, ...]]:
        """What every lead is worth by who it is: everything that does not depend on which id survived."""
        return {
            frozenset(lead.identities): (dict(lead.facts), lead.days, lead.first_seen, _profile(lead))
            for lead in self.homes.values()
            if isinstance(lead, Lead)
        }


def _profile(lead: Lead) -> dict[str, object]:
    return {name: register._replace(key="") for name, register in lead.profile.items()}
