"""`manage.py setup` when it is needed: databases, static files, demo content. A stamp in the data folder spares it."""

import hashlib
import itertools
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.tandem import say
from deploy.tandem.place import Place
from deploy.tandem.say import Trouble

STAMP = "setup-stamp.json"
# Folders whose files decide what `manage.py setup` does; by content where small, by size and time where many.
APPS = ("config", "collab", "registry", "training")
READ = ("migrations/*.py", "management/commands/*.py", "settings/*.py", "*.py", "*/setup.py")
LISTED = ("static/**/*", "locale/**/*.po", "locale/**/*.mo")


def ensure(place: Place) -> bool:
    """Run `manage.py setup` unless nothing it depends on has changed. Returns True when it ran. Raises Trouble."""
    stamp = place.data / STAMP
    now = fingerprint(place)
    if now == read(stamp) and outputs_exist(place):
        return False
    stamp.unlink(missing_ok=True)
    began = time.monotonic()
    say.line.restart()
    say.line.show("  set-up       preparing databases, pages and the demo; half a minute the first time")
    for line in run_setup(place):
        name, colon, what = line.partition(":")
        say.note(f"  {name.strip():<12} {what.strip()}" if colon and len(name) <= 24 else f"  {line}")
        say.line.live("  set-up       goes on …")
    stamp.write_text(json.dumps({"fingerprint": now}) + "\n")  # last, so that an interrupted set-up is repeated
    say.done("set-up", "done", began)
    return True


def fingerprint(place: Place) -> str:
    """A hash of everything `manage.py setup` reads: lock, migrations, settings, static files, `.env`, environment."""
    total = hashlib.sha256((place.root / "requirements.lock").read_bytes())
    for app, pattern in itertools.product(APPS, READ):
        for file in sorted((place.root / app).glob(pattern)):
            total.update(str(file.relative_to(place.root)).encode() + b"\0" + file.read_bytes())
    for pattern in LISTED:
        for file in sorted(place.root.glob(pattern)):
            if file.is_file():
                state = file.stat()
                total.update(f"{file.relative_to(place.root)}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    dotenv = place.root / ".env"
    total.update(dotenv.read_bytes() if dotenv.is_file() else b"-")
    for name in documented_variables(place):
        total.update(f"{name}={os.environ.get(name)}\n".encode())
    return total.hexdigest()


def documented_variables(place: Place) -> list[str]:
    """The names in .env.example, set or commented out."""
    try:
        lines = (place.root / ".env.example").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    names = (line.lstrip("# ").partition("=")[0].strip() for line in lines if "=" in line)
    return sorted({name for name in names if name.isidentifier() and name.isupper()})


def outputs_exist(place: Place) -> bool:
    """Whether somebody deleted what the stamp speaks of."""
    embedded = not place.text("DATABASE_URL")
    return (place.data / "static").is_dir() and (not embedded or (place.data / "app.sqlite3").exists())


def read(stamp: Path) -> str | None:
    try:
        found = json.loads(stamp.read_text())
    except (OSError, ValueError):
        return None
    return found.get("fingerprint") if isinstance(found, dict) else None


def run_setup(place: Place) -> Iterator[str]:
    """The lines that `manage.py setup` prints, as they come; everything else goes to the log. Raises Trouble."""
    log = place.log / "setup.log"
    with log.open("ab") as errors:
        begun_at = errors.tell()
        child = subprocess.Popen(
            [str(place.python), "-u", "manage.py", "setup"],
            cwd=place.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
        )
        try:
            assert child.stdout
            for line in child.stdout:
                if line.strip():
                    yield line.rstrip()
            code = child.wait()
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
    if code != 0:
        raise failed(place, code, log, begun_at)


def failed(place: Place, code: int, log: Path, begun_at: int) -> Trouble:
    """manage.py tells a bad setting (code 2) and a step that failed in one sentence; a crash is in the log."""
    with log.open("rb") as source:
        source.seek(begun_at)
        words = [line for line in source.read().decode(errors="replace").splitlines() if line.strip()]
    told = words[-1].removeprefix("CommandError: ") if words else ""
    again = "then run the same command again; nothing half-done is kept as done"
    if not told or any(line.startswith("Traceback") for line in words):
        return Trouble("Setting up the databases and pages has failed.", f"see the end of {place.shown(log)}, {again}")
    if code == 2:
        return Trouble(told, "correct it in .env or in the environment, then run the same command again", code=2)
    return Trouble(told, f"see the end of {place.shown(log)}, {again}")
