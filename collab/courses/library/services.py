"""Verbs of the library: add a resource, change it, put it away, bring it back, attach it and take it off."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import SCOPES, require, visible_to
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.courses.library.attaching import ATTACHABLE
from collab.courses.library.models import Resource, ResourceLink, topics_in
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, StaleError

SHOWN, SHOWN_FROM, CHOICES = 20, 500, 100
FIELDS = (
    "kind", "title", "title_zh", "authors", "year", "link", "identifier", "description", "description_zh", "topics",
)  # fmt: skip


@transaction.atomic
def add_resource(*, organisation: Organisation, by: User, **facts: Any) -> Resource:
    require(by, "library.edit", organisation)
    row = Resource(organisation=organisation, added_by=by, **facts)
    _tidy(row)
    row.require_clean()
    row.save()
    _record("add", row, by)
    return row


@transaction.atomic
def edit_resource(*, resource: Resource, by: User, version: int, **facts: Any) -> Resource:
    """Raises StaleError when somebody was faster."""
    row = _locked(resource, by)
    if row.version != version:
        now = {name: getattr(row, name) for name in FIELDS}
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)
    for name in FIELDS:
        if name in facts:
            setattr(row, name, facts[name])
    row.version += 1
    _tidy(row)
    row.require_clean()
    row.save()
    _record("edit", row, by)
    return row


@transaction.atomic
def archive_resource(*, resource: Resource, by: User) -> Resource:
    """It is no longer found; where it is attached it stays."""
    row = _locked(resource, by)
    if row.archived_at is not None:
        raise ConflictError(_("It is archived already."))
    row.archived_at = timezone.now()
    row.version += 1
    row.save()
    _record("archive", row, by)
    return row


@transaction.atomic
def restore_resource(*, resource: Resource, by: User) -> Resource:
    """It is found again."""
    row = _locked(resource, by)
    if row.archived_at is None:
        raise ConflictError(_("It is in the library already."))
    row.archived_at = None
    row.version += 1
    row.save()
    _record("restore", row, by)
    return row


@transaction.atomic
def attach_resource(*, resource: Resource, subject: models.Model, by: User, note: str = "") -> ResourceLink:
    """Attach it to a project, a posting, or whatever else is registered. Raises ConflictError the second time."""
    kind = ATTACHABLE.get(subject._meta.label_lower)
    if kind is None:
        raise NotFoundError
    require(by, kind.word, subject)
    require(by, "library.view", resource)
    if resource.archived_at is not None:
        raise ConflictError(_("It is archived already."))
    row = ResourceLink(
        resource=resource,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        project=kind.project(subject) if kind.project else None,
        note=note.strip(),
        added_by=by,
    )
    row.require_clean()
    if links_of(subject).filter(resource=resource).exists():
        raise ConflictError(_("It is attached already."))
    row.save()
    _record("attach", resource, by, project=row.project, what=str(subject))
    return row


@transaction.atomic
def detach_resource(*, link: ResourceLink, by: User) -> None:
    kind = ATTACHABLE.get(link.subject_type)
    subject = kind.model._default_manager.filter(pk=link.subject_id).first() if kind else None
    if kind is None or subject is None:
        raise NotFoundError
    require(by, kind.word, subject)
    _record("detach", link.resource, by, project=link.project, what=str(subject))
    link.delete()


def links_of(subject: models.Model) -> models.QuerySet[ResourceLink]:
    """What is attached to a row."""
    return ResourceLink.objects.filter(
        subject_type=subject._meta.label_lower, subject_id=str(subject.pk)
    ).select_related("resource")


def _locked(resource: Resource, by: User) -> Resource:
    require(by, "library.edit", resource)
    return Resource.objects.select_for_update(of=("self",)).get(pk=resource.pk)


def attached_to(resource: Resource, user: User) -> list[tuple[ResourceLink, models.Model]]:
    """What it is attached to, as far as the person sees that: projects first, at most SHOWN of each kind."""
    links = ResourceLink.objects.filter(resource=resource).order_by("created_at")
    found: list[tuple[ResourceLink, models.Model]] = []
    for name, kind in ATTACHABLE.items():
        here = {row.subject_id: row for row in links.filter(subject_type=name)[:SHOWN_FROM]}
        if here:
            rows = kind.model._default_manager.filter(pk__in=here)
            seen = visible_to(user, SCOPES[kind.model].view, rows)[:SHOWN]
            found += [(here[str(subject.pk)], subject) for subject in seen]
    return found


def subjects_for(resource: Resource, user: User) -> list[tuple[str, list[tuple[str, str]]]]:
    """To what the person may attach it and has not yet: choices `collab.project:<id>`, grouped by kind."""
    groups = []
    for name, kind in ATTACHABLE.items():
        taken = ResourceLink.objects.filter(resource=resource, subject_type=name).values_list("subject_id", flat=True)
        rows = visible_to(user, kind.word, kind.model._default_manager.exclude(pk__in=list(taken)))
        options = [(f"{name}:{row.pk}", str(row)) for row in rows.order_by("-created_at")[:CHOICES]]
        if options:
            groups.append((str(kind.label), options))
    return groups


def _tidy(row: Resource) -> None:
    row.topics = ", ".join(topics_in(row.topics))
    _require_place(row)


def _require_place(row: Resource) -> None:
    if not (row.link or row.identifier):
        raise InvalidError(_("Say where it is found: a link, a DOI or an ISBN."), field="link")


def _record(act: str, row: Resource, by: User, *, project: Any = None, **data: Any) -> None:
    record(
        verb=f"library.{act}", subject=row, by=by, project_id=project.pk if project else None,
        organisation_id=row.organisation_id, data={"title": row.title} | data,
    )  # fmt: skip
