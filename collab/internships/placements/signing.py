"""The tripartite learning agreement: an internship agreement of the two organisations that the student signs as well.

It is drafted, approved, signed, sealed and replaced as every other agreement; the student signs the same hash. A
change is a further version of it: it counts once all three have signed, and not before.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import User
from collab.agreements.approving import approvals_required, submit_version
from collab.agreements.library import TemplateVersion
from collab.agreements.models import AgreementVersion
from collab.agreements.services import (
    decline_beside,
    draft_agreement,
    draft_from_template,
    send_for_signature,
    withdraw_version,
)
from collab.agreements.states import STANDING, VersionState
from collab.internships.oneself import require_other
from collab.internships.placements.framing import kept_in
from collab.internships.placements.models import Placement, StudentSignature
from collab.internships.placements.required import missing_for
from collab.internships.placements.services import hold_agreement_of, locked_placement, move_access, note_act
from collab.internships.placements.states import PLACEMENT_MOVES, PlacementState
from collab.internships.telling import tell, who_run
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, RefusedError

# What the text needs beyond the placement, unless whoever drafts it says otherwise.
DEFAULTS: dict[str, Any] = {
    "review_weeks": 2, "publication_days": 30, "secrecy_years": 3, "end_days": 14, "evaluation_days": 14,
    "language_rule": "both",
}  # fmt: skip
CHANGEABLE = ("starts_on", "ends_on", "hours", "pay", "credits", "tasks", "outcomes", "monitoring")
_DAYS = {"starts_on", "ends_on"}


@transaction.atomic
def draft_learning_agreement(*, placement: Placement, governing_law: str, by: User, **values: Any) -> AgreementVersion:
    """Write the agreement from the placement and ask for the signatures, or first for the approvals that parties want.

    Raises NotReadyError naming what is missing. When a party did not sign, it is drafted anew.
    """
    require(by, "placement.manage", placement)
    locked = locked_placement(placement)
    require_other(by, locked.student)
    if locked.state != PlacementState.OUT_FOR_SIGNATURE:
        PLACEMENT_MOVES.require("send", locked.state, what=str(locked))
    elif is_alive(locked):
        raise ConflictError(_("The learning agreement is on its way to the signatures, or came back to be mended."))
    _require_ready(locked)
    if locked.agreement is None:
        locked.agreement = draft_agreement(
            project=kept_in(locked, by), reference=f"INT-{str(locked.pk)[:8].upper()}", kind="internship",
            title=f"Internship of {locked.student}"[:160], title_zh=f"实习协议：{locked.student}"[:160],
            confidential=True, by=by,
        )  # fmt: skip
    version = _draft(locked, {}, governing_law, by, values)
    locked.state = PlacementState.OUT_FOR_SIGNATURE
    _save(locked, "send", by)
    return version


@transaction.atomic
def propose_change(*, placement: Placement, reason: str, by: User, **changes: Any) -> AgreementVersion:
    """Write a further version with other terms. Until all three have signed it, the placement stays as it is."""
    require(by, "placement.manage", placement)
    locked = locked_placement(placement)
    require_other(by, locked.student)
    PLACEMENT_MOVES.require("change", locked.state, what=str(locked))
    unknown = sorted(set(changes) - set(CHANGEABLE))
    if unknown:
        raise InvalidError(_("There is no such field."), field=unknown[0])
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    if locked.agreement is None:
        raise ConflictError(_("There is no learning agreement yet."))
    if _waits(locked):  # what is pending belongs to it, and is written into the placement once it is signed
        raise ConflictError(
            _("A change waits for its signatures: it is signed or declined before another is proposed.")
        )
    changes = {name: value for name, value in changes.items() if value != getattr(locked, name)}
    if not changes:
        raise InvalidError(_("Nothing would change."), field="reason")
    if "starts_on" in changes and timezone.now() >= locked.begins_at:
        raise InvalidError(_("It has begun already."), field="starts_on")
    trial = Placement.objects.get(pk=locked.pk)
    for name, value in changes.items():
        setattr(trial, name, value)
    trial.require_clean()
    if trial.is_over_at <= timezone.now():
        raise InvalidError(_("This day has passed; end the placement instead."), field="ends_on")
    _require_ready(trial)
    last = locked.agreement.versions.order_by("-number").first()
    law = (last.template_values or {}).get("governing_law", "") if last else ""
    locked.pending = {
        name: value.isoformat() if isinstance(value, date) else str(value) for name, value in changes.items()
    }
    if _DAYS & set(changes):
        locked.pending["dates_reason"] = reason.strip()[:500]
    version = _draft(locked, changes, law, by, dict((last.template_values or {}) if last else {}))
    _save(locked, "propose_change", by, fields=sorted(changes))
    return version


@transaction.atomic
def sign_as_student(*, placement: Placement, typed_name: str, document_sha256: str, by: User) -> StudentSignature:
    """Sign for oneself exactly what the two organisations sign. Twice changes nothing.

    Raises ConflictError when the document is not the one that was shown, or none waits for a signature.
    """
    require(by, "placement.sign", placement)
    if getattr(by, "token", None) is not None:
        raise RefusedError([Missing("token_signs", _("Sign in the browser: a token cannot sign."))])
    hold_agreement_of(placement)
    locked = locked_placement(placement)
    version = version_to_sign(locked)
    if version is None:
        raise ConflictError(_("No learning agreement waits for your signature."))
    known = StudentSignature.objects.filter(version_signed=version).first()
    if known is not None:
        return known
    if document_sha256 != version.document_sha256 or version.document_hash() != version.document_sha256:
        raise ConflictError(_("The document is not the one you were shown. Open it again and read it before signing."))
    if " ".join(typed_name.split()).casefold() != " ".join(by.name.split()).casefold():
        text = _("Type your name exactly as it is in your profile: %(name)s.") % {"name": by.name}
        raise InvalidError(text, field="typed_name")
    row = StudentSignature(
        placement=locked, version_signed=version, typed_name=typed_name.strip(), document_sha256=document_sha256
    )
    row.require_clean()
    row.save()
    note_act("student_sign", locked, by, sha256=document_sha256)
    if version.state in STANDING:
        _signed_by_all(locked, by)
    return row


@transaction.atomic
def decline_as_student(*, placement: Placement, reason: str, by: User) -> AgreementVersion:
    """Say no for oneself, and why: the version is over for all three, as when a party declines."""
    require(by, "placement.sign", placement)
    hold_agreement_of(placement)
    locked = locked_placement(placement)
    version = version_to_sign(locked)
    if version is None or StudentSignature.objects.filter(version_signed=version).exists():
        raise ConflictError(_("No learning agreement waits for your signature."))
    over = decline_beside(version=version, reason=reason, by=by)
    note_act("student_decline", locked, by, sha256=over.document_sha256)
    return over


@transaction.atomic
def take_back_agreement(*, placement: Placement, by: User) -> AgreementVersion:
    """What came back from an approval is withdrawn, so that the terms can be changed and written anew."""
    require(by, "placement.manage", placement)
    require_other(by, placement.student)
    hold_agreement_of(placement)
    locked = locked_placement(placement)
    version = returned_version(locked)
    if version is None:
        raise ConflictError(_("No learning agreement came back."))
    over = withdraw_version(version=version, by=by)
    note_act("take_back", locked, by, number=over.number)
    return over


def newest_version(placement: Placement) -> AgreementVersion | None:
    """The last that was written, whatever became of it."""
    if placement.agreement is None:
        return None
    return placement.agreement.versions.select_related("agreement__project").order_by("-number").first()


def returned_version(placement: Placement) -> AgreementVersion | None:
    """The newest version where nobody asks for approvals or signatures: it came back to those who wrote it."""
    version = newest_version(placement)
    back = {VersionState.DRAFT, VersionState.NEGOTIATION}
    return version if version is not None and version.state in back else None


def version_to_sign(placement: Placement) -> AgreementVersion | None:
    """The version that counts now: out for signature, or signed by the two organisations."""
    if placement.agreement is None:
        return None
    rows = placement.agreement.versions.select_related("agreement__project")
    return rows.filter(state__in=[VersionState.OUT_FOR_SIGNATURE, *STANDING]).order_by("-number").first()


def signed_version(placement: Placement) -> AgreementVersion | None:
    """The newest version that all three have signed, whether or not it has ended since."""
    if placement.agreement is None:
        return None
    rows = placement.agreement.versions.select_related("agreement__project", "student_signature")
    return rows.filter(executed_at__isnull=False, student_signature__isnull=False).order_by("-number").first()


def student_has_to_sign(version: AgreementVersion) -> bool:
    """Whether it is the agreement of a placement, and the student has not signed this version."""
    kept = Placement.objects.filter(agreement=version.agreement_id)
    return kept.exists() and not StudentSignature.objects.filter(version_signed=version).exists()


def agreement_executed(version: AgreementVersion, by: User) -> None:
    """The two organisations have signed; with the student's signature under the same hash it is complete."""
    placement = Placement.objects.filter(agreement=version.agreement_id).first()
    if placement is None:
        return
    locked = locked_placement(placement)
    if StudentSignature.objects.filter(version_signed=version, document_sha256=version.document_sha256).exists():
        _signed_by_all(locked, by)
    else:
        tell(locked, gettext_lazy("Your signature is missing: {row}"), [locked.student])


def agreement_ended(version: AgreementVersion, by: User) -> None:
    """A party declined, or it was taken back or ended: the terms can be written anew, and a change is off."""
    placement = Placement.objects.filter(agreement=version.agreement_id).first()
    if placement is None:
        return
    locked = locked_placement(placement)
    if locked.state == PlacementState.OUT_FOR_SIGNATURE and not is_alive(locked):
        locked.state = PLACEMENT_MOVES.require("unsend", locked.state, what=str(locked))
        _save(locked, "unsend", by)
        title = gettext_lazy("The learning agreement was not signed, its terms can be changed: {row}")
    elif locked.pending and not _waits(locked):
        fields, locked.pending = sorted(locked.pending), {}
        _save(locked, "drop_change", by, fields=fields)
        title = gettext_lazy("The change was not signed, the placement stays as it is: {row}")
    else:
        return
    people = [locked.student, locked.mentor, *who_run(locked.university, "placement.manage")]
    tell(locked, title, people, but=by)


def _waits(placement: Placement) -> bool:
    """Whether a version is on its way, or signed by the two organisations and not yet by the student."""
    if placement.agreement is not None and placement.agreement.versions.under_way().exists():
        return True
    version = version_to_sign(placement)
    return version is not None and not StudentSignature.objects.filter(version_signed=version).exists()


def _signed_by_all(placement: Placement, by: User) -> None:
    if placement.state == PlacementState.OUT_FOR_SIGNATURE:
        placement.state = PLACEMENT_MOVES.require("sign", placement.state, what=str(placement))
        _save(placement, "sign", by)
        people = who_run(placement.university, "placement.manage")
        tell(
            placement,
            gettext_lazy("The learning agreement is signed by all three: {row}"),
            [placement.student, *people],
        )
        return
    if not placement.pending:
        return
    for name, text in placement.pending.items():
        value = date.fromisoformat(text) if name in _DAYS else placement._meta.get_field(name).to_python(text)
        setattr(placement, name, value)
    fields = sorted(placement.pending)
    placement.pending = {}
    move_access(placement)
    _save(placement, "change", by, fields=fields)
    tell(placement, gettext_lazy("The change is signed by all three: {row}"), [placement.student, placement.mentor])


def _draft(
    placement: Placement, changes: dict[str, Any], governing_law: str, by: User, values: dict[str, Any]
) -> AgreementVersion:
    """A version with these terms, on its way to the signatures."""
    told = {name: changes.get(name, getattr(placement, name)) for name in CHANGEABLE}
    parties = [placement.university, placement.host]
    given = DEFAULTS | values | {
        "university": placement.university.slug,
        "host": placement.host.slug,
        "insurance_party": placement.university.slug,
        "results_party": values.get("results_party") or placement.host.slug,
        "student_name": str(placement.student),
        "begins_on": told["starts_on"].isoformat(),
        "ends_on": told["ends_on"].isoformat(),
        "weekly_hours": told["hours"],
        "tasks": told["tasks"],
        "learning_aims": told["outcomes"],
        "monitoring": told["monitoring"],
        "credits": told["credits"],
        "mentor": str(placement.mentor),
        "supervisor": str(placement.supervisor),
        "allowance": told["pay"],
        "currency": placement.currency,
        "governing_law": governing_law,
    }  # fmt: skip
    today = timezone.localdate()
    version = draft_from_template(
        agreement=placement.agreement,
        template_version=_template(),
        values=given,
        parties=parties,
        effective_on=min(today, told["starts_on"]),
        expires_on=told["ends_on"] + timedelta(days=1),
        by=by,
    )
    if approvals_required(version):
        return submit_version(version=version, by=by)
    return send_for_signature(version=version, by=by)


def _template() -> TemplateVersion:
    row = TemplateVersion.objects.filter(template__code="internship").order_by("-number").first()
    if row is None:
        text = _(
            "The template of internship agreements is not loaded: an administrator runs “manage.py load_templates”."
        )
        raise NotReadyError([Missing("no_template", text)])
    return row


def is_alive(placement: Placement) -> bool:
    """Whether a version is on its way, or signed by the two organisations and not ended."""
    if placement.agreement is None:
        return False
    versions = placement.agreement.versions
    return versions.under_way().exists() or versions.standing().exists()


def _require_ready(placement: Placement) -> None:
    missing = missing_for("send", placement)
    if missing:
        raise NotReadyError(missing)


def _save(placement: Placement, verb: str, by: User, **data: Any) -> None:
    placement.version += 1
    placement.save()
    note_act(verb, placement, by, **data)
