"""Verbs on the parties of a project: what they bring in, what they still owe, how they go."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import Missing, require
from collab.accounts.models import Membership, Organisation, User
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, StaleError
from collab.projects.guards import gone
from collab.projects.models import (
    Attestation,
    AttestationKind,
    BudgetLine,
    Contribution,
    PartyRole,
    Project,
    ProjectParty,
    WorkItem,
)
from collab.projects.states import BEFORE_WORK, ENDED


@transaction.atomic
def add_contribution(
    *, party: ProjectParty, kind: str, amount: Decimal, by: User, currency: str = "EUR", description: str = ""
) -> Contribution:
    """Record what a party brings in, in cash or in kind."""
    require(by, "project.edit", party.project)
    _require_open(party)
    made = Contribution(
        party=party, kind=kind, amount=amount, currency=currency, description=description.strip(), created_by=by
    )
    made.require_clean()
    if kind == "in_kind" and not made.description:
        raise InvalidError(_("Say what is brought in."), field="description")
    if amount <= 0:
        raise InvalidError(_("Write an amount above zero."), field="amount")
    made.save()
    record(
        verb="project.contribute",
        subject=made,
        by=by,
        project_id=party.project_id,
        data={"party": party.organisation.slug, "kind": kind},
    )
    return made


@transaction.atomic
def edit_party(*, party: ProjectParty, by: User, version: int, **changes: Any) -> ProjectParty:
    """Change who leads the work of a party, or what is noted about its joining; what is left out stays.

    Raises StaleError when somebody was faster, InvalidError for a lead who does not act for the party.
    """
    require(by, "project.edit", party.project)
    for name, value in changes.items():
        if name not in {"accession_note", "lead"}:
            raise InvalidError(_("There is no such field."), field=name)
        setattr(party, name, value)
    lead = changes.get("lead")
    if lead is not None and not Membership.objects.filter(user=lead, organisation=party.organisation).active().exists():
        raise InvalidError(
            _("%(person)s does not belong to %(name)s.") % {"person": lead, "name": party.organisation}, field="lead"
        )
    party.require_clean()
    changed = ProjectParty.objects.filter(pk=party.pk, version=version).update(**changes, version=F("version") + 1)
    if not changed:
        kept = ProjectParty.objects.select_related("lead").get(pk=party.pk)
        now = {"accession_note": kept.accession_note, "lead": kept.lead.email if kept.lead else ""}
        raise StaleError(_("Somebody changed it since you opened it. Open it again and repeat your change."), now=now)
    party.refresh_from_db()
    record(
        verb="project.edit_party",
        subject=party,
        by=by,
        project_id=party.project_id,
        data={"party": party.organisation.slug},
    )
    return party


def acting_for(organisation: Organisation, email: str, field: str) -> User | None:
    """Whoever acts for the organisation under this address, None for no address; strangers' accounts are not told."""
    if not email:
        return None
    held = Membership.objects.filter(organisation=organisation).active().values("user")
    found = User.objects.filter(email__iexact=email, is_active=True, pk__in=held).first()
    if found is None:
        raise InvalidError(_("Nobody of %(name)s has this address.") % {"name": organisation}, field=field)
    return found


def owes(party: ProjectParty) -> list[Missing]:
    """What a party still owes the project, each with the place where it is settled."""
    project = party.project
    page = project.get_absolute_url()
    owed = [
        Missing("open_work", _("“%(title)s” is not accepted yet.") % {"title": item}, item.get_absolute_url())
        for item in WorkItem.objects.filter(party=party).open().select_related("project")
    ]
    lines = BudgetLine.objects.filter(party=party, committed__gt=F("actual")).select_related("budget")
    owed += [
        Missing(
            "open_budget",
            _("%(amount)s %(currency)s are committed for %(category)s and not spent.")
            % {
                "amount": line.committed - line.actual,
                "currency": line.budget.currency,
                "category": line.get_category_display(),
            },
            f"{page}budget/",
        )
        for line in lines
    ]
    if project.state not in BEFORE_WORK and not has_attested_data(party):
        text = _("%(party)s has not attested that the data of others is returned or destroyed.")
        owed.append(Missing("open_data", text % {"party": party.organisation}, f"{page}closure/"))
    return owed


def has_attested_data(party: ProjectParty) -> bool:
    return Attestation.objects.filter(party=party, kind=AttestationKind.DATA).exists()


@transaction.atomic
def remove_party(*, party: ProjectParty, by: User) -> ProjectParty:
    """Let a party go that owes nothing; refused with NotReadyError naming all that it owes."""
    locked = _to_go(party, by)
    owed = owes(locked)
    if owed:
        raise NotReadyError(owed)
    return let_go(locked, by, "project.remove_party", [])


@transaction.atomic
def leave_party(*, party: ProjectParty, by: User) -> ProjectParty:
    """Let a party go that still owes something: its access ends now, and its duties are listed and survive."""
    locked = _to_go(party, by)
    duties = [{"code": item.code, "sentence": str(item.sentence)} for item in owes(locked)]
    return let_go(locked, by, "project.leave_party", duties)


def _require_open(party: ProjectParty) -> None:
    if party.left_on is not None:
        raise ConflictError(_("%(party)s has left the project.") % {"party": party.organisation})
    if party.project.state in ENDED:
        raise ConflictError(_("The project has ended; what it says stays as it is."))


def _to_go(party: ProjectParty, by: User) -> ProjectParty:
    require(by, "project.edit", party.project)
    project = Project.objects.select_for_update().get(pk=party.project_id)
    locked = ProjectParty.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=party.pk)
    locked.project = project
    _require_open(locked)
    if locked.role == PartyRole.LEAD:
        raise ConflictError(_("The leading party stays: a project needs somebody who leads it."))
    if project.state not in BEFORE_WORK:
        return locked
    if project.state not in {"idea", "proposal"}:
        raise ConflictError(_("The parties are being asked about this project; withdraw or return it first."))
    return locked


def let_go(party: ProjectParty, by: User, verb: str, duties: list[dict[str, str]]) -> ProjectParty:
    now = timezone.now()
    party.left_on, party.surviving_duties = timezone.localdate(), duties
    party.version += 1
    party.save(update_fields=["left_on", "surviving_duties", "version"])
    held = Membership.objects.filter(project=party.project, organisation=party.organisation).active(now)
    ended = held.update(ends_at=now)
    upcoming = Membership.objects.filter(
        Q(ends_at=None) | Q(ends_at__gt=now), project=party.project, organisation=party.organisation
    )
    upcoming.filter(starts_at__gt=now).update(ends_at=F("starts_at"))
    gone(party, by)
    record(
        verb=verb,
        subject=party,
        by=by,
        project_id=party.project_id,
        data={"party": party.organisation.slug, "roles_ended": ended, "duties": [duty["code"] for duty in duties]},
    )
    return party
