"""The case of a project to take along."""

from __future__ import annotations

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from collab.access.policy import get_or_404
from collab.accounts.models import User
from collab.casefile.building import export_case
from collab.projects.models import Project

ZIP = "application/zip"


def project_case(request: HttpRequest, slug: str) -> HttpResponseBase:
    """One ZIP with all that the person may see of the project."""
    project = get_or_404(request.user, "audit.view", Project.objects.all(), slug=slug)
    if request.method == "HEAD":
        return HttpResponse(content_type=ZIP)  # to look takes nothing along
    return case_response(project, request.user)  # type: ignore[arg-type]


def case_response(project: Project, by: User) -> HttpResponseBase:
    """The ZIP as a file to keep."""
    file = export_case(project=project, by=by)
    name = f"{project.slug}-case-{timezone.localdate()}.zip"
    response = FileResponse(file, as_attachment=True, filename=name, content_type=ZIP)
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
