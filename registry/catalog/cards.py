"""Model cards: a small, safe part of Markdown becomes HTML here and nowhere else."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_SCHEMES = frozenset({"http", "https", "mailto"})
_LOWER_BY = 1  # the page has its own h1


def render_card(card: str) -> SafeString:
    """The card as HTML: headings, lists, tables, emphasis, code and links; no raw HTML and no images."""
    text = _FRONT_MATTER.sub("", card.replace("\r\n", "\n"))
    return mark_safe(_parser().render(text))  # noqa: S308  the parser escapes all text and knows no raw HTML


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False})
    parser.enable(["table", "strikethrough"]).disable(["html_block", "html_inline", "image"])
    parser.validateLink = _is_safe_link  # type: ignore[method-assign]
    parser.core.ruler.push("tandem", _tame)
    return parser


def _is_safe_link(url: str) -> bool:
    """Addresses on the web, on this site, or of mail; nothing that could run."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    if parts.scheme:
        return parts.scheme.lower() in _SCHEMES
    return not parts.netloc and url.startswith(("/", "#")) and not url.startswith(("//", "/\\"))


def _tame(state: Any) -> None:
    """Headings below the page's own, links that tell the other side nothing, no style attributes (the policy of the
    page refuses those)."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1]) + _LOWER_BY)}"
        if token.attrs.pop("style", "") == "text-align:right":
            token.attrSet("class", "num")
        if token.type == "table_open":
            token.attrSet("class", "table")
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("rel", "noopener noreferrer nofollow")
