"""Model cards: Markdown in, harmless HTML out."""

from __future__ import annotations

import pytest

from registry.catalog.cards import render_card


def test_the_usual_parts_become_html():
    html = render_card("# Title\n\nSome *words* and `code`.\n\n- one\n- two\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n")
    for part in ("<h2>Title</h2>", "<em>words</em>", "<code>code</code>", "<li>one</li>", '<table class="table">'):
        assert part in html


def test_front_matter_is_for_programs():
    assert "language" not in render_card("---\nlanguage: en\n---\n# Title\n")


@pytest.mark.parametrize(
    "card",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "text <b onclick=alert(1)>bold</b>",
        "<div\nstyle=position:fixed>",
        "<!-- --><svg/onload=alert(1)>",
        "---\n<script>alert(1)</script>\n",
    ],
)
def test_html_stays_text(card):
    html = render_card(card)
    for tag in ("<script", "<img", "<b ", "<div", "<svg"):
        assert tag not in html
    assert "&lt;" in html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "  javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "file:///etc/passwd",
        "//evil.example/x",
        "\\\\evil.example\\x",
        "blob:https://x",
    ],
)
def test_only_addresses_that_cannot_run_become_links(address):
    assert "<a " not in render_card(f"[words]({address})")
    assert "<a " not in render_card(f"<{address}>")
    assert "<a " not in render_card(f"[words][1]\n\n[1]: {address}\n")


@pytest.mark.parametrize("address", ["https://example.org/a?b=c", "mailto:a@example.org", "/jobs/", "#data"])
def test_safe_links_tell_the_other_side_nothing(address):
    html = render_card(f"[words]({address})")
    assert f'href="{address}"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_no_picture_is_fetched_and_no_style_is_set():
    html = render_card("![pixel](https://tracker.example/x.png)\n\n| a |\n|--:|\n| 1 |\n")
    assert "<img" not in html
    assert "style" not in html
