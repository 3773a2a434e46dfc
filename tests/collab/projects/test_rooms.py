"""Pages of a project's rooms: they open, they cost a constant number of queries, and their forms act."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from collab.projects.models import (
    BudgetLine,
    CostEntry,
    Output,
    OutputShare,
    ProgressReport,
    Project,
    ProjectParty,
    Review,
    ReviewStep,
    WorkItem,
)
from collab.projects.services import add_line, plan_work
from tests.cast import person
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


def url(made, rest="") -> str:
    return f"/projects/{made.project.slug}/{rest}"


def party(made) -> ProjectParty:
    return ProjectParty.objects.select_related("organisation").get(project=made.project, organisation=made.company)


def fill(made, start: int, end: int) -> None:
    """Rows of every kind, numbered from `start` to `end`."""
    today, here = timezone.localdate(), party(made)
    lines = BudgetLine.objects.filter(budget__project=made.project)
    if not lines.exists():
        add_line(
            project=made.project, party=here, category="travel", starts_on=today, ends_on=today + timedelta(days=9),
            planned=Decimal(10), by=made.lead,
        )  # fmt: skip
    line = lines.first()
    numbers = range(start, end)
    common = {"project": made.project}
    WorkItem.objects.bulk_create(WorkItem(title=f"W {n}", party=here, due_on=today, **common) for n in numbers)
    ProgressReport.objects.bulk_create(
        ProgressReport(
            starts_on=today, ends_on=today + timedelta(days=n), due_on=today, state="draft", party=here, **common
        )
        for n in numbers
    )
    outputs = Output.objects.bulk_create(
        Output(kind="software", title=f"O {n}", created_by=made.lead, **common) for n in numbers
    )
    OutputShare.objects.bulk_create(OutputShare(output=one, party=here, percent=100) for one in outputs)
    CostEntry.objects.bulk_create(CostEntry(line=line, amount=Decimal(1), booked_by=made.lead) for n in numbers)
    BudgetLine.objects.bulk_create(
        BudgetLine(budget=line.budget, party=here, category="other", starts_on=today, ends_on=today + timedelta(days=n))
        for n in numbers
    )
    for n in numbers:
        step = ReviewStep.objects.create(name=f"S {n}", chair=made.lead, state="passed", decided_by=made.lead,
                                         decided_at=timezone.now(), **common)  # fmt: skip
        Review.objects.create(step=step, reviewer=person(f"R {n}"), round=made.project.round, state="submitted",
                              recommendation="approve", submitted_at=timezone.now())  # fmt: skip


ROOMS = ["", "review/", "work/", "budget/", "budget/burn/", "budget.csv", "reports/", "outputs/", "closure/"]


def test_rooms_cost_the_same_with_few_rows_and_with_many(aurora):
    client = as_(aurora.lead)
    fill(aurora, 0, 2)
    few = {room: queries(client, url(aurora, room)) for room in ROOMS}
    fill(aurora, 2, 6)
    assert {room: queries(client, url(aurora, room)) for room in ROOMS} == few


def test_the_list_of_projects_costs_the_same_with_a_thousand(aurora):
    client = as_(aurora.university_signatory)
    query = f"/projects/?party={aurora.university.pk}"
    before = queries(client, query)
    rows = Project.objects.bulk_create(
        Project(slug=f"p-{n}", title=f"Project {n}", created_by=aurora.lead, state="active") for n in range(1000)
    )
    ProjectParty.objects.bulk_create(
        ProjectParty(project=row, organisation=aurora.university, role="lead") for row in rows
    )
    assert queries(client, query) == before
    assert "1001 project" in text(client.get(query)).replace(",", "")
    assert "Project 77<" in text(client.get("/projects/?q=Project 77&state=active"))
    assert ">Aurora<" in text(as_(aurora.lead).get("/projects/?mine=1"))
    assert ">Aurora<" not in text(client.get("/projects/?mine=1&q=Aurora"))


def test_every_page_opens_in_both_languages(aurora):
    fill(aurora, 0, 2)
    item, report = WorkItem.objects.first(), ProgressReport.objects.first()
    output, line, step = Output.objects.first(), BudgetLine.objects.first(), ReviewStep.objects.first()
    pages = [
        f"work/{item.pk}/", f"work/{item.pk}/edit/", "work/new/", f"reports/{report.pk}/", f"outputs/{output.pk}/",
        f"outputs/{output.pk}/edit/", "outputs/new/", "review/new/", "budget/lines/new/", "budget/settings/",
        "budget/price/", f"budget/lines/{line.pk}/book/", f"parties/{party(aurora).pk}/",
        f"parties/{party(aurora).pk}/contribute/",
    ]  # fmt: skip
    client = as_(aurora.lead)
    for language in ("en", "zh-hans"):
        for page in [url(aurora, page) for page in pages] + [f"/review-steps/{step.pk}/", "/reviews/",
                                                              "/questionnaires/", "/questionnaires/new/"]:  # fmt: skip
            response = client.get(page, headers={"accept-language": language})
            assert response.status_code == 200, page


def test_the_budget_is_changed_in_its_table_and_an_old_table_is_refused(aurora):
    fill(aurora, 0, 1)
    client, page = as_(aurora.lead), url(aurora, "budget/")
    lines = list(BudgetLine.objects.all())
    form = {"version": lines[0].version}
    for line in lines:
        form |= {f"planned_{line.pk}": "33.50", f"committed_{line.pk}": "1"}
    assert client.post(page, form).status_code == 302
    assert set(BudgetLine.objects.values_list("planned", flat=True)) == {Decimal("33.50")}
    late = client.post(page, form)
    assert late.status_code == 412 and "Somebody changed it" in text(late)
    assert as_(aurora.engineer).post(page, form).status_code == 403


def test_a_csv_holds_no_formula(aurora):
    fill(aurora, 0, 1)
    BudgetLine.objects.update(note="=1+1")
    said = as_(aurora.lead).get(url(aurora, "budget.csv"))
    assert said["Content-Type"].startswith("text/csv") and "'=1+1" in text(said)


@pytest.mark.parametrize("blind", [True, False])
def test_a_blind_review_hides_who_proposes_and_who_reviews(aurora, blind):
    reviewer, chair = person("Rhea Viewer"), person("Chair")
    step = ReviewStep.objects.create(project=aurora.project, name="S", chair=chair, state="open", blind=blind)
    review = Review.objects.create(step=step, reviewer=reviewer, round=aurora.project.round)
    client, page = as_(reviewer), f"/reviews/{review.pk}/"
    for shown in (text(client.get(page)), text(client.get(f"/api/v1{page}"))):
        assert ("Northwind" in shown) is not blind
        assert "Aurora Lead" not in shown
    assert client.get(url(aurora)).status_code == 404
    Review.objects.update(state="submitted", recommendation="approve", submitted_at=timezone.now(), comment="Sound.")
    for seen in (
        as_(aurora.lead).get(url(aurora, "review/")),
        as_(aurora.lead).get(f"/api/v1/review-steps/{step.pk}/"),
    ):
        assert "Sound." not in text(seen)  # not decided yet
    ReviewStep.objects.update(state="passed", decided_by=chair, decided_at=timezone.now())
    for seen in (
        as_(aurora.lead).get(url(aurora, "review/")),
        as_(aurora.lead).get(f"/api/v1/review-steps/{step.pk}/"),
    ):
        assert "Sound." in text(seen) and ("Rhea Viewer" in text(seen)) is not blind
    assert "Rhea Viewer" in text(as_(chair).get(f"/review-steps/{step.pk}/"))


def test_work_is_handed_over_and_accepted_on_its_page(aurora):
    item = plan_work(
        project=aurora.project, party=party(aurora), title="Corpus", due_on=timezone.localdate(), by=aurora.lead
    )
    page = url(aurora, f"work/{item.pk}/")
    as_(aurora.engineer).post(page + "move/", {"move": "submit", "evidence": "Here it is."})
    as_(aurora.researcher).post(page + "move/", {"move": "accept"})
    item.refresh_from_db()
    assert (item.state, item.accepted_by) == ("accepted", aurora.researcher)


def test_an_output_is_recorded_with_its_shares(aurora):
    mine = ProjectParty.objects.get(project=aurora.project, organisation=aurora.university)
    form = {"kind": "software", "title": "Tool", "made_on": timezone.localdate(), f"share_{mine.pk}": "60"}
    client = as_(aurora.lead)
    assert client.post(url(aurora, "outputs/new/"), form).status_code == 422
    response = client.post(url(aurora, "outputs/new/"), form | {f"share_{party(aurora).pk}": "40"})
    assert response.status_code == 302 and Output.objects.get().shares.count() == 2


def test_a_party_gives_its_word_on_the_checklist(aurora):
    client = as_(aurora.company_signatory)
    page = url(aurora, "closure/")
    form = {"party": party(aurora).pk, "kind": "data", "ending": "destroyed"}
    assert client.post(page, form).status_code == 302
    assert "Destroyed" in text(client.get(page))
    assert as_(aurora.engineer).post(page, form).status_code == 422  # no party of theirs to speak for


def test_an_api_edit_from_an_old_copy_is_refused(aurora):
    fill(aurora, 0, 1)
    client = as_(aurora.lead)
    for noun, body in (("work-items", {"criteria": "New"}), ("budget-lines", {"planned": "1.00"}),
                       ("outputs", {"description": "New"}), ("parties", {"accession_note": "New"})):  # fmt: skip
        row = client.get(f"/api/v1/{noun}/?project={aurora.project.slug}").json()["results"][-1]
        address = f"/api/v1/{noun}/{row['id']}/"
        tag = client.get(address)["ETag"]
        sent = {"content_type": "application/json"}
        assert client.patch(address, body, **sent).status_code == 428
        assert client.patch(address, body, headers={"If-Match": tag}, **sent).status_code == 200, noun
        assert client.patch(address, body, headers={"If-Match": tag}, **sent).status_code == 412
