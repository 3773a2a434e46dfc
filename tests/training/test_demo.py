"""The demo story is whole, and is told once."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone

from collab.access.policy import can, decide
from collab.accounts.models import ApiToken, Organisation, User
from collab.agreements.models import AgreementVersion
from collab.agreements.services import parties_to_sign_for
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.courses.certificates.checking import check
from collab.courses.certificates.models import Certificate
from collab.courses.library.models import ResourceLink
from collab.courses.models import Enrolment
from collab.courses.versions import compare, newer_version
from collab.inbox.models import Notification
from collab.inbox.services import decide_request
from collab.inbox.standing import Standing
from collab.internships.models import Cohort, Posting
from collab.projects.models import BudgetAlert, ConflictOfInterest, Project
from collab.transfer.models import Distribution, Licence, Protection, StartUp, TransferCase
from collab.transfer.portfolio.metrics import METRICS, Span
from registry.datasets.models import Dataset
from training.demo import ACCOUNTS, LEAD_EMAIL, PROJECT_SLUG, seed
from training.demo_internships import MENTOR_EMAIL, STUDENT_EMAIL
from training.jobs.models import Job
from training.jobs.purposes import question_of

pytestmark = pytest.mark.django_db


def test_without_the_story_the_command_says_what_to_run():
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("demo_access", "--json")


@pytest.fixture(scope="module")
def story(django_db_setup, django_db_blocker, tmp_path_factory):
    """Told once and committed; what a test does with it is rolled back."""
    folder = tmp_path_factory.mktemp("story")
    with django_db_blocker.unblock(), override_settings(BLOB_DIR=folder / "blobs", RUN_DIR=folder / "runs"):
        assert seed() is True
        connection.run_on_commit.clear()
    yield
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)
        connection.close()


def test_the_story_is_told_once(story):
    assert seed() is False
    assert Project.objects.filter(slug=PROJECT_SLUG).count() == 1
    states = set(Project.objects.values_list("state", flat=True))
    assert states == {"idea", "under_review", "contracting", "active", "closed"}
    assert Organisation.objects.count() == 4
    assert ConflictOfInterest.objects.get().state == "declared"
    assert BudgetAlert.objects.filter(cleared_at=None).exists()


def test_one_has_passed_the_course_that_the_interviews_ask_for(story):
    certificate = Certificate.objects.get(kind="Course")
    assert (certificate.person.email, check(certificate.credential).finding) == ("chen.yu@northwind.example", "valid")
    asked_for = Dataset.objects.get(name__startswith="Interviews")
    engineer, researcher = (
        User.objects.get(email=email) for email in ("chen.yu@northwind.example", "tomas.vega@lakeside.example")
    )
    missing = decide(researcher, "dataset.read", asked_for).missing
    assert (can(engineer, "dataset.read", asked_for), [one.code for one in missing]) == (True, ["course_under_way"])


def test_a_newer_version_of_the_course_is_out_while_one_is_under_way(story, client):
    researcher = User.objects.get(email="tomas.vega@lakeside.example")
    [under_way] = Enrolment.objects.filter(person=researcher)
    newer = newer_version(under_way)
    assert (under_way.edition.number, newer.number) == (1, 2)
    news = compare(under_way.edition, newer)
    assert ([str(row) for row in news.changed], [str(row) for row in news.added]) == (
        ["Before you train"], ["The least that does"]
    )  # fmt: skip
    picture = news.added[0]
    assert newer.note and newer.note_zh and (picture.media_type, picture.size_bytes > 500) == ("image/png", True)
    client.force_login(User.objects.get(email="nora.lind@lakeside.example"))
    assert client.get(f"/courses/{newer.course.slug}/modules/{picture.pk}/preview/").status_code == 200


def test_the_library_is_attached_to_a_posting_of_a_host(story):
    links = ResourceLink.objects.filter(subject_type="collab.posting").select_related("resource", "added_by")
    assert {row.resource.title for row in links} == {"Neural Networks: Zero to Hero", "PyTorch"}
    posting = Posting.objects.get(pk=links[0].subject_id)
    assert (posting.organisation.name, links[0].added_by.email) == ("Northwind Robotics", "zhou.lan@northwind.example")


def test_one_intern_has_finished_and_the_cohort_is_in_mid_season(story):
    certificate = Certificate.objects.get(kind="Fieldwork")
    hana = User.objects.get(email="hana.sato@lakeside.example")
    assert (certificate.person, check(certificate.credential).finding) == (hana, "valid")
    assert certificate.issued_at < timezone.now() - timedelta(days=12)
    project = Project.objects.get(slug=PROJECT_SLUG)
    season = Cohort.objects.get(state="published")
    running, waiting = season.placements.order_by("starts_on", "created_at")
    assert (running.shown_state, waiting.shown_state) == ("in_progress", "host_approved")
    assert [can(one, "project.view", project) for one in (running.student, waiting.student, hana)] == [
        True,
        False,
        False,
    ]
    stages = {row.shown_state for row in season.applications.all()}
    assert stages >= {"applied", "shortlisted", "interviewing", "offered", "accepted"}
    assert {row.state for row in running.log.all()} == {"confirmed", "submitted"}
    assert {one.organisation.name for one in season.postings.all()} == {
        "Northwind Robotics", "Meridian Institute of Technology"
    }  # fmt: skip
    student, mentor = (User.objects.get(email=email) for email in (STUDENT_EMAIL, MENTOR_EMAIL))
    assert season.applications.filter(candidate=student, state="offered").exists()
    assert running.mentor == mentor


def test_a_model_goes_the_whole_way_from_disclosure_to_money(story):
    case = TransferCase.objects.get(disclosure__title__startswith="A small language model for help texts")
    assert case.state == "income" and case.decision == "protect" and case.results.get().kind == "model_version"
    assert all(one.signatures.exists() for one in case.disclosure.inventors.all())
    assert case.assessments.get().recommendation == "protect"
    assert {row.kind for row in Protection.objects.filter(family__case=case)} == {"copyright", "national", "pct"}
    licence = Licence.objects.get(agreement__reference="LIC-1")
    assert (licence.state, licence.exclusivity, licence.case) == ("active", "exclusive", case)
    assert [field.code for field in licence.fields_of_use.all()] == ["industry.robotics"]
    assert [report.state for report in licence.reports.order_by("starts_on")[:2]] == ["accepted", "accepted"]
    assert {invoice.state for invoice in licence.invoices.all()} == {"paid"}
    sublicence = licence.sublicences.get()
    assert (sublicence.state, sublicence.incomes.get().amount) == ("granted", 8_000_00)
    computed = licence.reports.get(sublicence_incomes__sublicence=sublicence).computed
    assert [line["amount"] for line in computed if line["code"] == "sublicence"] == [2_000_00]  # a quarter of it
    first, second = Distribution.objects.order_by("number")
    assert (first.state, second.state) == ("posted", "proposed")
    assert {row.name for row in first.statements.all()} == {"Lin Mei", "Tomás Vega", "Chen Yu"}
    # what both owners license is shared between them
    shared = Licence.objects.get(agreement__reference="LIC-2")
    assert [(str(row.organisation), row.percent) for row in shared.shares.all()] == [
        ("Lakeside University", 50),
        ("Northwind Robotics", 50),
    ]
    assert (first.passed_on, shared.partner_payments.not_booked().get().amount) == (3000_00, 3000_00)
    payment = shared.partner_payments.get()
    assert Notification.objects.filter(
        person__email="maya.lin@northwind.example", url=payment.get_absolute_url()
    ).exists()
    startup = StartUp.objects.get()
    assert (startup.state, startup.own_said) == ("active", "8.5")
    founded = Span((case.organisation_id,), startup.founded_on.year)
    assert METRICS["startups"].value(founded) == 1


def test_codes_leave_two_jobs_to_the_owner_of_the_data(story):
    declined, waiting = Job.objects.order_by("created_at")
    assert (declined.state, declined.reason) == ("stopped", "owner_declined")
    assert waiting.state == "waiting"
    asked = question_of(waiting)
    owner, company = (User.objects.get(email=email) for email in (LEAD_EMAIL, "wei.zhang@northwind.example"))
    assert [who in {one.user for one in Standing().who_can_answer(asked)} for who in (owner, company)] == [True, False]
    queued = decide_request(request=asked, decision="approved", reason="It is about repair.", by=owner)
    waiting.refresh_from_db()
    assert (queued.state, waiting.state) == ("approved", "queued")


def test_agreements_are_in_every_state_that_people_meet(story):
    versions = AgreementVersion.objects
    states = set(versions.values_list("state", flat=True))
    assert states == {"executed", "out_for_signature", "suspended", "negotiation", "superseded", "withdrawn"}
    expired = versions.get(agreement__reference="DUA-1")
    assert expired.expires_on < timezone.localdate()
    assert not versions.in_force(timezone.now()).filter(pk=expired.pk).exists()
    times = list(AuditEvent.objects.order_by("id").values_list("at", flat=True))
    assert times == sorted(times), "the history is told in its order"
    assert versions.get(agreement__reference="DUA-6").replaced_on == timezone.localdate()
    assert first_break() is None


def test_the_agreement_covers_and_one_waits_for_the_company(story):
    of_main = AgreementVersion.objects.filter(agreement__project__slug=PROJECT_SLUG)
    executed, waiting = (of_main.get(agreement__reference=reference) for reference in ("COL-1", "NDA-2"))
    assert (executed.state, waiting.state) == ("executed", "out_for_signature")
    director = User.objects.get(email="wei.zhang@northwind.example")
    assert [o.name for o in parties_to_sign_for(director, waiting)] == ["Northwind Robotics"]
    assert first_break() is None


def test_every_demo_account_exists_and_can_see_the_project(story):
    for _who, email in ACCOUNTS[:-5]:
        assert can(User.objects.get(email=email), "project.view", Project.objects.get(slug=PROJECT_SLUG))


def test_the_runner_gets_one_live_token(story, capsys):
    call_command("demo_access", "--json")
    first = json.loads(capsys.readouterr().out)
    call_command("demo_access", "--json")
    second = json.loads(capsys.readouterr().out)

    assert first["token"] != second["token"]
    assert second["project"] == PROJECT_SLUG
    assert ApiToken.objects.live().get().user.email == LEAD_EMAIL
