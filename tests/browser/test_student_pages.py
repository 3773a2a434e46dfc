"""What students and interns see, mostly on a phone: postings, an application with its form and offer, the placement."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from collab.internships.applications.deciding import make_offer, propose_times
from collab.internships.applications.services import begin_application
from tests.browser.conftest import DESKTOP, PHONE, see
from tests.collab.internships.season import Season, season

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def summer(aurora) -> Season:
    return season(aurora)


@pytest.mark.parametrize(
    ("theme", "size", "language"),
    [("light", DESKTOP, "en"), ("dark", PHONE, "zh-hans"), ("light", PHONE, "en")],
    ids=["light-desktop-en", "dark-phone-zh", "light-phone-en"],
)
def test_pages_of_students_are_accessible_and_quiet(
    page, live_server, enter, summer, complaints, axe, too_wide, theme, size, language
):
    student, other = summer.student("Ann"), summer.offer(title="Speech", title_zh="语音")
    question = {"key": "q1", "label": "Which corpus did you work with, and in which language?", "required": True}
    asks = summer.offer(title="Asks", questions=[question])
    draft = begin_application(posting=asks, by=student)
    asked = summer.apply(student, other)
    propose_times(application=asked, times=[timezone.now() + timedelta(days=2)], by=summer.host)
    offered = make_offer(application=summer.apply(student, summer.offer(title="Offered")), by=summer.host)
    intern = summer.student("Bo")
    placement = summer.ready(intern)
    pages = {
        student: [
            "/internships/", "/internships/?q=speech&open=now", summer.cohort.get_absolute_url(),
            f"{summer.cohort.get_absolute_url()}rank/", other.get_absolute_url(), f"{draft.get_absolute_url()}edit/",
            asked.get_absolute_url(), f"{asked.get_absolute_url()}other-times/", offered.get_absolute_url(),
            "/internships/open/", "/courses/", "/library/",
        ],
        intern: [placement.get_absolute_url(), f"{placement.get_absolute_url()}log/"],
        summer.host: [f"{asked.posting.get_absolute_url()}board/", f"{asked.get_absolute_url()}decide/"],
    }  # fmt: skip
    see(page, theme=theme, size=size, language=language)
    found = {}
    for user, addresses in pages.items():
        enter(user)
        for address in addresses:
            response = page.goto(live_server.url + address)
            faults = [*axe(), *too_wide(), *complaints, *([] if response.status == 200 else [str(response.status)])]
            complaints.clear()
            if faults:
                found[address] = faults
    assert found == {}


def test_a_refused_application_is_mended_and_sent_on_a_phone(page, live_server, enter, summer):
    question = {"key": "q1", "label": "Which corpus?", "required": True}
    student = summer.student("Ann")
    draft = begin_application(posting=summer.offer(title="Asks", questions=[question]), by=student)
    see(page, size=PHONE)
    enter(student)
    page.goto(f"{live_server.url}{draft.get_absolute_url()}edit/")
    page.get_by_label("Why this place?").fill("Because I can.")
    page.get_by_role("button", name="Save and send").click()
    page.get_by_text("Answer this question.").wait_for()
    page.get_by_label("Which corpus?").fill("Old letters")
    page.get_by_role("button", name="Save and send").click()
    page.get_by_text("Your application is sent.").wait_for()
    draft.refresh_from_db()
    assert (draft.state, draft.answers) == ("applied", {"q1": "Old letters"})
