"""`manage.py setup` runs when something it reads has changed, and its faults are told. A stand-in plays manage.py."""

import shutil
import sys

import pytest

from deploy.tandem import prepare
from deploy.tandem.place import Place
from deploy.tandem.say import Trouble

MANAGE = """
import sys
from pathlib import Path
assert sys.argv[1:] == ["setup"]
Path("var/static/admin").mkdir(parents=True, exist_ok=True)
Path("var/static/admin/site.css").write_text("made by setup itself")
Path("var/app.sqlite3").touch()
with open("runs", "a") as runs:
    runs.write("x")
print("database: done in 0.1 s")
"""


@pytest.fixture
def ready(place):
    """A checkout whose manage.py notes each run of `setup`."""
    (place.venv / "bin").mkdir(parents=True)
    place.python.symlink_to(sys.executable)
    (place.root / "manage.py").write_text(MANAGE)
    (place.root / "collab" / "migrations").mkdir(parents=True)
    (place.root / "collab" / "migrations" / "0001_initial.py").write_text("first")
    (place.root / "static").mkdir()
    (place.root / ".env.example").write_text("# a word = not a variable\n#TANDEM_SLOTS=2\nDATABASE_URL=\n")
    return place


def runs(place: Place) -> int:
    return len((place.root / "runs").read_text())


def test_the_first_time_prints_a_line_per_step_and_the_second_time_skips(ready, capsys):
    first, second = prepare.ensure(ready), prepare.ensure(ready)

    assert (first, second, runs(ready)) == (True, False, 1)
    assert "  database     done in 0.1 s\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        lambda root, monkeypatch: (root / "collab" / "migrations" / "0002_more.py").write_text("second"),
        lambda root, monkeypatch: (root / "requirements.lock").write_text("torch==2.14.0\n"),
        lambda root, monkeypatch: (root / "static" / "site.css").write_text("body{}"),
        lambda root, monkeypatch: (root / ".env").write_text("TANDEM_SLOTS=3\n"),
        lambda root, monkeypatch: monkeypatch.setenv("TANDEM_SLOTS", "3"),
        lambda root, monkeypatch: (root / "var" / "app.sqlite3").unlink(),
        lambda root, monkeypatch: shutil.rmtree(root / "var" / "static"),
    ],
    ids=["migration", "lock", "static file", ".env", "environment", "database deleted", "static files deleted"],
)
def test_it_runs_again_when_something_it_reads_or_makes_has_changed(ready, monkeypatch, change):
    prepare.ensure(ready)

    change(ready.root, monkeypatch)

    assert prepare.ensure(ready) is True


def test_with_a_database_server_no_local_database_is_looked_for(ready):
    server = Place(root=ready.root, values={"DATABASE_URL": "postgresql://db.example/tandem"})
    prepare.ensure(server)
    (ready.root / "var" / "app.sqlite3").unlink()

    assert prepare.ensure(server) is False


def test_a_bad_setting_is_told_in_the_words_of_manage_py(ready):
    (ready.root / "manage.py").write_text(
        "import sys\nsys.exit(print('TANDEM_SLOTS must be a number.', file=sys.stderr) or 2)"
    )

    with pytest.raises(Trouble) as trouble:
        prepare.ensure(ready)

    assert trouble.value.sentence == "TANDEM_SLOTS must be a number."
    assert ".env" in trouble.value.remedy
    assert trouble.value.code == 2


def test_a_step_that_failed_is_told_in_its_own_words(ready):
    code = "import sys\nsys.exit(print('CommandError: The disk is full.', file=sys.stderr) or 1)"
    (ready.root / "manage.py").write_text(code)

    with pytest.raises(Trouble) as trouble:
        prepare.ensure(ready)

    assert trouble.value.sentence == "The disk is full."
    assert "var/log/setup.log" in trouble.value.remedy


def test_a_crash_is_told_without_its_trace_and_is_tried_again(ready):
    (ready.root / "manage.py").write_text("print('folders: done', flush=True)\nraise RuntimeError('secret detail')")

    with pytest.raises(Trouble) as trouble:
        prepare.ensure(ready)
    (ready.root / "manage.py").write_text(MANAGE)

    assert trouble.value.sentence == "Setting up the databases and pages has failed."
    assert "var/log/setup.log" in trouble.value.remedy
    assert "secret detail" not in trouble.value.sentence + trouble.value.remedy
    assert prepare.ensure(ready) is True


def test_the_variables_are_those_of_the_example(ready):
    assert prepare.documented_variables(ready) == ["DATABASE_URL", "TANDEM_SLOTS"]
