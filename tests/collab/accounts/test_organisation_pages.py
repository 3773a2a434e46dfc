"""Pages and API of organisations and people: what they show to whom, and both versions of a lost update."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Invitation, Membership, Organisation, User
from collab.accounts.services import add_unit, deactivate_person, edit_organisation, grant_role
from tests.cast import employ, organisation, person, token_for

pytestmark = pytest.mark.django_db


def as_(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def api(user, **token) -> Client:
    return Client(headers={"Authorization": f"Bearer {token_for(user, **token)}"})


def text(response) -> str:
    return response.content.decode()


@pytest.fixture
def here(db):
    return organisation("Lakeside")


@pytest.fixture
def registrar(here):
    return employ(person("Registrar"), here, Role.ORGANISATION_ADMIN)


# --- pages
def test_the_page_shows_who_may_sign_and_until_when(here, registrar):
    add_unit(organisation=here, name="Faculty of Law", by=registrar)
    until = timezone.now() + timedelta(days=90)
    chancellor = person("Chancellor")
    grant_role(organisation=here, user=chancellor, role="signatory", by=registrar, ends_at=until, limits="up to 5 EUR")
    page = text(as_(registrar).get(here.get_absolute_url()))
    for part in ("Chancellor", "up to 5 EUR", "Faculty of Law", "Pending invitations", "Invite"):
        assert part in page, part
    outside = text(as_(person("Outsider")).get(here.get_absolute_url()))
    assert "Lakeside" in outside and "Faculty of Law" in outside
    for part in ("Chancellor", "up to 5 EUR", "Pending invitations", "Invite"):
        assert part not in outside, part


def test_partners_see_who_signs_for_the_other_party_but_not_everybody_it_employs(aurora):
    employ(person("Quiet Colleague"), aurora.company)
    page = text(as_(aurora.researcher).get(aurora.company.get_absolute_url()))
    assert "Aurora Director" in page and "Quiet Colleague" not in page
    assert "Aurora Engineer" not in page  # acts in the project; in the company they are only employed
    assert aurora.project.title in page
    colleague = text(as_(aurora.engineer).get(aurora.company.get_absolute_url()))
    assert "Quiet Colleague" in colleague


def test_pages_take_the_same_queries_however_many_rows(here, registrar):
    client = as_(registrar)
    addresses = [
        "/organisations/",
        here.get_absolute_url(),
        *(f"{here.get_absolute_url()}{part}/" for part in ("people", "units", "invitations", "reviews")),
        registrar.get_absolute_url(),
    ]
    _more(here, registrar, range(1))
    counts = [_queries(client, path) for path in addresses]
    _more(here, registrar, range(1, 7))
    again = [_queries(client, path) for path in addresses]
    assert dict(zip(addresses, again, strict=True)) == dict(zip(addresses, counts, strict=True))


def _more(here: Organisation, registrar: User, numbers: range) -> None:
    for number in numbers:
        employ(person(f"P {number}"), here, Role.EMPLOYEE if number % 2 else Role.SIGNATORY)
        organisation(f"Other {number}")
        unit = add_unit(organisation=here, name=f"Unit {number}", by=registrar)
        Membership.objects.filter(user__name=f"P {number}").update(unit=unit, granted_by=registrar)
        Invitation.objects.create(
            organisation=here,
            role="employee",
            email=f"{number}@x.example",
            invited_by=registrar,
            expires_at=timezone.now(),
            digest=str(number),
        )


def _queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200, path
    return len(seen)


def test_adding_and_changing_with_both_versions_shown(settings):
    settings.FOUND_ORGANISATIONS = "anyone"
    anna = person("Anna")
    client = as_(anna)
    form = {"name": "Hillside Ltd", "kind": "company", "email_domains": "hillside.example, x.example", "country": "cn"}
    assert client.post("/organisations/new/", form | {"ror": "042nb2s45"}).status_code == 422
    assert client.post("/organisations/new/", form).status_code == 302
    made = Organisation.objects.get(name="Hillside Ltd")
    assert (made.country, made.email_domains) == ("CN", ["hillside.example", "x.example"])
    edit = f"{made.get_absolute_url()}edit/"
    assert "hillside.example, x.example" in text(client.get(edit))
    edit_organisation(organisation=made, by=anna, version=1, name="Hillside Group")
    stale = client.post(edit, form | {"version": 1, "name": "Hillside Limited"})
    assert stale.status_code == 412
    assert "now “Hillside Group”, you wrote “Hillside Limited”" in text(stale)
    assert client.post(edit, form | {"version": 2}).status_code == 302


def test_only_staff_found_where_it_is_theirs(settings):
    settings.FOUND_ORGANISATIONS = "staff"
    assert as_(person("Anna")).get("/organisations/new/").status_code == 404
    client = as_(person("Staff", is_staff=True))
    assert client.post("/organisations/new/", {"name": "New", "kind": "other"}).status_code == 302
    assert not Membership.objects.exists()


def test_roles_are_changed_and_ended_on_their_pages(here, registrar):
    client = as_(registrar)
    anna = employ(person("Anna"), here)
    people = f"{here.get_absolute_url()}people/"
    assert client.post(people, {"user": anna.pk, "role": "signatory", "limits": "NDAs"}).status_code == 302
    held = Membership.objects.get(user=anna, role="signatory")
    day = timezone.localdate() + timedelta(days=30)
    form = {"version": 1, "last_day": day.isoformat(), "limits": "NDAs only", "job_title": "Dean"}
    assert client.post(f"{people}{held.pk}/", form).status_code == 302
    held.refresh_from_db()
    assert (timezone.localtime(held.ends_at).date(), held.limits) == (day + timedelta(days=1), "NDAs only")
    assert f'value="{day.isoformat()}"' in text(client.get(f"{people}{held.pk}/"))
    assert client.post(f"{people}{held.pk}/", form).status_code == 412
    assert client.post(f"{people}{held.pk}/end/").status_code == 302
    mine = Membership.objects.get(user=registrar)
    told = client.post(f"{people}{mine.pk}/end/", follow=True)
    assert "name another one first" in text(told)
    assert client.post(f"{people}{held.pk}/", form | {"version": 3}).status_code == 409


def test_leaving_says_what_ends(aurora):
    client = as_(aurora.engineer)
    url = f"{aurora.company.get_absolute_url()}leave/"
    page = text(client.get(url))
    assert "Engineer" in page and aurora.project.title in page
    assert client.post(url, follow=True).status_code == 200
    assert client.get(aurora.project.get_absolute_url()).status_code == 404
    lead = as_(aurora.lead)
    page = text(lead.get(f"{aurora.university.get_absolute_url()}leave/"))
    assert "A project needs a lead" in page and "Leave now?" not in page
    assert lead.post(f"{aurora.project.get_absolute_url()}leave/", follow=True).status_code == 200
    assert Membership.objects.of(aurora.lead).active().count() == 2
    assert as_(aurora.observer).post(f"{aurora.project.get_absolute_url()}leave/").status_code == 302
    assert not Membership.objects.of(aurora.observer).in_projects().active().exists()


def test_a_person_is_seen_by_who_shares_something(aurora, borealis):
    url = aurora.engineer.get_absolute_url()
    page = text(as_(aurora.researcher).get(url))
    assert aurora.project.get_absolute_url() in page and "Northwind" in page
    assert as_(borealis.lead).get(url).status_code == 404
    anna = employ(person("Anna"), borealis.university)
    assert as_(anna).get(borealis.researcher.get_absolute_url()).status_code == 200
    assert borealis.project.get_absolute_url() not in text(as_(anna).get(borealis.researcher.get_absolute_url()))


def test_who_left_is_no_longer_seen(aurora):
    url = aurora.engineer.get_absolute_url()
    Membership.objects.filter(user=aurora.engineer).update(ends_at=timezone.now())
    assert as_(aurora.researcher).get(url).status_code == 404


def test_the_profile_takes_an_orcid_in_any_spelling(registrar):
    client = as_(registrar)
    form = {"name": "Registrar", "language": "en", "orcid": "https://orcid.org/0000000218250097"}
    assert client.post("/account/", form).status_code == 302
    registrar.refresh_from_db()
    assert registrar.orcid == "0000-0002-1825-0097"
    assert client.post("/account/", form | {"orcid": "0000-0002-1825-0098"}).status_code == 422
    assert as_(person("Twin")).post("/account/", form | {"name": "Twin"}).status_code == 409


def test_signing_out_everywhere(registrar):
    here, there = as_(registrar), as_(registrar)
    here.post("/account/sign-out-everywhere/")
    assert there.get("/account/").status_code == here.get("/account/").status_code == 302


def test_staff_close_accounts_but_not_those_of_staff():
    staff, anna = person("Staff", is_staff=True), person("Anna")
    client = as_(staff)
    assert client.post(f"/people/{anna.pk}/close/").status_code == 302
    anna.refresh_from_db()
    assert not anna.is_active
    assert client.post(f"/people/{anna.pk}/open/").status_code == 302
    assert client.post(f"/people/{person('Root', is_superuser=True).pk}/close/").status_code == 404
    assert as_(person("Nobody")).post(f"/people/{anna.pk}/close/").status_code == 404
    deactivate_person(user=staff, by=person("Root", is_staff=True, is_superuser=True))


# --- REST API
def test_an_organisation_is_edited_from_what_was_read(here, registrar):
    client, url = api(registrar), f"/api/v1/organisations/{here.slug}/"
    read = client.get(url)
    assert client.patch(url, {"country": "SE"}, "application/json").status_code == 428
    etag = {"If-Match": read["ETag"]}
    done = client.patch(url, {"country": "SE", "email_domains": ["a.example"]}, "application/json", headers=etag)
    assert (done.status_code, done.json()["country"], done.json()["version"]) == (200, "SE", 2)
    late = client.patch(url, {"country": "FR"}, "application/json", headers=etag)
    assert late.status_code == 412 and late.json()["now"]["country"] == "SE"
    for body, status in (({"slug": "x"}, 400), ({"ror": "0"}, 422), ({"review_due_on": "2027-02-29"}, 400)):
        etag = {"If-Match": client.get(url)["ETag"]}
        assert client.patch(url, body, "application/json", headers=etag).status_code == status, body


def test_units_roles_and_reviews_by_program(here, registrar):
    client = api(registrar)
    unit = client.post(f"/api/v1/organisations/{here.slug}/units/", {"name": "Law"}, "application/json").json()
    url = f"/api/v1/units/{unit['id']}/"
    etag = {"If-Match": client.get(url)["ETag"]}
    cycle = client.patch(url, {"name": "Law", "parent": unit["id"]}, "application/json", headers=etag)
    assert cycle.status_code == 422 and cycle.json()["field"] == "parent"
    anna = employ(person("Anna"), here)
    body = {"email": anna.email, "role": "signatory", "unit": unit["id"], "limits": "NDAs"}
    held = client.post(f"/api/v1/organisations/{here.slug}/people/", body, "application/json")
    assert held.status_code == 201 and held.json()["granted_by"]["name"] == "Registrar"
    role = f"/api/v1/memberships/{held.json()['id']}/"
    etag = {"If-Match": client.get(role)["ETag"]}
    past = client.patch(role, {"ends_at": "2020-01-01T00:00:00Z"}, "application/json", headers=etag)
    assert past.status_code == 422
    assert client.patch(role, {"ends_at": "2027-01-01T00:00"}, "application/json", headers=etag).status_code == 400
    good = client.patch(role, {"job_title": "Dean"}, "application/json", headers=etag)
    assert good.status_code == 200 and good.json()["limits"] == "NDAs"
    assert client.patch(role, {"job_title": "X"}, "application/json", headers=etag).status_code == 412
    assert client.post(f"{role}end/", {}, "application/json").status_code == 200
    due = {"organisation": here.slug, "due_on": timezone.localdate().isoformat()}
    review = client.post("/api/v1/membership-reviews/", due, "application/json").json()
    items = f"/api/v1/membership-reviews/{review['id']}/items/"
    for item in client.get(items).json()["results"]:
        decided = client.post(items, {"item": item["id"], "decision": "confirm"}, "application/json")
        assert decided.status_code == 200
    done = client.post(f"/api/v1/membership-reviews/{review['id']}/finish/", {}, "application/json")
    assert done.json()["finished_by"]["name"] == "Registrar"


def test_an_account_with_an_unconfirmed_address_of_the_organisation_is_given_no_role(here, registrar):
    Organisation.objects.filter(pk=here.pk).update(email_domains=["example.org"])
    stranger = person("Stranger")  # at example.org, as everybody could claim
    body = {"email": stranger.email, "role": "signatory"}
    answer = api(registrar).post(f"/api/v1/organisations/{here.slug}/people/", body, "application/json")
    assert answer.status_code == 422 and not Membership.objects.filter(user=stranger).exists()


def test_inviting_by_program(here, registrar, django_capture_on_commit_callbacks):
    client = api(registrar)
    body = {"organisation": here.slug, "email": "new@lakeside.example", "role": "employee"}
    with django_capture_on_commit_callbacks(execute=True):
        made = client.post("/api/v1/invitations/", body, "application/json")
    assert made.status_code == 201 and made.json()["state"] == "pending" and len(mail.outbox) == 1
    assert "digest" not in made.json() and "secret" not in made.json()
    assert client.post("/api/v1/invitations/", body, "application/json").status_code == 409
    Invitation.objects.update(expires_at=timezone.now())
    assert client.get("/api/v1/invitations/").json()["results"][0]["state"] == "expired"
    injected = client.post("/api/v1/invitations/", body | {"email": "a@b\r\nBcc: c@d.example"}, "application/json")
    assert injected.status_code == 422
    member = api(employ(person("Anna"), here))
    assert member.post("/api/v1/invitations/", body, "application/json").status_code == 403
    assert member.get("/api/v1/invitations/").json()["count"] == 0


def test_a_token_that_only_reads_ends_nothing(aurora):
    client = api(aurora.researcher, scope="read")
    held = Membership.objects.get(user=aurora.researcher, project=aurora.project)
    assert client.post(f"/api/v1/memberships/{held.pk}/end/", {}, "application/json").status_code == 403
    assert client.post(f"/api/v1/projects/{aurora.project.slug}/leave/", {}, "application/json").status_code == 403
    held.refresh_from_db()
    assert not held.has_ended
