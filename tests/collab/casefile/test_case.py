"""A whole case as a ZIP: every file with its hash, and nothing that the person may not see."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from django.conf import settings

from collab.access.roles import Role
from collab.agreements.models import Agreement
from collab.agreements.sealing import ensure_sealed
from collab.audit.models import AuditEvent
from collab.inbox.services import ask_question, comment_on, decide_request
from collab.kernel.blobs import blob_path
from collab.projects.models import Review, ReviewStep
from collab.projects.services import (
    add_contribution,
    add_step,
    create_project,
    decide_step,
    move_project,
    plan_work,
    write_review,
)
from tests.cast import employ, person, token_for, upload
from tests.collab.publications.test_services import PDF, notice_of
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


def case_of(user, project) -> zipfile.ZipFile:
    response = as_(user).get(f"/projects/{project.slug}/history/case.zip")
    assert response.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def table(case: zipfile.ZipFile, name: str) -> list[dict]:
    return json.loads(case.read(f"{name}.json"))


@pytest.fixture
def registrar(aurora):
    return employ(person("Company Registrar"), aurora.company, Role.ORGANISATION_ADMIN)


def test_the_manifest_names_every_file_with_its_hash(aurora):
    sealed = ensure_sealed(aurora.cover(reference="../DUA 1"))
    notice_of(aurora, title="=cmd")

    case = case_of(aurora.researcher, aurora.project)

    manifest = json.loads(case.read("manifest.json"))
    told = {row["path"]: row for row in manifest["files"]}
    assert set(told) | {"manifest.json"} == set(case.namelist())
    for path, row in told.items():
        assert hashlib.sha256(case.read(path)).hexdigest() == row["sha256"], path
    assert told["agreements/DUA-1-v1.pdf"]["sha256"] == sealed.sha256
    assert told["publication_notices.csv"]["rows"] == 1
    assert b"'=cmd" in case.read("publication_notices.csv")
    assert {row["organisation"] for row in table(case, "parties")} == {"Riverside University", "Northwind"}
    assert manifest["made_for"]["name"] == str(aurora.researcher)
    act = AuditEvent.objects.latest("id")
    assert act.verb == "project.export_case"
    assert act.data["manifest_sha256"] == hashlib.sha256(case.read("manifest.json")).hexdigest()


def test_only_what_the_person_may_see_is_in_it(aurora, borealis, registrar):
    shown, hidden = aurora.cover(reference="DUA-1"), aurora.cover(reference="DUA-2")
    ensure_sealed(hidden)  # with the title it was signed with
    Agreement.objects.filter(pk=hidden.agreement_id).update(confidential=True, title="Price of the robots")
    borealis.cover(reference="DUA-9")
    notice_of(borealis, title="Of others")
    ask_question(project=aurora.project, title="For us", by=aurora.researcher, organisation=aurora.university)
    ours, theirs = case_of(aurora.researcher, aurora.project), case_of(registrar, aurora.project)

    def everything(case: zipfile.ZipFile) -> str:
        return "\n".join(case.read(name).decode("utf-8", "replace") for name in case.namelist())

    assert "agreements/DUA-2-v1.pdf" in theirs.namelist() and "Price of the robots" in everything(theirs)
    assert "agreements/DUA-2-v1.pdf" not in ours.namelist() and "Price of the robots" not in everything(ours)
    assert [row["reference"] for row in table(ours, "agreements")] == [shown.agreement.reference]
    assert "For us" in {row["title"] for row in table(ours, "requests")}
    assert "For us" not in {row["title"] for row in table(theirs, "requests")}
    for case in (ours, theirs):
        assert "Of others" not in everything(case) and "DUA-9" not in everything(case)
        assert str(settings.BLOB_DIR) not in everything(case)
    assert as_(aurora.observer).get(f"/projects/{aurora.project.slug}/history/case.zip").status_code == 403
    assert as_(borealis.lead).get(f"/projects/{aurora.project.slug}/history/case.zip").status_code == 404


def test_an_act_proves_its_hash_as_the_readme_says(aurora):
    aurora.cover(reference="DUA-1")
    case = case_of(aurora.researcher, aurora.project)
    for row in table(case, "history"):
        act = {
            "id": row["id"],
            "at": row["at"],
            "actor": row["actor"],
            "verb": row["verb"],
            "subject": [row["subject_type"], row["subject_id"]],
            "project": row["project"],
            "data": row["data"],
        } | ({"organisation": row["organisation"]} if row["organisation"] else {})
        canonical = json.dumps(act, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(f"{row['previous']}\n{canonical}".encode()).hexdigest() == row["digest"]


def test_it_holds_the_manuscripts_that_one_may_read(aurora, borealis, registrar, client):
    aurora.cover(reference="DUA-1")
    borealis.cover(reference="DUA-9")
    notice = notice_of(aurora, link="", file=upload(PDF, "draft.pdf"))
    notice_of(aurora, title="By link")
    lost = notice_of(aurora, title="Lost", link="", file=upload(PDF + b"lost", "lost.pdf"))
    notice_of(borealis, link="", file=upload(PDF + b"of others", "theirs.pdf"))
    blob_path(lost.manuscripts.get().sha256).unlink()

    case = case_of(registrar, aurora.project)

    told = json.loads(case.read("manifest.json"))
    path = f"manuscripts/{notice.pk}/1.pdf"
    assert case.read(path) == PDF
    assert [row["path"] for row in told["files"] if row["path"].startswith("manuscripts/")] == [path]
    assert [row["path"] for row in told["missing"]] == [f"manuscripts/{lost.pk}/1.pdf"]
    assert AuditEvent.objects.latest("id").data["manuscripts"] == [hashlib.sha256(PDF).hexdigest()]


def test_programs_take_the_same_case(aurora, borealis, client):
    aurora.cover(reference="DUA-1")
    url = f"/api/v1/projects/{aurora.project.slug}/case/"
    asked = {"Authorization": f"Bearer {token_for(aurora.researcher, scope='read')}", "Accept": "application/zip"}

    looked = client.head(url, headers=asked)
    assert (looked.status_code, looked["Content-Type"]) == (200, "application/zip")
    assert AuditEvent.objects.latest("id").verb != "project.export_case"
    response = client.get(url, headers=asked)
    case = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    assert json.loads(case.read("manifest.json"))["made_for"]["name"] == str(aurora.researcher)
    assert AuditEvent.objects.latest("id").verb == "project.export_case"
    for user, status in ((aurora.observer, 403), (borealis.lead, 404)):
        refused = client.get(url, headers={"Authorization": f"Bearer {token_for(user)}"})
        assert (refused.status_code, refused["Content-Type"]) == (status, "application/json")


def test_a_damaged_pdf_is_named_and_the_rest_is_there(aurora):
    sealed = ensure_sealed(aurora.cover(reference="DUA-1"))
    blob_path(sealed.sha256).chmod(0o640)
    blob_path(sealed.sha256).write_bytes(b"%PDF else")

    case = case_of(aurora.researcher, aurora.project)

    missing = json.loads(case.read("manifest.json"))["missing"]
    assert [row["path"] for row in missing] == ["agreements/DUA-1-v1.pdf"]
    assert "damaged" in missing[0]["reason"]


def test_a_longer_history_takes_no_more_queries(aurora):
    client, url = as_(aurora.researcher), f"/projects/{aurora.project.slug}/history/case.zip"
    ensure_sealed(aurora.cover(reference="DUA-1"))
    notice_of(aurora)
    few = queries(client, url)
    for number in range(3):
        ask_question(project=aurora.project, title=f"Question {number}", by=aurora.researcher)
        notice_of(aurora, title=f"Paper {number}", submit_on=date(2200, 1, 1))
    assert queries(client, url) == few
    assert "case.zip" in text(client.get(f"/projects/{aurora.project.slug}/history/"))


def test_the_history_over_the_api_is_scoped_and_paged(aurora, borealis, client):
    aurora.cover(reference="DUA-1")
    url = f"/api/v1/projects/{aurora.project.slug}/history/?page_size=2"
    asked = {"Authorization": f"Bearer {token_for(aurora.researcher, scope='read')}"}
    page = client.get(url, headers=asked).json()
    assert page["count"] > 2 and len(page["results"]) == 2 and page["next"]
    assert {row["project_id"] for row in page["results"]} == {str(aurora.project.pk)}
    for user, status in ((aurora.observer, 403), (borealis.lead, 404)):
        refused = client.get(url, headers={"Authorization": f"Bearer {token_for(user)}"})
        assert refused.status_code == status


def test_it_holds_what_was_promised_reviewed_and_done(aurora, registrar):
    """Every table has the columns it names and the rows that are there, and nothing of a hidden agreement."""
    aurora.cover(reference="DUA-1")
    hidden = aurora.cover(reference="DUA-2")
    Agreement.objects.filter(pk=hidden.agreement_id).update(confidential=True)
    university = aurora.project.parties.get(organisation=aurora.university)
    add_contribution(party=university, kind="cash", amount=Decimal(900), currency="EUR", by=aurora.lead, description="")
    plan_work(project=aurora.project, party=university, title="First model", due_on=date(2030, 1, 1), by=aurora.lead)
    question = ask_question(project=aurora.project, title="May we?", by=aurora.researcher)
    comment_on(request=question, by=aurora.lead, text="Which data?")
    decide_request(request=question, decision="approved_with_conditions", by=aurora.lead, conditions=["Ask the owner"])

    case = case_of(aurora.researcher, aurora.project)

    assert [row["amount"] for row in table(case, "contributions")] == ["900.00"]
    assert [(row["title"], row["party"]) for row in table(case, "work")] == [("First model", "Riverside University")]
    assert {row["agreement"] for row in table(case, "coverage")} == {"DUA-1"}
    assert "DUA-2" in {row["agreement"] for row in table(case_of(registrar, aurora.project), "coverage")}
    assert (str(aurora.engineer), "DUA-1") in {(row["person"], row["agreement"]) for row in table(case, "acceptances")}
    assert [(row["person"], row["text"]) for row in table(case, "comments")] == [(str(aurora.lead), "Which data?")]
    assert [(row["request"], row["met_at"]) for row in table(case, "conditions")] == [(str(question.pk), None)]
    above = {"datasets", "data_use_codes", "models", "jobs", "placements", "ethics_applications"}
    above |= {"ethics_conditions", "ethics_refusals", "ethics_corrections"}
    assert {f"{name}.csv" for name in above | {"reports", "ip_terms", "obligations"}} <= set(case.namelist())


def test_a_blind_review_stays_blind_in_it(aurora):
    here = aurora.university
    chair, reviewer = person("Chair"), person("Rosalind Reviewer")
    made = create_project(
        title="Ice", summary="It melts.", lead_organisation=here, partners=[aurora.company], by=aurora.lead,
        state="proposal",
    )  # fmt: skip
    step = add_step(project=made, name="Science", chair=chair, reviewers=[reviewer], blind=True, by=aurora.lead)
    move_project(project=made, move="submit", by=aurora.lead)
    review = Review.objects.get(step=step)
    write_review(
        review=review, by=reviewer, version=review.version, answers={}, recommendation="approve", comment="Sound.",
        submit=True,
    )  # fmt: skip
    assert [row["reviews"] for row in table(case_of(aurora.lead, made), "reviews")] == [[]]

    decide_step(step=ReviewStep.objects.get(pk=step.pk), move="pass", by=chair)

    case = case_of(aurora.lead, made)
    (told,) = table(case, "reviews")[0]["reviews"]
    assert (told["who"], told["comment"], told["recommendation_code"]) == ("Reviewer 1", "Sound.", "approve")
    assert not [name for name in case.namelist() if b"Rosalind" in case.read(name)]
