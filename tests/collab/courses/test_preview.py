"""Those who make a course read any version of it, and see its modules and files as learners do."""

from __future__ import annotations

import pytest
from django.test import Client

from collab.access.roles import Role
from collab.courses.editing import create_course, draft_version, save_module
from collab.courses.models import CourseModule
from tests.cast import employ, person, token_for, upload
from tests.collab.courses.conftest import School

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n....IEND"


@pytest.fixture
def picture(school: School) -> CourseModule:
    """An image in a draft that nobody takes yet."""
    draft = draft_version(course=school.course, by=school.teacher)
    file = upload(PNG, "map.png")
    return save_module(edition=draft, kind="image", title="A map", body="Look.", file=file, by=school.teacher)


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_an_editor_sees_a_draft_as_learners_will(school, picture):
    editor, url = signed_in(school.teacher), f"/courses/{school.course.slug}/modules/{picture.pk}/"
    shown = editor.get(f"{url}preview/").content.decode()
    assert f'src="{url}file/"' in shown and "Look." in shown and "3 / 3" in shown
    answer = editor.get(f"{url}file/")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert b"".join(answer.streaming_content) == PNG
    assert "map.png" in editor.get(url).content.decode(), "the form names the file that is there"
    assert f"{url}preview/" in editor.get(f"/courses/{school.course.slug}/draft/").content.decode()
    first = picture.edition.modules.first()
    assert editor.get(f"/courses/{school.course.slug}/modules/{first.pk}/file/").status_code == 404
    for stranger in (school.joint.engineer, employ(person("Cora"), school.joint.company, Role.COORDINATOR)):
        for page in ("preview", "file"):
            assert signed_in(stranger).get(f"{url}{page}/").status_code == 403


def test_an_editor_reads_what_is_published_without_beginning_a_draft(school):
    editor, url = signed_in(school.teacher), f"/courses/{school.course.slug}/versions/1/"
    shown = editor.get(url).content.decode()
    assert "Principles" in shown and "What is personal?" in shown and "Answer 2" in shown
    assert shown.count("#check-circle") == sum(len(row.right) for row in school.edition.questions.all())
    assert url in editor.get(school.course.get_absolute_url()).content.decode()
    assert url in editor.get(f"/courses/{school.course.slug}/draft/").content.decode()
    assert not school.course.versions.filter(state="draft").exists()
    assert signed_in(school.joint.engineer).get(url).status_code == 403
    assert url not in signed_in(school.joint.engineer).get(school.course.get_absolute_url()).content.decode()
    assert editor.get(f"/courses/{school.course.slug}/versions/9/").status_code == 404


def test_the_file_of_another_course_is_not_given(school, picture):
    other = create_course(organisation=school.joint.university, title="Other", summary="S.", by=school.teacher)
    assert signed_in(school.teacher).get(f"/courses/{other.slug}/modules/{picture.pk}/file/").status_code == 404


def test_the_api_tells_editors_the_content_and_the_files(school, picture):
    editor = Client(headers={"Authorization": f"Bearer {token_for(school.teacher)}"})
    learner = Client(headers={"Authorization": f"Bearer {token_for(school.joint.engineer)}"})
    url = f"/api/v1/courses/{school.course.slug}/"
    told = editor.get(f"{url}content/").json()
    assert (told["number"], told["state"], len(told["modules"]), len(told["questions"])) == (1, "published", 2, 2)
    assert any(option["right"] for option in told["questions"][0]["options"])
    assert editor.get(f"{url}content/?number=2").json()["modules"][2]["file_name"] == "map.png"
    assert editor.get(f"{url}content/?number=9").status_code == 404
    assert editor.get(f"{url}content/?number=x").status_code == 400
    assert b"".join(editor.get(f"{url}file/?module={picture.pk}").streaming_content) == PNG
    for path in ("content/", f"file/?module={picture.pk}"):
        assert learner.get(f"{url}{path}").status_code == 403
