"""The looks into bodies: names, numbers, ids, paths. MLflow is stood in for by a plain list of what a project has."""

import json

import pytest

from registry.tracking import inspection
from registry.tracking.inspection import Request
from registry.tracking.refusals import Refusal

MODEL, READY, FOREIGN_MODEL = "m-" + "1" * 32, "m-" + "2" * 32, "m-" + "f" * 32
RUN, JOBS_RUN, FOREIGN_RUN = "a" * 32, "c" * 32, "b" * 32


class OurThings:
    """What the project has: one run, one pending and one finished model."""

    def model_status(self, model_id: str) -> str | None:
        return {MODEL: "PENDING", READY: "READY"}.get(model_id)

    def model_owner(self, model_id: str) -> str | None:
        return "" if self.model_status(model_id) else None

    def run_owner(self, run_id: str) -> str | None:
        return {RUN: "", JOBS_RUN: "job-1"}.get(run_id)


def look(body=None, **more) -> Request:
    return Request(project="speech", body=body or {}, lookup=OurThings(), **more)


def refused(check: str, request: Request) -> Refusal:
    with pytest.raises(Refusal) as caught:
        inspection.CHECKS[check](request)
    return caught.value


# --- parsing
@pytest.mark.parametrize(
    "raw",
    [
        b"[1]",
        b'"{\\"run_id\\": 1}"',
        b"{",
        b"\xff\xfe{}",
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"\\u0000": 1}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"[" * 33 + b"]" * 33 + b"}",
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_bodies_that_would_be_misread_are_refused(raw):
    with pytest.raises(Refusal) as caught:
        inspection.parse_body(raw)
    assert caught.value.status == 400


def test_plain_bodies_are_read():
    assert inspection.parse_body(b"") == {}
    assert inspection.parse_body(b'{"a": "[[[[", "b": [{"c": 1.5}]}') == {"a": "[[[[", "b": [{"c": 1.5}]}


def test_both_spellings_of_a_field_are_seen_and_never_at_once():
    assert inspection.field_of({"modelId": "x"}, "model_id") == "x"
    assert inspection.field_of({"model_id": "x"}, "model_id") == "x"
    with pytest.raises(Refusal):
        inspection.field_of({"model_id": "x", "modelId": "y"}, "model_id")


def test_long_queries_and_nul_in_them_are_refused():
    for raw in ("filter=" + "a" * 20_000, "filter=%00"):
        with pytest.raises(Refusal):
            inspection.parse_query(raw)


# --- names
BAD_NAMES = ["a\x00b", "a\nb", "a\x1bb", "\u202eb", "a\u200bb", "\ufeffa", " ", " a", "a ", "a" * 251, "a\u2028b"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize(
    "body",
    [
        lambda n: {"name": n},
        lambda n: {"runName": n},
        lambda n: {"key": n},
        lambda n: {"tags": [{"key": n, "value": "x"}]},
        lambda n: {"params": [{"key": n}]},
        lambda n: {"metrics": [{"key": n}]},
        lambda n: {"tags": [{"key": "mlflow.runName", "value": n}]},
    ],
)
def test_names_that_cannot_be_shown_are_refused(name, body):
    assert refused("names", look(body(name))).status == 400


def test_ordinary_names_pass():
    inspection.names(look({"name": "语音 model (v2) — Größe", "tags": [{"key": "mlflow.note", "value": "two\nlines"}]}))


@pytest.mark.parametrize("name", ["%2e%2e", "..", ".", "a" * 81, "e\u0301", "a%41"])
def test_registered_names_are_stricter(name):
    assert refused("model_name", look({"name": name})).status == 400


@pytest.mark.parametrize("alias", ["released", "Released", "ｒｅｌｅａｓｅｄ", "shared-with-acme"])
def test_aliases_of_a_release_are_not_moved_by_hand(alias):
    assert refused("alias", look({"name": "net", "alias": alias})).status == 403


def test_other_aliases_are_free():
    inspection.alias(look({"name": "net", "alias": "champion"}))


# --- ids
@pytest.mark.parametrize(
    "body",
    [
        {"model_id": FOREIGN_MODEL},
        {"modelId": FOREIGN_MODEL},
        {"metrics": [{"key": "a"}, {"model_id": FOREIGN_MODEL}]},
        {"metrics": [{"modelId": FOREIGN_MODEL}]},
        {"models": [{"model_id": MODEL}, {"modelId": FOREIGN_MODEL}]},
        {"model_id": "not-an-id"},
        {"model_id": "../" + MODEL},
    ],
)
def test_foreign_models_look_as_if_they_were_not_there(body):
    assert refused("own_models", look(body)).status == 404


def test_own_models_pass():
    inspection.own_models(look({"model_id": MODEL, "metrics": [{"key": "a"}, {"modelId": READY}]}))


def test_lists_must_be_lists_of_objects():
    assert refused("own_models", look({"metrics": "x"})).status == 400
    assert refused("own_models", look({"models": [1]})).status == 400
    assert refused("own_models", look({"model_id": 5})).status == 400


@pytest.mark.parametrize(
    "request_",
    [
        look({"run_id": RUN, "run_uuid": FOREIGN_RUN}),
        look({"runId": RUN, "runUuid": FOREIGN_RUN}),
        look(query={"run_id": [RUN], "run_uuid": [FOREIGN_RUN]}),
        look(query={"run_id": [RUN, FOREIGN_RUN]}),
    ],
)
def test_two_names_of_a_run_must_agree(request_):
    assert refused("one_run_id", request_).status == 400


def test_the_stock_client_sends_both_names_of_one_run():
    inspection.one_run_id(look({"run_id": RUN, "run_uuid": RUN}))


def test_a_foreign_source_run_is_refused():
    assert refused("own_source_run", look({"source_run_id": FOREIGN_RUN})).status == 404
    inspection.own_source_run(look({"sourceRunId": RUN}))


def test_runs_are_written_by_their_own():
    for body in ({"run_id": JOBS_RUN}, {"runUuid": JOBS_RUN}):
        assert refused("run_of_caller", look(body)).status == 403
        assert refused("run_of_caller", look(body, job_id="job-2")).status == 403
        inspection.run_of_caller(look(body, job_id="job-1"))
    assert refused("run_of_caller", look({"run_id": RUN}, job_id="job-1")).status == 403
    inspection.run_of_caller(look({"run_id": RUN}))
    inspection.run_of_caller(look({"run_id": FOREIGN_RUN}))  # MLflow itself says that it is not there
    inspection.batch_of_caller(look({"run_id": JOBS_RUN, "tags": [{"key": "note"}]}))
    assert refused("batch_of_caller", look({"run_id": JOBS_RUN, "params": [{"key": "a"}]})).status == 403


def test_tags_of_tandem_are_set_by_jobs_and_their_name_once():
    mine = {"tags": [{"key": "tandem.job", "value": "job-1"}]}
    assert refused("new_tags", look(mine)).status == 403
    assert refused("new_tags", look(mine, job_id="job-2")).status == 403
    inspection.new_tags(look(mine, job_id="job-1"))
    assert refused("later_tags", look(mine, job_id="job-1")).status == 403
    assert refused("later_tags", look(variables={"tag_key": "tandem.package"})).status == 403
    inspection.later_tags(look({"key": "tandem.nonfinite.loss"}, job_id="job-1"))
    inspection.later_tags(look({"key": "tandems", "value": "x"}))


def test_address_and_body_name_the_same_model():
    assert refused("same_model", look({"modelId": READY}, variables={"model_id": MODEL})).status == 400
    inspection.same_model(look({"model_id": MODEL}, variables={"model_id": MODEL}))
    inspection.same_model(look({}, variables={"model_id": MODEL}))


# --- sources of versions
BAD_SOURCES = [
    "",
    "s3://other/x",
    "file:///etc/passwd",
    "/etc/passwd",
    "http://169.254.169.254/latest",
    "//proc/self/root",
    "dbfs:/x",
    "runs://host/" + RUN,
    f"runs:/{RUN}/../{FOREIGN_RUN}/model",
    f"runs:/{RUN}/%2e%2e/x",
    f"runs:/{RUN}//x",
    f"models:/{MODEL}/../x",
    f"mlflow-artifacts:/workspaces/other/1/{RUN}/artifacts/model",
    f"mlflow-artifacts:/workspaces/speech/1/{FOREIGN_RUN}/artifacts/model",
    f"mlflow-artifacts://host/workspaces/speech/1/{RUN}/artifacts/model",
    f"mlflow-artifacts:/workspaces/speech/1/{RUN}/artifacts/../../x",
    f"mlflow-artifacts:/1/{RUN}/artifacts/model",
    f"RUNS:/{RUN}/model",
    f"runs:/{RUN}/model#x",
]


@pytest.mark.parametrize("source", BAD_SOURCES)
def test_versions_from_elsewhere_are_refused(source):
    assert refused("own_source", look({"name": "net", "source": source, "run_id": RUN})).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {"source": f"runs:/{FOREIGN_RUN}/model"},
        {"source": f"models:/{FOREIGN_MODEL}"},
        {"source": f"models:/{MODEL}", "run_id": FOREIGN_RUN},
        {"source": f"models:/{MODEL}", "model_id": FOREIGN_MODEL},
        {"source": f"models:/{MODEL}", "modelId": FOREIGN_MODEL},
    ],
)
def test_foreign_parts_of_a_version_look_as_if_they_were_not_there(body):
    assert refused("own_source", look({"name": "net"} | body)).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"source": f"runs:/{RUN}/model dir"},
        {"source": f"models:/{MODEL}", "model_id": MODEL, "run_id": RUN},
        {"source": "models:/other net/3"},
        {"source": "models:/net@champion"},
        {"source": f"mlflow-artifacts:/workspaces/speech/1/{RUN}/artifacts/model", "run_id": RUN},
    ],
)
def test_versions_of_this_project_pass(body):
    inspection.own_source(look({"name": "net"} | body))


def test_places_for_files_are_not_chosen():
    for name in ("artifact_location", "artifactLocation"):
        assert refused("no_artifact_location", look({name: "file:///etc"})).status == 400
    inspection.no_artifact_location(look({"name": "x", "artifact_location": ""}))


# --- finished models
def test_a_finished_model_stays_finished():
    path = {"model_id": READY}
    assert refused("stays_ready", look({"status": "LOGGED_MODEL_PENDING"}, variables=path)).status == 409
    assert refused("stays_ready", look({}, variables=path)).status == 409
    inspection.stays_ready(look({"status": "LOGGED_MODEL_READY"}, variables=path))
    inspection.stays_ready(look({"status": "LOGGED_MODEL_UPLOAD_FAILED"}, variables={"model_id": MODEL}))


def test_files_of_a_finished_model_do_not_change():
    assert refused("new_file", look(variables={"path": f"1/models/{READY}/artifacts/a.txt"})).status == 409
    assert refused("new_file", look(variables={"path": f"1/models/{FOREIGN_MODEL}/artifacts/a.txt"})).status == 404
    inspection.new_file(look(variables={"path": f"1/models/{MODEL}/artifacts/a.txt"}))
    inspection.new_file(look(variables={"path": f"workspaces/speech/1/{RUN}/artifacts/a.txt"}))


# --- metrics
@pytest.mark.parametrize(
    "item",
    [
        {"value": float("inf")},
        {"value": "NaN"},
        {"value": "Infinity"},
        {"value": "1e309"},
        {"value": True},
        {"value": [1]},
        {"value": {}},
        {"value": 1.0, "step": 2**63},
        {"value": 1.0, "step": str(2**63)},
        {"value": 1.0, "step": -1},
        {"value": 1.0, "step": 1.5},
        {"value": 1.0, "step": "x"},
        {"value": 1.0, "step": True},
        {"value": 1.0, "timestamp": -5},
        {"value": 1.0, "timestamp": 10**18},
    ],
)
def test_numbers_that_cannot_be_kept_are_refused(item):
    assert refused("metric", look({"key": "loss"} | item)).status == 400
    assert refused("metrics", look({"metrics": [{"key": "ok", "value": 1}, {"key": "loss"} | item]})).status == 400


def test_1e309_in_json_is_refused():
    body = inspection.parse_body(b'{"key": "loss", "value": 1e309}')
    assert refused("metric", look(body)).status == 400


def test_ordinary_metrics_pass():
    inspection.metric(look({"key": "loss", "value": "1.5", "step": "7", "timestamp": "1700000000000"}))
    inspection.metrics(look({"metrics": [{"key": "loss", "value": -2, "step": 2**53 - 1, "timestamp": 1}]}))
    assert json.loads('{"v": 0}')  # zero is left out by protobuf JSON
    inspection.metric(look({"key": "loss"}))


# --- paths
BAD_PATHS = [
    "../x",
    "1/../2",
    f"1/{RUN}/artifacts/../../../x",
    f"1/{RUN}/artifacts//x",
    f"/1/{RUN}/artifacts/x",
    f"1/{RUN}/artifacts/./x",
    f"1/{RUN}/artifacts/%2e%2e/x",
    f"1/{RUN}/artifacts/a\\b",
    f"1/{RUN}/artifacts/a#b",
    f"1/{RUN}/artifacts/a?b",
    f"1/{RUN}/artifacts/C:x",
    f"1/{RUN}/artifacts/a\x00",
    f"1/{RUN}/artifacts/a\n",
    f"1/{RUN}/artifacts/\u202etxt.exe",
    f"1/{RUN}/artifacts/" + "a" * 201,
    f"1/{RUN}/artifacts/" + "a/" * 500 + "b",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_paths_that_could_mean_others_are_refused(path):
    assert refused("artifact_path", look(variables={"path": path})).status == 400
    assert refused("listed_path", look(query={"path": [path]})).status == 400


@pytest.mark.parametrize(
    "path",
    [
        "1",
        "workspaces/speech",
        f"workspaces/other/1/{RUN}/artifacts/x",
        f"1/{RUN}",
        f"1/{RUN}/artifactsX/y",
        f"1/{RUN}/traces/x",
        "1/models",
        f"1/models/{MODEL}",
        f"x/{RUN}/artifacts/y",
    ],
)
def test_paths_outside_runs_and_models_are_not_there(path):
    assert refused("artifact_path", look(variables={"path": path})).status == 404


def test_paths_of_runs_and_models_pass():
    for path in (
        f"1/{RUN}/artifacts/a note.txt",
        f"workspaces/speech/12/{RUN}/artifacts/图/100%.png",
        f"1/models/{MODEL}/artifacts/config.json",
    ):
        inspection.artifact_path(look(variables={"path": path}))
    inspection.listed_path(look(query={"path": [f"1/{RUN}/artifacts/"]}))


def test_a_listing_names_one_folder():
    assert refused("listed_path", look()).status == 404
    assert refused("listed_path", look(query={"path": ["a", "b"]})).status == 404
