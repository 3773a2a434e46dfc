"""`make run`: sets up, starts web, worker and tracking, does the main job through the product's own API, serves.

Ctrl-C, SIGTERM or SIGHUP end every process that this one has started. ONCE=1 ends them after the table.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

if __name__ == "__main__":  # run by path rather than through bootstrap.py
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from deploy.tandem import client, demo, install, ports, prepare, processes, report, say
from deploy.tandem.place import Place, check_data_folder
from deploy.tandem.processes import Child, Household
from deploy.tandem.say import Trouble

HEALTHY_WITHIN_S = 120.0
OF_MAKE = {"ONCE", "JSON", "AGAIN", "ARGS", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}


class Stopped(BaseException):
    """A signal asked for the end. Not an Exception, so that nothing on the way swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Signals:
    """The first signal raises Stopped in the main thread; from then on signals only make the end hurry."""

    def __init__(self) -> None:
        self.ending = False
        self.again = False
        self._since = 0.0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.arrived)

    def arrived(self, number: int, frame: FrameType | None) -> None:
        if self.ending:
            # make passes on what its process group got as well, so one wish may arrive twice
            self.again = self.again or time.monotonic() - self._since > 1.0
            return
        self.begin_end()
        raise Stopped(number)

    def begin_end(self) -> None:
        if not self.ending:
            self.ending, self._since = True, time.monotonic()

    def hurry(self) -> bool:
        """Whether the person has asked once more."""
        return self.again


def main(place: Place, began: float) -> int:
    """Everything from an empty checkout to a served product. Returns the exit code; raises Trouble before the start."""
    say.note("Tandem")
    install.ensure(place)
    with alone(place) as run_id:
        fresh = prepare.ensure(place)
        try:
            return serve(place, run_id, began, fresh)
        except Stopped as stopped:  # a signal while another end was being told
            return 128 + stopped.number


def serve(place: Place, run_id: str, began: float, fresh: bool) -> int:
    web, tracking = choose_ports(place)
    base, tracking_url = f"http://{ports.HOST}:{web}", f"http://{ports.HOST}:{tracking}"
    household = Household(
        run_id, root=place.root, environment=child_environment(place, web, tracking, base, tracking_url)
    )
    household.adopt_orphans()
    signals = Signals()
    facts: dict[str, Any] = {"base_url": base, "tracking_url": tracking_url, "first_set_up": fresh}
    code, serving = 0, False
    try:
        for child in services(place, base, tracking_url):
            household.start(child)
        household.wait_healthy(
            timeout_s=HEALTHY_WITHIN_S,
            watch=lambda waiting: say.line.show(f"  starting     waiting for {', '.join(waiting)}"),
        )
        facts["ready_s"] = round(time.monotonic() - began, 1)
        say.note(f"  ready        {base}/  ({facts['ready_s']} s)")
        facts |= main_job(place, household, base)
        serving = True
        if not place.wants("ONCE"):
            if place.wants("JSON"):
                print(json.dumps(facts), flush=True)
            say.note(f"Tandem is at {base}/ until you press Ctrl-C. To train the demo anew: make run AGAIN=1")
            while True:
                household.check()
                time.sleep(0.5)
    except Stopped as stopped:
        say.line.clear()
        code = 0 if serving else 128 + stopped.number
    except Trouble as trouble:
        code = say.tell(trouble)
    except BrokenPipeError:  # make run | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    finally:
        signals.begin_end()
        killed = household.stop(hurry=signals.hurry)
    with contextlib.suppress(BrokenPipeError):
        say.note(
            "Everything is stopped." + (f" Killed, for not ending in time: {', '.join(killed)}." if killed else "")
        )
        if place.wants("ONCE") and place.wants("JSON") and code == 0:
            print(json.dumps(facts | {"total_s": round(time.monotonic() - began, 1), "killed": killed}), flush=True)
    return code


# one run at a time


@contextlib.contextmanager
def alone(place: Place) -> Iterator[str]:
    """Only one `make run` per data folder; ends what a killed earlier one has left. Yields this run's id."""
    handle = os.open(place.data / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = read_json(os.pread(handle, 4096, 0))
            raise Trouble(
                f"Tandem already runs on this data folder (process {other.get('pid', 'unknown')}).",
                "stop it with Ctrl-C where it was started, or give this one a folder of its own with TANDEM_DATA_DIR",
            ) from None
        before = read_json(os.pread(handle, 4096, 0)).get("run_id")
        if before and (count := processes.end_leftovers(str(before))):
            say.note(f"  leftovers    {count} processes of a run that was killed are stopped")
        run_id = uuid.uuid4().hex
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"run_id": run_id, "pid": os.getpid()}).encode(), 0)
        try:
            yield run_id
        finally:
            if not processes.belonging(run_id):
                os.ftruncate(handle, 0)  # an orderly end leaves nothing to look for
    finally:
        os.close(handle)


def read_json(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


# what is started


def choose_ports(place: Place) -> tuple[int, int]:
    """The configured ports, or the next free ones, saying who holds the others."""
    chosen: list[int] = []
    for what, name, default in (("web", "TANDEM_WEB_PORT", 8000), ("tracking", "TANDEM_TRACKING_PORT", 8001)):
        wanted = place.port(name, default)
        port = ports.choose(wanted, avoid=set(chosen))
        if port != wanted and wanted not in chosen:
            say.note(f"  port         {wanted} {ports.reason(wanted)}; {what} takes {port} instead ({name} chooses)")
        chosen.append(port)
    return chosen[0], chosen[1]


def child_environment(place: Place, web: int, tracking: int, base: str, tracking_url: str) -> dict[str, str]:
    """What every child gets: this environment, the ports really chosen, and the addresses that go with them."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    environment |= {
        "TANDEM_WEB_PORT": str(web),
        "TANDEM_TRACKING_PORT": str(tracking),
        "TANDEM_BASE_URL": place.text("TANDEM_BASE_URL", base),
        "TANDEM_TRACKING_URL": place.text("TANDEM_TRACKING_URL", tracking_url),
        "VIRTUAL_ENV": str(place.venv),
        "PATH": f"{place.venv / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("PYTHONHOME", None)
    return environment


def services(place: Place, base: str, tracking_url: str) -> list[Child]:
    """web, tracking and worker: how to start each, and how to know that it is healthy."""
    python, log = str(place.python), place.log
    ready = place.data / "worker.ready"
    ready.unlink(missing_ok=True)
    celery = [python, "-m", "celery", "-A", "config", "worker", "-B", "-P", "threads", "-c", "4", "-l", "INFO"]
    celery += ["-s", str(place.data / "celerybeat-schedule"), "--without-mingle", "--without-gossip"]
    return [
        Child(
            "tracking",
            [python, "-m", "gunicorn", "config.wsgi_tracking:application", "-c", "deploy/gunicorn_tracking.py"],
            log / "tracking.log",
            lambda: client.answers(f"{tracking_url}/health/live"),
        ),
        Child(
            "web",
            [python, "-m", "gunicorn", "config.wsgi:application", "-c", "deploy/gunicorn_web.py"],
            log / "web.log",
            lambda: client.answers(f"{base}/health/ready"),
        ),
        # config/celery.py touches the file when the worker takes tasks
        Child("worker", celery, log / "worker.log", ready.exists, first_to_stop=True),
    ]


# the main job


def main_job(place: Place, household: Household, base: str) -> dict[str, Any]:
    """Tell the demo's story through the API and print the table. Returns the facts for JSON."""
    watch = Watch(household)
    inputs = place.data / "demo"
    helper(place, ["-m", "deploy.tandem.demo_data", str(inputs)], "the demo's input files", watch)
    access = json.loads(helper(place, ["manage.py", "demo_access", "--json"], "the demo accounts", watch))
    began = time.monotonic()
    api = client.Client(access.get("base_url") or base, access["token"])
    outcomes = demo.tell_story(api, project=access["project"], inputs=inputs, again=place.wants("AGAIN"), watch=watch)
    took = time.monotonic() - began
    household.measure()
    say.note(report.table(outcomes, access, base))
    return {
        "project": access["project"],
        "models": [outcome.as_dict() for outcome in outcomes],
        "accounts": access.get("accounts", []),
        "main_job_s": round(took, 1),
        "peak_mib": household.peak_mib(),
    }


class Watch:
    """Called in every waiting loop: notices a dead child at once, measures memory now and then."""

    def __init__(self, household: Household, measure_every_s: float = 0.5) -> None:
        self.household = household
        self.measure_every_s = measure_every_s
        self._measured_at = 0.0

    def __call__(self) -> None:
        self.household.check()
        if time.monotonic() - self._measured_at > self.measure_every_s:
            self.household.measure()
            self._measured_at = time.monotonic()


def helper(place: Place, words: list[str], what: str, watch: Watch) -> str:
    """The output of a short command of the environment's Python. Raises Trouble when it fails."""
    log = place.log / "setup.log"
    with log.open("ab") as errors:
        child = subprocess.Popen(
            [str(place.python), *words],
            cwd=place.root,
            env=watch.household.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            while True:
                try:
                    output, _ = child.communicate(timeout=0.3)
                    break
                except subprocess.TimeoutExpired:
                    watch()
                    say.line.show(f"  demo         preparing {what}")
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if child.returncode != 0:
        raise Trouble(f"Preparing {what} has failed.", f"see the end of {place.shown(log)}")
    return output


if __name__ == "__main__":
    started = time.monotonic()
    try:
        here = Place.here()
        check_data_folder(here)
        sys.exit(main(here, started))
    except Trouble as fault:
        sys.exit(say.tell(fault))
    except KeyboardInterrupt:
        sys.exit(130)
