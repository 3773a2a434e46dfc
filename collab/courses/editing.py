"""Verbs of those who make courses: begin one, draft a version of it, fill it with modules and questions, publish it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from collab.access.policy import Missing, require
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.courses.files import keep_file
from collab.courses.models import (
    Audience,
    Course,
    CourseCondition,
    CourseModule,
    CourseVersion,
    Enrolment,
    ModuleKind,
    QuizQuestion,
)
from collab.courses.states import COURSE_MOVES, CourseState, EnrolmentState
from collab.inbox.services import notify_each
from collab.kernel.attachments import HANDOUTS, IMAGES
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, StaleError
from collab.kernel.names import slug_of
from collab.projects.models import Project

OPTIONS_MAX = 12
_TERMS = ("pass_mark", "asked_max", "attempts_max", "minutes", "valid_months", "note", "note_zh")
_NEWS = frozenset({"note", "note_zh"})  # of one version alone
_MODULE = ("kind", "title", "title_zh", "position", "body", "body_zh", "link")
_QUESTION = ("text", "text_zh", "why", "why_zh", "position")
_FACTS = ("title", "title_zh", "summary", "summary_zh", "audience")


@transaction.atomic
def create_course(
    *,
    organisation: Organisation,
    title: str,
    summary: str,
    by: User,
    audience: str = Audience.ORGANISATION,
    **facts: Any,
) -> Course:
    """A course with an empty first draft."""
    require(by, "course.edit", organisation)
    course = Course(
        organisation=organisation, title=title, summary=summary, audience=audience, created_by=by,
        slug=_free_slug(title), **facts,
    )  # fmt: skip
    course.require_clean()
    course.save()
    CourseVersion.objects.create(course=course, number=1)
    _record("create", course, by)
    return course


@transaction.atomic
def edit_course(*, course: Course, by: User, version: int, **facts: Any) -> Course:
    """Change what it is called, says and is open to. Raises StaleError when somebody was faster."""
    require(by, "course.edit", course)
    locked = Course.objects.select_for_update(of=("self",)).get(pk=course.pk)
    _require_fresh(locked, version, _FACTS)
    before = locked.audience
    for name in _FACTS:
        if name in facts:
            setattr(locked, name, facts[name])
    if locked.audience != before and locked.audience != Audience.EVERYONE:
        _require_not_asked_for(locked, by)
    locked.version += 1
    locked.require_clean()
    locked.save()
    _record("edit", locked, by)
    return locked


@transaction.atomic
def draft_version(*, course: Course, by: User) -> CourseVersion:
    """The next version, as a copy of the newest. Raises ConflictError while there is a draft."""
    require(by, "course.edit", course)
    locked = Course.objects.select_for_update(of=("self",)).get(pk=course.pk)
    newest = locked.versions.order_by("-number").first()
    if newest is None or newest.state == CourseState.DRAFT:
        raise ConflictError(_("There is a draft already."))
    terms = {name: getattr(newest, name) for name in _TERMS if name not in _NEWS}
    draft = CourseVersion.objects.create(course=locked, number=newest.number + 1, **terms)
    for row in (*newest.modules.all(), *newest.questions.all()):
        if isinstance(row, CourseModule):
            row.origin = row.stem
        row.pk, row._state.adding, row.edition, row.version = None, True, draft, 1
        row.pk = row._meta.pk.get_default()
        row.save(force_insert=True)
    _record("draft", locked, by, number=draft.number)
    return draft


@transaction.atomic
def set_terms(*, edition: CourseVersion, by: User, version: int, **terms: Any) -> CourseVersion:
    """Pass mark, attempts, time and validity of a draft. Raises StaleError when somebody was faster."""
    locked = _draft(edition, by)
    _require_fresh(locked, version, _TERMS)
    for name in _TERMS:
        if name in terms:
            setattr(locked, name, terms[name])
    _check_terms(locked)
    locked.version += 1
    locked.require_clean()
    locked.save()
    _record("terms", locked.course, by, number=locked.number)
    return locked


@transaction.atomic
def save_module(
    *,
    edition: CourseVersion,
    by: User,
    kind: str,
    title: str,
    module: CourseModule | None = None,
    position: int | None = None,
    file: TemporaryUploadedFile | None = None,
    version: int | None = None,
    **facts: Any,
) -> CourseModule:
    """Add a module to a draft, or change one of it. An image or file that is there already stays without a new one.

    `version`: that of the module as it was read. Raises StaleError when somebody was faster.
    """
    locked = _draft(edition, by)
    if module is None:
        row = CourseModule(edition=locked, position=_last(locked.modules) + 1)
    else:
        row = _as_read(locked.modules, module, version, _MODULE)
    row.kind, row.title = kind, title
    row.position = row.position if position is None else position
    for name in ("title_zh", "body", "body_zh", "link"):
        if name in facts:
            setattr(row, name, facts[name].strip())
    if file is not None:
        kept = keep_file(file, IMAGES if kind == ModuleKind.IMAGE else HANDOUTS)
        row.file_name, row.media_type = kept.file_name, kept.media_type
        row.sha256, row.size_bytes = kept.sha256, kept.size_bytes
    _check_module(row)
    row.require_clean()
    row.version += module is not None
    row.save()
    _touch(locked)
    _record("module", locked.course, by, number=locked.number, module=row.title)
    return row


@transaction.atomic
def remove_module(*, module: CourseModule, by: User) -> None:
    """Take a module out of a draft."""
    locked = _draft(module.edition, by)
    _record("remove_module", locked.course, by, number=locked.number, module=module.title)
    module.delete()
    _touch(locked)


@transaction.atomic
def save_question(
    *,
    edition: CourseVersion,
    by: User,
    text: str,
    options: Sequence[dict[str, Any]],
    question: QuizQuestion | None = None,
    text_zh: str = "",
    why: str = "",
    why_zh: str = "",
    position: int | None = None,
    version: int | None = None,
) -> QuizQuestion:
    """Add a question to the bank of a draft, or change one. `options`: `{text, text_zh, right}`, at least one right.

    `version`: that of the question as it was read. Raises StaleError when somebody was faster.
    """
    locked = _draft(edition, by)
    if question is None:
        row = QuizQuestion(edition=locked, position=_last(locked.questions) + 1)
    else:
        row = _as_read(locked.questions, question, version, _QUESTION)
    row.text, row.text_zh = text.strip(), text_zh.strip()
    row.why, row.why_zh = why.strip(), why_zh.strip()
    row.options = _options(options)
    row.position = row.position if position is None else position
    row.require_clean()
    row.version += question is not None
    row.save()
    _touch(locked)
    _record("question", locked.course, by, number=locked.number)
    return row


@transaction.atomic
def remove_question(*, question: QuizQuestion, by: User) -> None:
    locked = _draft(question.edition, by)
    question.delete()
    _touch(locked)
    _record("remove_question", locked.course, by, number=locked.number)


@transaction.atomic
def publish_version(*, edition: CourseVersion, by: User) -> CourseVersion:
    """From now on people begin this version; those who began an earlier one stay with it."""
    require(by, "course.edit", edition)
    locked = CourseVersion.objects.select_for_update(of=("self",)).select_related("course").get(pk=edition.pk)
    state = COURSE_MOVES.require("publish", locked.state, what=str(locked))
    missing = []
    bank = locked.questions.count()
    if not locked.modules.exists():
        missing.append(Missing("no_module", _("The version has no module yet."), locked.course.get_absolute_url()))
    if locked.asked_max is not None and bank < locked.asked_max:
        text = ngettext(
            "An attempt asks %(n)d question, and the bank holds %(have)d.",
            "An attempt asks %(n)d questions, and the bank holds %(have)d.",
            locked.asked_max,
        )
        said = text % {"n": locked.asked_max, "have": bank}
        missing.append(Missing("too_few_questions", said, locked.course.get_absolute_url()))
    if missing:
        raise NotReadyError(missing)
    CourseVersion.objects.filter(course=locked.course, state=CourseState.PUBLISHED).update(state=CourseState.RETIRED)
    locked.state, locked.published_at, locked.published_by = state, timezone.now(), by
    locked.version += 1
    locked.save()
    _record("publish", locked.course, by, number=locked.number)
    text = gettext_lazy("Version {number} of the course “{title}” is out: see what is new")
    title = format_lazy(text, number=locked.number, title=locked.course)
    under_way = Enrolment.objects.filter(course=locked.course, state=EnrolmentState.ENROLLED).select_related("person")
    notify_each(kind="course", news=[(row.person, title, row.get_absolute_url()) for row in under_way])
    return locked


@transaction.atomic
def retire_course(*, course: Course, by: User) -> Course:
    """Nobody begins it any more; those who have begun go on, and certificates stay."""
    require(by, "course.edit", course)
    locked = Course.objects.select_for_update(of=("self",)).get(pk=course.pk)
    published = locked.versions.filter(state=CourseState.PUBLISHED).first()
    if published is None:
        raise ConflictError(_("No version of the course is published."))
    _require_not_asked_for(locked, by)
    published.state = COURSE_MOVES.require("retire", published.state, what=str(published))
    published.save()
    _record("retire", locked, by, number=published.number)
    return locked


# --- what the verbs share
def _draft(edition: CourseVersion, by: User) -> CourseVersion:
    require(by, "course.edit", edition)
    locked = CourseVersion.objects.select_for_update(of=("self",)).select_related("course").get(pk=edition.pk)
    if locked.state != CourseState.DRAFT:
        raise ConflictError(_("%(what)s is published; draft the next version to change it.") % {"what": locked})
    return locked


def _require_not_asked_for(course: Course, by: User) -> None:
    """Projects that ask for the course would keep everybody out who has not taken it: they end their condition first.

    Those that the person may see are named, of the others only how many they are.
    """
    asking = CourseCondition.objects.filter(course=course, ended_at=None)
    projects = Project.objects.filter(pk__in=asking.values("project"))
    if not projects.exists():
        return
    seen = list(projects.visible_to(by).order_by("title", "pk"))
    text = _("The project “%(name)s” asks for this course.")
    missing = [Missing("course_required", text % {"name": row}, row.get_absolute_url()) for row in seen]
    if hidden := projects.count() - len(seen):
        text = ngettext(
            "%(n)d project that you do not see asks for this course.",
            "%(n)d projects that you do not see ask for this course.",
            hidden,
        )
        missing.append(Missing("course_required", text % {"n": hidden}))
    raise NotReadyError(missing)


def _touch(edition: CourseVersion) -> None:
    edition.version += 1
    edition.save(update_fields=["version"])


def _as_read(rows: Any, part: Any, version: int | None, names: Sequence[str]) -> Any:
    """A module or question of the draft as it is now, which must be as it was read."""
    row = rows.filter(pk=part.pk).first()
    if row is None:
        raise ConflictError(_("It is no longer in this draft: somebody removed it, or the version is another one."))
    if version is None:
        raise InvalidError(_("Say which version of it you read."), field="version")
    _require_fresh(row, version, names)
    return row


def _require_fresh(row: Any, version: int, names: Sequence[str]) -> None:
    if row.version != version:
        now = {name: getattr(row, name) for name in names}
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)


def _check_terms(row: CourseVersion) -> None:
    for name, low, high in (("pass_mark", 1, 100), ("asked_max", 1, 200), ("attempts_max", 1, 100),
                            ("minutes", 1, 600), ("valid_months", 1, 240)):  # fmt: skip
        value = getattr(row, name)
        if value is not None and not low <= value <= high:
            raise InvalidError(_("Write a number from %(low)d to %(high)d.") % {"low": low, "high": high}, field=name)


def _check_module(row: CourseModule) -> None:
    if row.kind == ModuleKind.TEXT and not row.body:
        raise InvalidError(_("Write the text of the module."), field="body")
    if row.kind == ModuleKind.VIDEO and not row.link:
        raise InvalidError(_("Give the link of the video."), field="link")
    if row.link and not row.link.lower().startswith("https://"):
        raise InvalidError(_("The link of a video begins with https://."), field="link")
    if row.kind in {ModuleKind.IMAGE, ModuleKind.FILE} and not row.sha256:
        raise InvalidError(_("Choose a file."), field="file")
    if row.kind == ModuleKind.IMAGE and row.media_type not in IMAGES:
        raise InvalidError(_("Choose an image."), field="file")


def _options(options: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    told = []
    for option in options:
        text, text_zh = (str(option.get(name, "")).strip() for name in ("text", "text_zh"))
        if not text or len(text) > 500 or len(text_zh) > 500:
            raise InvalidError(_("Every answer has a text of at most 500 characters."), field="options")
        told.append({"text": text, "text_zh": text_zh, "right": option.get("right") is True})
    if not 2 <= len(told) <= OPTIONS_MAX:
        raise InvalidError(_("Give from 2 to %(n)d answers.") % {"n": OPTIONS_MAX}, field="options")
    if not any(option["right"] for option in told):
        raise InvalidError(_("Mark at least one answer as right."), field="options")
    if len({option["text"] for option in told}) != len(told):
        raise InvalidError(_("Two answers are the same."), field="options")
    return told


def _last(rows: Any) -> int:
    return rows.aggregate(last=Max("position"))["last"] or 0


def _free_slug(title: str) -> str:
    stem = slug_of(title, fallback="course", max_length=34)
    taken = set(Course.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    return next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, 10_000))) if name not in taken)


def _record(act: str, course: Course, by: User, **data: Any) -> None:
    record(
        verb=f"course.{act}", subject=course, by=by, organisation_id=course.organisation_id,
        data={"title": course.title} | data,
    )  # fmt: skip
