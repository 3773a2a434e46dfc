"""The life of a version: edited, negotiated, approved inside each party, signed in order, suspended, renewed, ended."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import time_machine
from django.utils import timezone

from collab.access.policy import can, decide
from collab.access.roles import Role
from collab.agreements.approvals import Approval
from collab.agreements.approving import add_step, approve_step, retire_step, return_step, submit_version
from collab.agreements.background import declare_background, edit_background, withdraw_background
from collab.agreements.duties import DutyTerm
from collab.agreements.models import AgreementVersion, Signature
from collab.agreements.negotiating import comment_on_version
from collab.agreements.services import (
    CoverageTerm,
    counter_version,
    decline_version,
    draft_agreement,
    draft_version,
    edit_version,
    negotiate_version,
    parties_to_sign_for,
    resume_version,
    send_for_signature,
    sign_version,
    stop_renewal,
    suspend_version,
    terminate_version,
)
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Obligation, Request
from collab.inbox.services import decide_request
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError, StaleError
from collab.kernel.months import add_months
from tests.cast import Joint, employ, organisation, person

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate
OPTION = {"results_owner": "university", "partner_right": "option_licence", "option_days": 90, "negotiation_days": 60}


def begun(joint: Joint, reference: str = "DUA-1", **facts):
    return draft_agreement(
        project=joint.project, by=joint.lead, **({"reference": reference, "kind": "data_use", "title": "T"} | facts)
    )


def drafted(joint: Joint, agreement=None, **changes) -> AgreementVersion:
    facts = {
        "text": "We may.",
        "effective_on": TODAY(),
        "requires_acceptance": False,
        "coverage": [CoverageTerm(joint.company, "training"), CoverageTerm(joint.university, "training")],
    }
    return draft_version(agreement=agreement or begun(joint), by=joint.lead, **facts | changes)


def signed(version: AgreementVersion, joint: Joint, *parties) -> AgreementVersion:
    signers = {joint.university: joint.university_signatory, joint.company: joint.company_signatory}
    for party in parties or signers:
        version = sign_version(
            version=version,
            party=party,
            typed_name=signers[party].name,
            capacity="Director",
            document_sha256=version.document_sha256,
            by=signers[party],
        )
    return version


def executed(joint: Joint, agreement=None, **changes) -> AgreementVersion:
    return signed(send_for_signature(version=drafted(joint, agreement, **changes), by=joint.lead), joint)


def missing(joint: Joint, dataset) -> list[str]:
    return [item.code for item in decide(joint.engineer, "dataset.train", dataset).missing]


@pytest.fixture
def registrar(aurora):
    return employ(person("Company Registrar"), aurora.company, Role.ORGANISATION_ADMIN)


# --- content
def test_an_edit_replaces_what_is_given_and_keeps_the_rest(aurora):
    version = drafted(aurora, ip=OPTION, duties=[DutyTerm("Keep it secret", months=24)], governing_law="Scotland")
    edited = edit_version(version=version, edit=1, by=aurora.lead, text="We may not.")
    edited.refresh_from_db()
    assert (edited.text, edited.version, edited.governing_law) == ("We may not.", 2, "Scotland")
    assert edited.ip_terms.option_days == 90 and edited.duties.get().months == 24 and edited.coverage.count() == 2
    with pytest.raises(StaleError):
        edit_version(version=version, edit=1, by=aurora.lead, text="Late.")
    assert AuditEvent.objects.filter(verb="agreement.edit_version").count() == 1


def test_nothing_is_edited_once_it_was_sent(aurora):
    out = send_for_signature(version=drafted(aurora), by=aurora.lead)
    with pytest.raises(ConflictError):
        edit_version(version=out, edit=1, by=aurora.lead, text="Other.")
    with pytest.raises(ConflictError):
        edit_version(version=signed(out, aurora), edit=1, by=aurora.lead, text="Other.")
    out.refresh_from_db()
    assert out.document_hash() == out.document_sha256


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"ip": {"results_owner": "nobody"}}, "results_owner"),
        ({"ip": OPTION | {"option_days": None}}, "option_days"),
        ({"ip": {"results_owner": "joint", "partner_right": "non_exclusive"}}, "field_of_use"),
        ({"ip": {"owner": "x"}}, "owner"),
        ({"auto_renews": True}, "expires_on"),
        ({"auto_renews": True, "expires_on": date(2190, 1, 1)}, "renewal_months"),
        ({"duties": [DutyTerm("D", until=date(2190, 1, 1), months=3)]}, "duties"),
        ({"duties": [DutyTerm("\u202e")]}, "text"),
        ({"expires_on": date(9999, 1, 1)}, "expires_on"),
        ({"signing_order": "company"}, "signing_order"),
    ],
)
def test_content_that_cannot_be_is_refused(aurora, wrong, field):
    wrong = {name: [aurora.company] if value == "company" else value for name, value in wrong.items()}
    agreement = begun(aurora)
    with pytest.raises(InvalidError) as error:
        drafted(aurora, agreement, **wrong)
    assert error.value.field == field


def test_every_term_is_part_of_what_is_signed(aurora):
    version = drafted(aurora, ip=OPTION)
    before = version.document_hash()
    changes = [
        {"ip": OPTION | {"option_days": 91}},
        {"governing_law": "Scotland"},
        {"duties": [DutyTerm("D", party=aurora.company)]},
        {"signing_order": [aurora.company, aurora.university]},
        {"expires_on": TODAY() + timedelta(days=9), "notice_days": 3},
        {"coverage": []},
    ]
    for change in changes:
        version = edit_version(version=version, edit=version.version, by=aurora.lead, **change)
        fresh = AgreementVersion.objects.get(pk=version.pk)
        assert fresh.document_hash() != before, change
        before = fresh.document_hash()


# --- background
def test_the_background_is_frozen_when_it_is_sent(aurora, registrar):
    given = {"project": aurora.project, "owner": aurora.company}
    item = declare_background(**given, title="Parser", restrictions="Internal only", by=registrar)
    gone = declare_background(**given, title="Corpus", by=registrar)
    out = send_for_signature(version=drafted(aurora), by=aurora.lead)
    edit_background(item=item, version=1, by=registrar, restrictions="None")
    withdraw_background(item=gone, by=registrar)
    out.refresh_from_db()
    assert {entry["title"]: entry["restrictions"] for entry in out.background} == {
        "Parser": "Internal only",
        "Corpus": "",
    }
    assert signed(out, aurora).state == "executed"


def test_an_entry_of_the_background_is_refused(aurora, registrar):
    given = {"project": aurora.project, "owner": aurora.company, "title": "Parser"}
    item = declare_background(**given, by=registrar)
    for wrong, field in (
        ({}, "title"),
        ({"title": "\u202e"}, "title"),
        ({"title": "B", "owner": organisation("Stranger")}, "owner"),
        ({"title": "C", "reference": "javascript:alert(1)"}, "reference"),
        ({"title": "D", "asset_id": aurora.project.pk}, "asset_id"),
    ):
        with pytest.raises(InvalidError) as error:
            declare_background(**given | wrong, by=registrar)
        assert error.value.field == field
    with pytest.raises(RefusedError):
        declare_background(**given | {"title": "E"}, by=aurora.observer)
    edit_background(item=item, version=1, by=registrar, title="Parser 2")
    with pytest.raises(StaleError):
        edit_background(item=item, version=1, by=registrar, title="Parser 3")
    withdraw_background(item=item, by=registrar)
    with pytest.raises(ConflictError):
        withdraw_background(item=item, by=registrar)


# --- negotiation
def test_a_counter_version_takes_the_place_of_the_one_it_answers(aurora, registrar):
    first = negotiate_version(version=drafted(aurora, ip=OPTION), by=aurora.lead)
    comment_on_version(version=first, text="90 days are too long.", by=registrar)
    second = counter_version(version=first, by=registrar, ip=OPTION | {"option_days": 30})
    first.refresh_from_db()
    assert (first.state, first.ended_as) == ("withdrawn", "countered")
    assert (second.number, second.state, second.based_on, second.proposed_by) == (
        2,
        "negotiation",
        first,
        aurora.company,
    )
    assert second.ip_terms.option_days == 30 and second.text == first.text and first.comments.count() == 1
    with pytest.raises(ConflictError):
        counter_version(version=first, by=aurora.lead)
    with pytest.raises(ConflictError):
        comment_on_version(version=first, text="Too late.", by=registrar)


def test_who_comments(aurora, registrar):
    version = drafted(aurora)
    assert comment_on_version(version=version, text="Fine.", by=aurora.company_signatory).party == aurora.company
    for who, changes, error in (
        (aurora.observer, {}, RefusedError),
        (registrar, {"party": aurora.university}, InvalidError),
        (registrar, {"text": "  "}, InvalidError),
    ):
        with pytest.raises(error):
            comment_on_version(**{"version": version, "text": "x", "by": who} | changes)
    assert version.comments.count() == 1


# --- approvals
@pytest.fixture
def procedure(aurora, registrar):
    """The company asks legal and finance side by side, then its research office; the university asks nobody."""
    for name, position in (("Legal", 1), ("Finance", 1), ("Research office", 2)):
        add_step(organisation=aurora.company, name=name, position=position, by=registrar)
    return registrar


def states(version: AgreementVersion) -> dict[str, str]:
    rows = version.approvals.order_by("round").values_list("step__name", "state")
    return dict(rows)


def open_step(version: AgreementVersion, name: str) -> Approval:
    return version.approvals.select_related("version", "step").get(step__name=name, state="open")


def test_approvals_go_in_order_and_side_by_side(aurora, procedure):
    version = drafted(aurora)
    with pytest.raises(ConflictError):
        send_for_signature(version=version, by=aurora.lead)
    submit_version(version=version, by=aurora.lead)
    assert states(version) == {"Legal": "open", "Finance": "open", "Research office": "waiting"}
    approve_step(approval=open_step(version, "Legal"), by=procedure)
    assert states(version)["Research office"] == "waiting"
    approve_step(approval=open_step(version, "Finance"), by=procedure)
    assert approve_step(approval=open_step(version, "Research office"), by=procedure).state == "agreed"
    assert send_for_signature(version=version, by=aurora.lead).state == "out_for_signature"
    assert AuditEvent.objects.filter(verb="agreement.approve").count() == 3


def test_only_the_party_itself_approves(aurora, procedure):
    submit_version(version=drafted(aurora), by=aurora.lead)
    step = Approval.objects.filter(state="open").select_related("version", "step").first()
    other = employ(person("University Registrar"), aurora.university, Role.ORGANISATION_ADMIN)
    for who in (aurora.lead, other, aurora.engineer):
        with pytest.raises((RefusedError, NotFoundError)):
            approve_step(approval=step, by=who)
    assert not Approval.objects.exclude(decided_at=None).exists()


def test_a_step_may_name_one_person(aurora, procedure):
    step = add_step(organisation=aurora.company, name="Board", receiver=aurora.engineer, by=procedure)
    version = drafted(aurora)
    submit_version(version=version, by=aurora.lead)
    with pytest.raises((RefusedError, NotFoundError)):
        approve_step(approval=open_step(version, "Board"), by=procedure)
    approve_step(approval=open_step(version, "Board"), by=aurora.engineer)
    retire_step(step=step, version=1, by=procedure)
    with pytest.raises(StaleError):
        retire_step(step=step, version=1, by=procedure)


def test_a_return_says_why_and_leads_back(aurora, procedure):
    version = drafted(aurora)
    submit_version(version=version, by=aurora.lead)
    with pytest.raises(InvalidError):
        return_step(approval=open_step(version, "Legal"), reason=" ", by=procedure)
    step = open_step(version, "Legal")
    assert return_step(approval=step, reason="No liability cap.", by=procedure).state == "draft"
    assert states(version) == {"Legal": "returned", "Finance": "voided", "Research office": "voided"}
    with pytest.raises(ConflictError):
        approve_step(approval=step, by=procedure)
    negotiate_version(version=version, by=aurora.lead)
    submit_version(version=version, by=aurora.lead)
    assert return_step(approval=open_step(version, "Legal"), reason="Still not.", by=procedure).state == "negotiation"


def test_an_edit_voids_the_approvals(aurora, procedure):
    version = drafted(aurora)
    submit_version(version=version, by=aurora.lead)
    for name in ("Legal", "Finance", "Research office"):
        approve_step(approval=open_step(version, name), by=procedure)
    edited = edit_version(version=version, edit=1, by=aurora.lead, text="We may everything.")
    assert edited.state == "negotiation" and set(states(version).values()) == {"voided"}
    with pytest.raises(ConflictError):
        send_for_signature(version=version, by=aurora.lead)


# --- signing
def test_parties_sign_in_their_order(aurora):
    version = drafted(aurora, signing_order=[aurora.company, aurora.university])
    out = send_for_signature(version=version, by=aurora.lead)
    assert parties_to_sign_for(aurora.university_signatory, out) == []
    assert not AgreementVersion.objects.awaiting(aurora.university_signatory).exists()
    with pytest.raises(ConflictError):
        signed(out, aurora, aurora.university)
    assert not Signature.objects.exists()
    signed(out, aurora, aurora.company)
    assert AgreementVersion.objects.awaiting(aurora.university_signatory).get() == out
    assert signed(out, aurora, aurora.university).state == "executed"


def test_declining_ends_the_version_and_says_why(aurora):
    out = send_for_signature(version=drafted(aurora), by=aurora.lead)
    given = {"version": out, "party": aurora.company, "by": aurora.company_signatory}
    with pytest.raises(InvalidError):
        decline_version(**given, reason="")
    with pytest.raises(RefusedError):
        decline_version(**given | {"by": aurora.lead}, reason="No.")
    declined = decline_version(**given, reason="The liability is open.")
    assert (declined.state, declined.ended_as, declined.reason) == ("withdrawn", "declined", "The liability is open.")
    with pytest.raises(ConflictError):
        signed(out, aurora, aurora.university)
    with pytest.raises(ConflictError):
        decline_version(**given, reason="Again.")
    assert drafted(aurora, out.agreement).number == 2


# --- in force, and not
def test_suspension_takes_coverage_away_and_resuming_gives_it_back(aurora):
    dataset, version = aurora.dataset(), executed(aurora)
    with pytest.raises(RefusedError):
        suspend_version(version=version, reason="Audit", by=aurora.researcher)
    suspend_version(version=version, reason="An incident is looked into.", by=aurora.lead)
    assert missing(aurora, dataset) == ["agreement_suspended"]
    with pytest.raises(ConflictError):
        suspend_version(version=version, reason="Twice", by=aurora.lead)
    resume_version(version=version, by=aurora.company_signatory)
    assert can(aurora.engineer, "dataset.train", dataset)
    assert AuditEvent.objects.filter(verb__in=["agreement.suspend", "agreement.resume"]).count() == 2


def test_an_amendment_replaces_what_it_changes_from_its_day_on(aurora):
    dataset, old = aurora.dataset(), executed(aurora)
    amendment = begun(aurora, "AM-1", kind="amendment", amends=old.agreement)
    day = TODAY() + timedelta(days=10)
    newer = executed(aurora, amendment, effective_on=day, coverage=[CoverageTerm(aurora.university, "training")])
    old.refresh_from_db()
    assert (old.state, old.replaced_on, old.replaced_by) == ("executed", day, newer)
    assert can(aurora.engineer, "dataset.train", dataset)
    with time_machine.travel(timezone.now() + timedelta(days=10), tick=False):
        assert missing(aurora, dataset) == ["agreement_amended"] and old.shown_state == "superseded"
        assert can(aurora.researcher, "dataset.train", dataset)


def test_an_amendment_that_ends_before_its_day_leaves_the_old_one_in_force(aurora):
    old = executed(aurora)
    amendment = begun(aurora, "AM-1", kind="amendment", amends=old.agreement)
    newer = executed(aurora, amendment, effective_on=TODAY() + timedelta(days=10))
    terminate_version(version=newer, by=aurora.lead)
    old.refresh_from_db()
    assert (old.state, old.replaced_on) == ("executed", None)


def test_only_amendments_name_what_they_change(aurora, borealis):
    draft, theirs = begun(aurora), executed(borealis, begun(borealis, "B-1")).agreement
    for wrong, field in (
        ({"kind": "amendment"}, "amends"),
        ({"kind": "nda", "amends": draft}, "amends"),
        ({"kind": "amendment", "amends": draft}, "amends"),  # nothing of it is signed
        ({"kind": "amendment", "amends": theirs}, "amends"),
        ({"kind": "nda", "parent": theirs}, "parent"),
    ):
        with pytest.raises(InvalidError) as error:
            begun(aurora, "AM-1", **wrong)
        assert error.value.field == field


def test_what_renews_itself_goes_on_until_notice_is_given(aurora):
    dataset = aurora.dataset()
    start = TODAY()
    version = executed(aurora, expires_on=add_months(start, 12), auto_renews=True, renewal_months=12, notice_days=30)
    late = add_months(start, 18)
    with time_machine.travel(timezone.now() + (late - start), tick=False):
        assert can(aurora.engineer, "dataset.train", dataset) and version.shown_state == "executed"
        stopped = stop_renewal(version=version, by=aurora.lead)
        assert stopped.lapses_on == add_months(start, 24)
        with pytest.raises(ConflictError):
            stop_renewal(version=version, by=aurora.lead)
    with time_machine.travel(timezone.now() + (add_months(start, 24) - start), tick=False):
        assert missing(aurora, dataset) == ["agreement_expired"]


def test_notice_that_comes_too_late_counts_for_the_next_term(aurora):
    start = TODAY()
    version = executed(
        aurora, expires_on=start + timedelta(days=20), auto_renews=True, renewal_months=6, notice_days=30
    )
    assert stop_renewal(version=version, by=aurora.lead).lapses_on == add_months(start + timedelta(days=20), 6)
    plain = executed(aurora, begun(aurora, "DUA-2"))
    with pytest.raises(ConflictError):
        stop_renewal(version=plain, by=aurora.lead)


def test_duties_outlive_the_agreement(aurora):
    version = executed(aurora, duties=[DutyTerm("Keep it secret", months=24)])
    duty = DutyTerm("Return the data", party=aurora.company, until=date(2190, 1, 1))
    with pytest.raises(InvalidError):
        terminate_version(version=version, by=aurora.lead, duties=[DutyTerm("Pay", party=organisation("Stranger"))])
    ended = terminate_version(version=version, by=aurora.lead, reason="The work is done.", duties=[duty])
    assert {d.text: d.last_day(TODAY()) for d in ended.duties.all()} == {
        "Keep it secret": add_months(TODAY(), 24),
        "Return the data": date(2190, 1, 1),
    }
    assert ended.document_hash() == ended.document_sha256  # what was added at the end was not signed


# --- the inbox and the calendar
def waiting(user) -> list[str]:
    return [row.topic for row in Request.objects.waiting_for(user)]


def test_the_inbox_asks_for_each_step_and_its_answer_moves_the_version(aurora, procedure):
    version = drafted(aurora)
    submit_version(version=version, by=aurora.lead)
    assert waiting(procedure) == ["agreement.approval"] * 2 and waiting(aurora.lead) == []
    for name in ("Legal", "Finance", "Research office"):
        row = Request.objects.open().get(subject_id=str(open_step(version, name).pk))
        decide_request(request=row, decision="approved", by=procedure)
    version.refresh_from_db()
    assert version.state == "agreed" and waiting(procedure) == []


def test_an_edit_takes_the_questions_back(aurora, procedure):
    version = drafted(aurora)
    submit_version(version=version, by=aurora.lead)
    edit_version(version=version, edit=1, by=aurora.lead, text="Other.")
    assert waiting(procedure) == [] and Request.objects.filter(state="withdrawn").count() == 2


def test_signatories_are_asked_when_it_is_their_turn_and_answer_by_signing(aurora):
    version = drafted(aurora, signing_order=[aurora.company, aurora.university])
    out = send_for_signature(version=version, by=aurora.lead)
    assert waiting(aurora.company_signatory) == ["agreement.signature"] and waiting(aurora.university_signatory) == []
    row = Request.objects.open().get()
    assert (row.escalated_to, row.nobody_since) == ("", None), "its signatory can answer, so it climbs to nobody"
    with pytest.raises(RefusedError) as refused:
        decide_request(request=row, decision="approved", by=aurora.company_signatory)
    assert refused.value.missing[0].code == "sign_on_page" and not Signature.objects.exists()
    signed(out, aurora, aurora.company)
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("approved", aurora.company_signatory)
    assert waiting(aurora.university_signatory) == ["agreement.signature"]
    decline_version(version=out, party=aurora.university, reason="No.", by=aurora.university_signatory)
    assert not Request.objects.open().exists()
    assert Notification.objects.filter(person=aurora.lead, title__contains="declined").exists()


def test_the_calendar_knows_terms_notices_and_duties(aurora):
    start = TODAY()
    version = executed(
        aurora,
        expires_on=add_months(start, 12),
        auto_renews=True,
        renewal_months=12,
        notice_days=30,
        duties=[DutyTerm("Keep it secret", party=aurora.company, months=24)],
    )
    due = {row.kind: row.due_on for row in Obligation.objects.all()}
    end = add_months(start, 12)
    assert due == {"expiry": end, "notice": end - timedelta(days=30), "other": add_months(end, 24)}
    assert Obligation.objects.get(kind="other").organisation == aurora.company
    terminate_version(version=version, by=aurora.lead)
    left = {row.kind: row.due_on for row in Obligation.objects.open()}
    assert left == {"other": add_months(start, 24)}
