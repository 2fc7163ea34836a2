"""A scan of every link of a mail, in every way that scanners go about it, and a person: from the link to the score."""

import os
import random

import pytest

from shared import table
from shared.aws import addresses, timeline
from shared.aws.touches import get_touched
from shared.engagement import Seen
from shared.instants import utc_day
from tests.conftest import Aws, Context
from tests.engagement_world import CHROME, FIREFOX, SEND, Place, World, links_of_mail, mailed
from tests.nurture_world import ADDRESS, LEAD_ID, NOW, forget

MAILS = {"one link": (), "five links": ("pricing", "stories", "trial", "demo")}


@pytest.fixture(params=MAILS, ids=lambda name: name.replace(" ", "-"))
def world(request, aws: Aws, context: Context, tmp_path, monkeypatch):
    yield mailed(aws, context, tmp_path, monkeypatch, *MAILS[request.param])
    forget()


@pytest.fixture
def several(aws: Aws, context: Context, tmp_path, monkeypatch):
    yield mailed(aws, context, tmp_path, monkeypatch, *MAILS["five links"])
    forget()


@pytest.fixture
def single(aws: Aws, context: Context, tmp_path, monkeypatch):
    yield mailed(aws, context, tmp_path, monkeypatch)
    forget()


def without(places: list[Place], *paths: str) -> list[Place]:
    return [place for place in places if place[0] not in paths]


def burst(world: World, places: list[Place]) -> int:
    for number, place in enumerate(places):
        world.follow(number // 4, place)
    return len(places) // 4


def burst_after_a_minute(world: World, places: list[Place]) -> int:
    for number, place in enumerate(places):
        world.follow(75 + number // 4, place)
    return 75 + len(places) // 4


def slowly(world: World, places: list[Place]) -> int:
    for number, place in enumerate(places):
        world.follow(20 * number, place)
    return 20 * len(places)


def slowly_from_the_end(world: World, places: list[Place]) -> int:
    return slowly(world, places[::-1])


def head_then_get(world: World, places: list[Place]) -> int:
    for number, place in enumerate(places):
        world.follow(3 * number, place, method="HEAD")
        world.follow(3 * number + 1, place)
    return 3 * len(places)


def all_heads_then_slowly(world: World, places: list[Place]) -> int:
    for place in places:
        world.follow(0, place, method="HEAD")
    for number, place in enumerate(places):
        world.follow(10 + 20 * number, place)
    return 10 + 20 * len(places)


def burst_without_the_decoy(world: World, places: list[Place]) -> int:
    return burst(world, without(places, "d"))


def slowly_without_the_decoy(world: World, places: list[Place]) -> int:
    return slowly(world, without(places, "d"))


def burst_by_many_browsers(world: World, places: list[Place]) -> int:
    for number, place in enumerate(without(places, "d")):
        world.follow(number // 4, place, agent=CHROME.replace("142", str(100 + number)))
    return len(places) // 4


def a_script(world: World, places: list[Place]) -> int:
    for number, place in enumerate(without(places, "d", "u")):
        world.follow(90 * number, place, agent="python-requests/2.32.5")
    return 90 * len(places)


def prefetching(world: World, places: list[Place]) -> int:
    for number, place in enumerate(without(places, "d", "u")):
        world.follow(30 * number, place, sec_purpose="prefetch")
    return 30 * len(places)


def twice_and_again(world: World, places: list[Place]) -> int:
    burst(world, places)
    for number, place in enumerate(places):
        world.follow(300 + number // 4, place, agent=FIREFOX)
    return 300 + len(places)


STYLES = (
    burst, burst_after_a_minute, slowly, slowly_from_the_end, head_then_get, all_heads_then_slowly,
    burst_without_the_decoy, slowly_without_the_decoy, burst_by_many_browsers, a_script, prefetching, twice_and_again,
)  # fmt: skip


@pytest.mark.parametrize("scan", STYLES, ids=lambda style: style.__name__)
def test_a_scan_of_every_link_unsubscribes_nobody_alerts_nobody_and_never_scores(world: World, scan):
    places = links_of_mail()
    assert {path for path, _ in places} == {"c", "o", "d", "u"}
    before = world.aws.items(table.address_pk(ADDRESS))
    world.run(scan(world, places) + 120)
    assert world.scores, "it is told, for people to look at"
    assert set(world.scores) == {0.0}, "not for a moment"
    assert world.changes() == []
    assert not world.lead().settled.qualified
    assert utc_day(NOW) not in world.lead().days
    clicks = [each for each in world.told if each["name"] == "Email Link Clicked"]
    assert clicks
    assert {each["verdict"] for each in clicks} == {"machine"}
    assert all(each["verdict_reason"] for each in clicks)
    assert world.aws.items(table.address_pk(ADDRESS)) == before


@pytest.mark.parametrize("seed", range(int(os.environ.get("RIPEN_CASES", "300")) // 100))
def test_a_scan_in_any_order_and_at_any_pace_under_a_minute_never_scores(several: World, seed):
    chance = random.Random(seed)
    places = links_of_mail() * chance.choice((1, 2))
    chance.shuffle(places)
    at = 0
    for place in places:
        several.follow(at, place, method=chance.choice(("GET", "GET", "HEAD") if place[0] != "o" else ("GET",)))
        at += chance.randrange(55)
    several.run(at + 120)
    assert set(several.scores) <= {0.0}
    assert several.changes() == []


def test_a_person_s_click_scores_once_and_a_minute_later(world: World):
    (first, *_) = [place for place in links_of_mail() if place[0] == "c"]
    pixel = next(place for place in links_of_mail() if place[0] == "o")
    world.follow(3, pixel)
    answer = world.follow(9, first)
    assert (answer["statusCode"], answer["headers"]["location"]) == (302, "https://www.example.com/worksheet")
    world.run(68)
    assert set(world.scores) <= {0.0}
    world.run(75)
    assert world.score() == 5
    assert world.lead().settled.qualified
    assert utc_day(NOW) in world.lead().days
    (told,) = [each for each in world.told if each["name"] == "Email Link Clicked"]
    assert told["properties"] == {
        "send_id": SEND.send_id, "track": "awareness", "url": "https://www.example.com/worksheet",
    }  # fmt: skip
    assert told["context"] == {"userAgent": CHROME}
    assert "verdict" not in told
    assert world.score() == 5


def test_a_person_who_follows_a_link_after_a_scan_scores(world: World):
    burst(world, links_of_mail())
    (first, *_) = [place for place in links_of_mail() if place[0] == "c"]
    world.follow(3600, first, agent=FIREFOX)
    world.run(3700)
    assert world.score() == 5
    assert world.scores[:-2] == [0.0] * (len(world.scores) - 2)


def test_a_browser_that_fetches_ahead_does_not_take_the_person_s_click(single: World):
    (link,) = [place for place in links_of_mail() if place[0] == "c"]
    single.follow(0, link, sec_purpose="prefetch;prerender")
    single.follow(4, link)
    single.run(70)
    assert single.score() == 5


def test_a_person_who_reads_and_then_unsubscribes_is_no_machine(single: World):
    (link,) = [place for place in links_of_mail() if place[0] == "c"]
    (footer,) = [place for place in links_of_mail() if place[0] == "u"]
    single.follow(0, link)
    single.follow(30, footer)
    single.follow(35, footer, method="POST")
    assert addresses.get_address(ADDRESS).stopped_at == NOW + 135
    single.run(200)
    (told,) = [each for each in single.told if each["name"] == "Email Link Clicked"]
    assert "verdict" not in told


def late_decoy(world: World) -> None:
    """The decoy was followed half a minute after the click, and its message arrives 90 seconds after the click counted."""
    world.run(150)
    seen = Seen(SEND.send_id, "decoy:late", "decoy", NOW + 130, agent="somebody")
    world.send(world.aws.engagement_queue_url, [seen.to_message()])


def decoy_by_the_same_browser(world: World) -> None:
    (decoy,) = [place for place in links_of_mail() if place[0] == "d"]
    world.follow(150, decoy)


def scan_in_the_end(world: World) -> None:
    for number, place in enumerate(without(links_of_mail(), "d", "o")):
        world.follow(150 + 2 * number, place)


@pytest.mark.parametrize("evidence", [late_decoy, decoy_by_the_same_browser, scan_in_the_end])
def test_what_counted_is_taken_back_when_later_evidence_comes(several: World, evidence):
    first, second, *_ = [place for place in links_of_mail() if place[0] == "c"]
    several.follow(0, first)
    several.follow(20, second)
    several.run(149)
    assert several.score() == 5
    assert utc_day(NOW) in several.lead().days
    evidence(several)
    several.run(300)
    assert several.score() == 0
    assert utc_day(NOW) not in several.lead().days, "nor does it end a silence"
    shown = [each for each in timeline.newest_first(timeline.events_at(LEAD_ID)) if each.name == "Email Link Clicked"]
    assert {each.verdict for each in shown} == {"machine"}
    assert all(each.verdict_reason for each in shown)


def test_a_laxer_copy_that_comes_late_gives_nothing_back(several: World):
    """SQS keeps no order: a click told as a person's may be delivered after it was told as a machine's."""
    first, second, *_ = [place for place in links_of_mail() if place[0] == "c"]
    several.follow(0, first)
    several.follow(20, second)
    several.run(79)
    held = [each for each in several.queued if each[2] == several.aws.events_queue_url]
    several.run(80)
    decoy_by_the_same_browser(several)
    several.run(300)
    laxer = [each for each in several.told if "verdict" not in each]
    assert len(laxer) == 2
    assert held == []
    for each in laxer:
        message = {"schema": 1, "received_at": each["occurred_at"], "source": "system", "events": [each]}
        several.send(several.aws.events_queue_url, [message])
    several.run(301)
    assert several.score() == 0
    assert utc_day(NOW) not in several.lead().days


def test_touches_rest_on_the_send_without_a_network_address(single: World):
    burst(single, links_of_mail())
    single.run(120)
    (item,) = [each for each in single.aws.items(f"LEAD#{LEAD_ID}") if each["SK"].startswith("SEND#")]
    assert "203.0.113.7" not in str(item)
    touched = get_touched(SEND)
    assert touched is not None
    assert {touch.kind for touch in touched.touches} == {"click", "open", "decoy", "page"}
    assert list(touched.agents.values()) == [CHROME]
