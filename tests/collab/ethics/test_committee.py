"""What a committee has before it: figures whose numbers are those of their lists, and who takes part in a case."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from collab.access.policy import can
from collab.access.roles import Role
from collab.accounts.models import Membership
from collab.ethics.deciding import (
    ConditionTerm,
    assign,
    close_report,
    confirm_condition,
    decide_case,
    declare_conflict,
    hold_case,
    settle_conflict,
    submit_review,
)
from collab.ethics.models import EthicsCase, EthicsReview
from collab.ethics.reading import figures_of, worklists_of
from collab.ethics.services import (
    appeal_case,
    begin_assessment,
    begin_case,
    follow_case,
    found_committee,
    report,
    submit_case,
    withdraw_case,
    write_form,
)
from collab.ethics.states import Worklist
from collab.inbox.models import Obligation
from collab.kernel.errors import InvalidError, NotReadyError, RefusedError
from tests.cast import employ, person
from tests.collab.ethics.test_pages import api, signed_in
from tests.collab.ethics.test_services import QUESTIONS, SHORT, Panel, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def panel(aurora) -> Panel:
    return Panel(aurora)


def before_the_committee(panel: Panel) -> list[EthicsCase]:
    """Open for 3, 40 and 41 days on the full route and 9 on the short one; decided after 2, 40 or 60 days."""
    now, made = timezone.now(), panel.case()
    year = now.replace(month=6, day=15)
    facts = {
        "project": made.project, "committee": made.committee, "form_version": made.form_version, "round": 1,
        "submitted_by": made.submitted_by, "begun_by": made.begun_by,
    }  # fmt: skip

    def open_for(days: float, route: str, state: str = "in_review") -> EthicsCase:
        return EthicsCase(route=route, state=state, submitted_at=now - timedelta(days=days), **facts)

    def decided(days: float, route: str, at, **more) -> EthicsCase:
        known = (
            {"decided_by": panel.chair, "decided_at": at, "first_decided_at": at, "state": "rejected"} | facts | more
        )
        return EthicsCase(route=route, submitted_at=at - timedelta(days=days), **known)

    rows = [
        open_for(3, "full"), open_for(40.1, "full"), open_for(41, "full", "changes_requested"), open_for(9.9, "short"),
        decided(2, "short", year), decided(40, "full", year), decided(60, "full", year - timedelta(days=730)),
        decided(60, "full", year - timedelta(days=730), state="appealed", appealed_at=now - timedelta(days=7)),
        EthicsCase(route="full", state="withdrawn", submitted_at=now - timedelta(days=90), **facts),
    ]  # fmt: skip
    for number, row in enumerate(rows):
        row.title = f"Case {number}"
    EthicsCase.objects.filter(pk=made.pk).update(state="withdrawn")
    return EthicsCase.objects.bulk_create(rows)


def test_every_number_of_the_dashboard_opens_its_list(panel):
    before_the_committee(panel)
    case = panel.conditional(ConditionTerm("Mask the names.", ["jobs"]), monitor_months=1)
    EthicsCase.objects.filter(pk=case.pk).update(monitor_on=timezone.localdate() - timedelta(days=1))
    report(case=fresh(case), kind="incident", severity="minor", happened_on=timezone.localdate(), text="A leak.",
           by=panel.joint.lead)  # fmt: skip
    rejected = decide_case(case=panel.case(SHORT), decision="rejected", reason="No.", by=panel.chair)
    appealed = appeal_case(case=rejected, text="You misread it.", by=panel.joint.lead)
    second = employ(person("Second Chair"), panel.joint.university, Role.ETHICS_CHAIR)
    decide_case(case=appealed, decision="approved", by=second, valid_until=timezone.localdate(), blocks=[])
    rows = EthicsCase.objects.filter(committee=panel.committee)
    year = timezone.localdate().year

    figures, lists = figures_of(rows, panel.committee), worklists_of(rows)

    short, full = figures.ages
    assert (short.count, short.longest_days, short.over) == (1, 9, 0)
    assert (full.count, full.median_days, full.longest_days, full.over) == (3, 40.1, 41, 2)
    short, full = figures.turnaround
    assert (short.count, short.longest_days, short.over) == (3, 2, 0)
    assert (full.count, full.median_days, full.longest_days, full.over) == (3, 60, 60, 2)  # 40 days are in time
    assert [(row.year, row.route, row.count) for row in figures.by_year] == [
        (year, "short", 3), (year, "full", 1), (year - 2, "full", 2),
    ]  # fmt: skip
    appeals = figures.appeals
    waiting, decided = appeals.waiting, appeals.decided
    assert (waiting.count, waiting.longest_days, decided.count, decided.longest_days, appeals.won) == (1, 7, 1, 0, 1)
    assert lists == {
        "waiting": 5, "undecided": 4, "overdue": 0, "over_its_days": 2, "decided": 6, "late": 2, "appeals": 1,
        "appeals_decided": 1, "appeals_won": 1, "conditions": 1, "reports": 1, "reports_due": 1,
    }  # fmt: skip
    assert lists == {one.value: rows.in_worklist(one).count() for one in Worklist}

    chair, token = signed_in(panel.chair), api(panel.chair)
    told = token.get(f"/api/v1/ethics-committees/{panel.committee.pk}/figures/").json()
    assert told["worklists"] == lists and told["ages"][1]["over"] == 2 and told["appeals"]["won"] == 1
    assert told["reviewers"] == []
    page, file = (
        panel.committee.get_absolute_url(),
        reverse("collab:ethics_committee_file", args=[panel.joint.university.slug]),
    )
    html = chair.get(page).content.decode()
    opened = [
        ({"worklist": "undecided", "route": "full"}, 3), ({"worklist": "over_its_days", "route": "full"}, 2),
        ({"worklist": "late", "route": "full"}, 2), ({"worklist": "decided", "route": "full", "year": year - 2}, 2),
        ({"worklist": "appeals"}, 1), ({"worklist": "appeals_won"}, 1), ({"worklist": "conditions"}, 1),
        ({"worklist": "reports_due"}, 1),
    ]  # fmt: skip
    for query, n in opened:
        assert f'href="?{urlencode(query).replace("&", "&amp;")}#cases"' in html, query
        assert len(_lines(chair, file, query)) == n + 1, query
    query, n = opened[3]
    assert len(chair.get(page, query).context["page"].object_list) == n
    found = token.get("/api/v1/ethics-cases/", query | {"committee": panel.joint.university.slug}).json()
    assert found["count"] == n
    assert [line[8] for line in _lines(chair, file, {"worklist": "undecided"})][1:] == ["41", "40", "9", "3"]
    assert chair.get(page, {"worklist": "all", "state": "'", "route": "long", "year": "20260"}).status_code == 200
    assert token.get("/api/v1/ethics-cases/", {"worklist": "all"}).status_code in {400, 422}
    reviewer = signed_in(panel.reviewers[0])
    assert len(_lines(reviewer, file, {"worklist": "decided"})) == 1, "a reviewer sees only their own cases"


def _lines(client: Client, url: str, query: dict) -> list[list[str]]:
    return list(csv.reader(io.StringIO(client.get(url, query).content.decode("utf-8-sig"))))


def test_only_the_committee_of_a_party_decides_and_one_that_left_no_longer(panel, borealis):
    joint, lead = panel.joint, panel.joint.lead
    admin = employ(person("Registrar B"), borealis.university, Role.ORGANISATION_ADMIN)
    foreign = found_committee(organisation=borealis.university, name="Foreign board", by=admin)
    theirs = write_form(
        code="theirs", purpose="assessment", name="Theirs", questions=QUESTIONS, by=admin,
        organisation=borealis.university,
    )  # fmt: skip
    with pytest.raises(InvalidError, match="not a party"):
        begin_case(project=joint.project, committee=foreign, form=panel.form, title="Letters", by=lead)
    with pytest.raises(InvalidError, match="no party"):
        begin_assessment(project=joint.project, form=theirs, by=lead)
    sent = {"project": joint.project.slug, "committee": str(foreign.pk), "form": "own", "title": "Letters"}
    answer = api(lead).post("/api/v1/ethics-cases/", sent, "application/json")
    assert (answer.status_code, answer.json()["field"]) == (422, "committee")
    draft, waiting, rejected = panel.case(submit=False), panel.case(SHORT), panel.case(SHORT)
    rejected = decide_case(case=rejected, decision="rejected", reason="No.", by=panel.chair)
    joint.project.parties.filter(organisation=joint.university).update(left_on=timezone.localdate())
    Membership.objects.filter(user=joint.engineer, project=joint.project).update(role=Role.RESEARCHER)
    lead = joint.engineer  # of the party that stays

    for verb in (
        lambda: submit_case(case=draft, number=1, by=lead),
        lambda: panel.approve(waiting),
        lambda: appeal_case(case=rejected, text="You misread it.", by=lead),
        lambda: follow_case(case=rejected, by=lead),
    ):
        with pytest.raises(NotReadyError, match="decides nothing about it"):
            verb()
    assert "decides nothing about it" in signed_in(panel.chair).get(waiting.get_absolute_url()).content.decode()
    assert withdraw_case(case=waiting, by=lead).state == "withdrawn"


def test_a_chair_of_whose_own_project_it_is_neither_reads_reviews_nor_acts(panel):
    near = employ(panel.joint.researcher, panel.joint.university, Role.ETHICS_CHAIR)
    approved = panel.conditional(ConditionTerm("Mask the names.", ["jobs"]))
    told = report(case=approved, kind="monitoring", text="All is well.", by=panel.joint.lead)
    case = panel.case()
    [review] = assign(case=case, reviewers=panel.reviewers[:1], by=panel.chair)
    declare_conflict(review=review, kind="personal", text="A cousin.", by=panel.reviewers[0])

    assert can(panel.chair, "ethics.deliberate", review) and not can(near, "ethics.deliberate", review)
    assert "A cousin." not in signed_in(near).get(case.get_absolute_url()).content.decode()
    for verb in (
        lambda: assign(case=case, reviewers=panel.reviewers[1:], by=near),
        lambda: confirm_condition(condition=approved.conditions.get(), evidence="Seen.", by=near),
        lambda: hold_case(case=approved, move="suspend", reason="No.", by=near),
        lambda: close_report(report=told, outcome="Noted.", by=near),
    ):
        with pytest.raises(RefusedError, match="somebody else decides"):
            verb()
    with pytest.raises(Exception, match=r"somebody else decides|There is no|not found"):
        settle_conflict(review=review, move="dismiss", by=near)
    assert fresh(review).conflict_state == "declared"


def test_whoever_left_the_committee_or_joined_the_project_is_not_asked_again(panel):
    case, (left, joined) = panel.case(), panel.reviewers
    third = employ(person("Reviewer 3"), panel.joint.university, Role.ETHICS_REVIEWER)
    for review in assign(case=case, reviewers=[left, joined, third], by=panel.chair):
        if review.reviewer != third:
            submit_review(review=review, opinion="favour", text="Fine.", by=review.reviewer, version=1)
    case = decide_case(case=fresh(case), decision="returned", reason="Ages?", by=panel.chair)
    Membership.objects.filter(user=left).delete()
    Membership.objects.create(
        user=joined, project=panel.joint.project, organisation=panel.joint.university, role=Role.RESEARCHER
    )

    case = submit_case(case=case, number=1, by=panel.joint.lead)

    [again] = EthicsReview.objects.filter(case=case, round=2)
    assert again.reviewer == third
    assert [row.person for row in Obligation.objects.open().filter(kind="review")] == [third]
    page = signed_in(third).get(reverse("collab:ethics")).context["page"]
    assert [row.pk for row in page] == [again.pk], "the review of round 1 lapsed, and leads nowhere"
