"""The committee answers a claim that is not enough and puts a slip of a decision right, and access follows at once; a
reviewer goes on with a review, and the names of a questionnaire are corrected."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from collab.access.policy import can
from collab.access.roles import Role
from collab.audit.models import AuditEvent
from collab.ethics.correcting import correct_decision, refuse_claim, reopen_review
from collab.ethics.deciding import (
    ConditionTerm,
    assign,
    confirm_condition,
    decide_case,
    declare_conflict,
    hold_case,
    settle_conflict,
    submit_review,
)
from collab.ethics.models import EthicsCase, EthicsCorrection, EthicsForm
from collab.ethics.services import appeal_case, claim_condition, edit_committee, edit_form, report
from collab.ethics.shipped import load_forms
from collab.inbox.models import Notification, Obligation
from collab.kernel.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    NotReadyError,
    RefusedError,
    StaleError,
)
from collab.kernel.months import add_months
from tests.cast import employ, person
from tests.collab.ethics.test_pages import api, signed_in
from tests.collab.ethics.test_services import Panel, day, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def panel(aurora) -> Panel:
    return Panel(aurora)


def told(person) -> list[str]:
    return list(Notification.objects.filter(person=person).values_list("title", flat=True))


def correct(panel: Panel, case, **facts):
    facts = {"reason": "A slip.", "by": panel.chair, "version": fresh(case).version} | facts
    return correct_decision(case=case, **facts)


# --- a claim that is not enough
def test_a_claim_that_is_not_enough_is_answered_and_kept(panel):
    case = panel.conditional(ConditionTerm("Mask names.", ["jobs"]))
    [condition] = case.conditions.all()
    with pytest.raises(ConflictError, match="Nobody says"):
        refuse_claim(condition=condition, reason="No.", by=panel.chair)
    claim_condition(condition=condition, evidence="A script.", by=panel.joint.lead)
    with pytest.raises(InvalidError, match="Say why"):
        refuse_claim(condition=condition, reason=" ", by=panel.chair)
    with pytest.raises(RefusedError):
        refuse_claim(condition=condition, reason="Fine by me.", by=panel.joint.lead)

    refuse_claim(condition=condition, reason="It leaves the places.", by=panel.chair)

    condition = fresh(condition)
    assert (condition.evidence, condition.claimed_at, condition.is_open) == ("", None, True)
    [kept] = condition.refusals.all()
    assert (kept.evidence, kept.claimed_by, kept.reason) == ("A script.", panel.joint.lead, "It leaves the places.")
    assert any("not enough" in title for title in told(panel.joint.lead))
    assert AuditEvent.objects.filter(verb="ethics.refuse_claim", project_id=case.project_id).exists()
    assert not can(panel.joint.lead, "job.submit", panel.joint.project)
    claim_condition(condition=condition, evidence="A better script.", by=panel.joint.lead)
    confirm_condition(condition=condition, by=panel.chair)
    with pytest.raises(ConflictError, match="met already"):
        refuse_claim(condition=condition, reason="No.", by=panel.chair)


def test_a_chair_who_has_seen_it_confirms_without_a_claim_and_says_by_what(panel):
    case = panel.conditional(ConditionTerm("Insure them.", ["jobs"]))
    [condition] = case.conditions.all()
    with pytest.raises(InvalidError, match="by what it is met") as refused:
        confirm_condition(condition=condition, by=panel.chair)
    assert (refused.value.field, fresh(condition).is_met) == ("evidence", False)
    confirm_condition(condition=condition, by=panel.chair, evidence="The policy came by mail.")
    assert can(panel.joint.lead, "job.submit", panel.joint.project)


def test_the_page_and_the_api_say_why_a_claim_is_not_enough(panel):
    case = panel.conditional(ConditionTerm("Mask names.", ["jobs"]))
    [condition] = case.conditions.all()
    lead, chair = signed_in(panel.joint.lead), signed_in(panel.chair)
    address = reverse("collab:ethics_case_refuse", args=[case.pk, 1])
    assert address not in chair.get(case.get_absolute_url()).content.decode(), "nothing is claimed yet"
    claim_condition(condition=condition, evidence="A script.", by=panel.joint.lead)
    assert address in chair.get(case.get_absolute_url()).content.decode()
    assert address not in lead.get(case.get_absolute_url()).content.decode()
    assert lead.post(address, {"text": "Fine."}).status_code == 403
    assert chair.post(address, {"text": ""}).status_code == 422

    assert chair.post(address, {"text": "It leaves the places."}).status_code == 302

    page = lead.get(case.get_absolute_url()).content.decode()
    assert "It leaves the places." in page and "A script." in page
    claim_condition(condition=condition, evidence="Another script.", by=panel.joint.lead)
    url = f"/api/v1/ethics-cases/{case.pk}/refuse-claim/"
    sent = {"number": 1, "reason": "Still the places."}
    assert api(panel.joint.lead).post(url, sent, "application/json").status_code == 403
    answer = api(panel.chair).post(url, sent, "application/json").json()
    [row] = answer["conditions"]
    assert [one["reason"] for one in row["refusals"]] == ["It leaves the places.", "Still the places."]
    assert (row["evidence"], row["claimed_at"], row["met"]) == ("", None, False)


# --- a slip of a decision
def test_what_a_correction_changes_holds_at_once_and_what_stood_there_is_kept(panel):
    case = panel.conditional(ConditionTerm("Mask names.", ["data"], day(20)), valid_until=day(3), monitor_months=6)
    [condition] = case.conditions.all()
    lead, researcher = panel.joint.lead, panel.joint.researcher
    assert can(lead, "job.submit", panel.joint.project)

    fix = {"number": 1, "due_on": None, "blocks": ["jobs"]}
    case = correct(panel, case, valid_until=day(300), monitor_months=12, blocks=["jobs", "data"], conditions=[fix])

    assert not can(lead, "job.submit", panel.joint.project), "the condition stops jobs, and at once"
    assert (case.valid_until, case.blocks) == (day(300), ["jobs", "data"])
    assert case.monitor_on == add_months(timezone.localdate(), 12)
    assert (fresh(condition).due_on, fresh(condition).blocks) == (None, ["jobs"])
    owed = dict(Obligation.objects.filter(settled_at=None).values_list("kind", "due_on"))
    assert owed == {"expiry": day(300), "report": case.monitor_on}
    made = EthicsCorrection.objects.get()
    assert [(one["what"], one["number"]) for one in made.changes] == [
        ("valid_until", None), ("monitor_months", None), ("blocks", None), ("due_on", 1), ("blocks", 1),
    ]  # fmt: skip
    assert made.changes[0]["before"] == day(3).isoformat()
    for reader in (lead, researcher):
        assert any("was corrected" in title for title in told(reader))
    assert AuditEvent.objects.filter(verb="ethics.correct", project_id=case.project_id).exists()


def test_a_corrected_interval_counts_from_the_last_report_and_may_end(panel):
    case = panel.approved(monitor_months=6)
    report(case=case, kind="monitoring", text="Well.", by=panel.joint.lead)
    assert correct(panel, case, monitor_months=3).monitor_on == add_months(timezone.localdate(), 3)
    assert correct(panel, case, monitor_months=None).monitor_on is None
    assert not Obligation.objects.filter(kind="report", settled_at=None).exists()


def test_what_is_no_slip_is_refused(panel):
    case = panel.conditional(ConditionTerm("Mask names.", ["jobs"]))
    [condition] = case.conditions.all()
    with pytest.raises(InvalidError, match="Nothing would change"):
        correct(panel, case, valid_until=case.valid_until, blocks=["jobs"])
    with pytest.raises(InvalidError, match="Say why"):
        correct(panel, case, reason=" ", valid_until=day(99))
    with pytest.raises(InvalidError, match="until when"):
        correct(panel, case, valid_until=day(-1))
    with pytest.raises(InvalidError, match="1 and 60"):
        correct(panel, case, monitor_months=61)
    with pytest.raises(InvalidError, match="is over"):
        correct(panel, case, conditions=[{"number": 1, "due_on": day(-1)}])
    with pytest.raises(StaleError):
        correct(panel, case, version=1, valid_until=day(99))
    with pytest.raises(RefusedError):
        correct(panel, case, by=panel.joint.lead, valid_until=day(99))
    confirm_condition(condition=condition, by=panel.chair, evidence="Seen.")
    with pytest.raises(ConflictError, match="met already"):
        correct(panel, case, conditions=[{"number": 1, "due_on": day(9)}])
    hold_case(case=case, move="revoke", reason="No.", by=panel.chair)
    with pytest.raises(ConflictError, match="Only an approval"):
        correct(panel, case, valid_until=day(99))
    assert not EthicsCorrection.objects.exists()


def test_a_correction_brings_no_approval_back_that_is_over(panel):
    case = panel.approved(valid_until=day(3))
    address = reverse("collab:ethics_case_correct", args=[case.pk])
    with time_machine.travel(timezone.now() + timedelta(days=4)):
        with pytest.raises(ConflictError, match="a renewal does"):
            correct(panel, case, valid_until=day(300))
        assert address not in signed_in(panel.chair).get(case.get_absolute_url()).content.decode()
        EthicsCase.objects.update(state="suspended")
        with pytest.raises(ConflictError, match="a renewal does"):
            correct(panel, case, valid_until=day(300))
    assert correct(panel, case, valid_until=day(300)).valid_until == day(300), "while it holds, a slip is mended"


def test_a_correction_does_not_undo_what_an_appeal_decided(panel):
    second = employ(person("Second Chair"), panel.joint.university, Role.ETHICS_CHAIR)
    upheld, won = (panel.conditional(ConditionTerm("Mask names.", ["jobs"])) for _ in range(2))
    for case in (upheld, won):
        appeal_case(case=case, text="There are none.", by=panel.joint.lead)
    decide_case(case=fresh(upheld), decision="rejected", reason="They stand.", by=second)
    decide_case(case=fresh(won), decision="approved", reason="Right.", by=second, valid_until=day(9))
    today = date_format(timezone.localdate())
    for case in (upheld, won):
        with pytest.raises(ConflictError, match=f"appeal of {today} was decided"):
            correct(panel, case, valid_until=day(2))
        address = reverse("collab:ethics_case_correct", args=[case.pk])
        assert address not in signed_in(panel.chair).get(case.get_absolute_url()).content.decode()
    assert not EthicsCorrection.objects.exists()


def test_the_page_and_the_api_correct_a_decision(panel):
    case = panel.conditional(ConditionTerm("Mask names.", ["jobs"]), valid_until=day(3))
    lead, chair = signed_in(panel.joint.lead), signed_in(panel.chair)
    address = reverse("collab:ethics_case_correct", args=[case.pk])
    assert address in chair.get(case.get_absolute_url()).content.decode()
    assert address not in lead.get(case.get_absolute_url()).content.decode()
    assert lead.get(address).status_code == 403
    shown = chair.get(address).content.decode()
    assert day(3).isoformat() in shown and "Mask names." in shown
    sent = {
        "reason": "The year was wrong.", "valid_until": day(300).isoformat(), "blocks": ["jobs"],
        "blocks_1": ["jobs"], "due_1": day(9).isoformat(), "version": case.version,
    }  # fmt: skip
    assert chair.post(address, sent | {"version": 1}).status_code == 412

    assert chair.post(address, sent).url == case.get_absolute_url()

    page = lead.get(case.get_absolute_url()).content.decode()
    assert f"To be met by {date_format(day(9))}.</p>" in page
    assert "The year was wrong." in page and "Condition 1: to be met by" in page
    assert can(panel.joint.lead, "job.submit", panel.joint.project), "the condition has its day now"
    url = f"/api/v1/ethics-cases/{case.pk}/"
    given = {"reason": "Months, too.", "monitor_months": 6}
    client = api(panel.chair)
    assert client.post(f"{url}correct/", given, "application/json").status_code == 428
    match = {"If-Match": client.get(url)["ETag"]}
    answer = client.post(f"{url}correct/", given, "application/json", headers=match).json()
    assert (answer["monitor_months"], answer["valid_until"]) == (6, day(300).isoformat())
    assert [len(one["changes"]) for one in answer["corrections"]] == [1, 2]
    again = client.post(f"{url}correct/", given | {"monitor_months": 9}, "application/json", headers=match)
    assert again.status_code == 412


# --- one's own review
def submitted(panel: Panel):
    case = panel.reviewed(panel.case())
    return case, case.reviews.get(reviewer=panel.reviewers[0])


def test_a_reviewer_goes_on_with_a_review_before_the_decision(panel):
    case, review = submitted(panel)
    with pytest.raises((RefusedError, NotFoundError)):
        reopen_review(review=review, by=panel.chair)

    review = reopen_review(review=review, by=panel.reviewers[0])

    assert (review.state, review.submitted_at, review.text) == ("asked", None, "Fine.")
    assert Obligation.objects.filter(kind="review", person=panel.reviewers[0], settled_at=None).exists()
    assert any("is being changed" in title for title in told(panel.chair))
    [event] = AuditEvent.objects.filter(verb="ethics.reopen_review")
    assert event.actor_id is None, "those who apply do not read who reviews"
    with pytest.raises(NotReadyError, match="Only 0 of at least 1"):
        panel.approve(fresh(case))
    given = {"opinion": "against", "text": "On second thoughts.", "version": review.version}
    submit_review(review=review, by=panel.reviewers[0], **given)
    panel.approve(fresh(case))
    with pytest.raises(ConflictError):
        reopen_review(review=fresh(review), by=panel.reviewers[0])


def test_a_review_on_which_a_decision_rests_stays_as_it_is_during_the_appeal(panel):
    case, review = submitted(panel)
    case = decide_case(case=fresh(case), decision="rejected", reason="No.", by=panel.chair)
    appeal_case(case=case, text="You misread it.", by=panel.joint.lead)
    mine = signed_in(panel.reviewers[0])
    address = reverse("collab:ethics_review_reopen", args=[review.pk])
    assert address not in mine.get(review.get_absolute_url()).content.decode()
    with pytest.raises(ConflictError, match="rests on this review"):
        reopen_review(review=review, by=panel.reviewers[0])
    assert api(panel.reviewers[0]).post(f"/api/v1/ethics-reviews/{review.pk}/reopen/").status_code == 409

    [later] = assign(case=fresh(case), reviewers=panel.reviewers[1:], by=panel.chair)
    later = submit_review(review=later, opinion="favour", text="Hm.", by=panel.reviewers[1], version=later.version)
    assert reopen_review(review=later, by=panel.reviewers[1]).state == "asked", "nothing rests on it yet"


def test_a_sealed_review_is_not_changed_after_all_could_read_it(panel):
    edit_committee(committee=panel.committee, by=panel.admin, version=1, seals_reviews=True)
    _case, review = submitted(panel)
    with pytest.raises(ConflictError, match="everybody may read them"):
        reopen_review(review=review, by=panel.reviewers[0])


def test_whoever_could_read_another_sealed_review_keeps_to_their_own(panel):
    edit_committee(committee=panel.committee, by=panel.admin, version=1, seals_reviews=True)
    case, (one, two) = panel.case(), panel.reviewers
    assign(case=case, reviewers=[one, two, panel.chair], by=panel.chair)

    def review(person):
        return case.reviews.get(reviewer=person)

    def give(person):
        given = {"opinion": "favour", "text": "Fine.", "version": review(person).version}
        return submit_review(review=review(person), by=person, **given)

    def offered(person) -> bool:
        address = reverse("collab:ethics_review_reopen", args=[review(person).pk])
        return address in signed_in(person).get(review(person).get_absolute_url()).content.decode()

    give(panel.chair)
    assert offered(panel.chair), "nobody else's is there yet"
    give(one)
    assert offered(one) and not offered(panel.chair), "a chair reads what is there"
    with pytest.raises(ConflictError, match="somebody else in this round"):
        reopen_review(review=review(panel.chair), by=panel.chair)
    reopen_review(review=review(one), by=one)
    assert not offered(panel.chair), "what it says can still be read"
    give(one)
    give(two)
    third = employ(person("Reviewer 3"), panel.joint.university, Role.ETHICS_REVIEWER)
    assign(case=fresh(case), reviewers=[third], by=panel.chair)
    for reviewer in (one, two, panel.chair):
        assert not offered(reviewer), "they could read each other's until the third was asked"
        with pytest.raises(ConflictError, match="yours stays"):
            reopen_review(review=review(reviewer), by=reviewer)


def test_a_sealed_review_stays_although_whoever_was_read_is_excused(panel):
    edit_committee(committee=panel.committee, by=panel.admin, version=1, seals_reviews=True)
    case, (one, two) = panel.case(), panel.reviewers
    swayed = next(row for row in assign(case=case, reviewers=[one, two], by=panel.chair) if row.reviewer == two)
    declare_conflict(review=swayed, kind="other", text="A cousin", by=two)
    settle_conflict(review=fresh(swayed), move="waive", plan="Two read", by=panel.chair)
    for reviewer in (one, two):
        review = case.reviews.get(reviewer=reviewer)
        submit_review(review=review, opinion="favour", text="Fine.", by=reviewer, version=review.version)
    settle_conflict(review=fresh(swayed), move="recuse", by=panel.chair)
    third = employ(person("Reviewer 3"), panel.joint.university, Role.ETHICS_REVIEWER)
    assign(case=fresh(case), reviewers=[third], by=panel.chair)
    with pytest.raises(ConflictError, match="yours stays"):
        reopen_review(review=case.reviews.get(reviewer=one), by=one)


def test_the_page_and_the_api_reopen_a_review(panel):
    _case, review = submitted(panel)
    mine, address = signed_in(panel.reviewers[0]), reverse("collab:ethics_review_reopen", args=[review.pk])
    assert address in mine.get(review.get_absolute_url()).content.decode()
    assert address not in signed_in(panel.chair).get(review.get_absolute_url()).content.decode()
    assert mine.post(address).url == review.get_absolute_url()
    shown = mine.get(review.get_absolute_url()).content.decode()
    assert "Fine." in shown and address not in shown and fresh(review).state == "asked"
    given = {"opinion": "against", "text": "No.", "version": fresh(review).version}
    assert mine.post(review.get_absolute_url(), given).status_code == 302
    url = f"/api/v1/ethics-reviews/{review.pk}/reopen/"
    assert api(panel.chair).post(url).status_code == 403
    assert api(panel.reviewers[0]).post(url).json()["state"] == "asked"
    assert api(panel.reviewers[0]).post(url).status_code == 409


# --- the names of a questionnaire
def test_the_names_and_notes_of_a_questionnaire_are_corrected_in_both_languages(panel):
    chair, lead = signed_in(panel.chair), signed_in(panel.joint.lead)
    new = reverse("collab:ethics_form_new")
    assert "note_zh" in chair.get(new).content.decode()
    address = reverse("collab:ethics_form_edit", args=[panel.form.pk])
    assert address in chair.get(panel.form.get_absolute_url()).content.decode()
    assert address not in lead.get(panel.form.get_absolute_url()).content.decode()
    assert lead.get(address).status_code == 403
    sent = {"name": "Own questions", "name_zh": "自有问卷", "note": "Ours.", "note_zh": "我们的。", "version": 1}
    assert chair.post(address, sent).url == panel.form.get_absolute_url()
    form = fresh(panel.form)
    assert (form.name, form.name_zh, form.note, form.note_zh) == ("Own questions", "自有问卷", "Ours.", "我们的。")
    assert chair.post(address, sent | {"name": "Other"}).status_code == 412
    client, url = api(panel.chair), f"/api/v1/ethics-forms/{form.pk}/"
    tag = client.get(url)["ETag"]
    assert client.patch(url, {"name": "X"}, "application/json").status_code == 428
    told_ = client.patch(url, {"note_zh": "注"}, "application/json", headers={"If-Match": tag}).json()
    assert (told_["name"], told_["note_zh"], len(told_["versions"])) == ("Own questions", "注", 1)
    load_forms()
    shipped = EthicsForm.objects.get(code="trustworthy-ai")
    with pytest.raises(RefusedError, match="comes with Tandem"):
        edit_form(form=shipped, by=panel.chair, version=1, name="Mine")
    assert AuditEvent.objects.filter(verb="ethics.edit_form").count() == 2
