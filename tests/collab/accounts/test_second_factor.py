"""A second factor for whoever binds an organisation or runs it, with real codes."""

from __future__ import annotations

import base64
import hmac
import struct
import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from collab.access.policy import allowed, decide
from collab.access.roles import Role
from collab.accounts.models import Membership
from collab.accounts.services import add_unit, deactivate_person
from collab.agreements.services import draft_agreement, draft_version, send_for_signature
from collab.kernel.errors import RefusedError
from collab.projects.services import add_member
from tests.cast import PASSWORD, employ, organisation, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def required(settings):
    settings.TWO_FACTOR = "required"


@pytest.fixture
def here(db):
    return organisation("Here")


@pytest.fixture
def registrar(here):
    user = employ(person("Registrar"), here, Role.ORGANISATION_ADMIN)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def code_of(secret: str) -> str:
    """RFC 6238, written out: what an authenticator app shows now."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.new(base64.b32decode(secret), counter, "sha1").digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def signed_in(user) -> Client:
    client = Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return client


def give_password(client: Client) -> None:
    """Asked again before anything about sign-in is changed."""
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def set_up(client: Client) -> str:
    """Set the second factor up on its page; the secret that the app keeps."""
    url = reverse("mfa_activate_totp")
    give_password(client)
    page = client.get(url)
    assert page.status_code == 200, page
    secret = page.context["form"].secret
    assert client.post(url, {"code": code_of(secret)}).status_code == 302
    return secret


def test_without_one_the_refusal_says_where_to_set_it_up(required, here, registrar):
    client = signed_in(registrar)
    refused = client.get(f"/organisations/{here.slug}/edit/")
    assert refused.status_code == 403
    assert "two-factor" in refused.content.decode() and reverse("mfa_index") in refused.content.decode()
    with pytest.raises(RefusedError) as fault:
        add_unit(organisation=here, name="Law", by=registrar)
    assert [item.code for item in fault.value.missing] == ["two_factor"]
    assert allowed(registrar, here, "organisation.view", "organisation.manage") == {"organisation.view"}


def test_with_a_real_code_the_doors_open_and_sign_in_asks_for_it(required, here, registrar):
    client = signed_in(registrar)
    give_password(client)
    wrong = client.post(reverse("mfa_activate_totp"), {"code": "000000"})
    assert wrong.status_code == 200 and not Authenticator.objects.filter(type="totp").exists()
    secret = set_up(client)
    assert client.get(f"/organisations/{here.slug}/edit/").status_code == 200
    add_unit(organisation=here, name="Law", by=registrar)
    # The password alone is no longer enough.
    assert signed_in(registrar).get("/account/").status_code == 302
    again = signed_in(registrar)
    assert again.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    cache.clear()  # a code is good once, and this one was just used
    again.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert again.get("/account/").status_code == 200


def test_signatories_sign_and_end_only_with_one(required, aurora):
    agreement = draft_agreement(project=aurora.project, reference="N", kind="nda", title="N", by=aurora.lead)
    version = draft_version(
        agreement=agreement, text="T", effective_on=timezone.localdate(), by=aurora.lead, coverage=[]
    )
    version = send_for_signature(version=version, by=aurora.lead)
    told = {"agreement.sign": version, "agreement.end": version, "agreement.approve": version}
    for word, row in (told | {"project.approve": aurora.project, "publication.object": aurora.project}).items():
        assert [m.code for m in decide(aurora.company_signatory, word, row).missing] == ["two_factor"], word
    Authenticator.objects.create(user=aurora.company_signatory, type="totp", data={})
    assert decide(aurora.company_signatory, "agreement.sign", version).allowed


def test_leads_without_such_a_post_need_none(required, aurora):
    anna = employ(person("Anna"), aurora.university)
    assert add_member(
        project=aurora.project, user=anna, organisation=aurora.university, role="observer", by=aurora.lead
    )
    employ(aurora.lead, aurora.university, Role.ORGANISATION_ADMIN)  # now they run the organisation as well
    decision = decide(aurora.lead, "member.manage", aurora.project)
    assert [item.code for item in decision.missing] == ["two_factor"]


def test_staff_enter_the_administration_only_with_one(required):
    root = person("Root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(root)
    refused = client.get("/admin/")
    assert refused.status_code == 403 and reverse("mfa_index") in refused.content.decode()
    with pytest.raises(RefusedError):
        deactivate_person(user=person("Anna"), by=root)
    Authenticator.objects.create(user=root, type="totp", data={})
    assert client.get("/admin/").status_code == 200


def test_where_it_is_only_offered_a_banner_tells_those_concerned(here, registrar):
    client = signed_in(registrar)
    said = "Set up two-factor sign-in"
    assert said in client.get("/").content.decode()
    assert said in client.get("/account/").content.decode()
    assert said in client.get(here.get_absolute_url()).content.decode()
    assert client.get(f"/organisations/{here.slug}/edit/").status_code == 200
    set_up(client)
    assert said not in client.get("/").content.decode()
    plain = Client()
    plain.force_login(employ(person("Anna"), here))
    assert said not in plain.get("/").content.decode()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_its_pages_look_like_ours(registrar, language):
    client = signed_in(registrar)
    client.post("/language/", {"language": language})
    give_password(client)
    for name in ("mfa_index", "mfa_activate_totp"):
        page = client.get(reverse(name)).content.decode()
        assert 'class="nav nav-tabs"' in page and f'lang="{language}"' in page, name
    assert ("两步验证" in page) == (language == "zh-hans")


def test_the_role_ends_and_so_does_the_need(required, here, registrar):
    employ(person("Other"), here, Role.ORGANISATION_ADMIN)
    Membership.objects.filter(user=registrar).update(role=Role.EMPLOYEE)
    assert [m.code for m in decide(registrar, "organisation.manage", here).missing] == ["role"]


def test_the_setting_counts_from_its_next_reading(here, registrar, settings):
    """Also where the decision was made ready under another."""
    settings.TWO_FACTOR = "offered"
    assert decide(registrar, "organisation.manage", here)
    settings.TWO_FACTOR = "required"
    assert not decide(registrar, "organisation.manage", here)
    settings.TWO_FACTOR = "offered"
    assert decide(registrar, "organisation.manage", here)
