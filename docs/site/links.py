"""Find the links of built pages that lead nowhere. What is elsewhere is not asked for, only how it is written."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SCHEMES = ("http", "https", "mailto")
ATTRIBUTES = {"a": "href", "link": "href", "img": "src", "script": "src", "iframe": "src", "object": "data"}


class Page(HTMLParser):
    """The links of a page, and the places in it that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.places |= {value for name in ("id", "name") if (value := values.get(name))}
        link = values.get(ATTRIBUTES.get(tag, ""))
        if link is not None:
            self.links.add(link)


def problems(directory: Path) -> list[str]:
    """Return one sentence for each broken link of the pages below a directory."""
    pages = {path.resolve(): Page(path.read_text()) for path in sorted(directory.rglob("*.html"))}
    return [
        f"{path.relative_to(directory.resolve())}: the link '{link}' {why}"
        for path, page in pages.items()
        for link in sorted(page.links)
        for why in _wrong(link, path, pages)
    ]


def _wrong(link: str, path: Path, pages: dict[Path, Page]) -> Iterator[str]:
    try:
        parts = urlsplit(link)
    except ValueError as error:
        yield f"is none: {error}"
        return
    if parts.scheme in SCHEMES:
        if parts.scheme != "mailto" and "." not in (parts.hostname or ""):
            yield "names no host"
        return
    if parts.scheme == "data":
        return
    if parts.scheme or parts.netloc:
        yield f"is none of {', '.join(SCHEMES)}"
        return
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        yield "leads to no file"
    elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        yield "leads to no place of that page"
