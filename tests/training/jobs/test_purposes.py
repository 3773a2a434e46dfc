"""What a job is for, against the codes of its data: when it is submitted, resumed, and while it runs."""

from __future__ import annotations

import pytest

from collab.agreements.services import terminate_version
from collab.audit.models import AuditEvent
from collab.inbox.models import Request
from collab.inbox.services import decide_request, withdraw_request
from collab.inbox.standing import who_can_answer
from collab.kernel.errors import FaultyInputError, InvalidError
from registry.uses.services import CodeTerm, set_uses
from tests.pages import as_, queries, text
from training.jobs import lifecycle
from training.jobs.costs import end_jobs
from training.jobs.models import Job
from training.jobs.purposes import PurposeRefusedError, lost_by
from training.jobs.services import resume_job, stop_job, submit_job
from training.jobs.states import JobState
from training.runner.ship import Shipper
from training.runner.supervisor import Supervisor

pytestmark = pytest.mark.django_db
OPEN = {"commercial": False, "publish": True}


def submit(joint, spec, purpose=None, **changes) -> Job:
    given = {"project": joint.project, "name": "Run", "spec": spec, "by": joint.engineer, "purpose": purpose}
    return submit_job(**given | changes)


@pytest.fixture
def say(covered, version):
    """Set the codes of the dataset anew."""

    def say(*codes: str, **parameters):
        terms = [CodeTerm(code, **parameters) for code in codes]
        number = version.dataset.use_terms.count()
        return set_uses(dataset=version.dataset, codes=terms, version=number, by=covered.lead)

    return say


def test_a_purpose_that_fits_stays_with_the_job(covered, spec, say):
    say("non_commercial", "publication_required")
    job = submit(covered, spec, OPEN | {"methods": None, "about": " Doors "})
    job.refresh_from_db()
    assert (job.state, job.purpose) == (JobState.QUEUED, OPEN | {"about": "Doors"})


def test_a_refusal_names_each_code_why_and_what_would_mend_it(covered, spec, say):
    say("non_commercial", "publication_required", "general_research")
    with pytest.raises(PurposeRefusedError) as refused:
        submit(covered, spec, {"commercial": True})
    told = {one.code: str(one.sentence) for one in refused.value.missing}
    assert told.keys() == {"use.non_commercial", "use.publication_required"}
    assert "commercial aim" in told["use.non_commercial"] and "ask Riverside University" in told["use.non_commercial"]
    assert "Answer “Will the results be published?”" in told["use.publication_required"]
    assert all("/uses/" in one.url for one in refused.value.missing) and not Job.objects.exists()


def test_answers_at_fault_are_named(covered, spec):
    with pytest.raises(FaultyInputError, match=r"purpose\.publish"):
        submit(covered, spec, {"publish": "yes"})


def test_the_same_key_with_another_purpose_is_refused(covered, spec, say):
    job = submit(covered, spec, OPEN, idempotency_key="k")
    say("publication_required")
    assert submit(covered, spec, OPEN, idempotency_key="k") == job
    with pytest.raises(InvalidError, match="Idempotency-Key"):
        submit(covered, spec, OPEN | {"publish": False}, idempotency_key="k")


def test_a_code_added_since_stops_a_resume(covered, spec, say):
    job = stop_job(job=submit(covered, spec, {"commercial": True}), by=covered.engineer)
    say("non_commercial")
    with pytest.raises(PurposeRefusedError, match="Non-commercial use only"):
        resume_job(job=job, by=covered.engineer)
    job.refresh_from_db()
    assert job.state == JobState.STOPPED
    say("general_research")
    assert resume_job(job=job, by=covered.engineer).state == JobState.QUEUED


def test_a_code_added_while_it_runs_takes_its_access(covered, spec, say):
    job = submit(covered, spec, {"commercial": True})
    watch = Supervisor(job.pk, job.fence)
    watch._check_access()
    assert watch.access_lost == ""
    say("non_commercial")
    watch._check_access()
    assert "Non-commercial use only" in watch.access_lost


def test_mlflow_is_told_the_purpose(covered, spec, monkeypatch, tmp_path):
    told = {}

    class Writer:
        def __init__(self, *args):
            pass

        def start_run(self, **facts):
            told.update(facts["tags"])
            raise InterruptedError

    monkeypatch.setattr("training.runner.ship.RunWriter", Writer)
    with pytest.raises(InterruptedError):
        Shipper(submit(covered, spec, {"about": "门"}), tmp_path, from_offset=0)._open_run()
    assert told["tandem.purpose"] == '{"about": "门"}'


# --- API
def test_the_api_takes_and_tells_it(covered, spec, say):
    say("publication_required")
    browser = as_(covered.engineer)
    body = {"project": covered.project.slug, "name": "Run", "spec": spec}
    refused = browser.post("/api/v1/jobs/", body, "application/json")
    assert refused.status_code == 403 and refused.json()["code"] == "purpose_refused"
    assert [one["code"] for one in refused.json()["missing"]] == ["use.publication_required"]
    typo = browser.post("/api/v1/jobs/", body | {"purpose": {"publsh": True}}, "application/json")
    assert typo.status_code == 400
    made = browser.post("/api/v1/jobs/", body | {"purpose": {"publish": True}}, "application/json")
    assert made.status_code == 201 and made.json()["purpose"] == {"publish": True}


# --- pages
def filled(client, address: str, **changes) -> dict:
    """What a browser would send of the form at this address."""
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in (values | changes).items() if value is not None}


def test_the_form_asks_what_the_codes_ask_and_refuses_at_the_question(covered, version, say):
    browser, url = as_(covered.engineer), f"/jobs/new/?version={version.pk}"
    few = queries(browser, url)
    assert [one.name for one in browser.get(url).context["form"].purpose_fields] == ["purpose_about"]
    say("non_commercial", "publication_required", "geography", territories=["SE"])
    names = {one.name for one in browser.get(url).context["form"].purpose_fields}
    assert names == {"purpose_commercial", "purpose_publish", "purpose_territory"}
    assert queries(browser, url) <= few + 2  # the people and organisations that codes name
    sent = filled(browser, url, purpose_commercial="yes", purpose_territory="se")
    refused = browser.post(url, sent)
    assert refused.status_code == 422 and refused.context["form"].errors.keys() == {
        "purpose_commercial",
        "purpose_publish",
    }
    other = browser.post(url, sent | {"to": "whole"})
    assert other.context["form"]["purpose_commercial"].value() == "yes"
    made = browser.post(url, sent | {"purpose_commercial": "no", "purpose_publish": "yes"}, follow=True)
    assert "Will the results be published?" in text(made)
    job = Job.objects.get()
    assert job.purpose == {"commercial": False, "publish": True, "territory": "SE"}
    again = browser.get(f"/jobs/new/?from={job.pk}").context["form"]
    assert again["purpose_publish"].value() == "yes"


def test_what_a_code_says_is_text_on_the_form(covered, version, say):
    say("topic_specific", text="Letters <i>of</i> doors")
    seen = text(as_(covered.engineer).get(f"/jobs/new/?version={version.pk}"))
    assert "Letters &lt;i&gt;of&lt;/i&gt; doors" in seen and "<i>of</i>" not in seen


def test_what_was_said_is_kept_when_training_again_though_no_code_asks(covered, spec):
    job = submit(covered, spec, OPEN)
    form = as_(covered.engineer).get(f"/jobs/new/?from={job.pk}").context["form"]
    assert {one.name: one.value() for one in form.purpose_fields} == {
        "purpose_commercial": "no",
        "purpose_publish": "yes",
    }


# --- the owner of the data
ABOUT = {"about": "Doors of the old town"}


@pytest.fixture
def waiting(covered, spec, say) -> Job:
    say("topic_specific", text="Letters of doors")
    return submit(covered, spec, ABOUT)


def question(job: Job) -> Request:
    return Request.objects.get(subject_id=str(job.pk), state="open")


def answer(job: Job, decision: str, by, **more) -> Job:
    decide_request(request=question(job), decision=decision, by=by, **more)
    job.refresh_from_db()
    return job


def test_what_only_the_owner_can_say_waits_for_them(covered, waiting, django_capture_on_commit_callbacks):
    assert (waiting.state, waiting.reason) == (JobState.WAITING, "owner_asked")
    assert lifecycle.claim(owner="h", host="h", cpus=9) is None
    asked = question(waiting)
    assert {one.user for one in who_can_answer(asked)} == {covered.lead, covered.researcher}
    assert asked.spec.facts(asked)[0] == ("What is the work about?", "Doors of the old town")
    with django_capture_on_commit_callbacks() as rung:
        answer(waiting, "approved", covered.lead)
    assert waiting.state == JobState.QUEUED and any("ring" in repr(one) for one in rung)
    assert AuditEvent.objects.filter(verb="job.permit", subject_id=str(waiting.pk)).count() == 1
    assert lost_by(waiting, waiting.runs_as) == []


def test_a_refusal_of_the_owner_ends_it_with_the_reason_and_holds(covered, waiting, say):
    answer(waiting, "rejected", covered.researcher, reason="Doors are ours.")
    assert (waiting.state, waiting.reason, waiting.reason_detail) == ("stopped", "owner_declined", "Doors are ours.")
    with pytest.raises(PurposeRefusedError, match=r"Doors are ours\."):
        resume_job(job=waiting, by=covered.engineer)
    say("topic_specific", text="Letters of windows")
    assert resume_job(job=waiting, by=covered.engineer).state == JobState.WAITING
    assert question(waiting).data["number"] == 2


def test_an_answer_holds_for_this_job_and_these_codes_alone(covered, spec, waiting, say):
    answer(waiting, "approved", covered.lead)
    assert submit(covered, spec, ABOUT, name="Other").state == JobState.WAITING
    stop_job(job=waiting, by=covered.engineer)
    assert resume_job(job=waiting, by=covered.engineer).state == JobState.QUEUED
    say("topic_specific", text="Letters of doors and windows")
    (lost,) = lost_by(waiting, waiting.runs_as)
    assert "needs an answer of Riverside University" in str(lost.sentence)


def test_codes_that_change_meanwhile_weigh_it_anew(covered, waiting, say):
    first = question(waiting)
    say("topic_specific", text="Letters of windows")
    first.refresh_from_db()
    waiting.refresh_from_db()
    assert (first.state, waiting.state, question(waiting).data["number"]) == ("withdrawn", JobState.WAITING, 2)
    say("general_research")
    waiting.refresh_from_db()
    assert waiting.state == JobState.QUEUED and not Request.objects.open().filter(topic=first.topic).exists()


def test_codes_that_refuse_it_meanwhile_pause_it(covered, waiting, say):
    say("publication_required")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == (JobState.PAUSED, "access_lost")
    assert "Publication required" in waiting.reason_detail


def test_an_answer_about_codes_of_before_asks_again(covered, waiting):
    asked = question(waiting)
    Request.objects.filter(pk=asked.pk).update(data=asked.data | {"number": 0})
    answer(waiting, "approved", covered.lead)
    assert waiting.state == JobState.WAITING and question(waiting).data["number"] == 1


def test_everything_is_asked_again_when_the_owner_permits(covered, waiting):
    terminate_version(version=covered.agreements[0], by=covered.lead)
    answer(waiting, "approved", covered.lead)
    assert (waiting.state, waiting.reason) == (JobState.PAUSED, "access_lost") and "DUA-1" in waiting.reason_detail


def test_stopping_withdraws_the_question_and_withdrawing_it_stops(covered, spec, waiting):
    asked = question(waiting)
    stop_job(job=waiting, by=covered.engineer)
    asked.refresh_from_db()
    assert asked.state == "withdrawn"
    again = resume_job(job=waiting, by=covered.engineer)
    withdraw_request(request=question(again), by=covered.engineer)
    again.refresh_from_db()
    assert (again.state, again.reason) == (JobState.STOPPED, "stopped_by_person")


def test_a_project_that_ends_asks_no_more(covered, waiting):
    end_jobs(covered.project, covered.lead)
    waiting.refresh_from_db()
    assert waiting.state == JobState.STOPPED and not Request.objects.open().exists()


def test_pages_and_api_say_for_whom_it_waits(covered, waiting):
    page, listed = waiting.get_absolute_url(), "/jobs/"
    seen = text(as_(covered.engineer).get(page))
    assert (
        "Riverside University answers by" in seen
        and "Aurora Lead" in seen
        and question(waiting).get_absolute_url() in seen
    )
    assert question(waiting).get_absolute_url() not in text(as_(covered.observer).get(page))
    assert "Waiting for an answer of Riverside University" in text(as_(covered.observer).get(listed))
    told = as_(covered.engineer).get(f"/api/v1/jobs/{waiting.pk}/").json()
    assert told["state"] == "waiting" and told["waits_for"]["request"] == str(question(waiting).pk)
    assert told["waits_for"]["organisation"]["slug"] == covered.university.slug
    assert "Doors of the old town" in text(as_(covered.lead).get(question(waiting).get_absolute_url()))
    stopped = as_(covered.engineer).post(f"{page}stop/", follow=True)
    resumed = as_(covered.engineer).post(f"{page}resume/", follow=True)
    assert stopped.status_code == 200 and "the job waits for the answer" in text(resumed)


def test_more_waiting_jobs_take_no_more_queries(covered, spec, waiting):
    browser, pages = as_(covered.engineer), ("/jobs/", waiting.get_absolute_url(), "/api/v1/jobs/")
    few = [queries(browser, one) for one in pages]
    for number in range(3):
        submit(covered, spec, ABOUT, name=f"More {number}")
    assert [queries(browser, one) for one in pages] == few


# --- stated anew
def test_a_job_goes_on_with_a_purpose_stated_anew(covered, spec, say):
    job = stop_job(job=submit(covered, spec), by=covered.engineer)
    say("publication_required", "topic_specific", text="Letters of doors")
    browser, url = as_(covered.engineer), f"{job.get_absolute_url()}resume/"
    refused = browser.post(url)
    assert refused.status_code == 422
    assert refused.context["form"].errors.keys() == {"purpose_about", "purpose_publish"}
    assert browser.get(url).context["form"]["purpose_publish"].value() == ""
    wrong = browser.post(url, {"restate": "1", "purpose_publish": "no", "purpose_about": "Doors"})
    assert wrong.status_code == 422 and wrong.context["form"].errors.keys() == {"purpose_publish"}
    job.refresh_from_db()
    assert (job.state, job.purpose) == (JobState.STOPPED, {})
    browser.post(url, {"restate": "1", "purpose_publish": "yes", "purpose_about": "Doors"})
    job.refresh_from_db()
    assert (job.state, job.purpose) == (JobState.WAITING, {"about": "Doors", "publish": True})
    answer(job, "rejected", covered.lead, reason="Not doors.")
    assert "Not doors." in text(browser.post(url))
    body = {"purpose": {"publish": True, "about": "Windows"}}
    told = browser.post(f"/api/v1/jobs/{job.pk}/resume/", body, "application/json")
    assert (
        told.status_code == 200
        and told.json()["state"] == "waiting"
        and question(job).data["purpose"] == body["purpose"]
    )
    event = AuditEvent.objects.filter(verb="job.resume", subject_id=str(job.pk)).latest("id")
    assert event.data == body
