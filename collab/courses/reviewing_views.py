"""Pages of those who review trainings done elsewhere: all that were handed in, and taking an acceptance back."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import get_or_404
from collab.courses.forms import RevokeForm, TrainingFilter
from collab.courses.models import TrainingRecord
from collab.courses.trainings import revoke_training
from collab.web.forms import sent, show, submit
from collab.web.pagination import page_of


def trainings(request: HttpRequest) -> HttpResponse:
    """What people of one's organisations handed in, whatever became of it."""
    rows = TrainingRecord.objects.visible_to(request.user, "training.review").with_names()
    found = TrainingFilter(request.GET, rows)
    context = {"filter": found, "page": page_of(request, found.qs)}
    return show(request, "collab/courses/trainings.html", context)


def training_revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = get_or_404(request.user, "training.review", TrainingRecord.objects.with_names(), pk=pk)
    form = RevokeForm(sent(request))

    def revoke() -> str:
        revoke_training(training=row, by=request.user, **form.values())
        messages.success(request, _("Revoked: it counts no longer, and the person is told."))
        return row.get_absolute_url()

    context = {"form": form, "title": _("Revoke the training"), "back": row.get_absolute_url(), "lead": str(row),
               "section": _("Trainings done elsewhere"), "section_url": reverse("collab:trainings")}  # fmt: skip
    return submit(request, form, revoke) or show(request, "collab/courses/form.html", context, form)
