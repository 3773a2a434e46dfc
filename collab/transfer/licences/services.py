"""Verbs on options and licences: draft, change the terms, see what stands in the way, breach, cure, convert, exercise.

Text, negotiation, approvals and signatures are those of the agreement; ending it is too. Here is what a licence adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.acts import named
from collab.agreements.library import TemplateVersion
from collab.agreements.models import AgreementKind, AgreementVersion
from collab.agreements.services import (
    counter_version,
    draft_agreement,
    draft_from_template,
    draft_version,
    edit_version,
    terminate_version,
)
from collab.agreements.states import OPEN_TO_EDITS, STANDING, VersionState
from collab.audit.services import record
from collab.inbox.services import notify, set_obligation
from collab.inbox.states import ObligationKind
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, RefusedError, StaleError
from collab.projects.models import Project
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.services import advance_case
from collab.transfer.disclosures.states import CaseState
from collab.transfer.licences.binding import held_back, obstacles
from collab.transfer.licences.calendar import enter_cure, settle_cure, settle_duty
from collab.transfer.licences.models import Breach, Diligence, Grant, Licence
from collab.transfer.licences.obstacles import Obstacle
from collab.transfer.licences.own import misfit
from collab.transfer.licences.places import FieldOfUse, Place, Territory
from collab.transfer.licences.states import BINDING, Exclusivity, LicenceState
from collab.transfer.licences.writing import carried_over, written_out

KINDS = (AgreementKind.LICENCE.value, AgreementKind.OPTION.value)


@transaction.atomic
def draft_licence(
    *,
    project: Project,
    kind: str,
    reference: str,
    title: str,
    licensor: Organisation,
    licensee: Organisation,
    terms: Mapping[str, Any],
    effective_on: date,
    by: User,
    expires_on: date | None = None,
    title_zh: str = "",
    co_licensors: Sequence[Organisation] = (),
    case: TransferCase | None = None,
    option: Licence | None = None,
    text: str = "",
    text_zh: str = "",
    template_version: TemplateVersion | None = None,
    values: Mapping[str, Any] | None = None,
    **content: Any,
) -> Licence:
    """Write a term sheet: an agreement of the project with the terms of an option or licence bound to its version.

    A template's blanks are filled from parties and terms, and with `values`. Without a text or template the text is the
    terms in words. Raises FaultyInputError naming every term at fault:
    assets one does not own or whose own terms forbid it, parts that do not make 100, a grant that conflicts.
    """
    require(by, "licence.draft", licensor)
    if kind not in KINDS:
        raise InvalidError(_("Choose an option or a licence."), field="kind")
    if licensor == licensee:
        raise InvalidError(_("Nobody licenses to themselves: licensor and licensee are the same."), field="licensee")
    if case is not None:
        _require_fits(case, licensor, project, by)
    if option is not None:
        _require_exercised(option, licensee)
    agreement = draft_agreement(
        project=project,
        reference=reference,
        kind=kind,
        title=title,
        title_zh=title_zh,
        confidential=True,
        by=by,
        from_its_room=True,
    )
    given = {
        **terms,
        "licensors": [str(licensor.pk), *(str(one.pk) for one in co_licensors)],
        "licensee": str(licensee.pk),
        "option": str(option.pk) if option else "",
    }
    licence = Licence.objects.create(
        agreement=agreement,
        case=case,
        licensor=licensor,
        licensee=licensee,
        exclusivity=Exclusivity.NON_EXCLUSIVE,  # the terms of the version say what it is
        starts_on=effective_on,
        ends_on=expires_on,
        created_by=by,
    )
    content |= {
        "effective_on": effective_on,
        "expires_on": expires_on,
        "parties": [licensor, *co_licensors, licensee],
        "particulars": given,
        "proposed_by": licensor,
    }
    if template_version is not None:
        blanks = {field.name for field in template_version.field_list()}
        known = carried_over(given, licensor=licensor, licensee=licensee, effective_on=effective_on)
        filled = {name: value for name, value in known.items() if name in blanks} | dict(values or {})
        draft_from_template(agreement=agreement, template_version=template_version, values=filled, by=by, **content)
    else:
        english, chinese = written_out(agreement, given) if not text.strip() else (text, text_zh)
        draft_version(agreement=agreement, text=english, text_zh=chinese, by=by, **content)
    licence.refresh_from_db()
    _note("licence.draft", licence, by, licensee=licensee.slug, kind=kind)
    return licence


@transaction.atomic
def edit_terms(
    *,
    licence: Licence,
    edit: int,
    by: User,
    terms: Mapping[str, Any],
    effective_on: date | None = None,
    expires_on: date | None = None,
    **content: Any,
) -> AgreementVersion:
    """Change terms of the version under way; what is left out stays. `edit` is the agreement version one has read.

    To what the other side proposed this answers with a counter-version; where nothing is under way it begins new terms.
    """
    require(by, "agreement.draft", licence.agreement)
    version = current_version(licence)
    if version is None:
        raise ConflictError(_("Nothing of this licence is left to change."))
    changed = {**terms_now(licence, version), **terms}
    changes = content | {"particulars": changed}
    if effective_on is not None:
        changes |= {"effective_on": effective_on, "expires_on": expires_on}
    if version.state in STANDING:
        kept = {"text": version.text, "text_zh": version.text_zh, "effective_on": timezone.localdate()}
        parties = [row.organisation for row in version.parties.select_related("organisation")]
        kept |= {"expires_on": version.expires_on, "parties": parties, "governing_law": version.governing_law}
        return draft_version(agreement=licence.agreement, by=by, **(kept | changes))
    if version.state not in OPEN_TO_EDITS:
        raise ConflictError(_("This version is out for signature; withdraw it to change its terms."))
    if version.version != edit:
        raise StaleError(
            _("Somebody changed it since you opened it. Read it again and repeat your change."), now=version.particulars
        )
    if version.state == VersionState.NEGOTIATION and not _speaks_for(by, version.proposed_by):
        return counter_version(version=version, by=by, **changes)
    return edit_version(version=version, edit=edit, by=by, **changes)


@transaction.atomic
def name_case(*, licence: Licence, case: TransferCase, by: User) -> Licence:
    """Say what case a licence without one is about: from now on its income is that case's, and its inventors'."""
    require(by, "licence.draft", licence)
    locked = _locked(licence)
    if locked.case_id is not None:
        raise ConflictError(_("This licence names its case already."))
    found = TransferCase.objects.select_for_update(of=("self",)).select_related("disclosure").get(pk=case.pk)
    _require_fits(found, locked.licensor, locked.agreement.project, by)
    locked.case = found
    locked.version += 1
    locked.save(update_fields=["case", "version"])
    record(  # of the licensor alone, as the case is: the history of the project is read by the others too
        verb="licence.name_case", subject=locked, by=by, organisation_id=locked.licensor_id,
        data=named(locked.agreement) | {"docket": found.docket},
    )  # fmt: skip
    if locked.state in BINDING:
        # `receipts` is the column of a room above; asking through it imports nothing
        paid = locked.receipts.filter(reverses=None, reversed_by=None).exists()
        signed = CaseState.OPTIONED if locked.is_option else CaseState.LICENSED
        advance_case(case=found, stage=CaseState.INCOME if paid else signed, by=by)
    return locked


def _require_fits(case: TransferCase, licensor: Organisation, project: Project, by: User) -> None:
    """Whether a licence of this licensor, out of this project, can be about the case."""
    require(by, "case.view", case)
    if (fault := misfit(case, {licensor.pk}, project)) is not None:
        raise fault


def terms_now(licence: Licence, version: AgreementVersion) -> dict[str, Any]:
    """The terms of a version; of one that stands what further terms go on from.

    That is without the exclusivity that was lost since it was signed, and letting no sublicence end: this each further
    version says for itself.
    """
    if version.state not in STANDING:
        return version.particulars
    now = {name: value for name, value in version.particulars.items() if name != "sublicences_end"}
    return now if licence.converted_on is None else now | {"exclusivity": Exclusivity.NON_EXCLUSIVE.value}


def _speaks_for(user: User, organisation: Organisation | None) -> bool:
    held = Membership.objects.filter(
        user=user, project=None, organisation=organisation, role__in=roles_with("agreement.draft")
    )
    return organisation is None or held.active().exists()


@transaction.atomic
def see_obstacles(*, licence: Licence, keys: Iterable[str], by: User) -> Licence:
    """Say that one has weighed what stands in the way; without it the licence cannot be submitted or sent.

    Raises StaleError when more stands in the way than was seen.
    """
    require(by, "licence.draft", licence)
    locked = _locked(licence)
    found = obstacles(locked, current_version(locked))
    unseen = [one for one in found if one.key not in set(keys)]
    if unseen:
        raise NotReadyError([Missing(f"obstacle.{one.kind}", one.sentence, one.url) for one in unseen])
    locked.seen_obstacles, locked.seen_by = sorted(one.key for one in found), by
    locked.version += 1
    locked.save(update_fields=["seen_obstacles", "seen_by", "version"])
    _note("licence.see_obstacles", locked, by, count=len(found))
    return locked


def open_obstacles(licence: Licence) -> list[Obstacle]:
    """What stands in the way of the version under way, seen or not."""
    version = current_version(licence)
    return obstacles(licence, version) if version is not None and version.state not in STANDING else []


def held_now(licence: Licence, by: User) -> list[Missing]:
    """What must be met before the version under way may be submitted, sent and signed."""
    version = current_version(licence)
    return held_back(licence, version, by) if version is not None and version.state not in STANDING else []


@transaction.atomic
def give_breach(*, licence: Licence, reason: str, cure_by: date, by: User) -> Breach:
    """Tell the licensee that it broke a duty. What the licence grants is closed at once, until that is cured."""
    require(by, "licence.end", licence)
    locked = _locked(licence)
    if locked.state not in {LicenceState.ACTIVE, LicenceState.SUSPENDED}:
        raise ConflictError(_("Only a licence in force that is not in breach already can be broken."))
    if cure_by < timezone.localdate():
        raise InvalidError(_("This day is in the past."), field="cure_by")
    breach = Breach(licence=locked, reason=reason.strip(), cure_by=cure_by, noticed_by=by)
    breach.require_clean()
    breach.save()
    _note("licence.breach", locked, by, reason=breach.reason[:200])
    enter_cure(breach)
    _tell(locked, gettext_lazy("{licence} is in breach: what it grants is closed until that is cured"), by)
    return breach


@transaction.atomic
def cure_breach(*, licence: Licence, by: User) -> Licence:
    """Find that the breach is cured: the licence grants again."""
    require(by, "licence.end", licence)
    locked = _locked(licence)
    breach = Breach.objects.filter(licence=locked, cured_on=None).select_for_update().first()
    if breach is None:
        raise ConflictError(_("This licence is not in breach."))
    breach.cured_on, breach.cured_by = timezone.localdate(), by
    breach.save(update_fields=["cured_on", "cured_by"])
    _note("licence.cure", locked, by)
    settle_cure(breach)
    _tell(locked, gettext_lazy("The breach of {licence} is cured: what it grants is open again"), by)
    return locked


@transaction.atomic
def end_licence(*, licence: Licence, reason: str, by: User) -> Licence:
    """Terminate the licence now: what it granted is closed on the next request."""
    require(by, "licence.end", licence)
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    locked = _locked(licence)
    version = locked.agreement.versions.standing().order_by("-number").first()
    if version is None:
        raise ConflictError(_("Only a signed licence can be terminated; one under way is withdrawn."))
    terminate_version(version=version, by=by, reason=reason)
    _note("licence.end", locked, by, reason=reason.strip()[:200])
    return locked


@transaction.atomic
def make_non_exclusive(*, licence: Licence, reason: str, by: User) -> Licence:
    """Take away the exclusivity because a diligence milestone was missed, where the terms allow it."""
    require(by, "licence.end", licence)
    locked = _locked(licence)
    if not locked.is_shutting:
        raise ConflictError(_("This licence is non-exclusive already."))
    if not locked.convertible:
        raise ConflictError(_("The terms do not allow it: a new version of the licence is needed."))
    if locked.state not in {LicenceState.ACTIVE, LicenceState.IN_BREACH, LicenceState.SUSPENDED}:
        raise ConflictError(_("Only a licence in force can be made non-exclusive."))
    if not any(row.is_late for row in Diligence.objects.filter(licence=locked)):
        raise ConflictError(_("No diligence milestone was missed."))
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    locked.exclusivity, locked.converted_on = Exclusivity.NON_EXCLUSIVE, timezone.localdate()
    locked.version += 1
    locked.save(update_fields=["exclusivity", "converted_on", "version"])
    Grant.objects.filter(licence=locked).update(shuts=False)
    _note("licence.convert", locked, by, reason=reason.strip()[:200])
    _tell(locked, gettext_lazy("{licence} is non-exclusive from today on"), by)
    return locked


@transaction.atomic
def meet_diligence(
    *, diligence: Diligence, version: int, by: User, met_on: date | None = None, note: str = ""
) -> Diligence:
    """Find that a diligence milestone is reached."""
    licence = diligence.licence
    require(by, "licence.end", licence)
    locked = Diligence.objects.select_for_update(of=("self",)).select_related("licence__agreement").get(pk=diligence.pk)
    if locked.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Read it again and repeat your change."),
            now={"met_on": locked.met_on, "note": locked.note},
        )
    if locked.met_on is not None:
        raise ConflictError(_("This is reached already."))
    day = met_on or timezone.localdate()
    if day > timezone.localdate():
        raise InvalidError(_("This day is in the future."), field="met_on")
    locked.met_on, locked.note, locked.version = day, note.strip(), locked.version + 1
    locked.require_clean()
    locked.save(update_fields=["met_on", "note", "version"])
    settle_duty(locked)
    _note("licence.meet_diligence", locked.licence, by, title=locked.title)
    return locked


@transaction.atomic
def exercise_option(*, option: Licence, by: User) -> Licence:
    """The holder of an option says that it wants the licence; from now on the parties negotiate it."""
    require(by, "licence.exercise", option)
    locked = _locked(option)
    if not locked.is_option:
        raise ConflictError(_("Only an option can be exercised."))
    if locked.exercised_on is not None:
        raise ConflictError(_("This option was exercised already."))
    if locked.state != LicenceState.ACTIVE:
        raise ConflictError(_("Only an option in force can be exercised."))
    locked.exercised_on = timezone.localdate()
    locked.version += 1
    locked.save(update_fields=["exercised_on", "version"])
    if locked.negotiation_days is not None:
        set_obligation(
            source=locked,
            kind=ObligationKind.NOTICE,
            title=format_lazy(
                gettext_lazy("{licence}: the time to negotiate the licence ends"), licence=locked.agreement
            ),
            due_on=locked.exercised_on + timedelta(days=locked.negotiation_days),
            url=locked.get_absolute_url(),
            organisation=locked.licensor,
        )
    _note("licence.exercise", locked, by)
    _tell(locked, gettext_lazy("The option {licence} was exercised: the licence is to be negotiated"), by)
    return locked


def _require_exercised(option: Licence, licensee: Organisation) -> None:
    if not option.is_option or option.licensee_id != licensee.pk:
        raise InvalidError(_("Name an option of this licensee."), field="option")
    if option.exercised_on is None:
        raise InvalidError(_("This option was not exercised."), field="option")


@transaction.atomic
def add_place(*, model: type[FieldOfUse] | type[Territory], code: str, name: str, by: User, **facts: Any) -> Place:
    """Add a field of use or a territory for everybody. Raises InvalidError for a code that is taken."""
    if not by.is_superuser:
        raise RefusedError([Missing("not_platform", _("Only the platform's administrators extend this list."))])
    row = model(code=code, name=name, **facts)
    if row.parent_id is None:
        raise InvalidError(_("Say of what it is a part: what stands for everything is there already."), field="parent")
    if "/" in code or model.objects.filter(code=code).exists():
        raise InvalidError(_("This code is taken, or holds a slash."), field="code")
    row.require_clean(exclude=["path"])
    row.save()
    record(verb="licence.add_place", subject=row, by=by, data={"code": code, "name": name})
    return row


def current_version(licence: Licence) -> AgreementVersion | None:
    """The version that people work on or, where none is under way, the one that stands."""
    rows = licence.agreement.versions.select_related("agreement__project", "proposed_by").order_by("-number")
    return rows.under_way().first() or rows.standing().first()


def _locked(licence: Licence) -> Licence:
    rows = Licence.objects.select_for_update(of=("self",))
    return rows.select_related("agreement__project", "licensor", "licensee").get(pk=licence.pk)


def _note(verb: str, licence: Licence, by: User, **data: Any) -> None:
    record(
        verb=verb,
        subject=licence,
        by=by,
        project_id=licence.agreement.project_id,
        organisation_id=licence.licensor_id,
        data=named(licence.agreement) | data,
    )


def _tell(licence: Licence, title: Any, by: User) -> None:
    """Let those on both sides know who may see the licence."""
    rows = Membership.objects.filter(
        organisation__in=[licence.licensor_id, licence.licensee_id], project=None, role__in=roles_with("licence.view")
    ).active()
    people = User.objects.filter(pk__in=rows.values("user"), is_active=True).exclude(pk=by.pk).order_by("pk")
    notify(
        people=people,
        kind="agreement",
        title=format_lazy(title, licence=licence.agreement),
        url=licence.get_absolute_url(),
    )
