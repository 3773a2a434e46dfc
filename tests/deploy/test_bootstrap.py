"""The entry that any Python must be able to read."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import bootstrap
from deploy.tandem.place import ROOT


def test_a_wrong_python_is_told_with_its_version_and_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "NEEDED", (3, 99))

    code = bootstrap.main()

    told = capsys.readouterr().err
    assert code == 2
    assert f"{sys.executable} is Python {sys.version_info.major}.{sys.version_info.minor}" in told
    assert "make PYTHON=" in told
    assert "Traceback" not in told


def test_the_entry_can_be_read_by_old_pythons():
    source = (ROOT / "deploy" / "bootstrap.py").read_text()

    tree = ast.parse(source, feature_version=(3, 4))

    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match)
    assert [node for node in ast.walk(tree) if isinstance(node, newer)] == []
    assert all(node.returns is None for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def other_pythons() -> list[str]:
    """Interpreters on this machine that are not 3.11: on the path, or in pyenv's folder."""
    names = [f"python{version}" for version in ("2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.12", "3.13", "3.14")]
    found = [path for path in map(shutil.which, names) if path]
    found += [str(path) for path in sorted(Path("~/.pyenv/versions").expanduser().glob("*/bin/python"))]
    tell = "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])"
    answers = {path: subprocess.run([path, "-c", tell], capture_output=True, text=True) for path in found}
    return [path for path, answer in answers.items() if answer.returncode == 0 and answer.stdout != "3.11"]


def test_real_other_pythons_say_it_in_two_lines():
    others = other_pythons()
    if not others:
        pytest.skip("only Python 3.11 is on this machine; install another (any version) to try it")

    for other in others:
        answer = subprocess.run([other, ROOT / "deploy" / "bootstrap.py", "run"], capture_output=True, text=True)

        assert answer.returncode == 2
        assert answer.stderr.startswith("Tandem needs Python 3.11, and ")
        assert answer.stderr.count("\n") == 2
