"""Reviews of members: every role is confirmed or ended by somebody; nothing ends by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Membership, MembershipReview, ReviewItem
from collab.accounts.reviews import decide_item, finish_review, open_review
from collab.accounts.services import edit_organisation, end_role, grant_organisation_role
from collab.audit.models import AuditEvent
from collab.inbox.models import Obligation
from collab.kernel.errors import ConflictError, InvalidError, RefusedError
from collab.kernel.months import add_months
from tests.cast import employ, organisation, person

pytestmark = pytest.mark.django_db


def acts(verb: str) -> int:
    return AuditEvent.objects.filter(verb=verb).count()


@pytest.fixture
def here(db):
    return organisation("Here")


@pytest.fixture
def registrar(here):
    return employ(person("Registrar"), here, Role.ORGANISATION_ADMIN)


@pytest.fixture
def review(here, registrar):
    employ(person("Anna"), here)
    employ(person("Bo"), here)
    return open_review(organisation=here, by=registrar, due_on=timezone.localdate())


def item_of(review, name):
    return ReviewItem.objects.get(review=review, membership__user__name=name)


def test_every_role_is_confirmed_or_ended(here, registrar, review):
    edit_organisation(organisation=here, by=registrar, version=1, review_months=6)
    decide_item(item=item_of(review, "Registrar"), decision="confirm", by=registrar)
    with pytest.raises(ConflictError, match="2 roles are not decided"):
        finish_review(review=review, by=registrar)
    with pytest.raises(InvalidError):
        decide_item(item=item_of(review, "Anna"), decision="end", by=registrar, reason="  ")
    decide_item(item=item_of(review, "Anna"), decision="end", by=registrar, reason="Retired")
    assert Membership.objects.get(user__name="Anna").has_ended
    with pytest.raises(ConflictError):
        decide_item(item=item_of(review, "Anna"), decision="confirm", by=registrar)
    Membership.objects.filter(user__name="Bo").update(ends_at=timezone.now())  # ended by itself: nothing to decide
    with pytest.raises(ConflictError, match="ended in the meantime"):
        decide_item(item=item_of(review, "Bo"), decision="end", by=registrar, reason="Gone")
    done = finish_review(review=review, by=registrar)
    assert done.finished_by == registrar
    here.refresh_from_db()
    assert here.review_due_on == add_months(timezone.localdate(), 6)
    with pytest.raises(ConflictError):
        finish_review(review=review, by=registrar)
    assert [acts(f"organisation.{verb}") for verb in ("open_review", "confirm_role", "end_role", "finish_review")] == [
        1,
        1,
        1,
        1,
    ]


def test_the_last_admin_is_not_ended_here_either(registrar, review):
    with pytest.raises(ConflictError, match="needs an admin"):
        decide_item(item=item_of(review, "Registrar"), decision="end", by=registrar, reason="Tired")
    assert item_of(review, "Registrar").decision == ""


def test_overdue_is_shown_and_ends_nothing(here, review):
    with time_machine.travel(timezone.now() + timedelta(days=40)):
        assert MembershipReview.objects.get().is_overdue
        assert Membership.objects.filter(organisation=here).active().count() == 3


def test_one_review_at_a_time_and_by_who_manages(here, registrar, review, aurora):
    with pytest.raises(ConflictError):
        open_review(organisation=here, by=registrar, due_on=timezone.localdate())
    with pytest.raises(IntegrityError), transaction.atomic():
        MembershipReview.objects.create(organisation=here, due_on=timezone.localdate(), opened_by=registrar)
    with pytest.raises(InvalidError):
        open_review(project=aurora.project, by=aurora.lead, due_on=timezone.localdate() - timedelta(days=1))
    with pytest.raises(RefusedError):
        open_review(project=aurora.project, by=aurora.researcher, due_on=timezone.localdate())
    made = open_review(project=aurora.project, by=aurora.lead, due_on=timezone.localdate())
    assert made.items.count() == 4  # the former member's role has ended


def test_the_pages_of_a_review(here, registrar, review, django_assert_max_num_queries):
    client = Client()
    client.force_login(registrar)
    Membership.objects.bulk_create(
        Membership(user=person(f"P {n}"), organisation=here, role="employee") for n in range(9)
    )
    ReviewItem.objects.bulk_create(
        ReviewItem(review=review, membership=held) for held in Membership.objects.filter(user__name__startswith="P ")
    )
    with django_assert_max_num_queries(26):
        page = client.get(review.get_absolute_url())
    assert "12 roles wait for a decision" in page.content.decode()
    item = item_of(review, "Anna")
    url = f"{review.get_absolute_url()}items/{item.pk}/"
    assert client.post(url, {"decision": "shrug"}).status_code == 422
    assert client.post(url, {"decision": "end", "reason": ""}).status_code == 422
    assert client.post(url, {"decision": "end", "reason": "Left us"}).status_code == 302
    assert "Left us" in client.get(review.get_absolute_url()).content.decode()
    stranger = Client()
    stranger.force_login(person("Stranger"))
    assert stranger.get(review.get_absolute_url()).status_code == 404


def test_reviews_and_the_end_of_a_signatorys_role_are_in_the_calendar(here, registrar):
    today = timezone.localdate()

    def dates():
        return {(row.kind, row.due_on) for row in Obligation.objects.open().filter(organisation=here)}

    edit_organisation(organisation=here, by=registrar, version=here.version, review_months=6)
    here.refresh_from_db()
    assert dates() == {("review", here.review_due_on)}
    review = open_review(organisation=here, by=registrar, due_on=today)
    assert dates() == {("review", today)}  # it has a day of its own
    for item in review.items.all():
        decide_item(item=item, decision="confirm", by=registrar)
    finish_review(review=review, by=registrar)
    here.refresh_from_db()
    assert dates() == {("review", here.review_due_on)}

    ends = timezone.now() + timedelta(days=40)
    director = person("Director")
    held = grant_organisation_role(organisation=here, user=director, role="signatory", by=registrar, ends_at=ends)
    assert ("expiry", timezone.localdate(ends)) in dates()
    assert Obligation.objects.visible_to(registrar).filter(kind="expiry").exists()
    end_role(membership=held, by=registrar)
    assert dates() == {("review", here.review_due_on)}
