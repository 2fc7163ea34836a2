"""Whatever happens to a lead, and however late, often and out of order it is told: one track mails it at a time."""

from dataclasses import dataclass, field, replace

from hypothesis import event, given
from hypothesis import strategies as st

from shared.instants import DAY
from shared.lead import Lead, Register, Settled
from shared.mailing import Enrollment
from shared.playbook import compile_playbook
from shared.rules.enrolling import (
    Book,
    Cause,
    SentBack,
    follow,
    one_at_a_time,
    pause_for_sales,
    return_from_sales,
)
from shared.rules.model import BANDS, STAGES, scoring_model
from shared.rules.tracks import GOING, HOLDOUT, Step, Track, first_of, is_held_out, met, one_per_track, superseded
from tests.rules.models import START, cases

ME, OTHER = "a" * 16, "b" * 16
ADDRESS = "v1-0123456789abcdef"
RULES = ("spree", "silence")


def tracks_drawn(draw) -> dict[str, Track]:
    """A few tracks that want the same people, each in its own way."""
    conditions = (
        None,
        {"qualified": True},
        {"stage": ["sql", "customer"]},
        {"band": ["sales_ready"]},
        {"rule": "spree"},
    )
    made = {}
    for name in ("one", "two", "three", "four"):
        made[name] = Track(
            name=name,
            bands=draw(st.frozensets(st.sampled_from(BANDS))),
            cool_down=draw(st.sampled_from((0, 5 * DAY, 40 * DAY))),
            steps=(Step(0), Step(draw(st.sampled_from((DAY, 9 * DAY))))),
            priority=draw(st.integers(0, 2)),
            starts_with=draw(st.frozensets(st.sampled_from(RULES), max_size=1)),
            goal=draw(st.sampled_from(conditions)),
            exits=draw(st.sampled_from(conditions)),
            on_accept=draw(st.sampled_from(("pause", "exit"))),
            on_return=draw(st.sampled_from(("resume", "exit"))),
            holdout=draw(st.sampled_from((0, 0, 50))),
            reenter=draw(st.sampled_from((True, True, False))),
            next=draw(st.sampled_from((None, "one", "three"))),
        )
    return {name: replace(each, next=None if each.next == name else each.next) for name, each in made.items()}


@dataclass
class World:
    """Two leads that may become one, their runs, and what was told of them and may be told again."""

    books: list[Book]
    now: int = START
    book: int = 0
    leads: dict[str, Lead] = field(default_factory=dict)
    runs: dict[tuple[str, str], Enrollment] = field(default_factory=dict)
    told: list[tuple] = field(default_factory=list)
    handoff: int = 0
    begun: set[tuple[str, str, str]] = field(default_factory=set)

    def __post_init__(self):
        for lead_id in (ME, OTHER):
            profile = {"email": Register("a@b.example", 1, "k", proven=True)}
            profile["address"] = Register(f"{ADDRESS}{lead_id[0]}", 1, "k", proven=True)
            self.leads[lead_id] = Lead(lead_id, version=1, profile=profile, settled=Settled(band="early"))

    @property
    def merged(self) -> bool:
        return OTHER not in self.leads

    def homes(self, lead_id: str) -> tuple[str, ...]:
        return (ME, OTHER) if self.merged else (lead_id,)

    def lead(self, lead_id: str) -> Lead:
        return self.leads.get(lead_id) or self.leads[ME]

    def settle(self, lead_id: str, **said) -> Lead:
        before = self.lead(lead_id)
        settled = before.settled._replace(at=self.now, **said)
        after = replace(before, version=before.version + 1, settled=settled)
        self.leads[before.lead_id] = after
        return after

    def tell(self, kind, lead_id, version, **said):
        change_id = f"{lead_id}:{self.now}:{kind}:{version}:{len(self.told)}"
        self.told.append((kind, Cause(change_id, lead_id, self.now, version, **said)))

    def deliver(self, number: int):
        kind, cause = self.told[number % len(self.told)]
        before = dict(self.runs)
        changed = self.decided(kind, cause)
        for run in changed:
            self.save(run)
        self.check(cause, before, kind)
        assert self.decided(kind, cause) == []

    def decided(self, kind, cause) -> list[Enrollment]:
        lead, book = self.lead(cause.lead_id), self.books[self.book]
        found = [run for (home, _), run in self.runs.items() if home in self.homes(lead.lead_id)]
        runs, younger = one_per_track(found)
        ended = [superseded(run, cause.at) for run in younger]
        if isinstance(kind, SentBack):
            return ended + return_from_sales(lead, runs, book, kind, cause, handoff=int(cause.rule or 1))
        if kind == "accepted":
            number = int(cause.rule)
            return ended + pause_for_sales(lead, runs, book, handoff=number, version=cause.version, at=cause.at)
        if kind == "late":
            return ended + one_at_a_time(lead, runs, {}, book, cause.at)
        return ended + follow(lead, runs, book, cause)

    def save(self, run: Enrollment):
        key = (run.lead_id, run.track)
        held = self.runs.get(key)
        assert run.version == (0 if held is None else held.version)
        assert (run.due_at is None) == (run.status != "active")
        assert (run.ended_at is None) == (run.status in ("active", "held"))
        self.runs[key] = replace(run, version=run.version + 1)
        if run.status in ("done", "exited"):
            self.tell("end", run.lead_id, run.version + 1, tells="end", ended=(run.track, run.rotation))

    def check(self, cause, before, kind):
        lead, book = self.lead(cause.lead_id), self.books[self.book]
        mine = [run for (home, _), run in self.runs.items() if home in self.homes(lead.lead_id)]
        mailing = [run for run in mine if run.status == "active" and run.arm != HOLDOUT]
        assert len(mailing) <= 1
        assert len({run.track for run in mine if run.status in GOING}) == sum(run.status in GOING for run in mine)
        if mailing:
            assert first_of(mine, book.tracks) == mailing[0]
        for run in mine:
            was = before.get((run.lead_id, run.track))
            if was is None or run.rotation != was.rotation:
                self.check_entry(run, was, lead, book, isinstance(kind, SentBack))

    def check_entry(self, run, was, lead, book, by_sales):
        track = book.tracks[run.track]
        assert (run.lead_id, run.track, run.cause) not in self.begun
        self.begun.add((run.lead_id, run.track, run.cause))
        assert by_sales == (run.by == "sales")
        assert by_sales or lead.settled.stage not in ("sql", "customer", "disqualified")
        assert by_sales or not track.bands or lead.settled.band in track.bands
        assert by_sales or not met(track.goal, lead, frozenset())
        assert by_sales or not met(track.exits, lead, frozenset())
        assert (run.arm == HOLDOUT) == is_held_out(track, lead.address_hash)
        assert run.playbook == book.playbook
        if run.past:
            assert track.reenter
            nothing_sent = (was.status, was.step, was.arm) == ("exited", 0, "")
            assert by_sales or nothing_sent or run.past[-1].ended_at + track.cool_down <= run.entered_at
            event("re-entered")
        event(f"entered by {run.by}, {run.status}")


def what_happens(world: World, what: str, pick: int):
    """One thing in the life of the leads; whatever it changes is told, and delivered some time."""
    lead_id = (ME, OTHER)[pick % 2]
    if what == "time":
        world.now += (1, DAY, 9 * DAY, 60 * DAY)[pick % 4]
    elif what == "band":
        lead = world.settle(lead_id, band=BANDS[pick % 3])
        world.tell("band", lead.lead_id, lead.version)
    elif what == "stage":
        stage = STAGES[pick % len(STAGES)]
        lead = world.settle(lead_id, stage=stage, qualified=stage == "mql")
        world.tell("stage", lead.lead_id, lead.version, tells="band" if stage == "mql" else "stage")
    elif what == "rule":
        lead = world.settle(lead_id)
        world.tell("rule", lead.lead_id, lead.version, tells="rule", rule=RULES[pick % 2])
    elif what == "mailable":
        lead = world.settle(lead_id)
        world.tell("mail", lead.lead_id, lead.version, tells="mail")
    elif what == "accepted":
        world.handoff += 1
        world.tell("accepted", world.lead(lead_id).lead_id, 2, tells="sales", rule=str(world.handoff))
    elif what == "rejected":
        back = SentBack("no", ("one", "two", None)[pick % 3], 3 * DAY)
        world.tell(back, world.lead(lead_id).lead_id, 3, tells="sales", rule=str(max(1, world.handoff)))
    elif what == "sent":
        finish(world, pick)
    elif what == "edited":
        world.book = pick % len(world.books)
    elif what == "merged" and not world.merged:
        del world.leads[OTHER]
        lead = world.settle(ME)
        world.tell("late", ME, lead.version, tells="stage")


def finish(world: World, pick: int):
    """The first mail of some active run goes out, or its last."""
    active = [run for run in world.runs.values() if run.status == "active"]
    if active:
        run = active[pick % len(active)]
        if run.step == 0 and run.arm != HOLDOUT and pick % 2:
            world.save(replace(run, step=1))
            return
        reason = "every mail of the track was planned"
        world.save(replace(run, status="done", reason=reason, due_at=None, ended_at=max(world.now, run.entered_at)))


HAPPENINGS = ("time", "band", "stage", "rule", "mailable", "accepted", "rejected", "sent", "edited", "merged")


MODEL = scoring_model(compile_playbook())


@cases
@given(st.data())
def test_one_track_mails_a_lead_at_a_time_whatever_the_order_and_number_of_changes(data):
    books = [Book(f"p{number}", tracks_drawn(data.draw), MODEL) for number in range(2)]
    pinned = {book.playbook: book.tracks for book in books}
    world = World([replace(book, pinned=pinned) for book in books])
    for what, pick in data.draw(st.lists(st.tuples(st.sampled_from(("told", "told", *HAPPENINGS)), st.integers(0, 999)), min_size=20, max_size=70)):  # fmt: skip
        if what != "told":
            what_happens(world, what, pick)
            if pick % 3 and world.told:
                world.deliver(-1)
        elif world.told:
            world.deliver(pick)
