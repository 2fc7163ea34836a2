"""What a playbook may say, and how it is told what it may not."""

import re
from datetime import date
from pathlib import Path

import pytest

from shared.playbook import DEFAULT, FOLDER, compile_playbook, read_playbook, reservations
from shared.playbook_problems import PlaybookError
from shared.rules.model import scoring_model


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = DEFAULT.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "edited.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def scoring(tmp_path: Path, old: str, new: str) -> dict:
    return compile_playbook(edited(tmp_path, old, new))["scoring"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_playbook_compiles_to_the_same_bundle_each_time(path):
    assert compile_playbook(path) == compile_playbook(path)
    assert compile_playbook(path)["name"] == path.stem
    assert scoring_model(compile_playbook(path)).name == path.stem


DEMO = "scoring.engagement[0]"
PRICING = "scoring.engagement[3]"
SPREE = "scoring.engagement[11]"
RETURN = "scoring.engagement[12]"
NO_SHOW = "scoring.engagement[13]"
UNSUBSCRIBED = "scoring.engagement[16]"
SILENCE = "scoring.exclusions[4]"

MISTAKES = [
    # how occurrences count
    ("counts: {every: 5}", "counts: {}", f"{PRICING}.counts", "write exactly one of once, every"),
    ("counts: {every: 5}", "counts: {every: 5, once: true}", f"{PRICING}.counts", "(found: once, every)"),
    ("counts: {every: 5}", "counts: {every: true}", f"{PRICING}.counts.every", "needs a number, as in `every: 5`"),
    ("counts: {every: 5}", "counts: {once: null}", f"{PRICING}.counts.once", "says nothing; write it as in `once: true`"),
    ("counts: {every: 5}", "counts: {count: }", f"{PRICING}.counts.count", "as in `count: {n: 3, within: 7 days}`"),
    ("counts: {every: 5}", "counts: {every: }", f"{PRICING}.counts.every", "a lead remembers a finite number"),
    ("counts: {every: 5}", "counts: {every: 51}", f"{PRICING}.counts.every", "51 is too large; write at most 50"),
    ("counts: {every: 5}", "counts: {evry: 5}", f"{PRICING}.counts.evry", "write every"),
    ("counts: {every: 5}", "counts: {every: 5, most: 3}", f"{PRICING}.counts.most", "the number of `every` is the most"),
    ("counts: {every: 5}", "counts: {once: yes}", f"{PRICING}.counts.once", "write true"),
    ("path, most: 5}", "path, most: 51}", "scoring.engagement[4].counts.most", "write at most 50"),
    ("properties.path, most: 5", "path, most: 5", "scoring.engagement[4].counts.per_asset", "as in properties.path"),
    ("{per_day: 1, most: 10}", "{per_day: 20}", "scoring.engagement[5].counts.per_day", "at most 100, found 200"),
    ("{n: 3, within: 7 days}", "{n: 51, within: 7 days}", f"{SPREE}.counts.count.n", "write at most 50"),
    ("{n: 3, within: 7 days}", "{n: 3, within: 0 days}", f"{SPREE}.counts.count.within", "longer than 0"),
    ("7 days}", "7 days, distinct: asset}", f"{SPREE}.counts.count.distinct", "write asset beside it"),
    ("7 days}", "7 days, distinct: send, asset: properties.path}", f"{SPREE}.counts.count.asset", "leave it out"),
    ("7 days}", "7 days, asset: properties.path}", f"{SPREE}.counts.count.asset", "write `distinct: asset`"),
    ("webinar}, most: 3}", "webinar}, most: 11}", f"{NO_SHOW}.counts.most", "at most 10 with missing"),
    ("missing: {on: Webinar Attended", "missing: {on: Webinar Registered", f"{NO_SHOW}.counts.missing.on", "itself"),
    ("expires: 60 days}\n    - id: careers", "expires: 3 days}\n    - id: careers", f"{NO_SHOW}.decay.expires", "longer than within"),
    ("counts: {count: {n: 3, within: 7 days}}", "counts: {count: {n: 3, within: 7 days}}\n      decay: {expires: 9 days}",
     f"{SPREE}.decay.expires", "the window of count already ends it"),
    ("counts: {once: true}\n      after_silence", "counts: {every: 2}\n      after_silence", f"{RETURN}.after_silence",
     "which occurrence came after a silence can be known only from one remembered occurrence per active day"),
    ("on: [Page Viewed, Asset Downloaded]", "on: [Email Opened]", f"{RETURN}.on", "Email Opened is no activity"),
    # points and decay
    ("points: 40", "points: 40.0001", f"{DEMO}.points", "more than three decimals"),
    ("points: 40", "points: lots", f"{DEMO}.points", "'lots' is no number of points"),
    ("points: 40", "points: .nan", f"{DEMO}.points", "no number of points"),
    ("points: 40", "points: 0", f"{DEMO}.points", "must not be 0"),
    ("half_life: 30 days", "half_life: 30", f"{DEMO}.decay.half_life", "write it as in `30 days`"),
    ("half_life: 30 days", "half_life: 0 days", f"{DEMO}.decay.half_life", "longer than 0"),
    ("half_life: 30 days", "half_life: 30 days, percent: 10", f"{DEMO}.decay.percent", "go together"),
    ("{half_life: 30 days}", "{}", f"{DEMO}.decay", "write half_life, expires, or percent with every"),
    ("{percent: 25, every", "{half_life: 9 days, percent: 25, every", "scoring.engagement[9].decay.percent", "not by both"),
    ("points: -30\n      counts: {once: true}", "points: -30\n      counts: {once: true}\n      group: web",
     f"{UNSUBSCRIBED}.group", "a group caps what is earned"),
    ("cap: 60", "cap: -60", "scoring.groups.web.cap", "-60 is not above 0"),
    ("{days: 30, points: -5}", "{days: 30, points: 5}", "scoring.inactivity[0].points", "write a negative number"),
    ("- {days: 30, points: -5}", "- {days: 30, points: -5}\n    - {days: 20, points: -9}", "scoring.inactivity[1].days",
     "write the shorter silence first"),
    # patterns, fields and names
    ("{prefix: /pricing}", "{starts: /pricing}", f"{PRICING}.where.properties.path[0]", "unknown operator 'starts'"),
    ("{form: [demo]}", "{form: demo}", "scoring.engagement[1].where.properties.form", "values stand in a list"),
    ("where: {properties: {form: [demo]}}", "where: {form: [demo]}", "scoring.engagement[1].where.form",
     "start with one of event, properties, traits, context"),
    ("where: {seniority:", "where: {senority:", "scoring.fit[0].where.senority", "write seniority"),
    ("where: {employees: [", "where: {$or: [{industry: [x]}, {emploees: [1]}], employees: [",
     "scoring.fit[1].where.$or[1].emploees", "write employees"),
    ('{employees: [{numeric: [">=", 200]}]}', "{employees: {number: [9]}}", "scoring.fit[1].where.employees", "has no parts"),
    ("{first_touch: {medium", "{first_touch: {kind", "scoring.fit[6].where.first_touch.kind", "write one of campaign, medium"),
    ("campaign: [brand]", "campaign: [Brand]", "scoring.fit[7].where.last_touch.campaign[0]", "kept in small letters; write brand"),
    ("[ripen.example]", "[Ripen.example]", "scoring.exclusions[0].where.mail_domain[0]", "write ripen.example"),
    ("{lists: [free_mail]}", "{lists: [freemail]}", "scoring.fit[8].where.lists[0]", "write free_mail"),
    ("{lists: [free_mail]}", "{}", "scoring.fit[8].where", "or it holds for everybody"),
    ("{field: mail_domain, known: free", "{field: domain, known: free", "scoring.lists.free_mail.field", "write mail_domain"),
    ("known: free_mail}", "known: free}", "scoring.lists.free_mail.known", "write free_mail, disposable or role_address"),
    ("known: free_mail}", "known: free_mail, values: [a]}", "scoring.lists.free_mail", "write either values"),
    ("rule: job_hunt, effect", "rule: job_hunts, effect", f"{SILENCE}.rule", "write job_hunt"),
    ("rule: job_hunt, effect", "rule: company_size, effect", f"{SILENCE}.rule", "no engagement rule"),
    ("rule: job_hunt, effect", "rule: job_hunt, where: {title: [x]}, effect", SILENCE, "write either where"),
    ("triggers: [pricing_spree", "triggers: [pricing_spre", "scoring.triggers[0]", "write pricing_spree"),
    ("triggers: [pricing_spree", "triggers: [company_size", "scoring.triggers[0]", "no engagement rule"),
    ("group: web", "group: wob", f"{PRICING}.group", "group wob is not among groups; write web"),
    ("id: trial_start", "id: demo_request", "scoring.engagement[2].id", "used twice: demo_request"),
    ("id: trial_start", "id: inactivity", "scoring.engagement[2].id", "another line of the explanation"),
    ("phone: [phone]", "mailbox: [mailbox]", "scoring.profile.mailbox", "fills itself"),
    ("phone: [phone]", "Phone: [phone]", "scoring.profile.Phone", "write a name: a small letter"),
    ("{properties: {path: [{prefix: /pricing}]}}", "{properties: {path: {prefix: [/pricing]}}}",
     f"{PRICING}.where.properties.path.prefix", 'operators stand in a list; write path: [{prefix: ["/pricing"]}]'),
    ("{form: [demo]}", '{form: [{numeric: [[">="], 200]}]}', "scoring.engagement[1].where.properties.form[0].numeric", "signs are"),
    ("{form: [demo]}", '{"form.a[0]": demo}', "scoring.engagement[1].where.properties.form.a[0]", "values stand in a list"),
    # what could never match
    ("seniority: [founder,", "seniority: [boss,", "scoring.fit[0].where.seniority[0]", "no seniority is named 'boss'"),
    ("seniority: [founder,", "seniority: [{prefix: chief},", "scoring.fit[0].where.seniority[0]", "no seniority is like that"),
    ("seniority: [founder,", "seniority: [7,", "scoring.fit[0].where.seniority[0]", "each seniority is a text"),
    ('{numeric: [">=", 200]}', '"200"', "scoring.fit[1].where.employees[0]", "it is kept as a whole number"),
    ("[ripen.example]", '["@ripen.example"]', "scoring.exclusions[0].where.mail_domain[0]", "has no @; write ripen.example"),
    ("[ripen.example]", "[{suffix: .Example}]", "scoring.exclusions[0].where.mail_domain[0]", "write .example"),
    ("mail_domain: [ripen", "email: [Ripen", "scoring.exclusions[0].where.email[0]", "small letters"),
    ("mail_domain: [ripen", "email: [ripen", "scoring.exclusions[0].where.email[0]", "write mail_domain"),
    ("mail_domain: [ripen.example", "mailbox: [info+x", "scoring.exclusions[0].where.mailbox[0]", "write info"),
    ("values: [rival.example", 'values: ["@rival.example"', "scoring.lists.competitors.values[0]", "write rival.example"),
    ("mail_domain, known: free_mail", "mailbox, known: free_mail", "scoring.lists.free_mail.known", "write field: mail_domain"),
    ("campaign: [brand]", "campaign: [{wildcard: Brand*}]", "scoring.fit[7].where.last_touch.campaign[0]", "write brand*"),
    ("{lists: [free_mail]}", "{lists: [{anything-but: freemail}]}", "scoring.fit[8].where.lists[0]", "write free_mail"),
    ("{n: 2, within: 30 days, distinct: day}", "{n: 9, within: 7 days, distinct: day}",
     "scoring.engagement[15].counts.count.n", "touches 8 days at most"),
    ("on: [Page Viewed, Asset Downloaded]", "on: [Page Viewed, Score Adjusted]", f"{RETURN}.on[1]", "nothing a lead does"),
    ("    - Chat Started", "    - Score Adjusted", "scoring.activity[5]", "nothing a lead does"),
    ("missing: {on: Webinar Attended", "missing: {on: Score Adjusted", f"{NO_SHOW}.counts.missing.on[0]", "nothing a lead does"),
    # what stands twice, or is too much
    ("    - Chat Started", "    - Page Viewed", "scoring.activity[5]", "'Page Viewed' stands twice"),
    ("on: [Page Viewed, Asset Downloaded]", "on: [Page Viewed, Page Viewed]", f"{RETURN}.on[1]", "stands twice"),
    ("triggers: [pricing_spree, return_visit", "triggers: [pricing_spree, pricing_spree", "scoring.triggers[1]", "stands twice"),
    ("triggers: [pricing_spree, return_visit, webinar_no_show, pricing_read]", "triggers: [a, b, c, d, e, f, g, h, i, j, k]",
     "scoring.triggers", "write at most 10"),
    ("caps: {day: 1", "caps: {day: 4", "mail.caps.day", "is more than week allows"),
    ("week: 3, month: 8", "week: 9, month: 8", "mail.caps.week", "write at most 8"),
    ('{from: "20:00", to: "08:00"}', '{from: "08:00", to: "07:30"}', "mail.quiet.to", "leaves 30 minutes a day"),
    ("days: [mon, tue, wed, thu, fri]\n  caps", "days: [mon, mon]\n  caps", "mail.days[1]", "stands twice"),
    # numbers, dates and words
    ("points: 40", "points: 010", f"{DEMO}.points", "not the same number to every reader"),
    ("points: 40", "points: 0x1F", f"{DEMO}.points", "not the same number to every reader"),
    ("points: 40", "points: 1_000", f"{DEMO}.points", "not the same number to every reader"),
    ("{form: [demo]}", "{form: [1:30]}", "scoring.engagement[1].where.properties.form[0]", 'as in "1:30"'),
    ("points: 40", f"points: {'9' * 5000}", f"{DEMO}.points", "too large for a number"),
    ("points: 40", "points: 1e999", f"{DEMO}.points", "too large for a number"),
    ("half_life: 30 days", "half_life: ٣٠ days", f"{DEMO}.decay.half_life", "is no duration"),
    ("after_silence: 60", "after_silence: 60 days", f"{RETURN}.after_silence", "write days without a unit, as in 60"),
    ("- {days: 30", "- {days: 30 days", "scoring.inactivity[0].days", "without a unit"),
    ("review_by: 2027-02-01", "review_by: 2027-02-30", "agreement.review_by", "2027-02-30 is no day of the calendar"),
    ("label: Asked for a demo", 'label: "Asked\\nfor"', f"{DEMO}.label", "write one line of words"),
    ("label: Asked for a demo", 'label: "  "', f"{DEMO}.label", "is blank"),
    ("from_name: Ripen", 'from_name: "Ripen\\r\\nBcc: x"', "mail.from_name", "write one line of words"),
    ("reply_to: hello@ripen.example", "reply_to: hallå@ripen.example", "mail.reply_to", "write one of plain letters"),
    ("email: helena@ripen.example", "email: helena..n@ripen.example", "handoff.manager.email", "write one of plain letters"),
    ("suggested_step: Call", 'suggested_step: "\\a" #', "handoff.suggested_step", "control character"),
    # thresholds and conditions
    ("engaged: 50", "engaged: 90", "scoring.bands.engaged", "thresholds rise"),
    ("hysteresis: 5", "hysteresis: 50", "scoring.bands.hysteresis", "between 0 and the engaged threshold"),
    ("{A: 35, B: 25", "{A: 35, B: 35", "scoring.grades.B", "write A higher than B"),
    ("levels: [60, 30, 10]", "levels: [10, 30, 60]", "scoring.levels[1]", "levels fall"),
    ("levels: [60, 30, 10]", "levels: [60, 30]", "scoring.levels", "too few entries; write at least 3"),
    ("quadrant: {grades: [A, B]", "quadrant: {grades: [B]", "scoring.quadrant.grades", "without a gap"),
    ("{rule: pricing_page}]", "{rule: pricing}]", "scoring.qualification.mql.any[2].all[1].rule", "no rule is named 'pricing'"),
    ("{score_at_least: 75}", "{score_at_least: many}", "scoring.qualification.mql.any[2].all[0].score_at_least", "no number"),
    ("{score_at_least: 75}", "{score_atleast: 75}", "scoring.qualification.mql.any[2].all[0].score_atleast",
     "write score_at_least"),
    ("{score_at_least: 100}", "{score_at_least: 0}", "scoring.qualification.high_priority.any[2].score_at_least", "above 0"),
    ("{score_at_least: 100}", "{band: [engagd]}", "scoring.qualification.high_priority.any[2].band[0]", "write engaged"),
    ("{score_at_least: 100}", "{grade: [A, E]}", "scoring.qualification.high_priority.any[2].grade[1]", "write one of A, B, C, D"),
    ("{score_at_least: 100}", "100", "scoring.qualification.high_priority.any[2]", "a condition is exactly one of"),
    # the rest of the agreement
    ("zone: Europe/Stockholm\n    days", "zone: Stockholm\n    days", "handoff.calendar.zone", "as in Europe/Stockholm"),
    ("holidays: SE", "holidays: XX", "handoff.calendar.holidays", "write a country's two letters, as in SE"),
    ("holidays: DE-BE", "holidays: DE-XX", "handoff.calendars.berlin.holidays", "there are: Augsburg, BB, BE"),
    ("holidays: SE", "holidays: Sweden", "handoff.calendar.holidays", "write a country, as in SE, or one with its region, as in DE-BY"),
    ("calendar: berlin", "calendar: berlon", "handoff.owners[1].calendar", "write berlin"),
    ("calendar: berlin", "off: [{from: 2026-12-24, to: 2026-12-23}]", "handoff.owners[1].off[0].to", "last day of the time off"),
    ("calendar: berlin", "off: [{from: 2026-12-24, to: 2027-12-25}]", "handoff.owners[1].off[0].to", "take who left out"),
    ("{after: 4 hours, to: astrid}", "{after: 4 hours, to: astri}", "handoff.clocks.contact.high.escalate[0].to", "write astrid"),
    ('fri: ["08:30-14:30"]', 'fri: ["08:30-14:30", "14:00-15:00"]', "handoff.calendars.berlin.hours.fri", "in order and apart"),
    ('fri: ["08:30-14:30"]', 'fri: ["08:30"]', "handoff.calendars.berlin.hours.fri[0]", 'as in "09:00-17:00"'),
    ("  calendar:\n    zone: Europe/Stockholm\n    days: [mon, tue, wed, thu, fri]\n", "  calendar:\n    zone: Europe/Stockholm\n", "handoff.calendar", "write days, opens and closes, or hours by day"),
    ("{id: astrid,", "{id: jonas,", "handoff.leaders[0].id", "used twice: jonas"),
    ('opens: "09:00"', 'opens: "18:00"', "handoff.calendar.opens", "opens must be before closes"),
    ('opens: "09:00"', "opens: 10:00", "handoff.calendar.opens", 'write it in quotes if it is a text, as in "10:00"'),
    ('opens: "09:00"', 'opens: "9:00"', "handoff.calendar.opens", "write a time of day in quotes"),
    ("warn_before: 15 minutes", "warn_before: 2 hours", "handoff.clocks.contact.high.warn_before", "shorter than within"),
    ("    decide:", "    decides:", "handoff.clocks.decides", "write decide"),
    ("returns_to: awareness", "returns_to: nowhere", "handoff.reject_reasons[0].returns_to", "write one of awareness, consideration"),
    # who gets a lead
    ("calendar: berlin, teams: [dach]", "calendar: berlin, teams: [maria]", "handoff.owners[1].teams[0]", "give the team another name"),
    ("teams: [dach]", "teams: [dach, dach]", "handoff.owners[1].teams[1]", "stands twice"),
    ("capacity: 2", "capacity: 0", "handoff.owners[0].capacity", "write at least 1"),
    ("daily_quota: 16", "daily_quota: 0", "handoff.owners[0].daily_quota", "write at least 1"),
    ("{owner: priya,", "{owner: prya,", "handoff.accounts[0].owner", "no owner has the id 'prya'; write priya"),
    ("{owner: priya,", "{owner: helena,", "handoff.accounts[0].owner", "write one of jonas, maria, priya"),
    ("companies: [Northlight Retail], domains: [northlight.example]", "domains: []", "handoff.accounts[0]", "write companies, domains or lists"),
    ("[northlight.example]", "[x@northlight.example]", "handoff.accounts[0].domains[0]", "what stands after the @"),
    ("domains: [northlight.example]", "lists: [competitor]", "handoff.accounts[0].lists[0]", "write competitors"),
    ("to: dach}", "to: dash}", "handoff.routing[0].to", "no owner and no owner's team is named 'dash'; write dach"),
    ("where: {country: [DE,", "where: {contry: [DE,", "handoff.routing[0].where.contry", "write country"),
    ("  routing:\n", "  routing:\n    - {name: all, to: maria}\n", "handoff.routing[0].where", "make it the last"),
    ("on_breach: reassign", "on_breach: pass", "handoff.clocks.contact.standard.on_breach", "tell"),
    ("not to be called again, never: true", "not to be called again", "handoff.reject_reasons[4].cool_down", "or never: true"),
    ("again, never: true", "again, never: true, cool_down: 3 days", "handoff.reject_reasons[4].never", "the one or the other"),
    ("cool_down: 14 days", "cool_down: 14 days, comes_back: {rule: nothing}", "handoff.reject_reasons[3].comes_back.rule", "no rule is named 'nothing'"),
    ("cool_down: 14 days", "cool_down: 14 days, comes_back: {points: 5}", "handoff.reject_reasons[3].comes_back.points", "is no condition"),
    ("slack: U0MARIA", "slack: maria", "handoff.owners[0].slack", "write a Slack member id"),
    ("{id: jonas", "{id: maria", "handoff.owners[1].id", "used twice: maria"),
    ("channel:", "chanel:", "handoff.chanel", "write channel"),
    ("suggested_step: Call", "suggested_step:\n  # Call", "handoff.suggested_step", "nothing is no text"),
    ("content: awareness-1", "content: awareness-99", "tracks.awareness.steps[0].content", "add mails/awareness-99.liquid"),
    ("consent: opt_in", "consent: maybe", "mail.consent", "'maybe' is not possible; write opt_in or implied"),
    ("review_by: 2027-02-01", "review_by: next year", "agreement.review_by", "write it as in 2027-02-01"),
    ("  sql: A rep", "  sqll: A rep", "agreement.sqll", "write sql"),
    ("name: default", "name: default\ncolour: red", "colour", "no key of this name is known here"),
    ("name: default", "name: default\nname: again", "", "stands twice"),
    ("name: default", "name: @default", "", "cannot start any token"),
    # YAML that is not read
    ("{half_life: 30 days}", "&d {half_life: 30 days}\n      x: *d", "", "aliases are not read here; write it out"),
    ("{form: [demo]}", "&w {form: *w}", "", "aliases are not read here"),
    ("{form: [demo]}", "{form: [!!binary aGk=]}", "", "tags are not read here"),
    ("{form: [demo]}", "{form: !!set {a, b}}", "", "tags are not read here"),
    ("{form: [demo]}", "{<<: {form: [demo]}}", "scoring.engagement[1].where.properties", "merges are not read here"),
    ("{form: [demo]}", "{? [a, b] : [demo]}", "scoring.engagement[1].where.properties", "a key is a text"),
    ("{form: [demo]}", "{5: [demo]}", "scoring.engagement[1].where.properties", "a key is a text, and 5 is none"),
    ("{form: [demo]}", '{form: ["\\ud800"]}', "scoring.engagement[1].where.properties.form[0]", "half a character"),
    ("{form: [demo]}", '{form: ["\\UFFFFFFFF"]}', "", "an escape is no character"),
    ("{form: [demo]}", f"{{form: {'[' * 5000}", "", "nested too deep"),
    ("{score_at_least: 100}", f"{'{all: [' * 300}{{score_at_least: 100}}{']}' * 300}", "", "nested too deep"),
    ("    - {id: own_staff", "---\n    - {id: own_staff", "", "another document begins here"),
    ("headless: true", "headless: 1", "bots.headless", "write true or false"),
    ("also: [], never", "also: [Xy], never", "bots.agents.also[0]", "write 3 characters or more"),
    ("also: [], never", "also: [Acme, acme], never", "bots.agents.also[1]", "stands twice"),
    ("within: 10 seconds", "within: 2 hours", "bots.speed.within", "write at most `1 hour`"),
    ("within: 10 seconds", "within: 0 seconds", "bots.speed.within", "write a duration longer than 0"),
    ("pages: 20,", "pages: 51,", "bots.speed.pages", "51 is too large; write at most 50"),
    ("speed: {pages: 20, within: 10 seconds}", "sped: {}", "bots.sped", "write speed"),
    ("burst: {links: 3,", "burst: {links: 1,", "bots.mail.burst.links", "1 is too small; write at least 2"),
    ("decoy: 60 seconds", "decoy: 1 hour", "bots.mail.decoy", "write at most `10 minutes`"),
    ("    - Chat Started", "    - Visit Judged", "scoring.activity[5]", "it tells who was at work"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_line_its_path_and_the_remedy(tmp_path, old, new, path, words):
    file = edited(tmp_path, old, new)
    with pytest.raises(PlaybookError) as caught:
        compile_playbook(file)
    told = [problem for problem in caught.value.problems if words in problem]
    assert told, caught.value.problems
    name, line, rest = told[0].split(":", 2)
    assert name == "edited.yaml"
    assert rest.startswith(f" {path}: " if path else " "), told
    before = DEFAULT.read_text(encoding="utf-8").split(old)[0].count("\n") + 1
    lines = range(before, before + max(old.count("\n"), new.count("\n")) + 1)
    assert int(line) in lines, (line, lines, told)
    assert not re.search(r"\b(dict|str|Input|pydantic|Value error|model_type|valid)\b", told[0]), told


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(PlaybookError, match=re.escape("scoring.bands.sales_ready: is missing; add it")):
        compile_playbook(edited(tmp_path, ", sales_ready: 80", ""))


@pytest.mark.parametrize(
    "text", ["", "just words", "- a list", "\x00", "a: &a [*a]", "name: !!python/object:os.system x", "? [a]", "5"]
)
def test_what_is_no_playbook_at_all_is_refused_with_the_file(tmp_path, text):
    path = tmp_path / "none.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlaybookError, match=r"^none\.yaml:\d+: "):
        read_playbook(path)


def test_a_quote_that_is_never_closed_is_told_with_the_line_it_opens_in(tmp_path):
    with pytest.raises(PlaybookError, match=r"begins in line 5"):
        compile_playbook(edited(tmp_path, "name: default", "name: 'default"))


def test_an_empty_file_says_where_to_start(tmp_path):
    path = tmp_path / "none.yaml"
    path.write_text("# nothing yet\n", encoding="utf-8")
    with pytest.raises(PlaybookError, match=r"^none\.yaml:1: is empty; start from a preset"):
        read_playbook(path)


def test_a_control_character_is_told_with_its_line(tmp_path):
    with pytest.raises(PlaybookError, match=r"^edited\.yaml:5: holds a control character"):
        compile_playbook(edited(tmp_path, "name: default", "name: de\x01fault"))


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "marked.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + DEFAULT.read_bytes())
    assert compile_playbook(path) == compile_playbook()


def test_a_date_in_a_pattern_is_a_text(tmp_path):
    rules = {
        rule["id"]: rule for rule in scoring(tmp_path, "{form: [demo]}", "{form: [2027-01-01, 1e2]}")["engagement"]
    }
    assert rules["demo_form"]["where"] == {"properties": {"form": ["2027-01-01", 100.0]}}


def test_a_clock_without_decide_and_no_clocks_at_all_are_missing(tmp_path):
    text = DEFAULT.read_text(encoding="utf-8")
    decide = text[text.index("    decide:\n") : text.index("  reject_reasons")]
    with pytest.raises(PlaybookError, match=re.escape("handoff.clocks.decide: is missing; add it")):
        compile_playbook(edited(tmp_path, decide, ""))
    with pytest.raises(PlaybookError, match=re.escape("handoff.clocks.contact: is missing; add it")):
        compile_playbook(
            edited(tmp_path, text[text.index("  clocks:") : text.index("  reject_reasons")], "  clocks: {}\n")
        )


def test_an_id_that_stands_twice_is_told_once(tmp_path):
    with pytest.raises(PlaybookError) as caught:
        compile_playbook(edited(tmp_path, "id: pricing_page", "id: trial_start"))
    assert [problem.split(": ", 2)[2] for problem in caught.value.problems] == [
        "rule ids must differ; used twice: trial_start"
    ]


def test_a_long_value_is_told_in_short(tmp_path):
    with pytest.raises(PlaybookError) as caught:
        compile_playbook(edited(tmp_path, "consent: opt_in", f"consent: {'x' * 100_000}"))
    assert len(caught.value.problems[0]) < 300


def test_a_derived_field_that_the_profile_supplies_can_be_anything(tmp_path):
    text = DEFAULT.read_text(encoding="utf-8").replace("seniority: [founder,", "seniority: [boss,")
    path = tmp_path / "own.yaml"
    path.write_text(text.replace("    phone: [phone]", "    seniority: [rank]"), encoding="utf-8")
    assert compile_playbook(path)


def test_quiet_hours_from_and_to_the_same_time_are_none(tmp_path):
    assert compile_playbook(edited(tmp_path, '{from: "20:00", to: "08:00"}', '{from: "00:00", to: "00:00"}'))


def test_the_rules_of_a_playbook_remember_so_much_of_a_lead_and_no_more(tmp_path):
    rule = "    - {{id: r{0}, label: R, on: Page Viewed, points: 1, counts: {{every: 50}}}}\n"
    # the default's rules remember 1+1+1+5+5+10+3+3+6+3+5+3+10+53+1+2+1 = 113
    places = {number: "".join(rule.format(each) for each in range(number)) for number in (17, 18)}
    assert compile_playbook(edited(tmp_path, "  inactivity:\n", f"{places[17]}  inactivity:\n"))
    with pytest.raises(
        PlaybookError, match=r"remember 1016 facts of a lead.*at most 1000 fit.*webinar_no_show 53, r0 50"
    ):
        compile_playbook(edited(tmp_path, "  inactivity:\n", f"{places[18]}  inactivity:\n"))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "none.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(PlaybookError, match=r"^none\.yaml:1: is no text in UTF-8; save"):
        read_playbook(path)


def test_every_problem_is_told_in_the_order_of_the_document(tmp_path):
    text = DEFAULT.read_text(encoding="utf-8").replace("name: default\n", "") + "name: Default\n"
    path = tmp_path / "many.yaml"
    path.write_text(
        text.replace("points: 40", "points: many").replace("consent: opt_in", "consent: x"), encoding="utf-8"
    )
    with pytest.raises(PlaybookError) as caught:
        compile_playbook(path)
    problems = [problem.split(": ")[1] for problem in caught.value.problems]
    assert problems == ["scoring.engagement[0].points", "scoring.engagement[1].points", "mail.consent", "name"]


def test_on_is_a_word_and_not_a_truth_value():
    rule = next(rule for rule in read_playbook(DEFAULT).scoring.engagement if rule.id == "pricing_page")
    assert rule.on == ["Page Viewed"]


def test_a_rule_that_counts_otherwise_is_filed_under_another_name(tmp_path):
    before = {rule["id"]: rule["filing"] for rule in compile_playbook()["scoring"]["engagement"]}
    after = {rule["id"]: rule["filing"] for rule in scoring(tmp_path, "{every: 5}", "{every: 6}")["engagement"]}
    assert {rule for rule, filing in after.items() if before[rule] != filing} == {"pricing_page"}
    after = {
        rule["id"]: rule["filing"] for rule in scoring(tmp_path, "after_silence: 60", "after_silence: 61")["engagement"]
    }
    assert {rule for rule, filing in after.items() if before[rule] != filing} == {"return_visit"}
    points = scoring(tmp_path, "points: 40", "points: 41")
    assert {rule["id"]: rule["filing"] for rule in points["engagement"]} == before


@pytest.mark.parametrize(
    ("old", "new", "rebuilt"),
    [
        ("points: 40", "points: 41", False),
        ("label: Asked for a demo", "label: Wants a demo", False),
        ("engaged: 50", "engaged: 51", False),
        ("half_life: 30 days", "half_life: 31 days", False),
        ("values: [rival.example", "values: [third.example, rival.example", False),
        ("{every: 5}", "{every: 6}", True),
        ("phone: [phone]", "phone: [phone, mobile]", True),
        ("    - Chat Started\n", "", True),
        ("{first_touch: {medium: [referral, partner, event]}}", "{phone: [x]}", False),
        ("known: true, also", "known: false, also", True),
        ("also: [], never", "also: [Acme], never", True),
        ("never: []", "never: [Acme]", True),
        ("headless: true", "headless: false", True),
        ("score: false", "score: true", True),
        ("pages: 20, within", "pages: 21, within", False),
    ],
)
def test_leads_are_filed_again_when_and_only_when_what_they_keep_changes(tmp_path, old, new, rebuilt):
    assert (scoring(tmp_path, old, new)["filed"] != compile_playbook()["scoring"]["filed"]) is rebuilt


def test_touches_are_kept_when_a_pattern_looks_at_one(tmp_path):
    assert compile_playbook()["scoring"]["touches"] is True
    text = DEFAULT.read_text(encoding="utf-8")
    for touch in (
        "{first_touch: {medium: [referral, partner, event]}}",
        "{last_touch: {medium: [organic, cpc], campaign: [brand]}}",
    ):
        assert touch in text
        text = text.replace(touch, "{phone: [x]}")
    path = tmp_path / "none.yaml"
    path.write_text(text, encoding="utf-8")
    without = compile_playbook(path)["scoring"]
    assert without["touches"] is False
    assert without["filed"] != compile_playbook()["scoring"]["filed"]


def test_what_was_written_is_compiled_as_the_functions_read_it(tmp_path):
    compiled = scoring(
        tmp_path, "values: [rival.example, other-rival.example]", "values: [Rival.example, a.example, rival.EXAMPLE]"
    )
    assert compiled["lists"]["competitors"] == {"field": "mail_domain", "values": ["a.example", "rival.example"]}
    assert "gmail.com" in compiled["lists"]["free_mail"]["values"]
    assert compiled["exclusions"][1] == {
        "id": "competitor", "label": "A competitor", "where": {"lists": ["competitors"]}, "rule": None, "effect": "zero",
    }  # fmt: skip
    assert compiled["exclusions"][4] == {
        "id": "job_seeker", "label": "Looks for a job with us", "where": {}, "rule": "job_hunt", "effect": "block",
    }  # fmt: skip
    assert compiled["quadrant"] == {"grades": ["A", "B"], "levels": [1, 2]}
    assert compiled["triggers"] == ["pricing_spree", "return_visit", "webinar_no_show", "pricing_read"]
    rules = {rule["id"]: rule for rule in compiled["engagement"]}
    assert rules["return_visit"]["counts"] == {"form": "once", "most": 400}
    assert rules["return_visit"]["after_silence"] == 60
    assert rules["demo_request"]["counts"] == {"form": "once", "most": 1}


def test_a_send_is_counted_once_however_often_it_is_opened(tmp_path):
    rules = scoring(tmp_path, "{n: 3, within: 7 days}", "{n: 3, within: 7 days, distinct: send}")["engagement"]
    spree = next(rule for rule in rules if rule["id"] == "pricing_spree")
    assert spree["counts"] == {
        "form": "count", "most": 3, "distinct": "asset", "within": 7 * 86_400, "asset": "properties.send_id",
    }  # fmt: skip


def test_a_playbook_says_who_has_not_signed_and_when_its_review_is_late():
    signed = {
        "name": "ours",
        "agreement": {
            "marketing": {"name": "M", "on": "2026-11-02"},
            "sales": {"name": "S", "on": "2026-11-03"},
            "review_by": "2027-02-01",
        },
    }
    assert reservations(signed, date(2027, 2, 1)) == []
    (early,) = reservations(signed, date(2026, 11, 2))
    assert "signed for sales on 2026-11-03, which is yet to come" in early
    (late,) = reservations(signed, date(2027, 2, 2))
    assert "overdue since 2027-02-01" in late
    unsigned = {"name": "ours", "agreement": {"marketing": None, "sales": None, "review_by": "2027-02-01"}}
    said = reservations(unsigned, date(2027, 1, 1))
    assert [re.search(r"not signed by (\w+)", each)[1] for each in said] == ["marketing", "sales"]


def test_reasons_after_which_a_lead_comes_back_by_a_condition_or_never_are_compiled(tmp_path):
    said = scoring(tmp_path, "cool_down: 14 days", "cool_down: 14 days, comes_back: {score_at_least: 50}")
    assert said["comes_back"] == {"unreachable": {"score_at_least": 50_000}}
    assert said["never"] == ["not_again"]
    model = scoring_model(compile_playbook(DEFAULT))
    assert (dict(model.comes_back), model.never) == ({}, {"not_again"})


def test_the_manager_may_be_an_owner_with_a_quota(tmp_path):
    owner = "    - {id: helena, name: Helena Novak, email: helena@ripen.example, slack: U0HELENA, daily_quota: 2}\n"
    compiled = compile_playbook(edited(tmp_path, "  # Whose account it is", f"{owner}  # Whose account it is"))
    assert [each["daily_quota"] for each in compiled["handoff"]["owners"]] == [16, 8, 8, 2]
