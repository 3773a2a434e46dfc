"""Applications: deadlines to the second, documents by content, the last seat, ranks, offers; rivals see nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from collab.access.roles import Role
from collab.accounts.models import Membership, User
from collab.inbox.models import Notification
from collab.internships.applications.deciding import (
    ask_reviewers,
    decide_application,
    expire_offers,
    give_review,
    make_offer,
    propose_times,
    rank_students,
    renew_offer,
)
from collab.internships.applications.rounds import confirm_matching, rule_pair, run_matching, why
from collab.internships.applications.services import (
    add_document,
    answer_offer,
    begin_application,
    choose_time,
    rank_choices,
    submit_application,
    withdraw_application,
    write_application,
)
from collab.internships.models import Application, ApplicationEvent, Posting
from collab.internships.placements.services import move_placement
from collab.internships.programmes.services import add_check_point, edit_posting, move_cohort, move_posting
from collab.kernel.errors import (
    ConflictError,
    FaultyInputError,
    InvalidError,
    NotFoundError,
    NotReadyError,
    RefusedError,
    StaleError,
    TooLargeError,
    UnsupportedKindError,
)
from tests.cast import employ, organisation, person, upload
from tests.collab.internships.season import PDF, PNG, Season, belongs, season
from tests.pages import as_, text

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def summer(aurora) -> Season:
    return season(aurora)


def test_the_last_second_counts_and_the_next_is_too_late(summer):
    student = summer.student()
    draft = begin_application(posting=summer.posting, by=student)
    draft = write_application(application=draft, by=student, version=draft.version, statement="Because")
    with time_machine.travel(summer.cohort.closes_at + SECOND, tick=False), pytest.raises(ConflictError) as late:
        submit_application(application=draft, by=student, version=draft.version)
    assert late.value.code == "too_late"
    with time_machine.travel(summer.cohort.opens_at - SECOND, tick=False), pytest.raises(ConflictError):
        begin_application(posting=summer.posting, by=summer.student("Early"))
    with time_machine.travel(summer.cohort.closes_at, tick=False):
        assert submit_application(application=draft, by=student, version=draft.version).state == "applied"


def test_once_and_after_a_withdrawal_once_again(summer):
    student = summer.student()
    first = summer.apply(student)
    with pytest.raises(ConflictError):
        begin_application(posting=summer.posting, by=student)
    withdraw_application(application=first, by=student)
    second = summer.apply(student)
    withdraw_application(application=second, by=student)
    with pytest.raises(ConflictError):
        begin_application(posting=summer.posting, by=student)
    assert [event.state for event in first.events.order_by("created_at")] == ["draft", "applied", "withdrawn"]


def test_a_rival_sees_nothing_and_the_host_no_draft(summer):
    student, rival = summer.student(), summer.student("Rival")
    draft = begin_application(posting=summer.posting, by=student)
    assert not Application.objects.visible_to(summer.host).exists()
    sent = summer.apply(rival)
    assert list(Application.objects.visible_to(summer.host)) == [sent]
    assert list(Application.objects.visible_to(student)) == [draft]
    with pytest.raises(NotFoundError):
        withdraw_application(application=sent, by=student)


def test_a_file_is_what_its_content_says(summer, settings):
    student = summer.student()
    draft = begin_application(posting=summer.posting, by=student)
    kept = add_document(application=draft, file=upload(PDF, "../cv.pdf"), kind="cv", by=student)
    assert (kept.file_name, kept.content_type) == ("cv.pdf", "application/pdf")
    for content, name in ((PNG, "cv.pdf"), (b"MZ\x90\x00", "cv.pdf"), (PDF[:12], "cut.pdf"), (b"", "empty.pdf")):
        with pytest.raises(UnsupportedKindError):
            add_document(application=draft, file=upload(content, name), kind="cv", by=student)
    settings.APPLICATION_FILE_MAX_BYTES = 10
    with pytest.raises(TooLargeError):
        add_document(application=draft, file=upload(PDF, "large.pdf"), kind="cv", by=student)
    assert draft.documents.count() == 1


def test_answers_belong_to_the_questions_that_were_read(summer):
    question = {"key": "q1", "label": "Why?", "required": True}
    posting = edit_posting(posting=summer.posting, by=summer.host, version=summer.posting.version, questions=[question])
    student = summer.student()
    draft = begin_application(posting=posting, by=student)
    with pytest.raises(StaleError):
        write_application(
            application=draft, by=student, version=draft.version, answers={"q1": "So"}, questions_version=1
        )
    draft = write_application(
        application=draft, by=student, version=draft.version, statement="Me", answers={"q1": "So"},
        questions_version=posting.questions_version,
    )  # fmt: skip
    other = [question, {"key": "q2", "label": "How?", "required": True}]
    posting = edit_posting(posting=posting, by=summer.host, version=posting.version, questions=other)
    with pytest.raises(StaleError):
        submit_application(application=draft, by=student, version=draft.version)
    late = begin_application(posting=posting, by=summer.student("Second"))
    late = write_application(application=late, by=late.candidate, version=late.version, statement="Me")
    with pytest.raises(FaultyInputError):
        submit_application(application=late, by=late.candidate, version=late.version)


def test_the_last_seat_goes_once_and_an_expired_offer_frees_it(summer):
    one, two = summer.student("One"), summer.student("Two")
    first, second = summer.apply(one), summer.apply(two)
    first = make_offer(application=first, by=summer.host)
    with pytest.raises(ConflictError) as full:
        make_offer(application=second, by=summer.host)
    assert full.value.code == "no_seat"
    with time_machine.travel(first.offer_ends_at + SECOND, tick=False):
        with pytest.raises(ConflictError) as late:
            answer_offer(application=first, accept=True, by=one)
        assert late.value.code == "offer_expired"
        assert expire_offers() == 1
        told = Notification.objects.filter(title__contains="expired")
        assert {row.person_id for row in told} == {one.pk, summer.host.pk}
        second = make_offer(application=second, by=summer.host)
        with time_machine.travel(second.offer_ends_at, tick=False):
            assert answer_offer(application=second, accept=True, by=two).state == "accepted"
    assert Application.objects.get(pk=first.pk).state == "offer_expired"


def test_an_offer_is_renewed_once_it_has_ended_and_only_where_a_seat_is_free(summer):
    one, two = summer.student("One"), summer.student("Two")
    first, second = summer.apply(one), summer.apply(two)
    first = make_offer(application=first, by=summer.host)
    with pytest.raises(ConflictError):
        renew_offer(application=first, by=summer.host)
    with pytest.raises(NotFoundError):
        renew_offer(application=first, by=two)
    with time_machine.travel(first.offer_ends_at + SECOND, tick=False):
        again = renew_offer(application=first, by=summer.host)  # nobody has written down yet that it expired
        assert (again.state, again.seat) == ("offered", 1)
        assert again.offer_ends_at == timezone.now() + timedelta(days=summer.cohort.offer_days)
        assert list(again.events.values_list("state", flat=True))[-2:] == ["offer_expired", "offered"]
        answer_offer(application=again, accept=False, reason="Too far", by=one)
        second = make_offer(application=second, by=summer.host)
        with pytest.raises(ConflictError) as full:
            renew_offer(application=first, by=summer.host)
        assert full.value.code == "no_seat"
        decide_application(application=second, move="retract", reason="No money", by=summer.host)
        assert (renew_offer(application=first, by=summer.host).state, first.reason) == ("offered", "")
        assert Notification.objects.filter(person=one, title__contains="offered a place again").count() == 2
        assert answer_offer(application=first, accept=True, by=one).state == "accepted"


def test_nothing_is_renewed_for_who_has_a_place_or_where_nothing_runs(summer):
    student = summer.student()
    declined, refused = (
        summer.apply(student, summer.offer(title="Far")),
        summer.apply(student, summer.offer(title="No")),
    )
    answer_offer(application=make_offer(application=declined, by=summer.host), accept=False, by=student)
    decide_application(application=refused, move="reject", reason="Full", by=summer.host)
    summer.accepted(student)
    with pytest.raises(ConflictError, match="another place"):
        renew_offer(application=declined, by=summer.host)
    with pytest.raises(ConflictError, match="another place"):
        decide_application(application=refused, move="reconsider", by=summer.host)
    other = summer.apply(summer.student("Other"), summer.offer(title="Off"))
    move_posting(posting=other.posting, move="withdraw", reason="No money", by=summer.host)
    with pytest.raises(ConflictError) as over:
        decide_application(application=other, move="reconsider", by=summer.host)
    assert over.value.code == "posting_over"


def test_an_offer_is_taken_back_with_a_reason_and_a_refusal_reconsidered(summer):
    student = summer.student()
    row = make_offer(application=summer.apply(student), by=summer.host)
    with pytest.raises(InvalidError):
        decide_application(application=row, move="retract", reason=" ", by=summer.host)
    row = decide_application(application=row, move="retract", reason="No money", by=summer.host)
    assert (row.state, row.seat, row.offer_ends_at, row.reason) == ("applied", None, None, "No money")
    assert Notification.objects.filter(person=student, title__contains="taken back").exists()
    with pytest.raises(ConflictError):
        answer_offer(application=row, accept=True, by=student)
    decide_application(application=row, move="reject", reason="Full", by=summer.host)
    row = decide_application(application=row, move="reconsider", by=summer.host)
    assert (row.state, row.reason) == ("applied", "")
    assert Notification.objects.filter(person=student, title__contains="considered again").exists()
    assert make_offer(application=row, by=summer.host).state == "offered"


def test_accepting_withdraws_the_others(summer):
    student = summer.student()
    other = summer.apply(student, summer.offer(title="Second"))
    summer.accepted(student)
    other.refresh_from_db()
    assert (other.state, other.choice) == ("withdrawn", None)


def test_why_the_platform_ended_it_is_told_in_the_language_of_the_reader(summer):
    student = summer.student()
    other = summer.apply(student, summer.offer(title="Second"))
    with translation.override("zh-hans"):
        summer.accepted(student)
    other.refresh_from_db()
    assert other.reason == other.events.last().reason == "placed_elsewhere"
    assert as_(student).get(f"/api/v1/applications/{other.pk}/").json()["reason"] == "Another place was accepted."


def test_nobody_decides_about_themselves(summer):
    both = employ(summer.student("Both"), summer.company, Role.COORDINATOR)
    row = summer.apply(both)
    for act in (
        lambda: make_offer(application=row, by=both),
        lambda: propose_times(application=row, times=[timezone.now() + timedelta(days=1)], by=both),
        lambda: rank_students(posting=summer.posting, order=[row], by=both),
    ):
        with pytest.raises(RefusedError) as refused:
            act()
        assert refused.value.missing[0].code == "own_case" and "Both" in str(refused.value.missing[0].sentence)


def test_a_reviewer_who_left_the_host_reads_no_application(summer):
    row = summer.apply(summer.student())
    ask_reviewers(application=row, people=[summer.mentor], by=summer.host)
    assert row in Application.objects.visible_to(summer.mentor)
    belongs(summer.mentor).delete()
    assert not Application.objects.visible_to(summer.mentor).exists()
    with pytest.raises(NotFoundError):
        give_review(application=row, score=8, by=summer.mentor)


def test_a_cohort_closes_when_nothing_is_open_and_tells_who_waits(summer):
    waits, offered = summer.apply(summer.student("Waits")), summer.apply(summer.student("Offered"))
    draft = begin_application(posting=summer.posting, by=summer.student("Draft"))
    offered = make_offer(application=offered, by=summer.host)
    with pytest.raises(NotReadyError) as refused:
        move_cohort(cohort=summer.cohort, move="close", by=summer.coordinator)
    assert [one.code for one in refused.value.missing] == ["offer_open"]
    assert "Offered" in str(refused.value.missing[0].sentence)
    placement = answer_offer(application=offered, accept=True, by=offered.candidate).placement
    with pytest.raises(NotReadyError) as refused:
        move_cohort(cohort=summer.cohort, move="close", by=summer.coordinator)
    assert [one.code for one in refused.value.missing] == ["placement_open"]
    move_placement(placement=placement, move="cancel", reason="No money", by=summer.coordinator)
    assert move_cohort(cohort=summer.cohort, move="close", by=summer.coordinator).state == "closed"
    states = {row.pk: (row.state, row.reason) for row in Application.objects.all()}
    assert states[waits.pk] == ("rejected", "cohort_closed") and states[draft.pk] == ("withdrawn", "cohort_closed")
    assert Notification.objects.filter(person=waits.candidate, title__contains="closed").exists()
    with pytest.raises(ConflictError):
        add_check_point(
            cohort=summer.cohort, kind="feedback", name="Half", due_on=summer.cohort.starts_on, by=summer.coordinator
        )


def test_ranks_do_not_repeat_and_end_with_the_second(summer):
    student = summer.student()
    one, two = summer.apply(student), summer.apply(student, summer.offer(title="Second"))
    with pytest.raises(InvalidError):
        rank_choices(cohort=summer.cohort, order=[one, one], by=student)
    with pytest.raises(InvalidError):
        rank_choices(cohort=summer.cohort, order=[one, summer.apply(summer.student("Rival"))], by=student)
    rank_choices(cohort=summer.cohort, order=[two, one], by=student)
    with pytest.raises(InvalidError):
        rank_students(posting=summer.posting, order=[one, one], by=summer.host)
    with time_machine.travel(summer.cohort.ranking_ends_at + SECOND, tick=False), pytest.raises(ConflictError):
        rank_choices(cohort=summer.cohort, order=[one], by=student)
    assert list(Application.objects.filter(candidate=student).order_by("choice")) == [two, one]


def test_matching_is_explained_to_each_side_and_becomes_offers(summer):
    ann, bo, cy = (summer.student(name) for name in ("Ann", "Bo", "Cy"))
    other = summer.offer(title="Second")
    of = {(who, posting): summer.apply(who, posting) for who in (ann, bo) for posting in (summer.posting, other)}
    alone = summer.apply(cy)
    for who in (ann, bo):
        rank_choices(cohort=summer.cohort, order=[of[who, summer.posting], of[who, other]], by=who)
    rank_choices(cohort=summer.cohort, order=[alone], by=cy)
    rank_students(posting=summer.posting, order=[of[bo, summer.posting], of[ann, summer.posting]], by=summer.host)
    rank_students(posting=other, order=[of[ann, other], of[bo, other]], by=summer.host)
    rule_pair(application=of[bo, other], forced=False, reason="They live together", by=summer.coordinator)
    with pytest.raises(ConflictError):
        run_matching(cohort=summer.cohort, by=summer.coordinator)
    with time_machine.travel(summer.cohort.ranking_ends_at + SECOND):
        matching = run_matching(cohort=summer.cohort, by=summer.coordinator)
        found = {key: Application.objects.get(pk=row.pk).outcome for key, row in of.items()}
        assert found == {
            (ann, summer.posting): "full", (ann, other): "matched", (bo, summer.posting): "matched",
            (bo, other): "forbidden",
        }  # fmt: skip
        assert Application.objects.get(pk=alone.pk).outcome == "unranked"
        confirm_matching(matching=matching, by=summer.coordinator)
        with pytest.raises(ConflictError):
            confirm_matching(matching=matching, by=summer.coordinator)
    row = Application.objects.get(pk=of[ann, other].pk)
    assert row.state == "offered" and why(row, to_student=True) != why(row, to_student=False)


def test_a_round_is_confirmed_in_as_many_queries_for_many_pairs_as_for_few(summer):
    users = User.objects.bulk_create(User(email=f"s{n}@example.org", name=f"Student {n}") for n in range(14))
    asked = {}
    for number in (2, 12):
        with transaction.atomic():
            postings = [summer.posting, *(summer.offer(title=f"Place {n}") for n in range(1, number))]
            facts = {"cohort": summer.cohort, "university": summer.university, "state": "applied"}
            facts |= {"submitted_at": timezone.now(), "choice": 1}
            Application.objects.bulk_create(
                Application(posting=posting, candidate=user, rank=rank, **facts)
                for posting, user, rank in [
                    *zip(postings, users, [1] * number, strict=False),
                    (postings[0], users[-1], 2),
                ]
            )
            with time_machine.travel(summer.cohort.ranking_ends_at + SECOND, tick=False):
                matching = run_matching(cohort=summer.cohort, by=summer.coordinator)
                with CaptureQueriesContext(connection) as caught:
                    confirm_matching(matching=matching, by=summer.coordinator)
            asked[number] = len(caught)
            offered = Application.objects.filter(state="offered")
            assert offered.count() == number and set(offered.values_list("seat", flat=True)) == {1}
            told = Notification.objects.filter(title__contains="offered a place")
            assert {row.person_id for row in told} == {row.candidate_id for row in offered} and told.count() == number
            without = Notification.objects.get(person=users[-1])
            assert "found no place" in without.title and without.url == summer.cohort.get_absolute_url()
            assert Notification.objects.filter(person=summer.host, title__contains="matching is done").count() == number
            assert ApplicationEvent.objects.filter(application__in=offered, state="offered").count() == number
            transaction.set_rollback(True)
    assert asked[2] == asked[12]


def test_board_and_interview(summer):
    student = summer.student()
    row = summer.apply(student)
    ask_reviewers(application=row, people=[summer.mentor], by=summer.host)
    with pytest.raises(InvalidError):
        ask_reviewers(application=row, people=[summer.supervisor], by=summer.host)
    assert give_review(application=row, score=8, by=summer.mentor).score == 8
    with pytest.raises(NotFoundError):
        give_review(application=row, score=8, by=summer.supervisor)
    moment = timezone.now() + timedelta(days=2)
    interview = propose_times(application=row, times=[moment], by=summer.host)
    with pytest.raises(InvalidError):
        choose_time(interview=interview, moment=moment + SECOND, by=student)
    assert choose_time(interview=interview, moment=moment, by=student).chosen_at == moment


def test_only_students_apply_and_others_are_told_why_not(summer):
    page = summer.posting.get_absolute_url()
    student, worker = summer.student(), employ(person("Worker"), summer.university)
    guest = employ(person("Guest"), summer.company, Role.STUDENT)  # a company has no students
    assert ">Apply" in text(as_(student).get(page)) and "You cannot apply" not in text(as_(student).get(page))
    for who in (worker, guest, summer.supervisor):
        seen = text(as_(who).get(page))
        assert ">Apply" not in seen and "Only students of a university apply" in seen, who
        assert as_(who).post(f"{page}apply/").status_code == 403
        with pytest.raises(RefusedError) as refused:
            begin_application(posting=summer.posting, by=who)
        assert [one.code for one in refused.value.missing] == ["not_a_student"], who
    for who in (summer.coordinator, summer.host):  # who runs it
        assert ">Apply" not in text(as_(who).get(page)) and "You cannot apply" not in text(as_(who).get(page))
    over = employ(person("Graduate"), summer.university)
    Membership.objects.create(
        user=over, organisation=summer.university, role=Role.STUDENT, starts_at=timezone.now() - timedelta(days=900),
        ends_at=timezone.now() - SECOND,
    )  # fmt: skip
    with pytest.raises(RefusedError):
        begin_application(posting=summer.posting, by=over)
    assert not Application.objects.exists()

    both = employ(employ(person("Both"), summer.university), organisation("Third University"), Role.STUDENT)
    assert begin_application(posting=summer.posting, by=both).university.name == "Third University"


def test_a_posting_for_chosen_universities_is_hidden_from_others_and_its_end_from_nobody(summer):
    hidden = summer.offer(title="Chosen", audience="chosen", universities=[summer.university])
    elsewhere = employ(person("Elsewhere"), organisation("Third University"), Role.STUDENT)
    assert hidden not in Posting.objects.visible_to(elsewhere) and hidden not in Posting.objects.public(timezone.now())
    assert summer.posting in Posting.objects.visible_to(elsewhere)
    with pytest.raises(NotFoundError):
        begin_application(posting=hidden, by=elsewhere)
    row = summer.apply(summer.student(), hidden)
    move_posting(posting=hidden, move="withdraw", reason="No money", by=summer.host)
    row.refresh_from_db()
    assert row.state == "rejected" and row.reason
