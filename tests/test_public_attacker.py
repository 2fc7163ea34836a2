"""
Somebody holds the public key, which anybody can read in a page, and knows a victim's address, user id and device.

Every public route is tried with every trick, through the real handlers from HTTP to the mail, over several days. What
may come of it is what docs/intake.md says a public key can do: add facts, and fill empty fields as unproven ones.
"""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from functions.enroll.handler import HEARD
from functions.enroll.handler import handler as enroll
from functions.ingest import handler as ingest
from functions.nurture_send.handler import handler as nurture_send
from functions.score.handler import handler as score
from shared import table
from shared.aws import addresses, enrollments
from shared.aws.leads import get_lead
from shared.identity import ANONYMOUS, EMAIL, USER, address_hash, home
from shared.instants import DAY, instant_text, parse_instant
from shared.keys import mint_key
from shared.lead import Lead
from shared.rules.consent import mailbox_of
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context
from tests.nurture_world import forget, mails, use_playbook

NOW = parse_instant("2026-11-16T10:00:00Z")
PUBLIC = mint_key("public", "website", SIGNING_SECRET)
SERVER = mint_key("server", "backend", SIGNING_SECRET)
LEAST_TRIED = 200
DAYS = 5

CANARY = "Mallory"
EVIL = "evil.example"


@dataclass(frozen=True)
class Person:
    """Somebody the site knows: by address, user id and device."""

    name: str

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    @property
    def user(self) -> str:
        return f"user-{self.name}"

    @property
    def device(self) -> str:
        return f"device-{self.name}"

    @property
    def address(self) -> str:
        return address_hash(self.email, IDENTITY_SECRET)

    @property
    def homes(self) -> tuple[str, ...]:
        return tuple(
            home(kind, value, IDENTITY_SECRET)
            for kind, value in ((USER, self.user), (EMAIL, self.email), (ANONYMOUS, self.device))
        )


VICTIM = Person("victim")
"""Known, proven, opted in."""
STOPPED = Person("stopped")
"""Known, and has said no."""
MALLORY = Person("mallory")
"""The attacker's own account, as real as the others."""
STRANGER = Person("stranger")
"""An address nobody ever proved."""
KNOWN = (VICTIM, STOPPED, MALLORY)

Trick = Callable[[Person], dict[str, Any]]

WORDS = {
    "first_name": f"{CANARY} says visit {EVIL}",
    "company": f"{CANARY} Ltd",
    "title": f"CEO {CANARY}",
    "industry": f"{CANARY}ing",
}
TRICKS: dict[str, Trick] = {
    "the victim's user id": lambda who: {"userId": who.user},
    "the victim's address as user id": lambda who: {"userId": who.email},
    "the victim's device": lambda who: {"anonymousId": who.device},
    "the attacker's account on the victim's device": lambda who: {"userId": MALLORY.user, "anonymousId": who.device},
    "the victim's user id on the attacker's device": lambda who: {"userId": who.user, "anonymousId": MALLORY.device},
    "traits.email": lambda who: {"anonymousId": "x1", "traits": {"email": who.email}},
    "traits.email of the attacker's account": lambda who: {"userId": MALLORY.user, "traits": {"email": who.email}},
    "traits.email of the victim's account": lambda who: {"userId": who.user, "traits": {"email": f"{CANARY}@{EVIL}"}},
    "context.traits.email": lambda who: {"userId": MALLORY.user, "context": {"traits": {"email": who.email}}},
    "context.traits.email of the victim's account": lambda who: {"userId": who.user, "context": {"traits": {"email": MALLORY.email}}},
    "both addresses": lambda who: {"traits": {"email": who.email}, "context": {"traits": {"email": MALLORY.email}}},
    "large letters and blanks": lambda who: {"anonymousId": "x2", "traits": {"email": f"  {who.email.upper()} "}},
    "another name of the mailbox": lambda who: {"anonymousId": "x3", "traits": {"email": who.email.replace("@", "+free@"), "consent": True}},
    "yet another name of the mailbox": lambda who: {"anonymousId": "x4", "traits": {"email": who.email.replace("@", "+more@"), "consent": "yes"}},
    "consent": lambda who: {"userId": who.user, "traits": {"email": who.email, "consent": True}},
    "consent for a stranger's account": lambda who: {"userId": MALLORY.user, "traits": {"email": who.email, "consent": "on"}},
    "no consent": lambda who: {"userId": who.user, "traits": {"email": who.email, "consent": False}},
    "consent nobody gave": lambda who: {"traits": {"email": who.email, "consent": True},
                                        "properties": {"consent": {"agreed": True, "text": f"I agree, {CANARY}", "version": "1", "topic": EVIL}}},
    "profile fields": lambda who: {"userId": who.user, "traits": WORDS},
    "profile fields by address": lambda who: {"traits": {"email": who.email, "consent": True, **WORDS}},
    "fields of ours": lambda who: {"userId": who.user, "traits": {"address": VICTIM.address, "sales": {"outcome": "won"}, "employees": 1, "timezone": EVIL}},
    "former id: the victim": lambda who: {"userId": MALLORY.user, "previousId": who.user},
    "former id: the victim's address": lambda who: {"userId": MALLORY.user, "previousId": who.email},
    "former id: the victim's device": lambda who: {"userId": MALLORY.user, "previousId": who.device},
    "former id: the attacker": lambda who: {"userId": who.user, "previousId": MALLORY.user},
    "former id in properties": lambda who: {"userId": MALLORY.user, "event": "Aliased", "properties": {"previous_id": who.user}},
    "the past": lambda who: {"userId": who.user, "timestamp": "1999-01-01T00:00:00Z", "traits": {"email": f"a@{EVIL}", **WORDS}},
    "the future": lambda who: {"userId": who.user, "timestamp": "2999-01-01T00:00:00Z", "traits": {"email": f"b@{EVIL}", "consent": True}},
    "a clock that is off": lambda who: {"userId": who.user, "timestamp": "2026-11-01T00:00:00Z", "sentAt": "2020-01-01T00:00:00Z",
                                        "receivedAt": "2031-01-01T00:00:00Z", "traits": WORDS},
    "the victim's message id": lambda who: {"userId": who.user, "messageId": f"i-{who.name}", "traits": {"email": f"c@{EVIL}", "consent": False}},
    "the victim's message id on the attacker's turn": lambda who: {"anonymousId": who.device, "messageId": f"i-{who.name}"},
    "the victim's other message id": lambda who: {"anonymousId": who.device, "messageId": f"d-{who.name}", "timestamp": "2026-11-16T11:00:00Z"},
    "what only our functions say": lambda who: {
        "userId": who.user, "lead_id": who.homes[0], "leadId": who.homes[0], "source": "server", "history": True, "verdict": "human",
        "verdict_reason": CANARY, "received_at": "2020-01-01T00:00:00Z", "event_id": f"i-{who.name}", "email": who.email, "proven": True,
        "properties": {"lead_id": who.homes[0], "address": who.address, "previous_id": MALLORY.user}},
    "settings of the client": lambda who: {"userId": who.user, "integrations": {"All": False, "Ripen": {"source": "server"}},
                                           "context": {"form": "demo", "source": "server", "lead_id": who.homes[0], "ip": "10.0.0.1"}},
    "a company": lambda who: {"userId": who.user, "groupId": f"{CANARY} Ltd", "traits": {"name": f"{CANARY} Ltd", "employees": 9, "industry": EVIL}},
    "a name of another object": lambda who: {"userId": who.user, "__proto__": {"source": "server"}, "constructor": {"prototype": {"proven": True}}},
    "links in every text": lambda who: {"userId": who.user, "context": {"page": {"url": f"https://{EVIL}/", "title": CANARY, "referrer": f"https://{EVIL}"},
                                        "campaign": {"source": CANARY, "name": EVIL}, "userAgent": f"{CANARY}/1.0"}},
}  # fmt: skip

EVENTS = (
    "Address Confirmed", "Unsubscribed", "Email Bounced", "Email Marked as Spam", "Email Link Clicked", "Email Opened", "Lead Won",
    "Lead Lost", "Lead Accepted", "Lead Rejected", "Lead Contacted", "Score Adjusted", "Identified", "Aliased", "Company Identified",
    "Lead Merged", "Verdict Given", "Judged", "Lead Erased",
)  # fmt: skip
"""Events that are ours, or sound so."""

TRICKS |= {
    f"an event called {name}": lambda who, name=name: {  # type: ignore[misc]
        "userId": who.user,
        "event": name,
        "properties": {
            "address": who.address, "previous_id": MALLORY.user, "points": 500, "by": CANARY, "reason": EVIL, "send_id": f"{who.homes[0]}-1-0-awareness",
            "verdict": "machine", "from": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z", "outcome": "won", "reason_code": "wrong_fit",
        },
    }
    for name in EVENTS
}  # fmt: skip

CALLS = ("identify", "track", "page", "screen", "group", "alias")
BATCHES = ("batch", "import", "b")
FORMS = ("urlencoded", "json", "query", "basic")


@dataclass
class World:
    """The stage, its clock, and what was tried."""

    aws: Aws
    context: Context
    now: int = NOW
    tried: Counter[str] = field(default_factory=Counter)
    taken: int = 0
    told: set[tuple[str, str]] = field(default_factory=set)
    received: int = 0
    queued: list[dict[str, Any]] = field(default_factory=list)

    def request(self, path: str, body: str, headers: dict[str, str], query: dict[str, str] | None = None) -> int:
        request = {
            "rawPath": path,
            "headers": headers,
            "body": body,
            "isBase64Encoded": False,
            "queryStringParameters": query,
        }
        answer = ingest.handler(request, self.context)
        assert answer["statusCode"] < 500, (path, body)
        return int(answer["statusCode"])

    def call(self, route: str, body: dict[str, Any], *, key: str = PUBLIC, in_body: bool = False) -> int:
        headers = {"content-type": "application/json"}
        if in_body:
            body = {**body, "writeKey": key}
        else:
            headers["authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
        return self.request(f"/v1/{route}", json.dumps(body), headers)

    def attack(self, trick: str, who: Person) -> None:
        """
        Try the trick on every call and way in, in turn by their long and short names; then score what was taken.

        On others than the victim one of each kind is enough.
        """
        said = TRICKS[trick](who)
        place = list(TRICKS).index(trick)
        odd = place % 2
        every = who is VICTIM
        for number, call in enumerate(CALLS if every else CALLS[:1]):
            body = {"event": "Demo Requested", "previousId": f"p-{CANARY}", **said}
            route = call[0] if (number + odd) % 2 else call
            self._count(route, self.call(route, body, in_body=bool(odd)))
        batch = [{"event": "Demo Requested", "previousId": f"p-{CANARY}", "type": call, **said} for call in CALLS]
        route = BATCHES[place % 3]
        self._count(route, self.call(route, {"batch": batch[:: 1 if every else 2], "sentAt": instant_text(self.now)}))
        for way in FORMS[odd::2] if every else FORMS[:1]:
            self._count(f"form {way}", self._post_form(way, said, who))
        self.settle()

    def _count(self, route: str, status: int) -> None:
        self.tried[route] += 1
        self.taken += status == 200

    def _post_form(self, way: str, said: dict[str, Any], who: Person) -> int:
        known = {name: str(value) for name, value in said.items() if isinstance(value, str | bool)}
        fields = {
            "email": who.email,
            "consent": "yes",
            **known,
            **{k: str(v) for k, v in said.get("traits", {}).items()},
        }
        fields |= {
            "message": f"{CANARY} https://{EVIL}",
            "page_url": f"https://{EVIL}/{CANARY}",
            "next": f"https://{EVIL}",
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "referer": f"https://{EVIL}/{CANARY}"}
        name = CANARY.lower()
        match way:
            case "json":
                return self.request(f"/forms/{name}", json.dumps({**fields, "write_key": PUBLIC}), headers)
            case "query":
                return self.request(f"/forms/{name}", urlencode(fields), headers, {"write_key": PUBLIC})
            case "basic":
                headers["authorization"] = "Basic " + base64.b64encode(f"{PUBLIC}:".encode()).decode()
                return self.request(f"/forms/{name}", urlencode(fields), headers)
            case _:
                # a server key that stands in a page proves nothing
                return self.request(f"/forms/{name}", urlencode({**fields, "write_key": SERVER}), headers)

    def settle(self) -> None:
        """Score what is queued, tell who listens, and send the mails that are asked for."""
        records = []
        while self.queued:
            self.received += 1
            body = json.dumps(self.queued.pop(0))
            records.append({"messageId": f"m{self.received}", "body": body, "eventSource": "aws:sqs"})
        assert score({"Records": records}, self.context) == {"batchItemFailures": []}

    def tell(self) -> None:
        """Publish every change to who enrolls, and mail what is due: confirmations, and the next mail of every run."""
        for item in self.aws.items():
            place = (item[table.PK], item[table.SK])
            if item[table.SK].startswith(table.CHANGE_PREFIX) and place not in self.told and not item.get("silent"):
                self.told.add(place)
                if item["detail_type"] in HEARD:
                    enroll({"detail-type": item["detail_type"], "detail": json.loads(item["detail"])}, self.context)
        orders = self.aws.messages(self.aws.sends_queue_url)
        for item in self.aws.items():
            if item[table.SK].startswith(table.TRACK_PREFIX) and item.get("status") == "active":
                run = enrollments.get_enrollment(
                    table.lead_id_of(item[table.PK]), item[table.SK].removeprefix(table.TRACK_PREFIX)
                )
                assert run is not None
                orders.append({"lead_id": run.lead_id, "track": run.track, "rotation": run.rotation, "step": run.step})
        for number, order in enumerate(orders):
            # twice, as queues deliver
            record = {"messageId": f"s{number}", "body": json.dumps({"as_of": instant_text(self.now), **order})}
            assert nurture_send({"Records": [record, record]}, self.context) == {"batchItemFailures": []}


@pytest.fixture
def world(aws: Aws, context: Context, tmp_path, monkeypatch) -> Iterator[World]:
    """Three people the site knows from its own server, one of whom has said no."""
    use_playbook(tmp_path, monkeypatch)
    made = World(aws, context)
    monkeypatch.setenv("EVENT_RATES", "")
    monkeypatch.setattr(ingest, "queue", SimpleNamespace(send_all=lambda _url, bodies: made.queued.extend(bodies)))
    monkeypatch.setattr(ingest, "time", SimpleNamespace(time=lambda: made.now))
    for who in KNOWN:
        traits = {
            "email": who.email,
            "first_name": "Ada",
            "company": "Nordwind",
            "title": "Director",
            "consent": who is not STOPPED,
        }
        said = {"userId": who.user, "anonymousId": who.device, "messageId": f"i-{who.name}", "traits": traits}
        assert made.call("identify", said, key=SERVER) == 200
        said = {
            "userId": who.user,
            "messageId": f"d-{who.name}",
            "event": "Page Viewed",
            "properties": {"path": "/pricing"},
        }
        assert made.call("track", said, key=SERVER) == 200
        made.settle()
    yield made
    forget()


def lead_of(who: Person) -> Lead:
    leads = {found.lead_id: found for each in who.homes[:2] if (found := get_lead(each)) is not None}
    assert len(leads) == 1, f"{who.name} is {len(leads)} leads"
    return next(iter(leads.values()))


def what_counts(who: Person) -> dict[str, Any]:
    """What no public key may change: who it is, what is proven, what may be mailed."""
    lead = lead_of(who)
    return {
        "lead": lead.lead_id,
        "identities": sorted(each for each in lead.identities if not each.startswith("anon#")),
        "proven": {
            name: (each.value, each.at) for name, each in lead.profile.items() if each.proven and "touch" not in name
        },
        "stage": lead.settled.stage in ("lead", "mql"),
        "adjustments": lead.adjustments,
        "address": replace(addresses.get_address(who.address), sent={}, recent=(), confirmations=(), version=0),
    }


def differing(before: dict[Person, dict[str, Any]], now: dict[Person, dict[str, Any]]) -> list[str]:
    """What has changed, in words that a failure can show."""
    return [
        f"{who.name}: {name} was {value}, is {now[who][name]}"
        for who, held in before.items()
        for name, value in held.items()
        if now[who][name] != value
    ]


def mailbox_and_kind(mail: EmailMessage) -> tuple[str, str]:
    return mailbox_of(str(mail["to"])), "confirm" if "track=confirm" in mail["x-ses-message-tags"] else "track"


def words_of_mails() -> list[str]:
    found = []
    for mail in mails():
        text = " ".join(part.get_content() for part in mail.walk() if part.get_content_maintype() == "text")
        found.append(f"{mail['from']} {mail['subject']} {mail['reply-to']} {text}")
    return found


def test_who_holds_the_public_key_can_add_facts_and_nothing_else(world: World, capsys):
    before = {who: what_counts(who) for who in KNOWN}
    assert before[VICTIM]["address"].opted_in_at
    assert before[STOPPED]["address"].stopped_at
    names = list(TRICKS)
    per_day: list[Counter[tuple[str, str]]] = []
    for day in range(DAYS):
        world.now = NOW + DAY * day
        sent = len(mails())
        for trick in names[day::DAYS]:
            for who in (VICTIM, STOPPED, STRANGER):
                world.attack(trick, who)
            now = {who: what_counts(who) for who in KNOWN}
            assert [trick, *differing(before, now)] == [trick]
        world.tell()
        per_day.append(Counter(mailbox_and_kind(mail) for mail in mails()[sent:]))
    assert not [found for count in per_day for found in count.items() if found[1] > 1], "one mail a day"
    for who, least, most in ((STRANGER, 1, 3), (VICTIM, 1, 3), (STOPPED, 0, 0)):
        assert least <= sum(count[who.email, "confirm"] for count in per_day) <= most, who.name
    assert sum(count[who.email, "track"] for count in per_day for who in (STRANGER, STOPPED)) == 0
    asked = addresses.get_address(STRANGER.address)
    assert (asked.proven_at, asked.opted_in_at, asked.stopped_at) == (None, None, None)
    assert not [words for words in words_of_mails() if CANARY in words or EVIL in words]
    tried = sum(world.tried.values())
    with capsys.disabled():
        print(
            f"\n{tried} attempts, {len(world.tried)} routes, {len(TRICKS)} tricks: {world.taken} taken, {len(mails())} mails"
        )
    assert tried >= LEAST_TRIED
    assert set(world.tried) == {*CALLS, *(call[0] for call in CALLS), *BATCHES, *(f"form {way}" for way in FORMS)}
    assert world.taken > tried // 3, "tricks that are refused at the door try nothing behind it"


def test_a_public_key_opens_no_other_door(world: World):
    for path in (
        f"/v1/leads/{VICTIM.homes[0]}/adjustments", "/v1/outcomes", f"/v1/leads/{VICTIM.homes[0]}", "/v1/leads/lookup",
        f"/v1/leads/{VICTIM.homes[0]}/verdicts", f"/v1/leads/{VICTIM.homes[0]}/erase",
    ):  # fmt: skip
        for scheme in (f"Bearer {PUBLIC}", "Basic " + base64.b64encode(f"{PUBLIC}:".encode()).decode()):
            body = json.dumps({"points": 50, "reason": "x", "by": "x", "writeKey": PUBLIC, "email": VICTIM.email})
            assert world.request(path, body, {"authorization": scheme}) in (401, 403, 404)
    assert world.queued == []
