"""Ethics applications: triage gives its reasons, a committee decides, and what it asks for stops the machine side."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from unittest.mock import patch

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from collab.access.policy import allowed, can, decide, visible_to
from collab.access.roles import Role
from collab.accounts.models import Membership, User
from collab.audit.models import AuditEvent
from collab.ethics.deciding import (
    ConditionTerm,
    ask_applicants,
    assign,
    close_report,
    confirm_condition,
    decide_case,
    declare_conflict,
    hold_case,
    settle_conflict,
    submit_review,
)
from collab.ethics.models import EthicsCase, EthicsCommittee, EthicsForm, EthicsReview
from collab.ethics.questions import scores
from collab.ethics.services import (
    add_form_version,
    answer_question,
    appeal_case,
    begin_assessment,
    begin_case,
    carry_over,
    claim_condition,
    edit_committee,
    finish_assessment,
    follow_case,
    found_committee,
    report,
    save_answers,
    submit_case,
    withdraw_case,
    write_form,
)
from collab.ethics.shipped import load_forms
from collab.inbox.models import Obligation, Request
from collab.inbox.services import decide_request, meet_condition, withdraw_request
from collab.kernel.errors import (
    ConflictError,
    FaultyInputError,
    InvalidError,
    NotFoundError,
    NotReadyError,
    RefusedError,
    StaleError,
)
from collab.projects.services import create_project
from collab.transfer.licences.models import LicensedAsset
from collab.transfer.licences.services import held_now
from registry.catalog.models import RegisteredModel
from tests.cast import Joint, active, employ, person, token_for
from tests.licensing import asset, trained
from training.engine.contract import default_spec
from training.jobs import lifecycle
from training.jobs.lifecycle import Ending
from training.jobs.purposes import lost_by
from training.jobs.services import resume_job, submit_job

pytestmark = pytest.mark.django_db
QUESTIONS = [
    {"key": "aim", "type": "text", "label": "Aim?"},
    {"key": "people", "type": "yes_no", "label": "People?"},
    {"key": "minors", "type": "yes_no", "label": "Minors?", "show_if": {"key": "people", "is": [True]}},
    {"key": "burden", "type": "scale", "label": "Burden?", "required": False},
]
RULES = [
    {"code": "minors", "question": "minors", "is": [True], "reason": "Minors take part."},
    {"code": "burden", "question": "burden", "at_least": 4, "reason": "It may harm."},
]
SHORT = {"aim": "Learn", "people": False}
FULL = {"aim": "Learn", "people": True, "minors": True}


def day(number: int):
    return timezone.localdate() + timedelta(days=number)


class Panel:
    """A committee of the university with its chair, two reviewers and a form."""

    def __init__(self, joint: Joint) -> None:
        self.joint = joint
        self.admin = employ(person("Registrar"), joint.university, Role.ORGANISATION_ADMIN)
        self.chair = employ(person("Chair"), joint.university, Role.ETHICS_CHAIR)
        self.reviewers = [employ(person(f"Reviewer {n}"), joint.university, Role.ETHICS_REVIEWER) for n in (1, 2)]
        self.committee = found_committee(organisation=joint.university, name="Board", by=self.admin, minimum_reviews=1)
        self.form = write_form(
            code="own", purpose="review", name="Own form", questions=QUESTIONS, rules=RULES,
            organisation=joint.university, by=self.chair,
        )  # fmt: skip

    def case(self, answers: dict | None = None, *, submit: bool = True) -> EthicsCase:
        case = begin_case(
            project=self.joint.project, committee=self.committee, form=self.form, title="Letters", by=self.joint.lead
        )
        answers = FULL if answers is None else answers
        case = save_answers(row=case, answers=answers, number=1, version=case.version, by=self.joint.lead)
        return submit_case(case=case, number=1, by=self.joint.lead) if submit else case

    def reviewed(self, case: EthicsCase) -> EthicsCase:
        [review] = assign(case=case, reviewers=self.reviewers[:1], by=self.chair)
        submit_review(review=review, opinion="favour", text="Fine.", by=self.reviewers[0], version=review.version)
        return fresh(case)

    def approve(self, case: EthicsCase, **facts) -> EthicsCase:
        facts = {"decision": "approved", "valid_until": day(30), "blocks": ["jobs"]} | facts
        return decide_case(case=case, by=self.chair, **facts)

    def approved(self, **facts) -> EthicsCase:
        return self.approve(self.case(SHORT), **facts)

    def conditional(self, *terms: ConditionTerm, **facts) -> EthicsCase:
        return self.approved(decision="approved_with_conditions", conditions=terms, **facts)


def fresh(row):
    return type(row).objects.get(pk=row.pk)


@pytest.fixture
def panel(aurora) -> Panel:
    return Panel(aurora)


def missing(user: User, word: str, obj) -> list[str]:
    return [one.code for one in decide(user, word, obj).missing]


# --- triage and answers
def test_rules_choose_the_route_and_say_why(panel):
    short, full = panel.case(SHORT), panel.case(FULL)

    assert (short.route, short.reasons) == ("short", [])
    assert (full.route, [reason["reason"] for reason in full.reasons]) == ("full", ["Minors take part."])
    asked = Request.objects.get(pk=full.request_id)
    assert (asked.organisation, asked.state) == (panel.joint.university, "open")
    assert timezone.localdate(asked.due_at) == day(panel.committee.full_days)


def test_a_branch_that_is_not_taken_is_neither_asked_nor_ruled_on(panel):
    case = panel.case({"aim": "Learn", "people": False, "minors": True})

    assert "minors" not in case.answers
    assert case.route == "short"


def test_what_is_asked_must_be_answered_before_it_is_submitted(panel):
    case = panel.case({"aim": " \n ", "people": True}, submit=False)
    with pytest.raises(FaultyInputError) as caught:
        submit_case(case=case, number=1, by=panel.joint.lead)

    assert {fault.path for fault in caught.value.faults} == {"answers.aim", "answers.minors"}


def test_answers_stay_with_their_version_and_are_carried_over(panel):
    case = panel.case(SHORT, submit=False)
    more = {"key": "energy", "type": "yes_no", "label": "Energy?"}
    asked = [{**QUESTIONS[0], "label": "What for?"}, QUESTIONS[1] | {"type": "scale"}, more]
    add_form_version(form=panel.form, questions=asked, by=panel.chair)
    assert fresh(case).form_version.number == 1
    with pytest.raises(ConflictError, match="answers to version 2"):
        save_answers(row=case, answers=SHORT, number=2, version=case.version, by=panel.joint.lead)

    case = carry_over(row=case, by=panel.joint.lead)

    carried = case.carried
    assert case.answers == {"aim": "Learn"}  # `people` is another kind of question now
    assert (carried.new, carried.changed, carried.dropped) == (["energy"], ["aim", "people"], ["minors", "burden"])
    with pytest.raises(ConflictError, match="answers to version 1"):
        submit_case(case=case, number=1, by=panel.joint.lead)
    with pytest.raises(ConflictError, match="newest version"):
        carry_over(row=case, by=panel.joint.lead)
    with pytest.raises(StaleError):
        save_answers(row=case, answers={}, number=2, version=case.version - 1, by=panel.joint.lead)


@pytest.mark.parametrize(
    ("questions", "rules", "path"),
    [
        (
            [{"key": "a", "type": "yes_no", "label": "A", "show_if": {"key": "b", "is": [True]}}],
            [],
            "questions.1.show_if",
        ),
        ([QUESTIONS[1], QUESTIONS[2] | {"show_if": {"key": "people", "is": [1]}}], [], "questions.2.show_if"),
        ([QUESTIONS[0] | {"weight": 11}], [], "questions.1.weight"),
        ([QUESTIONS[0] | {"weigth": 1}], [], "questions.1.weigth"),
        (QUESTIONS, [{"code": "x", "question": "nope", "is": [True], "reason": "Why."}], "rules.1.question"),
        (QUESTIONS, [{"code": "x", "question": "people", "at_least": 2, "reason": "Why."}], "rules.1.at_least"),
        (QUESTIONS, [{"code": "x", "question": "people", "is": [True]}], "rules.1.reason"),
    ],
)
def test_a_questionnaire_is_checked_when_it_is_written(panel, questions, rules, path):
    with pytest.raises(FaultyInputError) as caught:
        add_form_version(form=panel.form, questions=questions, rules=rules, by=panel.chair)

    assert path in {fault.path for fault in caught.value.faults}


def test_the_questionnaires_that_come_with_tandem_are_whole():
    assert load_forms() == 3
    assert load_forms() == 0
    for form in EthicsForm.objects.all():
        [version] = form.versions.all()
        assert "no legal advice" in form.note
        assert "法律意见" in form.note_zh
        for question in version.questions:
            assert question["label_zh"]
            assert question["section_zh"]
            assert bool(question["help"]) == bool(question["help_zh"])
            assert len(question["options_zh"]) == len(question["options"])
        assert all(rule["reason_zh"] for rule in version.rules)
    codes = {rule["code"] for rule in EthicsForm.objects.get(code="project-ethics").versions.get().rules}
    assert codes >= {"personal_data", "minors", "health", "dual_use", "scale", "deployment"}
    altai = EthicsForm.objects.get(code="trustworthy-ai").versions.get()
    assert len({question["section"] for question in altai.questions}) == 7


# --- the committee
def test_who_had_not_reviewed_yet_reads_the_changes_too(panel):
    case = panel.case()
    assign(case=case, reviewers=panel.reviewers, by=panel.chair)
    [late] = EthicsReview.objects.filter(reviewer=panel.reviewers[1])
    case = decide_case(case=fresh(case), decision="returned", reason="Ages?", by=panel.chair)
    case = submit_case(case=case, number=1, by=panel.joint.lead)
    assert fresh(late).state == "lapsed"
    assert set(case.reviews.filter(round=2, state="asked").values_list("reviewer", flat=True)) == {
        one.pk for one in panel.reviewers
    }  # fmt: skip
    owed = Obligation.objects.filter(kind="review", settled_at=None)
    assert {row.source_id for row in owed} == {str(row.pk) for row in case.reviews.filter(state="asked")}


def test_a_full_case_needs_its_reviews_and_a_reviewer_sees_only_theirs(panel):
    case, other = panel.case(), panel.case()
    with pytest.raises(NotReadyError, match="Only 0 of at least 1"):
        panel.approve(case)
    one, two = panel.reviewers
    assert not can(one, "ethics.view", case)

    case = panel.reviewed(case)

    assert can(one, "ethics.view", case)
    assert not can(one, "ethics.view", other)
    assert not can(two, "ethics.view", case)
    assert not can(panel.chair, "ethics.view", panel.case(submit=False)), "a draft is nobody's but the project's"
    edit_committee(committee=panel.committee, by=panel.admin, version=1, reviewers_see_all=True)
    assert can(two, "ethics.view", other)
    assert panel.approve(case).state == "approved"
    assert Request.objects.get(pk=case.request_id).decided_by == panel.chair


def test_whoever_left_the_committee_or_was_not_waited_for_reads_no_case(panel):
    case, (one, two) = panel.reviewed(panel.case()), panel.reviewers
    [given] = case.reviews.all()
    [waits] = assign(case=panel.case(), reviewers=[one], by=panel.chair)
    [other] = assign(case=case, reviewers=[two], by=panel.chair)
    assert can(one, "ethics.view", case) and can(one, "ethics.review", waits)
    Membership.objects.filter(user=one).delete()
    assert not can(one, "ethics.view", case) and not can(one, "ethics.deliberate", given)
    with pytest.raises((NotFoundError, RefusedError)):
        submit_review(review=waits, opinion="favour", text="Fine.", by=one, version=waits.version)
    decide_case(case=fresh(case), decision="rejected", reason="No.", by=panel.chair)
    assert fresh(other).state == "lapsed"
    assert not can(two, "ethics.view", case) and not can(two, "ethics.review", other)


def test_a_day_further_than_an_approval_holds_is_refused(panel):
    far = day(365 * 11)
    with pytest.raises(InvalidError):
        assign(case=panel.case(), reviewers=panel.reviewers[:1], by=panel.chair, due_on=far)
    with pytest.raises(InvalidError):
        panel.approve(
            panel.case(SHORT), decision="approved_with_conditions", conditions=[ConditionTerm("X", due_on=far)]
        )


def test_a_case_that_is_late_is_still_assigned(panel):
    case = panel.case()
    with time_machine.travel(case.request.due_at + timedelta(days=3)):
        [review] = assign(case=case, reviewers=panel.reviewers[:1], by=panel.chair)
        assert review.due_on == timezone.localdate()


def test_nobody_reviews_or_decides_about_a_project_of_their_own(panel):
    employ(panel.joint.researcher, panel.joint.university, Role.ETHICS_CHAIR)
    case = panel.case(SHORT)
    with pytest.raises(InvalidError, match="belongs to the project"):
        assign(case=case, reviewers=[panel.joint.researcher], by=panel.chair)
    with pytest.raises(InvalidError, match="does not sit"):
        assign(case=case, reviewers=[panel.admin], by=panel.chair)
    with pytest.raises(RefusedError, match="somebody else decides"):
        decide_case(case=case, decision="rejected", reason="No.", by=panel.joint.researcher)
    Membership.objects.filter(user=panel.chair).delete()

    stuck = Request.objects.get(pk=panel.case(SHORT).request_id)

    assert stuck.escalated_to == "admins"  # not silence: those who can mend it are told


def test_a_conflict_of_interest_waits_for_the_chair(panel):
    case = panel.case()
    [review] = assign(case=case, reviewers=panel.reviewers[:1], by=panel.chair)
    reviewer = panel.reviewers[0]
    declare_conflict(review=review, kind="financial", text="Shares.", by=reviewer)
    with pytest.raises(NotReadyError, match="conflict of interest"):
        submit_review(review=review, opinion="favour", text="Fine.", by=reviewer, version=fresh(review).version)
    with pytest.raises(RefusedError, match="for “Board”"):
        settle_conflict(review=review, move="dismiss", by=reviewer)
    with pytest.raises(InvalidError, match="the plan"):
        settle_conflict(review=review, move="waive", by=panel.chair)

    settle_conflict(review=review, move="recuse", by=panel.chair)

    assert fresh(review).state == "recused"
    assert not can(reviewer, "ethics.view", case)
    assert not Obligation.objects.open().filter(source_id=str(review.pk)).exists()
    assert not AuditEvent.objects.filter(verb="ethics.declare", actor_id=reviewer.pk).exists()


def test_questions_go_back_and_changed_answers_are_known(panel, client):
    bearer = {"Authorization": f"Bearer {token_for(panel.chair)}"}
    case = panel.case()
    [review] = assign(case=case, reviewers=panel.reviewers[:1], by=panel.chair)
    asked = ask_applicants(case=case, key="minors", text="How many?", by=panel.reviewers[0])
    with pytest.raises(InvalidError, match="no such question"):
        ask_applicants(case=case, key="nope", text="?", by=panel.chair)
    assert answer_question(question=asked, text="Twelve.", by=panel.joint.lead).answered_at
    with pytest.raises(ConflictError, match="answered already"):
        answer_question(question=asked, text="Thirteen.", by=panel.joint.lead)
    submit_review(review=review, opinion="against", text="No.", by=panel.reviewers[0], version=review.version)
    with pytest.raises(InvalidError, match="Say why"):
        decide_case(case=case, decision="returned", by=panel.chair)
    case = decide_case(case=case, decision="returned", reason="No minors, please.", by=panel.chair)
    assert case.state == "changes_requested"

    case = save_answers(row=case, answers=FULL | {"minors": False}, number=1, version=case.version, by=panel.joint.lead)
    case = submit_case(case=case, number=1, note="Adults only.", by=panel.joint.lead)

    assert (case.state, case.round, case.route) == ("in_review", 2, "short")
    with pytest.raises(StaleError):  # whoever read the first round has not read this one
        panel.approve(case, read_round=1)
    told = client.get(f"/api/v1/ethics-cases/{case.pk}/", headers=bearer).json()
    assert told["changed"] == ["minors"]
    found = client.get(f"/api/v1/ethics-reviews/?case={case.pk}&state=asked", headers=bearer).json()["results"]
    assert [one["round"] for one in found] == [2]
    assert EthicsReview.objects.get(case=case, round=2).reviewer == panel.reviewers[0]
    new, old = case.submissions.all()
    assert (new.number, old.answers["minors"], new.answers["minors"]) == (2, True, False)
    assert Request.objects.filter(subject_id=str(case.pk)).count() == 2


def test_it_is_decided_on_its_page_only_and_by_nobodys_silence(panel):
    case = panel.case(SHORT)
    asked = Request.objects.get(pk=case.request_id)
    with pytest.raises(RefusedError, match="decide on its page"):
        decide_request(request=asked, decision="approved", by=panel.chair)
    with pytest.raises(RefusedError, match="Withdraw the application itself"):
        withdraw_request(request=asked, by=panel.joint.lead)
    with pytest.raises(RefusedError, match="This is for “Board”"):
        decide_case(case=case, decision="approved", valid_until=day(9), by=panel.joint.lead)
    Request.objects.filter(pk=asked.pk).update(due_at=timezone.now() - timedelta(days=90))
    assert fresh(case).state == "submitted"
    for wrong in (None, day(-1), day(4000)):
        with pytest.raises(InvalidError, match="until when it holds"):
            panel.approve(case, valid_until=wrong)
    panel.approve(case)
    with pytest.raises(ConflictError, match="Approved"):
        panel.approve(case)
    assert withdraw_case(case=panel.case(), by=panel.joint.lead).state == "withdrawn"


# --- what it blocks
def at(moment_day, clock: time) -> datetime:
    return timezone.make_aware(datetime.combine(moment_day, clock))


def test_an_approval_stops_jobs_the_second_after_its_last_day(panel):
    case = panel.approved(valid_until=day(30))
    project, lead = panel.joint.project, panel.joint.lead
    last, next_ = at(day(30), time(23, 59, 59)), at(day(31), time(0, 0, 0))

    assert decide(lead, "job.submit", project, last)
    assert decide(lead, "dataset.upload", project, next_)
    refused = decide(lead, "job.submit", project, next_)

    assert not refused
    assert [one.code for one in refused.missing] == ["ethics_approval"]
    assert "was valid until" in str(refused.missing[0].sentence)
    assert refused.missing[0].url == case.get_absolute_url()
    with patch("django.utils.timezone.now", return_value=next_):
        assert "job.submit" not in allowed(lead, project, "job.submit")
        renewal = follow_case(case=fresh(case), by=lead)
    assert renewal.kind == "renewal"


def test_an_open_condition_stops_what_it_says_and_decide_names_it(panel):
    joint = panel.joint
    dataset = joint.dataset()
    joint.cover(reference="DUA-1")
    assert decide(joint.lead, "dataset.read", dataset)
    case = panel.conditional(
        ConditionTerm("Mask the names.", ["data", "jobs"]),
        ConditionTerm("Report first.", ["releases"], day(5)),
        blocks=[],
    )

    assert missing(joint.lead, "dataset.read", dataset) == ["ethics_condition"]
    assert missing(joint.lead, "job.submit", joint.project) == ["ethics_condition"]
    told = decide(joint.lead, "job.submit", joint.project).missing[0]
    assert "Mask the names." in str(told.sentence)
    assert told.url == f"{case.get_absolute_url()}#condition-1"

    first = case.conditions.get(number=1)
    claim_condition(condition=first, evidence="Commit 7.", by=joint.lead)
    assert missing(joint.lead, "job.submit", joint.project) == ["ethics_condition"], "a claim is no confirmation"
    with pytest.raises(RefusedError):
        confirm_condition(condition=first, by=joint.lead)
    confirm_condition(condition=first, by=panel.chair)
    assert decide(joint.lead, "job.submit", joint.project)
    assert decide(joint.lead, "dataset.read", dataset)


def test_what_was_licensed_waits_too(office):
    asset = LicensedAsset.objects.get(licence=office.execute())
    panel = Panel(office.joint)
    assert can(office.firm_engineer, "release.download", asset)
    case = panel.conditional(ConditionTerm("Finish the checklist.", ["releases"]))

    assert missing(office.firm_engineer, "release.download", asset) == ["ethics_condition"]
    told = decide(office.firm_engineer, "release.download", asset).missing[0]
    assert "checklist" not in str(told.sentence) and told.url == ""  # a licensee does not read the case
    confirm_condition(condition=case.conditions.get(), evidence="Done.", by=panel.chair)
    assert can(office.firm_engineer, "release.download", asset)


def test_a_licence_waits_for_the_ethics_of_every_project_it_draws_from(office):
    elsewhere = create_project(title="Cygnus", lead_organisation=office.joint.university, by=office.joint.lead)
    second = replace(office.joint, project=active(elsewhere))
    model, panel = trained(second, second.lead), Panel(second)
    draft = office.draft(assets=[asset(model)])
    case = panel.conditional(ConditionTerm("Finish the checklist.", ["releases"]), blocks=["releases"])
    with pytest.raises(NotReadyError, match="condition of the ethics committee"):
        office.send(draft)
    assert [one.code for one in held_now(fresh(draft), office.officer)] == ["ethics_condition"]

    confirm_condition(condition=case.conditions.get(), evidence="Done.", by=panel.chair)
    sent = office.send(draft)
    case = hold_case(case=fresh(case), move="suspend", reason="A complaint.", by=panel.chair)
    with pytest.raises(NotReadyError, match="suspended its approval"):
        office.sign(sent)
    hold_case(case=case, move="resume", reason="It was unfounded.", by=panel.chair)
    office.sign(fresh(sent))
    licensed = LicensedAsset.objects.get(licence=draft)
    assert can(office.firm_engineer, "release.download", licensed)
    over = at(case.valid_until + timedelta(days=1), time(0, 0, 1))
    assert decide(office.firm_engineer, "release.download", licensed, over).missing[-1].code == "ethics_approval"
    hold_case(case=fresh(case), move="revoke", reason="It was not.", by=panel.chair)
    assert missing(office.firm_engineer, "release.download", licensed) == ["ethics_approval"]


def test_a_running_job_is_paused_and_goes_on_once_the_condition_is_met(panel):
    joint = panel.joint
    joint.cover(reference="DUA-1")
    data = joint.dataset().latest()
    facts = {"name": "Letters", "spec": default_spec("causal-lm", data.profile, str(data.pk)).to_json(), "purpose": {}}
    submit_job(project=joint.project, by=joint.lead, **facts)
    job = lifecycle.claim(owner="node-1", host="node-1", cpus=64)
    assert lost_by(job, joint.lead) == []
    case = panel.conditional(ConditionTerm("Mask the names.", ["jobs"]))

    [lost] = lost_by(job, joint.lead)
    assert lost.code == "ethics_condition" and "Mask the names." in str(lost.sentence)
    ending = Ending("access_lost", str(lost.sentence))  # what the runner says when it asks
    assert lifecycle.end_attempt(job_id=job.pk, fence=job.fence, ending=ending).state == "paused"
    with pytest.raises(RefusedError):
        resume_job(job=fresh(job), by=joint.lead)
    confirm_condition(condition=case.conditions.get(), evidence="Done.", by=panel.chair)
    assert resume_job(job=fresh(job), by=joint.lead).state == "queued"


def test_downloads_wait_for_what_is_asked_of_releases(panel):
    joint = panel.joint
    facts = {"project": joint.project, "name": "Letters", "task": "causal-lm", "created_by": joint.lead}
    model = RegisteredModel.objects.create(**facts)
    assert decide(joint.engineer, "model.download", model)
    case = panel.conditional(ConditionTerm("Finish the checklist.", ["releases"]))

    assert missing(joint.engineer, "model.download", model) == ["ethics_condition"]
    assert decide(joint.engineer, "model.view", model)
    assert decide(joint.lead, "job.submit", joint.project)
    confirm_condition(condition=case.conditions.get(), evidence="Done.", by=panel.chair)
    assert decide(joint.engineer, "model.download", model)


def test_a_condition_with_a_day_blocks_after_it_and_the_inbox_meets_it_too(panel):
    case = panel.conditional(ConditionTerm("Report first.", ["jobs"], day(5)))
    lead, project = panel.joint.lead, panel.joint.project
    row = case.conditions.get()

    assert decide(lead, "job.submit", project, at(day(5), time(23, 59, 59)))
    assert not decide(lead, "job.submit", project, at(day(6), time(0, 0)))
    assert Obligation.objects.open().filter(source_id=str(row.pk)).exists()
    with pytest.raises(RefusedError):
        meet_condition(condition=row.condition, by=lead, evidence="Trust me.")
    meet_condition(condition=row.condition, by=panel.chair, evidence="The report.")
    assert decide(lead, "job.submit", project, at(day(6), time(0, 0)))
    assert not Obligation.objects.open().filter(source_id=str(row.pk)).exists()


def test_what_one_may_not_read_is_not_told_in_a_refusal(panel):
    panel.conditional(ConditionTerm("Mask the names of Ms X.", ["jobs"]))
    Membership.objects.filter(user=panel.joint.engineer, project=panel.joint.project).update(role=Role.OBSERVER)

    codes = {one.code: one for one in decide(panel.joint.engineer, "job.submit", panel.joint.project).missing}

    assert "Ms X" not in str(codes["ethics_condition"].sentence)
    assert codes["ethics_condition"].url == ""


def test_whoever_looks_at_the_rights_of_others_reads_no_more_of_ethics_than_they_may(panel, client):
    joint = panel.joint
    panel.conditional(ConditionTerm("Mask the names of Ms X.", ["jobs"]))
    Membership.objects.filter(user=joint.engineer, project=joint.project).update(role=Role.OBSERVER)
    page = reverse("collab:project_right", args=[joint.project.slug, joint.lead.pk, "job.submit"])

    client.force_login(joint.lead)
    own = client.get(page).content.decode()
    client.force_login(joint.engineer)
    others = client.get(page).content.decode()

    assert "Ms X" in own and "/ethics/cases/" in own
    assert "A condition of the ethics committee is not met yet." in others
    assert "Ms X" not in others and "/ethics/cases/" not in others


def test_a_committee_may_let_jobs_wait_for_its_decision(panel):
    project, lead = panel.joint.project, panel.joint.lead
    edit_committee(committee=panel.committee, by=panel.admin, version=1, holds_jobs=True)
    panel.committee = EthicsCommittee.objects.get()
    panel.case(SHORT)
    assert decide(lead, "job.submit", project)
    case = panel.case()

    assert missing(lead, "job.submit", project) == ["ethics_approval"]
    panel.approve(panel.reviewed(case))
    assert decide(lead, "job.submit", project)


def test_suspending_and_revoking_stop_at_once(panel):
    case = panel.approved()
    project, lead = panel.joint.project, panel.joint.lead
    with pytest.raises(InvalidError, match="Say why"):
        hold_case(case=case, move="suspend", reason=" ", by=panel.chair)
    hold_case(case=case, move="suspend", reason="An incident.", by=panel.chair)
    assert missing(lead, "job.submit", project) == ["ethics_approval"]
    hold_case(case=case, move="resume", reason="Settled.", by=panel.chair)
    assert decide(lead, "job.submit", project)
    hold_case(case=case, move="revoke", reason="It happened again.", by=panel.chair)
    assert missing(lead, "job.submit", project) == ["ethics_approval"]
    again = follow_case(case=case, by=lead)
    assert again.kind == "again"
    again = submit_case(case=again, number=1, by=lead)
    assert missing(lead, "job.submit", project) == ["ethics_approval"], "asking again opens nothing"
    panel.approve(again)
    assert fresh(case).state == "superseded"
    assert decide(lead, "job.submit", project)


# --- afterwards
def test_an_amendment_takes_over_and_open_conditions_stay(panel):
    case = panel.conditional(ConditionTerm("Mask the names.", ["jobs"]))
    lead = panel.joint.lead
    amendment = follow_case(case=case, by=lead)
    assert (amendment.kind, amendment.answers) == ("amendment", SHORT)
    with pytest.raises(ConflictError, match="follows it already"):
        follow_case(case=case, by=lead)
    amendment = panel.approve(submit_case(case=amendment, number=1, by=lead))

    assert fresh(case).state == "superseded"
    assert missing(lead, "job.submit", panel.joint.project) == ["ethics_condition"]
    confirm_condition(condition=case.conditions.get(), by=panel.chair, evidence="Seen.")
    assert decide(lead, "job.submit", panel.joint.project)


def test_reports_have_their_day_and_an_incident_is_told(panel):
    case = panel.approved(monitor_months=6)
    lead = panel.joint.lead
    due = Obligation.objects.open().get(source_id=str(case.pk), kind="report")
    assert due.due_on == case.monitor_on
    with pytest.raises(InvalidError, match="cannot lie ahead"):
        report(case=case, kind="incident", severity="serious", happened_on=day(1), text="Leak.", by=lead)
    made = report(case=case, kind="incident", severity="serious", happened_on=day(0), text="Leak.", by=lead)
    assert panel.chair.notifications.filter(kind="ethics", title__contains="incident").exists()
    with pytest.raises(InvalidError, match="what follows"):
        close_report(report=made, outcome="", by=panel.chair)
    close_report(report=made, outcome="Keys were changed.", by=panel.chair)
    with pytest.raises(InvalidError, match="at least one letter"):
        report(case=case, kind="monitoring", text="\u200d \u200c", by=lead)
    report(case=case, kind="monitoring", text="All is well.", by=lead)
    assert Obligation.objects.open().get(source_id=str(case.pk), kind="report").due_on >= due.due_on


def test_an_appeal_is_decided_by_somebody_else_and_once(panel):
    lead = panel.joint.lead
    case = decide_case(case=panel.case(SHORT), decision="rejected", reason="No.", by=panel.chair)
    second = employ(person("Second Chair"), panel.joint.university, Role.ETHICS_CHAIR)
    case = appeal_case(case=case, text="You misread it.", by=lead)
    with pytest.raises(RefusedError, match="decision that is appealed"):
        decide_case(case=case, decision="rejected", reason="Still no.", by=panel.chair)
    with pytest.raises(ConflictError, match="“Appealed” now"):
        withdraw_case(case=case, by=lead)
    case = decide_case(case=case, decision="rejected", reason="No, too.", by=second)
    with pytest.raises(ConflictError, match="appeal was decided"):
        appeal_case(case=case, text="Once more.", by=lead)
    assert follow_case(case=case, by=lead).kind == "again"


def test_an_appeal_against_conditions_leaves_them_in_force_until_others_decide(panel, aurora):
    lead, project = aurora.lead, aurora.project
    with pytest.raises(ConflictError, match="no condition is open"):
        appeal_case(case=panel.approved(), text="No ground.", by=lead)
    case = panel.conditional(ConditionTerm("Mask the names.", ["jobs"]), blocks=["jobs"], valid_until=day(5))
    case = appeal_case(case=case, text="There are no names.", by=lead)
    second = employ(person("Second Chair"), aurora.university, Role.ETHICS_CHAIR)

    assert missing(lead, "job.submit", project) == ["ethics_condition"]  # not the approval, which stands
    with pytest.raises(RefusedError, match="decision that is appealed"):
        decide_case(case=case, decision="rejected", reason="They stand.", by=panel.chair)
    later = at(day(6), time(0, 0, 1))
    assert "ethics_condition" in [one.code for one in decide(lead, "job.submit", project, later).missing]
    assert EthicsCase.objects.blocking("jobs", later).filter(pk=case.pk).exists(), "its last day counts all the same"
    case = decide_case(case=case, decision="rejected", reason="They stand.", by=second)
    assert (case.state, case.valid_until, case.decided_by) == ("approved", day(5), panel.chair)
    assert missing(lead, "job.submit", project) == ["ethics_condition"]
    with pytest.raises(ConflictError, match="appeal was decided"):
        appeal_case(case=case, text="Once more.", by=lead)


def test_an_appeal_stays_one_while_reviewers_read_it(panel, aurora):
    case = panel.conditional(ConditionTerm("Mask the names.", ["data"]), blocks=["jobs"])
    case = appeal_case(case=case, text="There are no names.", by=aurora.lead)
    second = employ(person("Second Chair"), aurora.university, Role.ETHICS_CHAIR)
    [review] = assign(case=case, reviewers=panel.reviewers[:1], by=second)
    submit_review(review=review, opinion="against", text="There are.", by=panel.reviewers[0], version=review.version)

    assert fresh(case).stands and can(aurora.lead, "job.submit", aurora.project)
    assert EthicsCase.objects.in_worklist("appeals").get() == case
    case = decide_case(case=fresh(case), decision="rejected", reason="They stand.", by=second)
    assert (case.state, case.decided_by) == ("approved", panel.chair)


def test_an_appeal_that_is_right_lifts_the_conditions_or_replaces_them(panel, aurora):
    case = panel.conditional(ConditionTerm("Mask the names.", ["jobs"], day(3)), blocks=[])
    assert Obligation.objects.open().filter(kind="condition").count() == 1
    case = appeal_case(case=case, text="There are no names.", by=aurora.lead)
    second = employ(person("Second Chair"), aurora.university, Role.ETHICS_CHAIR)
    decide_case(
        case=case, decision="approved_with_conditions", reason="Say so first.", by=second, valid_until=day(9),
        conditions=[ConditionTerm("Say that there are none.", ["jobs"])],
    )  # fmt: skip

    old, new = case.conditions.order_by("number")
    assert old.lifted_at and not old.is_open and (new.number, new.is_open) == (2, True)
    assert not Obligation.objects.open().filter(kind="condition").exists()
    told = decide(aurora.lead, "job.submit", aurora.project).missing
    assert ["Say that there are none." in str(one.sentence) for one in told] == [True]
    confirm_condition(condition=new, evidence="Said.", by=second)  # who decided the appeal and set it
    assert can(aurora.lead, "job.submit", aurora.project)


def test_sealed_reviews_are_read_once_all_are_in_and_applicants_are_shown_none(panel, client):
    edit_committee(committee=panel.committee, by=panel.chair, version=1, seals_reviews=True)
    case, (first, second) = panel.case(), panel.reviewers
    mine, other, own = assign(case=case, reviewers=[first, second, panel.chair], by=panel.chair)
    submit_review(review=mine, opinion="favour", text="Fine.", by=first, version=1)
    submit_review(review=other, opinion="against", text="Not so.", by=second, version=1)

    def read(user) -> int:
        return visible_to(user, "ethics.deliberate", EthicsReview.objects.filter(case=case)).count()

    assert [read(first), read(second), read(panel.chair)] == [1, 1, 1], "a chair who reviews waits as well"
    submit_review(review=own, opinion="favour", text="Fine, too.", by=panel.chair, version=1)
    assert [read(first), read(second), read(panel.chair)] == [3, 3, 3]
    ask_applicants(case=fresh(case), text="Why?", by=first)
    panel.approve(fresh(case))
    lead = panel.joint.lead
    assert read(lead) == 0
    client.force_login(lead)
    assert client.get(f"/api/v1/ethics-cases/{case.pk}/").json()["questions"][0]["by"] is None

    edit_committee(committee=fresh(panel.committee), by=panel.chair, version=2, shows_reviewers=True)
    assert read(lead) == 3 and read(panel.joint.engineer) == 0
    assert "Not so." in client.get(case.get_absolute_url()).content.decode()
    told = client.get(f"/api/v1/ethics-cases/{case.pk}/").json()
    assert told["questions"][0]["by"]["name"] == "Reviewer 1"


def test_a_self_assessment_is_weighed_and_begun_from_the_last_one(panel):
    load_forms()
    form = EthicsForm.objects.get(code="trustworthy-ai")
    lead = panel.joint.lead
    made = begin_assessment(project=panel.joint.project, form=form, by=lead)
    answers = {q["key"]: 5 if q["type"] == "scale" else q["key"] != "overrule" for q in made.questions}
    made = save_answers(row=made, answers=answers, number=1, version=made.version, by=lead)
    made = finish_assessment(row=made, by=lead)
    with pytest.raises(ConflictError, match="no longer be changed"):
        save_answers(row=made, answers={}, number=1, version=made.version, by=lead)
    first, second, *_rest = scores(made.questions, made.answers)
    assert first.percent == round(100 * 5 / 9)  # weights 3, 4 and 2; the one of 4 is a no
    assert first.advice == ["Name who can stop it, and try it out once."]
    assert (second.percent, second.advice) == (100, [])
    assert begin_assessment(project=panel.joint.project, form=form, by=lead).answers == answers
    with pytest.raises(InvalidError, match="for a committee"):
        begin_assessment(project=panel.joint.project, form=panel.form, by=lead)


# --- who
def test_strangers_see_nothing_and_engineers_only_read(panel, borealis):
    case = panel.case()
    with pytest.raises(NotFoundError):
        withdraw_case(case=case, by=borealis.lead)
    with pytest.raises(RefusedError, match="Your role does not let you"):
        withdraw_case(case=case, by=panel.joint.engineer)
    stranger = employ(person("Foreign Chair"), borealis.university, Role.ETHICS_CHAIR)
    assert not can(stranger, "ethics.view", case)
    assert not can(panel.joint.observer, "ethics.view", case)
    with pytest.raises(RefusedError):
        edit_committee(committee=panel.committee, by=borealis.lead, version=1, name="Mine")
