"""The demo story is whole, and is told once."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from collab.access.policy import can, decide
from collab.accounts.models import ApiToken, Organisation, User
from collab.agreements.models import AgreementVersion
from collab.agreements.services import parties_to_sign_for
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.courses.certificates.checking import check
from collab.courses.certificates.models import Certificate
from collab.inbox.services import decide_request
from collab.inbox.standing import Standing
from collab.projects.models import BudgetAlert, ConflictOfInterest, Project
from registry.datasets.models import Dataset
from training.demo import ACCOUNTS, LEAD_EMAIL, PROJECT_SLUG, seed
from training.jobs.models import Job
from training.jobs.purposes import question_of

pytestmark = pytest.mark.django_db


def test_the_story_is_told_once():
    assert seed() is True
    assert seed() is False
    assert Project.objects.filter(slug=PROJECT_SLUG).count() == 1
    states = set(Project.objects.values_list("state", flat=True))
    assert states == {"idea", "under_review", "contracting", "active", "closed"}
    assert Organisation.objects.count() == 4
    assert ConflictOfInterest.objects.get().state == "declared"
    assert BudgetAlert.objects.filter(cleared_at=None).exists()


def test_one_has_passed_the_course_that_the_interviews_ask_for():
    seed()
    certificate = Certificate.objects.get()
    assert (certificate.person.email, check(certificate.credential).finding) == ("chen.yu@northwind.example", "valid")
    asked_for = Dataset.objects.get(name__startswith="Interviews")
    engineer, researcher = (
        User.objects.get(email=email) for email in ("chen.yu@northwind.example", "tomas.vega@lakeside.example")
    )
    missing = decide(researcher, "dataset.read", asked_for).missing
    assert (can(engineer, "dataset.read", asked_for), [one.code for one in missing]) == (True, ["course_under_way"])


def test_codes_leave_two_jobs_to_the_owner_of_the_data():
    seed()
    declined, waiting = Job.objects.order_by("created_at")
    assert (declined.state, declined.reason) == ("stopped", "owner_declined")
    assert waiting.state == "waiting"
    asked = question_of(waiting)
    owner, company = (User.objects.get(email=email) for email in (LEAD_EMAIL, "wei.zhang@northwind.example"))
    assert [who in {one.user for one in Standing().who_can_answer(asked)} for who in (owner, company)] == [True, False]
    queued = decide_request(request=asked, decision="approved", reason="It is about repair.", by=owner)
    waiting.refresh_from_db()
    assert (queued.state, waiting.state) == ("approved", "queued")


def test_agreements_are_in_every_state_that_people_meet():
    seed()
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


def test_the_agreement_covers_and_one_waits_for_the_company(capsys):
    seed()

    of_main = AgreementVersion.objects.filter(agreement__project__slug=PROJECT_SLUG)
    executed, waiting = (of_main.get(agreement__reference=reference) for reference in ("COL-1", "NDA-2"))
    assert (executed.state, waiting.state) == ("executed", "out_for_signature")
    director = User.objects.get(email="wei.zhang@northwind.example")
    assert [o.name for o in parties_to_sign_for(director, waiting)] == ["Northwind Robotics"]
    assert first_break() is None


def test_every_demo_account_exists_and_can_see_the_project():
    seed()

    for _who, email in ACCOUNTS[:-3]:
        assert can(User.objects.get(email=email), "project.view", Project.objects.get(slug=PROJECT_SLUG))


def test_the_runner_gets_one_live_token(capsys):
    seed()
    call_command("demo_access", "--json")
    first = json.loads(capsys.readouterr().out)
    call_command("demo_access", "--json")
    second = json.loads(capsys.readouterr().out)

    assert first["token"] != second["token"]
    assert second["project"] == PROJECT_SLUG
    assert ApiToken.objects.live().get().user.email == LEAD_EMAIL


def test_without_the_story_the_command_says_what_to_run():
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("demo_access", "--json")
