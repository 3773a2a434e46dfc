"""What browsers get: vendored files are what was vendored, icons exist, templates obey the security policy."""

import enum
import hashlib
import importlib
import re
from pathlib import Path

import pytest

from collab.web.badges import STATES

ROOT = Path(__file__).resolve().parents[2]
VENDORED = [ROOT / "static" / "vendor", ROOT / "tests" / "browser" / "vendor"]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SOURCES = TEMPLATES + sorted(
    path
    for room in ("collab", "registry", "training")
    for path in (ROOT / room).rglob("*.py")
    if "engine" not in path.parts
)


def listed(folder: Path) -> dict[str, str]:
    lines = (folder / "CHECKSUMS.txt").read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_vendored_files_are_untouched_and_listed(folder):
    there = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "CHECKSUMS.txt"
    }
    assert there == listed(folder), "change vendored files only through deploy/vendor_assets.py"


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_every_vendored_package_keeps_its_licence(folder):
    without = [package.name for package in folder.iterdir() if package.is_dir() and not (package / "LICENSE").exists()]
    assert without == []


def test_every_icon_asked_for_is_in_the_sprite():
    sprite = (VENDORED[0] / "bootstrap-icons" / "icons.svg").read_text(encoding="utf-8")
    known = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    asked = {
        (name, path.relative_to(ROOT).as_posix())
        for path in SOURCES
        for name in re.findall(
            r"(?:_icon\.html\" with name=|\bicon=|\"icon\": )\"([a-z0-9-]+)\"", path.read_text("utf-8")
        )
    }
    missing = sorted((name, where) for name, where in asked if name not in known)
    assert missing == [], "add the name to ICONS in deploy/vendor_assets.py and run it, or choose one that is there"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_templates_hold_nothing_that_the_security_policy_refuses(path):
    text = re.sub(r"{#.*?#}|{% comment .*?endcomment %}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"\sstyle=\"|\son[a-z]+=\"|<style\b|javascript:|hx-on[:a-z-]*=", text)
    found += [
        tag for tag in re.findall(r"<script\b[^>]*>", text) if "src=" not in tag and "application/json" not in tag
    ]
    assert found == [], "no inline script, handler or style: use a class of static/css or a module of static/js"


def test_every_state_of_the_product_has_its_badge():
    without = []
    for path in sorted(
        found for room in ("collab", "registry", "training") for found in ROOT.glob(f"{room}/**/states.py")
    ):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for name, kind in vars(module).items():
            if name.endswith("State") and isinstance(kind, type) and issubclass(kind, enum.StrEnum):
                without += [f"{name}.{state.value}" for state in kind if state.value not in STATES]
    assert without == [], "give the state a colour, an icon and a word in collab/web/badges.py"
