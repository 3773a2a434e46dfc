"""The demo's story told to a stand-in of the API: what it does the first time, what it finds the second time."""

import itertools

import pytest

from deploy.tandem import demo, demo_data, report
from deploy.tandem.say import Trouble

CHAPTER = demo.STORY[1]
ACCESS = {"accounts": [{"who": "Lead", "email": "lead@uni.example", "password": "pw"}]}


class Api:
    """Datasets, versions and jobs as the API shows them; a job goes through `course` one answer at a time."""

    base_url = "http://127.0.0.1:8000"

    def __init__(self, course=("queued", "starting", "running", "running", "done")):
        self.course = course
        self.datasets, self.versions, self.jobs, self.keys = [], [], [], []
        self.ids = itertools.count(1)

    def get(self, path, **query):
        if path == "/api/v1/datasets/":
            return {"results": self.datasets}
        if path.endswith("/versions/"):
            return {"results": self.versions}
        if path == "/api/v1/specs/default/":
            return {"task": query["task"], "data": query["dataset_version"]}
        if path == "/api/v1/jobs/":
            return {"results": self.jobs}
        return self.advance(next(job for job in self.jobs if path == f"/api/v1/jobs/{job['id']}/"))

    def advance(self, job):
        job["state"] = next(job["course"], job["state"])
        job["progress"] = {"phase": "training", "step": 3, "steps": 10, "loss": 1.5, "rate": 250.0, "unit": "images"}
        if job["state"] == "done":
            job |= {
                "metrics": {"test/accuracy": 0.98, "test/loss": 0.1},
                "baseline": {"accuracy": 0.101},
                "baseline_name": "most frequent class",
                "mlflow_run_id": "f" * 32,
                "model_version": {"id": 1, "name": "digits", "number": 1, "url": "/models/1/"},
            }
        return {key: value for key, value in job.items() if key != "course"}

    def post(self, path, body, key=None):
        self.keys.append(key)
        row = {"id": next(self.ids), **body, "created_at": f"2026-01-0{len(self.jobs) + 1}"}
        if path == "/api/v1/datasets/":
            self.datasets.append(row)
        else:
            self.jobs.append(row | {"state": "queued", "course": iter(self.course)})
        return dict(row, state="queued")

    def upload(self, path, file, content_type):
        row = {"id": next(self.ids), "number": len(self.versions) + 1, "state": "ready", "sha256": demo.sha256(file)}
        self.versions.append(row)
        return row


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / demo_data.DIGITS).write_bytes(b"scans")
    (tmp_path / demo_data.TEXT).write_bytes(b"words")
    return tmp_path


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(demo.time, "sleep", lambda seconds: None)


def tell(api, inputs, *, again=False, watch=lambda: None):
    return demo.tell_story(api, project="p", inputs=inputs, again=again, watch=watch, story=(CHAPTER,))


def test_the_first_time_uploads_submits_and_follows_to_the_end(inputs):
    api = Api()

    (outcome,) = tell(api, inputs)

    assert (outcome.fresh, outcome.best_rate, outcome.unit) == (True, 250.0, "images")
    assert outcome.compared == [("accuracy", 0.98, 0.101), ("loss", 0.1, None)]
    assert api.jobs[0]["spec"] == {"task": "image-classification", "data": api.versions[0]["id"]}
    assert all(api.keys)  # a repeated POST would do no harm


def test_the_second_time_finds_what_is_there(inputs):
    api = Api()
    first = tell(api, inputs)

    (second,) = tell(api, inputs)

    assert (len(api.datasets), len(api.versions), len(api.jobs)) == (1, 1, 1)
    assert not second.fresh
    assert second.compared == first[0].compared


def test_again_trains_anew_on_the_same_version(inputs):
    api = Api()
    tell(api, inputs)

    (outcome,) = tell(api, inputs, again=True)

    assert (len(api.versions), len(api.jobs)) == (1, 2)
    assert outcome.fresh


def test_other_bytes_are_a_new_version_and_a_new_job(inputs):
    api = Api()
    tell(api, inputs)
    (inputs / demo_data.DIGITS).write_bytes(b"better scans")

    tell(api, inputs)

    assert (len(api.datasets), len(api.versions), len(api.jobs)) == (1, 2, 2)


def test_an_interrupted_job_is_followed_rather_than_repeated(inputs):
    api = Api(course=("running",) * 2)

    class Interrupted(BaseException):
        pass

    def interrupt():
        if api.jobs and api.jobs[0]["state"] == "running":
            raise Interrupted

    with pytest.raises(Interrupted):
        tell(api, inputs, watch=interrupt)
    api.jobs[0]["course"] = iter(("lost", "running", "done"))

    (outcome,) = tell(api, inputs)

    assert len(api.jobs) == 1
    assert outcome.job["state"] == "done"


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_a_job_that_ends_otherwise_is_told(inputs, state):
    api = Api(course=("running", state))

    with pytest.raises(Trouble, match=f"'{CHAPTER.job}' ended as {state}"):
        tell(api, inputs)


def test_a_job_without_a_step_for_minutes_is_told(inputs, monkeypatch):
    monkeypatch.setattr(demo, "STALLED_AFTER_S", -1.0)

    with pytest.raises(Trouble, match="has been queued for"):
        tell(Api(course=("queued",) * 9), inputs)


def test_a_refused_file_is_told_with_the_reason(inputs):
    api = Api()
    api.upload = lambda *words, **more: {"id": 1, "state": "rejected", "reason": "not a zip"}

    with pytest.raises(Trouble, match=f"{demo_data.DIGITS} was refused: not a zip"):
        tell(api, inputs)


def test_progress_shows_phase_share_loss_rate_and_what_is_left():
    progress = {
        "phase": "training",
        "step": 50,
        "steps": 200,
        "loss": 2.5,
        "rate": 18204.4,
        "unit": "tokens",
        "eta_s": 75,
    }

    shown = demo.picture("language", {"state": "running", "progress": progress}, cells=8)

    assert shown == "  language     training    ██░░░░░░  25%  step 50/200  loss 2.500  18,204 tokens/s  1:15 left"


@pytest.mark.parametrize(
    "progress", [None, {}, {"loss": float("nan"), "rate": None, "steps": 0, "step": 0, "eta_s": True}]
)
def test_progress_without_figures_shows_the_state(progress):
    assert demo.picture("digits", {"state": "queued", "progress": progress}).split() == ["digits", "queued"]


def test_the_table_says_what_how_well_where_and_who(inputs):
    text = report.table(tell(Api(), inputs), ACCESS, "http://127.0.0.1:8000")

    expected = f"""
  TRAINED         Handwritten digit classifier, on Handwritten digits
  test            accuracy 0.9800, loss 0.1000
  trivial answer  accuracy 0.1010 (most frequent class)
  MLflow run      {"f" * 32}
  model version   digits version 1
  look            http://127.0.0.1:8000/models/1/

  Sign in at http://127.0.0.1:8000/ as
    lead@uni.example  pw  Lead
"""
    assert text == expected
    assert max(map(len, text.splitlines())) < 100


def test_a_table_without_figures_still_stands():
    text = report.table([demo.Outcome(CHAPTER, {}, fresh=False)], {}, "http://127.0.0.1:8000")

    assert "  model version   -\n  look            http://127.0.0.1:8000/\n" in text


def test_the_input_is_made_from_what_is_installed_and_always_the_same(tmp_path):
    import zipfile

    demo_data.make(tmp_path / "a")
    demo_data.make(tmp_path / "b")

    with zipfile.ZipFile(tmp_path / "a" / demo_data.DIGITS) as archive:
        folders = {name.split("/")[0] for name in archive.namelist()}
        assert len(archive.namelist()) == 1797
    assert folders == set("0123456789")
    assert 400_000 < (tmp_path / "a" / demo_data.TEXT).stat().st_size < 800_000
    for name in (demo_data.TEXT, demo_data.DIGITS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
