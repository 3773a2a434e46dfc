"""Where the agreements of a placement are kept: in the joint project of host and university, or in a frame of the two.

See docs/adr/0009.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import User
from collab.internships.oneself import require_other
from collab.internships.placements.models import Placement
from collab.internships.placements.services import locked_placement, note_act
from collab.internships.placements.states import OPEN
from collab.kernel.errors import ConflictError
from collab.kernel.paper import each
from collab.projects.models import Project
from collab.projects.services import frame_between, frames_between

TITLE_MAX = 160


@transaction.atomic
def open_frame(*, placement: Placement, by: User) -> Project:
    """Let host and university keep their host agreement, and then the learning agreement, without a joint project.

    The frame they have already is used again. Raises ConflictError where the placement has a joint project.
    """
    require(by, "placement.manage", placement)
    locked = locked_placement(placement)
    require_other(by, locked.student)
    if locked.project is not None:
        raise ConflictError(_("The agreements of this placement are kept in its joint project."))
    if locked.state not in OPEN:
        raise ConflictError(_("The placement is over; what it says stays as it is."))
    known = frame_of(locked)
    if known is not None:
        return known
    frame = kept_in(locked, by)
    note_act("frame", locked, by)
    return frame


def frame_of(placement: Placement) -> Project | None:
    return frames_between(placement.university, placement.host).first()


def kept_in(placement: Placement, by: User) -> Project:
    """The joint project, else the frame of the two, begun where there is none; inside a verb that asked."""
    if placement.project is not None:
        return placement.project
    title, title_zh = each(
        format_lazy(
            gettext_lazy("Internships of {university} at {host}"), university=placement.university, host=placement.host
        )
    )
    return frame_between(
        lead=placement.university, partner=placement.host, title=title[:TITLE_MAX], title_zh=title_zh[:TITLE_MAX], by=by
    )
