"""Verbs on agreements: draft, send, sign (sealed exactly once), withdraw, terminate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import Missing, require
from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.assets import assets_of
from collab.agreements.hooks import executed
from collab.agreements.models import (
    Agreement,
    AgreementKind,
    AgreementParty,
    AgreementVersion,
    Coverage,
    Purpose,
    Signature,
)
from collab.agreements.states import VERSION_MOVES, VersionState
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, RefusedError
from collab.projects.models import Project, ProjectParty


@dataclass(frozen=True)
class CoverageTerm:
    """`party` may use `asset_id` (None: every dataset of the project) for `purpose`."""

    party: Organisation
    purpose: str
    asset_id: UUID | None = None


@transaction.atomic
def draft_agreement(
    *, project: Project, reference: str, kind: str, title: str, by: User, title_zh: str = ""
) -> Agreement:
    """Begin an agreement in a project; its text comes with the first version."""
    require(by, "agreement.draft", project)
    if kind not in AgreementKind.values:
        raise InvalidError(_("Choose a kind of agreement."), field="kind")
    if Agreement.objects.filter(reference=reference).exists():
        raise InvalidError(
            _("The reference “%(ref)s” is taken; choose another.") % {"ref": reference}, field="reference"
        )
    agreement = Agreement(
        project=project, reference=reference, kind=kind, title=title, title_zh=title_zh, created_by=by
    )
    agreement.require_clean()
    agreement.save()
    record(verb="agreement.draft", subject=agreement, by=by, project_id=project.pk, data={"reference": reference})
    return agreement


@transaction.atomic
def draft_version(
    *,
    agreement: Agreement,
    text: str,
    effective_on: date,
    by: User,
    text_zh: str = "",
    expires_on: date | None = None,
    parties: Sequence[Organisation] | None = None,
    coverage: Sequence[CoverageTerm] = (),
    requires_acceptance: bool | None = None,
) -> AgreementVersion:
    """Write a further version; parties default to those of the project. A version out for signature blocks it.

    `requires_acceptance`: whether each person accepts it before it covers them; by default for data use.
    """
    require(by, "agreement.draft", agreement)
    locked = Agreement.objects.select_for_update().get(pk=agreement.pk)
    if not text.strip():
        raise InvalidError(_("Write the text of the agreement."), field="text")
    if expires_on and expires_on <= effective_on:
        raise InvalidError(_("The agreement would expire before it is in force."), field="expires_on")
    if locked.versions.filter(state__in=[VersionState.DRAFT, VersionState.OUT_FOR_SIGNATURE]).exists():
        raise ConflictError(_("Finish or withdraw the version in progress first."))
    organisations = list(
        parties
        if parties is not None
        else Organisation.objects.filter(
            project_parties__project_id=agreement.project_id, project_parties__left_on=None
        )
    )
    _require_parties(agreement.project_id, organisations)
    for term in coverage:
        if term.party not in organisations:
            raise InvalidError(_("%(name)s is not a party of this version.") % {"name": term.party}, field="coverage")
        if term.purpose not in Purpose.values:
            raise InvalidError(_("“%(p)s” is no purpose.") % {"p": term.purpose}, field="coverage")
    if len(set(coverage)) != len(coverage):
        raise InvalidError(_("Name each party, purpose and dataset once."), field="coverage")
    assets = {asset.pk for asset in assets_of(by, agreement.project_id)} if coverage else set()
    if any(term.asset_id is not None and term.asset_id not in assets for term in coverage):
        raise InvalidError(_("The coverage names data that is not of this project."), field="coverage")
    number = (locked.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    version = AgreementVersion(
        agreement=locked,
        number=number,
        text=text,
        text_zh=text_zh,
        effective_on=effective_on,
        expires_on=expires_on,
        requires_acceptance=locked.kind == AgreementKind.DATA_USE
        if requires_acceptance is None
        else requires_acceptance,
        created_by=by,
    )
    version.require_clean()
    version.save()
    AgreementParty.objects.bulk_create(AgreementParty(version=version, organisation=o) for o in organisations)
    Coverage.objects.bulk_create(
        Coverage(version=version, party=t.party, purpose=t.purpose, asset_id=t.asset_id) for t in coverage
    )
    record(
        verb="agreement.draft_version",
        subject=version,
        by=by,
        project_id=agreement.project_id,
        data={"reference": agreement.reference, "number": number},
    )
    return version


@transaction.atomic
def send_for_signature(*, version: AgreementVersion, by: User) -> AgreementVersion:
    """Freeze the version and ask every party's signatory. From here on the hash binds."""
    require(by, "agreement.draft", version)
    locked = _locked(version)
    locked.state = VERSION_MOVES.require("send", locked.state, what=str(locked))
    if locked.parties.count() < 2:
        raise InvalidError(_("An agreement needs at least two parties."), field="parties")
    locked.document_sha256 = locked.document_hash()
    locked.sent_at = timezone.now()
    locked.save(update_fields=["state", "document_sha256", "sent_at"])
    record(
        verb="agreement.send",
        subject=locked,
        by=by,
        project_id=locked.agreement.project_id,
        data={"reference": locked.agreement.reference, "sha256": locked.document_sha256},
    )
    return locked


@transaction.atomic
def sign_version(
    *, version: AgreementVersion, party: Organisation, typed_name: str, capacity: str, document_sha256: str, by: User
) -> AgreementVersion:
    """Sign for one party; the last signature seals the version.

    `document_sha256` is the hash of what the signer was shown. Raises ConflictError when the document changed since,
    when the party has signed through somebody else, or when signing is over; signing twice oneself changes nothing.
    """
    require(by, "agreement.view", version)
    locked = _locked(version)  # the row lock comes first: two signers counting at once would seal twice, or never
    if not locked.parties.filter(organisation=party).exists():
        raise InvalidError(_("%(name)s is not a party of this agreement.") % {"name": party}, field="party")
    _require_signatory(by, party)
    mine = locked.signatures.filter(party=party).first()
    if mine is not None:
        if mine.signer_id == by.pk:
            return locked
        raise ConflictError(_("%(name)s has already signed for %(party)s.") % {"name": mine.typed_name, "party": party})
    VERSION_MOVES.require("sign", locked.state, what=str(locked))
    if locked.has_expired(timezone.localdate()):
        raise ConflictError(_("This version expired before it was signed; draft a new one."))
    if document_sha256 != locked.document_sha256 or locked.document_hash() != locked.document_sha256:
        raise ConflictError(_("The document is not the one you were shown. Open it again and read it before signing."))
    if _squeeze(typed_name) != _squeeze(by.name):
        raise InvalidError(
            _("Type your name exactly as it is in your profile: %(name)s.") % {"name": by.name}, field="typed_name"
        )
    signature = Signature(
        version=locked,
        party=party,
        signer=by,
        capacity=capacity,
        typed_name=typed_name.strip(),
        document_sha256=document_sha256,
    )
    signature.require_clean()
    signature.save()
    record(
        verb="agreement.sign",
        subject=locked,
        by=by,
        project_id=locked.agreement.project_id,
        data={"reference": locked.agreement.reference, "party": party.slug, "sha256": document_sha256},
    )
    if locked.signatures.count() == locked.parties.count():
        _seal(locked, by=by)
    return locked


def _seal(version: AgreementVersion, *, by: User) -> None:
    for older in version.agreement.versions.select_for_update().filter(state=VersionState.EXECUTED):
        older.state = VERSION_MOVES.require("supersede", older.state, what=str(older))
        older.ended_at = timezone.now()
        older.save(update_fields=["state", "ended_at"])
    version.state = VERSION_MOVES.require("seal", version.state, what=str(version))
    version.executed_at = timezone.now()
    version.save(update_fields=["state", "executed_at"])
    record(
        verb="agreement.execute",
        subject=version,
        by=by,
        project_id=version.agreement.project_id,
        data={"reference": version.agreement.reference, "sha256": version.document_sha256},
    )
    executed(version, by)


@transaction.atomic
def withdraw_version(*, version: AgreementVersion, by: User) -> AgreementVersion:
    """Take back a draft or a version out for signature; signatures given stay on record."""
    require(by, "agreement.draft", version)
    return _end(version, "withdraw", by)


@transaction.atomic
def terminate_version(*, version: AgreementVersion, by: User) -> AgreementVersion:
    """End an executed version now: what it covered stops on the next request."""
    require(by, "agreement.end", version)
    return _end(version, "terminate", by)


def _end(version: AgreementVersion, move: str, by: User) -> AgreementVersion:
    locked = _locked(version)
    locked.state = VERSION_MOVES.require(move, locked.state, what=str(locked))
    locked.ended_at = timezone.now()
    locked.save(update_fields=["state", "ended_at"])
    record(
        verb=f"agreement.{move}",
        subject=locked,
        by=by,
        project_id=locked.agreement.project_id,
        data={"reference": locked.agreement.reference},
    )
    return locked


def parties_to_sign_for(user: User, version: AgreementVersion) -> list[Organisation]:
    """The parties of this version for which the person is a signatory and nobody has signed yet."""
    if version.state != VersionState.OUT_FOR_SIGNATURE:
        return []
    return list(
        Organisation.objects.filter(
            pk__in=version.parties.values("organisation"),
        )
        .filter(pk__in=_signatory_of(user).values("organisation"))
        .exclude(pk__in=version.signatures.values("party"))
    )


def _signatory_of(user: User):  # type: ignore[no-untyped-def]
    return Membership.objects.filter(user=user, project=None, role__in=roles_with("agreement.sign")).active()


def _require_signatory(user: User, party: Organisation) -> None:
    token = getattr(user, "token", None)
    if token is not None:
        raise RefusedError([Missing("token_signs", _("Sign in the browser: a token cannot sign."))])
    if not _signatory_of(user).filter(organisation=party).exists():
        raise RefusedError([Missing("not_signatory", _("You are not a signatory of %(name)s.") % {"name": party})])


def _require_parties(project_id: UUID, organisations: Sequence[Organisation]) -> None:
    members = set(
        ProjectParty.objects.filter(project_id=project_id, left_on=None).values_list("organisation_id", flat=True)
    )
    strangers = [o for o in organisations if o.pk not in members]
    if strangers:
        raise InvalidError(_("%(name)s is not a party of this project.") % {"name": strangers[0]}, field="parties")
    if len({o.pk for o in organisations}) != len(organisations) or not organisations:
        raise InvalidError(_("Name each party once."), field="parties")


def _locked(version: AgreementVersion) -> AgreementVersion:
    return (
        AgreementVersion.objects.select_for_update(of=("self",)).select_related("agreement__project").get(pk=version.pk)
    )


def _squeeze(name: str) -> str:
    return " ".join(name.split()).casefold()
