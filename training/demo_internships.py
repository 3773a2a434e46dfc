"""The demo story's internships: one intern of the taster weeks who has finished, and a cohort in mid-season."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Organisation, User
from collab.agreements.models import AgreementVersion
from collab.agreements.services import sign_version
from collab.inbox.models import Request
from collab.inbox.services import decide_request
from collab.internships.applications.deciding import (
    ask_reviewers,
    decide_application,
    give_review,
    make_offer,
    propose_times,
    rank_students,
)
from collab.internships.applications.services import (
    answer_offer,
    begin_application,
    rank_choices,
    submit_application,
    write_application,
)
from collab.internships.models import Application, Cohort, Placement, Posting, Programme
from collab.internships.placements.approving import answer_placement
from collab.internships.placements.attesting import attest_placement
from collab.internships.placements.caring import answer_log, evaluate, write_log, write_note
from collab.internships.placements.services import edit_placement, move_placement, onboard
from collab.internships.placements.signing import draft_learning_agreement, sign_as_student
from collab.internships.programmes.services import (
    add_check_point,
    begin_cohort,
    begin_programme,
    move_cohort,
    move_posting,
    write_posting,
)
from collab.projects.models import Project
from training.demo_days import Thread, together
from training.demo_neighbours import Cast

STUDENT_EMAIL = "freja.lund@lakeside.example"
MENTOR_EMAIL = "liu.yan@northwind.example"
Enter = Callable[..., User]


@dataclass(frozen=True)
class Interns:
    """Who takes part, and in what."""

    cast: Cast
    project: Project
    programme: Programme
    coordinator: User
    talents: User  # runs internships for Northwind
    laboratory: User  # and for Meridian
    mentor: User
    students: dict[str, User]


def tell_the_internships(cast: Cast, project: Project, coordinator: User, enter: Enter) -> Thread[None]:
    """A programme of the university, with a cohort that is over and one in mid-season."""
    yield 44
    call_command("load_templates", verbosity=0)
    told = Interns(
        cast=cast,
        project=project,
        programme=begin_programme(
            organisation=cast.lakeside, name="Models at work", name_zh="实践中的模型", by=coordinator,
            about="Students of Lakeside work with a company or a laboratory on models that are used.",
        ),
        coordinator=coordinator,
        talents=enter("Zhou Lan", "zhou.lan@northwind.example", cast.northwind, Role.COORDINATOR, language="zh-hans"),
        laboratory=User.objects.get(email="rita.alves@meridian.example"),
        mentor=enter("Liu Yan", MENTOR_EMAIL, cast.northwind),
        students={
            name.split()[0]: enter(name, _email(name), cast.lakeside, Role.STUDENT)
            for name in ("Hana Sato", "Maja Holm", "Idris Khan", "Freja Lund", "Leo Park", "Ana Costa")
        },
    )  # fmt: skip
    yield from together(_taster_weeks(told), _mid_season(told))


def _taster_weeks(told: Interns) -> Thread[None]:
    """Three weeks at the company: Hana has finished them, and her certificate can be checked."""
    hana = told.students["Hana"]
    yield 43
    cohort = _cohort(told, "Taster weeks", "体验周", closes=2, ranking=2, starts=7, ends=27)
    posting = _posting(
        cohort, told.cast.northwind, told.talents, told, title="Help texts that a robot says itself",
        title_zh="由机器人自己说出的帮助文本", project=told.project, starts_on=cohort.starts_on, ends_on=cohort.ends_on,
        duties="Pick help texts that the small model writes well, and mark where it is wrong.",
    )  # fmt: skip
    yield 42
    application = _applied(posting, hana, "I have written manuals for two summers, and I want to know who reads them.")
    yield 41
    placement = _accepted(application, told.talents)
    yield 40
    placement = _approved(told, placement)
    yield 38
    placement = _begun(told, placement)
    yield 29
    for back, hours, text in (
        (6, "7.5", "Read forty help texts aloud beside a robot."),
        (4, "8", "Marked which sentences are too long."),
        (1, "8", "Compared the model's texts with those of the writers."),
    ):
        _logged(placement, timezone.localdate() - timedelta(days=back), hours, text, told.mentor)
    yield 25
    write_note(
        placement=placement, kind="feedback", verdict="continue", by=told.mentor,
        text="Careful and quick. From now on Hana chooses herself what is tested.",
    )  # fmt: skip
    yield 15
    evaluate(
        placement=placement, scores={"work": 5, "learning": 5, "teamwork": 4}, by=told.mentor,
        comment="Found the three sentences that made people press the wrong button.",
    )  # fmt: skip
    evaluate(
        placement=placement, scores={"guidance": 5, "tasks": 4, "conditions": 4}, by=hana,
        comment="I was asked what I think, every day.",
    )  # fmt: skip
    yield 14
    placement = move_placement(placement=Placement.objects.get(pk=placement.pk), move="complete", by=told.coordinator)
    batch = attest_placement(placement=placement, by=told.coordinator)
    yield 13
    asked = Request.objects.open().get(topic="certificate_batch", subject_id=str(batch.pk))
    decide_request(request=asked, decision="approved", by=told.cast.chancellor)
    move_cohort(cohort=cohort, move="close", by=told.coordinator)


def _mid_season(told: Interns) -> Thread[None]:
    """One works already, one waits for the university's approval, and the others are on their way."""
    company, laboratory = told.talents, told.laboratory
    yield 35
    cohort = _cohort(told, "Spring", "春季", closes=45, ranking=52, starts=65, ends=155)
    robots = _posting(
        cohort, told.cast.northwind, company, told, title="A small model on a robot's own processor",
        title_zh="在机器人处理器上运行的小模型", project=told.project, places=3, starts_on=_in(20), ends_on=_in(100),
        duties="Measure how fast and how well the model of the joint project answers on the robot itself.",
        skills="Python; some C helps", questions=[{"key": "robot", "label": "Which robot would you choose, and why?",
                                                   "required": False}],
    )  # fmt: skip
    shelves = _posting(
        cohort, told.cast.meridian, laboratory, told, title="Laboratory of small eyes", title_zh="小型视觉实验室",
        places=2, starts_on=cohort.starts_on, ends_on=cohort.ends_on, place="Meridian", pay=800,
        duties="Take photographs of shelves, label them with others, and find out where the model is wrong.",
    )  # fmt: skip
    add_check_point(
        cohort=cohort, kind="check_in", name="First talk", due_on=cohort.starts_on + timedelta(days=14),
        by=told.coordinator,
    )  # fmt: skip
    yield 30
    first = _applied(robots, told.students["Maja"], "My bachelor's thesis ran on a processor of this kind.")
    yield 28
    maja = _accepted(first, company)
    yield 26
    maja = _approved(told, maja, "The robots are on loan until the cohort begins.")
    yield 22
    maja = _begun(told, maja)
    yield 12
    _logged(maja, timezone.localdate() - timedelta(days=2), "8", "Put the model on the robot; it fits.", told.mentor)
    _logged(maja, timezone.localdate() - timedelta(days=1), "7.5", "Measured 14 words a second.", told.mentor)
    write_note(placement=maja, kind="check_in", text="Well settled in; wants to try another tokeniser.", by=told.mentor)
    yield 9
    second = _applied(robots, told.students["Idris"], "I build line followers, and they never say why they stop.")
    sent = [
        _applied(posting, told.students[name], text)
        for name, posting, text in (
            ("Freja", shelves, "I have labelled bird photographs for a year and know how people disagree."),
            ("Freja", robots, "I want to see a model where nobody can reach a data centre."),
            ("Leo", shelves, "Shelves are where most robots give up, and I would like to know why."),
            ("Ana", shelves, "I photograph storerooms as a hobby. Really."),
            ("Ana", robots, "I like it when things must fit."),
        )
    ]
    at_the_laboratory = [sent[0], sent[2], sent[3]]
    yield 7
    idris = _accepted(second, company)
    _described(told, idris, "Wants to be back for the exams.")
    for application in at_the_laboratory[:2]:
        ask_reviewers(application=application, people=[told.cast.professor], by=laboratory)
    yield 5
    answer_placement(placement=_now(idris), organisation=told.cast.northwind, approve=True, by=company)
    for application, score, comment in (
        (at_the_laboratory[0], 9, "Knows what disagreement between labellers is worth."),
        (at_the_laboratory[1], 7, "Asks the right question; little practice yet."),
    ):
        give_review(application=application, score=score, comment=comment, by=told.cast.professor)
    decide_application(application=at_the_laboratory[2], move="shortlist", by=laboratory)
    rank_choices(cohort=cohort, order=[sent[4], sent[3]], by=told.students["Ana"])
    yield 3
    make_offer(application=at_the_laboratory[0], by=laboratory)
    noon = timezone.make_aware(datetime.combine(_in(5), time(12)))
    propose_times(
        application=at_the_laboratory[1], times=[noon, noon + timedelta(days=1)], where="By video", by=laboratory
    )
    rank_students(posting=robots, order=[sent[4]], by=company)
    yield 1
    write_log(
        placement=maja, day=timezone.localdate(), hours=Decimal(8), by=maja.student,
        text="Other tokeniser: 19 words a second, and part numbers come out whole.",
    )  # fmt: skip


def _email(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@lakeside.example"


def _in(days: int) -> date:
    return timezone.localdate() + timedelta(days=days)


def _cohort(told: Interns, name: str, name_zh: str, *, closes: int, ranking: int, starts: int, ends: int) -> Cohort:
    now = timezone.now()
    cohort = begin_cohort(
        programme=told.programme, name=f"{name} {_in(starts).year}", name_zh=f"{_in(starts).year}年{name_zh}",
        publishes_at=now, opens_at=now, closes_at=now + timedelta(days=closes),
        ranking_ends_at=now + timedelta(days=ranking), starts_on=_in(starts), ends_on=_in(ends), by=told.coordinator,
    )  # fmt: skip
    return move_cohort(cohort=cohort, move="publish", by=told.coordinator)


def _posting(cohort: Cohort, host: Organisation, by: User, told: Interns, **facts: Any) -> Posting:
    facts = {"place": "Northwind, hall 2", "pay": 1100, "hours": 35, "credits": 6, "audience": "chosen"} | facts
    posting = write_posting(cohort=cohort, organisation=host, by=by, universities=[told.cast.lakeside], **facts)
    posting = move_posting(posting=posting, move="submit", by=by)
    return move_posting(posting=posting, move="publish", by=told.coordinator)


def _applied(posting: Posting, student: User, statement: str) -> Application:
    draft = begin_application(posting=posting, by=student)
    draft = write_application(application=draft, by=student, version=draft.version, statement=statement)
    return submit_application(application=draft, by=student, version=draft.version)


def _accepted(application: Application, host: User) -> Placement:
    offered = make_offer(application=application, by=host)
    return answer_offer(application=offered, accept=True, by=offered.candidate).placement


def _described(told: Interns, placement: Placement, reason: str = "") -> Placement:
    """Host and university write down their parts."""
    placement = edit_placement(placement=placement, by=told.talents, version=placement.version, mentor=told.mentor)
    return edit_placement(
        placement=placement, by=told.coordinator, version=placement.version, supervisor=told.cast.researcher,
        outcomes="Measures a model where it is used, and writes down what was found.",
        monitoring="A talk with the supervisor every second week.", dates_reason=reason, insurer="Nordic Mutual",
        insured_until=placement.ends_on + timedelta(days=60),
        host_agreement=AgreementVersion.objects.get(
            agreement__project=told.project, agreement__reference="COL-1"
        ).agreement,
    )  # fmt: skip


def _approved(told: Interns, placement: Placement, reason: str = "") -> Placement:
    placement = _described(told, placement, reason)
    for organisation, by in ((told.cast.northwind, told.talents), (told.cast.lakeside, told.coordinator)):
        placement = answer_placement(placement=placement, organisation=organisation, approve=True, by=by)
    return placement


def _begun(told: Interns, placement: Placement) -> Placement:
    """The three sign, and everything is ready."""
    version = draft_learning_agreement(placement=placement, governing_law="Sweden", by=told.coordinator)
    for signer, party, capacity in (
        (told.cast.chancellor, told.cast.lakeside, "Vice-Chancellor"),
        (told.cast.director, told.cast.northwind, "Managing director"),
    ):
        sign_version(
            version=version, party=party, typed_name=signer.name, capacity=capacity,
            document_sha256=version.document_sha256, by=signer,
        )  # fmt: skip
    student = placement.student
    sign_as_student(
        placement=placement, typed_name=student.name, document_sha256=version.document_sha256, by=student
    )  # fmt: skip
    placement = edit_placement(
        placement=_now(placement), by=student, version=_now(placement).version, contact_name="At home",
        contact_phone="+46 8 000 00 00",
    )  # fmt: skip
    return onboard(placement=placement, by=told.coordinator)


def _logged(placement: Placement, day: date, hours: str, text: str, mentor: User) -> None:
    entry = write_log(placement=placement, day=day, hours=Decimal(hours), text=text, by=placement.student)
    answer_log(entry=entry, confirm=True, by=mentor)


def _now(placement: Placement) -> Placement:
    return Placement.objects.with_names().get(pk=placement.pk)
