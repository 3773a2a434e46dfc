"""What our code never does, read from the source."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("config", "collab", "registry", "training", "deploy")


def sources() -> list[Path]:
    return [p for folder in CODE for p in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in p.parts]


def calls():
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node, ast.unparse(node.func)


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]


def test_nothing_unpickles():
    banned = {"pickle.load", "pickle.loads", "joblib.load", "dill.load", "cloudpickle.load", "pickle.Unpickler"}
    wrong = [where(path, node) for path, node, name in calls() if name in banned or name.endswith(".load_model")]
    for path, node, name in calls():
        keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
        if name == "torch.load" and keywords.get("weights_only") != "True":
            wrong.append(where(path, node))
        if keywords.get("allow_pickle") == "True" or keywords.get("trust_remote_code") == "True":
            wrong.append(where(path, node))

    assert not wrong, f"Read safetensors and JSON; torch.load only with weights_only=True: {wrong}"


def test_views_and_api_leave_rows_to_the_policy():
    wrong = []
    for path, node, name in calls():
        if path.stem in {"views", "api"} and name.endswith((".save", ".delete", ".create", ".update_or_create")):
            wrong.append(f"{where(path, node)} {name}")

    assert not wrong, f"A view calls one verb of services.py; it does not write itself: {wrong}"


def test_a_broad_except_gives_its_reason():
    wrong = []
    for path in sources():
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
                if broad and "#" not in lines[node.lineno - 1]:
                    wrong.append(where(path, node))

    assert not wrong, f"Catch what you can name, or say why not in a comment on the line: {wrong}"


def test_the_repository_speaks_only_of_itself():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    places = re.compile(
        r"(?<![\w>])/(?:work|opt|root)/[a-z.]|[a-z]+\.pyenv|/home/[a-z]+/|pypi\.org/simple|files\.pythonhosted"
    )
    wrong = []
    for name in tracked.split("\0"):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".txt", ".lock", ".toml", ".html", ".sh", ".example", ""} and path.is_file():
            text = path.read_bytes().decode("utf-8", errors="ignore")
            if name != "tests/house/test_code.py" and (found := places.search(text)):
                wrong.append(f"{name}: {found.group()}")

    assert not wrong, f"These name a place on somebody's machine or a registry's host: {wrong}"


def test_a_lost_update_tells_how_it_stands():
    wrong = [
        where(path, node)
        for path, node, name in calls()
        if name in {"StaleError", "require_match"} and not any(keyword.arg == "now" for keyword in node.keywords)
    ]

    assert not wrong, f"Give now={{field: value}}: people see their version beside the one that stands: {wrong}"
