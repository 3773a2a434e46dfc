"""Offers: the public reads only what was written for it, companies more only while an agreement binds them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from collab.access.policy import decide
from collab.agreements.services import terminate_version
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, NotReadyError, StaleError
from collab.transfer.models import Interest, Offer, TransferCase
from collab.transfer.protection.offering import (
    edit_interest,
    edit_offer,
    leave_interest,
    move_interest,
    publish_offer,
    withdraw_offer,
    write_offer,
)
from tests.cast import employ, organisation, person
from tests.collab.transfer.protection.ground import bind, case_of, member, offer_of, officer_of
from tests.pages import as_, text

pytestmark = pytest.mark.django_db
ASKED = {"company": "Northwind", "name": "Eve", "email": "eve@northwind.example", "agreed": "on"}


@pytest.fixture
def ground(aurora):
    aurora.officer = officer_of(aurora)
    aurora.case = case_of(aurora)
    return aurora


def interested(ground, offer: Offer) -> Interest:
    interest = leave_interest(offer=offer, company="Northwind", name="Eve", email="eve@northwind.example")
    return edit_interest(interest=interest, by=ground.officer, version=1, organisation=ground.company)


def test_everybody_reads_what_is_published_and_nothing_else(ground):
    anybody, offer = Client(), offer_of(ground.case, ground.officer)
    url = offer.get_public_url()
    page, all_of_it = text(anybody.get(url)), text(anybody.get("/technologies/"))
    assert "without bruises" in page and str(offer) in all_of_it
    for secret in ("64 neurons", "ring of magnets", ground.case.docket, ground.case.disclosure.title):
        assert secret not in page + all_of_it

    withdraw_offer(offer=offer, by=ground.officer)
    assert anybody.get(url).status_code == 404 and str(offer) not in text(anybody.get("/technologies/"))
    draft = write_offer(case=ground.case, by=ground.officer, title="Draft", text="Soon.", contact=ground.officer)
    assert anybody.get(draft.get_public_url()).status_code == 404
    publish_offer(offer=offer, by=ground.officer)
    TransferCase.objects.filter(pk=ground.case.pk).update(state="abandoned")
    assert anybody.get(url).status_code == 404  # with its case it ends


def test_publishing_markets_the_case(ground):
    offer_of(ground.case, ground.officer)
    assert TransferCase.objects.get().state == "marketed"
    member(ground.case, ground.officer, "trade_secret", jurisdiction="", filed_on=timezone.localdate())
    assert TransferCase.objects.get().state == "marketed"  # never back


def test_a_confidential_sentence_is_not_published(ground):
    secret = "A ring of magnets is driven by a learnt policy of three layers"
    with pytest.raises(FaultyInputError) as refused:
        offer_of(ground.case, ground.officer, text=f"It grips. {secret.upper()}!")
    assert {fault.path for fault in refused.value.faults} == {"text"}
    offer = offer_of(ground.case, ground.officer)
    with pytest.raises(FaultyInputError):
        edit_offer(offer=offer, by=ground.officer, version=offer.version, advantages=f"Small\n{secret}")
    with pytest.raises(StaleError):
        edit_offer(offer=offer, by=ground.officer, version=1, title="Other")


def test_only_what_is_pursued_is_offered_by_whom_it_concerns(ground):
    with pytest.raises(FaultyInputError) as refused:
        offer_of(ground.case, ground.officer, contact=ground.researcher)
    assert {fault.path for fault in refused.value.faults} == {"contact"}
    TransferCase.objects.filter(pk=ground.case.pk).update(decision="hold")
    ground.case.refresh_from_db()
    with pytest.raises(ConflictError):
        offer_of(ground.case, ground.officer)


def test_a_company_writes_without_an_account_once(ground):
    offer = offer_of(ground.case, ground.officer)
    url, anybody = offer.get_public_url(), Client()
    assert anybody.post(url, ASKED | {"agreed": ""}).status_code == 422
    for _time in range(2):
        sent = anybody.post(url, ASKED)
        assert sent.status_code == 302 and "Thank you" in text(anybody.get(sent["Location"].partition("#")[0]))
    interest = Interest.objects.get()
    assert (interest.company, interest.state, interest.organisation) == ("Northwind", "new", None)
    assert Notification.objects.filter(kind="offer", person=ground.officer).count() == 1
    assert AuditEvent.objects.get(verb="offer.interest").actor_id is None


def test_programs_and_floods_are_kept_out(ground):
    offer = offer_of(ground.case, ground.officer)
    url, anybody = offer.get_public_url(), Client(REMOTE_ADDR="203.0.113.7")
    assert anybody.post(url, ASKED | {"website": "http://spam.example"}).status_code == 302
    assert anybody.post(url, ASKED | {"message": "http://a http://b http://c"}).status_code == 422
    assert not Interest.objects.exists()
    answers = [anybody.post(url, ASKED | {"email": f"a{n}@x.example"}).status_code for n in range(10)]
    assert answers.count(302) == 8 and answers[-1] == 429


def test_more_is_shown_only_while_the_agreement_is_in_force(ground):
    offer = offer_of(ground.case, ground.officer)
    url, theirs = f"{offer.get_public_url()}more/", as_(ground.engineer)
    assert [m.code for m in decide(ground.engineer, "offer.read", offer).missing] == ["interest", "nda"]
    interest = interested(ground, offer)
    refused = theirs.get(url)
    assert refused.status_code == 403 and "non-disclosure agreement in force" in text(refused)
    with pytest.raises(NotReadyError):
        move_interest(interest=interest, move="nda", by=ground.officer)

    version = bind(ground)

    assert "64 neurons" in text(theirs.get(url))
    assert AuditEvent.objects.get(verb="offer.read").actor_id == ground.engineer.pk
    assert move_interest(interest=interest, move="nda", by=ground.officer).state == "under_nda"
    stranger = employ(person("Spy"), organisation("Elsewhere", "company"))
    assert as_(stranger).get(url).status_code == 403 and Client().get(url).status_code == 302
    terminate_version(version=version, reason="Over", by=ground.university_signatory)
    assert theirs.get(url).status_code == 403
    assert "64 neurons" in text(as_(ground.officer).get(url))  # its own office reads it always


def test_another_kind_of_agreement_is_not_enough(ground):
    offer = offer_of(ground.case, ground.officer)
    interested(ground, offer)
    bind(ground, kind="collaboration")
    assert not decide(ground.engineer, "offer.read", offer)


def test_the_organisation_is_named_by_the_office_and_belongs(ground):
    offer = offer_of(ground.case, ground.officer)
    facts = {"offer": offer, "company": "N", "name": "E", "email": "e@n.example"}
    with pytest.raises(InvalidError) as refused:
        leave_interest(**facts, person=ground.engineer, organisation=ground.university)
    assert refused.value.field == "organisation"
    assert leave_interest(**facts, organisation=ground.company).organisation is None  # nobody is signed in
    with pytest.raises(InvalidError):
        edit_interest(interest=Interest.objects.get(), by=ground.officer, version=1, organisation=ground.university)
