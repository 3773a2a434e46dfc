"""Going on from a registered version: offered where it fits, checked on submit, weighed with the data behind it."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from collab.accounts.models import Membership
from collab.kernel.errors import FaultyInputError, NotFoundError, RefusedError
from collab.projects.services import end_membership
from registry.catalog.services import TrainedModel, register_version
from registry.uses.services import CodeTerm, set_uses
from tests.pages import as_
from training.jobs import lifecycle, starting
from training.jobs.models import Job
from training.jobs.purposes import PurposeRefusedError
from training.jobs.services import resume_job, stop_job, submit_job, suggest
from training.jobs.starting import startable
from training.runner.supervisor import Supervisor

pytestmark = pytest.mark.django_db


def trained_by(job: Job):
    """What a finished job leaves behind, without training it."""
    files = {"model.safetensors": {"sha256": "a" * 64, "size_bytes": 1}}
    trained = TrainedModel(
        task=job.task,
        architecture=job.spec["model"]["arch"],
        parameters=1,
        metrics={"test/perplexity": 9.0},
        primary_metric="test/perplexity",
        baseline={},
        card="A card.",
        manifest={"files": files},
        manifest_sha256="b" * 64,
        size_bytes=1,
        dataset_versions=[job.dataset_version],
        terms=list(job.terms.all()),
        started_from=job.start_version,
    )
    made = register_version(project=job.project, name=job.name, trained=trained, job_id=job.pk, by=job.submitted_by)
    Job.objects.filter(pk=job.pk).update(model_version=made)
    return made


@pytest.fixture
def start(covered, spec):
    return trained_by(submit_job(project=covered.project, name="First", spec=spec, by=covered.engineer))


@pytest.fixture
def other(covered):
    """Another dataset of the project."""
    return covered.dataset(name="More letters").latest()


def going_on(start, version, **changes) -> dict:
    spec = suggest("causal-lm", version, start)["spec"]
    for path, value in changes.items():
        section, _, name = path.partition("__")
        spec[section][name] = value
    return spec


def test_the_net_and_the_tokenizer_come_with_the_start(covered, start, other):
    spec = going_on(start, other)
    theirs = start.job.spec
    assert spec["model"]["start"] == str(start.pk)
    assert all(spec["model"][name] == theirs["model"][name] for name in ("arch", "size", "width", "context"))
    assert spec["tokenizer"] == theirs["tokenizer"]
    assert spec["train"]["lr"] < theirs["train"]["lr"]


def test_a_job_remembers_its_start_and_so_does_what_it_makes(covered, start, other):
    job = submit_job(project=covered.project, name="Second", spec=going_on(start, other), by=covered.engineer)
    assert job.start_version == start
    made = trained_by(job)
    again = submit_job(project=covered.project, name="Third", spec=going_on(made, other), by=covered.engineer)
    last = trained_by(again)
    assert (made.started_from, last.started_from) == (start, made)
    behind = {start.job.dataset_version_id, other.pk}
    assert {v.pk for v in made.dataset_versions.all()} == {v.pk for v in last.dataset_versions.all()} == behind


def reading_as(start, version) -> dict:
    return suggest("causal-lm", version, start, taking=starting.reading_as)["spec"]


def test_a_tokenizer_may_come_alone_and_its_data_and_terms_with_it(covered, start, other):
    spec = reading_as(start, other)
    assert spec["tokenizer"] == start.job.spec["tokenizer"] | {"start": str(start.pk)}
    assert spec["model"]["start"] is None
    job = submit_job(project=covered.project, name="Second", spec=spec, by=covered.engineer)
    assert job.start_version == start
    made = trained_by(job)
    assert made.started_from == start
    assert {v.pk for v in made.dataset_versions.all()} == {start.job.dataset_version_id, other.pk}
    # Whoever goes on from it says nothing of the tokenizer before it.
    assert going_on(made, other)["tokenizer"]["start"] is None
    data = start.job.dataset_version.dataset
    set_uses(dataset=data, codes=[CodeTerm("non_commercial")], version=0, by=covered.lead)
    with pytest.raises(PurposeRefusedError):
        submit_job(project=covered.project, name="Third", spec=spec, by=covered.engineer)


def test_a_tokenizer_is_held_against_the_version_it_comes_from(covered, start, other):
    spec = reading_as(start, other)
    given = {"project": covered.project, "name": "Second", "by": covered.engineer}
    with pytest.raises(FaultyInputError) as caught:
        submit_job(**given, spec=spec | {"tokenizer": spec["tokenizer"] | {"kind": "byte", "vocab": None}})
    assert [fault.path for fault in caught.value.faults] == ["spec.tokenizer"]
    with pytest.raises(NotFoundError):
        submit_job(**given, spec=spec | {"tokenizer": spec["tokenizer"] | {"start": str(uuid4())}})
    assert not Job.objects.filter(name="Second").exists()


def test_the_page_offers_a_tokenizer_and_asks_for_the_net(covered, start, other, client):
    client.force_login(covered.engineer)
    address = f"{reverse('training:job_new')}?version={other.pk}&task=causal-lm"
    assert 'name="tokenizer" id="tokenizer"' in client.get(address).content.decode()
    page = client.get(f"{address}&start=&tokenizer={start.pk}")
    assert "its tokenizer is taken over" in page.content.decode()
    form = page.context["form"]
    assert "arch" in form.fields and not {"tokenizer", "vocab", "learn_layers"} & form.fields.keys()
    data = {name: form[name].value() for name in form.fields} | {"name": "Second"}
    client.post(f"{address}&tokenizer={start.pk}", {k: v for k, v in data.items() if v is not None})
    job = Job.objects.get(name="Second")
    assert (job.start_version, job.spec["tokenizer"]["start"]) == (start, str(start.pk))
    again = client.get(f"{reverse('training:job_new')}?from={job.pk}").context["form"]
    assert "arch" in again.fields and "tokenizer" not in again.fields
    query = {"dataset_version": other.pk, "task": "causal-lm", "tokenizer": start.pk}
    assert client.get("/api/v1/specs/default/", query).json()["spec"]["tokenizer"]["start"] == str(start.pk)
    both = client.get("/api/v1/specs/default/", query | {"start": start.pk})
    assert (both.status_code, both.json()["field"]) == (400, "tokenizer"), both.content


def test_the_engine_is_told_whether_it_goes_on_or_only_reads(covered, start, other):
    for name, spec in (("Second", going_on(start, other)), ("Third", reading_as(start, other))):
        job = submit_job(project=covered.project, name=name, spec=spec, by=covered.engineer)
        supervisor = Supervisor(job.pk, job.fence)
        supervisor.dir.mkdir(parents=True, exist_ok=True)
        supervisor._write_inputs()
        inputs = json.loads((supervisor.dir / "inputs.json").read_text())
        package = {"path": str(supervisor.dir / "start"), "manifest_sha256": start.manifest_sha256}
        expected = (package, None) if name == "Second" else (None, package)
        assert (inputs["start"], inputs["tokenizer"]) == expected


def test_what_contradicts_the_start_is_told_at_its_path(covered, start, other):
    spec = going_on(start, other, model__width=48, tokenizer__kind="byte")
    spec["tokenizer"]["vocab"] = None
    with pytest.raises(FaultyInputError) as caught:
        submit_job(project=covered.project, name="Second", spec=spec, by=covered.engineer)
    assert {"spec.model.width", "spec.tokenizer"} <= {fault.path for fault in caught.value.faults}
    assert not Job.objects.filter(name="Second").exists()


def test_a_version_that_is_not_the_projects_is_not_there(covered, start, other):
    spec = going_on(start, other, model__start=str(uuid4()))
    with pytest.raises(NotFoundError):
        submit_job(project=covered.project, name="Second", spec=spec, by=covered.engineer)


def test_only_versions_that_fit_are_offered(covered, start):
    assert list(startable(covered.project, "causal-lm", covered.engineer)) == [start]
    assert not startable(covered.project, "text-classification", covered.engineer)
    assert not startable(covered.project, "causal-lm", covered.observer)  # may not have the files


def test_codes_of_the_data_behind_the_start_count_too(covered, start, other):
    data = start.job.dataset_version.dataset
    set_uses(dataset=data, codes=[CodeTerm("non_commercial")], version=0, by=covered.lead)
    with pytest.raises(PurposeRefusedError) as caught:
        submit_job(project=covered.project, name="Second", spec=going_on(start, other), by=covered.engineer)
    assert [one.code for one in caught.value.missing] == ["use.non_commercial"]
    given = {"project": covered.project, "name": "Second", "spec": going_on(start, other), "by": covered.engineer}
    assert submit_job(**given, purpose={"commercial": False}).start_version == start
    asked = as_(covered.engineer).get(f"/jobs/new/?version={other.pk}&task=causal-lm&start={start.pk}")
    assert [one.name for one in asked.context["form"].purpose_fields] == ["purpose_commercial"]


def test_the_page_offers_the_start_and_asks_how_much_of_it_learns(covered, start, other, client):
    client.force_login(covered.engineer)
    address = f"{reverse('training:job_new')}?version={other.pk}&task=causal-lm"
    plain = client.get(address).content.decode()
    assert 'name="start"' in plain and 'name="learn_layers"' not in plain
    page = client.get(f"{address}&start={start.pk}")
    form = page.context["form"]
    assert "arch" not in form.fields and "tokenizer" not in form.fields
    assert [value for value, _label in form.fields["learn_layers"].choices] == ["", 1, 2]  # no head of its own
    data = {name: form[name].value() for name in form.fields} | {"name": "Second", "learn_layers": "1"}
    answer = client.post(f"{address}&start={start.pk}", {k: v for k, v in data.items() if v is not None})
    job = Job.objects.get(name="Second")
    assert answer.url == job.get_absolute_url()
    assert (job.start_version, job.spec["model"]["learn_layers"]) == (start, 1)
    assert str(start) in client.get(job.get_absolute_url()).content.decode()


def test_low_rank_changes_are_asked_for_on_the_page(covered, start, other, client):
    client.force_login(covered.engineer)
    address = f"{reverse('training:job_new')}?version={other.pk}&task=causal-lm"
    assert 'name="lora"' not in client.get(address).content.decode()
    form = client.get(f"{address}&start={start.pk}").context["form"]
    data = {name: form[name].value() for name in form.fields} | {"name": "Third", "lora": "8", "learn_layers": "1"}
    given = {k: v for k, v in data.items() if v is not None}
    both = client.post(f"{address}&start={start.pk}", given)
    assert "lora" in both.context["form"].errors
    client.post(f"{address}&start={start.pk}", given | {"learn_layers": ""})
    assert Job.objects.get(name="Third").spec["model"]["lora"] == 8


@pytest.fixture
def claimed(covered, start, other, settings, monkeypatch):
    """A supervisor about to begin a job that goes on from the start, while nobody answers for MLflow."""
    submit_job(project=covered.project, name="Second", spec=going_on(start, other), by=covered.engineer)
    Job.objects.filter(name="First").update(state="stopped", finished_at=timezone.now())
    job = lifecycle.claim(owner="here", host="here", cpus=8)
    monkeypatch.setattr("training.runner.supervisor.FETCH_WAIT_S", 0)
    settings.TRACKING_URL = "http://127.0.0.1:9"
    supervisor = Supervisor(job.pk, job.fence)
    supervisor.dir.mkdir(parents=True, exist_ok=True)
    return supervisor


def test_a_start_that_cannot_be_fetched_is_tried_again(claimed):
    claimed.run()
    job = Job.objects.get(pk=claimed.job.pk)
    assert (job.state, job.reason) == ("queued", "start")
    assert not (claimed.dir / "start").exists()


def test_a_start_that_is_not_what_was_registered_is_never_trained_on(claimed, monkeypatch):
    def other_files(self, model_id: str, into) -> None:
        (into / "model.safetensors").write_bytes(b"something else")

    monkeypatch.setattr("registry.tracking.writer.RunWriter.fetch_model", other_files)
    claimed.run()
    job = Job.objects.get(pk=claimed.job.pk)
    assert (job.state, job.reason) == ("queued", "start")
    assert "model.safetensors" in job.reason_detail
    assert not (claimed.dir / "start").exists()


def test_access_lost_before_it_begins_fetches_and_starts_nothing(claimed, covered, monkeypatch):
    monkeypatch.setattr("registry.tracking.writer.RunWriter.fetch_model", lambda *args: pytest.fail("fetched"))
    end_membership(membership=Membership.objects.get(project=covered.project, user=covered.engineer), by=covered.lead)
    claimed.run()
    job = Job.objects.get(pk=claimed.job.pk)
    assert (job.state, job.reason) == ("paused", "access_lost")


def test_resuming_needs_the_files_of_the_start(covered, start, other, monkeypatch):
    from collab.access import roles

    job = submit_job(project=covered.project, name="Second", spec=going_on(start, other), by=covered.engineer)
    stop_job(job=job, by=covered.engineer)
    narrower = roles.ROLE_WORDS[roles.Role.ENGINEER] - {"model.download"}
    monkeypatch.setitem(roles.ROLE_WORDS, roles.Role.ENGINEER, narrower)
    with pytest.raises(RefusedError):
        resume_job(job=job, by=covered.engineer)


def test_from_a_version_to_the_data_and_the_form(covered, start, other):
    browser = as_(covered.engineer)
    version_page = browser.get(start.get_absolute_url()).content.decode()
    assert f"/jobs/new/?start={start.pk.hex}" in version_page
    page = browser.get(f"/jobs/new/?start={start.pk}").content.decode()
    assert f"?version={other.pk}&amp;start={start.pk}" in page
    assert browser.get(f"/jobs/new/?version={other.pk}&start={start.pk}").context["draft"].start == start
    unfit = f"/jobs/new/?version={other.pk}&start={start.pk}&task=text-classification"
    assert browser.get(unfit).status_code == 404
    assert as_(covered.observer).get(f"/jobs/new/?start={start.pk}").status_code == 403


def test_the_api_suggests_and_checks(covered, start, other, client):
    client.force_login(covered.engineer)
    query = {"dataset_version": other.pk, "task": "causal-lm", "start": start.pk}
    spec = client.get("/api/v1/specs/default/", query).json()["spec"]
    assert spec["model"]["start"] == str(start.pk)
    spec["model"]["layers"] = 7
    answer = client.post("/api/v1/specs/check/", {"spec": spec}, "application/json")
    assert answer.status_code == 422
    assert "spec.model.layers" in [error["path"] for error in answer.json()["errors"]]
    assert client.get("/api/v1/specs/default/", query | {"start": uuid4()}).status_code == 404


def test_the_page_says_at_the_field_that_a_tokenizer_comes_with_the_start(covered, start, client):
    client.force_login(covered.engineer)
    data = start.job.dataset_version
    address = f"{reverse('training:job_new')}?version={data.pk}&task=causal-lm&start={start.pk}"
    said = "The tokenizer comes with the model it starts from."
    alone = client.get(f"{address}&tokenizer=")
    assert said not in alone.content.decode() and 'aria-invalid="true"' not in alone.content.decode()
    both = client.get(f"{address}&tokenizer={start.pk}")
    field = re.search(r'<select[^>]*id="tokenizer".*?</span>', both.content.decode())[0]
    assert 'aria-invalid="true"' in field and said in field
    assert re.search(rf'<option value="{start.pk}" selected>', field), "what was chosen stands there"
    form = both.context["form"]
    sent = {name: form[name].value() for name in form.fields} | {"name": "Both"}
    sent = {name: value for name, value in sent.items() if value is not None}
    refused = client.post(f"{address}&tokenizer={start.pk}", sent)
    assert said in refused.content.decode() and not Job.objects.filter(name="Both").exists()
    client.post(address, sent)
    assert Job.objects.get(name="Both").start_version == start
