"""What a worker keeps warm is started once, is closed with it, and is never needed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.warm import let_go, wait_until_warm
from training.engine.contract import Forked, NoPoolError, Request, answers, ask
from training.runner import confined, launcher, pool
from training.runner.confined import Limits, run_engine
from training.runner.pool import Warm

LIMITS = Limits(wall_s=40, memory_bytes=4 << 30)


@pytest.fixture
def kept(settings, tmp_path: Path) -> Iterator[Warm]:
    """A pool that loads nothing but the commands."""
    settings.DATA_DIR = tmp_path
    program = "from training.engine import pool; from pathlib import Path; import sys; "
    program += "sys.exit(pool.serve(Path(sys.argv[1]), pool.engine_main, lambda: None, pool.engine_stamp))"
    pool_ = Warm("engine", pool.ENGINE.code, lambda: ["-c", program], pool.ENGINE.environment)
    yield pool_
    let_go(pool_)


def test_a_pool_is_started_once_and_again_when_it_is_gone(kept: Warm):
    assert kept.keep()
    wait_until_warm(kept)
    assert not kept.keep()

    kept._started[0].kill()
    kept._started[0].wait()
    assert not kept.keep(), "one that fails is not tried all the time"
    kept._last_try -= pool.AGAIN_S
    assert kept.keep()
    wait_until_warm(kept)
    assert len(kept._started) == 1
    let_go(kept)
    assert not kept.address().exists() and not answers(kept.address(), kept.code())


def test_it_is_another_workers_turn_when_the_code_has_changed(kept: Warm):
    kept.keep()
    wait_until_warm(kept)
    changed = Warm("engine", lambda: "changed", kept.program, kept.environment)
    with pytest.raises(NoPoolError, match="the code has changed"):
        ask(changed.address(), Request(("schema",), "/"), 1, 2, changed.code())
    assert changed.fork(Request(("schema",), "/"), 1, 2) is None
    assert kept._started[0].wait(30) == 0, "it has no child left"


def test_without_a_warm_engine_nothing_is_started(settings, tmp_path: Path):
    settings.DATA_DIR, settings.WARM_ENGINE = tmp_path, "off"
    pool.keep_warm()
    assert list(tmp_path.iterdir()) == []
    assert pool.ENGINE.fork(Request(("schema",), "/"), 1, 2) is None


def test_what_is_loaded_is_a_setting(settings):
    settings.WARM_ENGINE = "torch"
    assert "--transformers" not in pool.ENGINE.program()
    settings.WARM_ENGINE = "transformers"
    assert pool.ENGINE.program()[-2:] == ["pool", "--transformers"]


def test_no_engine_gets_a_secret(monkeypatch):
    for name in ("TANDEM_SECRET_KEY", "DATABASE_URL", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("TANDEM_RUN_ID", "marked")
    told = pool.ENGINE.environment()
    assert "secret" not in told.values() and told["TANDEM_RUN_ID"] == "marked"


@pytest.mark.parametrize("start", ["cold", "warm"])
def test_a_confined_answer_is_the_same_cold_and_warm(start: str, settings, tmp_path: Path, request):
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    if start == "warm":
        request.getfixturevalue("warm_engine")
    ended = run_engine("schema", folder=tmp_path, limits=LIMITS)
    assert ended.code == 0 and json.loads(ended.out)["title"]
    wrong = run_engine("predict", str(tmp_path / "none"), "none", folder=tmp_path, limits=LIMITS)
    assert wrong.code == 1 and wrong.errors.startswith("This cannot be answered: ")
    unknown = run_engine("unknown", folder=tmp_path, limits=LIMITS)
    assert unknown.code == 2 and "invalid choice" in unknown.errors and unknown.out == b""


def test_a_confined_child_that_takes_too_long_is_gone(warm_engine: Path, tmp_path: Path, monkeypatch):
    children: list[Forked] = []
    fork = Warm.fork

    def noted(self: Warm, *asked):
        child = fork(self, *asked)
        children.append(child)
        os.kill(child.pid, signal.SIGSTOP)
        return child

    monkeypatch.setattr(Warm, "fork", noted)
    with pytest.raises(TimeoutError):
        run_engine("schema", folder=tmp_path, limits=Limits(wall_s=0.2, memory_bytes=4 << 30))
    assert children[0].returncode == -signal.SIGKILL


def test_a_child_that_never_stops_talking_is_not_listened_to_for_ever():
    """What is ready to be read is no reason to go on once the time is up."""
    (out, out_end), (errors, errors_end) = os.pipe(), os.pipe()
    os.write(out_end, b"more")
    with os.fdopen(out, "rb"), os.fdopen(errors, "rb"), os.fdopen(out_end, "wb"), os.fdopen(errors_end, "wb"):
        with pytest.raises(TimeoutError):
            confined._read_both(out, errors, time.monotonic() - 1)
        assert os.read(out, 10) == b"more"


def test_a_run_is_forked_and_ends_with_the_pool(kept: Warm, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pool, "ENGINE", kept)
    kept.keep()
    wait_until_warm(kept)
    folder = tmp_path / "run"
    folder.mkdir()
    engine = launcher.launch(folder)
    os.kill(engine.pid, signal.SIGSTOP)  # before it finds that there is no spec
    assert isinstance(engine.process, Forked) and engine.started > 0
    assert engine.poll() is None and engine.peak_rss_bytes > 1_000_000 and not engine.lost

    kept._started[0].kill()

    assert engine.process.wait(30) == -signal.SIGKILL
    assert engine.lost
    engine = launcher.launch(folder)
    assert not isinstance(engine.process, Forked), "without a pool it is a process of its own"
    engine.kill()
    assert engine.poll() == -signal.SIGKILL and not engine.lost
