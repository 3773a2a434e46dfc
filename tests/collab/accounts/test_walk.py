"""Invitations walked at random: each is answered once at most, by its addressee, and gives its role once.

Run with WALK_STEPS=10000 for the long walk.
"""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from collab.access.roles import Role
from collab.accounts import invitations
from collab.accounts.invitations import (
    accept_invitation,
    decline_invitation,
    digest_of,
    invite,
    resend_invitation,
    revoke_invitation,
)
from collab.accounts.models import Invitation, Membership, User
from collab.accounts.services import end_role, leave_organisation
from collab.accounts.states import INVITATION_MOVES, InvitationState
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.kernel.errors import DomainError
from tests.cast import PASSWORD, employ, organisation, person

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "200"))
TOGETHER = min(STEPS, 400)  # steps of one walk; the next begins where this one began
ACTS = ("invite", "invite", "resend", "revoke", "accept", "accept", "decline", "expire", "end", "leave", "dismiss")
OVER = {InvitationState.ACCEPTED, InvitationState.DECLINED, InvitationState.REVOKED}


class Walk:
    """One house with two admins and some guests; every link that was ever sent is remembered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house = organisation("Lakeside")
        self.first = employ(person("First Admin"), self.house, Role.ORGANISATION_ADMIN)
        self.second = employ(person("Second Admin"), self.house, Role.ORGANISATION_ADMIN)
        self.guests = [self.guest(number) for number in range(3)]
        self.everybody = [self.first, self.second, *self.guests, person("Stranger")]
        self.links: list[str] = []
        monkeypatch.setattr(invitations.secrets, "token_urlsafe", self.link)

    def guest(self, number: int) -> User:
        user = User.objects.create_user(f"guest-{number}@lakeside.example", PASSWORD, name=f"Guest {number}")
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        return user

    def link(self, size: int) -> str:
        """The secrets are counted here, so that the walk can try those of old mails too."""
        self.links.append(f"link-{len(self.links):027d}")
        return self.links[-1]

    def own(self, user: User) -> list[str]:
        """Links of mails that this person got and has not answered."""
        digests = Invitation.objects.unanswered().filter(email=user.email).values_list("digest", flat=True)
        return [link for link in self.links[-20:] if digest_of(link) in set(digests)]

    def states(self) -> dict[Any, str]:
        return {row.pk: row.state_now for row in Invitation.objects.all()}

    def roles(self) -> int:
        return Membership.objects.filter(user__in=self.guests).active().count()

    def act(self, what: str, random: Random, by: User) -> None:
        guest = random.choice(self.guests)
        kept = Invitation.objects.order_by("?").first()
        link = random.choice(self.own(by) or self.links[-6:] or ["link-that-was-never-sent-to-anybody"])
        if what == "invite":
            role = random.choice([Role.EMPLOYEE, Role.SIGNATORY, Role.ORGANISATION_ADMIN])
            invite(organisation=self.house, email=random.choice([guest.email, guest.email.upper()]), role=role, by=by)
        elif what == "accept":
            accept_invitation(secret=link, by=by)
        elif what == "decline":
            decline_invitation(secret=link, by=by)
        elif what == "end":
            held = Membership.objects.filter(user=guest).active().first()
            if held is not None:
                end_role(membership=held, by=by)
        elif what == "leave":
            leave_organisation(organisation=self.house, by=guest)
        elif what == "dismiss":  # an admin goes and comes back: what they had asked meanwhile gives nothing
            self.turn()
        elif kept is not None and what == "expire":
            Invitation.objects.filter(pk=kept.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        elif kept is not None:
            {"resend": resend_invitation, "revoke": revoke_invitation}[what](invitation=kept, by=by)

    def turn(self) -> None:
        held = Membership.objects.filter(user=self.second, role=Role.ORGANISATION_ADMIN).active().first()
        if held is None:
            employ(self.second, self.house, Role.ORGANISATION_ADMIN)
        else:
            end_role(membership=held, by=self.first)


def reachable(before: str, after: str) -> bool:
    moves = INVITATION_MOVES
    return any(moves.allows(move, before) and moves.target(move) == after for move in moves.table)


@settings(max_examples=STEPS // TOGETHER, deadline=None, derandomize=STEPS < 1000, database=None,
          phases=[Phase.explicit, Phase.generate],
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(seed=st.integers(0, 2**64))
@example(seed=5)
def walked(walk, seed: int) -> None:
    with transaction.atomic():
        random, seen = Random(seed), set()
        walk.links.clear()
        for _number in range(TOGETHER):
            what = random.choice(ACTS)
            likely = walk.guests if what in {"accept", "decline", "leave"} else [walk.first, walk.second]
            by = random.choice(likely if random.random() < 0.7 else walk.everybody)
            before, acts, roles = walk.states(), AuditEvent.objects.count(), walk.roles()
            try:
                walk.act(what, random, by)
            except DomainError:
                now = (walk.states(), AuditEvent.objects.count(), walk.roles())
                assert now == (before, acts, roles), (what, "half-done")
                continue
            after = walk.states()
            seen |= set(after.values())
            for pk, state in before.items():
                assert state not in OVER or after[pk] == state, "an answered one has changed"
                aged = what == "expire" and (state, after[pk]) == ("pending", "expired")
                assert after[pk] == state or aged or reachable(state, after[pk]), (what, state, after[pk])
            waiting = [row.email for row in Invitation.objects.all() if row.state_now == InvitationState.PENDING]
            assert len(waiting) == len(set(waiting)), "two wait for the same address"
            if walk.roles() > roles:
                accepted = [pk for pk, state in after.items() if state == "accepted" and before.get(pk) == "pending"]
                assert what == "accept" and len(accepted) == 1, "a role that nobody took"
                taken = Invitation.objects.get(pk=accepted[0])
                assert taken.accepted_by == by and taken.email == by.email
                assert (
                    Membership.objects.filter(user=by, role=taken.role, organisation=walk.house).active().count() == 1
                )
        assert Membership.objects.filter(user=walk.everybody[-1]).count() == 0
        assert Invitation.objects.filter(digest__in=[digest_of(link) for link in walk.links]).count() == len(
            walk.states()
        )
        assert first_break() is None
        assert seen == set(InvitationState) or TOGETHER < 400
        transaction.set_rollback(True)


@pytest.fixture
def walk(db, monkeypatch) -> Walk:
    return Walk(monkeypatch)


def test_no_walk_leaves_the_table(walk):
    walked(walk)
