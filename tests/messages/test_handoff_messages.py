"""What people read about a handoff, and that nobody's name can say more than a name."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.companion.block_kit import faults
from shared.handoff import Clock, Handoff, ScoreLine, ScoreThen
from shared.instants import HOUR, MINUTE, parse_instant
from shared.lead import Lead, LeadEvent, Register
from shared.messages.handoff_facts import HandoffFacts, clean, handoff_facts, points_text
from shared.messages.plain_message import alert_subject, alert_text, breach_subject, breach_text
from shared.messages.slack_message import breach_message, escaped, handoff_message, warning_message
from shared.rules.routing import HandoffPolicy, Person, RejectReason, handoff_policy
from shared.rules.sla import Calendar

AT = parse_instant("2026-01-05T08:30:00Z")
POLICY = HandoffPolicy(
    channel="#sales-alerts",
    owners=(Person("maria", "Maria Lindqvist", slack="U0MARIA"), Person("jonas", "Jonas <Weber>")),
    manager=Person("helena", "Helena Novak", slack="U0HELENA"),
    calendar=Calendar("Europe/Stockholm", frozenset(range(5)), 9 * HOUR, 17 * HOUR),
    promises=(),
    reject_reasons=(RejectReason("not_ready", "Not ready to buy yet"), RejectReason("no_budget", "No budget")),
    suggested_step="Call and offer a demo.",
    mql="75 points & a sales page.",
)
HANDOFF = Handoff(
    lead_id="ugiizjmvldgsd5ye",
    number=1,
    version=1,
    state="open",
    priority="high",
    owner="maria",
    reason="a demo was requested",
    created_at=AT,
    clocks=(Clock("contact", AT + HOUR, AT + 45 * MINUTE), Clock("decide", AT + 48 * HOUR)),
    score=ScoreThen(86_250, "A", 4, tuple(ScoreLine(f"r{n}", f"Rule {n}", n * 10_000 - 5_000) for n in range(7))),
)


def lead(**values: Any) -> Lead:
    said = {"first_name": "Anna", "last_name": "Svensson", "company": "Nordwind", "title": "Director"} | values
    return Lead("ugiizjmvldgsd5ye", profile={k: Register(v, AT, "k", k != "title") for k, v in said.items()})


def event(event_name: str, /, *, source: Any = "server", verdict: Any = "human", **properties: Any) -> LeadEvent:
    return LeadEvent("e1", event_name, AT - MINUTE, AT, source, properties=properties, verdict=verdict)


def facts(handoff: Handoff = HANDOFF, known: Lead | None = None, *events: LeadEvent) -> HandoffFacts:
    return handoff_facts(handoff, known or lead(), events, POLICY)


def texts(value: Any) -> list[tuple[str, str]]:
    """Every text element of the blocks with its type."""
    if isinstance(value, dict):
        own = [(value["type"], value["text"])] if isinstance(value.get("text"), str) else []
        return own + [text for part in value.values() for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return []


def test_the_message_says_who_why_by_when_and_what_to_do():
    message = handoff_message(facts(HANDOFF, lead(), event("Page Viewed", name="Pricing")))
    said = "\n".join(text for _, text in texts(list(message.blocks)))
    for part in (
        "Anna Svensson, Nordwind",
        "*High priority* for <@U0MARIA>",
        "Grade *A*, *86.3 points*",
        "a demo was requested",
        "Title: Director",
        "+55  Rule 6",
        "and 2 more",
        "Mon 5 Jan 2026 09:29 CET: Viewed Pricing",
        "*Contact* by Mon 5 Jan 2026 10:30 CET (running)",
        "*Accept or reject* by Wed 7 Jan 2026 09:30 CET (running)",
        "Unproven, only a browser or form said so: title",
        "Next step: Call and offer a demo.",
        "MQL means: 75 points &amp; a sales page.",
    ):
        assert part in said
    assert faults(json.loads(json.dumps(message.blocks))) == []
    assert message.blocks[0]["block_id"] == message.block_id == "handoff#ugiizjmvldgsd5ye#1"


def buttons(handoff: Handoff) -> list[str]:
    blocks = handoff_message(facts(handoff)).blocks
    return [element["action_id"] for block in blocks if block["type"] == "actions" for element in block["elements"]]


def test_only_what_may_still_be_pressed_is_shown():
    assert buttons(HANDOFF) == ["accept", "contact", "reject"]
    assert buttons(replace(HANDOFF, state="accepted")) == ["contact", "won", "lost", "reject"]
    assert buttons(replace(HANDOFF, state="rejected")) == []
    assert buttons(replace(HANDOFF, state="closed")) == []


def test_a_press_carries_handoff_and_reason():
    elements = handoff_message(facts()).blocks[-1]["elements"]
    assert elements[0]["value"] == "ugiizjmvldgsd5ye#1"
    assert [option["value"] for option in elements[2]["options"]] == [
        "ugiizjmvldgsd5ye#1#not_ready",
        "ugiizjmvldgsd5ye#1#no_budget",
    ]


def test_the_message_says_who_took_the_lead():
    taken = replace(HANDOFF, state="accepted", decided_by="maria", decided_at=AT + 10 * MINUTE)
    said = [text for _, text in texts(list(handoff_message(facts(taken)).blocks))]
    assert "Accepted by Maria Lindqvist on Mon 5 Jan 2026 09:40 CET" in said


@pytest.mark.parametrize(
    ("clock", "status"),
    [
        (Clock("contact", AT + HOUR), "running"),
        (Clock("contact", AT + HOUR, warned_at=AT), "nearly due"),
        (Clock("contact", AT + HOUR, breached_at=AT + HOUR), "overdue"),
        (Clock("contact", AT + HOUR, met_at=AT + HOUR - 1), "done"),
        (Clock("contact", AT + HOUR, met_at=AT + HOUR), "done late"),
    ],
)
def test_a_clock_says_how_it_stands(clock: Clock, status: str):
    shown = facts(replace(HANDOFF, clocks=(clock,)))
    assert shown.clocks[0].status == status
    assert f"({status})" in json.dumps(handoff_message(shown).blocks)


def test_after_the_end_open_clocks_have_ended():
    assert {clock.status for clock in facts(replace(HANDOFF, state="closed")).clocks} == {"ended"}


def test_a_breach_names_manager_and_owner_and_a_warning_the_owner():
    breach, warning = breach_message(facts(), "contact"), warning_message(facts(), "contact")
    assert "<@U0HELENA>" in breach.text
    assert "<@U0MARIA>" in breach.text
    assert "<@U0MARIA>" in warning.text
    assert "<@U0HELENA>" not in warning.text
    assert len({breach.block_id, warning.block_id, breach_message(facts(), "decide").block_id}) == 3
    assert faults(json.loads(json.dumps([*breach.blocks, *warning.blocks]))) == []


def test_an_owner_without_slack_is_named():
    shown = facts(replace(HANDOFF, owner="jonas"))
    assert "for Jonas &lt;Weber&gt;" in json.dumps(handoff_message(shown).blocks)
    assert "for left" in json.dumps(handoff_message(facts(replace(HANDOFF, owner="left"))).blocks)


HOSTILE = [
    "<!channel> <@U0MARIA> <https://evil.example|click>",
    "*bold* _it_ `code` ~strike~",
    "a" * 5_000,
    "&" * 400,
    "line\nbreak\u2028and\ttab\x00",
    "\u202eevil\u2066",
    "",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_is_a_mention_markup_or_too_long(text: str):
    hostile = lead(**dict.fromkeys(("first_name", "last_name", "company", "title", "email", "phone", "country"), text))
    shown = facts(
        replace(HANDOFF, reason=text), hostile, event("Page Viewed", name=text), event(text or "x", title=text)
    )
    for message in (handoff_message(shown), breach_message(shown, "contact"), warning_message(shown, "contact")):
        assert faults(json.loads(json.dumps(message.blocks))) == []
        for kind, said in [*texts(list(message.blocks)), ("mrkdwn", message.text)]:
            ours = said.replace("<@U0MARIA>", "").replace("<@U0HELENA>", "")
            assert "<" not in ours
            assert ">" not in ours
            assert "\u202e" not in said
            if kind == "mrkdwn" and said != message.text:
                assert "evil" not in said  # what others said stands in plain text only
                assert "bold" not in said
    assert "\n" not in alert_subject(shown)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=400), most=st.integers(1, 200))
def test_escaped_text_fits_and_unescapes_to_a_beginning(text: str, most: int):
    short = escaped(text, max(most, 6))
    assert len(short) <= max(most, 6)
    plain = short.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain == text or text.startswith(plain.removesuffix("…").rstrip())


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(st.text(max_size=300), st.integers(), st.none(), st.lists(st.text(max_size=3)), st.booleans()))
def test_cleaned_text_is_one_short_line(text: Any):
    said = clean(text, 80)
    assert len(said) <= 80
    assert said.splitlines() in ([], [said])
    assert isinstance(text, str | int) or said == ""


@pytest.mark.parametrize(
    ("milli", "text"),
    [(86_000, "86"), (12_500, "12.5"), (-5_000, "-5"), (49, "0"), (-49, "0"), (86_250, "86.3"), (999, "1")],
)
def test_points_are_shown_with_a_decimal_only_where_there_is_one(milli: int, text: str):
    assert points_text(milli) == text


def test_last_actions_are_the_leads_own():
    shown = facts(
        HANDOFF,
        lead(),
        event("Lead Accepted", source="system"),
        event("Identified"),
        event("Email Opened", verdict="machine"),
        event("Email Link Clicked", source="system"),
        event("Form Submitted", form="demo"),
        event("Page Viewed", path="/pricing"),
        event("Webinar Attended", topic="Cold chains"),
        event("Screen Viewed"),
    )
    assert [action.split("CET: ")[1] for action in shown.actions] == [
        "Email Link Clicked",
        "Submitted the form demo",
        "Viewed /pricing",
        "Webinar Attended: Cold chains",
    ]


def test_what_mql_means_is_what_the_playbook_says(playbook: dict[str, Any]):
    assert handoff_policy(playbook).mql == "75 points with a visit to a sales page, or a request for a demo."


def test_machines_are_told_what_mql_means():
    assert facts().to_json()["mql_means"] == "75 points & a sales page."


def test_a_long_meaning_is_cut_and_none_is_not_shown():
    long = handoff_facts(HANDOFF, lead(), [], replace(POLICY, mql="a " * 400))
    assert len(long.mql) == 300
    assert faults(json.loads(json.dumps(handoff_message(long).blocks))) == []
    none = handoff_facts(HANDOFF, lead(), [], replace(POLICY, mql=""))
    assert "MQL means" not in json.dumps(handoff_message(none).blocks) + alert_text(none, "https://ripen.example")


def test_a_person_who_was_erased_has_no_name():
    shown = handoff_facts(HANDOFF, None, [], POLICY)
    assert shown.name == "A person who was erased"
    assert faults(json.loads(json.dumps(handoff_message(shown).blocks))) == []
    assert alert_text(shown, "https://ripen.example")


def test_a_person_without_a_name_goes_by_their_address():
    known = lead(first_name=None, last_name=None, email="anna@nordwind.example", company=None)
    assert facts(HANDOFF, known).name == "anna@nordwind.example"
    assert facts(HANDOFF, Lead("l")).name == "Name unknown"


def test_the_mail_says_the_same():
    shown = facts(HANDOFF, lead(), event("Page Viewed", name="Pricing"))
    text = alert_text(shown, "https://ripen.example")
    for part in (
        "Call now: Anna Svensson, Nordwind",
        "Owner: Maria Lindqvist",
        "a demo was requested",
        "MQL means: 75 points & a sales page.",
        "Contact by Mon 5 Jan 2026 10:30 CET",
        "Score: grade A, 86.3 points",
        "Viewed Pricing",
        "Unproven",
        "POST https://ripen.example/v1/handoffs/ugiizjmvldgsd5ye/1/accept",
    ):
        assert part in text
    assert "Helena Novak: Contact was due by" in breach_text(shown, "contact", "https://ripen.example")
    assert breach_subject(shown, "contact") == "Overdue (contact): Anna Svensson, Nordwind"
