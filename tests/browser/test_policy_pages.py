"""A royalty policy is entered on a phone as at a desk, with and without scripts."""

from __future__ import annotations

import pytest
from django.urls import reverse

from collab.transfer.royalties.models import PolicyVersion
from tests.browser.conftest import DESKTOP, PHONE, see
from tests.licensing import office
from tests.royalties import books

__all__ = ["books", "office"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("theme", "size", "language"),
    [("light", DESKTOP, "en"), ("dark", PHONE, "zh-hans"), ("light", PHONE, "en")],
    ids=["light-desktop-en", "dark-phone-zh", "light-phone-en"],
)
def test_the_form_of_a_policy_is_accessible_and_quiet(
    page, live_server, enter, books, complaints, axe, too_wide, theme, size, language
):
    see(page, theme=theme, size=size, language=language)
    enter(books.officer)
    address = live_server.url + reverse("collab:royalty_policy_new", args=[books.organisation.slug])
    before = PolicyVersion.objects.count()
    for query in ("?like=notre_dame", "?mode=json"):
        assert page.goto(address + query).status == 200
        assert [*axe(), *too_wide(), *complaints] == []
    page.goto(f"{address}?like=notre_dame")
    page.locator('[name="percent_0"]').fill("33")
    page.locator('[name="kind_0"]').select_option("office")
    page.locator('button[value="words"]').click()
    assert "33 %" in page.locator("#in-words").inner_text()
    assert [*axe(), *too_wide(), *complaints] == [] and PolicyVersion.objects.count() == before
