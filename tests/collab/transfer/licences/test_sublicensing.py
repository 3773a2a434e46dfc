"""Sublicences: within the bounds of the licence, with consent where the terms want it, and over when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from collab.inbox.models import Request
from collab.inbox.services import decide_request
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, RefusedError
from collab.transfer.licences.models import Sublicence
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.transfer.licences.services import end_licence
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
