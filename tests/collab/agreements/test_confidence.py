"""What tells of a confidential agreement is kept from those who may not read it: its dates, acts, news, acceptances."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from collab.access.policy import visible_to
from collab.access.roles import Role
from collab.access.why import explain
from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.agreements.sealing import ensure_sealed
from collab.agreements.services import (
    CoverageTerm,
    draft_agreement,
    draft_version,
    send_for_signature,
    sign_version,
    terminate_version,
)
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Obligation
from collab.inbox.reminding import sweep
from collab.projects.services import add_member, add_party
from collab.terms.acceptance import accept_url
from collab.terms.models import TermsAcceptance
from collab.terms.services import accept_terms
from tests.cast import Joint, employ, organisation, person
from tests.pages import as_, text

pytestmark = pytest.mark.django_db
SECRET = "DUA-77"


def executed(joint: Joint, *, confidential: bool) -> AgreementVersion:
    """Signed by both parties, sealed, soon at its end, and accepted by the researcher."""
    agreement = draft_agreement(
        project=joint.project, reference=SECRET, kind="data_use", title="T", confidential=confidential, by=joint.lead
    )
    version = draft_version(
        agreement=agreement,
        text="We may.",
        effective_on=timezone.localdate(),
        expires_on=timezone.localdate() + timedelta(days=3),
        coverage=[CoverageTerm(joint.university, "training")],
        by=joint.lead,
    )
    version = send_for_signature(version=version, by=joint.lead)
    for signer, party in (
        (joint.university_signatory, joint.university),
        (joint.company_signatory, joint.company),
    ):
        version = sign_version(
            version=version, party=party, typed_name=signer.name, capacity="Director",
            document_sha256=version.document_sha256, by=signer,
        )  # fmt: skip
    ensure_sealed(version)
    accept_terms(
        version=version, organisation=joint.university, document_sha256=version.document_sha256, by=joint.researcher
    )
    return version


def acts(user: User) -> set[str]:
    rows = visible_to(user, "audit.view", AuditEvent.objects.all())
    return {row.verb for row in rows if SECRET in str(row.data)}


@pytest.mark.parametrize("confidential", [False, True])
def test_its_acts_are_history_for_those_who_may_read_it(aurora, confidential):
    executed(aurora, confidential=confidential)
    all_of_it = {
        "agreement.draft", "agreement.draft_version", "agreement.send", "request.ask", "request.decide",
        "agreement.sign", "agreement.execute", "agreement.seal_document", "terms.accept",
    }  # fmt: skip

    assert acts(aurora.lead) >= all_of_it
    assert acts(aurora.researcher) == (set() if confidential else acts(aurora.lead))
    page = text(as_(aurora.researcher).get(f"/projects/{aurora.project.slug}/history/"))
    assert (SECRET in page) is not confidential


@pytest.mark.parametrize("confidential", [False, True])
def test_its_dates_are_in_the_calendar_of_those_who_may_read_it(aurora, confidential):
    version = executed(aurora, confidential=confidential)
    row = Obligation.objects.get(kind="expiry", source_id=str(version.pk))

    assert list(Obligation.objects.visible_to(aurora.lead)) == [row]
    assert list(Obligation.objects.visible_to(aurora.observer)) == ([] if confidential else [row])
    assert (SECRET in text(as_(aurora.observer).get("/calendar/"))) is not confidential


@pytest.mark.parametrize("confidential", [False, True])
def test_a_lead_of_a_party_that_came_later_hears_of_it_only_where_it_is_open(aurora, confidential):
    version = executed(aurora, confidential=confidential)
    late = organisation("Late Institute")
    add_party(project=aurora.project, organisation=late, by=aurora.lead)
    other = employ(person("Late Lead"), late)
    add_member(project=aurora.project, user=other, organisation=late, role=Role.LEAD, by=aurora.lead)
    sweep()
    terminate_version(version=version, by=aurora.lead)

    told = Notification.objects.filter(person=other, title__contains=SECRET)
    assert {row.kind for row in told} == (set() if confidential else {"reminder", "agreement"})
    assert Notification.objects.filter(person=aurora.lead, title__contains=SECRET, kind="reminder").exists()


def test_who_accepted_it_is_read_by_themselves_and_by_those_who_may_read_it(aurora):
    executed(aurora, confidential=True)

    assert TermsAcceptance.objects.visible_to(aurora.researcher).count() == 1
    assert TermsAcceptance.objects.visible_to(aurora.lead).count() == 1
    assert TermsAcceptance.objects.visible_to(aurora.observer).count() == 0


def test_its_text_is_shown_for_acceptance_to_those_alone_who_are_asked(aurora):
    version = executed(aurora, confidential=True)  # it covers the university
    page = accept_url(version)

    assert as_(aurora.researcher).get(page).status_code == 200
    assert as_(aurora.lead).get(page).status_code == 200  # reads it anyway
    told = as_(aurora.engineer).get(page)
    assert told.status_code == 403 and "We may." not in told.content.decode()
    draft = draft_version(
        agreement=version.agreement, text="Not yet.", effective_on=timezone.localdate(), by=aurora.lead,
        coverage=[CoverageTerm(aurora.university, "training")],
    )  # fmt: skip
    assert as_(aurora.researcher).get(accept_url(draft)).status_code == 403


def test_the_rights_of_others_do_not_name_it(aurora):
    executed(aurora, confidential=True)
    dataset = aurora.dataset()

    def told(reader):
        found = explain(aurora.researcher, "dataset.train", dataset, reader=reader)
        return " ".join(str(one.sentence) for one in [*found.missing, *found.because])

    assert SECRET in told(aurora.researcher) and SECRET in told(aurora.lead)
    assert SECRET not in told(aurora.observer) and "A confidential agreement" in told(aurora.observer)
