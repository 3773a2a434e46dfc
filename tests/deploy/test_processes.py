"""Children and grandchildren: started, watched, ended to the last one. Each scene runs in a Python of its own,
because it adopts orphans and would otherwise adopt those of other tests.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from deploy.tandem import processes
from deploy.tandem.place import ROOT
from tests.deploy.conftest import NOBODY

SCENE = """
import sys, time, os, signal
from pathlib import Path
from deploy.tandem import processes, say
from deploy.tandem.processes import Child, Household

folder, PYTHON = Path(sys.argv[1]), sys.argv[2]
household = Household(sys.argv[3], root=folder, environment=dict(os.environ))
household.adopt_orphans()

def child(name, code, **more):
    sign = folder / (name + ".ready")
    code = "from pathlib import Path; import os, signal, subprocess, sys, time\\n" + code
    code = code.replace("READY", f"Path({str(sign)!r}).touch()")
    household.start(Child(name, [PYTHON, "-c", code], folder / (name + ".log"), sign.exists, **more))
"""


@pytest.fixture
def scene(tmp_path, open_folder, python):
    def play(code: str, *, ordinary_user: bool = False):
        folder = open_folder if ordinary_user else tmp_path
        interpreter = python_for_everybody() if ordinary_user else sys.executable
        return python(SCENE + code, str(folder), interpreter, f"scene-{tmp_path.name}", ordinary_user=ordinary_user)

    return play


def python_for_everybody() -> str:
    """A Python that an ordinary user may run; this one may lie in root's home."""
    for path in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError):
            if os.geteuid() != 0 or subprocess.run([path, "-c", ""], user=NOBODY, group=NOBODY).returncode == 0:
                return path
    pytest.skip("no Python here may be run by an ordinary user; run the tests as one to try it")


def still_there(run_id: str) -> list[int]:
    return sorted(processes.with_mark(run_id))


@pytest.mark.parametrize("ordinary_user", [False, True], ids=["as-is", "ordinary-user"])
def test_everything_is_ended_detached_grandchildren_too(scene, tmp_path, ordinary_user):
    code = """
# a process that cleared its environment and whose parent has gone: nothing but adoption leads to it
ORPHAN = '''import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True, env={})'''
child("worker", "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True);"
    "subprocess.run([sys.executable, '-c', orphan]); READY; time.sleep(600)".replace("orphan", repr(ORPHAN)),
    first_to_stop=True)
child("web", "READY; time.sleep(600)")
household.wait_healthy(timeout_s=30)
print(os.geteuid(), len(household.ours()))
killed = household.stop(grace_s=10)
print(killed, household.ours())
"""

    answer = scene(code, ordinary_user=ordinary_user)

    user = NOBODY if ordinary_user and os.geteuid() == 0 else os.geteuid()
    assert answer.stdout.splitlines() == [f"{user} 4", "[] []"], answer.stderr
    assert still_there(f"scene-{tmp_path.name}") == []


def test_a_job_may_save_before_it_ends_and_the_worker_starts_nothing_meanwhile(scene, tmp_path):
    saved = tmp_path / "checkpoint"
    code = f"""
engine = '''
import signal, sys, time
from pathlib import Path
def save(number, frame):
    Path({str(saved)!r}).write_text("web was " + ("up" if Path({str(tmp_path / "web.up")!r}).exists() else "down"))
    sys.exit(75)
signal.signal(signal.SIGTERM, save)
Path({str(tmp_path / "engine.up")!r}).touch()
time.sleep(600)
'''
child("worker", f"subprocess.Popen([sys.executable, '-c', {{engine!r}}], start_new_session=True)\\n"
    "READY\\ntime.sleep(600)", first_to_stop=True)
child("web", "up = Path({str(tmp_path / "web.up")!r}); up.touch()\\n"
    "def down(n, f): up.unlink(); sys.exit(0)\\nsignal.signal(signal.SIGTERM, down)\\nREADY\\ntime.sleep(600)")
household.wait_healthy(timeout_s=30)
while not Path({str(tmp_path / "engine.up")!r}).exists(): time.sleep(0.01)
print(household.stop(grace_s=10))
"""

    answer = scene(code)

    assert answer.stdout == "[]\n", answer.stderr
    assert saved.read_text() == "web was up"


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(scene, tmp_path):
    code = """
child("web", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\nREADY\\ntime.sleep(600)")
household.wait_healthy(timeout_s=30)
print(household.stop(grace_s=0.2))
"""

    assert scene(code).stdout == "['web']\n"
    assert still_there(f"scene-{tmp_path.name}") == []


def test_a_child_that_dies_is_named_with_its_last_words(scene):
    code = """
child("web", "READY; time.sleep(600)")
child("worker", "print('the database is locked'); sys.exit(3)")
try:
    household.wait_healthy(timeout_s=30)
except say.Trouble as trouble:
    say.tell(trouble)
household.stop(grace_s=5)
"""

    told = scene(code).stderr

    assert "  | the database is locked\n" in told
    assert "The worker process has ended with code 3; everything else is stopped too." in told


def test_a_child_that_never_answers_is_named(scene):
    code = """
child("web", "print('still importing', flush=True); time.sleep(600)")
try:
    household.wait_healthy(timeout_s=1)
except say.Trouble as trouble:
    print(trouble.sentence)
household.stop(grace_s=5)
"""

    assert scene(code).stdout == "The web process did not become healthy within 1 seconds.\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_a_killed_runner_takes_its_services_with_it_and_the_next_one_ends_the_rest(tmp_path):
    code = (
        SCENE
        + """
child("web", "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\\n"
    "READY\\ntime.sleep(600)")
household.wait_healthy(timeout_s=30)
print("up", flush=True)
time.sleep(600)
"""
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), sys.executable, f"scene-{tmp_path.name}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    run_id = f"scene-{tmp_path.name}"
    assert runner.stdout.readline() == b"up\n"
    before = len(processes.belonging(run_id))

    runner.send_signal(signal.SIGKILL)
    runner.wait()
    deadline = time.monotonic() + 20
    while len(processes.belonging(run_id)) > 1 and time.monotonic() < deadline:
        pass
    left = len(processes.belonging(run_id))
    ended = processes.end_leftovers(run_id)

    assert (before, left, ended) == (2, 1, 1)
    assert processes.belonging(run_id) == []


def test_a_previous_log_is_kept_beside_the_new_one(tmp_path):
    (tmp_path / "web.log").write_text("yesterday")

    processes.rotate(tmp_path / "web.log")

    assert (tmp_path / "web.log.1").read_text() == "yesterday"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_noted_by_role_and_the_largest_counts(scene):
    code = """
child("web", "x = bytearray(60_000_000); READY; time.sleep(600)")
household.wait_healthy(timeout_s=30)
household.measure()
print({role: size > 57 for role, size in household.peak_mib().items()})
household.stop(grace_s=5)
"""

    assert scene(code).stdout == "{'web': True}\n"
