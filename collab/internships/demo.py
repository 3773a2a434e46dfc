"""Internships of the demo story: a cohort in mid-season, an intern at work, one who has finished, some who apply."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from collab.accounts.models import Organisation, User
from collab.agreements.services import sign_version
from collab.internships.applications.deciding import (
    ask_reviewers,
    decide_application,
    give_review,
    make_offer,
    propose_times,
)
from collab.internships.applications.services import (
    answer_offer,
    begin_application,
    rank_choices,
    submit_application,
    write_application,
)
from collab.internships.models import Application, Cohort, Placement, Posting
from collab.internships.placements.approving import answer_placement
from collab.internships.placements.caring import answer_log, evaluate, write_log, write_note
from collab.internships.placements.services import edit_placement, move_placement, onboard
from collab.internships.placements.signing import draft_learning_agreement, sign_as_student, version_to_sign
from collab.internships.programmes.services import (
    add_check_point,
    begin_cohort,
    begin_programme,
    move_cohort,
    move_posting,
    write_posting,
)

Ago = Callable[[int], AbstractContextManager[None]]


class Season:
    """Who runs it, and what they say again and again."""

    def __init__(
        self, *, project: Any, university: Organisation, company: Organisation, coordinator: User, host: User,
        mentor: User, supervisor: User, signers: dict[Organisation, User], agreement: Any,
    ) -> None:  # fmt: skip
        self.project, self.university, self.company = project, university, company
        self.coordinator, self.host, self.mentor, self.supervisor = coordinator, host, mentor, supervisor
        self.signers, self.agreement = signers, agreement

    def begin(self) -> None:
        self.programme = begin_programme(
            organisation=self.university, name="Models at work", name_zh="模型实践实习项目", by=self.coordinator,
            about="Three months in a company or a laboratory, with a mentor there and a supervisor here.",
        )  # fmt: skip

    def cohort(self, name: str, name_zh: str, *, closes: int, ranks: int, starts: int, ends: int) -> Cohort:
        """A published cohort; the days count from today."""
        now, today = timezone.now(), timezone.localdate()
        made = begin_cohort(
            programme=self.programme, name=name, name_zh=name_zh, by=self.coordinator, publishes_at=now, opens_at=now,
            closes_at=now + timedelta(days=closes), ranking_ends_at=now + timedelta(days=ranks),
            starts_on=today + timedelta(days=starts), ends_on=today + timedelta(days=ends),
        )  # fmt: skip
        return move_cohort(cohort=made, move="publish", by=self.coordinator)

    def posting(self, cohort: Cohort, title: str, title_zh: str, duties: str, **facts: Any) -> Posting:
        given = {"starts_on": cohort.starts_on, "ends_on": cohort.ends_on, "place": "Gothenburg", "pay": Decimal(1100)}
        row = write_posting(
            cohort=cohort, organisation=self.company, by=self.host, title=title, title_zh=title_zh, duties=duties,
            **(given | facts),
        )  # fmt: skip
        row = move_posting(posting=row, move="submit", by=self.host)
        return move_posting(posting=row, move="publish", by=self.coordinator)

    def apply(self, student: User, posting: Posting, why: str) -> Application:
        row = begin_application(posting=posting, by=student)
        answers = {one["key"]: "Two years of Python, and one course in speech." for one in posting.questions}
        row = write_application(
            application=row, by=student, version=row.version, statement=why, answers=answers,
            questions_version=posting.questions_version,
        )  # fmt: skip
        return submit_application(application=row, by=student, version=row.version)

    def place(self, application: Application, tasks: str) -> Placement:
        """From the offer to the signatures of all three."""
        student = application.candidate
        application = make_offer(application=application, by=self.host)
        row = answer_offer(application=application, accept=True, by=student).placement
        row = edit_placement(placement=row, by=self.host, version=row.version, mentor=self.mentor, tasks=tasks)
        row = edit_placement(
            placement=row, by=self.coordinator, version=row.version, supervisor=self.supervisor,
            outcomes="Plans, writes and defends an evaluation of a language model.",
            monitoring="A talk of all three every second week, notes by the supervisor.",
            dates_reason="As agreed with the host.", host_agreement=self.agreement, insurer="Students' Mutual",
            insured_until=row.ends_on + timedelta(days=90),
        )  # fmt: skip
        row = edit_placement(
            placement=row, by=student, version=row.version, contact_name="A parent", contact_phone="+46 31 555 01 00"
        )
        for organisation, by in ((self.company, self.host), (self.university, self.coordinator)):
            row = answer_placement(placement=row, organisation=organisation, approve=True, by=by)
        version = draft_learning_agreement(placement=row, governing_law="Sweden", by=self.coordinator)
        for organisation, by in self.signers.items():
            sign_version(
                version=version, party=organisation, typed_name=by.name, capacity="Authorised signatory",
                document_sha256=version.document_sha256, by=by,
            )  # fmt: skip
        shown = version_to_sign(Placement.objects.get(pk=row.pk))
        assert shown is not None
        sign_as_student(placement=row, typed_name=student.name, document_sha256=shown.document_sha256, by=student)
        return onboard(placement=Placement.objects.get(pk=row.pk), by=self.coordinator)


def tell_internships(
    *, season: Season, ago: Ago, finished: User, intern: User, student: User, rival: User
) -> tuple[Placement, Placement]:
    """One who has finished, one who is at work, and a season for which students apply. In the order of their days."""
    with ago(44):
        season.begin()
        spring = season.cohort("Winter season", "冬季批次", closes=2, ranks=3, starts=3, ends=90)
        for kind, name, days in (
            ("check_in", "First talk", 15), ("feedback", "Half-time", 35), ("evaluation", "Evaluation", 85)
        ):  # fmt: skip
            day = timezone.localdate() + timedelta(days=days)
            add_check_point(cohort=spring, kind=kind, name=name, due_on=day, by=season.coordinator)
        short = season.posting(
            spring, "Read the manuals", "阅读手册", "Find where the model misreads the manuals, and say why.",
            ends_on=spring.starts_on + timedelta(days=30),
        )  # fmt: skip
        long = season.posting(
            spring, "Small models on robots", "机器人上的小模型",
            "Measure how small a model may be before the robots notice.", project=season.project, credits=15,
        )  # fmt: skip
        done = season.place(season.apply(finished, short, "I repaired gearboxes before I studied."), "Read and report.")
        row = season.place(
            season.apply(intern, long, "I want to see a model work where it is used."), "Measure models."
        )
    with ago(35):
        for placement, who in ((done, finished), (row, intern)):
            day = timezone.localdate()
            entry = write_log(placement=placement, day=day, hours=Decimal(7), text="Read, asked, wrote.", by=who)
            answer_log(entry=entry, confirm=True, by=season.mentor)
    with ago(20):
        write_note(
            placement=row, kind="check_in", text="Goes well; more computing time is needed.", by=season.supervisor
        )
        write_note(
            placement=done, kind="feedback", text="The report helps already.", verdict="continue", by=season.mentor
        )
        evaluate(
            placement=done, scores={"work": 5, "learning": 5, "teamwork": 4}, comment="We would take her again.",
            by=season.mentor,
        )  # fmt: skip
        evaluate(
            placement=done, scores={"guidance": 5, "tasks": 4, "conditions": 4}, comment="I learnt to ask early.",
            by=finished,
        )  # fmt: skip
    with ago(10):
        done = move_placement(placement=done, move="complete", by=season.coordinator)
        summer = season.cohort("Summer season", "夏季批次", closes=24, ranks=31, starts=60, ends=150)
        question = {"key": "q1", "label": "What have you built before?", "required": True}
        robots = season.posting(
            summer, "Speech for robots", "机器人语音", "Teach a small model the commands of a workshop.", places=2,
            questions=[question], credits=15, skills="Python; some statistics",
        )  # fmt: skip
        prompts = season.posting(
            summer, "Ask better questions", "更好的提问", "Write and test prompts with the people who use them.",
            audience="chosen", universities=[season.university],
        )  # fmt: skip
    applied = season.apply(student, robots, "I talk to machines already; they should answer.")
    second = season.apply(student, prompts, "I like to find out what people mean.")
    other = season.apply(rival, robots, "My thesis is about commands.")
    rank_choices(cohort=summer, order=[applied, second], by=student)
    ask_reviewers(application=applied, people=[season.mentor], by=season.host)
    give_review(application=applied, score=8, comment="Clear, and curious.", by=season.mentor)
    decide_application(application=other, move="shortlist", by=season.host)
    times = [timezone.now() + timedelta(days=3, hours=hour) for hour in (1, 3)]
    propose_times(application=applied, times=times, where="Video call", by=season.host)
    today = timezone.localdate()
    write_log(placement=row, day=today, hours=Decimal("6.5"), text="Measured four sizes; two agree.", by=intern)
    return done, row
