"""Pages on which those who make a course read any version of it: as it is taken, with the right answers."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from collab.access.policy import get_or_404
from collab.courses.forms import in_tongue
from collab.courses.models import Course, CourseModule
from collab.courses.serving import file_of
from collab.kernel.attachments import IMAGES
from collab.kernel.errors import NotFoundError
from collab.web.forms import show


def course_version(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One version, to read: a draft, the published one or one that is retired."""
    course = _course(request, slug)
    versions = list(course.versions.all())
    edition = next((one for one in versions if one.number == number), None)
    if edition is None:
        raise NotFoundError
    questions = [
        {"row": row, "options": [{"text": in_tongue(one), "right": one["right"]} for one in row.options]}
        for row in edition.questions.all()
    ]
    context = {
        "course": course,
        "edition": edition,
        "others": [one for one in versions if one.pk != edition.pk],
        "modules": edition.modules.all(),
        "questions": questions,
    }
    return show(request, "collab/courses/version.html", context)


def module_preview(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """One module as learners see it."""
    course = _course(request, slug)
    module = _module(course, pk)
    rows = list(module.edition.modules.all())
    place = rows.index(module)
    context = {
        "course": course,
        "edition": module.edition,
        "module": module,
        "is_image": module.media_type in IMAGES,
        "number": place + 1,
        "count": len(rows),
        "before": rows[place - 1] if place else None,
        "after": rows[place + 1] if place + 1 < len(rows) else None,
        "back": reverse("collab:course_version", args=[slug, module.edition.number]),
    }
    return show(request, "collab/courses/preview.html", context)


def module_file(request: HttpRequest, slug: str, pk: UUID) -> HttpResponseBase:
    """Its image or file, without taking the course."""
    return file_of(request, _module(_course(request, slug), pk))


def _course(request: HttpRequest, slug: str) -> Course:
    return get_or_404(request.user, "course.edit", Course.objects.with_versions(), slug=slug)


def _module(course: Course, pk: UUID) -> CourseModule:
    found = CourseModule.objects.filter(edition__course=course, pk=pk).select_related("edition").first()
    if found is None:
        raise NotFoundError
    return found
