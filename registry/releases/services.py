"""Verbs on what was licensed: take a file."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import User
from collab.agreements.acts import named
from collab.audit.services import record
from collab.kernel.errors import ConflictError, NotFoundError
from collab.transfer.licences.models import LicensedAsset
from registry.releases.files import ReleasedFile, files_of, subject_of


@transaction.atomic
def take_file(*, asset: LicensedAsset, sha256: str, by: User, whole: bool = True) -> ReleasedFile:
    """A file of a licensed version. Asked anew on each request; taking it whole, or its beginning, is history.

    Raises RefusedError when the licence is not in force, ConflictError when the bytes are not here.
    """
    require(by, "release.download", asset)
    file = next((one for one in files_of(subject_of(asset)) if one.sha256 == sha256), None)
    if file is None:
        raise NotFoundError
    if not file.kept:
        raise ConflictError(_("The bytes of this file are not kept here. Ask the licensor for them."))
    if whole:
        agreement = asset.licence.agreement
        record(
            verb="licence.download",
            subject=asset,
            by=by,
            project_id=agreement.project_id,
            organisation_id=asset.licence.licensor_id,
            data=named(agreement) | {"asset": asset.label, "file": file.name, "sha256": sha256},
        )
    return file
