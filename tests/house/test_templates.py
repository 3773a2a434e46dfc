"""Every template is used, exists where it is named, and is short."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
# Django, allauth and crispy-forms look these up by name.
LOOKED_UP = (
    "account/",
    "mfa/",
    "allauth/",
    "socialaccount/",
    "usersessions/",
    "admin/",
    "django/",
)
PAGE_LINES_MAX = 120


def names() -> list[str]:
    return sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html"))


def test_every_template_is_used():
    folders = [ROOT / name for name in ("collab", "registry", "training", "config", "templates", "tests/browser")]
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in {".py", ".html"}
    )
    unused = [
        name for name in names() if not name.startswith(LOOKED_UP) and f'"{name}' not in text and f"'{name}" not in text
    ]

    assert not unused, f"Nobody renders, extends or includes these; delete them: {unused}"


def test_a_page_is_made_of_fragments():
    long = {
        name: lines
        for name in names()
        if (lines := len((TEMPLATES / name).read_text(encoding="utf-8").splitlines())) > PAGE_LINES_MAX
    }

    assert not long, f"Cut these into fragments that begin with an underscore: {long}"


def test_the_layout_that_a_page_asks_for_is_styled():
    styles = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "static" / "css").glob("*.css"))
    absent = {
        f"{name}: {layout}"
        for name in names()
        for block in re.findall(
            r"{% block (?:main|content)_class %}([^{]*)", (TEMPLATES / name).read_text(encoding="utf-8")
        )
        for layout in block.split()
        if f".{layout}" not in styles
    }

    assert not absent, f"No stylesheet knows these classes: {absent}"


def test_what_a_template_includes_exists():
    known = set(names())
    absent = {
        f"{name} includes {wanted}"
        for name in known
        for wanted in re.findall(r'{% (?:include|extends) "([^"#]+)', (TEMPLATES / name).read_text(encoding="utf-8"))
        if wanted.startswith(("components/", "collab/", "registry/", "training/", "errors/")) and wanted not in known
    }

    assert not absent, f"Write these or name another one (an icon is {{% icon 'bell' %}}): {sorted(absent)}"
