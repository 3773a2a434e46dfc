"""Imports go one way. Read from the source, so that a new file is held to it at once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "training", "registry", "collab")  # each may import those behind it
SLICES = [
    "kernel",
    "accounts",
    "access",
    "audit",
    "inbox",
    "projects",
    "graph",
    "agreements",
    "terms",
    "publications",
    "casefile",
    "transfer",
    "courses",
    "internships",
    "ethics",
]
# Inside technology transfer, from the ground up.
TRANSFER = ["disclosures", "protection", "licences", "royalties", "portfolio"]
# What people and programs meet.
FACES = {"views", "organisation_views", "api", "admin", "forms", "urls", "tables", "authentication"}
# accounts stands in two places (docs/adr/0001): its tables below the policy that reads them, its verbs above.
ABOVE_POLICY = {
    f"collab.accounts.{name}" for name in ("services", "invitations", "reviews", "adapters", "authentication")
}
LAZY = {"collab.access.policy", "collab.access.roles", "collab.access.words"}


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Every module of ours that the file imports, also inside functions and for types only."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in APPS}


def test_the_rooms_import_downwards_only():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(*APPS)
        for name in imports_of(path)
        if APPS.index(name.split(".")[0]) < APPS.index(module_of(path).split(".")[0])
    ]

    assert not wrong, f"A room imports one above it; register a requirement or load a URL instead: {wrong}"


def test_the_engine_imports_nothing_of_ours_but_itself():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("training/engine")
        for name in imports_of(path)
        if not (name == "training" or name.startswith("training.engine"))
    ]

    assert not wrong, f"The engine is pure PyTorch and runs alone: {wrong}"


def test_the_engine_is_entered_through_its_contract():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(*APPS)
        if not module_of(path).startswith("training.engine")
        for name in imports_of(path)
        if name.startswith("training.engine.") and not name.startswith("training.engine.contract")
    ]

    assert not wrong, f"Import from training.engine.contract, which is free of torch: {wrong}"


def slice_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "collab" and parts[1] in SLICES else None


@pytest.mark.parametrize("path", sources(*(f"collab/{name}" for name in SLICES)), ids=lambda p: module_of(p))
def test_the_slices_of_collab_import_downwards_only(path):
    module = module_of(path)
    mine = slice_of(module)
    if path.stem in FACES or module in ABOVE_POLICY:
        limit = max(SLICES.index(mine), SLICES.index("audit"))
    else:
        limit = SLICES.index(mine)
    wrong = [
        name
        for name in imports_of(path)
        if (other := slice_of(name)) is not None
        and SLICES.index(other) > limit
        and name not in LAZY
        and not any(name.startswith(f"{lazy}.") for lazy in LAZY)
    ]

    assert not wrong, f"{module} imports a slice above it: {wrong}"


def test_the_folders_of_transfer_import_downwards_only():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for mine in TRANSFER
        for path in sources(f"collab/transfer/{mine}")
        for name in imports_of(path)
        if name.startswith("collab.transfer.")
        and (other := name.split(".")[2]) in TRANSFER
        and TRANSFER.index(other) > TRANSFER.index(mine)
    ]

    assert not wrong, f"A folder of transfer imports one above it; let the upper one register a hook: {wrong}"


def test_only_what_people_meet_uses_the_web_slice():
    allowed = FACES | {"wiring", "urls"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("collab", "registry", "training")
        if path.stem in {"models", "services", "states", "policy", "lifecycle", "coverage"}
        for name in imports_of(path)
        if name.startswith("collab.web") and path.stem not in allowed
    ]

    assert not wrong, f"Rules know no web: move what they need below, or the call into a view: {wrong}"
