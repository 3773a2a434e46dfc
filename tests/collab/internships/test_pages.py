"""Pages of internships: what each person finds, the same queries however many there are, and no door left open."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from collab.accounts.models import User
from collab.courses.library.services import add_resource, links_of
from collab.internships.models import Application, Posting
from collab.internships.placements.reminding import remind
from collab.internships.programmes.services import add_check_point
from tests.collab.internships.season import PDF, Season, posting_facts, season
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(aurora) -> Season:
    return season(aurora)


def test_from_the_public_page_to_the_application(summer, client):
    hidden = summer.offer(title="Chosen only", audience="chosen", universities=[summer.university])
    public = text(client.get("/internships/open/"))
    assert "Corpus work" in public and "Chosen only" not in public
    assert client.get(f"/internships/open/{hidden.pk}/").status_code == 404
    assert "Corpus work" in text(client.get(f"/internships/open/{summer.posting.pk}/"))
    student = summer.student()
    browser = as_(student)
    edit = browser.post(f"{summer.posting.get_absolute_url()}apply/")["Location"]
    draft = Application.objects.get(candidate=student)
    assert edit == f"{draft.get_absolute_url()}edit/"
    bad = browser.post(
        f"{draft.get_absolute_url()}documents/", {"kind": "cv", "file": SimpleUploadedFile("cv.pdf", b"MZ")}
    )
    assert bad.status_code == 415
    good = browser.post(
        f"{draft.get_absolute_url()}documents/", {"kind": "cv", "file": SimpleUploadedFile("cv.pdf", PDF)}
    )
    assert good.status_code == 302
    file = f"{draft.get_absolute_url()}documents/{draft.documents.get().pk}/"
    sent = {"statement": "Me", "version": draft.version, "questions_version": 1, "send": "1"}
    assert browser.post(edit, sent).status_code == 302
    draft.refresh_from_db()
    assert draft.state == "applied"
    assert as_(summer.host).get(file).status_code == 200
    assert as_(summer.student("Rival")).get(file).status_code == 404
    assert "Student" in text(as_(summer.host).get(f"{summer.posting.get_absolute_url()}board/"))


def test_the_board_asks_as_often_for_five_thousand_as_for_none(summer):
    browser = as_(summer.coordinator)
    board = f"{summer.cohort.get_absolute_url()}board/"
    summer.ready(summer.student())
    counted = [queries(browser, f"{board}{query}") for query in ("", "?show=applications", "?show=late")]
    many(summer, postings=200, students=25)
    assert Application.objects.count() > 5000
    after = [queries(browser, f"{board}{query}") for query in ("", "?show=applications", "?show=late")]
    assert after == counted
    api = queries(browser, f"/api/v1/applications/?cohort={summer.cohort.pk}")
    assert queries(browser, f"/api/v1/applications/?cohort={summer.cohort.pk}&page_size=100") == api
    assert queries(browser, f"{summer.cohort.get_absolute_url()}report/") < 25


def test_what_helps_to_prepare_stands_on_the_posting(summer):
    book = add_resource(
        organisation=summer.company, kind="book", title="On corpora", link="https://books.example/1", by=summer.host
    )
    page = summer.posting.get_absolute_url()
    student = as_(summer.student())
    assert student.post(f"{page}resources/", {"resource": book.pk}).status_code == 403
    assert as_(summer.host).post(f"{page}resources/", {"resource": book.pk, "note": "Chapter 2"}).status_code == 302
    assert "On corpora" in text(student.get(page)) and "Chapter 2" in text(student.get(page))
    [link] = links_of(summer.posting)
    assert as_(summer.host).post(f"{page}resources/", {"remove": link.pk}).status_code == 302
    assert "On corpora" not in text(student.get(page))

    api = "/api/v1/resource-links/"
    sent = {"resource": str(book.pk), "subject_type": "collab.posting", "subject": str(summer.posting.pk)}
    made = as_(summer.host).post(api, sent, "application/json")
    assert made.status_code == 201, made.content
    assert student.delete(f"{api}{made.json()['id']}/").status_code == 403
    assert as_(summer.host).delete(f"{api}{made.json()['id']}/").status_code == 204
    assert not links_of(summer.posting).exists()


def test_the_board_says_what_is_late_and_reminds(summer):
    placement = summer.ready(summer.student())
    day = summer.cohort.starts_on + timedelta(days=3)
    add_check_point(cohort=summer.cohort, kind="check_in", name="First", due_on=day, by=summer.coordinator)
    with time_machine.travel(placement.begins_at + timedelta(days=9), tick=False):
        page = text(as_(summer.coordinator).get(f"{summer.cohort.get_absolute_url()}board/?show=late"))
        assert "check-in" in page
        assert remind(placement=placement, by=summer.coordinator) == ["check-in"]
    assert as_(summer.host).get(f"{summer.cohort.get_absolute_url()}board/").status_code == 403


def many(summer: Season, *, postings: int, students: int) -> None:
    users = User.objects.bulk_create(User(email=f"s{n}@example.org", name=f"Student {n}") for n in range(students))
    facts = posting_facts() | {"cohort": summer.cohort, "organisation": summer.company, "state": "published"}
    rows = Posting.objects.bulk_create(
        Posting(**(facts | {"title": f"Place {n}", "created_by": summer.host})) for n in range(postings)
    )
    Application.objects.bulk_create(
        Application(
            posting=row, cohort=summer.cohort, candidate=user, university=summer.university, state="applied",
            submitted_at=timezone.now(),
        )
        for row in rows
        for user in users
    )  # fmt: skip
