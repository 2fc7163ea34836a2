"""Who is at work: by what a browser says of itself, by its speed, by what people say later, whatever the order."""

import itertools
import random
from dataclasses import replace
from pathlib import Path

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given
from hypothesis import strategies as st

from shared.crawlers import OF_PEOPLE, crawlers
from shared.instants import DAY, HOUR, instant_text
from shared.lead import Judgement, Lead, LeadEvent
from shared.playbook import compile_playbook
from shared.rules import bots
from shared.rules.bots import VISIT_JUDGED, counted_as, joined_judgements, joined_views, judged, too_fast, verdict_of
from shared.rules.facts import apply_event, refiled
from shared.rules.model import Bots, scoring_model
from shared.rules.past import as_it_stood
from shared.rules.replay import Replay, apply, gathered
from shared.rules.scoring import evaluate
from tests.rules.models import START, a_model, a_rule, cases

BROWSERS = Path(__file__).with_name("browser_agents.txt").read_text(encoding="utf-8").splitlines()
"""What people's browsers say of themselves, from the fixtures of isbot (github.com/omrilotan/isbot, public domain)."""

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)

LISTED = Bots(names=crawlers().names, shapes=crawlers().shapes, headless=True, pages=20, within=10)
PAGES = a_rule("Page Viewed", 1000, most=500)
MODEL = a_model(PAGES, bots=LISTED)


@pytest.fixture(scope="module")
def default():
    return scoring_model(compile_playbook())


def view(number, at, *, agent=CHROME, source="public", **how):
    how = {"anonymous_id": "a", "properties": {"asset": number}, **how}
    context = {"userAgent": agent, **how.pop("context", {})}
    return LeadEvent(f"e{number}", "Page Viewed", at, how.pop("received_at", at), source, context=context, **how)


def by_hand(verdict, since, until, *, at=START + DAY, name="v1", lead_id="l"):
    said = {
        "verdict": verdict,
        "from": instant_text(since),
        "until": instant_text(until),
        "reason": "why",
        "by": "maria",
    }
    return LeadEvent(name, VISIT_JUDGED, at, at, "system", lead_id=lead_id, properties=said)


def burst(first, pages, *, start=0, **how):
    """Return page views of which four come every second."""
    return [view(start + number, first + number // 4, **how) for number in range(pages)]


def points(replay, at=START + 9 * DAY):
    return [evaluate(lead, replay.model, at).total // 1000 for lead in replay.leads()]


def only_lead(replay):
    (lead,) = replay.leads()
    return lead


# --- by the agent ---


def test_every_agent_the_list_was_made_from_is_a_machine(default):
    seen = [
        instance
        for entry in CRAWLER_USER_AGENTS_DATA
        if entry["pattern"] not in OF_PEOPLE
        for instance in entry["instances"]
    ]
    missed = [agent for agent in seen if verdict_of(view(1, START, agent=agent), default)[0] != "machine"]
    assert missed == []
    assert len(seen) > 2000


def test_every_pattern_of_people_is_still_in_the_list():
    assert {entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA} >= OF_PEOPLE


def test_the_browsers_of_people_are_no_machines(default):
    flagged = {agent: said for agent in BROWSERS if (said := verdict_of(view(1, START, agent=agent), default)[1])}
    assert flagged == {}
    assert len(BROWSERS) > 200
    for part in ("CUBOT", "Instagram", "FBAN", "LinkedInApp", "MicroMessenger", "MSIE 6.0", "Electron"):
        assert any(part in agent for agent in BROWSERS)


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1 HeadlessEdg/1 Safari/537.36",
        "Mozilla/5.0 (Unknown; Linux) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
        "Mozilla/5.0 (linux) AppleWebKit/537.36 (KHTML, like Gecko) jsdom/22.1.0",
    ],
)
def test_headless_browsers_are_machines_and_the_reason_names_what_gave_them_away(default, agent):
    verdict, reason = verdict_of(view(1, START, agent=agent), default)
    assert verdict == "machine"
    assert reason.split("'")[1] in agent


def test_a_browser_that_a_program_drives_is_a_machine_unless_the_playbook_looks_away():
    driven = view(1, START, context={"webdriver": True})
    assert verdict_of(driven, MODEL) == ("machine", "a program drives the browser")
    assert verdict_of(driven, a_model(bots=replace(LISTED, headless=False))) == ("human", "")
    assert verdict_of(view(1, START, context={"webdriver": "true"}), MODEL) == ("human", "")


def test_only_what_a_public_key_sent_is_judged_by_its_agent():
    for source in ("server", "system"):
        assert verdict_of(view(1, START, agent="python-requests/2.31", source=source), MODEL) == ("human", "")
    assert verdict_of(view(1, START, agent="python-requests/2.31"), MODEL)[0] == "machine"


def test_the_stricter_of_the_events_own_verdict_and_ours_holds():
    own = {"verdict": "unsure", "verdict_reason": "prefetched"}
    assert verdict_of(replace(view(1, START), **own), MODEL) == ("unsure", "prefetched")
    assert verdict_of(replace(view(1, START, agent=GOOGLEBOT), **own), MODEL)[0] == "machine"
    own = {"verdict": "machine", "verdict_reason": "our own"}
    assert verdict_of(replace(view(1, START, agent=GOOGLEBOT), **own), MODEL) == ("machine", "our own")


def test_the_playbooks_own_texts_are_compared_without_case_and_never_wins():
    ours = a_model(bots=replace(LISTED, also=("acmemonitor",), never=("googlebot",)))
    assert verdict_of(view(1, START, agent="AcmeMonitor/1"), ours)[0] == "machine"
    assert verdict_of(view(1, START, agent=GOOGLEBOT), ours) == ("human", "")
    assert verdict_of(view(1, START, agent="acmemonitor googlebot"), ours) == ("human", "")


def test_an_agent_is_read_to_a_length_and_what_is_no_text_is_nobodys():
    assert verdict_of(view(1, START, agent="x" * 600 + "Googlebot/2.1"), MODEL)[0] == "human"
    for agent in (5, None, [], {}, ""):
        assert verdict_of(view(1, START, agent=agent), MODEL) == ("human", "")


def test_one_agent_is_looked_up_once():
    bots._by_agent.cache_clear()
    for number in range(50):
        verdict_of(view(number, START), MODEL)
    assert bots._by_agent.cache_info().misses == 1


def test_a_playbook_from_before_there_were_verdicts_judges_nobody(default):
    old = {name: said for name, said in compile_playbook().items() if name != "bots"}
    assert verdict_of(view(1, START, agent=GOOGLEBOT), scoring_model(old)) == ("human", "")
    assert verdict_of(view(1, START, agent=GOOGLEBOT), default)[0] == "machine"


# --- what counts ---


def test_what_a_machine_did_stays_and_counts_nothing():
    crawled = [view(number, START + number * HOUR, agent=GOOGLEBOT) for number in range(3)]
    replay = gathered([*crawled, view(9, START)], MODEL, "key")
    lead = only_lead(replay)
    assert points(replay) == [1]
    assert len(lead.facts[PAGES.filing]) == 4
    assert {fact.verdict for fact in lead.facts[PAGES.filing]} == {"human", "machine"}
    assert len(replay.timelines[lead.lead_id]) == 4


def test_a_machines_day_is_no_activity_and_its_link_no_touch():
    campaign = {"campaign": {"source": "news", "name": "may"}}
    crawled = view(1, START, agent=GOOGLEBOT, context=campaign)
    model = a_model(PAGES, bots=LISTED, touches=True)
    assert only_lead(gathered([crawled], model, "key")).days == frozenset()
    assert only_lead(gathered([crawled], model, "key")).profile == {}
    clicked = gathered([view(1, START, context=campaign)], model, "key")
    assert (len(only_lead(clicked).days), len(only_lead(clicked).profile)) == (1, 2)


def test_machines_count_like_people_where_the_playbook_says_so_and_are_told_all_the_same():
    model = a_model(PAGES, bots=replace(LISTED, score=True))
    replay = gathered([view(1, START, agent=GOOGLEBOT), *burst(START + HOUR, 21, start=10)], model, "key")
    assert points(replay) == [22]
    assert judged(view(1, START, agent=GOOGLEBOT), model, ())[0] == "machine"
    assert judged(view(10, START + HOUR), model, only_lead(replay).judgements)[0] == "machine"
    assert counted_as(replace(view(1, START), verdict="machine"), model, ()) == "machine"


def test_a_newer_list_has_every_lead_filed_again_from_its_timeline():
    """In both directions: a crawler nobody knew, and one that turned out to be people."""
    events = [view(1, START, agent="NewBot/1"), view(2, START + 1, agent=GOOGLEBOT), view(3, START + 2)]
    replay = gathered(events, MODEL, "key")
    assert points(replay) == [2]
    replay.model = replace(MODEL, filed="newer", bots=replace(LISTED, names=("NewBot",), shapes=()))
    replay = again(replay)
    assert points(replay) == [2]
    assert {fact.verdict: fact.event for fact in only_lead(replay).facts[PAGES.filing]}["machine"] == bots.event_key(
        "e1"
    )


def again(replay):
    """Have every lead filed by the model in force, as publishing it does."""
    for lead in replay.leads():
        replay.homes[lead.lead_id] = refiled(lead, *replay.past(lead), replay.model)
    return replay


# --- by speed ---


def test_more_pages_than_a_person_reads_are_a_machines_visit():
    replay = gathered(burst(START, 21), MODEL, "key")
    (judgement,) = only_lead(replay).judgements
    assert (judgement.verdict, judgement.reason) == ("machine", "more than 20 page views within 10 seconds")
    assert judgement.since <= START <= judgement.until
    assert (judgement.since % HOUR, (judgement.until + 1) % HOUR) == (0, 0)
    assert points(replay) == [0]
    assert only_lead(replay).filed == MODEL.filed


@pytest.mark.parametrize(
    "events",
    [
        burst(START, 20),
        [view(number, START + number // 2) for number in range(40)],
        [view(number, START + number // 4, anonymous_id=f"a{number % 2}", user_id="u") for number in range(30)],
        burst(START, 40, source="server"),
        burst(START, 40, received_at=START + 2 * DAY),
        [replace(each, history=True) for each in burst(START, 40)],
        [replace(each, event_id="one and the same") for each in burst(START, 40)],
        [replace(each, name="Clicked") for each in burst(START, 40)],
        burst(START, 40, anonymous_id=None, email="victim@example.com"),
    ],
    ids=[
        "twenty",
        "slower",
        "two browsers",
        "a server",
        "long ago",
        "imported",
        "one event again",
        "no pages",
        "no browser",
    ],
)
def test_what_a_person_can_do_is_no_machines_visit(events):
    assert only_lead(gathered(events, MODEL, "key")).judgements == ()


def test_a_visit_judged_again_and_again_is_judged_from_its_first_hour_to_its_last():
    crawl = [view(number, START + number // 3) for number in range(3 * 3 * HOUR // 60)]
    crawl += [view(10_000 + number, START + HOUR + number // 3) for number in range(300)]
    crawl += [view(20_000 + number, START + 2 * HOUR + number // 3) for number in range(300)]
    replay = gathered(crawl, MODEL, "key")
    last = only_lead(replay).judgements[-1]
    assert last.until - last.since == 3 * HOUR - 1
    assert points(replay) == [0]


def test_ever_new_browsers_have_a_lead_judged_ten_times_an_hour_at_most():
    many = [
        each
        for number in range(30)
        for each in burst(START + number * 60, 21, start=100 * number, anonymous_id=f"a{number}", user_id="u")
    ]
    replay = gathered(many, MODEL, "key")
    judgements = [each for place in replay.timelines.values() for each in place if each.name == VISIT_JUDGED]
    assert len(judgements) == len(only_lead(replay).judgements) == bots.JUDGEMENTS_KEPT
    apply(replay, burst(START + 2 * HOUR, 21, start=9000, anonymous_id="b", user_id="u"))
    assert max(each.since for each in only_lead(replay).judgements) >= START + HOUR


def test_another_browser_another_hour_and_a_server_are_not_judged_along():
    others = [
        view(100, START + 5, anonymous_id="b", user_id="u"),
        view(101, START + 2 * HOUR, user_id="u"),
        view(102, START + 5, source="server", user_id="u"),
    ]
    replay = gathered([*burst(START, 30, user_id="u"), *others], MODEL, "key")
    assert points(replay) == [3]


def test_a_page_that_comes_later_is_judged_with_its_visit():
    (judgement,) = only_lead(gathered(burst(START, 21), MODEL, "key")).judgements
    late = view(500, judgement.until, received_at=START + 2 * DAY)
    assert judged(late, MODEL, (judgement,))[0] == "machine"
    assert judged(view(501, judgement.until + 1), MODEL, (judgement,))[0] == "human"


def test_finding_it_twice_is_finding_it_once():
    events = burst(START, 21)
    lead = only_lead(gathered(events[:20], MODEL, "key"))

    applied = apply_event(lead, events[20], MODEL)
    found = too_fast(applied, events[20], MODEL)
    assert too_fast(applied, events[20], MODEL) == found
    once = apply_event(applied, found, MODEL)
    assert apply_event(once, found, MODEL) == once
    assert too_fast(once, events[20], MODEL) is None


def test_what_is_judged_are_the_whole_hours_of_the_visit():
    (judgement,) = only_lead(gathered(burst(START + HOUR - 2, 21), MODEL, "key")).judgements
    assert (judgement.since, judgement.until) == (START - START % HOUR, START - START % HOUR + 2 * HOUR - 1)


def test_what_covers_a_judgement_makes_no_room_for_one_that_was_pushed_out():
    short = [Judgement(1, f"j{number}", START + number, START + number, "machine", "", "", "v") for number in range(11)]
    wide = Judgement(2, "wide", START, START + 10, "machine", "", "", "v")
    early, late = (), (wide,)
    for each in short:
        early, late = joined_judgements(early, (each,)), joined_judgements(late, (each,))
    assert joined_judgements(early, (wide,)) == late


def test_readers_see_the_verdict_that_holds_and_why():
    seen = bots.with_verdict(view(1, START, agent=GOOGLEBOT), MODEL, ())
    assert (seen.verdict, bool(seen.verdict_reason)) == ("machine", True)
    assert bots.with_verdict(view(1, START), MODEL, ()) == view(1, START)


def test_of_copies_of_a_click_the_strictest_verdict_holds_in_any_order():
    copies = [clicked(), clicked(verdict="machine"), clicked(verdict="unsure")]
    for order in itertools.permutations(copies):
        assert {each.verdict for each in bots.joined_copies(order)} == {"machine"}


def test_of_a_stretch_no_more_views_are_remembered_than_the_watch_needs():
    lead = only_lead(gathered(burst(START, 400), MODEL, "key"))
    assert len(lead.views) == 21
    many = tuple(bots.View(START, f"{n}", f"v{n % 4}") for n in range(120))
    assert len(joined_views((), many, LISTED)) == 42
    slow = only_lead(gathered([view(number, START + number * 60) for number in range(9)], MODEL, "key"))
    assert len(slow.views) == 1


# --- by people ---


def test_a_person_may_say_that_it_was_a_machine_and_take_it_back():
    events = [view(number, START + number * 60) for number in range(5)]
    replay = gathered(events, MODEL, "key")
    home = only_lead(replay).lead_id
    told = [
        by_hand("machine", START, START + 150, lead_id=home),
        by_hand("human", START, START + 150, lead_id=home, at=START + 2 * DAY, name="v2"),
    ]
    assert points(gathered([*events, told[0]], MODEL, "key")) == [2]
    assert points(gathered([*events, *told], MODEL, "key")) == [5]


def test_a_person_who_says_human_is_believed_over_agent_flag_speed_and_the_events_own_verdict():
    events = [
        *burst(START, 30),
        view(100, START + 20, agent=GOOGLEBOT),
        view(101, START + 21, context={"webdriver": True}),
        replace(view(102, START + 22), verdict="machine"),
        view(103, START + 2 * HOUR, agent=GOOGLEBOT),
    ]
    home = only_lead(gathered(events, MODEL, "key")).lead_id
    said = by_hand("human", START, START + HOUR, lead_id=home)
    assert points(gathered([*events, said], MODEL, "key")) == [33]
    lead = only_lead(gathered([*events, said], MODEL, "key"))
    assert judged(events[0], MODEL, lead.judgements) == ("human", "maria: why")


def test_of_two_people_the_later_is_believed():
    first, second = (
        Judgement(at, f"j{at}", START, START + 9, verdict, "why", by=by)
        for at, verdict, by in ((1, "machine", "a"), (2, "human", "b"))
    )
    for judgements in ((first, second), joined_judgements((second,), (first,))):
        assert judged(view(1, START, agent=GOOGLEBOT), MODEL, judgements) == ("human", "b: why")
    later = first._replace(at=3)
    assert judged(view(1, START), MODEL, joined_judgements((first, second), (later,)))[0] == "machine"


def test_the_past_is_seen_with_what_is_known_now():
    events = [view(number, START + number * 60) for number in range(5)]
    home = only_lead(gathered(events, MODEL, "key")).lead_id
    replay = gathered([*events, by_hand("machine", START, START + 60, lead_id=home)], MODEL, "key")
    then = as_it_stood(only_lead(replay), replay.past(only_lead(replay))[0], MODEL, START + 200)
    assert evaluate(then, MODEL, START + 200).total == 2000


# --- whatever the order ---


def test_judgements_and_events_in_any_order_are_one_lead():
    events = [view(1, START), view(2, START + 60, agent=GOOGLEBOT), view(3, START + 120)]
    home = only_lead(gathered(events, MODEL, "key")).lead_id
    events.append(by_hand("machine", START, START + 30, lead_id=home))
    events.append(by_hand("human", START + 30, START + 90, lead_id=home, name="v2"))
    found = set()
    for order in itertools.permutations(events):
        if order[0].lead_id is not None:
            continue  # a judgement of nobody yet is dropped
        lead = arrived(order)
        found.add(
            (str(sorted(lead.facts.items())), lead.days, lead.judgements, evaluate(lead, MODEL, START + DAY).total)
        )
    assert len(found) == 1
    assert found.pop()[3] == 2000


def arrived(order):
    """Return the only lead of the events, which come in this order."""
    replay = Replay(MODEL, "key")
    for event in order:
        apply(replay, [event])
    return only_lead(replay)


judgements = st.builds(
    lambda at, since, length, verdict, by, visitor: Judgement(  # far more stretches than are kept
        at, f"{since}{length}{verdict}{by}{visitor}", since, since + length, verdict, "", by, "" if by else visitor
    ),
    st.integers(0, 9),
    st.integers(0, 40),
    st.integers(0, 3),
    st.sampled_from(["human", "machine"]),
    st.sampled_from(["", "", "ann", "bob"]),
    st.sampled_from(["", "v"]),
)
chances = st.integers(0, 2**32).map(random.Random)


@cases
@given(st.lists(judgements, min_size=15, max_size=60), chances)
def test_any_way_of_joining_judgements_gives_the_same(said, chance):
    whole = ()
    for each in said:
        whole = joined_judgements(whole, (each,))
    parts = [()] * 3
    for each in chance.sample([*said, *said], 2 * len(said)):
        number = chance.randrange(3)
        parts[number] = joined_judgements(parts[number], (each,))
    chance.shuffle(parts)
    assert joined_judgements(joined_judgements(parts[0], parts[1]), parts[2]) == whole
    assert sum(bool(each.by) for each in whole) <= 10
    assert sum(not each.by for each in whole) <= 10


@cases
@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 30)), max_size=150), chances)
def test_any_way_of_joining_views_gives_the_same(said, chance):
    views = [bots.View(at, str(number), f"v{number % 4}") for number, at in said]
    whole = ()
    for each in views:
        whole = joined_views(whole, (each,), LISTED)
    other = ()
    for each in chance.sample([*views, *views], 2 * len(views)):
        other = joined_views(other, (each,), LISTED)
    assert other == whole
    assert len(whole) <= 2 * (LISTED.pages + 1)


def test_a_merge_brings_judgements_and_judges_what_the_other_did():
    """Whether the visitor says who they are after the visit or in the midst of it."""
    visit = burst(START, 21)
    named = [view(200, START + 5, user_id="u"), view(201, START + HOUR * 3, user_id="u")]
    one, other = arrived([*visit, *named]), arrived([named[0], *visit, named[1]])
    assert one.judgements[0].since == other.judgements[0].since
    assert evaluate(one, MODEL, START + 9 * DAY).total == 1000
    assert evaluate(other, MODEL, START + 9 * DAY).total == 1000


def test_what_is_no_judgement_is_refused():
    good = by_hand("machine", START, START + 1)
    for field in ("verdict", "from", "until", "reason"):
        said = {name: value for name, value in good.properties.items() if name != field}
        with pytest.raises(KeyError):
            bots.judgement_of(replace(good, properties=said), "k")
    with pytest.raises(ValueError, match="verdict"):
        bots.judgement_of(replace(good, properties={**good.properties, "verdict": "guilty"}), "k")
    assert bots.judgement_of(replace(good, source="server"), "k") == ()


def test_of_the_watch_those_stay_that_reach_furthest_whenever_they_were_found():
    said = [Judgement(100 - n, f"j{n}", n * HOUR, n * HOUR + 9, "machine", "", visitor="v") for n in range(12)]
    for order in (said, said[::-1]):
        kept = ()
        for each in order:
            kept = joined_judgements(kept, (each,))
        assert {each.since for each in kept} == {n * HOUR for n in range(2, 12)}


def test_a_lead_without_judgements_is_filed_as_ever():
    assert only_lead(gathered([view(1, START)], MODEL, "key")).filed == MODEL.filed
    assert Lead("l").judgements == Lead("l").views == ()


# clicks and opens of mails, which their source judges

CLICKS = a_rule("Email Link Clicked", 5000, most=3)


def clicked(number=1, at=START, verdict="human", **properties):
    reason = "" if verdict == "human" else "why"
    return LeadEvent(
        f"c{number}", "Email Link Clicked", at, at, "system", lead_id="l", properties=properties, verdict=verdict,
        verdict_reason=reason,
    )  # fmt: skip


def filed_again(model, *events):
    """The lead as it stands after the events, and filed again when one of them asked for that."""
    lead = Lead("l", filed=model.filed)
    for number, event in enumerate(events):
        lead = apply_event(lead, event, model)
        if lead.filed != model.filed:
            lead = refiled(lead, events[: number + 1], frozenset(), model)
    return lead


def test_a_click_judged_again_is_taken_back_with_its_active_day_whichever_copy_comes_first():
    model = replace(a_model(CLICKS), activity=frozenset({"Email Link Clicked"}))
    machine = clicked(verdict="machine", judged_again=True)
    for order in itertools.permutations([clicked(), machine, clicked()]):
        lead = filed_again(model, *order)
        assert evaluate(lead, model, START + DAY).engagement == 0
        assert lead.days == frozenset()
    assert filed_again(model, clicked()).days


def test_an_active_day_is_taken_back_though_no_rule_asks_for_clicks():
    model = replace(a_model(PAGES), activity=frozenset({"Email Link Clicked"}))
    assert filed_again(model, clicked()).days
    assert not filed_again(model, clicked(), clicked(verdict="machine", judged_again=True)).days


def test_another_click_of_that_day_keeps_it_active():
    model = replace(a_model(CLICKS), activity=frozenset({"Email Link Clicked"}))
    lead = filed_again(model, clicked(), clicked(2, START + 60), clicked(verdict="machine", judged_again=True))
    assert len(lead.days) == 1
    assert evaluate(lead, model, START + HOUR).engagement == 5000


def test_only_clicks_and_opens_of_our_own_are_judged_again():
    """A server may give a verdict of its own, and means that event alone."""
    model = a_model(CLICKS)
    server = replace(clicked(verdict="machine", judged_again=True), source="server")
    assert not bots.is_judged_again(Lead("l"), server, model)
    assert bots.joined_copies([replace(clicked(), source="server"), server]) == [
        replace(clicked(), source="server"), server,
    ]  # fmt: skip
    assert [each.verdict for each in bots.joined_copies([clicked(), clicked(verdict="unsure")])] == ["unsure"] * 2


def test_a_person_s_click_long_after_a_scan_has_nothing_filed_again():
    model = a_model(CLICKS)
    lead = apply_event(Lead("l"), clicked(verdict="machine"), model)
    assert bots.is_judged_again(lead, clicked(2, START + DAY), model)
    assert not bots.is_judged_again(lead, clicked(2, START + DAY + 1), model)


def test_a_machine_s_click_counts_where_the_playbook_says_that_machines_do():
    counting = Bots(score=True)
    assert counted_as(clicked(verdict="machine"), a_model(CLICKS, bots=counting), ()) == "human"
    assert counted_as(clicked(verdict="machine"), a_model(CLICKS), ()) == "machine"
