"""How a person reads a mail: the words and links that are shown, and those that are hidden from everybody."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

UNSEEN = ("head", "style", "title", "script")
ALONE = ("br", "img", "meta")


@dataclass
class Shown:
    """What of an HTML part is seen, what is not, and its tags in order."""

    words: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    hidden_links: list[str] = field(default_factory=list)
    images: list[dict[str, str | None]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def shown(html: str) -> Shown:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [], "every tag is closed"
    return reader.found


def facts(text: str) -> list[str]:
    """Return the words and numbers of a text in order, without marks, bullets and addresses of links."""
    return re.findall(r"[^\W_]+", re.sub(r"https?://\S+", " ", text).replace("'", "’").replace("’", ""))


def without_numbering(text: str) -> str:
    """Return plain text without the numbers that HTML leaves to the list."""
    return re.sub(r"^\d+\. ", "", text, flags=re.MULTILINE)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = Shown()
        self.open: list[tuple[str, bool]] = []

    @property
    def unseen(self) -> bool:
        return any(hidden for _, hidden in self.open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.found.tags.append(tag)
        hidden = tag in UNSEEN or "display:none" in (said.get("style") or "")
        if tag == "a":
            (self.found.hidden_links if hidden or self.unseen else self.found.links).append(said.get("href") or "")
        if tag == "img":
            self.found.images.append(said)
        if tag not in ALONE:
            self.open.append((tag, hidden))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ALONE:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self.open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.found.words.append(data)
