"""Verbs of the negotiation: the parties comment on a version."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from collab.access.policy import party_of, require
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.comments import VersionComment
from collab.agreements.models import AgreementVersion
from collab.agreements.services import locked_version, note
from collab.agreements.states import OPEN_TO_EDITS
from collab.kernel.errors import ConflictError, InvalidError


@transaction.atomic
def comment_on_version(
    *, version: AgreementVersion, text: str, by: User, party: Organisation | None = None
) -> VersionComment:
    """Say something for one's party about a version that is not sent yet."""
    require(by, "agreement.comment", version)
    locked = locked_version(version)
    if locked.state not in OPEN_TO_EDITS:
        raise ConflictError(_("Comments are for a version that can still change."))
    mine = parties_spoken_for(by, locked)
    speaks = party or (mine[0] if mine else None)
    if speaks is None or speaks not in mine:
        raise InvalidError(_("Speak for a party that you act for."), field="party")
    if not text.strip():
        raise InvalidError(_("Write the comment."), field="text")
    comment = VersionComment(version=locked, party=speaks, author=by, text=text.strip())
    comment.require_clean()
    comment.save()
    note("agreement.comment", locked, by, number=locked.number, party=speaks.slug)
    return comment


def parties_spoken_for(user: User, version: AgreementVersion) -> list[Organisation]:
    """The parties of the version for which the person acts, in the project or as their organisation's."""
    inside = Membership.objects.filter(user=user, project=None).active().values("organisation")
    mine = set(party_of(user, version.agreement.project_id)) | set(Organisation.objects.filter(pk__in=inside))
    return [row.organisation for row in version.parties.select_related("organisation") if row.organisation in mine]
