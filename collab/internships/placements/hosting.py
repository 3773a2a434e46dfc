"""An intern's role in a project lasts only as long as the host takes part in it, whoever gave it and until when."""

from __future__ import annotations

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing
from collab.accounts.models import Membership, User
from collab.internships.placements.models import Placement
from collab.internships.placements.services import close_access, locked_placement, note_act, people_of
from collab.internships.telling import tell
from collab.projects.models import ProjectParty


def host_takes_part() -> Exists:
    """Memberships that no placement gave whose host is not, or no longer, in the project."""
    parties = ProjectParty.objects.filter(project=OuterRef("project"), organisation=OuterRef("host"), left_on=None)
    return ~Exists(Placement.objects.filter(~Exists(parties), membership=OuterRef("pk")))


def let_in(placement: Placement) -> bool:
    """Whether the intern's role counts today."""
    held = Membership.objects.filter(pk=placement.membership_id).active()
    return placement.membership_id is not None and held.filter(host_takes_part()).exists()


def shut_out(placement: Placement) -> Missing | None:
    """Why the role of the intern lacks the host, if it does."""
    if placement.membership_id is None:
        return None
    lacking = Membership.objects.filter(pk=placement.membership_id).exclude(host_takes_part()).first()
    return None if lacking is None else host_has_left(lacking)


def host_has_left(membership: Membership) -> Missing:
    """Whose leaving ended the role."""
    placement = Placement.objects.select_related("host", "project").get(membership=membership)
    told = {"host": placement.host, "role": membership.get_role_display()}
    party = ProjectParty.objects.filter(project=placement.project, organisation=placement.host).first()
    if party is None or party.left_on is None:
        sentence = _("Your role “%(role)s” ended: %(host)s is not a party of the project.") % told
    else:
        told["day"] = date_format(party.left_on)
        sentence = _("Your role “%(role)s” ended when %(host)s left the project on %(day)s.") % told
    return Missing("host_left", sentence, placement.get_absolute_url())


def host_gone(party: ProjectParty, by: User) -> None:
    """End the roles of the interns of a host that leaves; those in the placement are told."""
    now = timezone.now()
    rows = Placement.objects.filter(project=party.project_id, host=party.organisation_id, membership__ends_at__gt=now)
    for row in rows.order_by("pk"):
        locked = locked_placement(row)
        close_access(locked, by)
        note_act("host_left", locked, by)
        title = gettext_lazy("The host has left the project, and the intern's access to it ended: {row}")
        tell(locked, title, people_of(locked), but=by)
