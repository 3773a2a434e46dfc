"""What a job is for, against the codes of its data: when it is submitted, resumed, and while it runs."""

from __future__ import annotations

import pytest

from collab.kernel.errors import FaultyInputError, InvalidError
from registry.uses.services import CodeTerm, set_uses
from tests.pages import as_, queries, text
from training.jobs.models import Job
from training.jobs.purposes import PurposeRefusedError
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
