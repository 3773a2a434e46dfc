"""Sublicences: within the bounds of the licence, with consent where the terms want it, and over when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from collab.agreements.models import AgreementVersion
from collab.inbox.models import Request
from collab.inbox.services import decide_request
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, NotReadyError, RefusedError
from collab.transfer.licences.models import Sublicence
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.transfer.licences.services import current_version, edit_terms, end_licence, terms_now
from collab.transfer.licences.sublicensing import end_sublicence, register_sublicence

pytestmark = pytest.mark.django_db


def grant(office, licence, *, fields=("health",), territories=("DE",), by=None, **more: Any) -> Sublicence:
    given: dict[str, Any] = {"name": "Northwind Clinics", "starts_on": timezone.localdate()} | more
    return register_sublicence(
        licence=licence,
        fields=list(FieldOfUse.objects.filter(code__in=fields)),
        territories=list(Territory.objects.filter(code__in=territories)),
        by=by or office.firm_signatory,
        **given,
    )


def test_a_sublicence_lies_within_the_licence_and_ends_with_it(office, client):
    licence = office.execute(sublicensing="free")
    with pytest.raises(RefusedError):  # the licensor's officer does not grant for the licensee
        grant(office, licence, by=office.officer)
    with pytest.raises(FaultyInputError) as refused:
        grant(
            office, licence, fields=[], territories=["WORLD"], starts_on=licence.starts_on - timedelta(days=1),
            ends_on=licence.ends_on + timedelta(days=1),
        )  # fmt: skip
    assert [one.path for one in refused.value.faults] == ["fields", "territories", "starts_on", "ends_on"]
    with pytest.raises(InvalidError):
        grant(office, licence, organisation=office.rival)  # and a name
    with pytest.raises(InvalidError):
        grant(office, licence, name="", organisation=office.firm)
    assert not Sublicence.objects.exists()

    first = grant(office, licence)
    second = grant(office, licence, name="", organisation=office.rival)
    assert (first.state, first.ends_on, second.name) == ("granted", licence.ends_on, "Westwind")
    page = reverse("collab:licence", args=[licence.pk])
    for who in (office.officer, office.firm_signatory):
        client.force_login(who)
        assert b"Northwind Clinics" in client.get(page).content
        listed = client.get(reverse("api:sublicence-list"), {"licence": str(licence.pk)}).json()
        assert len(listed.get("results", listed)) == 2
    client.force_login(office.rival_signatory)
    assert client.get(reverse("api:sublicence-detail", args=[first.pk])).status_code == 404

    assert end_sublicence(sublicence=first, by=office.firm_signatory).state == "ended"
    with pytest.raises(ConflictError):
        end_sublicence(sublicence=first, by=office.firm_signatory)
    end_licence(licence=licence, reason="Over", by=office.officer)
    second.refresh_from_db()
    assert second.state == "ended"
    with pytest.raises(ConflictError):
        grant(office, licence)


def test_the_licensor_consents_in_the_inbox_where_the_terms_want_it(office, client):
    closed = office.execute(exclusivity="non_exclusive")
    with pytest.raises(ConflictError) as refused:
        grant(office, closed)
    assert refused.value.code == "sublicensing_not_allowed"
    licence = office.execute(exclusivity="non_exclusive", sublicensing="consent")
    client.force_login(office.firm_signatory)
    sent = {"name": "Asked", "fields_": "health", "territories": "DE", "starts_on": timezone.localdate().isoformat()}
    address = reverse("collab:sublicence_new", args=[licence.pk])
    form = client.get(address)
    sent |= {name: form.context["form"][name].value() for name in form.context["form"].fields if name not in sent}
    assert client.post(address, {k: v for k, v in sent.items() if v is not None}).status_code == 302
    asked = Sublicence.objects.get()
    refused_row = grant(office, licence, name="Refused")
    waiting = grant(office, licence, name="Waiting")
    assert {asked.state, refused_row.state, waiting.state} == {"asked"}

    def request_of(row: Sublicence) -> Request:
        return Request.objects.get(topic="sublicence", subject_id=str(row.pk))

    decide_request(request=request_of(asked), decision="approved", by=office.officer)
    decide_request(request=request_of(refused_row), decision="rejected", reason="A rival", by=office.officer)
    end_licence(licence=licence, reason="Over", by=office.officer)
    assert dict(Sublicence.objects.values_list("name", "state")) == {
        "Asked": "ended", "Refused": "refused", "Waiting": "ended"
    }  # fmt: skip
    assert not Request.objects.open().filter(topic="sublicence").exists()


def further(office, licence, **terms: Any) -> None:
    """Further terms, signed by all."""
    days = {name: terms.pop(name) for name in ("effective_on", "expires_on") if name in terms}
    edit_terms(licence=licence, edit=0, terms=terms, by=office.officer, **days)
    office.sign(office.send(licence))
    licence.refresh_from_db()


def test_further_terms_leave_room_for_sublicences_or_say_that_they_end(office):
    today = timezone.localdate()
    licence = office.execute(sublicensing="free", fields=["health", "energy"])
    german = grant(office, licence, name="Nordklinik")
    french = grant(office, licence, name="Clinique", territories=["FR"], ends_on=today + timedelta(days=90))
    edit_terms(licence=licence, edit=0, terms={"territories": ["DE"], "fields": ["energy"]}, by=office.officer)

    def refused() -> list[str]:
        with pytest.raises(NotReadyError) as error:
            office.send(licence)
        return [str(one.sentence) for one in error.value.missing if one.code == "sublicence.no_room"]

    def change(**terms: Any) -> None:
        edit_terms(licence=licence, edit=current_version(licence).version, terms=terms, by=office.officer)

    said = refused()
    assert len(said) == 2 and "Nordklinik" in said[0] and "Clinique" in said[1] and "France" in said[1]
    change(territories=["EU"])
    assert all("Health" in one or "health" in one for one in refused())
    change(fields=["health"], sublicensing="none")
    assert all("no longer allowed" in one for one in refused())
    change(sublicensing="free")  # room for both
    sent = office.send(licence)
    late = grant(office, licence, name="Late", fields=["energy"])  # granted while the terms wait for signatures
    with pytest.raises(NotReadyError, match="Late"):
        office.sign(sent)
    end_sublicence(sublicence=late, by=office.firm_signatory)
    office.sign(AgreementVersion.objects.get(pk=sent.pk))

    # shorter: what only lasts too long ends with the licence, the rest goes on
    licence.refresh_from_db()
    end = today + timedelta(days=100)
    further(office, licence, effective_on=today, expires_on=end, sublicences_end=True)
    german.refresh_from_db()
    french.refresh_from_db()
    assert [(row.state, row.ends_on) for row in (german, french)] == [
        ("granted", end), ("granted", today + timedelta(days=90)),
    ]  # fmt: skip
    further(office, licence, effective_on=today, expires_on=end, territories=["FR"], sublicences_end=True)
    german.refresh_from_db()
    french.refresh_from_db()
    assert (german.state, french.state) == ("ended", "granted")
    assert "sublicences_end" not in terms_now(licence, current_version(licence)), "each further version says it anew"
