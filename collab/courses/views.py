"""Pages of those who make courses: the list, a course, its draft, and who takes it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.courses.conditions import holds_course
from collab.courses.editing import (
    create_course,
    draft_version,
    edit_course,
    publish_version,
    remove_module,
    remove_question,
    retire_course,
    save_module,
    save_question,
    set_terms,
)
from collab.courses.forms import CourseFilter, CourseForm, ModuleForm, QuestionForm, TakersFilter, TermsForm
from collab.courses.lists import lines_of_takers
from collab.courses.models import Course, CourseModule, CourseVersion, Enrolment, QuizQuestion
from collab.courses.states import EnrolmentState
from collab.courses.tabs import tabs_of
from collab.kernel.errors import ConflictError, NotFoundError
from collab.web.csvs import csv_file
from collab.web.forms import act, sent, show, submit
from collab.web.pagination import page_of

TERMS = ("pass_mark", "asked_max", "attempts_max", "minutes", "valid_months", "note", "note_zh", "version")


def course_list(request: HttpRequest) -> HttpResponse:
    rows = Course.objects.visible_to(request.user)
    found = CourseFilter(request.GET, rows)
    mine = Enrolment.objects.filter(person=request.user).select_related("certificate").order_by("-created_at")
    page = page_of(
        request,
        found.qs.with_versions().prefetch_related(Prefetch("enrolments", mine, to_attr="mine")).order_by("title"),
    )
    context = {
        "tabs": tabs_of("courses"),
        "filter": found,
        "page": page,
        "may_make": visible_to(request.user, "course.edit", Organisation.objects.all()).exists(),
    }
    return show(request, "collab/courses/list.html", context)


def course_new(request: HttpRequest) -> HttpResponse:
    form = CourseForm(sent(request), user=request.user, initial={"audience": "organisation"})

    def create() -> str:
        course = create_course(by=request.user, **form.values())
        messages.success(request, _("The course is there. Now write its modules and questions."))
        return reverse("collab:course_draft", args=[course.slug])

    return _form(request, form, create, title=_("New course"), back=reverse("collab:courses"))


def course(request: HttpRequest, slug: str) -> HttpResponse:
    """What one learns, under which terms, and where one stands."""
    row = _course(request, "course.view", slug)
    may = allowed(request.user, row, "course.edit", "course.take", "enrolment.view")
    mine = list(Enrolment.objects.filter(course=row, person=request.user).with_names())
    edition = row.published
    under_way = next((one for one in mine if one.state == EnrolmentState.ENROLLED), None)
    outdated = under_way is not None and edition is not None and edition.number > under_way.edition.number
    context = {
        "course": row,
        "edition": edition,
        "modules": edition.modules.all() if edition else [],
        "questions": edition.questions.count() if edition else 0,
        "mine": mine,
        "under_way": under_way,
        "outdated": outdated,
        "holds": holds_course(request.user, row),  # type: ignore[arg-type]
        "may_edit": "course.edit" in may,
        "may_take": "course.take" in may and edition is not None,
        "may_see_people": "enrolment.view" in may,
    }
    return show(request, "collab/courses/course.html", context)


def course_edit(request: HttpRequest, slug: str) -> HttpResponse:
    row = _course(request, "course.edit", slug)
    names = ("title", "title_zh", "summary", "summary_zh", "audience", "version")
    initial = {name: getattr(row, name) for name in names}
    form = CourseForm(sent(request), user=request.user, course=row, initial=initial)

    def change() -> str:
        given = form.values()
        edit_course(course=row, by=request.user, version=given.pop("version") or 0, **given)
        messages.success(request, _("The course was changed."))
        return row.get_absolute_url()

    return _form(request, form, change, title=_("Edit the course"), back=row.get_absolute_url(), course=row)


def course_draft(request: HttpRequest, slug: str) -> HttpResponse:
    """The draft with its modules and questions; a POST begins the next one."""
    row = _course(request, "course.edit", slug)
    here = reverse("collab:course_draft", args=[slug])
    if request.method == "POST":
        said = _("The draft is a copy of the newest version.")
        return act(request, lambda: draft_version(course=row, by=request.user), to=here, said=said)
    draft = row.draft
    context = {
        "course": row,
        "draft": draft,
        "published": row.published,
        "modules": draft.modules.all() if draft else [],
        "questions": draft.questions.all() if draft else [],
    }
    return show(request, "collab/courses/draft.html", context)


def course_terms(request: HttpRequest, slug: str) -> HttpResponse:
    row, draft = _draft(request, slug)
    form = TermsForm(sent(request), initial={name: getattr(draft, name) for name in TERMS})

    def change() -> str:
        set_terms(edition=draft, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return reverse("collab:course_draft", args=[slug])

    return _form(request, form, change, title=_("Pass mark and validity"), course=row)


def module_new(request: HttpRequest, slug: str) -> HttpResponse:
    row, draft = _draft(request, slug)
    form = ModuleForm(sent(request), request.FILES or None)
    return _module(request, row, draft, form, None)


def module_edit(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    row, draft = _draft(request, slug)
    module = _part(draft.modules, pk)
    form = ModuleForm(sent(request), request.FILES or None, module=module)
    return _module(request, row, draft, form, module)


def module_remove(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    _row, draft = _draft(request, slug)
    module = _part(draft.modules, pk)
    here = reverse("collab:course_draft", args=[slug])
    return act(request, lambda: remove_module(module=module, by=request.user), to=here, said=_("Removed."))


def question_new(request: HttpRequest, slug: str) -> HttpResponse:
    row, draft = _draft(request, slug)
    return _question(request, row, draft, QuestionForm(sent(request)), None)


def question_edit(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    row, draft = _draft(request, slug)
    question = _part(draft.questions, pk)
    return _question(request, row, draft, QuestionForm(sent(request), question=question), question)


def question_remove(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    _row, draft = _draft(request, slug)
    question = _part(draft.questions, pk)
    here = reverse("collab:course_draft", args=[slug])
    return act(request, lambda: remove_question(question=question, by=request.user), to=here, said=_("Removed."))


def course_publish(request: HttpRequest, slug: str) -> HttpResponse:
    row, draft = _draft(request, slug)
    return act(
        request,
        lambda: publish_version(edition=draft, by=request.user),
        to=row.get_absolute_url(),
        said=_("Published. Whoever began an earlier version stays with it."),
    )


def course_retire(request: HttpRequest, slug: str) -> HttpResponse:
    row = _course(request, "course.edit", slug)
    return act(
        request,
        lambda: retire_course(course=row, by=request.user),
        to=row.get_absolute_url(),
        said=_("Retired. Nobody begins it any more."),
    )


def course_people(request: HttpRequest, slug: str) -> HttpResponse:
    """Who takes it, how far they are, whose validity ends when, and how many take which version."""
    row = _course(request, "enrolment.view", slug)
    versions = list(CourseVersion.objects.filter(course=row).exclude(published_at=None).with_takers())
    found = _takers(request, row, [one.number for one in versions])
    context = {
        "course": row,
        "versions": versions,
        "filter": found,
        "page": page_of(request, found.qs),
        "may_edit": "course.edit" in allowed(request.user, row, "course.edit"),
    }
    return show(request, "collab/courses/people.html", context)


def course_people_file(request: HttpRequest, slug: str) -> HttpResponse:
    """Those who are chosen, for a spreadsheet."""
    row = _course(request, "enrolment.view", slug)
    found = _takers(request, row, [one.number for one in row.versions.all()])
    return csv_file(f"{row.slug}-takers.csv", lines_of_takers(found.qs))


def _takers(request: HttpRequest, row: Course, numbers: list[int]) -> TakersFilter:
    rows = Enrolment.objects.filter(course=row).visible_to(request.user).with_names().with_progress()
    return TakersFilter(request.GET, rows, numbers=numbers)


# --- what the pages share
def _course(request: HttpRequest, word: str, slug: str) -> Course:
    return get_or_404(request.user, word, Course.objects.with_versions(), slug=slug)


def _draft(request: HttpRequest, slug: str) -> tuple[Course, CourseVersion]:
    row = _course(request, "course.edit", slug)
    draft = row.draft
    if draft is None:
        raise ConflictError(_("There is no draft now; begin the next version first."))
    return row, draft


def _part(rows: Any, pk: UUID) -> Any:
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFoundError
    return found


def _module(
    request: HttpRequest, row: Course, draft: CourseVersion, form: ModuleForm, module: CourseModule | None
) -> HttpResponse:
    def save() -> str:
        save_module(edition=draft, module=module, by=request.user, **form.values())
        messages.success(request, _("The module is saved."))
        return reverse("collab:course_draft", args=[row.slug])

    return _form(request, form, save, title=str(module) if module else _("New module"), course=row)


def _question(
    request: HttpRequest, row: Course, draft: CourseVersion, form: QuestionForm, question: QuizQuestion | None
) -> HttpResponse:
    def save() -> str:
        save_question(edition=draft, question=question, by=request.user, **form.values())
        messages.success(request, _("The question is saved."))
        return reverse("collab:course_draft", args=[row.slug])

    return _form(request, form, save, title=_("Question"), course=row)


def _form(
    request: HttpRequest, form: Any, done: Any, *, title: str, back: str = "", course: Course | None = None
) -> HttpResponse:
    if not back and course is not None:
        back = reverse("collab:course_draft", args=[course.slug])
    context = {"form": form, "title": title, "back": back, "course": course, "section": _("Courses"),
               "section_url": reverse("collab:courses")}  # fmt: skip
    return submit(request, form, done) or show(request, "collab/courses/form.html", context, form)
