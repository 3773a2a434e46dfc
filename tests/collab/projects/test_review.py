"""From proposal to contracting: steps, reviews, conflicts of interest, and the answer of every party."""

from __future__ import annotations

from decimal import Decimal

import pytest

from collab.access.policy import can
from collab.access.roles import Role
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.inbox.models import Obligation, Request
from collab.inbox.services import decide_request, meet_condition
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, NotReadyError, RefusedError, StaleError
from collab.projects.models import PartyApproval, Project, Review, ReviewStep
from collab.projects.services import (
    add_party,
    add_questionnaire_version,
    add_step,
    answer_approval,
    create_project,
    create_questionnaire,
    decide_conflict,
    decide_step,
    declare_conflict,
    edit_project,
    edit_step,
    move_project,
    write_review,
)
from tests.cast import employ, organisation, person
from tests.pages import as_

pytestmark = pytest.mark.django_db

QUESTIONS = [
    {"key": "method", "type": "scale", "label": "How sound is the method?"},
    {"key": "ethics", "type": "yes_no", "label": "Does it touch people?"},
    {"key": "route", "type": "choice", "label": "Which route?", "options": ["short", "long"], "required": False},
    {"key": "why", "type": "text", "label": "Why?", "required": False},
]
ANSWERS = {"method": 4, "ethics": False}


@pytest.fixture
def proposal(db):
    """A proposal of two parties with one review step, and everybody who has to do with it."""

    class Made:
        here, there = organisation("Riverside"), organisation("Northwind", "company")
        lead = employ(person("Lead"), here)
        office = employ(person("Office"), here, Role.ORGANISATION_ADMIN)
        chancellor = employ(person("Chancellor"), here, Role.SIGNATORY)
        director = employ(person("Director"), there, Role.SIGNATORY)
        chair, one, two, three = person("Chair"), person("One"), person("Two"), person("Three")

    made = Made()
    made.project = create_project(
        title="Ice", summary="What melts.", lead_organisation=made.here, partners=[made.there], by=made.lead
    )
    made.questionnaire = create_questionnaire(organisation=made.here, name="Short", questions=QUESTIONS, by=made.office)
    made.step = add_step(
        project=made.project,
        name="Science",
        chair=made.chair,
        reviewers=[made.one, made.two, made.three],
        minimum_reviews=2,
        minimum_score=Decimal("6.0"),
        questionnaire=made.questionnaire.versions.get(),
        by=made.lead,
    )
    return made


def submitted(made):
    move_project(project=made.project, move="submit", by=made.lead)
    made.project.refresh_from_db()
    made.step.refresh_from_db()
    return made


def review_of(made, user) -> Review:
    return Review.objects.get(step=made.step, reviewer=user, round=made.project.round)


def give(made, user, score="8.0", recommendation="approve"):
    review = review_of(made, user)
    return write_review(
        review=review, by=user, version=review.version, answers=ANSWERS, score=Decimal(score),
        recommendation=recommendation, submit=True,
    )  # fmt: skip


def codes(refused) -> list[str]:
    return [item.code for item in refused.value.missing]


def passed(made):
    return passed_on(submitted(made))


def passed_on(made):
    give(made, made.one)
    give(made, made.two)
    decide_step(step=made.step, move="pass", by=made.chair)
    move_project(project=made.project, move="ask_approval", by=made.lead)
    made.project.refresh_from_db()
    return made


def answer(made, user, party, decision="approve", reason=""):
    approval = PartyApproval.objects.get(project=made.project, party__organisation=party, round=made.project.round)
    return answer_approval(approval=approval, decision=decision, by=user, reason=reason)


# --- submitting
def test_what_is_not_described_is_not_reviewed(proposal):
    alone = create_project(title="Alone", lead_organisation=proposal.here, by=proposal.lead)
    with pytest.raises(NotReadyError) as refused:
        move_project(project=alone, move="submit", by=proposal.lead)
    assert codes(refused) == ["no_summary", "one_party"]
    assert all(item.url for item in refused.value.missing)
    assert Project.objects.get(pk=alone.pk).state == "proposal"


def test_nobody_chooses_what_follows_from_answers(proposal):
    submitted(proposal)
    for move in ("approve", "reject", "return"):
        with pytest.raises(ConflictError):
            move_project(project=proposal.project, move=move, by=proposal.lead, reason="because")


def test_an_idea_becomes_a_proposal(proposal):
    idea = create_project(title="Idea", lead_organisation=proposal.here, by=proposal.lead, state="idea")
    assert move_project(project=idea, move="propose", by=proposal.lead).state == "proposal"
    with pytest.raises(InvalidError):
        create_project(title="X", lead_organisation=proposal.here, by=proposal.lead, state="active")


def test_a_template_is_copied_into_a_project_without_steps(proposal):
    add_step(
        organisation=proposal.here, name="Office", chair=proposal.office, reviewers=[proposal.one], by=proposal.office
    )
    project = create_project(
        title="Snow", summary="S", lead_organisation=proposal.here, partners=[proposal.there], by=proposal.lead
    )
    move_project(project=project, move="submit", by=proposal.lead)
    step = ReviewStep.objects.get(project=project)
    assert (step.name, step.state, step.reviews.count()) == ("Office", "open", 1)
    assert ReviewStep.objects.get(organisation=proposal.here).state == "waiting"
    with pytest.raises(ConflictError, match="template"):
        decide_step(step=ReviewStep.objects.get(organisation=proposal.here), move="pass", by=proposal.office)


# --- reviewing
def test_a_review_keeps_the_questions_it_began_with(proposal):
    submitted(proposal)
    add_questionnaire_version(questionnaire=proposal.questionnaire, questions=QUESTIONS[:1], by=proposal.office)
    review = review_of(proposal, proposal.one)
    assert [q["key"] for q in review.questions] == ["method", "ethics", "route", "why"]


@pytest.mark.parametrize(
    "answers", [{}, {"method": 9, "ethics": True}, {"method": 3, "ethics": "no"}, {**ANSWERS, "route": "third"},
                {**ANSWERS, "other": 1}, {**ANSWERS, "why": "a\x00"}]
)  # fmt: skip
def test_answers_that_do_not_fit_are_refused(proposal, answers):
    submitted(proposal)
    review = review_of(proposal, proposal.one)
    with pytest.raises(InvalidError):
        write_review(
            review=review, by=proposal.one, version=1, answers=answers, score=Decimal(5), recommendation="approve",
            submit=True,
        )  # fmt: skip
    review.refresh_from_db()
    assert (review.state, review.version) == ("asked", 1)


@pytest.mark.parametrize(
    "questions", [[], "x", [{}], [{"key": "a", "type": "essay", "label": "A"}], [QUESTIONS[0], QUESTIONS[0]],
                  [{"key": "a", "type": "choice", "label": "A", "options": ["one"]}], [{**QUESTIONS[0], "more": 1}]]
)  # fmt: skip
def test_questions_that_cannot_be_answered_are_refused(proposal, questions):
    with pytest.raises(InvalidError):
        create_questionnaire(organisation=proposal.here, name="Bad", questions=questions, by=proposal.office)


def test_only_the_reviewer_writes_and_an_older_copy_is_refused(proposal):
    submitted(proposal)
    review = review_of(proposal, proposal.one)
    given = {"review": review, "answers": {"method": 3}, "version": 1}
    for other in (proposal.two, proposal.lead, proposal.chair):
        with pytest.raises(NotFoundError):
            write_review(by=other, **given)
    assert write_review(by=proposal.one, **given).state == "draft"
    with pytest.raises(StaleError):
        write_review(by=proposal.one, **given)


# --- conflicts of interest
def test_a_conflict_is_decided_by_the_chair_before_the_review_counts(proposal):
    submitted(proposal)
    review = review_of(proposal, proposal.one)
    conflict = declare_conflict(review=review, by=proposal.one, kind="professional", text="We wrote a paper.")
    with pytest.raises(NotReadyError):
        give(proposal, proposal.one)
    with pytest.raises(RefusedError):
        decide_conflict(conflict=conflict, move="dismiss", by=proposal.lead)
    with pytest.raises(InvalidError):
        decide_conflict(conflict=conflict, move="waive", by=proposal.chair)
    decide_conflict(conflict=conflict, move="waive", by=proposal.chair, plan="Two others review the method.")
    assert give(proposal, proposal.one).state == "submitted"
    with pytest.raises(ConflictError):
        decide_conflict(conflict=conflict, move="dismiss", by=proposal.chair)


def test_whoever_is_recused_reviews_no_more(proposal):
    submitted(proposal)
    conflict = declare_conflict(
        review=review_of(proposal, proposal.one), by=proposal.one, kind="personal", text="A cousin."
    )
    decide_conflict(conflict=conflict, move="recuse", by=proposal.chair)
    with pytest.raises(ConflictError):
        give(proposal, proposal.one)


# --- deciding
def test_a_step_waits_for_enough_reviews_and_a_person(proposal):
    submitted(proposal)
    with pytest.raises(NotReadyError) as refused:
        decide_step(step=proposal.step, move="pass", by=proposal.chair)
    assert codes(refused) == ["too_few_reviews"]
    give(proposal, proposal.one)
    give(proposal, proposal.two)
    for other in (proposal.lead, proposal.office):
        with pytest.raises(RefusedError):
            decide_step(step=proposal.step, move="pass", by=other)
    assert decide_step(step=proposal.step, move="pass", by=proposal.chair).state == "passed"


def test_a_low_score_does_not_pass(proposal):
    submitted(proposal)
    give(proposal, proposal.one, "5.0")
    give(proposal, proposal.two, "6.5")
    with pytest.raises(NotReadyError) as refused:
        decide_step(step=proposal.step, move="pass", by=proposal.chair)
    assert codes(refused) == ["score_too_low"]


@pytest.mark.parametrize(("move", "state"), [("refuse", "rejected"), ("return", "proposal")])
def test_a_refusal_or_return_moves_the_project_with_its_reason(proposal, move, state):
    submitted(proposal)
    give(proposal, proposal.one)
    give(proposal, proposal.two)
    with pytest.raises(InvalidError):
        decide_step(step=proposal.step, move=move, by=proposal.chair)
    decide_step(step=proposal.step, move=move, by=proposal.chair, reason="The data is missing.")
    proposal.project.refresh_from_db()
    assert (proposal.project.state, proposal.project.state_reason) == (state, "The data is missing.")


def test_a_proposal_that_comes_back_is_reviewed_anew(proposal):
    submitted(proposal)
    give(proposal, proposal.one)
    move_project(project=proposal.project, move="withdraw", by=proposal.lead)
    move_project(project=proposal.project, move="revise", by=proposal.lead)
    submitted(proposal)
    assert review_of(proposal, proposal.one).state == "asked"
    with pytest.raises(NotReadyError):  # the review of the round before does not count
        decide_step(step=proposal.step, move="pass", by=proposal.chair)


def test_rules_of_a_step_stay_once_it_is_open(proposal):
    version = proposal.step.version
    assert edit_step(step=proposal.step, by=proposal.lead, version=version, due_days=7).due_days == 7
    with pytest.raises(StaleError):
        edit_step(step=proposal.step, by=proposal.lead, version=version, due_days=9)
    submitted(proposal)
    with pytest.raises(ConflictError):
        edit_step(step=proposal.step, by=proposal.lead, version=proposal.step.version, minimum_reviews=1)


@pytest.mark.parametrize("who", ["chair", "lead", "few"])
def test_a_step_needs_people_who_are_free_to_judge(proposal, who):
    reviewers = {"chair": [proposal.chair], "lead": [proposal.lead], "few": []}[who]
    with pytest.raises(InvalidError):
        add_step(project=proposal.project, name="X", chair=proposal.chair, reviewers=reviewers, by=proposal.lead)


def test_a_blind_review_leaves_no_name_in_the_history(proposal):
    edit_step(step=proposal.step, by=proposal.lead, version=proposal.step.version, blind=True)
    submitted(proposal)
    give(proposal, proposal.one)
    event = AuditEvent.objects.get(verb="review.submit")
    assert event.actor_id is None and str(proposal.one.pk) not in str(event.data)


# --- the parties
def test_contracting_begins_when_every_party_has_approved(proposal):
    passed(proposal)
    answer(proposal, proposal.chancellor, proposal.here)
    proposal.project.refresh_from_db()
    assert proposal.project.state == "in_approval"
    with pytest.raises(ConflictError):
        answer(proposal, proposal.chancellor, proposal.here)
    answer(proposal, proposal.director, proposal.there)
    proposal.project.refresh_from_db()
    assert proposal.project.state == "contracting"
    assert first_break() is None


def test_the_inbox_asks_every_party_and_its_answers_count(proposal):
    passed(proposal)
    requests = Request.objects.filter(topic="project.approval").order_by("organisation__name")
    assert [(r.organisation, r.state) for r in requests] == [(proposal.there, "open"), (proposal.here, "open")]
    decide_request(request=requests.get(organisation=proposal.here), decision="approved", by=proposal.chancellor)
    answer(proposal, proposal.director, proposal.there)
    proposal.project.refresh_from_db()
    assert proposal.project.state == "contracting" and not requests.filter(state="open").exists()


def test_what_is_taken_back_is_asked_no_more(proposal):
    passed(proposal)
    move_project(project=proposal.project, move="withdraw", by=proposal.lead)
    assert set(Request.objects.values_list("state", flat=True)) == {"withdrawn"}
    assert set(PartyApproval.objects.values_list("state", flat=True)) == {"withdrawn"}


def test_a_review_stands_in_the_calendar_of_its_reviewer_until_it_is_given(proposal):
    submitted(proposal)
    due = Obligation.objects.filter(kind="review", settled_at=None)
    assert {row.person for row in due} == {proposal.one, proposal.two, proposal.three}
    give(proposal, proposal.one)
    assert not due.filter(person=proposal.one).exists()
    move_project(project=proposal.project, move="withdraw", by=proposal.lead)
    assert not due.all().exists()


def test_a_party_is_answered_for_by_its_own_people(proposal):
    passed(proposal)
    with pytest.raises(RefusedError):
        answer(proposal, proposal.chancellor, proposal.there)
    with pytest.raises(RefusedError):
        answer(proposal, proposal.lead, proposal.here)


@pytest.mark.parametrize(("decision", "state"), [("reject", "rejected"), ("return", "proposal")])
def test_one_no_is_enough(proposal, decision, state):
    passed(proposal)
    with pytest.raises(InvalidError):
        answer(proposal, proposal.director, proposal.there, decision)
    answer(proposal, proposal.director, proposal.there, decision, "Not this year.")
    proposal.project.refresh_from_db()
    assert (proposal.project.state, proposal.project.state_reason) == (state, "Not this year.")
    assert PartyApproval.objects.get(party__organisation=proposal.here).state == "withdrawn"


def test_work_begins_only_under_a_signed_agreement(proposal):
    passed(proposal)
    answer(proposal, proposal.chancellor, proposal.here)
    answer(proposal, proposal.director, proposal.there)
    with pytest.raises(NotReadyError) as refused:
        move_project(project=proposal.project, move="begin", by=proposal.lead)
    assert codes(refused) == ["no_agreement_in_force"]
    assert not can(proposal.lead, "job.submit", proposal.project)


# --- while it is judged, and afterwards
def test_what_is_judged_stays_as_it_is(proposal):
    made = submitted(proposal)
    facts = {"title": "Other", "summary": "Else.", "by": made.lead}
    with pytest.raises(ConflictError):
        edit_project(project=made.project, version=made.project.version, **facts)
    made = passed_on(made)
    with pytest.raises(ConflictError):
        edit_project(project=made.project, version=made.project.version, **facts)
    with pytest.raises(ConflictError):
        add_party(project=made.project, organisation=organisation("Late"), by=made.lead)
    assert Project.objects.get(pk=made.project.pk).title == "Ice"


def test_an_answer_under_conditions_counts_once_they_are_met_and_not_before(proposal):
    made = passed(proposal)
    answer(made, made.chancellor, made.here)
    request = Request.objects.open().get(topic="project.approval", organisation=made.there)
    decide_request(
        request=request, decision="approved_with_conditions", conditions=["Name the data."], by=made.director
    )
    with pytest.raises(ConflictError):
        answer(made, made.director, made.there)
    page = as_(made.director).get(made.project.get_absolute_url()).content.decode()
    assert "Approved under conditions" in page and 'value="approve"' not in page
    assert Project.objects.get(pk=made.project.pk).state == "in_approval"
    meet_condition(condition=request.conditions.get(), by=made.director, evidence="Named.")
    assert Project.objects.get(pk=made.project.pk).state == "contracting"


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_whoever_joins_an_approved_project_is_asked_as_well(aurora, decision):
    late = organisation("Late")
    director = employ(person("Late Director"), late, Role.SIGNATORY)
    party = add_party(project=aurora.project, organisation=late, by=aurora.lead)
    request = Request.objects.open().get(topic="project.approval", organisation=late)
    answers = {"approve": "approved", "reject": "rejected"}

    decide_request(request=request, decision=answers[decision], reason="Because.", by=director)

    party.refresh_from_db()
    assert (party.left_on is None) is (decision == "approve")
    assert Project.objects.get(pk=aurora.project.pk).state == "active"
