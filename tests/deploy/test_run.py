"""The runner itself: signals, one run at a time, ports, the end. Its services are played by small sleepers; the real
ones are in test_main_job.py.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from deploy import run
from deploy.tandem import processes
from deploy.tandem.place import ROOT, Place
from deploy.tandem.say import Trouble
from tests.deploy.conftest import environment_of_one_s_own

SCENE = """
import os, sys, time
from pathlib import Path
from deploy import run
from deploy.tandem import processes, say
from deploy.tandem.place import Place, check_data_folder
from deploy.tandem.processes import Child

def sleepers(place, base, tracking_url):
    code = "import os, sys, time, pathlib; FIRST; pathlib.Path(sys.argv[1]).touch(); WORK; time.sleep(600)"
    for name in ("tracking", "web", "worker"):
        sign = place.data / (name + ".up")
        sign.unlink(missing_ok=True)
        work = code.replace("WORK", os.environ.get("WORK_" + name, "0"))
        work = work.replace("FIRST", os.environ.get("FIRST_" + name, "0"))
        command = [sys.executable, "-c", work, str(sign)]
        yield Child(name, command, place.log / (name + ".log"), sign.exists, first_to_stop=name == "worker")

run.services = sleepers
processes.Household.stop.__kwdefaults__["grace_s"] = float(os.environ.get("GRACE_S", "10"))
run.main_job = lambda place, household, base: eval(os.environ.get("MAIN_JOB", "{'models': []}"))
place = Place(root=Path(sys.argv[1]), values=dict(os.environ))
check_data_folder(place)
try:
    with run.alone(place) as run_id:
        sys.exit(run.serve(place, run_id, time.monotonic(), False))
except say.Trouble as trouble:
    sys.exit(say.tell(trouble))
"""


@pytest.fixture
def start(tmp_path):
    """Start the runner on a folder of its own; everything it printed comes from `communicate`."""
    begun = []

    def start(**variables):
        runner = subprocess.Popen(
            [sys.executable, "-c", SCENE, str(tmp_path)],
            cwd=ROOT,
            env={**environment_of_one_s_own(tmp_path / "var"), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(runner)
        return runner

    yield start
    for runner in begun:
        if runner.poll() is None:
            runner.terminate()
            runner.communicate()


def until(runner, sign):
    """The lines up to the one with the sign."""
    lines = []
    for line in runner.stdout:
        lines.append(line)
        if sign in line:
            break
    return "".join(lines)


def run_id(folder):
    return json.loads((folder / "var" / "run.lock").read_text())["run_id"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_serving_ends_everything_in_order(start, tmp_path, number):
    runner = start()
    until(runner, "until you press Ctrl-C")
    mark = run_id(tmp_path)
    before = len(processes.belonging(mark))

    runner.send_signal(number)
    told, errors = runner.communicate(timeout=30)

    assert before == 3
    assert (runner.returncode, told, errors) == (0, "Everything is stopped.\n", "")
    assert processes.belonging(mark) == []
    assert (tmp_path / "var" / "run.lock").read_text() == ""


def test_a_signal_before_the_end_of_the_main_job_is_no_success(start, tmp_path):
    runner = start(MAIN_JOB="print('training', flush=True) or time.sleep(600)")
    until(runner, "training")

    runner.send_signal(signal.SIGINT)
    runner.communicate(timeout=30)

    assert runner.returncode == 130
    assert (tmp_path / "var" / "run.lock").read_text() == ""


def test_a_second_ctrl_c_does_not_wait_for_those_who_dawdle(start):
    deaf = "__import__('signal').signal(15, lambda *words: 0); [time.sleep(1) for _ in range(600)]"
    runner = start(WORK_web="(pathlib.Path(sys.argv[1]).touch(), " + deaf.replace("; ", ", ") + ")", GRACE_S="600")
    until(runner, "until you press Ctrl-C")

    while runner.poll() is None:  # the first ends it, the others hurry; without hurry it would take ten minutes
        runner.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            runner.wait(timeout=0.2)
    told, _ = runner.communicate(timeout=30)

    assert told == "Everything is stopped. Killed, for not ending in time: web.\n"


def test_once_ends_by_itself_and_json_is_the_last_line(start, tmp_path):
    told, errors = start(ONCE="1", JSON="1").communicate(timeout=60)

    *_, before, last = told.splitlines()
    assert before == "Everything is stopped."
    facts = json.loads(last)
    assert facts["models"] == []
    assert facts["killed"] == []
    assert facts["base_url"].startswith("http://127.0.0.1:")
    assert errors == ""


def test_a_service_that_dies_ends_the_run_with_its_last_words(start, tmp_path):
    runner = start(WORK_worker="print('no space left', flush=True); time.sleep(1); sys.exit(9)")
    until(runner, "until you press Ctrl-C")

    _, errors = runner.communicate(timeout=30)

    assert runner.returncode == 1
    assert "  | no space left\nThe worker process has ended with code 9" in errors
    assert "Traceback" not in errors


def test_a_trouble_of_the_main_job_ends_the_run_without_a_trace(start):
    runner = start(MAIN_JOB="(_ for _ in ()).throw(say.Trouble('The job failed.', 'look'))")

    _, errors = runner.communicate(timeout=60)

    assert (runner.returncode, errors) == (1, "The job failed.\n  What to do: look\n")


def test_a_second_run_on_the_same_data_is_refused_with_the_process_of_the_first(start):
    first = start()
    until(first, "until you press Ctrl-C")

    second = start()
    _, errors = second.communicate(timeout=30)

    assert second.returncode == 1
    assert f"Tandem already runs on this data folder (process {first.pid})." in errors
    assert "TANDEM_DATA_DIR" in errors


def test_a_run_after_a_killed_one_ends_what_was_left(start, tmp_path):
    detached = "__import__('subprocess').Popen([sys.executable, '-c', 'import time; time.sleep(600)']"
    first = start(FIRST_worker=detached + ", start_new_session=True)")
    until(first, "until you press Ctrl-C")
    mark = run_id(tmp_path)
    first.kill()
    first.wait()

    second = start(ONCE="1")
    told, _ = second.communicate(timeout=60)

    assert second.returncode == 0
    assert "of a run that was killed are stopped" in told
    assert processes.belonging(mark) == []


def test_a_closed_pipe_ends_everything(start, tmp_path):
    runner = start()
    until(runner, "ready")
    mark = run_id(tmp_path)
    runner.stdout.close()

    runner.send_signal(signal.SIGTERM)
    runner.wait(timeout=30)

    assert processes.belonging(mark) == []


# ports


def test_taken_ports_are_told_and_the_next_ones_used(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        place = Place(root=tmp_path, values={"TANDEM_WEB_PORT": str(port), "TANDEM_TRACKING_PORT": str(port)})

        web, tracking = run.choose_ports(place)

    told = capsys.readouterr().out
    assert port < web < tracking
    assert f"{port} is taken by" in told
    assert f"web takes {web} instead (TANDEM_WEB_PORT chooses)" in told
    assert f"tracking takes {tracking} instead" in told


def test_neighbouring_defaults_do_not_collide(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        place = Place(root=tmp_path, values={"TANDEM_WEB_PORT": str(port), "TANDEM_TRACKING_PORT": str(port + 1)})

        web, tracking = run.choose_ports(place)

    assert len({port, web, tracking}) == 3


# what children get


def test_children_get_the_ports_really_chosen_and_nothing_of_make(tmp_path, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", "j")
    monkeypatch.setenv("ONCE", "1")

    got = run.child_environment(Place(root=tmp_path), 8002, 8003, "http://127.0.0.1:8002", "http://127.0.0.1:8003")

    assert (got["TANDEM_WEB_PORT"], got["TANDEM_TRACKING_PORT"]) == ("8002", "8003")
    assert (got["TANDEM_BASE_URL"], got["TANDEM_TRACKING_URL"]) == ("http://127.0.0.1:8002", "http://127.0.0.1:8003")
    assert got["PATH"].startswith(str(tmp_path / ".venv" / "bin"))
    assert not {"MAKEFLAGS", "ONCE"} & got.keys()


def test_an_address_of_ones_own_is_kept(tmp_path):
    place = Place(root=tmp_path, values={"TANDEM_BASE_URL": "https://models.example"})

    got = run.child_environment(place, 8002, 8003, "http://127.0.0.1:8002", "http://127.0.0.1:8003")

    assert got["TANDEM_BASE_URL"] == "https://models.example"


@pytest.mark.parametrize("name", ["web", "tracking"])
def test_gunicorn_takes_our_configuration_with_the_port_and_no_control_socket(name):
    variable = {"web": "TANDEM_WEB_PORT", "tracking": "TANDEM_TRACKING_PORT"}[name]
    command = [sys.executable, "-m", "gunicorn", "x:y", "-c", f"deploy/gunicorn_{name}.py", "--print-config"]

    answer = subprocess.run(command, cwd=ROOT, env={**os.environ, variable: "8123"}, capture_output=True, text=True)

    shown = {key.strip(): value.strip() for key, _, value in (row.partition("=") for row in answer.stdout.splitlines())}
    expected = {"bind": "['127.0.0.1:8123']", "threads": "8", "workers": "1", "control_socket_disable": "True"}
    assert {key: shown[key] for key in expected} == expected


def test_a_data_folder_that_is_locked_by_nobody_is_had(tmp_path):
    place = Place(root=tmp_path)
    place.data.mkdir()
    (place.data / "run.lock").write_text("{broken")

    with run.alone(place) as mark:
        assert run_id(tmp_path) == mark


def test_two_in_one_process_are_refused_too(tmp_path):
    place = Place(root=tmp_path)
    place.data.mkdir()

    with run.alone(place), pytest.raises(Trouble, match="already runs"), run.alone(place):
        pass
