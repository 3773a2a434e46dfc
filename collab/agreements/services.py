"""Verbs on agreements: draft, edit, send, sign (sealed exactly once), decline, withdraw, suspend, resume, terminate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.acts import named
from collab.agreements.approving import approvals_required, hold_approvals, void_approvals
from collab.agreements.asking import answer_signature, ask_for_signatures, lapse_signatures, tell
from collab.agreements.calendar import enter_dates, settle_dates
from collab.agreements.content import CONTENT_FIELDS, Content, CoverageTerm, asdict_of, checked, content_of, written
from collab.agreements.duties import DutyTerm, SurvivingDuty
from collab.agreements.hooks import ended, executed, waits_beside
from collab.agreements.library import TemplateVersion, read_values, rendered
from collab.agreements.models import Agreement, AgreementKind, AgreementVersion, EndedAs, Signature
from collab.agreements.particulars import particulars_of, reserved_kinds
from collab.agreements.states import STANDING, UNDER_WAY, VERSION_MOVES, VersionState
from collab.audit.services import record
from collab.kernel.errors import ConflictError, ExpiredError, InvalidError, NotReadyError, RefusedError, StaleError
from collab.projects.models import Project, ProjectParty

_FORMAT = 3  # of the document that is signed; AgreementVersion.document() still writes the earlier ones
__all__ = ["Content", "CoverageTerm", "DutyTerm", "content_of"]


@transaction.atomic
def draft_agreement(
    *,
    project: Project,
    reference: str,
    kind: str,
    title: str,
    by: User,
    title_zh: str = "",
    parent: Agreement | None = None,
    amends: Agreement | None = None,
    confidential: bool = False,
    from_its_room: bool = False,
) -> Agreement:
    """Begin an agreement in a project; its text comes with the first version. An amendment names what it changes.

    Kinds whose terms another room adds are begun by that room alone, which says so with `from_its_room`.
    """
    require(by, "agreement.draft", project)
    if kind not in AgreementKind.values:
        raise InvalidError(_("Choose a kind of agreement."), field="kind")
    page = reserved_kinds().get(kind)
    if page is not None and not from_its_room:
        text = _("%(kind)s: it begins with its terms, on a page of its own.") % {"kind": AgreementKind(kind).label}
        raise NotReadyError([Missing("reserved_kind", text, reverse(page))])
    if Agreement.objects.filter(project=project, reference=reference).exists():
        raise InvalidError(
            _("The reference “%(ref)s” is taken; choose another.") % {"ref": reference}, field="reference"
        )
    if (kind == AgreementKind.AMENDMENT) != (amends is not None):
        raise InvalidError(_("An amendment, and only an amendment, names the agreement it changes."), field="amends")
    for name, other in (("parent", parent), ("amends", amends)):
        if other is not None and other.project_id != project.pk:
            raise InvalidError(_("Choose an agreement of this project."), field=name)
    if amends is not None and not amends.versions.standing().filter(replaced_on=None).exists():
        raise InvalidError(_("Only an agreement that is signed and not ended can be amended."), field="amends")
    if amends is not None and particulars_of(amends) is not None:
        raise InvalidError(_("Its terms change by a further version of itself, not by an amendment."), field="amends")
    agreement = Agreement(
        project=project,
        reference=reference,
        kind=kind,
        title=title,
        title_zh=title_zh,
        parent=parent,
        amends=amends,
        confidential=confidential,
        created_by=by,
    )
    agreement.require_clean()
    agreement.save()
    record(verb="agreement.draft", subject=agreement, by=by, project_id=project.pk, data=named(agreement))
    return agreement


@transaction.atomic
def edit_agreement(*, agreement: Agreement, version: int, by: User, **changes: Any) -> Agreement:
    """Change title, confidentiality or parent while nothing of it was sent: they are part of what is signed."""
    require(by, "agreement.draft", agreement)
    locked = Agreement.objects.select_for_update().get(pk=agreement.pk)
    if locked.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Read it again and repeat your change."),
            now={name: getattr(locked, name) for name in changes},
        )
    if locked.versions.exclude(sent_at=None).exists():
        raise ConflictError(_("A version was sent for signature, so title and confidentiality stay as they are."))
    for name, value in changes.items():
        if name not in {"title", "title_zh", "confidential", "parent"}:
            raise InvalidError(_("There is no such field."), field=name)
        setattr(locked, name, value)
    if locked.parent is not None and (locked.parent.project_id != locked.project_id or locked.parent == locked):
        raise InvalidError(_("Choose an agreement of this project."), field="parent")
    locked.version += 1
    locked.require_clean()
    locked.save()
    record(
        verb="agreement.edit",
        subject=locked,
        by=by,
        project_id=locked.project_id,
        data=named(locked) | {"fields": sorted(changes)},
    )
    return locked


@transaction.atomic
def draft_version(
    *, agreement: Agreement, by: User, proposed_by: Organisation | None = None, **content: Any
) -> AgreementVersion:
    """Write a further version; `content` are the fields of `Content`. One under way blocks it."""
    require(by, "agreement.draft", agreement)
    locked = Agreement.objects.select_for_update().get(pk=agreement.pk)
    if locked.versions.under_way().exists():
        raise ConflictError(_("Finish or withdraw the version in progress first."))
    return _new_version(locked, Content(**content), by, proposed_by=proposed_by)


@transaction.atomic
def draft_from_template(
    *,
    agreement: Agreement,
    template_version: TemplateVersion,
    values: Mapping[str, Any],
    by: User,
    **content: Any,
) -> AgreementVersion:
    """Write a version whose two texts come from a template, with the same values in both.

    Raises FaultyInputError that names each blank at fault.
    """
    require(by, "agreement.draft", agreement)
    if template_version.template.kind != agreement.kind:
        raise InvalidError(_("This template is for another kind of agreement."), field="template")
    parties = list(
        content.get("parties")
        or Organisation.objects.filter(project_parties__project_id=agreement.project_id, project_parties__left_on=None)
    )
    kept = read_values(template_version.field_list(), values, parties)
    text, text_zh = rendered(template_version, kept, parties)
    given = {"text": text, "text_zh": text_zh, "template_version": template_version, "template_values": kept}
    return draft_version(agreement=agreement, by=by, **(content | given))


@transaction.atomic
def edit_version(*, version: AgreementVersion, edit: int, by: User, **changes: Any) -> AgreementVersion:
    """Change what a version says, until it is sent. `edit` is the `version` field one has read.

    Voids the approvals given so far. Raises ConflictError from sending on, StaleError after another edit.
    """
    require(by, "agreement.draft", version)
    hold_approvals(version)
    locked = locked_version(version)
    move = "edit" if locked.state == VersionState.DRAFT else "rework"
    state = VERSION_MOVES.require(move, locked.state, what=str(locked))
    if locked.version != edit:
        raise StaleError(
            _("Somebody changed it since you opened it. Read it again and repeat your change."),
            now={name: value for name, value in content_of(locked).items() if name in changes},
        )
    unknown = sorted(set(changes) - CONTENT_FIELDS)
    if unknown:
        raise InvalidError(_("There is no such field."), field=unknown[0])
    content = Content(**(content_of(locked) | changes))
    parties = checked(content, locked.agreement, by)
    void_approvals(locked, by)
    locked.state = state
    locked.version += 1
    written(locked, content, parties, by)
    note("agreement.edit_version", locked, by, number=locked.number)
    return locked


@transaction.atomic
def counter_version(
    *, version: AgreementVersion, by: User, proposed_by: Organisation | None = None, **changes: Any
) -> AgreementVersion:
    """Answer a version in negotiation with another: it begins with the same content and takes the place of it."""
    require(by, "agreement.draft", version)
    agreement = Agreement.objects.select_for_update().get(pk=version.agreement_id)
    locked = locked_version(version)
    locked.state = VERSION_MOVES.require("counter", locked.state, what=str(locked))
    locked.ended_at, locked.ended_as = timezone.now(), EndedAs.COUNTERED
    locked.save(update_fields=["state", "ended_at", "ended_as"])
    content = Content(**(content_of(locked) | changes))
    return _new_version(
        agreement, content, by, proposed_by=proposed_by, based_on=locked, state=VersionState.NEGOTIATION
    )


def _new_version(
    agreement: Agreement,
    content: Content,
    by: User,
    *,
    proposed_by: Organisation | None,
    based_on: AgreementVersion | None = None,
    state: VersionState = VersionState.DRAFT,
) -> AgreementVersion:
    parties = checked(content, agreement, by)
    if proposed_by is not None and proposed_by not in parties:
        raise InvalidError(_("%(name)s is not a party of this version.") % {"name": proposed_by}, field="proposed_by")
    number = (agreement.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    version = AgreementVersion(
        agreement=agreement,
        number=number,
        state=state,
        based_on=based_on,
        proposed_by=proposed_by or _side_of(by, agreement, parties),
        negotiated_at=timezone.now() if state == VersionState.NEGOTIATION else None,
        created_by=by,
    )
    written(version, content, parties, by)
    note("agreement.counter" if based_on else "agreement.draft_version", version, by, number=number)
    return version


def _side_of(user: User, agreement: Agreement, parties: Sequence[Organisation]) -> Organisation | None:
    """The party whose drafter the person is."""
    mine = Membership.objects.filter(user=user, role__in=roles_with("agreement.draft"), organisation__in=parties)
    held = mine.active().filter(project__in=[agreement.project_id]) | mine.active().filter(project=None)
    first = held.select_related("organisation").first()
    return first.organisation if first else None


@transaction.atomic
def negotiate_version(*, version: AgreementVersion, by: User) -> AgreementVersion:
    """Lay a version before the other parties: they comment, and answer with a counter-version."""
    require(by, "agreement.draft", version)
    hold_approvals(version)
    locked = locked_version(version)
    locked.state = VERSION_MOVES.require("negotiate", locked.state, what=str(locked))
    void_approvals(locked, by)
    locked.negotiated_at = locked.negotiated_at or timezone.now()
    locked.save(update_fields=["state", "negotiated_at"])
    note("agreement.negotiate", locked, by, number=locked.number)
    return locked


@transaction.atomic
def send_for_signature(*, version: AgreementVersion, by: User) -> AgreementVersion:
    """Freeze the version and ask every party's signatory. From here on the hash binds."""
    require(by, "agreement.draft", version)
    locked = locked_version(version)
    target = VERSION_MOVES.require("send", locked.state, what=str(locked))
    if locked.state != VersionState.AGREED and approvals_required(locked):
        raise ConflictError(_("Submit it for the internal approvals first: a party needs them before it signs."))
    if locked.parties.count() < 2:
        raise InvalidError(_("An agreement needs at least two parties."), field="parties")
    if room := particulars_of(locked.agreement):
        room.ready(locked, by)
    locked.format, locked.background, locked.names = _FORMAT, locked.background_shown(), locked.names_shown()
    locked.state, locked.sent_at = target, timezone.now()
    locked.document_sha256 = locked.document_hash()
    locked.save(update_fields=["state", "format", "background", "names", "document_sha256", "sent_at"])
    note("agreement.send", locked, by, sha256=locked.document_sha256)
    ask_for_signatures(locked, by)
    return locked


@transaction.atomic
def sign_version(
    *, version: AgreementVersion, party: Organisation, typed_name: str, capacity: str, document_sha256: str, by: User
) -> AgreementVersion:
    """Sign for one party; the last signature seals the version.

    `document_sha256` is the hash of what the signer was shown. Raises ConflictError when the document changed since,
    when it is another party's turn, when the party has signed through somebody else, or when signing is over;
    signing twice oneself changes nothing.
    """
    require(by, "agreement.view", version)
    locked = locked_version(version)  # the row lock comes first: two signers counting at once seal twice, or never
    _require_party(locked, party)
    _require_signatory(by, party)
    require(by, "agreement.sign", locked)
    mine = locked.signatures.filter(party=party).first()
    if mine is not None:
        if mine.signer_id == by.pk:
            return locked
        raise ConflictError(_("%(name)s has already signed for %(party)s.") % {"name": mine.typed_name, "party": party})
    VERSION_MOVES.require("sign", locked.state, what=str(locked))
    if locked.expires_on is not None and locked.expires_on <= timezone.localdate():
        raise ExpiredError(_("This version expired before it was signed; draft a new one."))
    if document_sha256 != locked.document_sha256 or locked.document_hash() != locked.document_sha256:
        raise ConflictError(_("The document is not the one you were shown. Open it again and read it before signing."))
    if locked.format > 2 and locked.names_now() != locked.names:
        raise ConflictError(
            _("The project or a party was renamed since this was sent. Withdraw it and send it under the new name."),
            code="renamed",
        )
    if not locked.parties.whose_turn().filter(organisation=party).exists():
        raise ConflictError(_("It is not the turn of %(party)s: others sign first.") % {"party": party})
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
    note("agreement.sign", locked, by, party=party.slug, sha256=document_sha256)
    answer_signature(locked, party, by, signed=True, reason="")
    if locked.signatures.count() == locked.parties.count():
        _seal(locked, by=by)
    else:
        ask_for_signatures(locked, by)
    return locked


def _seal(version: AgreementVersion, *, by: User) -> None:
    amended = version.agreement.amends
    if amended is not None and not amended.versions.standing().filter(replaced_on=None).exists():
        text = _("%(agreement)s, which this amends, has ended or was amended in the meantime. Withdraw this version.")
        raise ConflictError(text % {"agreement": amended}, code="amended_ended")
    replaced = [version.agreement_id, version.agreement.amends_id]
    older = AgreementVersion.objects.standing().filter(agreement__in=[pk for pk in replaced if pk is not None])
    for row in older.select_for_update(of=("self",)).select_related("agreement__project").order_by("pk"):
        _replace(row, version)
    version.state = VERSION_MOVES.require("seal", version.state, what=str(version))
    version.executed_at = timezone.now()
    version.save(update_fields=["state", "executed_at"])
    enter_dates(version)
    note("agreement.execute", version, by, sha256=version.document_sha256)
    tell(version, gettext_lazy("{agreement} is signed by all parties"), by)
    executed(version, by)


def _replace(older: AgreementVersion, newer: AgreementVersion) -> None:
    """From the first day of the newer one the older has no effect; until then it holds."""
    if older.replaced_on is None or newer.effective_on < older.replaced_on:
        older.replaced_on, older.replaced_by = newer.effective_on, newer
    if older.replaced_on <= timezone.localdate():
        older.state = VERSION_MOVES.require("supersede", older.state, what=str(older))
        older.ended_at = timezone.now()
    older.save(update_fields=["state", "ended_at", "replaced_on", "replaced_by"])
    settle_dates(older)


@transaction.atomic
def decline_version(*, version: AgreementVersion, party: Organisation, reason: str, by: User) -> AgreementVersion:
    """Say no for one party, and why. The version is over; the parties go on with another."""
    require(by, "agreement.view", version)
    locked = locked_version(version)
    _require_party(locked, party)
    _require_signatory(by, party)
    if locked.signatures.filter(party=party).exists():
        raise ConflictError(_("%(party)s has signed this version.") % {"party": party})
    over = _end(locked, "decline", by, reason=_reason(reason), ended_as=EndedAs.DECLINED, party=party.slug)
    answer_signature(over, party, by, signed=False, reason=over.reason)
    lapse_signatures(over, by)
    tell(over, gettext_lazy("A party declined to sign {agreement}"), by)
    ended(over, by)
    return over


@transaction.atomic
def decline_beside(*, version: AgreementVersion, reason: str, by: User) -> AgreementVersion:
    """Somebody who is no party, and whose signature it needs as well, says no and why: it is over.

    For the room that asks for this signature (the student's, of an internship), which has asked the policy for its own
    word. What the parties have signed already ends with it, and what it had replaced has effect again.
    """
    locked = locked_version(version)
    if locked.state in STANDING:
        over = _terminate(locked, by, _reason(reason))
        _reinstate_before(over, by)
        enter_dates(over)
    else:
        over = _end(locked, "decline", by, reason=_reason(reason), ended_as=EndedAs.DECLINED)
        lapse_signatures(over, by)
    tell(over, gettext_lazy("{agreement} was not signed by the person it is about"), by)
    ended(over, by)
    return over


@transaction.atomic
def withdraw_version(*, version: AgreementVersion, by: User, reason: str = "") -> AgreementVersion:
    """Take back what was not signed by all. Signatures given stay on record."""
    require(by, "agreement.draft", version)
    hold_approvals(version)
    over = _withdraw(locked_version(version), by, reason.strip())
    ended(over, by)
    return over


def party_gone(party: ProjectParty, by: User) -> None:
    """Inside the verb by which a party leaves: what it was to sign cannot be concluded any more, so it is withdrawn."""
    rows = AgreementVersion.objects.under_way().filter(
        agreement__project=party.project_id, parties__organisation=party.organisation_id
    )
    for version in rows.distinct().order_by("pk"):
        hold_approvals(version)
        locked = locked_version(version)
        if "withdraw" not in VERSION_MOVES.open_from(locked.state):
            continue
        ended(_withdraw(locked, by, ""), by)
        tell(locked, gettext_lazy("{agreement} was withdrawn: one of its parties has left the project"), by)


@transaction.atomic
def suspend_version(*, version: AgreementVersion, reason: str, by: User) -> AgreementVersion:
    """Stop an executed version for a while: what it covered is closed on the next request."""
    require(by, "agreement.end", version)
    locked = locked_version(version)
    locked.state = VERSION_MOVES.require("suspend", locked.state, what=str(locked))
    locked.suspended_at, locked.reason = timezone.now(), _reason(reason)
    locked.require_clean()
    locked.save(update_fields=["state", "suspended_at", "reason"])
    note("agreement.suspend", locked, by)
    tell(locked, gettext_lazy("{agreement} is suspended: what it covered is closed"), by)
    return locked


@transaction.atomic
def resume_version(*, version: AgreementVersion, by: User) -> AgreementVersion:
    """Let a suspended version have effect again."""
    require(by, "agreement.end", version)
    locked = locked_version(version)
    locked.state = VERSION_MOVES.require("resume", locked.state, what=str(locked))
    locked.suspended_at, locked.reason = None, ""
    locked.save(update_fields=["state", "suspended_at", "reason"])
    note("agreement.resume", locked, by)
    tell(locked, gettext_lazy("{agreement} has effect again"), by)
    return locked


@transaction.atomic
def terminate_version(
    *, version: AgreementVersion, by: User, reason: str = "", duties: Sequence[DutyTerm] = ()
) -> AgreementVersion:
    """End an executed version now: what it covered stops on the next request, its surviving duties begin to count.

    Where somebody who is no party has yet to sign it, what it had replaced has effect again.
    """
    require(by, "agreement.end", version)
    over = _terminate(locked_version(version), by, reason.strip())
    if waits_beside(over):
        _reinstate_before(over, by)
    parties = set(over.parties.values_list("organisation_id", flat=True))
    for duty in duties:
        if duty.party is not None and duty.party.pk not in parties:
            raise InvalidError(_("%(name)s is not a party of this version.") % {"name": duty.party}, field="duties")
        row = SurvivingDuty(version=over, added_at_end=True, **asdict_of(duty))
        row.require_clean()
        row.save()
    enter_dates(over)
    tell(over, gettext_lazy("{agreement} is terminated"), by)
    ended(over, by)
    return over


def hold_agreement(agreement: Agreement) -> list[AgreementVersion]:
    """What of an agreement is under way or stands, locked before the rows of the room that keeps it, newest first."""
    rows = agreement.versions.filter(state__in=[*UNDER_WAY, *STANDING]).order_by("-number")
    for version in rows:
        hold_approvals(version)
    return list(rows.select_for_update(of=("self",)).select_related("agreement__project"))


@transaction.atomic
def close_agreement(*, agreement: Agreement, reason: str, by: User, standing: bool = True) -> None:
    """What it was about has ended, so nobody signs it any more and what stands ends now.

    For the room that keeps it, which has asked the policy for its own word. Without `standing` only what was not
    signed by all is taken back; the other runs out, and nobody has to see to that.
    """
    for locked in hold_agreement(agreement):
        if locked.state in UNDER_WAY:
            _withdraw(locked, by, reason.strip())
        elif standing:
            enter_dates(_terminate(locked, by, reason.strip()))
            tell(locked, gettext_lazy("{agreement} is terminated"), by)
        else:
            settle_dates(locked)


def _withdraw(locked: AgreementVersion, by: User, reason: str) -> AgreementVersion:
    VERSION_MOVES.require("withdraw", locked.state, what=str(locked))
    void_approvals(locked, by)
    lapse_signatures(locked, by)
    return _end(locked, "withdraw", by, reason=reason, ended_as=EndedAs.WITHDRAWN)


def _terminate(locked: AgreementVersion, by: User, reason: str) -> AgreementVersion:
    over = _end(locked, "terminate", by, reason=reason)
    if over.effective_on > timezone.localdate():  # what it would have replaced on a later day goes on
        for older in AgreementVersion.objects.standing().filter(replaced_by=over).select_related("agreement__project"):
            older.replaced_on = older.replaced_by = None
            older.save(update_fields=["replaced_on", "replaced_by"])
            enter_dates(older)
    return over


def _reinstate_before(over: AgreementVersion, by: User) -> None:
    """What it replaced has effect again: of each agreement the newest version, and until its day the one before."""
    rows = AgreementVersion.objects.filter(replaced_by=over, state__in=[VersionState.SUPERSEDED, *STANDING])
    rows = rows.select_for_update(of=("self",)).select_related("agreement__project").order_by("-number", "pk")
    newer: dict[UUID, AgreementVersion] = {}
    for older in rows:
        after = newer.get(older.agreement_id)
        if after is not None and after.effective_on <= timezone.localdate():
            continue
        if older.state not in STANDING:  # else the day had come, but nobody has entered so yet
            move = "reinstate" if older.suspended_at is None else "reinstate_suspended"
            older.state = VERSION_MOVES.require(move, older.state, what=str(older))
        older.ended_at, older.replaced_by = None, after
        older.replaced_on = None if after is None else after.effective_on
        older.save(update_fields=["state", "ended_at", "replaced_on", "replaced_by"])
        enter_dates(older)
        note("agreement.reinstate", older, by, number=older.number)
        newer[older.agreement_id] = older


@transaction.atomic
def stop_renewal(*, version: AgreementVersion, by: User) -> AgreementVersion:
    """Give notice: the version ends with its term, or with the next one when the notice comes too late for this."""
    require(by, "agreement.end", version)
    locked = locked_version(version)
    if locked.state not in STANDING or not locked.auto_renews:
        raise ConflictError(_("%(what)s does not renew itself.") % {"what": locked})
    if locked.lapses_on is not None:
        raise ConflictError(_("Notice was given already."))
    locked.lapses_on = _end_after_notice(locked, timezone.localdate())
    locked.save(update_fields=["lapses_on"])
    enter_dates(locked)
    note("agreement.stop_renewal", locked, by, day=locked.lapses_on.isoformat())
    return locked


def _end_after_notice(version: AgreementVersion, today: date) -> date:
    end, by_day = version.term_end(today), version.notice_by(today)
    assert end is not None
    if by_day is None or today <= by_day:
        return end
    following = version.term_end(end)  # the term that begins on that day
    assert following is not None
    return following


def _end(
    locked: AgreementVersion, move: str, by: User, *, reason: str = "", ended_as: str = "", **data: Any
) -> AgreementVersion:
    locked.state = VERSION_MOVES.require(move, locked.state, what=str(locked))
    locked.ended_at, locked.ended_as, locked.reason = timezone.now(), ended_as, reason
    locked.require_clean()
    locked.save(update_fields=["state", "ended_at", "ended_as", "reason"])
    note(f"agreement.{move}", locked, by, **data)
    return locked


def parties_to_sign_for(user: User, version: AgreementVersion) -> list[Organisation]:
    """The parties of this version for which the person is a signatory and whose turn it is."""
    if version.state != VersionState.OUT_FOR_SIGNATURE:
        return []
    return list(
        Organisation.objects.filter(
            pk__in=version.parties.whose_turn().values("organisation"),
        ).filter(pk__in=_signatory_of(user).values("organisation"))
    )


def note(verb: str, version: AgreementVersion, by: User | None, **data: Any) -> None:
    """Write the act into the history."""
    record(
        verb=verb,
        subject=version,
        by=by,
        project_id=version.agreement.project_id,
        data=named(version.agreement) | data,
    )


def locked_version(version: AgreementVersion) -> AgreementVersion:
    """The row as it is now, nobody else changes it before the end of the transaction."""
    return (
        AgreementVersion.objects.select_for_update(of=("self",)).select_related("agreement__project").get(pk=version.pk)
    )


def _signatory_of(user: User):  # type: ignore[no-untyped-def]
    return Membership.objects.filter(user=user, project=None, role__in=roles_with("agreement.sign")).active()


def _require_party(version: AgreementVersion, party: Organisation) -> None:
    if not version.parties.filter(organisation=party).exists():
        raise InvalidError(_("%(name)s is not a party of this agreement.") % {"name": party}, field="party")


def _require_signatory(user: User, party: Organisation) -> None:
    token = getattr(user, "token", None)
    if token is not None:
        raise RefusedError([Missing("token_signs", _("Sign in the browser: a token cannot sign."))])
    if not _signatory_of(user).filter(organisation=party).exists():
        raise RefusedError([Missing("not_signatory", _("You are not a signatory of %(name)s.") % {"name": party})])


def _reason(text: str) -> str:
    if not text.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    return text.strip()


def _squeeze(name: str) -> str:
    return " ".join(name.split()).casefold()
