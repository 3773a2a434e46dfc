"""The library: found in either language, by kind and topic; attached from both ends; the same queries for many."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from collab.courses.conditions import set_condition
from collab.courses.editing import draft_version
from collab.courses.library.models import Resource, topics_in
from collab.courses.library.services import (
    add_resource,
    archive_resource,
    attach_resource,
    attached_to,
    links_of,
    restore_resource,
)
from collab.courses.models import Course
from collab.kernel.errors import ConflictError, NotFoundError, RefusedError
from tests.collab.courses.conftest import School, a_course
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


def kept(school: School, title: str, **facts: object) -> Resource:
    given = {"organisation": school.joint.university, "by": school.joint.researcher, "link": "https://example.org"}
    return add_resource(**({"kind": "book", "title": title} | given | facts))


def test_one_finds_in_both_languages_and_by_kind_and_topic(school):
    kept(school, "Deep Learning", title_zh="深度学习", topics="AI， deep  learning、AI", identifier="978-0262035613")
    kept(school, "Attention", kind="paper", description_zh="提出注意力机制", topics="deep learning,transformers")
    kept(school, "Learning to write", kind="tool", topics="writing")
    browser = as_(school.joint.observer)

    def found(query: str) -> list[str]:
        page, api = (browser.get(f"{url}?{query}") for url in ("/library/", "/api/v1/resources/"))
        names = [one["title"] for one in api.json()["results"]]
        assert [
            name for name in ("Attention", "Deep Learning", "Learning to write") if f">{name}<" in text(page)
        ] == names
        return names

    assert found("q=深度") == ["Deep Learning"] and found("q=注意力") == ["Attention"]
    assert found("q=978-0262") == ["Deep Learning"] and found("q=deep paper") == []
    assert found("topic=deep learning") == ["Attention", "Deep Learning"]
    assert browser.get("/api/v1/resources/?topic=learning").json()["results"] == []
    assert found("topic=Deep Learning&kind=paper") == ["Attention"]
    assert topics_in(Resource.objects.get(title="Deep Learning").topics) == ["AI", "deep learning"]
    assert '<option value="deep learning"' in text(browser.get("/library/"))


def test_what_one_has_found_is_attached_where_one_may(school, borealis):
    joint, book = school.joint, kept(school, "Deep Learning")
    page, here = book.get_absolute_url(), f"{book.get_absolute_url()}attach/"
    assert here not in text(as_(joint.observer).get(page))
    lead = as_(joint.lead)
    assert f"collab.project:{joint.project.pk}" in text(lead.get(page))
    for subject in (f"collab.project:{borealis.project.pk}", "collab.user:1", "collab.project:x", ""):
        assert lead.post(here, {"subject": subject}).status_code == 422
    sent = {"subject": f"collab.project:{joint.project.pk}", "note": "Chapter 2"}
    assert as_(joint.observer).post(here, sent).status_code == 422
    assert lead.post(here, sent).status_code == 302
    assert [row.note for row in links_of(joint.project)] == ["Chapter 2"]
    assert lead.post(here, sent).status_code == 422, "it is attached already"
    assert [subject for _link, subject in attached_to(book, joint.observer)] == [joint.project]
    assert attached_to(book, borealis.lead) == []
    told = lead.get(f"/api/v1/resource-links/?subject_type=collab.project&subject={joint.project.pk}").json()
    assert [one["resource"] for one in told["results"]] == [str(book.pk)]


def test_lists_ask_as_often_for_many_as_for_one(school):
    joint, browser = school.joint, as_(school.joint.lead)
    urls = ("/courses/", "/library/", "/learning/", f"/projects/{joint.project.slug}/training/",
            "/api/v1/courses/", "/api/v1/resources/", "/api/v1/enrolments/", "/api/v1/resource-links/",
            "/api/v1/course-conditions/")  # fmt: skip

    def more(number: int) -> None:
        course = a_course(joint, school.teacher, title=f"Course {number}", pass_mark=100)
        set_condition(project=joint.project, course=course, needed_for="jobs", by=joint.lead)
        school.pass_course(joint.lead, course)
        attach_resource(resource=kept(school, f"Book {number}", topics="a, b"), subject=joint.project, by=joint.lead)

    more(1)
    [queries(browser, url) for url in urls]  # what is asked once for all is asked now
    counted = [queries(browser, url) for url in urls]
    for number in (2, 3):
        more(number)
    assert [queries(browser, url) for url in urls] == counted


def test_what_a_module_holds_is_shown_as_it_is_and_bad_ones_are_refused(school, settings):
    course, teacher = school.course, as_(school.teacher)
    draft_version(course=course, by=school.teacher)
    new = f"{course.get_absolute_url()}modules/new/"
    given = {"kind": "text", "title": "One", "body": "<script>alert(1)</script> [x](javascript:alert(1))"}
    assert teacher.post(new, given).status_code == 302
    for link in ("javascript:alert(1)", "http://example.org/video", "data:text/html,x", "https://"):
        assert teacher.post(new, {"kind": "video", "title": "V", "link": link}).status_code == 422, link
        sent = {"kind": "video", "title": "V", "link": link}
        answer = teacher.post(f"/api/v1/courses/{course.slug}/modules/", sent, "application/json")
        assert answer.status_code in {400, 422} and answer.json()["field"] == "link", link

    def sends(name: str, content: bytes, kind: str = "file") -> int:
        return teacher.post(
            new, {"kind": kind, "title": "F", "file": SimpleUploadedFile(name, content)}
        ).status_code  # fmt: skip

    assert sends("program.pdf", b"MZ....") == 415 and sends("picture.png", b"<html>", "image") == 415
    assert sends("paper.png", b"%PDF-1.7", "image") == 415, "a PDF that says it is an image"
    settings.COURSE_FILE_MAX_BYTES = 100
    assert sends("large.pdf", b"%PDF-1.7" + b"x" * 100) == 413
    assert list(Course.objects.get().draft.modules.values_list("title", flat=True)) == ["Principles", "A case", "One"]
    teacher.post(f"{course.get_absolute_url()}publish/")
    enrolment = school.study(school.joint.engineer)
    page = enrolment.edition.modules.get(title="One")
    shown = text(as_(school.joint.engineer).get(f"{enrolment.get_absolute_url()}modules/{page.pk}/"))
    assert "&lt;script&gt;alert(1)" in shown and "<script>alert" not in shown and 'href="javascript' not in shown


def test_a_learner_reads_the_files_of_modules_over_the_api_too(school):
    draft_version(course=school.course, by=school.teacher)
    facts = {"kind": "file", "title": "Slides", "file": SimpleUploadedFile("slides.pdf", b"%PDF-1.7 slides %%EOF")}
    as_(school.teacher).post(f"{school.course.get_absolute_url()}modules/new/", facts)
    as_(school.teacher).post(f"{school.course.get_absolute_url()}publish/")
    enrolment = school.study(school.joint.engineer)
    address = f"/api/v1/enrolments/{enrolment.pk}/file/"
    slides, words = enrolment.edition.modules.get(title="Slides"), enrolment.edition.modules.get(title="Principles")
    learner = as_(school.joint.engineer)
    answer = learner.get(address, {"module": slides.pk})
    assert b"".join(answer) == b"%PDF-1.7 slides %%EOF" and answer["Content-Type"] == "application/pdf"
    assert learner.get(address, {"module": words.pk}).status_code == 404  # words alone, no file
    assert learner.get(address, {"module": "first"}).json()["field"] == "module"
    assert learner.get(address).json()["field"] == "module"
    assert as_(school.joint.researcher).get(address, {"module": slides.pk}).status_code == 404


def test_what_was_put_away_is_listed_by_its_keepers_and_restored(school):
    joint, book = school.joint, archive_resource(
        resource=kept(school, "Deep Learning"), by=school.joint.researcher
    )  # fmt: skip
    kept(school, "Attention", kind="paper")
    keeper, other = as_(joint.researcher), as_(joint.engineer)
    for query, names in (("", ["Attention"]), ("archived=yes", ["Deep Learning"])):
        shown = text(keeper.get(f"/library/?{query}"))
        assert [name for name in ("Attention", "Deep Learning") if f">{name}<" in shown] == names
    assert ">Deep Learning<" not in text(other.get("/library/?archived=yes"))
    page, here = keeper.get(book.get_absolute_url()), f"{book.get_absolute_url()}restore/"
    assert "Archived" in text(page) and here in text(page)
    assert here not in text(other.get(book.get_absolute_url()))
    assert other.post(here).status_code == 403
    for user in (joint.company_signatory, joint.engineer):
        with pytest.raises((RefusedError, NotFoundError)):
            restore_resource(resource=book, by=user)

    assert keeper.post(here).url == book.get_absolute_url()

    assert ">Deep Learning<" in text(other.get("/library/"))
    with pytest.raises(ConflictError, match="already"):
        restore_resource(resource=book, by=joint.researcher)


def test_the_api_lists_and_restores_what_was_put_away(school):
    joint, book = school.joint, archive_resource(
        resource=kept(school, "Deep Learning"), by=school.joint.researcher
    )  # fmt: skip
    keeper, other, url = as_(joint.researcher), as_(joint.engineer), "/api/v1/resources/"

    def titles(client, query: str) -> list[str]:
        return [one["title"] for one in client.get(f"{url}?{query}").json()["results"]]

    assert titles(keeper, "") == titles(keeper, "archived=false") == titles(other, "archived=true") == []
    assert titles(keeper, "archived=true") == ["Deep Learning"]
    assert titles(keeper, "archived=") == titles(other, "archived=") == []
    refused = other.get(f"{url}?archived=maybe")
    assert (refused.status_code, refused.json()["field"]) == (400, "archived")
    assert other.post(f"{url}{book.pk}/restore/").status_code == 403
    answer = keeper.post(f"{url}{book.pk}/restore/")
    assert (answer.status_code, answer.json()["archived_at"]) == (200, None)
    assert keeper.post(f"{url}{book.pk}/restore/").status_code == 409
    assert titles(other, "") == ["Deep Learning"]
