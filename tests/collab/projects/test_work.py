"""What a running project does: work, reports, outputs, parties that go, and how it ends."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.utils import timezone

from collab.access.policy import can
from collab.access.roles import Role
from collab.accounts.models import ApiToken, Membership
from collab.audit.models import AuditEvent
from collab.inbox.models import Obligation
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, RefusedError, StaleError
from collab.projects.models import Attestation, OutputShare, Project, ProjectParty
from collab.projects.services import (
    add_contribution,
    add_line,
    attest,
    closing_items,
    edit_output,
    edit_work,
    leave_party,
    move_project,
    move_report,
    move_work,
    plan_work,
    record_output,
    remove_party,
    schedule_reports,
    write_report,
)
from collab.projects.services.outputs import register_digest
from tests.cast import employ, person, token_for
from training.jobs.models import Job

pytestmark = pytest.mark.django_db
WHOLE = Decimal(100)


def party(made, organisation=None) -> ProjectParty:
    return ProjectParty.objects.select_related("project", "organisation").get(
        project=made.project, organisation=organisation or made.company
    )


def soon(days=10):
    return timezone.localdate() + timedelta(days=days)


def deliverable(made, **facts):
    given = {"title": "Corpus", "due_on": soon(), "party": party(made)} | facts
    return plan_work(project=made.project, by=made.lead, **given)


def codes(refused) -> list[str]:
    return [item.code for item in refused.value.missing]


# --- milestones and deliverables
def test_another_party_accepts_what_one_delivers(aurora):
    item = deliverable(aurora)
    with pytest.raises(RefusedError):  # not the responsible party
        move_work(item=item, move="submit", by=aurora.researcher, evidence="here")
    with pytest.raises(InvalidError):
        move_work(item=item, move="submit", by=aurora.engineer)
    item = move_work(item=item, move="submit", by=aurora.engineer, evidence="sha256 …")
    with pytest.raises(RefusedError):
        move_work(item=item, move="accept", by=aurora.engineer)
    with pytest.raises(InvalidError):
        move_work(item=item, move="return", by=aurora.researcher)
    item = move_work(item=item, move="return", by=aurora.researcher, note="Half of it.")
    item = move_work(item=item, move="submit", by=aurora.engineer, evidence="All of it.")
    item = move_work(item=item, move="accept", by=aurora.researcher)
    assert (item.state, item.accepted_by) == ("accepted", aurora.researcher)
    with pytest.raises(ConflictError):
        move_work(item=item, move="drop", by=aurora.lead, note="No.")


def test_dates_and_places_of_work_are_checked(aurora):
    Project.objects.filter(pk=aurora.project.pk).update(ends_on=soon(20))
    aurora.project.refresh_from_db()
    milestone = deliverable(aurora, kind="milestone", title="Half way")
    for wrong in (
        {"due_on": soon(21)},
        {"due_on": aurora.project.starts_on - timedelta(days=1)},
        {"kind": "milestone", "milestone": milestone},
        {"title": "\u202e"},
    ):
        with pytest.raises(InvalidError):
            deliverable(aurora, **wrong)
    assert deliverable(aurora, milestone=milestone).milestone == milestone


def test_what_is_planned_stands_in_the_calendar_until_it_is_settled(aurora):
    item = deliverable(aurora)
    row = Obligation.objects.get(kind="deliverable")
    assert (row.due_on, row.organisation, row.settled_at) == (item.due_on, aurora.company, None)
    item = edit_work(item=item, by=aurora.lead, version=item.version, due_on=soon(12))
    row.refresh_from_db()
    assert row.due_on == soon(12)
    move_work(item=item, move="drop", by=aurora.lead, note="Not needed.")
    row.refresh_from_db()
    assert row.settled_at is not None


# --- reports
def test_reports_are_planned_until_the_project_ends(aurora):
    project = aurora.project
    with pytest.raises(InvalidError):
        schedule_reports(project=project, every_months=3, due_days=10, by=aurora.lead, version=project.version)
    Project.objects.filter(pk=project.pk).update(ends_on=project.starts_on + timedelta(days=365))
    planned = schedule_reports(project=project, every_months=6, due_days=10, by=aurora.lead, version=project.version)
    days = list(project.reports.values_list("starts_on", "ends_on"))
    assert days[0][0] == project.starts_on and days[-1][1] == planned.ends_on and len(days) in (2, 3)
    assert all(a[1] + timedelta(days=1) == b[0] for a, b in pairwise(days))
    with pytest.raises(StaleError):
        schedule_reports(project=project, every_months=3, due_days=10, by=aurora.lead, version=project.version)
    schedule_reports(project=project, every_months=None, due_days=10, by=aurora.lead, version=planned.version)
    assert not project.reports.exists()


def final_report(made):
    move_project(project=made.project, move="wind_up", by=made.lead)
    return made.project.reports.get(kind="final")


def test_a_report_takes_its_figures_from_the_records(aurora):
    item = deliverable(aurora, due_on=timezone.localdate())
    move_work(item=item, move="submit", by=aurora.engineer, evidence="x")
    move_work(item=item, move="accept", by=aurora.researcher)
    report = final_report(aurora)
    with pytest.raises(ConflictError):  # nothing is written yet
        move_report(report=report, move="submit", by=aurora.lead)
    report = write_report(report=report, by=aurora.lead, version=report.version, summary="We did it.")
    assert {fact["what"]: fact["n"] for fact in report.facts}["Milestones and deliverables accepted"] == 1
    report = move_report(report=report, move="submit", by=aurora.lead)
    with pytest.raises(RefusedError):
        move_report(report=report, move="accept", by=aurora.lead)
    assert move_report(report=report, move="accept", by=aurora.engineer).state == "accepted"


# --- outputs
def output(made, shares=None, **facts):
    shares = shares or {party(made, made.university): Decimal(60), party(made): Decimal(40)}
    given = {"kind": "software", "title": "Tool", "shares": shares} | facts
    return record_output(project=made.project, by=made.researcher, **given)


@pytest.mark.parametrize("percent", [["60", "39.99"], ["100", "0.01"], ["120", "-20"], ["33.333", "66.667"], []])
def test_shares_make_one_hundred(aurora, percent):
    parties = [party(aurora, aurora.university), party(aurora)]
    shares = {p: Decimal(n) for p, n in zip(parties, percent, strict=False)}
    with pytest.raises(InvalidError):
        record_output(project=aurora.project, kind="software", title="T", shares=shares, by=aurora.researcher)
    assert not OutputShare.objects.exists()


@pytest.mark.parametrize(
    ("kind", "doi"),
    [("publication", "https://doi.org/10.1000/x"), ("publication", "10.1/x"), ("publication", "10.1000/ x"),
     ("invention", "10.1000/x")],
)  # fmt: skip
def test_a_doi_is_checked(aurora, kind, doi):
    with pytest.raises(InvalidError):
        output(aurora, kind=kind, doi=doi)
    assert output(aurora, kind="publication", doi="10.1000/xyz123").doi == "10.1000/xyz123"


def test_a_dataset_of_the_registry_is_an_output_once(aurora, borealis):
    aurora.cover(reference="DUA-1")
    dataset, foreign = aurora.dataset(), None
    made = output(aurora, kind="dataset", title="Letters", row_id=dataset.pk)
    assert made.link == dataset.get_absolute_url()
    with pytest.raises(ConflictError):
        output(aurora, kind="dataset", title="Again", row_id=dataset.pk)
    borealis.cover(reference="DUA-2")
    foreign = borealis.dataset()
    with pytest.raises(InvalidError):
        output(aurora, kind="dataset", title="Foreign", row_id=foreign.pk)


def test_what_is_confidential_is_not_named_in_the_history(aurora):
    output(aurora, kind="invention", title="Secret pump", confidential=True)
    assert "Secret" not in str(AuditEvent.objects.get(verb="output.record").data)


def test_an_edit_of_the_register_takes_confirmations_back(aurora):
    made = output(aurora)
    before = register_digest(aurora.project)
    attest(party=party(aurora), kind="outputs", by=aurora.company_signatory, seen=before)
    shares = {party(aurora): WHOLE}
    edit_output(output=made, shares=shares, by=aurora.researcher, version=1, title="Better tool")
    assert register_digest(aurora.project) != before
    item = next(i for i in closing_items(aurora.project) if i.code == f"outputs.{party(aurora).pk}")
    assert not item.done
    with pytest.raises(ConflictError):
        attest(party=party(aurora), kind="outputs", by=aurora.company_signatory, seen=before)
    with pytest.raises(StaleError):
        edit_output(output=made, shares=shares, by=aurora.researcher, version=1, title="Worse")


# --- parties
def test_contributions_in_cash_and_kind(aurora):
    given = {"party": party(aurora), "by": aurora.lead}
    assert add_contribution(kind="cash", amount=Decimal("10.50"), **given).currency == "EUR"
    for wrong in ({"kind": "in_kind", "amount": Decimal(5)}, {"kind": "cash", "amount": Decimal(0)},
                  {"kind": "cash", "amount": Decimal(5), "currency": "euro"}):  # fmt: skip
        with pytest.raises(InvalidError):
            add_contribution(**given, **wrong)


def test_a_party_goes_only_when_it_owes_nothing(aurora):
    item = deliverable(aurora)
    add_line(
        project=aurora.project, party=party(aurora), category="travel", starts_on=soon(0), ends_on=soon(9),
        planned=Decimal(100), committed=Decimal(70), by=aurora.lead,
    )  # fmt: skip
    with pytest.raises(NotReadyError) as refused:
        remove_party(party=party(aurora), by=aurora.lead)
    assert codes(refused) == ["open_work", "open_budget", "open_data"]
    assert "Corpus" in str(refused.value) and all(m.url for m in refused.value.missing)
    gone = leave_party(party=party(aurora), by=aurora.lead)
    assert [duty["code"] for duty in gone.surviving_duties] == ["open_work", "open_budget", "open_data"]
    assert not can(aurora.engineer, "project.view", aurora.project)
    assert not Membership.objects.filter(project=aurora.project, organisation=aurora.company).active().exists()
    with pytest.raises(ConflictError):
        remove_party(party=party(aurora), by=aurora.lead)
    assert item.party.organisation == aurora.company


def test_a_party_that_owes_nothing_is_removed(aurora):
    attest(party=party(aurora), kind="data", ending="none", by=aurora.company_signatory)
    assert remove_party(party=party(aurora), by=aurora.lead).surviving_duties == []
    with pytest.raises(ConflictError):
        remove_party(party=party(aurora, aurora.university), by=aurora.lead)


# --- closing
def settle(made):
    report = final_report(made)
    write_report(report=report, by=made.lead, version=report.version, summary="Done.")
    move_report(report=report, move="submit", by=made.lead)
    move_report(report=report, move="accept", by=made.engineer)
    for organisation, signer in (
        (made.university, made.university_signatory),
        (made.company, made.company_signatory),
    ):
        attest(party=party(made, organisation), kind="outputs", by=signer)
        attest(party=party(made, organisation), kind="data", ending="destroyed", by=signer)


def test_closing_names_everything_that_is_left(aurora):
    deliverable(aurora)
    final_report(aurora)
    with pytest.raises(NotReadyError) as refused:
        move_project(project=aurora.project, move="close", by=aurora.lead)
    assert codes(refused) == [
        "closing.final_report", "closing.work_settled", "closing.outputs", "closing.data", "closing.outputs",
        "closing.data",
    ]  # fmt: skip
    assert Project.objects.get().state == "closing"


def test_only_a_partys_own_people_attest_and_say_what_they_kept(aurora):
    for by in (aurora.lead, aurora.university_signatory):
        with pytest.raises(RefusedError):
            attest(party=party(aurora), kind="data", ending="none", by=by)
    with pytest.raises(InvalidError):
        attest(party=party(aurora), kind="data", ending="kept", by=aurora.company_signatory)
    with pytest.raises(InvalidError):
        attest(party=party(aurora), kind="data", by=aurora.company_signatory)
    assert not Attestation.objects.exists()


def test_closing_ends_every_role_token_and_job(aurora):
    aurora.cover(reference="DUA-1")
    from training.jobs.services import submit_job, suggest

    spec = suggest("causal-lm", aurora.dataset().latest())["spec"]
    job = submit_job(project=aurora.project, name="Long", spec=spec, by=aurora.engineer)
    token_for(aurora.engineer, project=aurora.project)
    later = employ(person("Later"), aurora.company)
    Membership.objects.create(
        user=later, organisation=aurora.company, project=aurora.project, role=Role.ENGINEER,
        starts_at=timezone.now() + timedelta(days=3),
    )  # fmt: skip
    settle(aurora)
    assert move_project(project=aurora.project, move="close", by=aurora.lead).state == "closed"
    job.refresh_from_db()
    assert (job.state, job.reason) == ("stopped", "killed_by_person")
    assert not Membership.objects.filter(project=aurora.project).active(timezone.now() + timedelta(days=9)).exists()
    assert not ApiToken.objects.filter(project=aurora.project, revoked_at=None).exists()
    data = AuditEvent.objects.get(verb="project.close").data
    assert (data["jobs_ended"], data["tokens_revoked"]) == (1, 1) and data["roles_ended"] >= 5
    assert not can(aurora.lead, "project.view", aurora.project)
    assert can(aurora.company_signatory, "project.view", aurora.project)
    assert not Job.objects.unfinished().exists()


@pytest.mark.parametrize(("move", "reads"), [("suspend", True), ("wind_up", True), ("terminate", False)])
def test_training_and_data_stop_with_the_state_on_the_next_request(aurora, move, reads):
    aurora.cover(reference="DUA-1")
    dataset = aurora.dataset()
    assert can(aurora.engineer, "dataset.train", dataset) and can(aurora.engineer, "dataset.read", dataset)
    move_project(project=aurora.project, move=move, by=aurora.lead, reason="The money is gone.")
    for word, obj in (("job.submit", aurora.project), ("dataset.upload", aurora.project), ("dataset.train", dataset)):
        assert not can(aurora.researcher, word, obj), word
    assert can(aurora.engineer, "dataset.view", dataset) and can(aurora.engineer, "project.view", aurora.project)
    assert can(aurora.engineer, "dataset.read", dataset) is reads


def test_termination_needs_its_reason(aurora):
    with pytest.raises(InvalidError):
        move_project(project=aurora.project, move="terminate", by=aurora.lead)
