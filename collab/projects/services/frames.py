"""Frames: where two organisations without a joint project keep the agreements that other rooms need between them."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.kernel.errors import ConflictError
from collab.projects.models import PartyRole, Project, ProjectParty
from collab.projects.services.projects import free_slug
from collab.projects.states import ProjectState


@transaction.atomic
def frame_between(*, lead: Organisation, partner: Organisation, title: str, title_zh: str, by: User) -> Project:
    """The frame of the two, begun when there is none. Inside the verb that needs it, which asks whether `by` may.

    Nobody gets a role in it: those read and sign in it who do so for either organisation.
    """
    if lead.pk == partner.pk:
        raise ConflictError(_("The leading organisation is already a party; choose others as partners."))
    Organisation.objects.select_for_update().get(pk=lead.pk)  # two who need the first one wait for each other
    known = frames_between(lead, partner).first()
    if known is not None:
        return known
    frame = Project(
        slug=free_slug(title), title=title, title_zh=title_zh, state=ProjectState.IDEA, is_frame=True, created_by=by
    )
    frame.require_clean()
    frame.save()
    ProjectParty.objects.create(project=frame, organisation=lead, role=PartyRole.LEAD)
    ProjectParty.objects.create(project=frame, organisation=partner)
    data = {"title": title, "parties": [lead.slug, partner.slug]}
    record(verb="project.frame", subject=frame, by=by, project_id=frame.pk, data=data)
    return frame


def frames_between(lead: Organisation, partner: Organisation) -> Any:
    """Frames in which both still take part."""
    mine = ProjectParty.objects.filter(organisation=lead, left_on=None, role=PartyRole.LEAD)
    theirs = ProjectParty.objects.filter(organisation=partner, left_on=None)
    rows = Project.objects.filter(is_frame=True, pk__in=mine.values("project"))
    return rows.filter(pk__in=theirs.values("project")).order_by("created_at", "pk")
