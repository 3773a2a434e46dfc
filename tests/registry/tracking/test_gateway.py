"""The gate before the embedded MLflow: the stock client's day, who may do what, and every attack that we know of."""

import pickle
import threading
from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import ApiToken, Membership
from collab.audit.models import AuditEvent
from registry.tracking import gateway, inspection, job_token, rules, upstream
from tests.registry.tracking import servers, stock_session
from tests.registry.tracking.conftest import JOB, Caller

MISSING_RUN = "0" * 32


def test_stock_client_does_its_whole_day(gate, cast, tmp_path):
    found = stock_session.run(address=gate, project=cast.project.slug, token=cast.lead.token, folder=tmp_path)
    stock_session.check(found)


# --- helpers ---------------------------------------------------------------------------------------------------------
def make_run(call, name="first", job=""):
    experiment = call("POST", "experiments/create", json={"name": f"e-{name}"}).json()["experiment_id"]
    tags = [{"key": "tandem.job", "value": job}] if job else []
    body = {"experiment_id": experiment, "run_name": name, "tags": tags}
    return experiment, call("POST", "runs/create", json=body).json()["run"]["info"]["run_id"]


def make_model(call, experiment, *, ready=False):
    model_id = call("POST", "logged-models", json={"experiment_id": experiment, "name": "net"}).json()["model"]["info"]
    model_id = model_id["model_id"]
    if ready:
        answer = call("PATCH", f"logged-models/{model_id}", json={"model_id": model_id, "status": "LOGGED_MODEL_READY"})
        assert answer.status_code == 200
    return model_id


def files(path: str) -> str:
    return f"/api/2.0/mlflow-artifacts/artifacts/{path}"


@pytest.fixture
def lead(call, cast):
    return call(cast.project, cast.lead.token)


@pytest.fixture
def engineer(call, cast):
    return call(cast.project, cast.engineer.token)


@pytest.fixture
def stranger(call, cast):
    return call(cast.foreign, cast.stranger.token)


# --- who is let in ---------------------------------------------------------------------------------------------------
def test_without_a_good_token_nobody_is_told_anything(call, cast):
    expired = cast.make_token(cast.lead.user, days=-1)
    revoked = cast.make_token(cast.lead.user)
    ApiToken.objects.filter(pk=revoked.row.pk).update(revoked_at=timezone.now())
    answers = [
        call(project, token)("GET", "experiments/search", params={"max_results": 1})
        for project in (cast.project, cast.foreign, "no-such-project")
        for token in (None, "rubbish", "tdm_" + "a" * 43, "tdj_rubbish", expired.token, revoked.token)
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["error_code"] == "UNAUTHENTICATED"
    assert answers[0].headers["WWW-Authenticate"].startswith("Bearer")


def test_a_password_is_no_token(gate, cast, call):
    answer = call(cast.project, None)("GET", "experiments/search", auth=("lead@example.org", cast.lead.token))
    assert answer.status_code == 401


def test_a_person_who_may_no_longer_sign_in_is_out(engineer, cast):
    assert engineer("GET", "experiments/search", params={"max_results": 1}).status_code == 200
    cast.engineer.user.is_active = False
    cast.engineer.user.save()
    assert engineer("GET", "experiments/search", params={"max_results": 1}).status_code == 401


def test_a_hidden_project_looks_like_none(call, cast):
    places = ((cast.foreign, cast.lead), ("no-such-project", cast.lead), (cast.project, cast.observer))
    requests_ = (
        ("GET", "experiments/search"),
        ("POST", "experiments/create"),
        ("POST", "runs/delete"),
        ("POST", "registered-models/rename"),
        ("GET", "/api/3.0/mlflow/workspaces"),
    )
    answers = [
        call(project, someone.token)(method, path, json={} if method == "POST" else None)
        for project, someone in places
        for method, path in requests_
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_the_end_of_a_role_is_the_end_of_access(engineer, cast):
    assert engineer("GET", "experiments/search", params={"max_results": 1}).status_code == 200
    then = timezone.now() - timedelta(seconds=1)
    Membership.objects.filter(user=cast.engineer.user).update(starts_at=then, ends_at=then)
    assert engineer("GET", "experiments/search", params={"max_results": 1}).status_code == 404


def test_a_token_for_one_project_opens_no_other(call, cast):
    Membership.objects.create(
        user=cast.lead.user,
        organisation=Membership.objects.get(user=cast.stranger.user).organisation,
        project=cast.foreign,
        role=Role.RESEARCHER,
    )
    both = {"GET": "experiments/search"}
    narrow = cast.make_token(cast.lead.user, project=cast.project)
    wide = call(cast.foreign, cast.lead.token)(*both.popitem(), params={"max_results": 1})
    assert wide.status_code == 200
    assert call(cast.project, narrow.token)("GET", "experiments/search", params={"max_results": 1}).status_code == 200
    assert call(cast.foreign, narrow.token)("GET", "experiments/search", params={"max_results": 1}).status_code == 404


# Each line of the list, and what the three words make of it. A request without content never gets further than MLflow's
# own complaint, so anything but 401, 403 and "no endpoint" means that the gate let it through.
LISTED = [rule for rule in rules.RULES if not rule.answered_here]


@pytest.mark.parametrize("word", [rules.READ, rules.WRITE, rules.MANAGE, rules.NOBODY])
def test_each_line_opens_for_its_word_only(word, call, cast, job):
    personas = {
        rules.READ: call(cast.project, cast.reader.token),
        rules.WRITE: call(cast.project, cast.engineer.token),
        "job": call(cast.project, job()),
        rules.MANAGE: call(cast.project, cast.lead.token),
    }
    held = {
        rules.READ: {rules.READ},
        rules.WRITE: {rules.READ, rules.WRITE},
        "job": {rules.READ, rules.WRITE},
        rules.MANAGE: {rules.READ, rules.WRITE, rules.MANAGE},
    }
    example = {"model_id": "m-" + "0" * 32, "tag_key": "owner", "path": f"1/{MISSING_RUN}/artifacts/x.txt"}
    wrong = []
    for rule in (rule for rule in LISTED if rule.word == word):
        for persona, caller in personas.items():
            answer = caller(rule.method, rule.template.format(**example), json={} if rule.body == "json" else None)
            expected_open = word in held[persona]
            is_open = answer.status_code not in (401, 403)
            if is_open != expected_open or answer.status_code >= 500:
                wrong.append((rule.method, rule.template, persona, answer.status_code, answer.text[:80]))
    assert wrong == []


def test_what_is_not_listed_is_no_endpoint(lead):
    for method, path in (
        ("GET", "/api/3.0/mlflow/workspaces"),
        ("POST", "/api/3.0/mlflow/workspaces"),
        ("POST", "/api/2.0/mlflow/webhooks"),
        ("POST", "/api/3.0/mlflow/traces"),
        ("GET", "/api/2.0/mlflow/users/list"),
    ):
        answer = lead(method, path, json={})
        assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND"), path


def test_renaming_stages_and_presigned_addresses_are_refused_with_a_reason(lead):
    for method, path in (
        ("POST", "registered-models/rename"),
        ("POST", "model-versions/transition-stage"),
        ("POST", "artifacts/presigned-upload-url"),
        ("POST", "/api/2.0/mlflow-artifacts/mpu/create/1/x"),
    ):
        answer = lead(method, path, json={"name": "net", "new_name": "other"})
        assert answer.status_code == 403
        assert len(answer.json()["message"]) > 20


def test_the_client_is_told_that_files_go_through_the_gate(engineer):
    info = engineer("GET", "/api/3.0/mlflow/server-info").json()
    assert info["multipart_uploads_enabled"] is False
    assert info["multipart_downloads_enabled"] is False


# --- jobs ------------------------------------------------------------------------------------------------------------
def test_a_job_writes_into_its_own_project_only(call, cast, job):
    caller = call(cast.project, job())
    _experiment, run_id = make_run(caller, "job", job=JOB)
    assert caller("POST", "runs/log-metric", json=metric(run_id)).status_code == 200
    assert call(cast.foreign, job())("GET", "experiments/search", params={"max_results": 1}).status_code == 404
    assert call(cast.project, job(cast.foreign))("GET", "experiments/search").status_code == 404
    assert caller("POST", "runs/delete", json={"run_id": run_id}).status_code == 403


def test_a_superseded_attempt_is_stopped(call, cast, job, fences):
    caller = call(cast.project, job())
    _experiment, run_id = make_run(caller, "job", job=JOB)
    fences[JOB] = 4
    answer = caller("POST", "runs/log-metric", json=metric(run_id))
    assert (answer.status_code, answer.json()["error_code"]) == (409, "ABORTED")
    assert call(cast.project, job(fence=4))("POST", "runs/log-metric", json=metric(run_id)).status_code == 200


def test_an_expired_job_token_is_none(call, cast, job):
    assert call(cast.project, job(ttl_s=-1))("GET", "experiments/search").status_code == 401


def test_a_job_of_a_project_that_is_gone_finds_none(call, cast, fences):
    fences[JOB] = 1
    token = job_token.issue(job_id=JOB, project="gone-project", fence=1)
    assert call("gone-project", token)("GET", "experiments/search").status_code == 404


# --- the wall between projects ---------------------------------------------------------------------------------------
def metric(run_id, **more):
    return {"run_id": run_id, "key": "loss", "value": 1.0, "timestamp": 1_700_000_000_000, "step": 1} | more


CANARIES = ("canary-param", "canary-file")  # what is only inside, in no name that an attacker sends


@pytest.fixture
def secret(stranger):
    """What the foreign project has, with a secret in each place."""
    experiment, run_id = make_run(stranger, "canary-name")
    stranger("POST", "runs/log-parameter", json={"run_id": run_id, "key": "canary", "value": "canary-param"})
    stranger("POST", "runs/log-metric", json=metric(run_id, key="canary-metric"))
    model_id = make_model(stranger, experiment)
    path = f"{experiment}/{run_id}/artifacts/canary.txt"
    assert stranger("PUT", files(path), data=b"canary-file").status_code == 200
    path = f"{experiment}/models/{model_id}/artifacts/canary.txt"
    assert stranger("PUT", files(path), data=b"canary-file").status_code == 200
    stranger("POST", "registered-models/create", json={"name": "canary-net"})
    source = {"name": "canary-net", "source": f"models:/{model_id}", "run_id": run_id, "model_id": model_id}
    assert stranger("POST", "model-versions/create", json=source).status_code == 200
    stranger("POST", "registered-models/alias", json={"name": "canary-net", "alias": "champion", "version": "1"})
    return {"experiment": experiment, "run": run_id, "model": model_id}


def attacks(secret: dict[str, str], foreign: str) -> list[tuple[str, str, dict]]:
    """(method, path, more) of everything a lead of one project may try with the ids of another."""
    experiment, run, model = secret["experiment"], secret["run"], secret["model"]
    version, pair = {"name": "canary-net", "version": "1"}, {"key": "a", "value": "b"}
    path = f"{experiment}/{run}/artifacts"
    return [
        ("GET", "experiments/get", {"params": {"experiment_id": experiment}}),
        ("GET", "experiments/get-by-name", {"params": {"experiment_name": "e-canary-name"}}),
        ("POST", "experiments/update", {"json": {"experiment_id": experiment, "new_name": "mine"}}),
        ("POST", "experiments/delete", {"json": {"experiment_id": experiment}}),
        ("POST", "experiments/restore", {"json": {"experiment_id": experiment}}),
        ("POST", "experiments/set-experiment-tag", {"json": {"experiment_id": experiment, **pair}}),
        ("POST", "runs/create", {"json": {"experiment_id": experiment}}),
        ("GET", "runs/get", {"params": {"run_id": run, "run_uuid": run}}),
        ("POST", "runs/update", {"json": {"run_id": run, "status": "FAILED"}}),
        ("POST", "runs/delete", {"json": {"run_id": run}}),
        ("POST", "runs/restore", {"json": {"run_id": run}}),
        ("POST", "runs/log-metric", {"json": metric(run)}),
        ("POST", "runs/log-parameter", {"json": {"run_id": run, **pair}}),
        ("POST", "runs/set-tag", {"json": {"run_id": run, **pair}}),
        ("POST", "runs/delete-tag", {"json": {"run_id": run, "key": "mlflow.runName"}}),
        ("POST", "runs/log-batch", {"json": {"run_id": run, "metrics": [metric(run)]}}),
        ("POST", "runs/log-inputs", {"json": {"run_id": run, "models": [{"model_id": model}]}}),
        ("POST", "runs/outputs", {"json": {"run_id": run, "models": [{"model_id": model, "step": 0}]}}),
        ("GET", "artifacts/list", {"params": {"run_id": run}}),
        ("GET", "metrics/get-history", {"params": {"run_id": run, "metric_key": "canary-metric"}}),
        ("POST", "logged-models", {"json": {"experiment_id": experiment, "name": "mine"}}),
        ("GET", f"logged-models/{model}", {}),
        ("PATCH", f"logged-models/{model}", {"json": {"model_id": model, "status": "LOGGED_MODEL_READY"}}),
        ("DELETE", f"logged-models/{model}", {}),
        ("PATCH", f"logged-models/{model}/tags", {"json": {"model_id": model, "tags": [pair]}}),
        (
            "POST",
            f"logged-models/{model}/params",
            {"json": {"model_id": model, "params": [pair]}},
        ),
        ("GET", f"logged-models/{model}/artifacts/directories", {}),
        ("GET", "registered-models/get", {"params": {"name": "canary-net"}}),
        ("PATCH", "registered-models/update", {"json": {"name": "canary-net", "description": "mine"}}),
        ("DELETE", "registered-models/delete", {"json": {"name": "canary-net"}}),
        ("POST", "registered-models/set-tag", {"json": {"name": "canary-net", **pair}}),
        ("GET", "registered-models/alias", {"params": {"name": "canary-net", "alias": "champion"}}),
        ("POST", "registered-models/alias", {"json": version | {"alias": "champion"}}),
        ("DELETE", "registered-models/alias", {"json": {"name": "canary-net", "alias": "champion"}}),
        ("GET", "model-versions/get", {"params": version}),
        ("GET", "model-versions/get-download-uri", {"params": version}),
        ("PATCH", "model-versions/update", {"json": version | {"description": "mine"}}),
        ("DELETE", "model-versions/delete", {"json": version}),
        ("POST", "model-versions/set-tag", {"json": version | pair}),
        ("GET", files(f"{path}/canary.txt"), {}),
        ("GET", files(f"workspaces/{foreign}/{path}/canary.txt"), {}),
        ("DELETE", files(f"workspaces/{foreign}/{path}/canary.txt"), {"json": {}}),
        ("PUT", files(f"workspaces/{foreign}/{path}/mine.txt"), {"data": b"mine"}),
        ("PUT", files(f"{experiment}/models/{model}/artifacts/mine.txt"), {"data": b"mine"}),
        ("GET", files(f"workspaces/{foreign}"), {}),
        ("GET", files("")[:-1], {"params": {"path": f"workspaces/{foreign}/{path}"}}),
        ("GET", files("")[:-1], {"params": {"path": ""}}),
        ("GET", files("")[:-1], {}),
        ("GET", files(f"..%2f{foreign}/{path}/canary.txt"), {}),
        ("GET", files(f"{path}/..%2f..%2f..%2f{foreign}/{path}/canary.txt"), {}),
        ("GET", files(f"{path}/%252e%252e/canary.txt"), {}),
        ("GET", files(f"{path}/../../../workspaces/{foreign}/{path}/canary.txt"), {}),
        ("GET", files("etc/passwd"), {}),
        ("GET", files("%2fetc%2fpasswd"), {}),
    ]


def test_ids_of_another_project_open_nothing(lead, secret, cast):
    opened = []
    for method, path, more in attacks(secret, cast.foreign.slug):
        answer = lead(method, path, headers={"X-MLFLOW-WORKSPACE": cast.foreign.slug}, **more)
        if answer.status_code not in (400, 404) or any(word in answer.text for word in CANARIES):
            opened.append((method, path, answer.status_code, answer.text[:100]))
    assert opened == []


def test_searches_of_another_project_find_nothing(lead, secret):
    experiment, run = secret["experiment"], secret["run"]
    for method, path, more in (
        ("POST", "runs/search", {"json": {"experiment_ids": [experiment], "filter": f"attributes.run_id = '{run}'"}}),
        ("POST", "experiments/search", {"json": {"max_results": 100, "filter": "name LIKE '%canary%'"}}),
        ("GET", "experiments/search", {"params": {"max_results": 100}}),
        ("POST", "logged-models/search", {"json": {"experiment_ids": [experiment]}}),
        ("GET", "registered-models/search", {"params": {"max_results": 100}}),
        ("GET", "model-versions/search", {"params": {"filter": f"run_id='{run}'", "max_results": 10}}),
        ("POST", "registered-models/get-latest-versions", {"json": {"name": "canary-net"}}),
        (
            "GET",
            "metrics/get-history-bulk-interval",
            {"params": {"run_ids": run, "metric_key": "canary-metric", "max_results": 10}},
        ),
    ):
        answer = lead(method, path, **more)
        assert answer.status_code in (200, 404), path
        if answer.status_code == 200:
            assert run not in answer.text, path
            assert "canary" not in answer.text, path


@pytest.mark.parametrize("spelling", ["model_id", "modelId"])
def test_nothing_is_written_on_a_foreign_model(spelling, lead, stranger, secret):
    _experiment, run = make_run(lead, "mine")
    model = {spelling: secret["model"]}
    for path, body in (
        ("runs/log-metric", metric(run) | model),
        ("runs/log-batch", {"run_id": run, "metrics": [metric(run) | model]}),
        ("runs/log-inputs", {"run_id": run, "models": [model]}),
        ("runs/outputs", {"run_id": run, "models": [model | {"step": 1}]}),
    ):
        assert lead("POST", path, json=body).status_code == 404, path
    seen = stranger("GET", f"logged-models/{secret['model']}").json()["model"]
    assert "metrics" not in seen["data"]


def test_a_model_or_version_cannot_come_from_another_project(lead, secret):
    experiment, run = make_run(lead, "mine")
    lead("POST", "registered-models/create", json={"name": "net"})
    logged = {"experiment_id": experiment, "name": "net", "source_run_id": secret["run"]}
    assert lead("POST", "logged-models", json=logged).status_code == 404
    for body in (
        {"source": f"models:/{secret['model']}"},
        {"source": f"models:/{secret['model']}", "model_id": secret["model"]},
        {"source": f"runs:/{secret['run']}/model", "run_id": secret["run"]},
        {"source": f"runs:/{run}/model", "run_id": secret["run"]},
        {"source": "models:/canary-net/1"},
        {"source": "models:/canary-net@champion"},
        {"source": "s3://other/x", "run_id": run},
        {"source": "file:///etc", "run_id": run},
        {"source": "http://169.254.169.254/", "run_id": run},
    ):
        assert lead("POST", "model-versions/create", json={"name": "net"} | body).status_code in (400, 404), body


def test_the_same_names_live_beside_each_other(lead, stranger):
    for caller in (lead, stranger):
        assert caller("POST", "experiments/create", json={"name": "shared name"}).status_code == 200
        assert caller("POST", "registered-models/create", json={"name": "shared-net"}).status_code == 200


def test_places_for_files_cannot_be_chosen(lead):
    for place in ("file:///etc", "/etc", "s3://b/k", "mlflow-artifacts:/../../etc"):
        for name in ("artifact_location", "artifactLocation"):
            assert lead("POST", "experiments/create", json={"name": "x", name: place}).status_code == 400


# --- bodies ----------------------------------------------------------------------------------------------------------
def test_bodies_that_would_be_misread_do_not_reach_mlflow(engineer):
    _experiment, run = make_run(engineer)
    for raw in (
        b'{"run_id": "%s", "run_id": "x"}' % run.encode(),
        b'"{\\"run_id\\": \\"%s\\"}"' % run.encode(),
        b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"key": "\\u0000"}',
        b"\xff",
    ):
        answer = engineer("POST", "runs/set-tag", data=raw, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_numbers_that_cannot_be_kept_are_refused(engineer):
    _experiment, run = make_run(engineer)
    head = f'{{"run_id": "{run}", "key": "loss", "timestamp": 1, '.encode()
    for rest in (b'"value": NaN}', b'"value": 1e309}', b'"value": "NaN"}', b'"value": 1, "step": 9223372036854775808}'):
        answer = engineer("POST", "runs/log-metric", data=head + rest, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, rest


def test_bodies_have_limits(engineer, monkeypatch):
    answer = engineer("POST", "runs/log-batch", data=b"{" + b" " * inspection.JSON_MAX_BYTES + b"}")
    assert answer.status_code == 413
    monkeypatch.setattr(gateway, "ARTIFACT_MAX_BYTES", 10)
    assert engineer("PUT", files(f"1/{MISSING_RUN}/artifacts/x.txt"), data=b"a" * 11).status_code == 413


def test_a_get_brings_no_body_and_a_post_no_query(engineer):
    """MLflow reads the body of a GET without query, and nothing inspects that."""
    experiment, run = make_run(engineer)
    assert engineer("GET", "runs/get", json={"run_id": run}).status_code == 400
    answer = engineer("POST", "runs/search", json={"experiment_ids": [experiment]}, params={"experiment_ids": "0"})
    assert [found["info"]["run_id"] for found in answer.json()["runs"]] == [run]


def test_only_inspected_parts_of_a_request_are_passed_on(call, cast, monkeypatch):
    asked = []

    class Watching:
        def ask(self, question):
            asked.append(question)
            return upstream.Answer(200, [("Content-Type", "application/json"), ("Set-Cookie", "a=b")], [b"{}"])

    monkeypatch.setattr(gateway, "upstream", Watching)
    monkeypatch.setattr(gateway, "ensure_workspace", lambda project, behind: project.slug)
    caller = call(cast.project, cast.engineer.token)
    loud = {"Cookie": "a=b", "Origin": "http://evil.example", "X-MLFLOW-WORKSPACE": cast.foreign.slug}
    answer = caller("POST", "runs/search", json={"filter": ""}, params={"experiment_ids": "7"}, headers=loud)
    caller("GET", "runs/get", json={"run_id": MISSING_RUN}, params={"run_id": "1" * 32}, headers=loud)
    post, get = asked
    assert (post.query, post.body.read()) == ("", b'{"filter": ""}')
    assert (get.query, get.body, get.length) == (f"run_id={'1' * 32}", None, 0)
    for question in asked:
        assert question.workspace == cast.project.slug
        assert {name.lower() for name in question.headers} <= {"accept", "content-type", "user-agent"}
    assert "Set-Cookie" not in answer.headers


def test_mlflows_own_explanations_come_through_untouched(engineer):
    engineer("POST", "registered-models/create", json={"name": "net"})
    again = engineer("POST", "registered-models/create", json={"name": "net"})
    assert (again.status_code, again.json()["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")
    absent = engineer("GET", "experiments/get-by-name", params={"experiment_name": "none"})
    assert (absent.status_code, absent.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_statements_of_mlflows_database_are_not_shown(engineer):
    experiment, run = make_run(engineer)
    output = {"run_id": run, "models": [{"model_id": make_model(engineer, experiment), "step": 1}]}
    assert engineer("POST", "runs/outputs", json=output).status_code == 200
    again = engineer("POST", "runs/outputs", json=output)  # MLflow answers with the INSERT that failed
    assert (again.status_code, again.json()["error_code"]) == (400, "BAD_REQUEST")
    assert "INSERT" not in again.text


def test_no_answer_names_a_folder_of_the_server(engineer, settings):
    experiment, run = make_run(engineer)
    for path in (f"{experiment}/{run}/artifacts/none.txt", f"{experiment}/{run}/artifacts"):
        answer = engineer("GET", files(path))
        assert answer.status_code in (400, 404)
        assert str(settings.MLFLOW_ARTIFACTS) not in answer.text
        assert str(settings.DATA_DIR) not in answer.text


# --- files -----------------------------------------------------------------------------------------------------------
def test_files_stream_both_ways_whole(engineer):
    experiment, run = make_run(engineer)
    data = bytes(range(32, 127)) * 60_000  # 5.7 MB of text
    path = files(f"{experiment}/{run}/artifacts/folder/图 100%.txt")
    path = path.replace("图 100%", "%E5%9B%BE%20100%25")
    assert engineer("PUT", path, data=data).status_code == 200
    back = engineer("GET", path)
    assert back.content == data
    assert back.headers["Content-Disposition"].startswith("attachment")
    assert back.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in back.headers["Content-Security-Policy"]
    assert engineer("GET", path, headers={"Range": "bytes=5-9"}).content == data[5:10]
    assert engineer("PUT", files(f"{experiment}/{run}/artifacts/empty.txt"), data=b"").status_code == 200


@pytest.mark.parametrize("name", ["model.pkl", "notes.txt", "pytorch_model.bin"])
def test_a_pickle_is_refused_and_leaves_nothing(name, engineer, settings, tmp_path):
    experiment, run = make_run(engineer)
    answer = engineer("PUT", files(f"{experiment}/{run}/artifacts/{name}"), data=pickle.dumps({"w": 1}))
    assert answer.status_code == 415
    assert "safetensors" in answer.json()["message"]
    listed = engineer("GET", files("")[:-1], params={"path": f"{experiment}/{run}/artifacts"})
    assert listed.json().get("files", []) == []


def test_a_text_that_turns_binary_leaves_nothing(engineer):
    experiment, run = make_run(engineer)
    data = b"a" * 300_000 + b"\x80\x04" + b"a" * 300_000
    assert engineer("PUT", files(f"{experiment}/{run}/artifacts/notes.txt"), data=data).status_code == 415
    listed = engineer("GET", files("")[:-1], params={"path": f"{experiment}/{run}/artifacts"})
    assert listed.json().get("files", []) == []


def test_an_upload_without_length_is_refused(engineer):
    experiment, run = make_run(engineer)
    path = files(f"{experiment}/{run}/artifacts/x.txt")
    assert engineer("PUT", path, data=iter([b"abc"])).status_code == 411


def test_files_of_a_finished_model_never_change(engineer, lead):
    experiment, _run = make_run(engineer)
    model = make_model(engineer, experiment)
    path = files(f"{experiment}/models/{model}/artifacts/config.json")
    assert engineer("PUT", path, data=b'{"a": 1}').status_code == 200
    ready = {"model_id": model, "status": "LOGGED_MODEL_READY"}
    assert engineer("PATCH", f"logged-models/{model}", json=ready).status_code == 200
    for caller in (engineer, lead):
        assert caller("PUT", path, data=b'{"a": 2}').status_code == 409
        assert (
            caller("PATCH", f"logged-models/{model}", json=ready | {"status": "LOGGED_MODEL_PENDING"}).status_code
            == 409
        )
    assert engineer("GET", path).content == b'{"a": 1}'


def test_a_finished_model_is_not_reopened_under_the_address_of_another(engineer):
    """For this request MLflow takes the model from the body, whatever the address says."""
    experiment, _run = make_run(engineer)
    finished, pending = make_model(engineer, experiment, ready=True), make_model(engineer, experiment)
    for name in ("model_id", "modelId"):
        back = {name: finished, "status": "LOGGED_MODEL_PENDING"}
        assert engineer("PATCH", f"logged-models/{pending}", json=back).status_code == 400
    seen = engineer("GET", f"logged-models/{finished}").json()["model"]["info"]
    assert seen["status"] == "LOGGED_MODEL_READY"


# --- what a job made -------------------------------------------------------------------------------------------------
@pytest.fixture
def made(call, cast, job):
    """A job's run and its unfinished model."""
    caller = call(cast.project, job())
    tags = [{"key": "tandem.job", "value": JOB}]
    experiment = caller("POST", "experiments/create", json={"name": "jobs"}).json()["experiment_id"]
    run = caller("POST", "runs/create", json={"experiment_id": experiment, "tags": tags}).json()["run"]["info"][
        "run_id"
    ]
    model = {"experiment_id": experiment, "name": "net", "source_run_id": run, "tags": tags}
    model_id = caller("POST", "logged-models", json=model).json()["model"]["info"]["model_id"]
    return {"caller": caller, "experiment": experiment, "run": run, "model": model_id}


def on_what_a_job_made(made):
    run, model, experiment = made["run"], made["model"], made["experiment"]
    pair = {"key": "a", "value": "b"}
    return [
        ("POST", "runs/update", {"json": {"run_id": run, "status": "FAILED"}}),
        ("POST", "runs/update", {"json": {"runId": run, "status": "FAILED", "tags": []}}),
        ("POST", "runs/log-metric", {"json": metric(run)}),
        ("POST", "runs/log-metric", {"json": {"runUuid": run, **metric(run), "run_id": ""}}),
        ("POST", "runs/log-parameter", {"json": {"run_id": run, **pair}}),
        ("POST", "runs/log-batch", {"json": {"run_id": run, "metrics": [metric(run)]}}),
        ("POST", "runs/log-batch", {"json": {"runId": run, "params": [pair], "tags": [pair]}}),
        ("POST", "runs/log-inputs", {"json": {"run_id": run, "datasets": []}}),
        ("POST", "runs/outputs", {"json": {"run_id": run, "models": [{"model_id": model}]}}),
        ("POST", "runs/log-model", {"json": {"run_id": run, "model_json": "{}"}}),
        ("PATCH", f"logged-models/{model}", {"json": {"model_id": model, "status": "LOGGED_MODEL_READY"}}),
        ("POST", f"logged-models/{model}/params", {"json": {"params": [pair]}}),
        ("PUT", files(f"{experiment}/{run}/artifacts/x.txt"), {"data": b"x"}),
        ("PUT", files(f"{experiment}/models/{model}/artifacts/x.txt"), {"data": b"x"}),
    ]


def test_what_a_job_measured_and_made_is_written_by_the_job_alone(made, engineer, call, cast, fences):
    other = "1c8e5a0e-5d2c-4f43-9a56-7e4f5cb1a002"
    fences[other] = 1
    another_job = call(cast.project, job_token.issue(job_id=other, project=cast.project.slug, fence=1))
    for caller in (engineer, another_job):
        answers = [(m, p, caller(m, p, **more).status_code) for m, p, more in on_what_a_job_made(made)]
        assert [answer for answer in answers if answer[2] != 403] == []
    own = [(m, p, made["caller"](m, p, **more).status_code) for m, p, more in on_what_a_job_made(made)]
    assert [answer for answer in own if answer[2] == 403] == []


def test_what_a_job_made_is_not_even_deleted_by_a_manager(made, lead):
    """Datasets, versions and releases rest on it; and a name that jobs use is nobody else's."""
    run, model, experiment, name = made["run"], made["model"], made["experiment"], "m-0123456789abcdef"
    source = {"name": name, "source": f"models:/{model}", "run_id": run, "model_id": model}
    assert made["caller"]("POST", "registered-models/create", json={"name": name}).status_code == 200
    assert made["caller"]("POST", "model-versions/create", json=source).status_code == 200
    refused = [
        ("POST", "runs/delete", {"run_id": run}),
        ("POST", "runs/delete", {"runId": run}),
        ("DELETE", f"logged-models/{model}", {}),
        ("DELETE", "registered-models/delete", {"name": name}),
        ("DELETE", "model-versions/delete", {"name": name, "version": "1"}),
        ("POST", "model-versions/create", source),
        ("POST", "registered-models/create", {"name": "m-fedcba9876543210"}),
        ("DELETE", files(f"{experiment}/{run}/artifacts/x.txt"), {}),
        ("DELETE", files(f"{experiment}/models/{model}/artifacts/x.txt"), {}),
    ]
    answers = [(m, p, lead(m, p, json=body).status_code) for m, p, body in refused]
    assert [answer for answer in answers if answer[2] != 403] == []


def test_people_may_remark_on_a_jobs_run_but_not_say_whose_something_is(made, engineer):
    run, model, experiment = made["run"], made["model"], made["experiment"]
    note = {"key": "mlflow.note.content", "value": "a good one"}
    assert engineer("POST", "runs/set-tag", json={"run_id": run, **note}).status_code == 200
    assert engineer("POST", "runs/log-batch", json={"run_id": run, "tags": [note]}).status_code == 200
    assert engineer("PATCH", f"logged-models/{model}/tags", json={"tags": [note]}).status_code == 200
    for key in ("tandem.job", "tandem.package", " Tandem.Job"):
        tag = {"key": key, "value": JOB}
        for method, path, body in (
            ("POST", "runs/create", {"experiment_id": experiment, "tags": [tag]}),
            ("POST", "logged-models", {"experiment_id": experiment, "name": "net", "tags": [tag]}),
            ("POST", "experiments/create", {"name": "x", "tags": [tag]}),
            ("POST", "registered-models/create", {"name": "x", "tags": [tag]}),
            ("POST", "runs/set-tag", {"run_id": run, **tag}),
            ("POST", "runs/delete-tag", {"run_id": run, "key": key}),
            ("POST", "runs/log-batch", {"run_id": run, "tags": [tag]}),
            ("PATCH", f"logged-models/{model}/tags", {"tags": [tag]}),
            ("DELETE", f"logged-models/{model}/tags/{key.strip()}", {}),
        ):
            assert engineer(method, path, json=body).status_code in (400, 403), (path, key)


def test_a_job_cannot_take_another_jobs_name_or_a_persons_run(made, engineer):
    experiment = made["experiment"]
    foreign = [{"key": "tandem.job", "value": "somebody-else"}]
    assert made["caller"]("POST", "runs/create", json={"experiment_id": experiment, "tags": foreign}).status_code == 403
    _experiment, theirs = make_run(engineer, "theirs")
    tag = {"run_id": theirs, "key": "tandem.job", "value": JOB}
    assert made["caller"]("POST", "runs/set-tag", json=tag).status_code == 403
    assert made["caller"]("POST", "runs/log-metric", json=metric(theirs)).status_code == 403
    own = {"run_id": made["run"], "key": "tandem.nonfinite.loss", "value": "nan at step 1"}
    assert made["caller"]("POST", "runs/set-tag", json=own).status_code == 200


# --- aliases ---------------------------------------------------------------------------------------------------------
def test_aliases_are_moved_by_managers_and_never_those_of_a_release(engineer, lead):
    experiment, run = make_run(engineer)
    model = make_model(engineer, experiment, ready=True)
    engineer("POST", "registered-models/create", json={"name": "net"})
    version = {"name": "net", "source": f"models:/{model}", "run_id": run, "model_id": model}
    assert engineer("POST", "model-versions/create", json=version).status_code == 200
    champion = {"name": "net", "alias": "champion", "version": "1"}
    assert engineer("POST", "registered-models/alias", json=champion).status_code == 403
    assert lead("POST", "registered-models/alias", json=champion).status_code == 200
    assert lead("POST", "registered-models/alias", json=champion | {"alias": "released"}).status_code == 403
    assert lead("DELETE", "registered-models/alias", json={"name": "net", "alias": "champion"}).status_code == 200


def test_what_a_manager_does_enters_the_history_once_and_only_when_it_succeeds(lead, cast):
    experiment, run = make_run(lead)
    assert lead("POST", "runs/delete", json={"run_id": run}).status_code == 200
    assert lead("POST", "runs/delete", json={"run_id": MISSING_RUN}).status_code == 404
    model = make_model(lead, experiment)
    assert lead("DELETE", f"logged-models/{model}").status_code == 200
    events = AuditEvent.objects.filter(project_id=cast.project.pk).order_by("id")
    assert [(event.verb, event.data, event.actor_id) for event in events] == [
        ("tracking.delete_run", {"run_id": run}, cast.lead.user.pk),
        ("tracking.delete_logged_model", {"model_id": model}, cast.lead.user.pk),
    ]


# --- trouble ---------------------------------------------------------------------------------------------------------
def test_while_mlflow_is_down_the_client_is_asked_to_wait(cast, transactional_db):
    with servers.gate_server(MLFLOW_UPSTREAM=f"http://127.0.0.1:{servers.free_port()}") as url:
        answer = Caller(url, cast.project.slug, cast.lead.token)("GET", "experiments/search", params={"max_results": 1})
    assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_breakdown_of_mlflow_is_told_without_its_text(engineer, monkeypatch):
    broken = upstream.Answer(500, [("Content-Type", "text/plain")], [b"Traceback: File /srv/secret.py SELECT password"])
    monkeypatch.setattr(upstream.InProcess, "ask", lambda self, question: broken)
    monkeypatch.setattr(gateway, "ensure_workspace", lambda project, behind: project.slug)
    answer = engineer("GET", "experiments/search", params={"max_results": 1})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text
    assert "SELECT" not in answer.text


def test_many_clients_at_once_each_stay_in_their_project(lead, stranger):
    """The workspace travels with the request, not with the process."""
    homes = {caller: make_run(caller, "mine")[1] for caller in (lead, stranger)}
    wrong: list[tuple[int, int]] = []

    def hammer(caller, own, other):
        for _ in range(10):
            mine = caller("GET", "runs/get", params={"run_id": own}).status_code
            theirs = caller("GET", "runs/get", params={"run_id": other}).status_code
            if (mine, theirs) != (200, 404):
                wrong.append((mine, theirs))

    pairs = [(lead, homes[lead], homes[stranger]), (stranger, homes[stranger], homes[lead])] * 3
    threads = [threading.Thread(target=hammer, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_fault_of_ours_is_told_in_the_clients_language(engineer, monkeypatch):
    def fault(raw):
        raise RuntimeError("secret")

    monkeypatch.setattr(inspection, "parse_query", fault)
    answer = engineer("GET", "experiments/search", params={"max_results": 1})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text


def test_the_process_has_no_pages(gate):
    for path in ("/", "/admin/", "/mlflow/speech", "/accounts/login/", "/mlflow/Not%20A%20Slug/version"):
        answer = requests.get(gate + path, timeout=10)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND"), path
    assert requests.options(f"{gate}/mlflow/speech/version", timeout=10).status_code == 405
    assert requests.head(f"{gate}/mlflow/speech/version", timeout=10).status_code == 401


def test_live_sign(gate):
    assert requests.get(f"{gate}/health/live", timeout=10).json() == {"status": "ok"}
