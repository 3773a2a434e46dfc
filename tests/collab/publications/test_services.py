"""Publication notices: the days come from the agreement, and nobody's silence is taken for an answer."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from collab.access.roles import Role
from collab.agreements.ip import IPTerms
from collab.agreements.models import AgreementVersion
from collab.inbox.models import Obligation, Request
from collab.inbox.services import decide_request, withdraw_request
from collab.kernel.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    NotReadyError,
    RefusedError,
    StaleError,
    UnsupportedKindError,
)
from collab.projects.models import Output, ProjectParty
from collab.projects.services import add_party, leave_party
from collab.publications.models import PublicationNotice
from collab.publications.reading import answer_of
from collab.publications.services import (
    agree,
    close_ended,
    give_notice,
    lift,
    mark_published,
    object_to,
    replan,
    revise,
    wait,
    withdraw_notice,
)
from tests.cast import Joint, employ, organisation, person, upload
from tests.pages import as_, text

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n1 0 obj\n%%EOF\n"


def day(number: int) -> date:
    return timezone.localdate() + timedelta(days=number)


def covered(joint: Joint, reference: str = "DUA-1", **terms: int | None) -> AgreementVersion:
    """An executed agreement whose IP terms name these days."""
    version = joint.cover(reference=reference)
    if terms:
        IPTerms.objects.create(version=version, results_owner="joint", **terms)
    return version


def notice_of(joint: Joint, **changes) -> PublicationNotice:
    facts = {
        "project": joint.project,
        "organisation": joint.university,
        "title": "Letters learnt",
        "authors": "Ada Lovelace\nAlan Turing",
        "kind": "article",
        "submit_on": day(200),
        "link": "https://example.org/draft",
        "by": joint.researcher,
    }
    return give_notice(**facts | changes)


@pytest.fixture
def ground(aurora):
    """The project with an agreement of 40 days of notice and 60 of delay."""
    covered(aurora, publication_notice_days=40, publication_delay_days=60)
    return aurora


def objection(joint: Joint, notice: PublicationNotice, **changes):
    facts = {"notice": notice, "party": joint.company, "ground": "background", "text": "Page 3.", "by": director(joint)}
    return object_to(**facts | changes)


def director(joint: Joint):
    return joint.company_signatory


def later(notice: PublicationNotice, days: int) -> PublicationNotice:
    """As if the notice had been given so many days ago."""
    back = timedelta(days=days)
    notice = PublicationNotice.objects.get(pk=notice.pk)
    for name in ("given_on", "notice_ends_on", "earliest_on"):
        setattr(notice, name, getattr(notice, name) - back)
    notice.save()
    rows = Request.objects.filter(subject_id=str(notice.pk))
    for row in rows:
        row.due_at -= back
        row.save()
    Obligation.objects.filter(source_id=str(notice.pk)).update(due_on=notice.earliest_on)
    return PublicationNotice.objects.get(pk=notice.pk)


# --- the days
def test_the_longest_notice_of_the_agreements_in_force_counts(aurora):
    with pytest.raises(NotReadyError, match="No agreement of this project is in force"):
        notice_of(aurora)
    covered(aurora, "DUA-1", publication_notice_days=30, publication_delay_days=60)
    longest = covered(aurora, "DUA-2", publication_notice_days=75)
    over = covered(aurora, "DUA-3", publication_notice_days=120)
    AgreementVersion.objects.filter(pk=over.pk).update(expires_on=day(0))

    notice = notice_of(aurora)

    assert (notice.agreement, notice.notice_days, notice.days_agreed) == (longest, 75, True)
    assert notice.earliest_on == notice.notice_ends_on == day(75)
    assert notice.delay_ends_on == day(75 + 60)


def test_an_agreement_that_names_no_days_leaves_them_to_the_setting(aurora, settings):
    settings.PUBLICATION_NOTICE_DAYS, settings.PUBLICATION_DELAY_DAYS = 21, 9
    covered(aurora)

    notice = notice_of(aurora)

    assert (notice.notice_days, notice.delay_days_max, notice.days_agreed) == (21, 9, False)


def test_it_cannot_be_planned_for_a_day_within_the_notice(ground):
    with pytest.raises(InvalidError, match="asks for 40 days of notice") as caught:
        notice_of(ground, submit_on=day(39))

    assert caught.value.field == "submit_on"
    assert not PublicationNotice.objects.exists()


def test_every_other_party_is_asked_until_the_end_of_the_notice(ground):
    notice = notice_of(ground)
    asked = Request.objects.get(topic="publication")

    assert asked.organisation == ground.company
    assert timezone.localdate(asked.due_at) == notice.notice_ends_on
    assert Obligation.objects.get(source_id=str(notice.pk)).due_on == notice.earliest_on
    with pytest.raises(RefusedError, match="answer on the page of the notice"):
        decide_request(request=asked, decision="approved", by=director(ground))
    with pytest.raises(RefusedError, match="Withdraw the notice itself"):
        withdraw_request(request=asked, by=ground.researcher)


def test_silence_answers_nothing_and_yet_the_days_pass(ground):
    notice = later(notice_of(ground), 40)

    assert notice.shown_state == "free"
    assert "Who was silent has answered nothing" in answer_of(notice).text
    assert Request.objects.get(topic="publication").state == "open"
    assert close_ended() == 1
    asked = Request.objects.get(topic="publication")
    assert (asked.state, asked.decided_by) == ("withdrawn", None)
    assert not Obligation.objects.open().filter(source_id=str(notice.pk)).exists()
    assert close_ended() == 0


def test_when_all_others_agree_one_need_not_wait(ground):
    notice = agree(notice=notice_of(ground), party=ground.company, by=director(ground))

    assert notice.is_free(day(0))
    asked = Request.objects.get(topic="publication")
    assert (asked.state, asked.decided_by) == ("approved", director(ground))
    with pytest.raises(ConflictError, match="have said that they do not object"):
        objection(ground, notice)


# --- who
def test_only_who_speaks_for_another_party_answers(ground):
    notice = notice_of(ground)
    admin = employ(person("Company Registrar"), ground.company, Role.ORGANISATION_ADMIN)

    with pytest.raises(InvalidError, match="publishes itself"):
        objection(ground, notice, party=ground.university, by=ground.lead)
    with pytest.raises(RefusedError, match="do not speak for Northwind"):
        objection(ground, notice, by=ground.lead)
    with pytest.raises(RefusedError, match="Your role does not let you"):
        objection(ground, notice, by=ground.engineer)
    assert objection(ground, notice, by=admin).party == ground.company


def test_only_the_publishing_party_gives_notice_and_withdraws(ground):
    with pytest.raises(RefusedError, match="Only people of Riverside University"):
        notice_of(ground, by=ground.engineer)
    notice = notice_of(ground)
    with pytest.raises(RefusedError, match="Only people of Riverside University"):
        withdraw_notice(notice=notice, by=ground.engineer)
    assert withdraw_notice(notice=notice, by=ground.lead).state == "withdrawn"
    assert Request.objects.get(topic="publication").state == "withdrawn"


# --- objections
def test_an_objection_after_the_notice_is_refused(ground):
    notice = later(notice_of(ground), 40)
    with pytest.raises(ConflictError, match="The notice ended on"):
        objection(ground, notice)

    assert objection(ground, later(notice_of(ground), 39)).state == "open"


def test_what_must_not_be_told_waits_for_a_revised_manuscript(ground):
    notice = notice_of(ground)
    made = objection(ground, notice)
    notice = later(notice, 300)
    assert notice.free_on is None
    with pytest.raises(ConflictError, match="Waiting does not settle this ground"):
        wait(objection=made, by=ground.researcher)
    with pytest.raises(ConflictError, match="not settled"):
        mark_published(notice=notice, published_on=day(0), by=ground.researcher)
    with pytest.raises(InvalidError, match="no manuscript yet"):
        lift(objection=made, outcome="revised", by=director(ground))
    for content, name, why in (
        (b"PK\x03\x04", "new.pdf", "none of these kinds: PDF"),
        (b"\x89PNG\r\n\x1a\n IEND", "page.png", "none of these kinds: PDF"),
        (PDF.removesuffix(b"%%EOF\n"), "new.pdf", "ends too early"),
        (PDF, "new.docx", "not what its name says"),
    ):
        with pytest.raises(UnsupportedKindError, match=why):
            revise(notice=notice, by=ground.researcher, file=upload(content, name))
    assert notice.manuscripts.count() == 1, "nothing is kept of a file that is refused"

    manuscript = revise(notice=notice, by=ground.researcher, file=upload(PDF, "../new.pdf"))
    assert (manuscript.number, manuscript.file_name) == (2, "new.pdf")
    with pytest.raises(RefusedError, match="do not speak for"):
        lift(objection=made, outcome="revised", by=ground.lead)
    lift(objection=made, outcome="revised", by=director(ground))

    assert PublicationNotice.objects.get(pk=notice.pk).shown_state == "free"


def test_an_objection_outlives_the_part_of_its_party(ground):
    third = employ(person("Third Director"), organisation("Hillside"), Role.SIGNATORY)
    party = add_party(project=ground.project, organisation=third.memberships.get().organisation, by=ground.lead)
    notice = notice_of(ground)
    made = objection(ground, notice)
    left = ProjectParty.objects.get(project=ground.project, organisation=ground.company)
    leave_party(party=left, by=ground.lead)
    revise(notice=notice, by=ground.researcher, link="https://example.org/second")

    for facts, by, said in (
        ({"outcome": "revised", "remark": "Page 3 is gone."}, director(ground), "not yours to see"),
        ({"outcome": "revised", "remark": "Page 3 is gone."}, ground.lead, "do not speak for"),
        ({"outcome": "withdrawn", "remark": "They left."}, third, "nobody takes its objection back"),
        ({"outcome": "revised"}, third, "Say why"),
    ):
        with pytest.raises((InvalidError, NotFoundError, RefusedError), match=said):
            lift(objection=made, by=by, **facts)
    assert later(notice, 300).free_on is None
    lift(objection=made, outcome="revised", by=third, remark="Page 3 is gone.")

    assert PublicationNotice.objects.get(pk=notice.pk).shown_state == "free"
    assert Request.objects.get(topic="publication", organisation=party.organisation).is_open


def test_a_party_that_leaves_has_answered_nothing(ground):
    notice = notice_of(ground)
    made = objection(ground, notice_of(ground, title="Other"))
    leave_party(party=ProjectParty.objects.get(project=ground.project, organisation=ground.company), by=ground.lead)

    asked = Request.objects.get(topic="publication", subject_id=str(notice.pk))
    assert (asked.state, asked.reason) == ("withdrawn", "A party has left the project.")
    assert PublicationNotice.objects.get(pk=notice.pk).free_on == day(40)
    # nobody else is left to judge: the publishing party does, by name, about a manuscript that it has revised
    with pytest.raises(InvalidError, match="no manuscript yet"):
        lift(objection=made, outcome="revised", by=ground.lead, remark="It is public by now.")
    page = text(as_(ground.lead).get(made.notice.get_absolute_url()))
    assert "has left the project" in page and "/lift/" not in page
    revise(notice=made.notice, by=ground.researcher, link="https://example.org/second")
    assert "/lift/" in text(as_(ground.lead).get(made.notice.get_absolute_url()))
    form = {"outcome": "revised", "remark": "It is gone.", "once": "x"}
    answer = as_(ground.lead).post(f"{made.notice.get_absolute_url()}objections/{made.pk}/lift/", form)
    made.refresh_from_db()
    assert (answer.status_code, made.state, made.outcome) == (302, "revised", "It is gone.")


def test_a_delay_stays_within_the_limit_of_the_agreement(ground):
    notice = notice_of(ground)
    facts = {"ground": "ip_protection", "text": "We file a patent."}
    for until, said in ((None, "Say until when"), (day(40), "a later day"), (day(101), "at most")):
        with pytest.raises(InvalidError, match=said):
            objection(ground, notice, delay_until=until, **facts)
    made = objection(ground, notice, delay_until=day(90), **facts)
    assert Request.objects.get(topic="publication").state == "rejected"
    assert PublicationNotice.objects.get(pk=notice.pk).free_on == day(90)  # also when the publisher never answers
    for until, said in ((day(89), "asks to wait until"), (day(101), "at most")):
        with pytest.raises(InvalidError, match=said):
            wait(objection=made, by=ground.researcher, until=until)

    wait(objection=made, by=ground.researcher)

    notice = PublicationNotice.objects.get(pk=notice.pk)
    assert (notice.state, notice.earliest_on) == ("delayed", day(90))
    assert Obligation.objects.get(source_id=str(notice.pk)).due_on == day(90)


def test_a_plan_that_comes_too_early_is_made_anew(ground):
    notice = notice_of(ground, submit_on=day(50))
    objection(ground, notice, ground="ip_protection", text="We file a patent.", delay_until=day(90))
    notice.refresh_from_db()
    with pytest.raises(InvalidError, match="not before"):
        replan(notice=notice, submit_on=day(89), venue="", by=ground.researcher, version=notice.version)
    with pytest.raises(StaleError):
        replan(notice=notice, submit_on=day(90), venue="", by=ground.researcher, version=notice.version - 1)

    changed = replan(notice=notice, submit_on=day(90), venue="V", by=ground.researcher, version=notice.version)

    assert (changed.submit_on, changed.venue) == (day(90), "V")


# --- publishing
def test_what_appeared_becomes_an_output(ground):
    notice = later(notice_of(ground), 45)
    with pytest.raises(InvalidError, match="not before"):
        mark_published(notice=notice, published_on=day(-6), by=ground.researcher)
    with pytest.raises(InvalidError, match="has not come"):
        mark_published(notice=notice, published_on=day(1), by=ground.researcher)

    done = mark_published(notice=notice, published_on=day(-5), by=ground.researcher, doi="10.1000/xyz")

    output = Output.objects.get()
    assert done.output == output
    assert (output.kind, output.doi, output.other_creators) == (
        "publication",
        "10.1000/xyz",
        "Ada Lovelace, Alan Turing",
    )
    assert output.shares.get().party.organisation == ground.university


def test_outputs_and_background_are_of_the_same_project(ground, borealis):
    covered(borealis, "DUA-9")
    theirs = mark_published(notice=later(notice_of(borealis), 45), published_on=day(0), by=borealis.researcher).output

    with pytest.raises(InvalidError, match="outputs of this project"):
        notice_of(ground, outputs=[theirs])
