"""How files of courses and trainings go out, for pages and API alike."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from collab.courses.models import CourseModule, TrainingRecord
from collab.kernel.blobs import blob_path
from collab.kernel.errors import NotFoundError
from collab.web.downloads import resumable


def file_of(request: HttpRequest, row: CourseModule | TrainingRecord) -> HttpResponseBase:
    """The image or file of a module, or the document of a training. Raises NotFoundError when there is none."""
    if not row.sha256:
        raise NotFoundError
    return resumable(request, blob_path(row.sha256), row.file_name, row.sha256, row.media_type)
