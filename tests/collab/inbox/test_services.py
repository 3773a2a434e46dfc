"""Verbs on requests: asked, decided once, by whom it concerns; never by silence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from collab.access.policy import Missing, can
from collab.access.roles import Role
from collab.accounts.models import Membership
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Request
from collab.inbox.services import (
    add_reviewer,
    advise,
    comment_on,
    decide_request,
    hand_over,
    meet_condition,
    withdraw_request,
)
from collab.inbox.standing import who_can_answer
from collab.kernel.errors import ConflictError, DomainError, InvalidError, NotFoundError, RefusedError
from tests.cast import employ, person
from tests.collab.inbox.conftest import asked, away

pytestmark = pytest.mark.django_db


def acts(verb: str) -> int:
    return AuditEvent.objects.filter(verb=verb).count()


def people(request: Request) -> set[object]:
    return {answerer.user for answerer in who_can_answer(request)}


def told(user, kind: str) -> int:
    return Notification.objects.filter(person=user, kind=kind).count()


# --- asking
def test_a_request_waits_for_those_who_hold_its_word_there(request_, aurora):
    assert people(request_) == {aurora.lead, aurora.university_signatory}  # and nobody of the company
    assert request_.due_at > timezone.now() + timedelta(days=13)
    assert told(aurora.lead, "request") == told(aurora.university_signatory, "request") == 1
    assert acts("request.ask") == 1 and request_.url == aurora.project.get_absolute_url()


def test_whom_it_does_not_concern_does_not_see_it(request_, aurora, borealis):
    for user in (aurora.company_signatory, aurora.researcher, borealis.lead):
        assert not can(user, "request.view", request_)
        with pytest.raises(NotFoundError):
            decide_request(request=request_, decision="approved", by=user)
    assert can(aurora.engineer, "request.view", request_)  # who asked


def test_asking_is_refused(aurora):
    with pytest.raises(KeyError):
        asked(aurora, topic="test.unknown")
    with pytest.raises(KeyError):
        asked(aurora, word="agreement.dream")
    with pytest.raises(InvalidError):
        asked(aurora, due_at=timezone.now() - timedelta(minutes=1))
    with pytest.raises(InvalidError):
        asked(aurora, reviewers=[aurora.engineer])
    assert Request.objects.count() == 0 and acts("request.ask") == 0


# --- deciding
def test_deciding_runs_the_hook_once_and_tells_who_asked(request_, aurora, plain):
    seen = []
    plain(on_decided=lambda request, by: seen.append((request.state, by)))
    done = decide_request(request=request_, decision="approved", by=aurora.lead)
    assert (done.state, done.decided_by, done.decided_for) == ("approved", aurora.lead, None)
    assert seen == [("approved", aurora.lead)]
    assert acts("request.decide") == 1 and told(aurora.engineer, "decision") == 1


def test_a_hook_that_fails_undoes_the_decision(request_, aurora, plain):
    def fail(request, by):
        raise ConflictError("no")

    plain(on_decided=fail)
    with pytest.raises(ConflictError):
        decide_request(request=request_, decision="approved", by=aurora.lead)
    request_.refresh_from_db()
    assert request_.state == "open" and acts("request.decide") == 0 and told(aurora.engineer, "decision") == 0


def test_the_second_to_decide_is_told_who_was_first(request_, aurora):
    decide_request(request=request_, decision="rejected", reason="Too early.", by=aurora.lead)
    with pytest.raises(ConflictError, match=f"{aurora.lead.name} already decided this: rejected"):
        decide_request(request=request_, decision="approved", by=aurora.university_signatory)
    assert acts("request.decide") == 1


@pytest.mark.parametrize(
    ("decision", "given", "field"),
    [
        ("rejected", {}, "reason"),
        ("returned", {"reason": "  "}, "reason"),
        ("approved_with_conditions", {}, "conditions"),
        ("approved_with_conditions", {"conditions": [" "]}, "conditions"),
        ("approved", {"conditions": ["Report."]}, "conditions"),
        ("open", {}, "decision"),
        ("withdrawn", {}, "decision"),
        ("dreamt", {}, "decision"),
        ("approved", {"reason": "\u202eyes"}, "reason"),
    ],
)
def test_an_answer_that_is_not_whole_is_refused(request_, aurora, decision, given, field):
    with pytest.raises(InvalidError) as error:
        decide_request(request=request_, decision=decision, by=aurora.lead, **given)
    assert error.value.field == field
    assert Request.objects.get().state == "open"


def test_a_topic_chooses_its_decisions(request_, aurora, plain):
    plain(decisions=("approved", "rejected"))
    with pytest.raises(InvalidError):
        decide_request(request=request_, decision="returned", reason="Again.", by=aurora.lead)


def test_nobody_decides_what_they_asked_unless_the_topic_says_so(aurora, plain):
    own = asked(aurora, by=aurora.lead)
    assert people(own) == {aurora.university_signatory}
    with pytest.raises(RefusedError, match="You asked this yourself"):
        decide_request(request=own, decision="approved", by=aurora.lead)
    plain(asker_may_decide=True)
    assert decide_request(request=own, decision="approved", by=aurora.lead).state == "approved"


def test_a_topic_may_refuse_a_person(request_, aurora, plain):
    plain(may_answer=lambda request, user: [Missing("conflict", "You declared it.")] if user == aurora.lead else [])
    assert people(request_) == {aurora.university_signatory}
    with pytest.raises(RefusedError, match="You declared it"):
        decide_request(request=request_, decision="approved", by=aurora.lead)


def test_what_is_decided_on_another_page_still_waits_for_whoever_may(aurora, plain):
    plain(elsewhere=lambda request, user: [Missing("on_page", "Do it on its page.")])
    row = asked(aurora, by=aurora.researcher)
    assert people(row) == {aurora.lead, aurora.university_signatory} and row.nobody_since is None
    with pytest.raises(RefusedError, match="Do it on its page"):
        decide_request(request=row, decision="approved", by=aurora.lead)


def test_a_role_that_ended_answers_no_more(request_, aurora):
    Membership.objects.filter(user=aurora.lead, project=aurora.project).update(ends_at=timezone.now())
    with pytest.raises(NotFoundError):
        decide_request(request=request_, decision="approved", by=aurora.lead)
    assert people(request_) == {aurora.university_signatory}


def test_without_an_organisation_the_whole_project_answers(aurora):
    everyone = asked(aurora, organisation=None, by=aurora.researcher)
    assert people(everyone) == {aurora.lead, aurora.university_signatory, aurora.company_signatory}
    aurora.project.parties.filter(organisation=aurora.company).update(left_on=timezone.localdate())
    assert people(everyone) == {aurora.lead, aurora.university_signatory}
    assert not can(aurora.company_signatory, "request.view", everyone)


def test_a_named_receiver_answers_while_they_belong_there(aurora):
    named = asked(aurora, word="", receiver=aurora.researcher)
    assert people(named) == {aurora.researcher} and can(aurora.researcher, "request.answer", named)
    Membership.objects.filter(user=aurora.researcher, project=None).update(ends_at=timezone.now())
    assert people(named) == set() and not can(aurora.researcher, "request.answer", named)


# --- conditions
def test_conditions_are_met_one_by_one_and_the_hook_waits(request_, aurora, plain):
    seen = []
    plain(on_decided=lambda request, by: seen.append(by))
    done = decide_request(
        request=request_, decision="approved_with_conditions", conditions=["Report.", "Delete."], by=aurora.lead
    )
    first, second = done.conditions.all()
    with pytest.raises(InvalidError):
        meet_condition(condition=first, by=aurora.lead, evidence=" ")
    with pytest.raises(RefusedError):
        meet_condition(condition=first, by=aurora.engineer, evidence="I say so.")
    meet_condition(condition=first, by=aurora.lead, evidence="Report 7.")
    assert seen == []
    with pytest.raises(ConflictError, match="said already"):
        meet_condition(condition=first, by=aurora.lead, evidence="Again.")
    meet_condition(condition=second, by=aurora.university_signatory, evidence="Log of 3 May.")
    assert seen == [aurora.university_signatory] and acts("request.meet") == 2


def test_a_topic_may_act_at_once_and_trust_the_asker(request_, aurora, plain):
    seen = []
    plain(on_decided=lambda request, by: seen.append(by), waits_for_conditions=False, asker_meets_conditions=True)
    done = decide_request(request=request_, decision="approved_with_conditions", conditions=["Report."], by=aurora.lead)
    meet_condition(condition=done.conditions.get(), by=aurora.engineer, evidence="Report 7.")
    assert seen == [aurora.lead]


def test_a_condition_of_an_open_request_does_not_exist_and_a_closed_one_is_not_reopened(request_, aurora):
    decide_request(request=request_, decision="approved", by=aurora.lead)
    with pytest.raises(ConflictError):
        withdraw_request(request=request_, by=aurora.engineer)


# --- the rest
def test_only_who_asked_withdraws(request_, aurora):
    with pytest.raises(RefusedError, match="who asked"):
        withdraw_request(request=request_, by=aurora.lead)
    assert withdraw_request(request=request_, by=aurora.engineer, reason="Not needed.").state == "withdrawn"
    with pytest.raises(ConflictError):
        decide_request(request=request_, decision="approved", by=aurora.lead)


def test_reviewers_advise_and_do_not_decide(request_, aurora):
    add_reviewer(request=request_, user=aurora.researcher, by=aurora.lead)
    assert told(aurora.researcher, "review") == 1 and can(aurora.researcher, "request.view", request_)
    with pytest.raises(RefusedError):
        decide_request(request=request_, decision="approved", by=aurora.researcher)
    with pytest.raises(InvalidError):
        advise(request=request_, by=aurora.researcher, opinion="shrug")
    advice = advise(request=request_, by=aurora.researcher, opinion="against", text="The data are not ready.")
    assert advice.advised_at and told(aurora.lead, "comment") == 1
    with pytest.raises(RefusedError, match="not asked for"):
        advise(request=request_, by=aurora.lead, opinion="favour")
    with pytest.raises(ConflictError):
        add_reviewer(request=request_, user=aurora.researcher, by=aurora.lead)
    with pytest.raises(InvalidError):
        add_reviewer(request=request_, user=person("Stranger"), by=aurora.lead)


def test_comments_reach_who_takes_part(request_, aurora):
    comment_on(request=request_, by=aurora.engineer, text="Any news?")
    assert told(aurora.lead, "comment") == 1 and told(aurora.engineer, "comment") == 0
    with pytest.raises(NotFoundError):
        comment_on(request=request_, by=aurora.researcher, text="Me too.")
    with pytest.raises(DomainError):
        comment_on(request=request_, by=aurora.engineer, text="  ")


def test_one_request_is_handed_to_a_colleague(request_, aurora, plain):
    with pytest.raises(InvalidError):
        hand_over(request=request_, to=aurora.company_signatory, by=aurora.lead)
    with pytest.raises(InvalidError):
        hand_over(request=request_, to=aurora.engineer, by=aurora.lead)
    hand_over(request=request_, to=aurora.observer, by=aurora.lead, reason="She knows the data.")
    assert aurora.observer in people(request_) | people(Request.objects.get())
    assert decide_request(request=request_, decision="approved", by=aurora.observer).decided_by == aurora.observer
    plain(delegable=False)
    with pytest.raises(RefusedError, match="in person"):
        hand_over(request=asked(aurora), to=aurora.observer, by=aurora.lead)


# --- absence
def test_whoever_stands_in_answers_for_the_person(request_, aurora):
    away(aurora.lead, aurora.observer)
    assert people(request_) == {aurora.observer, aurora.university_signatory}
    done = decide_request(request=request_, decision="approved", by=aurora.observer)
    assert (done.decided_by, done.decided_for) == (aurora.observer, aurora.lead)


def test_standing_in_stops_at_its_limits(request_, aurora, plain):
    hour = timedelta(hours=1)
    now = timezone.now()
    away(aurora.lead, aurora.observer, starts_at=now - 2 * hour, ends_at=now - hour)
    away(aurora.lead, aurora.researcher, organisation=aurora.company)
    away(aurora.university_signatory, aurora.company_signatory)  # of another house
    away(aurora.university_signatory, aurora.former, revoked_at=now)
    for user in (aurora.observer, aurora.researcher, aurora.company_signatory, aurora.former):
        assert not can(user, "request.answer", request_), user
    plain(delegable=False)
    away(aurora.lead, aurora.observer)
    assert not can(aurora.observer, "request.answer", request_)


def test_nobody_decides_their_own_request_through_somebody_else(aurora):
    own = asked(aurora, by=aurora.lead)
    away(aurora.lead, aurora.observer)
    assert not can(aurora.observer, "request.answer", own)
    stand_in = asked(aurora, by=aurora.observer)
    assert not can(aurora.observer, "request.answer", stand_in)
    assert aurora.observer not in people(own) | people(stand_in)


# --- no dead ends
def test_when_nobody_can_answer_the_admins_of_the_organisation_are_next(aurora, admin):
    Membership.objects.filter(organisation=aurora.university, role=Role.SIGNATORY).update(ends_at=timezone.now())
    stuck = asked(aurora, word="agreement.sign")
    assert (stuck.escalated_to, stuck.nobody_since is not None) == ("admins", True)
    assert people(stuck) == {admin} and told(admin, "escalation") == 1 and acts("request.escalate") == 1
    assert decide_request(request=stuck, decision="approved", by=admin).decided_by == admin


def test_without_admins_the_platforms_staff_are_next(aurora, plain):
    staff = person("Staff", is_staff=True)
    away(aurora.lead), away(aurora.university_signatory)
    plain(next_answers=False)
    stuck = asked(aurora)
    assert stuck.escalated_to == "platform" and people(stuck) == set()
    with pytest.raises(RefusedError):
        decide_request(request=stuck, decision="approved", by=staff)
    hand_over(request=stuck, to=aurora.observer, by=staff)
    assert people(Request.objects.get()) == {aurora.observer}


def test_one_who_is_not_staff_and_admins_of_others_see_nothing_of_it(aurora, borealis):
    away(aurora.lead), away(aurora.university_signatory)
    other = employ(person("Other Admin"), borealis.university, Role.ORGANISATION_ADMIN)
    stuck = asked(aurora)
    assert not can(other, "request.view", stuck) and not can(aurora.researcher, "request.view", stuck)
