"""Pages of the library."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.courses.library.attaching import ATTACHABLE
from collab.courses.library.forms import AttachToForm, ResourceFilter, ResourceForm
from collab.courses.library.models import Resource
from collab.courses.library.services import (
    add_resource,
    archive_resource,
    attach_resource,
    attached_to,
    edit_resource,
    restore_resource,
    subjects_for,
)
from collab.courses.tabs import tabs_of
from collab.web.forms import act, sent, show, submit
from collab.web.pagination import page_of


def library(request: HttpRequest) -> HttpResponse:
    may_add = visible_to(request.user, "library.edit", Organisation.objects.all()).exists()
    found = ResourceFilter(request.GET, user=request.user, edits=may_add)
    context = {
        "tabs": tabs_of("library"),
        "filter": found,
        "page": page_of(request, found.qs.order_by("title")),
        "may_add": may_add,
    }
    return show(request, "collab/courses/library/list.html", context)


def resource_new(request: HttpRequest) -> HttpResponse:
    form = ResourceForm(sent(request), user=request.user)

    def add() -> str:
        row = add_resource(by=request.user, **form.values())
        messages.success(request, _("It is in the library."))
        return row.get_absolute_url()

    return _form(request, form, add, _("Add to the library"), reverse("collab:library"))


def resource(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _resource(request, "library.view", pk)
    return _page(request, row, _attach_form(request, row))


def resource_attach_to(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Attach what one has found to a project or a posting of one's own."""
    row = _resource(request, "library.view", pk)
    form = _attach_form(request, row)

    def attach() -> str:
        name, _colon, key = form.cleaned_data["subject"].partition(":")
        subject = ATTACHABLE[name].model._default_manager.get(pk=key)
        attach_resource(resource=row, subject=subject, by=request.user, note=form.cleaned_data["note"])
        messages.success(request, _("It is attached to “%(what)s”.") % {"what": subject})
        return row.get_absolute_url()

    return submit(request, form, attach) or _page(request, row, form)


def resource_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _resource(request, "library.edit", pk)
    form = ResourceForm(sent(request), user=request.user, resource=row)

    def change() -> str:
        given = form.values()
        edit_resource(resource=row, by=request.user, version=given.pop("version") or 0, **given)
        messages.success(request, _("Saved."))
        return row.get_absolute_url()

    return _form(request, form, change, _("Edit"), row.get_absolute_url())


def resource_archive(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _resource(request, "library.edit", pk)
    return act(
        request,
        lambda: archive_resource(resource=row, by=request.user),
        to=reverse("collab:library"),
        said=_("It is no longer found in the library."),
    )


def resource_restore(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _resource(request, "library.edit", pk)
    return act(
        request,
        lambda: restore_resource(resource=row, by=request.user),
        to=row.get_absolute_url(),
        said=_("It is found in the library again."),
    )


def _attach_form(request: HttpRequest, row: Resource) -> AttachToForm:
    return AttachToForm(sent(request), groups=[] if row.archived_at else subjects_for(row, request.user))


def _page(request: HttpRequest, row: Resource, form: AttachToForm) -> HttpResponse:
    offered: Any = form.fields["subject"]
    context = {
        "resource": row,
        "attached": attached_to(row, request.user),
        "attach_form": form if offered.choices or form.is_bound else None,
        "may_edit": "library.edit" in allowed(request.user, row, "library.edit"),
    }
    return show(request, "collab/courses/library/page.html", context, form)


def _resource(request: HttpRequest, word: str, pk: UUID) -> Resource:
    return get_or_404(request.user, word, Resource.objects.select_related("organisation", "added_by"), pk=pk)


def _form(request: HttpRequest, form: Any, done: Any, title: str, back: str) -> HttpResponse:
    context = {"form": form, "title": title, "back": back, "section": _("Library"),
               "section_url": reverse("collab:library")}  # fmt: skip
    return submit(request, form, done) or show(request, "collab/courses/form.html", context, form)
