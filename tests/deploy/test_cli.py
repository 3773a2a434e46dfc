"""The commands behind make: what they do with faults and interruptions."""

import os
import signal

import pytest

from deploy.tandem import cli, say
from deploy.tandem.place import Place


@pytest.fixture(autouse=True)
def _keep_signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def fail_with(fault, monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "Place", lambda **more: Place(root=tmp_path))
    monkeypatch.setattr(cli.Place, "here", lambda: Place(root=tmp_path), raising=False)
    monkeypatch.setattr(cli, "dispatch", lambda options, began: (_ for _ in ()).throw(fault))
    (tmp_path / "var" / "log").mkdir(parents=True)
    return cli.main(["setup"])


def test_words_for_python_are_passed_on_as_they_are():
    assert cli.parse(["python", "-m", "pytest", "-x", "--lf"]).words == ["-m", "pytest", "-x", "--lf"]


@pytest.mark.parametrize("words", [["run"], ["setup", "--dev"], ["lock", "--upgrade"], ["clean"]])
def test_commands_are_known(words):
    assert cli.parse(words).command == words[0]


def test_a_trouble_is_told(monkeypatch, tmp_path, capsys):
    code = fail_with(say.Trouble("The disk is full.", "free some", code=2), monkeypatch, tmp_path)

    assert (code, capsys.readouterr().err) == (2, "The disk is full.\n  What to do: free some\n")


def test_an_interruption_is_told(monkeypatch, tmp_path, capsys):
    code = fail_with(KeyboardInterrupt(), monkeypatch, tmp_path)

    assert code == 130
    assert "Run the same command again to go on." in capsys.readouterr().err


def test_a_missing_file_of_the_checkout_is_named(monkeypatch, tmp_path, capsys):
    fault = FileNotFoundError(2, "No such file or directory", "requirements.lock")

    code = fail_with(fault, monkeypatch, tmp_path)

    told = capsys.readouterr().err
    assert code == 1
    assert told.startswith("A file is missing: requirements.lock.\n")


def test_what_nobody_foresaw_leaves_its_trace_in_a_file(monkeypatch, tmp_path, capsys):
    fail_with(ZeroDivisionError("secret detail"), monkeypatch, tmp_path)

    told = capsys.readouterr().err
    assert told.startswith("Something unforeseen went wrong (ZeroDivisionError).\n")
    assert "Traceback" not in told
    assert "secret detail" not in told
    assert "secret detail" in (tmp_path / "var" / "log" / "fault.log").read_text()


def test_clean_removes_the_environment_and_never_the_data(monkeypatch, tmp_path, capsys):
    for folder in (".venv", ".mypy_cache", "var/blobs", "collab/access/__pycache__"):
        (tmp_path / folder).mkdir(parents=True)

    cli.clean(Place(root=tmp_path))

    assert [path.exists() for path in (tmp_path / ".venv", tmp_path / ".mypy_cache")] == [False, False]
    assert not (tmp_path / "collab/access/__pycache__").exists()
    assert (tmp_path / "var" / "blobs").exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"PYTHONDONTWRITEBYTECODE": "1"}, "pycache"),  # inside the environment: nothing beside the sources
        ({"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/elsewhere"}, "/elsewhere"),
        ({}, None),
    ],
)
def test_our_processes_find_the_packages_compiled(given, kept, monkeypatch, tmp_path):
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli.Place, "here", lambda: Place(root=tmp_path), raising=False)
    monkeypatch.setattr(cli.install, "ensure", lambda place, dev: False)

    assert cli.main(["setup"]) == 0

    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
    assert os.environ.get("PYTHONPYCACHEPREFIX") == (kept and str(tmp_path / ".venv" / kept))
