"""Pages of those who learn: what is mine, a course under way, its modules and quiz, trainings done elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.courses.certificates.models import Certificate
from collab.courses.expiring import ends_soon, remind_days
from collab.courses.forms import QuizForm, TrainingForm, in_tongue
from collab.courses.models import Course, CourseModule, Enrolment, QuizAttempt, QuizQuestion, TrainingRecord
from collab.courses.serving import file_of
from collab.courses.states import AttemptState, CourseState, EnrolmentState, TrainingState
from collab.courses.tabs import tabs_of
from collab.courses.taking import (
    answer_quiz,
    attempts_left,
    begin_quiz,
    enrol,
    finish_module,
    grant_attempt,
    leave_course,
    move_to_newer_version,
)
from collab.courses.trainings import open_training, submit_training, submit_training_again, withdraw_training
from collab.courses.versions import compare, newer_version
from collab.kernel.attachments import IMAGES
from collab.kernel.errors import ConflictError, NotFoundError
from collab.web.forms import act, sent, show, submit
from collab.web.pagination import page_of

SHOWN = 20


def learning(request: HttpRequest) -> HttpResponse:
    """My courses, my certificates and my documents."""
    enrolments = Enrolment.objects.filter(person=request.user).with_names().with_progress()
    trainings = TrainingRecord.objects.filter(person=request.user).with_names()
    certificates = Certificate.objects.filter(person=request.user, issued_at__isnull=False).with_names()
    context = {
        "soon": timezone.localdate() + timedelta(days=remind_days()),
        "tabs": tabs_of("learning"),
        "page": page_of(request, enrolments),
        "trainings": trainings[:SHOWN],
        "certificates": certificates[:SHOWN],
        "may_review": visible_to(request.user, "training.review", Organisation.objects.all()).exists(),
    }
    return show(request, "collab/courses/learning.html", context)


def course_enrol(request: HttpRequest, slug: str) -> HttpResponse:
    course = get_or_404(request.user, "course.take", Course.objects.with_versions(), slug=slug)
    return act(
        request,
        lambda: enrol(course=course, by=request.user),
        to=course.get_absolute_url(),
        said=_("You take this course now. Go through its modules, one by one."),
    )


def enrolment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far one is, and what comes next."""
    row = _enrolment(request, "enrolment.view", pk)
    done = set(row.done.values_list("module", flat=True))
    modules = [{"row": module, "done": module.pk in done} for module in row.edition.modules.all()]
    mine = row.person_id == request.user.pk
    going_on = mine and row.state == EnrolmentState.ENROLLED
    questions = row.edition.questions.count()
    left = attempts_left(row)
    newer = newer_version(row) if mine else None
    context = {
        "enrolment": row,
        "course": row.course,
        "edition": row.edition,
        "modules": modules,
        "percent": 100 * len(done) / len(modules) if modules else 100,
        "next": next((one["row"] for one in modules if not one["done"]), None),
        "attempts": row.attempts.all(),
        "questions": questions,
        "left": left,
        "mine": mine,
        "news": compare(row.edition, newer) if newer else None,
        "may_again": mine and _may_take_again(request, row),
        "moved_to": Enrolment.objects.filter(moved_from=row).select_related("edition").first(),
        "may_study": going_on,
        "opened": row.attempts.filter(state=AttemptState.OPEN).exists(),
        "may_begin": going_on and questions > 0 and len(done) == len(modules) and left != 0,
        "may_grant": not mine and left == 0 and row.state == EnrolmentState.ENROLLED
        and "course.edit" in allowed(request.user, row.course, "course.edit"),
    }  # fmt: skip
    return show(request, "collab/courses/enrolment.html", context)


def enrolment_leave(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _enrolment(request, "course.take", pk)
    return act(
        request,
        lambda: leave_course(enrolment=row, by=request.user),
        to=row.course.get_absolute_url(),
        said=_("You have left the course."),
    )


def enrolment_move(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _enrolment(request, "course.take", pk)
    try:
        moved = move_to_newer_version(enrolment=row, by=request.user)
    except ConflictError as error:
        messages.error(request, str(error))
        return redirect(row.get_absolute_url())
    messages.success(request, _("You take the newer version now. What is the same in both stays done."))
    return redirect(moved.get_absolute_url())


def enrolment_grant(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _enrolment(request, "course.edit", pk)
    return act(
        request,
        lambda: grant_attempt(enrolment=row, by=request.user),
        to=row.get_absolute_url(),
        said=_("Another attempt is granted."),
    )


def learn_module(request: HttpRequest, pk: UUID, module: UUID) -> HttpResponse:
    """One module; a POST says that one has studied it and leads on."""
    row = _enrolment(request, "course.take", pk)
    part = _module(row, module)
    rows = list(row.edition.modules.all())
    place = rows.index(part)
    after = rows[place + 1] if place + 1 < len(rows) else None
    if request.method == "POST":
        to = reverse("collab:learn_module", args=[row.pk, after.pk]) if after else row.get_absolute_url()
        return act(
            request,
            lambda: finish_module(enrolment=row, module=part, by=request.user),
            to=to,
            said=_("“%(title)s” is done.") % {"title": part},
        )
    context = {
        "enrolment": row,
        "course": row.course,
        "module": part,
        "is_image": part.media_type in IMAGES,
        "number": place + 1,
        "count": len(rows),
        "before": rows[place - 1] if place else None,
        "after": after,
        "done": row.done.filter(module=part).exists(),
        "may_study": row.state == EnrolmentState.ENROLLED,
    }
    return show(request, "collab/courses/module.html", context)


def learn_file(request: HttpRequest, pk: UUID, module: UUID) -> HttpResponseBase:
    """The image or file of a module."""
    return file_of(request, _module(_enrolment(request, "course.take", pk), module))


def quiz_begin(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _enrolment(request, "course.take", pk)
    try:
        attempt = begin_quiz(enrolment=row, by=request.user)
    except ConflictError as error:
        messages.error(request, str(error))
        return redirect(row.get_absolute_url())
    return redirect(reverse("collab:quiz", args=[row.pk, attempt.number]))


def quiz(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """The questions of an attempt, or how it ended."""
    row = _enrolment(request, "course.take", pk)
    attempt = row.attempts.filter(number=number).first()
    if attempt is None:
        raise NotFoundError
    questions = questions_of(attempt)
    form = QuizForm(sent(request), attempt=attempt, questions=questions)

    def answer() -> str:
        made = answer_quiz(attempt=attempt, answers=form.values(), by=request.user)
        if made.passed:
            messages.success(request, _("Passed. Your certificate is issued."))
        return reverse("collab:quiz", args=[row.pk, number])

    context: dict[str, Any] = {"enrolment": row, "course": row.course, "attempt": attempt, "form": form}
    if attempt.state == AttemptState.OPEN or request.method == "POST":
        return submit(request, form, answer) or show(request, "collab/courses/quiz.html", context, form)
    if attempt.passed:
        context["answers"] = [
            {"question": one, "chosen": [in_order(one, n) for n in attempt.answers.get(key, [])],
             "is_right": frozenset(attempt.answers.get(key, [])) == one.right,
             "right": [in_order(one, n) for n in sorted(one.right)]}
            for key, one in questions.items()
        ]  # fmt: skip
    return show(request, "collab/courses/result.html", context)


def training_new(request: HttpRequest) -> HttpResponse:
    """Hand in a document; `?course=` fills in the course for which it is to count."""
    course = Course.objects.visible_to(request.user).filter(slug=request.GET.get("course", "")).first()
    form = TrainingForm(sent(request), request.FILES or None, user=request.user, initial={"course": course})

    def hand_in() -> str:
        row = submit_training(by=request.user, **form.values())
        messages.success(request, _("Handed in. You are told when it is reviewed."))
        return row.get_absolute_url()

    return _training_form(request, form, hand_in, _("Hand in a training"), reverse("collab:learning"))


def training_record(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _training(request, "training.view", pk)
    mine = row.person_id == request.user.pk
    accepted = row.state == TrainingState.ACCEPTED
    context = {
        "training": row,
        "mine": mine,
        "renew": mine and accepted and ends_soon(row.expires_on),
        "may_withdraw": mine and row.state in {TrainingState.SUBMITTED, TrainingState.RETURNED},
        "may_send": mine and row.state == TrainingState.RETURNED,
        "may_revoke": accepted and "training.review" in allowed(request.user, row, "training.review"),
    }
    return show(request, "collab/courses/training.html", context)


def training_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _training(request, "training.submit", pk)
    names = ("title", "provider", "completed_on", "expires_on", "course")
    form = TrainingForm(
        sent(request), request.FILES or None, user=request.user, again=True,
        initial={name: getattr(row, name) for name in names},
    )  # fmt: skip

    def send() -> str:
        submit_training_again(training=row, by=request.user, **form.values())
        messages.success(request, _("Handed in. You are told when it is reviewed."))
        return row.get_absolute_url()

    return _training_form(request, form, send, _("Send it again"), row.get_absolute_url())


def training_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _training(request, "training.submit", pk)
    return act(
        request,
        lambda: withdraw_training(training=row, by=request.user),
        to=row.get_absolute_url(),
        said=_("Taken back."),
    )


def training_document(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    row = _training(request, "training.view", pk)
    if request.method != "HEAD":
        open_training(training=row, by=request.user)  # type: ignore[arg-type]
    return file_of(request, row)


# --- what the pages share
def _may_take_again(request: HttpRequest, row: Enrolment) -> bool:
    """Whether a course that was passed has ended or soon does, and can be begun anew."""
    if row.state != EnrolmentState.PASSED or not ends_soon(row.last_day):
        return False
    under_way = Enrolment.objects.filter(course=row.course_id, person=request.user, state=EnrolmentState.ENROLLED)
    published = row.course.versions.filter(state=CourseState.PUBLISHED)
    return not under_way.exists() and published.exists() and bool(allowed(request.user, row.course, "course.take"))


def questions_of(attempt: QuizAttempt) -> dict[str, QuizQuestion]:
    """The questions drawn for an attempt, in its order."""
    keys = [one["id"] for one in attempt.asked]
    rows = {str(row.pk): row for row in QuizQuestion.objects.filter(pk__in=keys)}
    return {key: rows[key] for key in keys if key in rows}


def in_order(question: QuizQuestion, number: int) -> str:
    return in_tongue(question.options[number])


def _enrolment(request: HttpRequest, word: str, pk: UUID) -> Enrolment:
    return get_or_404(request.user, word, Enrolment.objects.with_names(), pk=pk)


def _module(row: Enrolment, pk: UUID) -> CourseModule:
    part = row.edition.modules.filter(pk=pk).first()
    if part is None:
        raise NotFoundError
    return part


def _training(request: HttpRequest, word: str, pk: UUID) -> TrainingRecord:
    return get_or_404(request.user, word, TrainingRecord.objects.with_names(), pk=pk)


def _training_form(request: HttpRequest, form: Any, done: Any, title: str, back: str) -> HttpResponse:
    context = {"form": form, "title": title, "back": back, "section": _("My learning"),
               "section_url": reverse("collab:learning")}  # fmt: skip
    return submit(request, form, done) or show(request, "collab/courses/form.html", context, form)
