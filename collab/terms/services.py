"""Verbs on one's own terms: accept them."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import Organisation, User
from collab.agreements.acts import named
from collab.agreements.models import AgreementVersion
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError
from collab.terms.models import TermsAcceptance, acting_for


@transaction.atomic
def accept_terms(
    *, version: AgreementVersion, organisation: Organisation, document_sha256: str, by: User
) -> TermsAcceptance:
    """Accept a version in force for the party one acts for; accepting twice changes nothing.

    `document_sha256` is the hash of what was shown. Raises ConflictError when it is not that of the version, or when
    the version is not in force or asks nobody to accept, InvalidError for a party that one does not act for.
    """
    require(by, "terms.accept", version)
    locked = AgreementVersion.objects.select_for_update(of=("self",)).select_related("agreement").get(pk=version.pk)
    own = TermsAcceptance.objects.filter(version=locked, user=by, organisation=organisation).first()
    if own is not None:
        return own
    if organisation not in parties_to_accept_for(by, locked):
        raise InvalidError(
            _("You do not act for %(name)s under this agreement.") % {"name": organisation}, field="organisation"
        )
    if not AgreementVersion.objects.in_force(timezone.now()).filter(pk=locked.pk).exists():
        raise ConflictError(_("This version is not in force, so there is nothing to accept."))
    if not locked.requires_acceptance:
        raise ConflictError(_("This version asks nobody for an acceptance of their own."))
    if document_sha256 != locked.document_sha256:
        raise ConflictError(_("The document is not the one you were shown. Open it again and read it first."))
    acceptance = TermsAcceptance.objects.create(
        version=locked, user=by, organisation=organisation, document_sha256=document_sha256
    )
    record(
        verb="terms.accept",
        subject=acceptance,
        by=by,
        project_id=locked.agreement.project_id,
        data=named(locked.agreement)
        | {
            "number": locked.number,
            "for": organisation.slug,
            "sha256": document_sha256,
        },
    )
    return acceptance


def parties_to_accept_for(user: User, version: AgreementVersion) -> list[Organisation]:
    """The parties that the version covers, for which the person acts in its project and has not accepted yet."""
    theirs = acting_for(user).filter(project=version.agreement.project_id)
    done = TermsAcceptance.objects.filter(version=version, user=user)
    return list(
        Organisation.objects.filter(
            pk__in=version.coverage.values("party"),
        )
        .filter(pk__in=theirs.values("organisation"))
        .exclude(pk__in=done.values("organisation"))
    )
