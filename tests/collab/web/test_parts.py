"""Parts of pages, made for htmx, that somebody opens by their own address."""

from __future__ import annotations

import pytest

from tests.pages import as_, text

pytestmark = pytest.mark.django_db


def test_a_part_opened_by_itself_stands_in_a_page_of_the_site(aurora):
    aurora.cover(reference="DUA-1")
    page = f"/projects/{aurora.project.slug}/"
    alone = text(as_(aurora.lead).get(f"{page}agreements/"))
    part = text(as_(aurora.lead).get(f"{page}agreements/", headers={"HX-Request": "true"}))

    assert alone.lower().count("<!doctype html>") == 1 and part.strip() in alone
    assert "<h1>Agreements</h1>" in alone and f'href="{page}"' in alone
    assert "<html" not in part
    for address in ("/inbox/waiting/", "/jobs/running/", f"{page}jobs/", f"{page}datasets/"):
        assert "<!doctype html>" in text(as_(aurora.lead).get(address)), address


def test_a_part_that_one_may_not_see_is_not_found(aurora, borealis):
    assert as_(aurora.lead).get(f"/projects/{borealis.project.slug}/agreements/").status_code == 404
