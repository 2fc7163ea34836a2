"""What people read about a handoff, and that nobody's name can say more than a name."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.companion.block_kit import faults
from shared.handoff import Clock, Handoff, Handover, ScoreLine, ScoreThen
from shared.instants import HOUR, MINUTE, parse_instant
from shared.lead import Lead, LeadEvent, Register
from shared.messages.handoff_facts import HandoffFacts, clean, handoff_facts, points_text, run_of
from shared.messages.plain_message import alert_subject, alert_text, breach_subject, breach_text
from shared.messages.slack_dialog import DIALOGS, dialog, notice
from shared.messages.slack_message import breach_message, escaped, handoff_message, warning_message
from shared.rules.calendars import weekly
from shared.rules.routing import HandoffPolicy, Person, RejectReason, handoff_policy

AT = parse_instant("2026-01-05T08:30:00Z")
POLICY = HandoffPolicy(
    channel="#sales-alerts",
    owners=(Person("maria", "Maria Lindqvist", slack="U0MARIA"), Person("jonas", "Jonas <Weber>")),
    manager=Person("helena", "Helena Novak", slack="U0HELENA"),
    calendar=weekly("Europe/Stockholm", range(5), 9 * HOUR, 17 * HOUR),
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
    assert buttons(HANDOFF) == ["accept", "contact", "reject", "more"]
    assert buttons(replace(HANDOFF, state="accepted")) == ["contact", "won", "lost", "reject", "more"]
    assert buttons(replace(HANDOFF, state="rejected")) == []
    assert buttons(replace(HANDOFF, state="closed")) == []


def test_what_is_done_less_often_is_in_a_menu():
    def choices(handoff: Handoff) -> list[str]:
        return [option["value"] for option in handoff_message(facts(handoff)).blocks[-1]["elements"][-1]["options"]]

    said = [f"ugiizjmvldgsd5ye#1#{choice}" for choice in ("mail", "meeting", "snooze", "reassign", "convert")]
    assert choices(HANDOFF) == said[:-1]
    assert choices(replace(HANDOFF, state="accepted")) == said


def test_without_a_bot_a_press_carries_handoff_and_reason():
    elements = handoff_message(facts(), dialogs=False).blocks[-1]["elements"]
    assert [element["action_id"] for element in elements] == ["accept", "contact", "reject"]
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
    breach, warning = (
        breach_message(facts(), run_of(facts(), "contact"), POLICY.manager),
        warning_message(facts(), run_of(facts(), "contact")),
    )
    assert "<@U0HELENA>" in breach.text
    assert "<@U0MARIA>" in breach.text
    assert "<@U0MARIA>" in warning.text
    assert "<@U0HELENA>" not in warning.text
    assert (
        len(
            {
                breach.block_id,
                warning.block_id,
                breach_message(facts(), run_of(facts(), "decide"), POLICY.manager).block_id,
            }
        )
        == 3
    )
    assert faults(json.loads(json.dumps([*breach.blocks, *warning.blocks]))) == []


def test_an_owner_without_slack_is_named():
    shown = facts(replace(HANDOFF, owner="jonas"))
    assert "for Jonas &lt;Weber&gt;" in json.dumps(handoff_message(shown).blocks)
    assert "for left" in json.dumps(handoff_message(facts(replace(HANDOFF, owner="left"))).blocks)


def test_the_message_says_what_they_have_of_ours_already():
    downloads = [event("Asset Downloaded", asset="Buying guide"), event("Asset Downloaded", asset="Buying guide")]
    opened = event("Asset Downloaded", verdict="machine", asset="Fetched by a machine")
    mails = {f"awareness#awareness-{number}": AT - number * HOUR for number in range(1, 7)}
    shown = handoff_facts(HANDOFF, lead(), [*downloads, opened], POLICY, mails)
    assert [each.split("CET: ")[1] for each in shown.received] == [
        "Asset Downloaded: Buying guide", "Mail awareness-1", "Mail awareness-2", "Mail awareness-3", "Mail awareness-4",
    ]  # fmt: skip
    assert "Has of ours already" in json.dumps(handoff_message(shown).blocks)
    assert "Mail awareness-1" in alert_text(shown, {}, api_url="https://ripen.example")
    assert shown.to_json()["received"] == list(shown.received)


def test_the_message_says_what_sales_did_so_far():
    taken = replace(
        HANDOFF, state="accepted", decided_by="jonas", decided_at=AT, owner="jonas", routed="round robin: Jonas has 2 of 8",
        handovers=(Handover("maria", AT + MINUTE, "helena"),), snoozed_until=AT + 2 * HOUR, snoozed_by="jonas",
        contacted_by="jonas", contacted_at=AT, means="mail", opportunity="006-1", converted_by="jonas", note="Back in May",
        returned_from="no_budget",
    )  # fmt: skip
    shown = facts(taken)
    assert shown.so_far == (
        "Sales sent this lead back before: No budget",
        "Maria Lindqvist had it until Mon 5 Jan 2026 09:31 CET",
        "Put off until Mon 5 Jan 2026 11:30 CET by Jonas <Weber>",
        "Last contact: mail by Jonas <Weber> on Mon 5 Jan 2026 09:30 CET",
        "Opportunity 006-1 by Jonas <Weber>",
        "Note: Back in May",
    )
    said = json.dumps(handoff_message(shown).blocks)
    assert "Whose it is: round robin: Jonas has 2 of 8" in said
    assert "Jonas &lt;Weber&gt;" in said
    assert "Back in May" in alert_text(shown, {}, api_url="https://ripen.example")


@settings(max_examples=150, deadline=None)
@given(
    said=st.lists(st.text(max_size=6_000), min_size=9, max_size=9),
    reasons=st.lists(st.tuples(st.text(max_size=120), st.text(max_size=200)), max_size=130),
    many=st.integers(0, 30),
)
def test_whatever_people_say_slack_takes_the_message_and_its_dialogs(said: list[str], reasons: Any, many: int):
    policy = replace(
        POLICY,
        reject_reasons=tuple(RejectReason(f"r{n}", text or "-") for n, (_, text) in enumerate(reasons)),
        suggested_step=said[0], mql=said[1],
        owners=tuple(Person(f"p{n}", said[2] or "-") for n in range(many + 1)),
    )  # fmt: skip
    handoff = replace(
        HANDOFF, owner="p0", reason=said[3], note=said[4], routed=said[5], opportunity=said[6], converted_by="p0",
        score=replace(HANDOFF.score, lines=tuple(ScoreLine(f"r{n}", said[7], n) for n in range(many))),
        clocks=tuple(Clock(f"clock{n}", AT) for n in range(min(many, 8))),
        handovers=tuple(Handover("p0", AT, "p0") for _ in range(min(many, 20))),
    )  # fmt: skip
    fields = ("first_name", "last_name", "company", "title", "email", "phone", "country")
    known = lead(**dict.fromkeys(fields, said[8]))
    events = [event(said[8] or "x", title=said[7]), event("Asset Downloaded", asset=said[6])]
    for state in ("open", "accepted", "closed"):
        shown = handoff_facts(replace(handoff, state=state), known, events, policy, {f"t#{said[7]}": AT})
        for dialogs in (True, False):
            assert faults(json.loads(json.dumps(handoff_message(shown, dialogs=dialogs).blocks))) == []
    for kind in DIALOGS:
        options = [(reason.code, reason.text) for reason in policy.reject_reasons] or [("a", "b")]
        view = json.loads(json.dumps(dialog(kind, "ugiizjmvldgsd5ye#1", options)))
        assert faults(view["blocks"], limit=100) == []
        assert all(len(view[part]["text"]) <= 24 for part in ("title", "submit", "close"))
        assert faults(json.loads(json.dumps(notice(kind, said[0] or "-")))["blocks"], limit=100) == []


def test_of_very_many_reasons_slack_is_shown_what_it_takes():
    many = replace(POLICY, reject_reasons=tuple(RejectReason(f"r{n}", f"Reason {n}") for n in range(130)))
    shown = handoff_facts(HANDOFF, lead(), [], many)
    assert faults(json.loads(json.dumps(handoff_message(shown, dialogs=False).blocks))) == []
    view = dialog("reject", "ugiizjmvldgsd5ye#1", shown.reject_reasons)
    assert faults(json.loads(json.dumps(view["blocks"])), limit=100) == []


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
    for message in (
        handoff_message(shown),
        breach_message(shown, run_of(shown, "contact"), POLICY.manager),
        warning_message(shown, run_of(shown, "contact")),
    ):
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
    assert "MQL means" not in json.dumps(handoff_message(none).blocks) + alert_text(
        none, {}, api_url="https://ripen.example"
    )


def test_a_person_who_was_erased_has_no_name():
    shown = handoff_facts(HANDOFF, None, [], POLICY)
    assert shown.name == "A person who was erased"
    assert faults(json.loads(json.dumps(handoff_message(shown).blocks))) == []
    assert alert_text(shown, {}, api_url="https://ripen.example")


def test_a_person_without_a_name_goes_by_their_address():
    known = lead(first_name=None, last_name=None, email="anna@nordwind.example", company=None)
    assert facts(HANDOFF, known).name == "anna@nordwind.example"
    assert facts(HANDOFF, Lead("l")).name == "Name unknown"


def test_the_mail_says_the_same():
    shown = facts(HANDOFF, lead(), event("Page Viewed", name="Pricing"))
    text = alert_text(shown, {"accept": "https://ripen.example/s/accept/1t"}, api_url="https://ripen.example")
    for part in (
        "Accept: https://ripen.example/s/accept/1t",
        "answers as Maria Lindqvist",
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
    breach = breach_text(
        shown,
        run_of(shown, "contact"),
        shown.manager,
        {"reject": "https://ripen.example/s/reject/1t"},
        api_url="https://ripen.example",
    )
    assert "Helena Novak: Contact was due by" in breach
    assert "answers as Helena Novak" in breach
    assert "answers as" not in alert_text(shown, {}, api_url="https://ripen.example")
    assert breach_subject(shown, run_of(shown, "contact")) == "Overdue (contact): Anna Svensson, Nordwind"
