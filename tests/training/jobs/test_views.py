"""Pages of training jobs."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from collab.agreements.models import AgreementVersion
from collab.projects.services import move_project
from tests.cast import Joint, person
from tests.pages import as_, queries, text
from training.engine.contract import default_spec
from training.jobs.models import Attempt, Job
from training.jobs.previewing import preview_of
from training.jobs.services import submit_job
from training.jobs.states import JobState
from training.runner.dispatch import run_dir

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(covered: Joint, spec) -> Job:
    return submitted(covered, spec)


def submitted(joint: Joint, spec: dict, name: str = "Small") -> Job:
    return submit_job(project=joint.project, name=name, spec=spec, by=joint.researcher)


def running(job: Job, **changes) -> Job:
    facts = {
        "state": JobState.RUNNING,
        "lease_until": timezone.now() + timedelta(minutes=5),
        "started_at": timezone.now(),
    }
    Job.objects.filter(pk=job.pk).update(**facts | changes)
    job.refresh_from_db()
    return job


def page(job: Job, rest: str = "") -> str:
    return f"{job.get_absolute_url()}{rest}"


def events(job: Job, *lines: dict) -> None:
    folder = run_dir(job.pk)
    folder.mkdir(parents=True, exist_ok=True)
    text_ = "".join(json.dumps({"t": 0.0, "n": n, **line}) + "\n" for n, line in enumerate(lines))
    (folder / "events.jsonl").write_text(text_)


def new(version, **query: str) -> str:
    return "/jobs/new/?" + "&".join(f"{k}={v}" for k, v in {"version": version.pk, **query}.items())


def filled(client, address: str, **changes) -> dict:
    """What a browser would send of the form at this address."""
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in (values | changes).items() if value is not None}


# --- list and panels
def test_the_list_shows_mine_found_by_words_state_and_task(covered, borealis, spec, job):
    borealis.cover(reference="B-1")
    data = borealis.dataset().latest()
    theirs = submitted(borealis, default_spec("causal-lm", data.profile, str(data.pk)).to_json(), "Spy")
    client = as_(covered.observer)
    seen = text(client.get("/jobs/"))
    assert page(job) in seen and page(theirs) not in seen
    assert page(job) in text(client.get(f"/jobs/?q=letters&state=queued&project={covered.project.slug}"))
    assert page(job) not in text(client.get("/jobs/?state=done"))
    assert page(job) not in text(client.get("/jobs/?task=image-classification"))


def test_more_jobs_take_no_more_queries(covered, spec, job):
    client = as_(covered.researcher)
    data = job.dataset_version.dataset
    pages = ["/jobs/", "/jobs/running/", f"/projects/{covered.project.slug}/jobs/", f"/datasets/{data.pk}/jobs/"]
    submitted(covered, spec, "Second")
    few = [queries(client, one) for one in pages]
    for number in range(4):
        submitted(covered, spec, f"Further {number}")
    assert [queries(client, one) for one in pages] == few


def test_the_dashboard_follows_what_runs(covered, job):
    running(job, progress={"step": 30, "steps": 100, "eta_s": 61.0, "phase": "train", "loss": 2.5})
    seen = text(as_(covered.engineer).get("/jobs/running/"))
    assert 'value="30"' in seen or ">30%" in seen
    assert "61 s left" in seen and 'hx-trigger="every 2s, live:resume"' in seen


def test_the_dashboard_names_what_failed_with_its_remedy(covered, job):
    assert as_(covered.researcher).get("/jobs/attention/").status_code == 204
    running(job, state=JobState.FAILED, reason="diverged", finished_at=timezone.now(), lease_until=None)
    assert "Lower the learning rate" in text(as_(covered.researcher).get("/jobs/attention/"))
    assert as_(covered.observer).get("/jobs/attention/").status_code == 204
    Job.objects.update(finished_at=timezone.now() - timedelta(days=30))
    assert as_(covered.researcher).get("/jobs/attention/").status_code == 204


def test_others_find_nothing(covered, borealis, job):
    client = as_(borealis.lead)
    for rest in ("", "panel/", "series/", "log/", "log.txt"):
        assert client.get(page(job, rest)).status_code == 404
    for rest in ("stop/", "resume/"):
        assert client.post(page(job, rest)).status_code == 404
    assert client.get(f"/jobs/new/?from={job.pk}").status_code == 404
    assert client.get(new(job.dataset_version)).status_code == 404
    assert client.get(f"/projects/{covered.project.slug}/jobs/").status_code == 404


# --- preparing
def test_data_is_chosen_first_and_closed_data_says_why(aurora, borealis):
    data, theirs = aurora.dataset().latest(), borealis.dataset().latest()
    client = as_(aurora.engineer)
    seen = text(client.get("/jobs/new/"))
    assert str(data.pk) in seen and str(theirs.pk) not in seen and "What is missing?" in seen
    refused = client.get(new(data))
    assert "No agreement of this project lets Northwind train models on the data" in text(refused)
    assert "form" not in refused.context
    aurora.cover(reference="DUA-1")
    assert "Choose" in text(client.get("/jobs/new/"))


def test_an_observer_is_told_which_roles_train(covered, version):
    assert "Your role does not let you submit training jobs" in text(as_(covered.observer).get(new(version)))


def test_a_suspended_project_takes_no_jobs(covered, version):
    move_project(project=covered.project, move="suspend", by=covered.lead)
    assert "The project is not active" in text(as_(covered.lead).get(new(version)))


def test_the_form_suggests_estimates_and_names_the_terms(covered, version):
    seen = text(as_(covered.engineer).get(new(version)))
    for said in ("Time, about", "Parameters", "DUA-1", "GPT (decoder)"):
        assert said in seen


@pytest.mark.parametrize("task", ["image-classification", "text-classification", "nonsense"])
def test_a_task_that_does_not_fit_the_data_is_not_there(covered, version, task):
    assert as_(covered.engineer).get(new(version, task=task)).status_code == 404


@pytest.mark.parametrize("query", ["version=nonsense", "from=nonsense", "version=00000000-0000-4000-8000-000000000000"])
def test_data_that_is_not_there_is_not_found(covered, query):
    assert as_(covered.engineer).get(f"/jobs/new/?{query}").status_code == 404


def test_a_job_is_submitted_once(covered, version):
    client = as_(covered.engineer)
    form = filled(client, new(version), name="Mine", epochs="2")
    first, second = client.post(new(version), form), client.post(new(version), form)
    job = Job.objects.get()
    assert first.url == second.url == page(job)
    assert (job.name, job.spec["train"]["epochs"], job.submitted_by) == ("Mine", 2, covered.engineer)
    assert [str(term) for term in job.terms.all()] == ["DUA-1 v1"]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"lr": "-1"}, "lr"), ({"batch": "0"}, "batch"), ({"name": ""}, "name"), ({"size": "huge"}, "size")],
)
def test_a_setting_that_cannot_be_is_told_at_its_field(covered, version, change, field):
    client = as_(covered.engineer)
    response = client.post(new(version), filled(client, new(version), **change))
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not Job.objects.exists()


def test_settings_that_do_not_fit_the_data_are_told_with_a_remedy(covered, version):
    client = as_(covered.engineer)
    response = client.post(new(version), filled(client, new(version), batch="4000"))
    assert response.status_code == 422
    assert "The text is too short" in text(response)


def test_terms_that_end_while_the_form_is_open_refuse_it(covered, version):
    client = as_(covered.engineer)
    form = filled(client, new(version))
    AgreementVersion.objects.update(expires_on=timezone.localdate())
    assert "The agreement DUA-1 expired" in text(client.post(new(version), form))
    assert not Job.objects.exists()


def test_all_settings_as_json_with_each_fault_at_its_path(covered, version):
    client = as_(covered.engineer)
    address = new(version, mode="whole")
    form = filled(client, address)
    spec = json.loads(form["spec_text"])
    spec["train"] |= {"lr": -1, "epohcs": 3}
    response = client.post(address, form | {"mode": "whole", "spec_text": json.dumps(spec)})
    assert response.status_code == 422
    assert {fault.path for fault in response.context["form"].faults} == {"spec.train.lr", "spec.train.epohcs"}
    assert "Did you mean “epochs”?" in text(response)


def test_settings_go_from_one_form_to_the_other(covered, version):
    client = as_(covered.engineer)
    whole = client.post(new(version), filled(client, new(version), lr="0.0042", to="whole")).context["form"]
    spec = json.loads(whole["spec_text"].value())
    assert spec["train"]["lr"] == 0.0042
    spec["train"]["clip"] = 0.5
    sent = {"mode": "whole", "name": "Mine", "spec_text": json.dumps(spec), "to": "essential"}
    essential = client.post(new(version), sent).context["form"]
    assert essential["lr"].value() == 0.0042
    assert json.loads(essential["base"].value())["train"]["clip"] == 0.5
    assert not Job.objects.exists()


def test_json_about_other_data_is_refused(covered, version):
    other = covered.version_of(version.dataset, content=b"other words here\n" * 500)
    client = as_(covered.engineer)
    address = new(version, mode="whole")
    form = filled(client, address)
    moved = form["spec_text"].replace(str(version.pk), str(other.pk))
    response = client.post(
        "/jobs/new/advice/?" + address.partition("?")[2], form | {"mode": "whole", "spec_text": moved}
    )
    assert "begin from the other one instead" in text(response)


def test_the_estimate_follows_the_fields(covered, version):
    client = as_(covered.engineer)
    advice = new(version).replace("/new/", "/new/advice/")
    little = client.post(advice, filled(client, new(version), epochs="1")).context["advice"].estimate
    much = client.post(advice, filled(client, new(version), epochs="9")).context["advice"].estimate
    assert much["steps"] == 9 * little["steps"]
    assert "appears here" in text(client.post(advice, {}))


def test_a_job_is_trained_again_with_changes(covered, job):
    client = as_(covered.engineer)
    address = f"/jobs/new/?from={job.pk}"
    form = filled(client, address, lr="0.0042")
    client.post(address, form)
    again = Job.objects.exclude(pk=job.pk).get()
    assert again.name == job.name
    assert again.spec == job.spec | {"train": job.spec["train"] | {"lr": 0.0042}}


# --- following
def test_the_page_shows_state_terms_settings_and_where_curves_come_from(covered, job):
    seen = text(as_(covered.observer).get(page(job)))
    for said in ("DUA-1", "Letters v1", job.spec_sha256, page(job, "series/"), page(job, "log/"), "Waiting for a free"):
        assert said in seen
    assert "/stop/" not in seen


def test_the_panel_asks_again_until_the_job_has_ended(covered, job):
    client = as_(covered.researcher)
    running(job, progress={"step": 30, "steps": 100, "phase": "train"})
    live = client.get(page(job, "panel/"))
    assert "every 2s" in text(live) and "HX-Refresh" not in live
    running(job, state=JobState.STOPPED, finished_at=timezone.now(), lease_until=None, reason="stopped_by_person")
    ended = client.get(page(job, "panel/"))
    assert "hx-trigger" not in text(ended)
    assert ended["HX-Refresh"] == "true"
    assert "Stopped on request. The work is kept." in text(ended)


def test_examples_quote_the_data_so_they_are_for_its_readers(covered, job):
    events(job, {"e": "sample", "step": 9, "kind": "text", "prompt": "secret prompt", "text": "and more"})
    assert "secret prompt" in text(as_(covered.engineer).get(page(job)))
    seen = text(as_(covered.observer).get(page(job)))
    assert "secret prompt" not in seen
    assert "Examples are closed to you" in seen


def test_figures_and_confusion_come_from_the_run(covered, job):
    folder = run_dir(job.pk) / "out"
    folder.mkdir(parents=True)
    detail = {"labels": ["a", "b"], "confusion": [[4, 1], [0, 5]]}
    found = {
        "detail": detail,
        "interval": [0.1, 0.2],
        "primary": "perplexity",
        "probe": {"metrics": {"perplexity": 61.5}},
    }
    (folder / "metrics.json").write_text(json.dumps(found))
    Job.objects.update(
        metrics={"test/perplexity": 7.5}, baseline={"name": "unigram", "metrics": {"test/perplexity": 300.0}}
    )
    response = as_(covered.observer).get(page(job))
    assert response.context["findings"].confusion == {"labels": ["a", "b"], "matrix": [[4, 1], [0, 5]]}
    assert "Perplexity" in text(response) and "300" in text(response)
    assert "frozen features of the model it starts from: 61.5" in text(response)


def test_a_search_is_submitted_and_its_trials_are_shown(covered, version):
    client = as_(covered.engineer)
    space = "train.lr = 0.001..0.01\r\ntrain.batch = 8, 16"
    asked = {"search_kind": "random", "search_trials": "3"}
    bad = client.post(new(version), filled(client, new(version), **asked, search_space="train.lr: 3"))
    assert (bad.status_code, list(bad.context["form"].errors)) == (422, ["search_space"])
    bad = client.post(new(version), filled(client, new(version), **asked, search_space="train.lr = much"))
    assert (bad.status_code, list(bad.context["form"].errors)) == (422, ["search_space"])
    client.post(new(version), filled(client, new(version), **asked, search_space=space))
    job = Job.objects.get()
    assert job.spec["search"]["space"] == {"train.lr": "0.001..0.01", "train.batch": "8, 16"}
    again = client.get(f"/jobs/new/?from={job.pk}").context["form"]
    assert again["search_space"].value() == space.replace("\r", "")

    assert client.get(page(job)).context["findings"].search is None
    one = {"number": 1, "values": {"train.lr": 0.01}, "state": "left", "step": 30, "steps": 90, "score": 9.5}
    two = one | {"number": 2, "values": {"train.lr": 0.003}, "state": "done", "step": 90, "score": 7.25}
    table = {"v": 1, "kind": "halving", "primary": "perplexity", "best": 2, "trials": [one, two]}
    folder = run_dir(job.pk)
    folder.mkdir(parents=True)
    (folder / "search.json").write_text(json.dumps(table))
    events(job, {"e": "metric", "step": 9, "values": {"trial 2/valid/perplexity": 8.5}})
    seen = text(client.get(page(job)))
    assert "train.lr = 0.003" in seen and "left behind" in seen and seen.index("7.25") < seen.index("9.5")
    assert client.get(f"/api/v1/jobs/{job.pk}/").json()["search"]["trials"][0]["number"] == 2
    (series,) = client.get(f"{page(job)}series/").json()["series"]
    assert (series["label"], series["group"]) == ("Trial 2: perplexity", "Perplexity")
    (folder / "search.json").write_text('{"trials": 3}')
    assert client.get(page(job)).context["findings"].search is None


def test_curves_and_slices_come_from_the_run(covered, job):
    folder = run_dir(job.pk) / "out"
    folder.mkdir(parents=True)
    curve = {"rows": 7, "roc_auc": 0.875, "average_precision": 0.75, "roc": [[0, 0], [0.25, 1], [1, 1]], "pr": [[0, 1]]}
    labels = {f"class {n}": curve | {"rows": n} for n in range(1, 9)}
    ranking = {"roc_auc": 0.875, "average_precision": 0.75, "labels": labels}
    values = [{"value": name, "rows": 9, "metric": 0.5, "interval": [0.25, 0.625]} for name in ("north", "")]
    slices = {"region": {"metric": "accuracy", "values": values, "others": 2, "gap": 0.125}}
    (folder / "metrics.json").write_text(json.dumps({"detail": {"ranking": ranking}, "slices": slices}))
    shown = text(as_(covered.observer).get(page(job)))
    assert '<polyline points="0.0,100.0 25.0,0.0 100.0,0.0"/>' in shown
    assert "class 8" in shown and "class 2" not in shown  # the commonest six
    assert "2 more labels are in the report" in shown
    assert "By “region”" in shown and "north" in shown and "no value" in shown
    assert "Widest gap: 0.125." in shown and "2 rows have values that are too rare" in shown


def test_what_was_cleaned_comes_from_the_report(covered, job):
    folder = run_dir(job.pk) / "out"
    folder.mkdir(parents=True)
    cleaned = {"near_duplicates": 5, "masked": 2, "rows": {"near_duplicates": [4, 9]}, "pii_found": {"phone": 3}}
    (folder / "report.json").write_text(json.dumps({"cleaned": cleaned}))
    shown = text(as_(covered.observer).get(page(job)))
    assert "Nearly repeat an earlier row" in shown and "4, 9" in shown and "phone numbers 3" in shown


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"detail": {"labels": ["a"], "confusion": []}}'])
def test_a_broken_results_file_breaks_no_page(covered, job, broken):
    folder = run_dir(job.pk) / "out"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(broken)
    assert as_(covered.observer).get(page(job)).status_code == 200


def test_more_attempts_and_terms_take_no_more_queries(covered, job):
    client = as_(covered.researcher)

    def try_again(count: int) -> None:
        for _ in range(count):
            number = job.attempts.count() + 1
            Attempt.objects.create(job=job, number=number, fence=number, host="node-1")

    try_again(2)
    few = queries(client, page(job))
    try_again(4)
    assert queries(client, page(job)) == few


def test_the_series_answers_by_cursor(covered, job):
    events(job, {"e": "metric", "step": 1, "values": {"train/loss": 3.0}})
    client = as_(covered.observer)
    first = client.get(page(job, "series/")).json()
    assert first["series"][0]["x"] == [1] and not first["finished"]
    again = client.get(page(job, f"series/?after={first['cursor']}")).json()
    assert again["series"] == []
    running(job, state=JobState.FAILED, finished_at=timezone.now(), lease_until=None)
    assert client.get(page(job, f"series/?after={first['cursor']}")).json()["finished"]
    assert not client.get(page(job, "series/")).json()["finished"]


@pytest.mark.parametrize("cursor", ["-1", "x", "1e3", "9" * 40, "%00"])
def test_a_cursor_that_is_none_begins_anew(covered, job, cursor):
    events(job, {"e": "metric", "step": 1, "values": {"train/loss": 3.0}})
    assert as_(covered.observer).get(page(job, f"series/?after={cursor}")).json()["series"]


def test_the_log_answers_by_offset_and_as_a_file(covered, job):
    client = as_(covered.observer)
    assert client.get(page(job, "log.txt")).status_code == 404
    folder = run_dir(job.pk)
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("first <b>\n第二行\n", encoding="utf-8")
    first = client.get(page(job, "log/"))
    assert text(first) == "first <b>\n第二行\n"
    assert first["Content-Type"] == "text/plain; charset=utf-8"
    assert (first["X-Log-Offset"], first["X-Log-Finished"]) == ("20", "false")
    running(job, state=JobState.FAILED, finished_at=timezone.now(), lease_until=None)
    assert client.get(page(job, "log/?offset=20"))["X-Log-Finished"] == "true"
    assert "attachment" in client.get(page(job, "log.txt"))["Content-Disposition"]


# --- steering
def test_stop_then_resume(covered, job):
    client = as_(covered.researcher)
    client.post(page(job, "stop/"))
    job.refresh_from_db()
    assert job.state == JobState.STOPPED
    client.post(page(job, "resume/"))
    job.refresh_from_db()
    assert job.state == JobState.QUEUED


def test_end_now_is_not_stop(covered, job):
    running(job)
    as_(covered.researcher).post(page(job, "stop/"), {"how": "kill"})
    job.refresh_from_db()
    assert job.desired == "kill"


def test_what_came_too_late_is_told_on_the_page(covered, job):
    response = as_(covered.researcher).post(page(job, "resume/"), follow=True)
    assert response.status_code == 200
    assert "is not possible" in text(response)


def test_an_observer_steers_nothing(covered, job):
    for rest in ("stop/", "resume/"):
        assert as_(covered.observer).post(page(job, rest)).status_code == 403
    assert as_(covered.researcher).get(page(job, "stop/")).status_code == 405


def test_resuming_needs_the_terms_of_today(covered, job):
    running(job, state=JobState.PAUSED, lease_until=None, reason="access_lost", reason_detail="DUA-1 ended.")
    AgreementVersion.objects.update(expires_on=timezone.localdate())
    response = as_(covered.researcher).post(page(job, "resume/"))
    assert response.status_code == 403
    assert "The agreement DUA-1 expired" in text(response)


# --- what the model will see
def test_a_preview_shows_the_first_items_to_those_who_may_read_the_data(covered, version):
    where = f"?version={version.pk}&task=causal-lm"
    client = as_(covered.researcher)
    drafted = text(client.get(f"/jobs/new/{where}"))
    assert "/jobs/new/preview/" in drafted
    form = client.get(f"/jobs/new/{where}").context["form"]
    filled = {name: value for name in form.fields if (value := form[name].value()) is not None} | {"name": "Mine"}
    seen = text(client.post(f"/jobs/new/preview/{where}", filled))
    assert "<mark>" in seen and "different tokens" in seen
    assert "These settings do not fit yet" in text(client.post(f"/jobs/new/preview/{where}", filled | {"batch": "0"}))
    assert "Fill in the fields" in text(client.post(f"/jobs/new/preview/{where}", {}))
    assert as_(covered.observer).post(f"/jobs/new/preview/{where}", filled).status_code == 403
    assert as_(person("Nobody")).post(f"/jobs/new/preview/{where}", filled).status_code == 404
    assert not Job.objects.exists()


def test_a_preview_that_takes_too_long_is_ended(covered, version, spec, settings):
    settings.PREVIEW_SECONDS = 0.001
    assert "too long" in preview_of(spec, version, None).problem
