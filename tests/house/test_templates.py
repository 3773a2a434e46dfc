"""Every template is used, and short."""

from __future__ import annotations

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
