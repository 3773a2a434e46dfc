"""Who takes a course, and certificates: searched, filtered, and as CSV."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import Client

from collab.courses.certificates.services import revoke_certificate
from collab.courses.taking import enrol
from tests.collab.courses.conftest import School
from tests.collab.courses.test_certificates import certificate_for
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


def lines(client: Client, url: str) -> list[list[str]]:
    answer = client.get(url)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_the_takers_that_are_chosen_come_as_csv(school: School):
    joint, url = school.joint, f"/courses/{school.course.slug}/people.csv"
    passed = school.pass_course(joint.engineer)
    enrol(course=school.course, by=joint.researcher)
    teacher = as_(school.teacher)
    head, *rows = lines(teacher, url)
    assert head[:3] == ["Person", "Version", "State"]
    told = {row[0]: row[1:] for row in rows}
    assert told[str(joint.engineer)][1:4] == ["Passed", "2", "2"]
    assert told[str(joint.engineer)][6:] == ["100.00", passed.last_day.isoformat()]
    assert told[str(joint.researcher)][1:4] == ["Under way", "0", "2"]
    assert [row[0] for row in lines(teacher, f"{url}?state=passed")[1:]] == [str(joint.engineer)]
    assert f"{url}?state=passed" in text(teacher.get(f"/courses/{school.course.slug}/people/?state=passed"))
    assert as_(joint.engineer).get(url).status_code == 403


def test_certificates_are_searched_and_come_as_csv(school: School):
    joint = school.joint
    kept = certificate_for(joint)
    gone = certificate_for(joint, person=joint.lead)
    revoke_certificate(certificate=gone, reason="Mistake.", by=joint.university_signatory)
    officer = as_(joint.university_signatory)

    def found(query: str) -> set[str]:
        page = text(officer.get(f"/certificates/?{query}"))
        rows = lines(officer, f"/certificates/certificates.csv?{query}")[1:]
        told = {row[7] for row in rows}
        api = {one["id"] for one in officer.get(f"/api/v1/certificates/?{query}").json()["results"]}
        assert told == api == {str(row.pk) for row in (kept, gone) if row.get_absolute_url() in page}
        return told

    assert found("") == {str(kept.pk), str(gone.pk)}
    assert found(f"q={gone.recipient_name}") == found("state=revoked") == {str(gone.pk)}
    assert found(f"kind={kept.kind}&state=issued") == {str(kept.pk)}
    assert found("q=nobody of this name") == set()
    own = lines(as_(joint.lead), "/certificates/certificates.csv")
    assert [row[4] for row in own[1:]] == ["Revoked"]


def test_a_list_asks_the_same_number_of_queries(school: School):
    teacher, url = as_(school.teacher), f"/courses/{school.course.slug}/people.csv"
    officer, more = as_(school.joint.university_signatory), "/certificates/certificates.csv"
    school.pass_course(school.joint.engineer)
    before = [queries(teacher, url), queries(officer, more)]
    for user in (school.joint.researcher, school.joint.lead):
        school.pass_course(user)
    assert [queries(teacher, url), queries(officer, more)] == before
