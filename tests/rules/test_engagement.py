"""Who follows the links of a mail: what a scanner gives away, what a person does, and when the score is told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.engagement import EVENTS, FOOTER, Touch
from shared.instants import DAY, MINUTE
from shared.lead import STRICTNESS
from shared.rules.engagement import (
    HELD_AT_MOST,
    TOUCHES_KEPT,
    Judged,
    Mail,
    MailBots,
    judged,
    kept,
    mail_bots,
    sign_of,
    to_tell,
)
from shared.rules.mail_networks import PRELOADERS, SCANNERS, machine_network
from shared.rules.model import Bots, bots_of
from tests.rules.test_bots import CHROME, GOOGLEBOT

T = 20_000 * DAY
POLICY = MailBots()
MAIL = Mail(frozenset({"guide", "pricing", "demo"}))
ONE_LINK = Mail(frozenset({"guide"}))


def touch(at=0, link="guide", kind="click", *, agent="chrome", **said) -> Touch:
    link = "" if kind in ("open", "decoy") else FOOTER if kind == "page" else link
    return Touch(f"{kind}:{link}:{at}:{agent}:{said.get('by', '')}", kind, T + at, link, agent=agent, **said)


def verdicts(*touches: Touch, mail: Mail = MAIL, policy: MailBots = POLICY) -> list[str]:
    return [each.verdict for each in judged(touches, policy, mail)]


def test_one_click_is_a_person_s():
    assert judged([touch()], POLICY, MAIL) == (Judged(touch(), "human", ""),)


def test_two_links_read_one_after_the_other_are_a_person_s():
    assert verdicts(touch(0), touch(40, "pricing"), touch(90, "guide")) == ["human"] * 3


def test_three_links_within_ten_seconds_are_a_burst_whichever_of_them_is_asked_about():
    assert verdicts(touch(0), touch(5, "pricing"), touch(10, "demo")) == ["machine"] * 3
    reasons = {each.reason for each in judged([touch(0), touch(5, "pricing"), touch(10, "demo")], POLICY)}
    assert reasons == {"3 links or more were followed within 10 seconds"}


def test_three_links_within_eleven_seconds_are_no_burst():
    known = Mail(frozenset({"guide", "pricing", "demo", "answers"}))
    assert verdicts(touch(0), touch(6, "pricing"), touch(11, "demo"), mail=known) == ["human"] * 3


def test_the_burst_is_what_the_playbook_says_it_is():
    clicks = touch(0), touch(5, "pricing"), touch(10, "demo")
    assert verdicts(*clicks, policy=MailBots(links=4), mail=Mail()) == ["human"] * 3
    assert verdicts(*clicks, policy=MailBots(within=9), mail=Mail()) == ["human"] * 3


def test_every_link_of_a_mail_within_ten_seconds_is_a_burst_though_there_are_but_two():
    two = Mail(frozenset({"guide", "pricing"}))
    assert verdicts(touch(0), touch(7, "pricing"), mail=two) == ["machine"] * 2
    assert verdicts(touch(0), touch(11, "pricing"), mail=two) == ["human"] * 2


def test_a_mail_with_one_link_has_no_burst():
    assert verdicts(touch(0), touch(7), mail=ONE_LINK) == ["human"] * 2


def test_two_links_at_once_are_a_machine_s_and_the_same_link_twice_is_a_double_click():
    assert verdicts(touch(0), touch(1, "pricing")) == ["machine"] * 2
    assert verdicts(touch(0), touch(2, "pricing")) == ["human"] * 2
    assert verdicts(touch(0), touch(1)) == ["human"], "a double click is one"


def test_two_browsers_at_the_same_link_at_once_are_not_sure_to_be_people():
    assert verdicts(touch(0), touch(1, agent="other")) == ["unsure"] * 2


@pytest.mark.parametrize("at", [-60, -1, 0, 60])
def test_a_click_within_a_minute_of_the_decoy_is_a_machine_s(at):
    assert verdicts(touch(at), touch(0, kind="decoy", agent="other")) == ["machine"]


def test_a_click_further_from_the_decoy_is_one_only_if_the_same_browser_made_it():
    assert verdicts(touch(-61), touch(0, kind="decoy", agent="other")) == ["human"]
    assert verdicts(touch(-61), touch(0, kind="decoy")) == ["machine"]
    assert verdicts(touch(-15 * MINUTE - 1), touch(0, kind="decoy")) == ["human"]
    assert verdicts(touch(-61, agent=""), touch(0, kind="decoy", agent="")) == ["human"]


def test_a_link_that_was_asked_about_by_head_is_followed_by_a_machine():
    assert verdicts(touch(0, kind="head"), touch(30)) == ["machine"]
    assert verdicts(touch(0, kind="head", agent="other"), touch(10)) == ["unsure"]
    assert verdicts(touch(0, kind="head", agent="other"), touch(11)) == ["human"]


def test_what_asks_by_head_is_a_machine_whatever_else_it_follows():
    assert verdicts(touch(0, "pricing", "head"), touch(30)) == ["machine"]


@pytest.mark.parametrize("pace", [11, 20, 59, 120])
def test_a_scan_that_takes_its_time_is_known_by_the_footer(pace):
    scan = [touch(pace * number, link) for number, link in enumerate(sorted(MAIL.links))]
    assert verdicts(*scan, touch(pace * 3, kind="page")) == ["machine"] * 3


def test_whoever_follows_every_link_but_the_footer_s_may_be_a_person():
    scan = [touch(20 * number, link) for number, link in enumerate(sorted(MAIL.links))]
    assert verdicts(*scan) == ["unsure"] * 3


def test_who_read_everything_and_then_unsubscribed_is_a_person():
    read = [touch(100 * number, link) for number, link in enumerate(sorted(MAIL.links))]
    assert "machine" not in verdicts(*read, touch(400, kind="page"), mail=replace(MAIL, stopped=True))


def test_of_a_mail_with_one_link_the_footer_tells_only_when_it_is_followed_within_a_minute():
    assert verdicts(touch(0), touch(20, kind="page"), mail=ONE_LINK) == ["machine"]
    assert verdicts(touch(0), touch(61, kind="page"), mail=ONE_LINK) == ["human"]


def test_a_look_at_the_footer_s_page_alone_says_nothing_of_a_click():
    assert verdicts(touch(0), touch(20, kind="page")) == ["human"]


def test_what_a_known_machine_follows_makes_nobody_else_one():
    known = [touch(number, link, agent="bot", sign="machine", said="why") for number, link in enumerate(MAIL.links)]
    assert verdicts(*known, touch(8, agent="chrome"))[-1] == "human"
    assert verdicts(*known) == ["machine"] * 3


def test_a_browser_that_fetched_a_page_ahead_has_a_person_before_it():
    ahead = touch(0, sign="machine", said="the request says that it is a prefetch")
    assert verdicts(ahead, touch(5)) == ["machine", "human"]


def test_the_browser_of_a_burst_is_a_machine_a_minute_longer():
    burst = touch(0), touch(2, "pricing"), touch(4, "demo")
    known = Mail(frozenset({*MAIL.links, "answers", "trial"}))
    assert verdicts(*burst, touch(64, "answers"), touch(120, "trial"), mail=known) == ["machine"] * 5
    assert verdicts(*burst, touch(65, "answers"), mail=known)[-1] == "human"
    assert verdicts(*burst, touch(30, "answers", agent="other"), mail=known)[-1] == "human"


def test_an_open_in_the_middle_of_a_scan_is_the_scan_s():
    burst = touch(0), touch(2, "pricing"), touch(4, "demo")
    assert verdicts(touch(0, kind="open"), *burst)[0] == "machine"
    assert verdicts(touch(0, kind="open"), touch(30, kind="decoy", agent="other")) == ["machine"]
    assert verdicts(touch(0, kind="open"), touch(1)) == ["human", "human"]


def test_a_click_that_ses_saw_too_is_one_and_takes_what_ses_says_of_it():
    assert verdicts(touch(3), touch(0, by="ses")) == ["human"]
    marked = touch(0, by="ses", sign="machine", said="SES says so")
    (found,) = judged([touch(3), marked], POLICY, MAIL)
    assert (found.touch.by, found.verdict, found.reason) == ("links", "machine", "SES says so")
    assert verdicts(touch(0, by="ses"), touch(11)) == ["human", "human"]
    assert verdicts(touch(0, by="ses"), touch(3, "pricing")) == ["human", "human"]


@pytest.mark.parametrize(
    ("kind", "agent", "verdict"),
    [
        ("click", CHROME, "human"),
        ("click", GOOGLEBOT, "machine"),
        ("click", "Mozilla/5.0 (compatible; BarracudaCentral)", "machine"),
        ("click", "Microsoft Office Existence Discovery", "machine"),
        ("click", "", "unsure"),
        ("open", "", "human"),
        ("open", CHROME, "human"),
        ("open", "Mozilla/5.0", "machine"),
        ("open", "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", "unsure"),
        ("open", "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "unsure"),
    ],
)
def test_an_agent_says_what_it_is(playbook, kind, agent, verdict):
    assert sign_of(kind, agent, bots_of(playbook))[0] == verdict


def test_an_agent_that_the_playbook_knows_as_a_person_s_is_one():
    assert sign_of("click", "Barracuda Browser", Bots(never=("barracuda browser",))) == ("human", "")


def test_networks_of_scanners_are_known_and_those_of_people_are_not():
    assert machine_network("64.235.144.1", is_open=False) == "Barracuda"
    assert machine_network("64.235.159.255", is_open=False) == "Barracuda"
    assert machine_network("64.235.160.0", is_open=False) == ""
    assert machine_network("17.1.2.3", is_open=True) == "Apple"
    assert machine_network("17.1.2.3", is_open=False) == "", "people at Apple click too"
    for nothing in ("", "203.0.113.7", "2001:db8::1", "nonsense", "64.235.144"):
        assert machine_network(nothing, is_open=True) == ""
    assert all(ranges for ranges in {**SCANNERS, **PRELOADERS}.values())


def test_a_playbook_of_before_judges_by_the_usual_numbers(playbook):
    assert mail_bots({}) == mail_bots({"bots": {}}) == mail_bots(playbook) == MailBots(3, 10, 60)


def test_of_copies_of_a_touch_the_one_that_says_more_stays():
    plain, marked = touch(), touch(sign="machine", said="why", told="human")
    assert kept([plain, marked]) == kept([marked, plain, plain]) == (marked,)


def test_the_newest_touches_are_kept_and_those_not_told_yet_before_all():
    first = touch(0)
    others = [touch(10 + number, kind="open", told="human") for number in range(2 * TOUCHES_KEPT)]
    held = kept([first, *others])
    assert len(held) == TOUCHES_KEPT
    assert held[0] == first
    assert held[-1] == others[-1]
    assert kept([replace(first, told="human"), *others])[0] == others[TOUCHES_KEPT]
    assert len(kept([touch(number) for number in range(50)])) == TOUCHES_KEPT


@pytest.mark.parametrize("kind", ["click", "open"])
def test_what_tells_a_machine_is_not_pushed_out_by_what_comes_after(kind: str):
    """The decoy, then one click by the same browser, then more than is kept before anything was told."""
    every: tuple[Touch, ...] = ()
    for each in [
        touch(0, kind="decoy"),
        *(touch(70 + number, kind=kind, agent="other") for number in range(0, 80, 2)),
        touch(300),
    ]:
        every = kept([*every, each])
    assert len(every) == TOUCHES_KEPT
    assert judged(every, POLICY, MAIL)[-1].verdict == "machine"


def test_a_slow_scan_is_one_however_many_rounds_it_makes():
    links, every, found = ("guide", "pricing", "demo"), [], ()
    for number in range(48):
        at = 11 * number
        every.append(touch(at, kind="page") if number % 4 == 3 else touch(at, links[number % 4]))
        found = kept([*found, every[-1]])
    assert {each.verdict for each in judged(found, POLICY, MAIL)} == {"machine"}


touches = st.lists(
    st.builds(
        touch,
        st.integers(0, 200),
        st.sampled_from(["guide", "pricing", "demo"]),
        st.sampled_from(["open", "click", "page", "decoy", "head"]),
        agent=st.sampled_from(["", "one", "other"]),
        by=st.sampled_from(["links", "ses"]),
        sign=st.sampled_from(["human", "unsure", "machine"]),
    ),
    max_size=12,
)


@given(touches, st.randoms(use_true_random=False))
def test_neither_order_nor_copies_change_a_verdict(some, chance):
    shuffled = [*some, *some]
    chance.shuffle(shuffled)
    assert judged(kept(shuffled), POLICY, MAIL) == judged(kept(some), POLICY, MAIL)


@given(touches)
def test_every_click_and_open_is_judged_with_a_reason_unless_it_is_a_person_s(some):
    found = judged(kept(some), POLICY, MAIL)
    assert {each.touch.id for each in found} <= {each.id for each in some if each.kind in EVENTS}
    assert all(bool(each.reason) == (each.verdict != "human") or each.touch.sign != "human" for each in found)


@given(touches, touches)
def test_later_evidence_makes_no_verdict_laxer(some, more):
    """But for what turns out to be a copy of another touch: that is no event of its own any more."""
    ours = [each for each in [*some, *more] if each.by == "links" and each.kind not in EVENTS] + [
        each for each in some if each.by == "links"
    ]
    before = {each.touch.id: each.verdict for each in judged(kept(some), POLICY, MAIL) if each.touch.by == "links"}
    after = {each.touch.id: each.verdict for each in judged(kept(ours), POLICY, MAIL)}
    for name, verdict in after.items():
        if name in before and all(each.by == "links" for each in some):
            assert STRICTNESS[verdict] >= STRICTNESS[before[name]]


# when the score is told


def told(every: list[Touch], at: int | None, *, as_of: int | None = None, delay: int = 60) -> list[int]:
    """Return when, after T, the touches were of which the score has to be told."""
    asked_at = None if at is None else T + at
    moment = T + (as_of if as_of is not None else (at or 0) + delay)
    found = to_tell(judged(every, POLICY, MAIL), every, at=asked_at, as_of=moment, delay=delay)
    return [each.touch.at - T for each in found]


def test_a_click_is_told_when_it_has_waited_and_nothing_followed():
    assert told([touch(0)], None) == []
    assert told([touch(0)], 0) == [0]


def test_what_follows_within_the_wait_has_all_of_it_wait():
    every = [touch(0), touch(20, "pricing"), touch(79, kind="page")]
    assert told(every, 0) == []
    assert told(every, 20) == []
    assert told(every, 79) == [0, 20]


def test_an_open_that_follows_keeps_no_click_waiting():
    assert told([touch(0), touch(30, kind="open")], 0) == [0]


def test_nothing_waits_for_ever_however_many_follow():
    every = [touch(30 * number) for number in range(25)]
    last = 30 * 20
    assert told(every, last) == list(range(0, last + 60 - HELD_AT_MOST + 1, 30))


def test_what_was_told_as_ses_saw_it_is_not_told_again_as_we_saw_it_and_can_be_taken_back():
    """Our own report of a click may be late: what was told is the one that counts then, and the one to take back."""
    told_first, late = replace(touch(0, by="ses"), told="human"), touch(1)
    assert told([told_first, late], 1) == []
    assert told([told_first, late, touch(30, kind="decoy")], None) == [0]
    assert told([told_first, replace(late, told="human"), touch(30, kind="decoy")], None) == [0, 1], "both were told"


def test_what_was_told_is_told_again_only_when_it_is_judged_stricter_and_then_at_once():
    click = replace(touch(0), told="human")
    assert told([click], 0) == []
    assert told([click, touch(30, kind="decoy")], None) == [0]
    assert told([replace(click, told="machine"), touch(30, kind="decoy")], None) == []
    assert told([replace(click, told="machine")], 0) == [], "never laxer"
