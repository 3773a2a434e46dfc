"""The writer before the real gate: what arrives, what repeating changes (nothing), how it waits out an outage."""

import json
import os
import pickle

import pytest

from registry.tracking import writer as writing
from registry.tracking.writer import (
    Metric,
    RunWriter,
    SupersededError,
    TrackingRefusedError,
    TrackingUnavailable,
)
from tests.registry.tracking import servers, stock_session
from tests.registry.tracking.conftest import JOB


@pytest.fixture
def make_writer(gate, cast, job):
    made = []

    def make(**more):
        made.append(RunWriter(f"{gate}/mlflow/{cast.project.slug}", more.pop("token", job()), **more))
        return made[-1]

    yield make
    for one in reversed(made):
        one.close()


def begin(one: RunWriter, **more) -> str:
    plan = {"experiment": "causal-lm", "run_name": "tiny", "job_id": JOB, "params": {"lr": 5e-4, "layers": 2}}
    return one.start_run(**plan | more)


@pytest.fixture
def seen(call, cast):
    """What a member of the project sees through the gate."""
    return call(cast.project, cast.lead.token)


def history(seen, run_id, key):
    answer = seen("GET", "metrics/get-history", params={"run_id": run_id, "metric_key": key}).json()
    return [(int(point.get("step", 0)), point["value"], int(point["timestamp"])) for point in answer.get("metrics", [])]


CURVE = [Metric("train/loss", 3.0 - step / 100, step, 1_700_000_000_000 + step) for step in range(2500)]


def test_a_run_arrives_whole(make_writer, seen):
    one = make_writer()
    run_id = begin(one, tags={"tandem.submitted_by": "somebody"})
    assert one.log_metrics(CURVE) == len(CURVE)
    one.log_dataset(name="corpus v1", digest="d" * 64, source="http://x/y", profile={"rows": 3, "语": "言"})
    one.log_text("语言", "notes/log.txt")
    one.end_run("FINISHED")
    run = seen("GET", "runs/get", params={"run_id": run_id}).json()["run"]
    assert run["info"]["status"] == "FINISHED"
    assert {p["key"]: p["value"] for p in run["data"]["params"]} == {"lr": "0.0005", "layers": "2"}
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert tags["tandem.job"] == JOB
    assert tags["tandem.submitted_by"] == "somebody"
    dataset = run["inputs"]["dataset_inputs"][0]["dataset"]
    assert (dataset["name"], dataset["digest"]) == ("corpus v1", "d" * 36)
    assert json.loads(dataset["profile"]) == {"rows": 3, "语": "言"}
    points = history(seen, run_id, "train/loss")
    assert points == [(point.step, point.value, point.timestamp_ms) for point in CURVE]


def test_everything_may_be_sent_again(make_writer, seen, tmp_path):
    package = stock_session.write_package(tmp_path / "package")
    results = []
    for _attempt in range(2):  # the second is a supervisor that begins anew after a crash
        one = make_writer()
        run_id = begin(one)
        one.log_metrics(CURVE[:100])
        one.log_dataset(name="corpus v1", digest="abc", source="x")
        results.append((run_id, one.log_model(package, "net", "m-1234", metrics={"test/loss": 1.5}, step=99)))
        one.end_run("FINISHED")
    assert results[0] == results[1]
    run_id, logged = results[0]
    assert logged.version == 1
    assert len(history(seen, run_id, "train/loss")) == 100
    run = seen("GET", "runs/get", params={"run_id": run_id}).json()["run"]
    assert len(run["inputs"]["dataset_inputs"]) == 1
    assert [output["model_id"] for output in run["outputs"]["model_outputs"]] == [logged.model_id]
    model = seen("GET", f"logged-models/{logged.model_id}").json()["model"]
    assert [(m["key"], m["value"]) for m in model["data"]["metrics"]] == [("test/loss", 1.5)]


def test_a_model_is_registered_with_its_files_and_back_link(make_writer, seen, tmp_path):
    package = stock_session.write_package(tmp_path / "package")
    (package / "tokenizer").mkdir()
    (package / "tokenizer" / "tokenizer.json").write_text("{}", encoding="utf-8")
    one = make_writer()
    begin(one)
    logged = one.log_model(package, "net", "m-1234")
    model = seen("GET", f"logged-models/{logged.model_id}").json()["model"]
    assert model["info"]["status"] == "LOGGED_MODEL_READY"
    assert model["info"]["source_run_id"] == logged.run_id
    tags = {tag["key"]: tag["value"] for tag in model["info"]["tags"]}
    assert json.loads(tags["mlflow.modelVersions"]) == [{"name": "m-1234", "version": 1}]
    version = seen("GET", "model-versions/get", params={"name": "m-1234", "version": "1"}).json()["model_version"]
    assert version["source"] == f"models:/{logged.model_id}"
    base = f"/api/2.0/mlflow-artifacts/artifacts/{model['info']['experiment_id']}/models/{logged.model_id}/artifacts/"
    for path in (path for path in package.rglob("*") if path.is_file()):
        assert seen("GET", base + path.relative_to(package).as_posix()).content == path.read_bytes()


def test_after_a_crash_in_the_middle_the_same_model_is_finished(make_writer, seen, tmp_path, monkeypatch):
    package = stock_session.write_package(tmp_path / "package")
    one = make_writer()
    begin(one)
    client = one._client()
    with monkeypatch.context() as patch:
        patch.setattr(client, "finalize_logged_model", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            one.log_model(package, "net", "m-1234")
    again = make_writer()
    begin(again)
    with monkeypatch.context() as patch:
        patch.setattr(again._client(), "create_model_version", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            again.log_model(package, "net", "m-1234")
    last = make_writer()
    begin(last)
    logged = last.log_model(package, "net", "m-1234")
    models = seen("POST", "logged-models/search", json={"experiment_ids": [one._experiment_id]}).json()["models"]
    assert [model["info"]["model_id"] for model in models] == [logged.model_id]
    assert logged.version == 1


def test_other_files_of_the_same_job_are_another_model(make_writer, tmp_path):
    package = stock_session.write_package(tmp_path / "package")
    one = make_writer()
    begin(one)
    first = one.log_model(package, "net", "m-1234")
    (package / "config.json").write_text('{"other": 1}', encoding="utf-8")
    second = one.log_model(package, "net", "m-1234")
    assert (first.version, second.version) == (1, 2)
    assert first.model_id != second.model_id


def test_with_a_fence_each_attempt_has_its_run(make_writer):
    one, two = make_writer(), make_writer()
    assert begin(one, fence=3) != begin(two, fence=4)
    assert begin(make_writer(), fence=3) == one.run_id


def test_values_that_are_not_finite_are_flagged_and_the_rest_is_kept(make_writer, seen):
    one = make_writer()
    run_id = begin(one)
    values = [1.0, float("nan"), float("inf"), 2.0]
    points = [Metric("train/loss", value, step, 1_700_000_000_000 + step) for step, value in enumerate(values)]
    assert one.log_metrics(points) == 2
    assert one.log_metrics(points[1:2]) == 0
    tags = seen("GET", "runs/get", params={"run_id": run_id}).json()["run"]["data"]["tags"]
    assert {"key": "tandem.nonfinite.train/loss", "value": "nan at step 1"} in tags
    assert [step for step, _value, _at in history(seen, run_id, "train/loss")] == [0, 3]


def test_a_superseded_attempt_is_told_to_stop(make_writer, fences, tmp_path):
    one = make_writer()
    begin(one)
    fences[JOB] = 4
    with pytest.raises(SupersededError):
        one.log_metrics(CURVE[:3])
    with pytest.raises(SupersededError):
        one.log_model(stock_session.write_package(tmp_path / "p"), "net", "m-1234")


def test_a_pickle_in_a_package_is_refused_and_not_retried(make_writer, seen, tmp_path):
    package = stock_session.write_package(tmp_path / "package")
    (package / "optimizer.txt").write_bytes(pickle.dumps([1]))
    one = make_writer()
    begin(one)
    with pytest.raises(TrackingRefusedError, match=r"pickle|kind"):
        one.log_model(package, "net", "m-1234")
    assert "registered_models" not in seen("GET", "registered-models/search", params={"max_results": 5}).json()
    assert one.log_metrics(CURVE[:1]) == 1


def test_an_empty_package_and_odd_job_ids_are_refused(make_writer, tmp_path):
    one = make_writer()
    with pytest.raises(ValueError, match="identifier"):
        begin(one, job_id="x' or '1' = '1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrackingRefusedError):
        one.log_model(tmp_path / "empty", "net", "m-1234")


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_an_outage_is_waited_out_without_asking_and_nothing_is_lost(cast, job, mlflow_store, seen):
    port = servers.free_port()
    clock = Clock()
    with RunWriter(f"http://127.0.0.1:{port}/mlflow/{cast.project.slug}", job(), clock=clock) as one:
        waits = []
        for _ in range(9):
            with pytest.raises(TrackingUnavailable) as caught:
                begin(one)
            waits.append(caught.value.retry_in_s)
            with pytest.raises(TrackingUnavailable) as early:  # not even asked
                begin(one)
            assert early.value.retry_in_s == caught.value.retry_in_s
            clock.now_s += caught.value.retry_in_s
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
        with servers.gate_server(port=port):
            run_id = begin(one)
            assert one.log_metrics(CURVE[:50]) == 50
        with pytest.raises(TrackingUnavailable) as caught:
            one.log_metrics(CURVE[50:60])
        assert caught.value.retry_in_s == 1  # a success in between forgets the old failures
        clock.now_s += 1
        with servers.gate_server(port=port):
            assert one.log_metrics(CURVE[40:60]) == 20
    assert [step for step, _value, _at in history(seen, run_id, "train/loss")] == list(range(60))


def test_while_mlflow_restarts_behind_the_gate_the_writer_waits(cast, job):
    with (
        servers.gate_server(MLFLOW_UPSTREAM=f"http://127.0.0.1:{servers.free_port()}") as url,
        RunWriter(f"{url}/mlflow/{cast.project.slug}", job()) as one,
        pytest.raises(TrackingUnavailable),
    ):
        begin(one)


def test_a_fresh_token_is_asked_for_each_call(make_writer, job):
    asked = []

    def token():
        asked.append(1)
        return job()

    one = make_writer(token=token)
    begin(one)
    one.log_metrics(CURVE[:1])
    assert len(asked) == 2


def test_a_bad_token_is_a_refusal(make_writer, job):
    with pytest.raises(TrackingRefusedError):
        begin(make_writer(token=job(ttl_s=-5)))


def test_the_environment_is_given_back(gate, cast, job, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    one = RunWriter(f"{gate}/mlflow/{cast.project.slug}", job())
    begin(one)
    assert os.environ["MLFLOW_TRACKING_TOKEN"].startswith("tdj_")
    one.close()
    assert "MLFLOW_TRACKING_TOKEN" not in os.environ
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "3"


def test_batches_are_cut_to_mlflows_limits():
    sizes = [len(batch) for batch in writing._batches(iter(range(2001)), writing.BATCH_METRICS)]
    assert sizes == [1000, 1000, 1]
