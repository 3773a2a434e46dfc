"""Invitations: by mail, once, for the very address, and only while whoever invited may still do so."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.invitations import (
    accept_invitation,
    decline_invitation,
    digest_of,
    invite,
    resend_invitation,
    revoke_invitation,
)
from collab.accounts.models import Invitation, Membership, User
from collab.accounts.services import edit_organisation, end_role, grant_role
from collab.accounts.states import INVITATION_MOVES, InvitationState
from collab.audit.models import AuditEvent
from collab.kernel.errors import ConflictError, ExpiredError, InvalidError, NotFoundError, RefusedError
from tests.cast import PASSWORD, employ, organisation, person

pytestmark = pytest.mark.django_db
GUEST = "guest@lakeside.example"


def acts(verb: str) -> int:
    return AuditEvent.objects.filter(verb=verb).count()


@pytest.fixture
def here(db):
    return organisation("Lakeside")


@pytest.fixture
def registrar(here):
    return employ(person("Registrar"), here, Role.ORGANISATION_ADMIN)


@pytest.fixture
def asked(here, registrar, django_capture_on_commit_callbacks):
    """Sends an invitation and gives its link's secret."""

    def ask(**change):
        with django_capture_on_commit_callbacks(execute=True):
            invite(**({"organisation": here, "email": GUEST, "role": "employee", "by": registrar} | change))
        return secret_of(mail.outbox[-1])

    return ask


def secret_of(message) -> str:
    return re.search(r"/invitations/([\w-]+)/", message.body)[1]


def confirmed(email: str = GUEST, name: str = "Guest") -> User:
    user = User.objects.create_user(email, PASSWORD, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def test_an_invitation_is_sent_and_accepted_once(here, registrar, asked):
    secret = asked(message="Welcome to the law faculty", email="  Guest@Lakeside.Example ")
    sent = mail.outbox[0]
    assert sent.to == [GUEST] and "Registrar invites you to act for Lakeside" in sent.subject
    assert "Welcome to the law faculty" in sent.body
    kept = Invitation.objects.get()
    assert kept.digest == digest_of(secret) and secret not in str(kept.__dict__) and kept.sent_at is not None
    guest = confirmed()
    granted = accept_invitation(secret=secret, by=guest)
    assert [(m.user, m.role, m.granted_by) for m in granted] == [(guest, "employee", registrar)]
    with pytest.raises(ExpiredError, match="already accepted"):
        accept_invitation(secret=secret, by=guest)
    assert Membership.objects.filter(user=guest).count() == 1
    assert (acts("organisation.invite"), acts("organisation.accept_invitation"), acts("organisation.grant_role")) == (
        1,
        1,
        1,
    )
    assert GUEST not in str(list(AuditEvent.objects.values_list("data", flat=True)))


def test_the_mail_is_in_the_language_that_was_chosen(asked):
    asked(language="zh-hans")
    assert "邀请您" in mail.outbox[0].subject and "角色" in mail.outbox[0].body


def test_only_the_very_address_accepts(asked):
    secret = asked()
    with pytest.raises(RefusedError) as refused:
        accept_invitation(secret=secret, by=confirmed("other@lakeside.example"))
    assert refused.value.missing[0].code == "other_address" and GUEST not in str(refused.value)
    claims = User.objects.create_user(GUEST, PASSWORD, name="Claims it")  # has not confirmed it
    EmailAddress.objects.create(user=claims, email=GUEST, verified=False, primary=True)
    with pytest.raises(RefusedError) as refused:
        accept_invitation(secret=secret, by=claims)
    assert refused.value.missing[0].code == "unconfirmed_address"
    with pytest.raises(RefusedError):
        decline_invitation(secret=secret, by=confirmed("third@lakeside.example"))
    assert Membership.objects.count() == 1  # the registrar's
    EmailAddress.objects.update(verified=True)
    accept_invitation(secret=secret, by=claims)


def test_a_secondary_confirmed_address_counts_in_any_case(asked):
    user = confirmed("home@elsewhere.example")
    EmailAddress.objects.create(user=user, email="GUEST@Lakeside.example", verified=True)
    assert accept_invitation(secret=asked(), by=user)


def test_a_link_expires_by_its_date_alone(asked, settings):
    secret, guest = asked(), confirmed()
    expires_at = Invitation.objects.get().expires_at
    with time_machine.travel(expires_at, tick=False), pytest.raises(ExpiredError, match="was valid until"):
        accept_invitation(secret=secret, by=guest)
    assert Invitation.objects.get().state == "pending"  # no job wrote anything
    with time_machine.travel(expires_at - timedelta(seconds=1), tick=False):
        assert accept_invitation(secret=secret, by=guest)


def test_sending_again_replaces_the_link_also_of_an_expired_one(registrar, asked, django_capture_on_commit_callbacks):
    first, guest = asked(), confirmed()
    Invitation.objects.update(expires_at=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        resend_invitation(invitation=Invitation.objects.get(), by=registrar)
    with pytest.raises(NotFoundError):
        accept_invitation(secret=first, by=guest)
    assert accept_invitation(secret=secret_of(mail.outbox[-1]), by=guest)


def test_an_invitation_that_a_newer_one_replaced_is_not_sent_again(here, registrar, asked):
    asked()
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    old = Invitation.objects.get()
    asked()
    with pytest.raises(ConflictError, match="newer invitation"):
        resend_invitation(invitation=old, by=registrar)
    assert sorted(Invitation.objects.values_list("state", flat=True)) == ["expired", "pending"]
    revoke_invitation(invitation=Invitation.objects.get(state="pending"), by=registrar)
    assert resend_invitation(invitation=old, by=registrar).state == "pending"


def test_taken_back_or_declined(registrar, asked):
    secret = asked()
    revoke_invitation(invitation=Invitation.objects.get(), by=registrar)
    with pytest.raises(ExpiredError, match="taken back"):
        accept_invitation(secret=secret, by=confirmed())
    with pytest.raises(ConflictError):
        resend_invitation(invitation=Invitation.objects.get(), by=registrar)
    again = asked()
    decline_invitation(secret=again, by=None)
    with pytest.raises(ExpiredError, match="declined"):
        decline_invitation(secret=again, by=None)
    assert sorted(Invitation.objects.values_list("state", flat=True)) == ["declined", "revoked"]


def test_one_invitation_at_a_time_for_an_address(here, registrar, asked):
    asked()
    with pytest.raises(ConflictError, match="invited already"):
        invite(organisation=here, email=GUEST.upper(), role="signatory", by=registrar)
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.create(
            organisation=here, email=GUEST, role="employee", invited_by=registrar, expires_at=timezone.now(), digest="x"
        )
    Invitation.objects.update(expires_at=timezone.now())
    asked()
    assert sorted(Invitation.objects.values_list("state", flat=True)) == ["expired", "pending"]


def test_who_holds_the_role_is_not_asked_again(here, registrar, asked):
    accept_invitation(secret=asked(), by=confirmed())
    held = invite(organisation=here, email=GUEST, role="employee", by=registrar)
    assert isinstance(held, Membership) and Invitation.objects.count() == 1


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "a@b",
        "guest@lakeside.example\r\nBcc: all@evil.example",
        "guеst@lakeside.example",
        "g@lаkeside.example",
    ],
)
def test_what_is_no_address(here, registrar, email):
    with pytest.raises(InvalidError) as refused:
        invite(organisation=here, email=email, role="employee", by=registrar)
    assert refused.value.field == "email" and not mail.outbox


def test_domains_limit_only_when_the_organisation_says_so(here, registrar):
    edit_organisation(organisation=here, by=registrar, version=1, email_domains=["lakeside.example"])
    invite(organisation=here, email="a@elsewhere.example", role="employee", by=registrar)
    edit_organisation(organisation=here, by=registrar, version=2, domains_only=True)
    here.refresh_from_db()
    with pytest.raises(InvalidError, match=r"only addresses of lakeside\.example"):
        invite(organisation=here, email="b@elsewhere.example", role="employee", by=registrar)


def test_nobody_invites_to_what_they_do_not_manage(aurora, here, registrar):
    with pytest.raises(RefusedError):
        invite(organisation=here, email=GUEST, role="employee", by=employ(person("Anna"), here))
    boss = employ(person("Boss"), aurora.university, Role.ORGANISATION_ADMIN)
    given = {"organisation": aurora.university, "email": GUEST, "role": "employee", "project": aurora.project}
    with pytest.raises(RefusedError):  # not a lead
        invite(**given, project_role="observer", by=boss)
    with pytest.raises(InvalidError):
        invite(**given, by=boss)


def test_into_an_organisation_and_a_project(aurora, django_capture_on_commit_callbacks):
    boss = employ(aurora.lead, aurora.university, Role.ORGANISATION_ADMIN)
    until = timezone.now() + timedelta(days=100)
    with django_capture_on_commit_callbacks(execute=True):
        invite(
            organisation=aurora.university,
            email=GUEST,
            role="employee",
            project=aurora.project,
            project_role="researcher",
            role_ends_at=until,
            by=boss,
        )
    granted = accept_invitation(secret=secret_of(mail.outbox[0]), by=confirmed())
    assert [(m.role, m.project, m.ends_at) for m in granted] == [
        ("employee", None, until),
        ("researcher", aurora.project, until),
    ]


def test_authority_that_has_ended_gives_nothing(here, registrar, asked):
    secret = asked()
    grant_role(organisation=here, user=person("Other"), role="organisation_admin", by=registrar)
    end_role(membership=Membership.objects.get(user=registrar), by=registrar)
    with pytest.raises(ConflictError, match="no longer gives these roles"):
        accept_invitation(secret=secret, by=confirmed())


def test_a_mail_server_that_is_away_is_told(here, registrar, asked, monkeypatch, django_capture_on_commit_callbacks):
    def away(*args):
        raise ConnectionRefusedError

    monkeypatch.setattr("collab.accounts.invitations.send_mail", away)
    with django_capture_on_commit_callbacks(execute=True):
        invite(organisation=here, email=GUEST, role="employee", by=registrar)
    assert Invitation.objects.get().sent_at is None


def test_moves():
    ended = {InvitationState.ACCEPTED, InvitationState.DECLINED, InvitationState.REVOKED}
    assert all(INVITATION_MOVES.open_from(state) == [] for state in ended)
    assert set(INVITATION_MOVES.open_from("pending")) == {"accept", "decline", "resend", "revoke"}
    assert set(INVITATION_MOVES.open_from("expired")) == {"resend", "expire", "revoke"}


# --- pages
def test_an_account_made_by_the_link_needs_no_second_mail(here, asked):
    secret = asked()
    client = Client()
    page = client.get(f"/invitations/{secret}/")
    assert page.status_code == 200 and "Act for Lakeside" in page.content.decode()
    form = {"name": "New Guest", "email": GUEST, "password1": PASSWORD, "password2": PASSWORD}
    signed_up = client.post(f"/accounts/signup/?next=/invitations/{secret}/", form)
    assert (signed_up.status_code, signed_up.url) == (302, f"/invitations/{secret}/")
    assert EmailAddress.objects.get(email=GUEST).verified
    assert client.post(f"/invitations/{secret}/accept/").url == here.get_absolute_url()
    assert Membership.objects.get(user__email=GUEST).role == "employee"
    assert client.get(f"/invitations/{secret}/").status_code == 410
    assert client.post(f"/invitations/{secret}/accept/").status_code == 410


def test_another_address_signed_up_by_the_link_is_not_confirmed(asked):
    secret, client = asked(), Client()
    client.get(f"/invitations/{secret}/")
    form = {"name": "Other", "email": "x@evil.example", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/accounts/signup/", form)
    assert not EmailAddress.objects.get(email="x@evil.example").verified
    refused = client.post(f"/invitations/{secret}/accept/")
    assert refused.status_code == 403 and GUEST not in refused.content.decode()


def test_links_that_were_never_sent():
    for secret in ("x" * 43, "short", "ü" * 30, "a" * 300):
        assert Client().get(f"/invitations/{secret}/").status_code == 404


def test_the_page_of_invitations(here, registrar):
    client = Client()
    client.force_login(registrar)
    url = f"/organisations/{here.slug}/invitations/"
    form = {"email": GUEST, "role": "employee", "language": "en"}
    assert client.post(url, form).status_code == 302
    again = client.post(url, form)
    assert again.status_code == 409 and "was invited already" in again.content.decode()
    row = Invitation.objects.get()
    assert client.post(f"{url}{row.pk}/revoke/", follow=True).status_code == 200
    assert "Revoked" in client.get(url).content.decode()


def test_nobody_invites_themselves_by_another_address_of_theirs(here, registrar, asked):
    EmailAddress.objects.create(user=registrar, email="other@lakeside.example", verified=True)
    with pytest.raises(RefusedError) as refused:
        invite(organisation=here, email="other@lakeside.example", role="signatory", by=registrar)
    assert [item.code for item in refused.value.missing] == ["own_role"]

    secret = asked(email="later@lakeside.example", role="signatory")
    EmailAddress.objects.create(user=registrar, email="later@lakeside.example", verified=True)  # theirs afterwards
    with pytest.raises(RefusedError):
        accept_invitation(secret=secret, by=registrar)
    assert not Membership.objects.filter(user=registrar, role="signatory").exists()
