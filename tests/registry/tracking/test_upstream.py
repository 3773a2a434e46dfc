"""The same gate before each kind of MLflow: inside the process, a separate server, PostgreSQL with S3."""

import io

import pytest

from registry.tracking import job_token, setup, upstream
from registry.tracking.upstream import Answer, Question, Remote, UpstreamDownError, Workspace
from registry.tracking.writer import Metric, RunWriter
from tests.registry.tracking import servers, stock_session
from tests.registry.tracking.conftest import JOB, Caller
from tests.registry.tracking.test_gateway import attacks, make_run


@pytest.mark.services
@pytest.mark.slow
def test_a_separate_server_behind_the_gate(cast, fences, mlflow_template, tmp_path):
    store = f"sqlite:///{setup.copy_template(mlflow_template.parent, tmp_path / 'mlflow.sqlite3')}"
    with (
        servers.mlflow_server(tmp_path, store=store, artifacts=str(tmp_path / "files")) as address,
        servers.gate_server(MLFLOW_UPSTREAM=address) as gate,
    ):
        whole_product(gate, cast, fences, tmp_path)


@pytest.mark.services
@pytest.mark.slow
def test_postgresql_and_s3_behind_the_gate(cast, fences, tmp_path):
    with servers.postgres_server() as database, servers.s3_server(tmp_path) as s3:
        assert setup.upgrade_store(store=database) is True
        assert setup.upgrade_store(store=database) is False
        with (
            servers.mlflow_server(tmp_path, store=database, artifacts="s3://models/tandem", **s3) as address,
            servers.gate_server(MLFLOW_UPSTREAM=address) as gate,
        ):
            whole_product(gate, cast, fences, tmp_path)
        import boto3

        kept = boto3.client(
            "s3",
            endpoint_url=s3["MLFLOW_S3_ENDPOINT_URL"],
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        ).list_objects_v2(Bucket="models", Prefix=f"tandem/workspaces/{cast.project.slug}/")
        assert kept["KeyCount"] >= 6


def whole_product(gate, cast, fences, folder):
    """The stock client's day, the writer's work, and the attacks, before whatever stands behind this gate."""
    found = stock_session.run(address=gate, project=cast.project.slug, token=cast.lead.token, folder=folder)
    stock_session.check(found)

    fences[JOB] = 1
    token = job_token.issue(job_id=JOB, project=cast.project.slug, fence=1)
    package = stock_session.write_package(folder / "written")
    for _twice in range(2):
        with RunWriter(f"{gate}/mlflow/{cast.project.slug}", token) as writer:
            writer.start_run(experiment="jobs", run_name="tiny", job_id=JOB, params={"lr": 0.1})
            points = [Metric("loss", 1.0 / (step + 1), step, 1_700_000_000_000 + step) for step in range(200)]
            writer.log_metrics(points)
            assert writer.log_model(package, "net", "written").version == 1
            writer.end_run("FINISHED")

    stranger = Caller(gate, cast.foreign.slug, cast.stranger.token)
    lead = Caller(gate, cast.project.slug, cast.lead.token)
    own_experiment, own_run = make_run(lead, "own")
    absent = f"/api/2.0/mlflow-artifacts/artifacts/{own_experiment}/{own_run}/artifacts/none.txt"
    assert lead("GET", absent).status_code == 404
    experiment, run = make_run(stranger, "canary-name")
    model = stranger("POST", "logged-models", json={"experiment_id": experiment, "name": "net"}).json()["model"]["info"]
    secret = {"experiment": experiment, "run": run, "model": model["model_id"]}
    opened = []
    for method, path, more in attacks(secret, cast.foreign.slug):
        answer = lead(method, path, headers={"X-MLFLOW-WORKSPACE": cast.foreign.slug}, **more)
        if answer.status_code not in (400, 404):
            opened.append((method, path, answer.status_code, answer.text[:100]))
    assert opened == []


# --- the small parts -------------------------------------------------------------------------------------------------
def test_an_unreachable_server_is_down_not_broken():
    remote = Remote(f"http://127.0.0.1:{servers.free_port()}")
    with pytest.raises(UpstreamDownError):
        remote.ask(Question("GET", "/health", "speech"))


class Scripted:
    """Answers from a list, and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers, self.asked = list(answers), []

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        status, body = self.answers.pop(0)
        return Answer(status, [], [body])


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(Workspace, "_owners", {})
    monkeypatch.setattr(Workspace, "_ready", set())


MODEL = "m-" + "1" * 32


def status(word: str) -> tuple[int, bytes]:
    return 200, b'{"model": {"info": {"status": "LOGGED_MODEL_%s"}}}' % word.encode()


def test_only_what_stays_true_is_remembered():
    behind = Scripted((404, b"{}"), status("PENDING"), status("READY"))
    ours = Workspace("speech", behind)
    assert ours.model_owner(MODEL) is None
    assert ours.model_owner(MODEL) == ""
    assert ours.model_owner(MODEL) == ""  # not asked again
    assert ours.model_status(MODEL) == "READY"
    assert ours.model_status(MODEL) == "READY"
    assert len(behind.asked) == 3
    assert {question.workspace for question in behind.asked} == {"speech"}


def test_what_one_project_has_another_has_not():
    behind = Scripted(status("READY"), (404, b"{}"))
    assert Workspace("speech", behind).model_owner(MODEL) == ""
    assert Workspace("vision", behind).model_owner(MODEL) is None


def test_whose_a_run_is_stands_in_its_tags():
    run = b'{"run": {"data": {"tags": [{"key": "a", "value": "b"}, {"key": "tandem.job", "value": "job-1"}]}}}'
    ours = Workspace("speech", Scripted((200, run)))
    assert ours.run_owner("a" * 32) == "job-1"
    assert ours.run_owner("a" * 32) == "job-1"


def test_a_breakdown_is_no_answer():
    with pytest.raises(UpstreamDownError):
        Workspace("speech", Scripted((500, b"oops"))).run_owner("a" * 32)


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(Workspace, "_REMEMBERED_MAX", 2)
    behind = Scripted(*[(200, b"{}")] * 3)
    ours = Workspace("speech", behind)
    for number in range(3):
        assert ours.run_owner(f"{number:032x}") == ""
    assert len(Workspace._owners) <= 2


def test_a_sized_stream_gives_its_length_and_pieces():
    sized = upstream._Sized(io.BytesIO(b"abcdef"), 6)
    assert len(sized) == 6
    assert sized.read(4) + sized.read(-1) == b"abcdef"
