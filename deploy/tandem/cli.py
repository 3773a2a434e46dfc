"""The commands behind the make targets. Called by deploy/bootstrap.py once the Python is known to fit."""

import argparse
import os
import shutil
import signal
import sys
import time
import traceback
from types import FrameType

from deploy.tandem import install, lock, say
from deploy.tandem.place import Place, check_data_folder
from deploy.tandem.say import Trouble

LEFTOVERS = (".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")


def main(words: list[str]) -> int:
    began = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, as_interrupt)
    try:
        return dispatch(parse(words), began)
    except Trouble as trouble:
        return say.tell(trouble)
    except KeyboardInterrupt:
        say.line.clear()
        print("Interrupted; nothing half-done is kept as done. Run the same command again to go on.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # make … | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as fault:  # nobody has foreseen it, so the trace is kept, in a file rather than on the terminal
        return say.tell(unforeseen(fault))


def unforeseen(fault: Exception) -> Trouble:
    """A fault of ours or of the checkout, told with the place of its trace."""
    log = Place().log / "fault.log"
    try:
        log.write_text("".join(traceback.format_exception(fault)))
        kept = f"the trace is in {log}"
    except OSError:
        kept = "set TANDEM_DATA_DIR to a folder that can be written, and it will be kept there"
    if isinstance(fault, FileNotFoundError) and fault.filename:
        return Trouble(f"A file is missing: {fault.filename}.", f"complete the checkout (git status shows it); {kept}")
    return Trouble(f"Something unforeseen went wrong ({type(fault).__name__}).", f"please report it; {kept}")


def as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bootstrap.py", description="Sets up, runs and tests Tandem.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("setup", "install the locked packages"), ("run", "start everything and do the main job")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--dev", action="store_true", help="with what development needs")
    commands.add_parser("lock", help="write the lock files").add_argument("--upgrade", action="store_true")
    commands.add_parser("clean", help="remove what set-up and tests have made, never your data")
    commands.add_parser("python", help="run the environment's Python, with development packages, on the words after it")
    if words[:1] == ["python"]:  # what follows is Python's, and may begin with a dash
        return argparse.Namespace(command="python", words=words[1:])
    return parser.parse_args(words)


def dispatch(options: argparse.Namespace, began: float) -> int:
    place = Place.here()
    if options.command == "clean":
        return clean(place)
    keep_bytecode(place)
    check_data_folder(place)
    if options.command == "run":
        from deploy import run

        return run.main(place, began)
    if options.command == "lock":
        lock.write(place, upgrade=options.upgrade)
        return 0
    install.ensure(place, dev=options.command == "python" or options.dev)
    if options.command == "python":
        sys.stdout.flush()
        os.chdir(place.root)
        os.execv(place.python, [str(place.python), *options.words])
    return 0


def keep_bytecode(place: Place) -> None:
    """Let our processes find the packages compiled, also where Python is told to leave no bytecode beside the sources.

    Containers often say so, and then each process compiles MLflow and torch anew, which takes longer than all else
    that a short one does. Inside the environment it leaves the checkout as clean as was asked.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(place.venv / "pycache"))


def clean(place: Place) -> int:
    with install.only_one(place):
        for name in LEFTOVERS:
            shutil.rmtree(place.root / name, ignore_errors=True)
        for folder in place.root.glob("*/**/__pycache__"):
            shutil.rmtree(folder, ignore_errors=True)
    say.note(f"Removed the environment and caches. Your data in {place.data} is untouched.")
    return 0
