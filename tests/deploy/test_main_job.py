"""The main job, whole and real: set-up, three processes, two models trained through the API, found again, all ended.

The language model is trained on fewer passes than `make run` gives it; nothing else is shortened.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.tandem import processes
from deploy.tandem.place import ROOT, Place
from tests.deploy.conftest import environment_of_one_s_own

pytestmark = [pytest.mark.slow, pytest.mark.services]

# `make run` without its first step: these tests must not install anything
RUN = """
import os, sys, time
from deploy import run
from deploy.tandem import client, prepare, say
from deploy.tandem.place import Place, check_data_folder

get = client.Client.get
def shorter(self, path, **query):
    answer = get(self, path, **query)
    if path == "/api/v1/specs/default/" and query["task"] == "causal-lm":
        answer["spec"]["train"]["epochs"] = 1
    return answer
client.Client.get = shorter
run.install.ensure = lambda place: False
place = Place.here()
check_data_folder(place)
try:
    sys.exit(run.main(place, time.monotonic()))
except say.Trouble as trouble:
    sys.exit(say.tell(trouble))
"""


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    """Ports and a data folder of its own."""
    if not Place().python.exists():
        pytest.skip("there is no .venv here: run the tests with `make test`")
    return environment_of_one_s_own(tmp_path_factory.mktemp("main-job"))


def make_run(variables, **more):
    """Run to the end; the facts of the last line."""
    answer = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=ROOT,
        env={**variables, "ONCE": "1", "JSON": "1", **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout, json.loads(answer.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def first(variables):
    return make_run(variables)


@pytest.fixture(scope="module")
def second(variables, first):
    return make_run(variables)


def test_two_models_are_trained_and_registered_and_beat_the_trivial_answer(first):
    _, facts = first

    language, digits = facts["models"]
    assert [model["state"] for model in facts["models"]] == ["done", "done"]
    assert digits["metrics"]["test/accuracy"] >= 0.95
    assert digits["baseline"]["test/accuracy"] < 0.2
    assert language["metrics"]["test/perplexity"] < language["baseline"]["test/perplexity"]
    for model in facts["models"]:
        assert len(model["mlflow_run"]) == 32
        assert model["model_version"]["number"] == 1


def test_the_terminal_tells_the_story(first):
    told, facts = first

    for words in (
        "ready",
        "step ",
        "loss ",
        "tokens/s",
        "images/s",
        " left",
        "TRAINED",
        "trivial answer",
        "Sign in at",
    ):
        assert words in told
    assert facts["models"][0]["mlflow_run"] in told
    assert all(account["email"] in told for account in facts["accounts"])
    assert "Traceback" not in told


def test_memory_of_every_role_is_measured(first):
    _, facts = first

    assert {"web", "worker", "tracking", "supervisor", "engine"} <= facts["peak_mib"].keys()


def test_the_second_time_finds_everything_and_trains_nothing(first, second):
    (_, before), (told, after) = first, second

    assert [model["job"] for model in after["models"]] == [model["job"] for model in before["models"]]
    assert [model["trained_now"] for model in after["models"]] == [False, False]
    assert after["first_set_up"] is False
    assert "trained already by an earlier run" in told


def test_nothing_is_left_running_and_nothing_had_to_be_killed(variables, first, second):
    folder = Path(variables["TANDEM_DATA_DIR"])

    assert [facts["killed"] for _, facts in (first, second)] == [[], []]
    assert (folder / "run.lock").read_text() == ""
    for seen in processes.all_processes():
        words = Path(f"/proc/{seen.pid}/cmdline")
        assert not words.exists() or str(folder).encode() not in words.read_bytes()
    for name in ("TANDEM_WEB_PORT", "TANDEM_TRACKING_PORT"):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(variables[name]))) != 0


def test_the_history_of_a_new_installation_is_whole(variables, second):
    told = subprocess.run(
        [sys.executable, "manage.py", "verify_audit"],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 0 and "whole" in told.stdout, told.stdout + told.stderr


def test_the_logs_hold_no_trace_and_no_token(variables, first):
    logs = Path(variables["TANDEM_DATA_DIR"]) / "log"

    for name in ("web", "worker", "tracking"):
        for log in logs.glob(f"{name}.log*"):
            text = log.read_text()
            assert "Traceback" not in text, log
            assert "Bearer " not in text


def test_a_bad_variable_stops_the_start_by_name(variables):
    answer = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=ROOT,
        env={**variables, "TANDEM_LEASE_S": "soon"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert answer.returncode == 2
    assert answer.stderr.startswith("TANDEM_LEASE_S must be a whole number")
    assert answer.stderr.count("\n") == 2
    assert "Traceback" not in answer.stdout + answer.stderr


def test_the_data_folder_is_for_its_owner(variables, first):
    key = Path(variables["TANDEM_DATA_DIR"]) / "secret_key"

    assert oct(key.stat().st_mode & 0o777) == "0o600"
    assert os.access(key, os.R_OK)
