"""Pages of options and licences."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation
from collab.agreements.library import AgreementTemplate
from collab.agreements.states import OPEN_TO_EDITS, STANDING, VersionState
from collab.audit.models import AuditEvent
from collab.kernel.errors import NotFoundError
from collab.projects.models import Project
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.forms import (
    KINDS,
    BreachForm,
    CaseForm,
    DraftForm,
    LicenceFilter,
    MeetForm,
    ReasonForm,
    SublicenceForm,
    TermsForm,
    shown_terms,
)
from collab.transfer.licences.licensable import Licensable, licensables_named, licensables_of
from collab.transfer.licences.models import Diligence, Licence, Sublicence
from collab.transfer.licences.own import assets_of_case, cases_for, closed_to, why_not_about
from collab.transfer.licences.reading import glance_of, way_of
from collab.transfer.licences.services import (
    cure_breach,
    current_version,
    draft_licence,
    edit_terms,
    end_licence,
    exercise_option,
    give_breach,
    held_now,
    make_non_exclusive,
    meet_diligence,
    name_case,
    open_obstacles,
    see_obstacles,
    terms_now,
)
from collab.transfer.licences.states import BINDING, LicenceState, SublicenceState, Sublicensing
from collab.transfer.licences.sublicensing import end_sublicence, register_sublicence
from collab.transfer.licences.terms import say_terms
from collab.transfer.rooms import rooms_of
from collab.web.forms import act, sent, show, submit
from collab.web.history import timeline
from collab.web.pagination import page_of


def licences(request: HttpRequest) -> HttpResponse:
    """The options and licences that one's organisation gives or holds."""
    rows = Licence.objects.visible_to(request.user).with_state().with_parties()
    found = LicenceFilter(request.GET, queryset=rows, request=request)
    context = {
        "page": page_of(request, found.qs),
        "filter": found,
        "may_draft": _houses(request).exists(),
        "rooms": rooms_of(request.user, "licences"),
    }
    return show(request, "collab/transfer/licences/list.html", context)


def licence_new(request: HttpRequest) -> HttpResponse:
    """First the project whose results are licensed, then the term sheet."""
    houses = _houses(request)
    projects = Project.objects.joint().filter(parties__organisation__in=houses, parties__left_on=None)
    projects = visible_to(request.user, "agreement.draft", projects.distinct())
    case = _case(request)
    slug = request.GET.get("project") or (case.project.slug if case is not None and case.project else "")
    project = projects.filter(slug=slug).first() if slug else None
    dropped = why_not_about(case, houses, project) if "case" in request.GET else ""
    if dropped:
        case = None
    if project is None:
        context = {"projects": page_of(request, projects.order_by("title")), "case": case, "dropped": dropped}
        return show(request, "collab/transfer/licences/choose.html", context)
    kinds = [kind for kind, _label in KINDS]
    offered = list(AgreementTemplate.objects.filter(kind__in=kinds).offered_to(request.user))
    chosen = next((one for one in offered if one.code == request.GET.get("template")), None)
    licensors = houses.filter(project_parties__project=project, project_parties__left_on=None)
    partners = Organisation.objects.filter(project_parties__project=project, project_parties__left_on=None).exclude(
        pk__in=houses.values("pk")
    )
    form = DraftForm(
        sent(request),
        template=chosen.versions.select_related("template").first() if chosen else None,
        assets=_assets_of(request, project, houses, case=case),
        licensors=licensors,
        partners=partners,
        sharing=[*licensors, *partners.order_by("name")],
        cases=cases_for(request.user, houses, project.pk),
        initial={"case": case.pk} if case is not None else None,
        options=Licence.objects.visible_to(request.user).filter(
            agreement__kind="option", agreement__project=project, exercised_on__isnull=False
        ),
    )

    def draft() -> str:
        licence = draft_licence(project=project, by=request.user, **form.draft())
        messages.success(request, _("The term sheet is drafted."))
        return licence.get_absolute_url()

    context = {
        "form": form, "project": project, "case": case, "dropped": dropped, "offered": offered, "chosen": chosen,
    }  # fmt: skip
    return submit(request, form, draft) or show(request, "collab/transfer/licences/new.html", context, form)


def licence(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What is granted, where it stands, and what stands in the way."""
    row = _licence(request, "licence.view", pk)
    may = allowed(
        request.user, row, "licence.draft", "licence.end", "licence.exercise", "royalty.manage", "sublicence.register"
    )
    of_agreement = allowed(request.user, row.agreement, "agreement.view", "agreement.draft")
    version = current_version(row)
    standing = version is not None and version.state in STANDING
    seen = set(row.seen_obstacles)
    in_force = row.state in {LicenceState.ACTIVE, LicenceState.IN_BREACH, LicenceState.SUSPENDED}
    obstacles = open_obstacles(row) if "licence.draft" in may else []
    diligence = list(row.diligence.all())
    context: dict[str, Any] = {
        "licence": row,
        "agreement": row.agreement,
        "version": version,
        "glance": glance_of(row),
        "way": way_of(row),
        "terms": list(say_terms(version.particulars)) if version is not None and not standing else [],
        "held": held_now(row, request.user),
        "obstacles": [{"one": one, "seen": one.key in seen} for one in obstacles],
        "unseen": [one for one in obstacles if one.key not in seen],
        "diligence": diligence,
        "breach": next((one for one in row.breaches.all() if one.cured_on is None), None),
        "may_read_agreement": "agreement.view" in of_agreement,
        "may_edit": "agreement.draft" in of_agreement
        and version is not None
        and (version.state in OPEN_TO_EDITS or (standing and in_force)),
        "may_see": "licence.draft" in may and bool(obstacles),
        "may_name_case": "licence.draft" in may and row.case_id is None,
        "sublicences": list(Sublicence.objects.visible_to(request.user).filter(licence=row).with_all()),
        "may_sublicense": "sublicence.register" in may
        and not row.is_option
        and row.sublicensing != Sublicensing.NONE
        and row.state == LicenceState.ACTIVE,
        "may_end_sublicence": "sublicence.register" in may,
        "may_breach": "licence.end" in may and row.state in {LicenceState.ACTIVE, LicenceState.SUSPENDED},
        "may_cure": "licence.end" in may and row.state == LicenceState.IN_BREACH,
        "may_end": "licence.end" in may and in_force,
        "may_convert": "licence.end" in may
        and in_force
        and row.convertible
        and row.is_shutting
        and any(one.is_late for one in diligence),
        "may_meet": "licence.end" in may and in_force,
        "may_reach": "royalty.manage" in may and row.state in BINDING,
        "may_exercise": "licence.exercise" in may
        and row.is_option
        and row.exercised_on is None
        and row.state == LicenceState.ACTIVE,
        "may_see_case": row.case is not None and bool(allowed(request.user, row.case, "case.view")),
        "is_draft": version is not None and version.state == VersionState.DRAFT,
    }
    events = visible_to(request.user, "audit.view", AuditEvent.objects.filter(verb__startswith="licence."))
    context["history"] = timeline(events.filter(subject_id=str(row.pk)).order_by("-id")[:30])
    return show(request, "collab/transfer/licences/page.html", context)


def licence_terms(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change the terms on the table, answer those of the other side, or begin new ones."""
    row = _licence(request, "agreement.draft", pk)
    version = current_version(row)
    if version is None:
        raise NotFoundError
    houses = _houses(request).filter(pk__in=[one.pk for one in row.licensors()])
    assets = _assets_of(request, row.agreement.project, houses, version.particulars, row.case)
    granted = row.sublicences.filter(state=SublicenceState.GRANTED).exists()
    form = TermsForm(sent(request), assets=assets, sharing=row.licensors(), sublicences=granted)
    if not form.is_bound:
        form.initial = shown_terms(version, terms_now(row, version), form.assets, form.sharing)
        if version.state in STANDING:
            form.initial.pop("effective_on")

    def change() -> str:
        edit = form.cleaned_data.get("edit") or 0
        edit_terms(licence=row, edit=edit, terms=form.terms(), by=request.user, **form.days())
        messages.success(request, _("The terms are changed."))
        return row.get_absolute_url()

    context = {"form": form, "licence": row, "title": _("Terms"), "wide": True}
    return submit(request, form, change) or show(request, "collab/transfer/licences/form.html", context, form)


def licence_obstacles(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _licence(request, "licence.draft", pk)
    return act(
        request,
        lambda: see_obstacles(licence=row, keys=request.POST.getlist("seen"), by=request.user),
        to=row.get_absolute_url(),
        said=_("Recorded: you have weighed what stands in the way."),
    )


def licence_case(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Tie a licence that names no case to one."""
    row = _licence(request, "licence.draft", pk)
    form = CaseForm(sent(request), cases=cases_for(request.user, [row.licensor], row.agreement.project_id))

    def call() -> str:
        name_case(licence=row, by=request.user, **form.cleaned_data)
        messages.success(request, _("The licence and its income belong to this case now."))
        return row.get_absolute_url()

    lead = _("Once named it stays: what the licence brings is divided among the inventors of the case.")
    return _form(request, row, form, call, _("Name its case"), lead=lead)


def licence_breach(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _licence(request, "licence.end", pk)
    form = BreachForm(sent(request))

    def call() -> str:
        give_breach(licence=row, by=request.user, **form.values())
        messages.success(request, _("The licensee is told; what the licence grants is closed."))
        return row.get_absolute_url()

    return _form(request, row, form, call, _("Call out a breach"), tone="danger")


def sublicence_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The licensee says whom it grants what, within its licence."""
    row = _licence(request, "sublicence.register", pk)
    houses = visible_to(request.user, "organisation.view", Organisation.objects.all())
    houses = houses.exclude(pk__in=[row.licensee_id, *(one.pk for one in row.licensors())]).order_by("name")
    form = SublicenceForm(sent(request), licence=row, houses=houses)

    def register() -> str:
        made = register_sublicence(licence=row, by=request.user, **form.values())
        asked = made.state == SublicenceState.ASKED
        messages.success(
            request, _("The licensor is asked for its consent.") if asked else _("The sublicence is registered.")
        )
        return made.get_absolute_url()

    return _form(request, row, form, register, _("Register a sublicence"))


def sublicence_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = get_or_404(request.user, "sublicence.register", Sublicence.objects.with_all(), pk=pk)
    return act(
        request,
        lambda: end_sublicence(sublicence=row, by=request.user),
        to=row.get_absolute_url(),
        said=_("The sublicence is ended."),
    )


def licence_cure(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _licence(request, "licence.end", pk)
    said = _("The breach is cured; the licence grants again.")
    return act(request, lambda: cure_breach(licence=row, by=request.user), to=row.get_absolute_url(), said=said)


def licence_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _licence(request, "licence.end", pk)
    form = ReasonForm(sent(request))

    def end() -> str:
        end_licence(licence=row, by=request.user, **form.values())
        messages.success(request, _("The licence is terminated; what it granted is closed."))
        return row.get_absolute_url()

    return _form(request, row, form, end, _("Terminate the licence"), tone="danger")


def licence_convert(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _licence(request, "licence.end", pk)
    form = ReasonForm(sent(request))

    def convert() -> str:
        make_non_exclusive(licence=row, by=request.user, **form.values())
        messages.success(request, _("The licence is non-exclusive from now on."))
        return row.get_absolute_url()

    return _form(request, row, form, convert, _("Make it non-exclusive"), tone="danger")


def licence_exercise(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _licence(request, "licence.exercise", pk)
    said = _("The option is exercised, and the licensor is told.")
    return act(request, lambda: exercise_option(option=row, by=request.user), to=row.get_absolute_url(), said=said)


def licence_diligence(request: HttpRequest, pk: UUID, diligence: UUID) -> HttpResponse:
    row = _licence(request, "licence.end", pk)
    found = Diligence.objects.filter(licence=row, pk=diligence).first()
    if found is None:
        raise NotFoundError
    form = MeetForm(sent(request), initial={"version": found.version})

    def meet() -> str:
        meet_diligence(diligence=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Recorded: the milestone is reached."))
        return row.get_absolute_url()

    return _form(request, row, form, meet, _("Milestone reached"), lead=str(found))


# --- what the pages share
def _licence(request: HttpRequest, word: str, pk: UUID) -> Licence:
    return get_or_404(request.user, word, Licence.objects.with_state().with_all(), pk=pk)


def _houses(request: HttpRequest) -> Any:
    """The organisations for which the person drafts licences."""
    held = Membership.objects.filter(user=request.user, project=None, role__in=roles_with("licence.draft")).active()
    return Organisation.objects.filter(pk__in=held.values("organisation")).order_by("name")


def _case(request: HttpRequest) -> TransferCase | None:
    key = request.GET.get("case", "")
    try:
        rows = TransferCase.objects.filter(pk=UUID(key)).select_related("project", "organisation", "disclosure")
    except ValueError:
        return None
    return visible_to(request.user, "case.view", rows).first()


def _assets_of(
    request: HttpRequest,
    project: Project,
    houses: Any,
    terms: dict[str, Any] | None = None,
    case: TransferCase | None = None,
) -> list[Licensable]:
    """What the licensors for whom the person drafts own of the project and of the case, and what the terms name.

    Cases and their protections are confidential: only those that the person may see anyway.
    """
    mine = set(houses.values_list("pk", flat=True))
    closed = closed_to(request.user, project.pk) if mine else set()
    offered = licensables_of(project.pk) if mine else []
    found = {one.key: one for one in offered if one.owners & mine and one.key not in closed}
    if case is not None and allowed(request.user, case, "case.view"):  # it may have come out of no project
        found |= {one.key: one for one in assets_of_case(case) if one.owners & mine}
    if terms:
        found |= licensables_named((row["subject_type"], row["subject_id"]) for row in terms["assets"])
    return sorted(found.values(), key=lambda one: (one.kind, one.label))


def _form(
    request: HttpRequest, row: Licence, form: Any, done: Any, title: str, *, lead: str = "", tone: str = "primary"
) -> HttpResponse:
    context = {"form": form, "licence": row, "title": title, "lead": lead, "tone": tone}
    return submit(request, form, done) or show(request, "collab/transfer/licences/form.html", context, form)
