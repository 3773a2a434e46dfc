"""Pages of one's own account."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from collab.accounts.models import ApiToken
from collab.accounts.services import create_token
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db
NEW = {"name": "laptop", "scope": "write", "days": 30, "project": ""}


def test_the_profile_shows_my_organisations_and_roles(aurora):
    page = text(as_(aurora.engineer).get("/account/"))
    assert "Northwind" in page and "Aurora" in page and "Engineer" in page


def test_a_change_of_language_is_confirmed_in_the_new_one(aurora):
    page = as_(aurora.lead).post("/account/", {"name": "Lea Lead", "language": "zh-hans"}, follow=True)
    assert "您的个人资料已更新。" in text(page)


def test_name_and_language_are_changed(aurora):
    response = as_(aurora.lead).post("/account/", {"name": "Lea Lead", "language": "zh-hans"})
    aurora.lead.refresh_from_db()
    assert response.status_code == 302
    assert (aurora.lead.name, aurora.lead.language) == ("Lea Lead", "zh-hans")


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("name", "a\u202eb"), ("language", "xx")])
def test_what_cannot_be_is_told_at_its_field(aurora, field, value):
    response = as_(aurora.lead).post("/account/", {"name": "Lea", "language": "en"} | {field: value})
    assert response.status_code == 422
    assert field in response.context["form"].errors


def test_a_token_is_shown_once_and_kept_nowhere(aurora):
    client = as_(aurora.lead)
    made = client.post("/account/tokens/", NEW)
    secret = made.context["secret"]
    token = ApiToken.objects.get()
    assert secret in text(made)
    assert secret not in text(client.get("/account/tokens/"))
    assert secret not in str(dict(client.session))
    assert token.digest != secret and token.user == aurora.lead


def test_sending_the_form_twice_makes_one_token(aurora):
    client = as_(aurora.lead)
    for _ in range(2):
        response = client.post("/account/tokens/", NEW | {"once": "77"})
    assert ApiToken.objects.count() == 1
    assert response.status_code == 409
    assert "secret" not in response.context


def test_a_token_for_a_project_of_others_cannot_be_made(aurora, borealis):
    response = as_(aurora.lead).post("/account/tokens/", NEW | {"project": borealis.project.pk})
    assert response.status_code == 422
    assert not ApiToken.objects.exists()


def test_a_token_that_lives_for_ever_cannot_be_made(aurora):
    assert as_(aurora.lead).post("/account/tokens/", NEW | {"days": 100_000}).status_code == 422


def test_mine_are_listed_and_revoked_others_not(aurora):
    mine, _secret = create_token(by=aurora.lead, name="mine", scope="read", days=3)
    theirs, _secret = create_token(by=aurora.engineer, name="theirs", scope="read", days=3)
    client = as_(aurora.lead)
    page = text(client.get("/account/tokens/"))
    assert "mine" in page and "theirs" not in page
    assert client.post(f"/account/tokens/{mine.pk}/revoke/").status_code == 302
    assert client.post(f"/account/tokens/{theirs.pk}/revoke/").status_code == 404
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert mine.revoked_at is not None
    assert theirs.revoked_at is None


def test_an_old_token_is_shown_as_expired(aurora):
    token, _secret = create_token(by=aurora.lead, name="old", scope="read", days=3)
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(days=1))
    page = text(as_(aurora.lead).get("/account/tokens/"))
    assert "Expired" in page
    assert f"{token.pk}/revoke/" not in page


def test_more_tokens_take_no_more_queries(aurora):
    client = as_(aurora.lead)

    def make(count: int) -> None:
        for number in range(count):
            create_token(by=aurora.lead, name=f"t{number}", scope="read", days=3, project=aurora.project)

    make(2)
    few = queries(client, "/account/tokens/")
    make(4)
    assert queries(client, "/account/tokens/") == few
