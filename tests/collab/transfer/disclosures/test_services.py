"""Disclosures: shares make 100, everyone signs exactly what was shown, and nobody decides on their own."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from collab.access.policy import can
from collab.access.roles import Role
from collab.accounts.models import Membership, User
from collab.agreements.ip import IPTerms
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Obligation, Request
from collab.inbox.services import decide_request
from collab.kernel.errors import (
    ConflictError,
    FaultyInputError,
    InvalidError,
    NotFoundError,
    NotReadyError,
    RefusedError,
    StaleError,
)
from collab.transfer.disclosures.assessing import (
    ask_assessor,
    conflicts_found,
    declare_conflict,
    recuse_assessor,
    waive_conflict,
    weighted,
    write_assessment,
)
from collab.transfer.disclosures.models import (
    Assessment,
    AssessmentScore,
    Disclosure,
    DisclosureSignature,
    Inventor,
    TransferCase,
)
from collab.transfer.disclosures.services import (
    advance_case,
    assign_case,
    checks_of,
    decide_case,
    move_case,
    pass_check,
    propose_decision,
    reconsider_case,
    reopen_case,
    resume_case,
    return_case,
    submit_disclosure,
    take_up,
    withdraw_disclosure,
)
from collab.transfer.disclosures.states import CaseState
from collab.transfer.disclosures.writing import (
    FundingTerm,
    InventorTerm,
    PriorArtTerm,
    disclose,
    edit_disclosure,
    equal_shares,
    find_funding,
    set_funding,
    set_inventors,
    set_prior_art,
    sign_disclosure,
    sign_on_paper,
    step_back,
)
from collab.transfer.protection.offering import withdraw_offer
from tests.cast import Joint, employ, person
from tests.collab.transfer.protection.ground import case_of, offer_of

pytestmark = pytest.mark.django_db


def officer_of(joint: Joint, name: str = "Officer") -> User:
    return employ(person(name), joint.university, Role.TRANSFER_OFFICER)


def disclosed(joint: Joint, inventors: list[InventorTerm] | None = None, **facts: Any) -> TransferCase:
    words = {
        "kind": "trained_model",
        "title": "Letters that write themselves",
        "summary": "It writes letters.",
        "description": "A net of 10 million weights, trained on letters.",
        "conception_on": date(2026, 1, 5),
    }
    return disclose(
        organisation=joint.university,
        project=joint.project,
        inventors=inventors or two(joint),
        by=joint.researcher,
        **(words | facts),
    )


def two(joint: Joint, first: str = "60", second: str = "40") -> list[InventorTerm]:
    return [
        InventorTerm(Decimal(first), person=joint.researcher),
        InventorTerm(Decimal(second), person=joint.engineer),
    ]


def again(case: TransferCase) -> TransferCase:
    return TransferCase.objects.with_all().get(pk=case.pk)


def sign(case: TransferCase, *people: User) -> None:
    for user in people:
        case = again(case)
        sign_disclosure(case=case, typed_name=user.name, document_sha256=case.disclosure.document_sha256(), by=user)


def submitted(joint: Joint, **facts: Any) -> TransferCase:
    case = disclosed(joint, **facts)
    sign(case, joint.researcher, joint.engineer)
    return submit_disclosure(case=again(case), by=joint.researcher)


def in_assessment(joint: Joint, officer: User) -> TransferCase:
    case = take_up(case=(case := submitted(joint)), by=officer, version=case.version)
    return pass_check(case=case, by=officer, version=case.version)


def assessed(case: TransferCase, assessor: User, officer: User, recommendation: str = "protect") -> Assessment:
    made = ask_assessor(case=case, assessor=assessor, by=officer)
    made = declare_conflict(assessment=made, conflict="", by=assessor)
    return write_assessment(
        assessment=made,
        scores={row.criterion_id: (7, "") for row in made.scores.all()},
        recommendation=recommendation,
        by=assessor,
        version=made.version,
        submit=True,
    )


def decided(joint: Joint, decision: str = "protect") -> tuple[TransferCase, User]:
    officer, other = officer_of(joint), officer_of(joint, "Other")
    case = in_assessment(joint, officer)
    assessed(case, employ(person("Expert"), joint.university), officer)
    propose_decision(case=case, decision=decision, reason="Strong.", by=officer, version=case.version)
    case = again(case)
    return decide_case(case=case, agrees=True, by=other, version=case.version), officer


# --- inventors and shares
@pytest.mark.parametrize(("first", "second", "total"), [("60", "39.9999", "99.9999"), ("60", "40.0001", "100.0001")])
def test_shares_that_do_not_make_100_are_refused_with_their_sum(aurora, first, second, total):
    with pytest.raises(InvalidError, match=f"make {total} per cent") as refused:
        disclosed(aurora, two(aurora, first, second))
    assert refused.value.field == "inventors"
    assert not TransferCase.objects.exists()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 11, 999])
def test_equal_shares_make_exactly_100(count):
    shares = equal_shares(count)
    assert sum(shares) == 100 and max(shares) - min(shares) <= Decimal("0.0001")


def test_inventors_have_their_employer_at_that_time(aurora):
    case = disclosed(aurora)
    rows = {row.name: row.employer for row in case.disclosure.inventors.all()}
    assert rows == {aurora.researcher.name: aurora.university, aurora.engineer.name: aurora.company}
    with pytest.raises(InvalidError, match="Say who employed Guest"):
        set_inventors(
            case=case, by=aurora.researcher, version=case.version,
            inventors=[InventorTerm(Decimal(100), name="Guest")],
        )  # fmt: skip


def test_a_change_after_signing_asks_for_every_signature_anew(aurora):
    case = disclosed(aurora)
    sign(case, aurora.researcher, aurora.engineer)
    case = again(case)
    assert all(row.signed_hash == case.disclosure.document_sha256() for row in case.disclosure.inventors.all())

    case = edit_disclosure(case=case, by=aurora.researcher, version=case.version, summary="It writes poems.")

    assert not any(row.signed_hash for row in case.disclosure.inventors.all())
    assert DisclosureSignature.objects.count() == 2  # what was signed is kept, with its text
    assert "It writes letters." in DisclosureSignature.objects.first().document
    assert Notification.objects.filter(person=aurora.engineer, title__contains="sign it again").count() == 1
    with pytest.raises(NotReadyError, match="Signatures that are missing"):
        submit_disclosure(case=case, by=aurora.researcher)


def test_an_edit_that_changes_nothing_keeps_the_signatures(aurora):
    case = disclosed(aurora)
    sign(case, aurora.engineer)
    case = again(case)
    case = edit_disclosure(case=case, by=aurora.researcher, version=case.version, summary=case.disclosure.summary)
    assert sum(bool(row.signed_hash) for row in case.disclosure.inventors.all()) == 1


def test_whoever_has_signed_is_not_taken_out_by_others_but_may_step_back(aurora):
    case = disclosed(aurora)
    sign(case, aurora.engineer)
    alone = [InventorTerm(Decimal(100), person=aurora.researcher)]
    case = again(case)
    with pytest.raises(ConflictError, match=f"{aurora.engineer.name} has signed"):
        set_inventors(case=case, inventors=alone, by=aurora.researcher, version=case.version)
    # … nor after a change that asks for the signature anew
    case = edit_disclosure(case=again(case), by=aurora.researcher, version=case.version, summary="Other")
    with pytest.raises(ConflictError, match="has signed"):
        set_inventors(case=case, inventors=alone, by=aurora.researcher, version=case.version)

    case = step_back(case=case, by=aurora.engineer, reason="I only lent the machine.")

    assert [(row.person, row.share_percent) for row in case.disclosure.inventors.all()] == [(aurora.researcher, 100)]
    with pytest.raises(ConflictError, match="withdraw the disclosure instead"):
        step_back(case=case, by=aurora.researcher, reason="No.")


def test_a_case_has_the_unit_of_its_first_inventor_until_the_office_says_otherwise(aurora):
    lab, school = (aurora.university.units.create(name=name) for name in ("Robotics", "School of Arts"))
    theirs = aurora.company.units.create(name="Drives")
    mine = Membership.objects.filter(user=aurora.researcher, organisation=aurora.university, project=None)
    mine.update(unit=lab)
    case = submitted(aurora)
    assert case.unit == lab
    officer = officer_of(aurora)
    with pytest.raises(InvalidError, match="not of"):
        take_up(case=case, by=officer, version=case.version, unit=theirs)
    take_up(case=case, by=officer, version=case.version)
    assert again(case).unit == lab
    assign_case(case=case, officer=officer, by=officer, version=again(case).version, unit=school)
    assert again(case).unit == school
    assign_case(case=case, officer=officer, by=officer, version=again(case).version, unit=None)
    assert again(case).unit is None


def test_one_signs_exactly_what_was_shown_in_ones_own_name(aurora):
    case = disclosed(aurora)
    shown = case.disclosure.document_sha256()
    case = edit_disclosure(case=case, by=aurora.researcher, version=case.version, description="Other")
    with pytest.raises(ConflictError, match="has changed since you read it"):
        sign_disclosure(case=case, typed_name=aurora.engineer.name, document_sha256=shown, by=aurora.engineer)
    with pytest.raises(InvalidError, match="Type your name"):
        sign_disclosure(
            case=case, typed_name="X", document_sha256=case.disclosure.document_sha256(), by=aurora.engineer
        )
    with pytest.raises(NotFoundError):  # a colleague in the same project is no inventor
        sign_disclosure(case=case, typed_name="X", document_sha256=shown, by=aurora.lead)


def test_an_inventor_without_an_account_signs_on_paper(aurora):
    guest = InventorTerm(Decimal(40), name="Guest Inventor", employer_name="Far University")
    case = disclosed(aurora, [InventorTerm(Decimal(60), person=aurora.researcher), guest])
    officer = officer_of(aurora)
    row = case.disclosure.inventors.get(person=None)
    words = {"case": case, "inventor": row, "document_sha256": case.disclosure.document_sha256(), "by": officer}
    with pytest.raises(InvalidError, match="where the signed paper is"):
        sign_on_paper(paper=" ", **words)
    sign_on_paper(paper="Folder 12", **words)
    assert Inventor.objects.get(pk=row.pk).signed_hash == case.disclosure.document_sha256()
    with pytest.raises(ConflictError, match="signs in person"):
        sign_on_paper(**(words | {"inventor": case.disclosure.inventors.get(person=aurora.researcher)}), paper="X")


def test_the_database_refuses_what_the_verbs_would(aurora):
    case = disclosed(aurora)
    row = case.disclosure.inventors.first()
    for wrong in ({"share_percent": 0}, {"share_percent": 101}, {"signed_hash": "0" * 64}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Inventor.objects.filter(pk=row.pk).update(**wrong)
    for wrong in ({"state": "decided"}, {"decision": "protect"}, {"state": "submitted"}, {"state": "nowhere"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            TransferCase.objects.filter(pk=case.pk).update(**wrong)


# --- what it says
@pytest.mark.parametrize(
    ("field", "days", "sentence"),
    [
        ("conception_on", 1, "has not come yet"),
        ("public_disclosure_on", 1, "shall be made public"),
        ("planned_disclosure_on", -1, "has passed"),
    ],
)
def test_days_on_the_wrong_side_of_today_are_refused(aurora, field, days, sentence):
    with pytest.raises(InvalidError, match=sentence) as refused:
        disclosed(aurora, **{field: timezone.localdate() + timedelta(days=days)})
    assert refused.value.field == field


def test_sponsors_rights_are_found_in_the_agreements(aurora):
    version = aurora.cover(reference="RCA-1")
    IPTerms.objects.create(
        version=version, results_owner="university", partner_right="option_licence", option_days=90, negotiation_days=60
    )
    case = disclosed(aurora)
    found = case.disclosure.funding.get()
    assert (found.sponsor, found.agreement, found.right) == (aurora.company, version, "option_licence")

    case = set_funding(
        case=case, funding=[FundingTerm(sponsor_name="Science Fund", award="SF-9")], by=aurora.researcher,
        version=case.version,
    )  # fmt: skip
    assert {row.sponsor_label for row in case.disclosure.funding.all()} == {"Science Fund", aurora.company.name}
    IPTerms.objects.filter(version=version).update(partner_right="none")
    case = find_funding(case=case, by=aurora.researcher, version=case.version)
    assert case.disclosure.funding.get(agreement=version).right == "none"


def test_two_who_write_at_once(aurora):
    case = disclosed(aurora)
    set_prior_art(case=case, prior_art=[PriorArtTerm("patent", "EP 1")], by=aurora.engineer, version=case.version)
    with pytest.raises(StaleError) as stale:
        edit_disclosure(case=case, by=aurora.researcher, version=case.version, title="Other")
    assert stale.value.now["title"] == "Letters that write themselves"


# --- who sees it
def test_a_case_is_seen_by_its_office_and_inventors_alone(aurora, borealis):
    case = submitted(aurora)
    officer, theirs = officer_of(aurora), employ(person("Theirs"), aurora.company, Role.TRANSFER_OFFICER)
    admin = employ(person("Admin"), aurora.university, Role.ORGANISATION_ADMIN)
    seen = {user.name for user in User.objects.all() if can(user, "disclosure.view", case)}
    assert seen == {aurora.researcher.name, aurora.engineer.name, officer.name, admin.name}
    assert not can(theirs, "case.view", case) and not can(aurora.engineer, "case.view", case)
    assert not AuditEvent.objects.filter(verb__startswith="disclosure", project_id__isnull=False).exists()
    assert AuditEvent.objects.filter(verb="disclosure.submit", organisation_id=aurora.university.pk).count() == 1
    with pytest.raises(NotFoundError):
        withdraw_disclosure(case=case, by=borealis.lead, reason="x")


def test_only_for_an_organisation_one_works_for(aurora):
    with pytest.raises(InvalidError, match="for which you work"):
        disclose(organisation=aurora.company, project=aurora.project, kind="software", title="X", by=aurora.researcher)
    with pytest.raises(RefusedError):  # an observer only looks on
        disclose(organisation=aurora.university, project=aurora.project, kind="software", title="X", by=aurora.observer)
    case = disclose(organisation=aurora.university, kind="software", title="Outside of any project", by=aurora.observer)
    assert case.disclosure.inventors.get().employer == aurora.university


# --- the case
def test_dockets_count_through_the_year_in_each_organisation(aurora):
    year = timezone.localdate().year
    assert [submitted(aurora).docket for _time in range(2)] == [f"{year}-0001", f"{year}-0002"]
    TransferCase.objects.filter(docket=f"{year}-0002").update(docket=f"{year}-10001")
    assert submitted(aurora).docket == f"{year}-10002"


def test_returned_at_any_point_and_submitted_again(aurora):
    officer = officer_of(aurora)
    case = in_assessment(aurora, officer)
    asked = ask_assessor(case=case, assessor=employ(person("Expert"), aurora.university), by=officer)
    docket = case.docket

    case = return_case(case=case, reason="Which data?", by=officer, version=case.version)

    assert (case.state, case.returned_reason) == ("returned", "Which data?")
    asked.refresh_from_db()
    assert asked.state == "cancelled" and not Request.objects.open().exists()
    submit_disclosure(case=case, by=aurora.engineer)  # nothing was changed, so the signatures hold
    case = again(case)
    assert (case.state, case.docket, case.round) == ("submitted", docket, 2)
    stages = [(row.state, row.left_at is not None) for row in case.stages.all()]
    assert stages == [
        ("draft", True), ("submitted", True), ("completeness_check", True), ("under_assessment", True),
        ("returned", True), ("submitted", False),
    ]  # fmt: skip


def test_somebody_else_decides_through_the_inbox(aurora):
    officer, other = officer_of(aurora), officer_of(aurora, "Other")
    case = in_assessment(aurora, officer)
    with pytest.raises(NotReadyError, match="Nobody has assessed it"):
        propose_decision(case=case, decision="protect", reason="x", by=officer, version=case.version)
    assessed(case, employ(person("Expert"), aurora.university), officer)
    request = propose_decision(case=case, decision="hold", reason="Too early.", by=officer, version=case.version)
    case = again(case)
    with pytest.raises(RefusedError, match="somebody else decides"):
        decide_case(case=case, agrees=True, by=officer, version=case.version)
    assert [row.person for row in Notification.objects.filter(kind="request", title__contains="Decide on")] == [other]

    decide_request(request=request, decision="approved", by=other)

    case = again(case)
    assert (case.state, case.decision, case.decided_by, case.decision_reason) == (
        "decided",
        "hold",
        other,
        "Too early.",
    )
    case = resume_case(case=case, by=officer, version=case.version)
    assert (case.state, case.decision, case.decided_by) == ("under_assessment", "", None)


def test_two_officers_deciding_at_once(aurora):
    officer, other, third = (officer_of(aurora, name) for name in ("One", "Two", "Three"))
    case = in_assessment(aurora, officer)
    assessed(case, employ(person("Expert"), aurora.university), officer)
    propose_decision(case=case, decision="protect", reason="Strong.", by=officer, version=case.version)
    with pytest.raises(StaleError):
        propose_decision(case=case, decision="hold", reason="Weak.", by=other, version=case.version)
    case = again(case)
    decide_case(case=case, agrees=True, by=other, version=case.version)
    with pytest.raises(StaleError) as late:
        decide_case(case=case, agrees=False, by=third, version=case.version, reason="No.")
    assert (late.value.now["decision"], late.value.now["decided_by"]) == ("protect", "Two")


def test_an_inventor_does_not_decide_on_their_own(aurora):
    officer = officer_of(aurora)
    employ(aurora.researcher, aurora.university, Role.TRANSFER_OFFICER)
    case = in_assessment(aurora, officer)
    assessed(case, employ(person("Expert"), aurora.university), officer)
    propose_decision(case=case, decision="protect", reason="Strong.", by=officer, version=case.version)
    case = again(case)
    with pytest.raises(RefusedError, match="an inventor of it"):
        decide_case(case=case, agrees=True, by=aurora.researcher, version=case.version)
    with pytest.raises(InvalidError, match="is an inventor"):
        assign_case(case=case, officer=aurora.researcher, by=officer, version=case.version)


def test_what_was_decided_moves_on_and_not_back_by_itself(aurora):
    case, officer = decided(aurora)
    case = advance_case(case=case, stage="licensed", by=None)
    assert advance_case(case=case, stage="secured", by=None).state == "licensed"
    case = advance_case(case=case, stage="marketed", by=None, back=True)
    assert case.state == "marketed"
    with pytest.raises(InvalidError, match="Say why it ends"):
        move_case(case=case, stage="abandoned", by=officer, version=case.version)
    case = move_case(case=case, stage="abandoned", by=officer, version=case.version, reason="No market.")
    with pytest.raises(ConflictError):
        move_case(case=case, stage="marketed", by=officer, version=case.version)


def test_what_went_back_to_the_inventors_is_not_licensed(aurora):
    case, _officer = decided(aurora, "return_to_inventors")
    with pytest.raises(ConflictError, match="was decided otherwise"):
        advance_case(case=case, stage="marketed", by=None)
    assert advance_case(case=case, stage="closed", by=None).state == "closed"


def test_a_decision_is_taken_back_unless_something_rests_on_it(aurora):
    officer, other = officer_of(aurora), officer_of(aurora, "Other")
    case = case_of(aurora, docket="RU-1")
    offer = offer_of(case, officer)
    with pytest.raises(NotReadyError, match="public"):
        reconsider_case(case=case, reason="New art", by=officer, version=again(case).version)
    withdraw_offer(offer=offer, by=officer)
    with pytest.raises(InvalidError, match="decided anew"):
        reconsider_case(case=case, reason=" ", by=officer, version=again(case).version)
    with pytest.raises(NotFoundError):
        reconsider_case(case=case, reason="New art", by=aurora.engineer, version=again(case).version)
    case = reconsider_case(case=case, reason="New art", by=other, version=again(case).version)
    assert (case.state, case.decision, case.decided_by) == ("under_assessment", "", None)
    assert case.stages.get(left_at=None).reason == "New art"
    assert AuditEvent.objects.get(verb="case.reconsider").data["before"] == "protect"


@pytest.mark.parametrize("ahead", [True, False])
def test_what_is_decided_anew_is_in_the_calendar_again(aurora, ahead):
    """By the day that was set, while it has not passed; another is set with the case."""
    officer = officer_of(aurora)
    for decision, anew in (("hold", resume_case), ("protect", partial(reconsider_case, reason="New art"))):
        case = case_of(aurora, docket=f"RU-{decision}", officer=officer)
        due = timezone.localdate() + timedelta(days=30 if ahead else -1)
        TransferCase.objects.filter(pk=case.pk).update(decision=decision, decide_by=due)
        dates = Obligation.objects.open().filter(source_id=str(case.pk), kind="review")
        assert not dates.exists()
        case = anew(case=case, by=officer, version=again(case).version)
        assert [(row.due_on, row.person) for row in dates] == ([(due, officer)] if ahead else [])
        assert case.decide_by == (due if ahead else None)


def test_nobody_is_asked_to_decide_what_was_withdrawn_until_it_goes_on(aurora):
    officer = officer_of(aurora)
    case = submitted(aurora)
    due = timezone.localdate() + timedelta(days=30)
    take_up(case=case, by=officer, version=case.version, decide_by=due)
    dates = Obligation.objects.open().filter(source_id=str(case.pk), kind="review")
    assert dates.get().due_on == due
    withdraw_disclosure(case=again(case), by=aurora.researcher, reason="Wrong data")
    assert not dates.exists()
    reopen_case(case=case, reason="They are right", by=officer, version=again(case).version)
    assert dates.get().due_on == due


def test_what_ended_by_mistake_goes_on(aurora):
    officer = officer_of(aurora)
    case = case_of(aurora, docket="RU-1")
    with pytest.raises(ConflictError):
        reopen_case(case=case, reason="Why", by=officer, version=again(case).version)
    move_case(case=case, stage="closed", reason="Wrong case", by=officer, version=again(case).version)
    with pytest.raises(InvalidError, match="goes on"):
        reopen_case(case=case, reason="", by=officer, version=again(case).version)
    case = reopen_case(case=case, reason="Wrong case", by=officer, version=again(case).version)
    assert (case.state, case.decision) == ("decided", "protect")
    assert AuditEvent.objects.filter(verb="case.reopen").count() == 1

    case = submitted(aurora)
    withdraw_disclosure(case=case, reason="Wrong button", by=aurora.researcher)
    case = reopen_case(case=again(case), reason="By mistake", by=officer, version=again(case).version)
    assert (case.state, case.returned_reason) == ("returned", "By mistake")
    draft = disclosed(aurora)
    withdraw_disclosure(case=draft, reason="No", by=aurora.researcher)
    with pytest.raises((ConflictError, RefusedError)):
        reopen_case(case=again(draft), reason="Yes", by=officer, version=again(draft).version)


def test_the_day_of_decision_stands_in_the_calendar(aurora):
    officer = officer_of(aurora)
    case = submitted(aurora)
    with pytest.raises(InvalidError, match="This day has passed"):
        take_up(case=case, by=officer, version=case.version, decide_by=timezone.localdate() - timedelta(days=1))
    day = timezone.localdate() + timedelta(days=120)
    case = take_up(case=case, by=officer, version=case.version, decide_by=day)
    due = Obligation.objects.get(source_id=str(case.pk))
    assert (due.due_on, due.person, due.organisation, due.project) == (day, officer, aurora.university, None)


def test_the_completeness_check_says_what_lacks(aurora):
    case = again(disclosed(aurora, summary="", conception_on=None))
    assert {check.code for check in checks_of(case) if not check.done} == {
        "summary", "conception", "signatures", "prior_art",
    }  # fmt: skip
    with pytest.raises(NotReadyError) as lacking:
        submit_disclosure(case=case, by=aurora.researcher)
    assert [missing.code for missing in lacking.value.missing] == ["summary", "conception", "signatures"]


# --- assessment
def test_an_assessor_declares_conflicts_before_scoring(aurora):
    officer, other = officer_of(aurora), officer_of(aurora, "Other")
    case = in_assessment(aurora, officer)
    with pytest.raises(InvalidError, match="is an inventor"):
        ask_assessor(case=case, assessor=aurora.researcher, by=officer)
    assert conflicts_found(case, aurora.lead) == ["works in the project from which it comes"]
    made = ask_assessor(case=case, assessor=aurora.lead, by=officer)
    assert can(aurora.lead, "disclosure.view", case)
    scores = {row.criterion_id: (5, "") for row in made.scores.all()}
    with pytest.raises(ConflictError):
        write_assessment(assessment=made, scores=scores, by=aurora.lead, version=made.version)

    made = declare_conflict(assessment=made, conflict="I lead the project.", by=aurora.lead)

    with pytest.raises(ConflictError):
        write_assessment(assessment=made, scores=scores, by=aurora.lead, version=made.version)
    with pytest.raises(InvalidError, match="how the conflict is dealt with"):
        waive_conflict(assessment=made, plan=" ", by=other)
    made = waive_conflict(assessment=made, plan="A second assessor reads it too.", by=other)
    made = write_assessment(assessment=made, scores=scores, by=aurora.lead, version=made.version)
    assert made.score == 5
    recuse_assessor(assessment=made, by=aurora.lead)
    assert not can(aurora.lead, "disclosure.view", case)


def test_an_assessment_is_given_whole_and_then_stays(aurora):
    officer = officer_of(aurora)
    case = in_assessment(aurora, officer)
    expert = employ(person("Expert"), aurora.university)
    made = declare_conflict(assessment=ask_assessor(case=case, assessor=expert, by=officer), conflict="", by=expert)
    first, *others = [row.criterion_id for row in made.scores.all()]
    words = {"assessment": made, "by": expert, "version": made.version}
    with pytest.raises(InvalidError, match="from 0 to 10"):
        write_assessment(scores={first: (11, "")}, **words)
    with pytest.raises(FaultyInputError) as faulty:
        write_assessment(scores={first: (9, "")}, submit=True, **words)
    assert len(faulty.value.faults) == len(others) + 1
    made = write_assessment(
        scores={first: (9, "")} | dict.fromkeys(others, (3, "")), recommendation="protect", submit=True, **words
    )
    assert not Request.objects.open().filter(topic="transfer.assessment").exists()
    with pytest.raises(ConflictError):
        write_assessment(scores={first: (1, "")}, assessment=made, by=expert, version=made.version)


def test_the_score_is_the_mean_by_weight():
    rows = [AssessmentScore(weight=Decimal(3), score=9), AssessmentScore(weight=Decimal(1), score=4)]
    assert weighted(rows) == Decimal("7.75")
    assert weighted([*rows, AssessmentScore(weight=Decimal(100), score=None)]) == Decimal("7.75")
    assert weighted([]) is None


def test_the_states_are_those_of_the_table(aurora):
    assert Disclosure.objects.count() == 0 and {state.value for state in CaseState} >= {"draft", "income"}
