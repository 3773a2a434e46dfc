"""docs/map.md names every slice and folder there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "collab", "registry", "training")
BESIDE = ("benchmarks", "deploy", "docs", "locale", "static", "templates", "tests")


def folders() -> set[str]:
    found = {f"{name}/" for name in (*ROOMS, *BESIDE)}
    for room in ROOMS:
        for path in (ROOT / room).iterdir():
            if path.is_dir() and path.name not in {"__pycache__", "migrations", "management"}:
                found.add(f"{room}/{path.name}/")
    for parent in ("training/engine", "collab/transfer"):
        for path in (ROOT / parent).iterdir():
            if path.is_dir() and path.name != "__pycache__":
                found.add(f"{parent}/{path.name}/")
    return found


def test_the_map_is_true():
    text = (ROOT / "docs/map.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([a-z_/]+/)` \|", text, re.MULTILINE))

    assert named == folders(), "Give every folder one line in docs/map.md, and take out those that are gone"
