"""The dashboard: mine, running, waiting."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from collab.access.roles import Role
from collab.agreements.services import CoverageTerm, draft_agreement, draft_version, send_for_signature, sign_version
from collab.projects.services import create_project
from tests.cast import Joint, employ, person
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


def out_for_signature(joint: Joint, reference: str):
    agreement = draft_agreement(project=joint.project, reference=reference, kind="nda", title="Silence", by=joint.lead)
    version = draft_version(
        agreement=agreement,
        text="We keep it to ourselves.",
        effective_on=timezone.localdate(),
        by=joint.lead,
        coverage=[CoverageTerm(joint.company, "training")],
    )
    return send_for_signature(version=version, by=joint.lead)


def test_it_shows_my_projects_and_nobody_elses(aurora, borealis):
    page = text(as_(aurora.researcher).get("/"))
    assert "Aurora" in page
    assert "Borealis" not in page


def test_a_newcomer_reads_what_to_do_first(db):
    newcomer = person("Nia")
    page = text(as_(newcomer).get("/"))
    assert "First steps" in page
    assert newcomer.email in page


def test_a_student_reads_how_to_find_a_place_first(aurora):
    student = employ(person("Stu"), aurora.university, Role.STUDENT)
    page = text(as_(student).get("/"))
    steps = page.split("First steps")[1]
    assert 'href="/internships/"' in steps and 'href="/account/"' in steps
    assert "Begin a project" not in page
    employ(student, aurora.university, Role.EMPLOYEE)
    assert "Begin a project" in text(as_(student).get("/"))


def test_a_signatory_reads_what_waits_and_what_a_signature_does(aurora):
    version = out_for_signature(aurora, "NDA-1")
    page = text(as_(aurora.university_signatory).get("/"))
    assert f"/agreements/{version.agreement_id}/v1/sign/" in page
    assert "Northwind still has to sign" in page


def test_the_last_signature_opens_what_is_covered(aurora):
    version = out_for_signature(aurora, "NDA-1")
    sign_version(
        version=version,
        party=aurora.university,
        typed_name=aurora.university_signatory.name,
        capacity="Chancellor",
        document_sha256=version.document_sha256,
        by=aurora.university_signatory,
    )
    assert "what it covers is open at once" in text(as_(aurora.company_signatory).get("/"))
    assert "NDA-1" not in text(as_(aurora.university_signatory).get("/"))


def test_training_is_offered_to_whom_it_is_open(aurora):
    assert "/jobs/new/" in text(as_(aurora.engineer).get("/"))
    assert "/jobs/new/" not in text(as_(aurora.observer).get("/"))


def test_what_one_may_not_sign_does_not_wait(aurora, borealis):
    out_for_signature(aurora, "NDA-1")
    assert "NDA-1" not in text(as_(aurora.lead).get("/"))
    assert "NDA-1" not in text(as_(borealis.university_signatory).get("/"))


def test_my_draft_waits_to_be_sent(aurora):
    agreement = draft_agreement(project=aurora.project, reference="COL-2", kind="nda", title="Together", by=aurora.lead)
    draft_version(agreement=agreement, text="T", effective_on=timezone.localdate(), by=aurora.lead)
    assert "Send COL-2" in text(as_(aurora.lead).get("/"))
    assert "COL-2" not in text(as_(aurora.engineer).get("/"))


def test_an_agreement_that_ends_soon_waits_to_be_renewed(aurora):
    aurora.cover(reference="DUA-1", expires_on=timezone.localdate() + timedelta(days=9))
    assert "Renew DUA-1" in text(as_(aurora.lead).get("/"))
    assert "Renew DUA-1" not in text(as_(aurora.observer).get("/"))


def test_more_rows_take_no_more_queries(aurora):
    def fill(number: int) -> None:
        create_project(title=f"Further {number}", lead_organisation=aurora.university, by=aurora.lead)
        out_for_signature(aurora, f"NDA-{number}")

    client = as_(aurora.university_signatory)
    for number in range(2):
        fill(number)
    few = queries(client, "/")
    for number in range(2, 6):
        fill(number)
    assert queries(client, "/") == few


def test_strangers_are_asked_to_sign_in(client, db):
    response = client.get("/")
    assert response.status_code == 302
    assert response.url.startswith("/accounts/login/")
