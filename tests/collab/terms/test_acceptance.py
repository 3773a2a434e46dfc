"""Each person's own acceptance: asked for beside the agreement, bound to a hash, asked again for a new version."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from collab.access.policy import can, decide, visible_to
from collab.agreements.models import AgreementVersion, Purpose
from collab.agreements.services import CoverageTerm, draft_version, send_for_signature, sign_version
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from collab.terms.acceptance import accept_url
from collab.terms.models import TermsAcceptance, open_for
from collab.terms.services import accept_terms
from registry.datasets.models import DatasetVersion
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed(aurora) -> AgreementVersion:
    """A data-use agreement that nobody has accepted yet."""
    version = aurora.cover(reference="DUA-3")
    TermsAcceptance.objects.all().delete()
    return version


@pytest.fixture
def data(aurora) -> DatasetVersion:
    return aurora.dataset().latest()


def accept(version, organisation, user):
    return accept_terms(version=version, organisation=organisation, document_sha256=version.document_sha256, by=user)


def amended(aurora, version: AgreementVersion, **changes) -> AgreementVersion:
    """The next version, signed by all."""
    content = {
        "text": "The parties may use the data, carefully.",
        "effective_on": timezone.localdate(),
        "coverage": [CoverageTerm(p, w) for p in (aurora.university, aurora.company) for w in Purpose.values],
    }
    after = draft_version(agreement=version.agreement, by=aurora.lead, **content | changes)
    after = send_for_signature(version=after, by=aurora.lead)
    for signer, party in (
        (aurora.university_signatory, aurora.university),
        (aurora.company_signatory, aurora.company),
    ):
        after = sign_version(
            version=after, party=party, typed_name=signer.name, capacity="Director",
            document_sha256=after.document_sha256, by=signer,
        )  # fmt: skip
    return after


def test_without_it_the_refusal_names_the_version_and_the_page(aurora, signed, data):
    decision = decide(aurora.engineer, "dataset.train", data)

    (missing,) = decision.missing
    assert (missing.code, str(missing.sentence)) == ("acceptance", "Your acceptance of DUA-3 version 1 is missing.")
    assert as_(aurora.engineer).get(missing.url).status_code == 200


def test_with_it_both_words_open_for_this_person_alone(aurora, signed, data):
    accept(signed, aurora.company, aurora.engineer)

    assert can(aurora.engineer, "dataset.train", data) and can(aurora.engineer, "dataset.read", data)
    assert not can(aurora.researcher, "dataset.train", data)
    assert list(visible_to(aurora.engineer, "dataset.train", DatasetVersion.objects.all())) == [data]


def test_what_ones_own_party_contributed_one_reads_without_it(aurora, signed, data):
    assert can(aurora.researcher, "dataset.read", data)
    assert not can(aurora.engineer, "dataset.read", data)


def test_an_amendment_asks_again_and_says_what_was_accepted_before(aurora, signed, data):
    accept(signed, aurora.company, aurora.engineer)
    after = amended(aurora, signed)

    (missing,) = decide(aurora.engineer, "dataset.train", data).missing
    assert "version 2 is missing; you accepted version 1 on" in str(missing.sentence)
    accept(after, aurora.company, aurora.engineer)
    assert can(aurora.engineer, "dataset.train", data)


def test_everybody_whom_it_covers_is_told_in_their_language(aurora, signed):
    told = Notification.objects.filter(kind="terms", url=accept_url(signed))

    assert set(told.values_list("person", flat=True)) == {aurora.lead.pk, aurora.researcher.pk, aurora.engineer.pk}
    assert "waits for your acceptance" in told.first().title
    assert "等待您的接受" in told.first().title_zh


def test_a_version_of_later_says_from_when_and_one_without_acceptance_nothing(aurora, signed):
    later = timezone.localdate() + timedelta(days=9)
    told = Notification.objects.filter(kind="terms", person=aurora.lead)

    amended(aurora, signed, effective_on=later)
    assert told.filter(title__endswith=f"version 2, asks for your acceptance from {later} on").exists()
    amended(aurora, signed, effective_on=later, requires_acceptance=False)
    assert told.count() == 2


def test_the_dashboard_says_what_waits_for_my_acceptance(aurora, signed):
    client = as_(aurora.researcher)
    assert accept_url(signed) in text(client.get("/"))
    assert accept_url(signed) not in text(as_(aurora.observer).get("/"))

    accept(signed, aurora.university, aurora.researcher)
    assert accept_url(signed) not in text(client.get("/"))


def test_an_agreement_may_do_without(aurora, signed, data):
    AgreementVersion.objects.filter(pk=signed.pk).update(requires_acceptance=False)

    assert can(aurora.engineer, "dataset.train", data)
    assert not open_for(aurora.engineer).exists()


def test_where_nothing_covers_only_that_is_named(aurora, data):
    assert [item.code for item in decide(aurora.engineer, "dataset.train", data).missing] == ["no_agreement"]


def test_it_is_recorded_once_however_often_it_is_given(aurora, signed):
    first = accept(signed, aurora.company, aurora.engineer)
    second = accept(signed, aurora.company, aurora.engineer)

    assert first == second
    event = AuditEvent.objects.get(verb="terms.accept")
    assert event.data["sha256"] == signed.document_sha256 and event.actor_id == aurora.engineer.pk


def test_the_database_keeps_one_and_wants_a_hash(aurora, signed):
    row = {"version": signed, "user": aurora.engineer, "organisation": aurora.company}
    TermsAcceptance.objects.create(**row, document_sha256="0" * 64)
    for digest in ("1" * 64, ""):
        with pytest.raises(IntegrityError), transaction.atomic():
            TermsAcceptance.objects.create(**row, document_sha256=digest)


def test_bad_acceptances_are_refused(aurora, borealis, signed):
    with pytest.raises(ConflictError, match="not the one you were shown"):
        accept_terms(version=signed, organisation=aurora.company, document_sha256="0" * 64, by=aurora.engineer)
    with pytest.raises(InvalidError, match="You do not act for"):
        accept(signed, aurora.university, aurora.engineer)
    with pytest.raises(RefusedError):
        accept(signed, aurora.university, aurora.observer)
    for stranger in (aurora.former, borealis.lead):
        with pytest.raises(NotFoundError):
            accept(signed, aurora.university, stranger)
    AgreementVersion.objects.filter(pk=signed.pk).update(
        effective_on=timezone.localdate() - timedelta(days=9), expires_on=timezone.localdate()
    )
    with pytest.raises(ConflictError, match="not in force"):
        accept(signed, aurora.company, aurora.engineer)
    assert not TermsAcceptance.objects.exists()


def test_the_page_shows_the_text_and_takes_the_hash(aurora, signed, data):
    browser, url = as_(aurora.engineer), f"/agreements/{signed.agreement_id}/v1/accept/"
    shown = text(browser.get(url))
    assert "The parties may use the data." in shown and signed.document_sha256 in shown

    form = {"organisation": aurora.company.pk, "document_sha256": signed.document_sha256}
    assert browser.post(url, form).status_code == 422  # not ticked
    assert browser.post(url, form | {"read": "on", "document_sha256": "0" * 64}).status_code == 409
    assert browser.post(url, form | {"read": "on"}).status_code == 302
    assert can(aurora.engineer, "dataset.train", data)
    assert "You accepted it for" in text(browser.get(url))


def test_the_list_says_what_waits_with_as_many_queries_for_many(aurora, signed):
    browser = as_(aurora.engineer)
    aurora.cover(reference="DUA-4")
    assert "DUA-3" in text(browser.get("/terms/"))
    before = queries(browser, "/terms/")
    for reference in ("DUA-5", "DUA-6"):
        aurora.cover(reference=reference)
        TermsAcceptance.objects.filter(version__agreement__reference=reference, user=aurora.engineer).delete()

    assert queries(browser, "/terms/") == before


def test_the_api_lists_takes_and_says_what_waits(aurora, borealis, signed):
    browser = as_(aurora.engineer)
    waiting = browser.get("/api/v1/acceptances/waiting/").json()["results"]
    assert [(row["agreement"], row["number"]) for row in waiting] == [("DUA-3", 1)]
    body = {
        "version": str(signed.pk),
        "organisation": aurora.company.slug,
        "document_sha256": signed.document_sha256,
    }
    assert browser.post("/api/v1/acceptances/", body, "application/json").status_code == 201
    assert browser.get("/api/v1/acceptances/waiting/").json()["results"] == []
    assert len(as_(aurora.lead).get("/api/v1/acceptances/").json()["results"]) == 1
    assert as_(borealis.lead).get("/api/v1/acceptances/").json()["results"] == []
