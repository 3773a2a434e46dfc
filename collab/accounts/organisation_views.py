"""Pages of organisations: what they are, who acts for them, whom they invite, and the review of it all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.access.roles import ORGANISATION_ROLES, Role
from collab.accounts import second_factor
from collab.accounts.forms import (
    DecisionForm,
    EditOrganisationForm,
    EditUnitForm,
    GrantForm,
    InviteForm,
    OrganisationFilter,
    OrganisationForm,
    ReviewForm,
    RoleForm,
    UnitForm,
)
from collab.accounts.invitations import invite, resend_invitation, revoke_invitation
from collab.accounts.models import Invitation, Membership, MembershipReview, Organisation, OrganisationUnit, ReviewItem
from collab.accounts.reading import projects_of, roles_seen, unit_tree
from collab.accounts.reviews import decide_item, finish_review, open_review, undecided
from collab.accounts.services import (
    add_unit,
    edit_organisation,
    edit_role,
    edit_unit,
    end_role,
    found_organisation,
    grant_role,
    leave_organisation,
    leave_project,
    may_found,
    remove_unit,
    what_leaving_ends,
)
from collab.kernel.errors import InvalidError, NotFoundError
from collab.web.forms import act, sent, show, submit
from collab.web.pagination import page_of

PEOPLE_SHOWN = 60
PROJECTS_SHOWN = 12


def organisation_list(request: HttpRequest) -> HttpResponse:
    rows = visible_to(request.user, "organisation.view", Organisation.objects.all()).order_by("name", "pk")
    found = OrganisationFilter(request.GET, queryset=rows)
    mine = set(Membership.objects.of(request.user).in_organisations().active().values_list("organisation", flat=True))
    page = page_of(request, found.qs)
    for organisation in page:
        organisation.is_mine = organisation.pk in mine
    context = {"page": page, "filter": found, "may_found": may_found(request.user)}
    return show(request, "collab/accounts/organisations.html", context)


def organisation_new(request: HttpRequest) -> HttpResponse:
    if not may_found(request.user):
        raise NotFoundError
    form = OrganisationForm(sent(request))

    def found() -> str:
        return found_organisation(by=request.user, **form.facts()).get_absolute_url()

    context = {"form": form, "as_staff": request.user.is_staff}
    return submit(request, form, found) or show(request, "collab/accounts/organisation_new.html", context, form)


def organisation_page(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = get_or_404(request.user, "organisation.view", Organisation.objects.all(), slug=slug)
    may = allowed(request.user, organisation, "organisation.manage")
    held = roles_seen(request.user).active().filter(organisation=organisation, project=None).with_names()
    people = list(held.order_by("user__name", "starts_at")[:PEOPLE_SHOWN])
    groups = [
        (role.label, [row for row in people if row.role == role])
        for role in ORGANISATION_ROLES
        if role != Role.SIGNATORY
    ]
    projects = list(projects_of(request.user, organisation)[: PROJECTS_SHOWN + 1])
    context = {
        "organisation": organisation,
        "may_manage": "organisation.manage" in may,
        "belongs": any(row.user_id == request.user.pk for row in people)
        or Membership.objects.of(request.user).in_organisations().filter(organisation=organisation).active().exists(),
        "groups": [(label, rows) for label, rows in groups if rows],
        "signatories": [row for row in people if row.role == Role.SIGNATORY],
        "people_count": len({row.user_id for row in people}),
        "units": unit_tree(organisation),
        "projects": projects[:PROJECTS_SHOWN],
        "more_projects": len(projects) > PROJECTS_SHOWN,
        "today": timezone.localdate(),
        "second_factor": second_factor.banner(request.user),
    }
    if context["may_manage"]:
        context |= {
            "invitations": Invitation.objects.unanswered().filter(organisation=organisation).with_names()[:20],
            "review": MembershipReview.objects.unfinished().filter(organisation=organisation).first(),
        }
    return show(request, "collab/accounts/organisation.html", context)


def organisation_edit(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = get_or_404(request.user, "organisation.manage", Organisation.objects.all(), slug=slug)
    form = EditOrganisationForm(sent(request), initial=EditOrganisationForm.initial_of(organisation))

    def change() -> str:
        edit_organisation(organisation=organisation, by=request.user, **form.facts())
        messages.success(request, _("The organisation was changed."))
        return organisation.get_absolute_url()

    context = {"form": form, "organisation": organisation}
    return submit(request, form, change) or show(request, "collab/accounts/organisation_edit.html", context, form)


# --- people
def organisation_people(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = get_or_404(request.user, "organisation.manage", Organisation.objects.all(), slug=slug)
    form = GrantForm(sent(request), organisation=organisation)

    def grant() -> str:
        held = grant_role(organisation=organisation, by=request.user, **form.details())
        messages.success(request, _("%(name)s has the role now.") % {"name": held.user})
        return reverse("collab:organisation_people", args=[slug])

    rows = Membership.objects.in_organisations().filter(organisation=organisation).with_names()
    context = {
        "form": form,
        "organisation": organisation,
        "page": page_of(request, rows.order_by("-starts_at", "pk")),
    }
    return submit(request, form, grant) or show(request, "collab/accounts/people.html", context, form)


def _role(request: HttpRequest, slug: str, pk: UUID) -> tuple[Organisation, Membership]:
    organisation = get_or_404(request.user, "organisation.manage", Organisation.objects.all(), slug=slug)
    held = Membership.objects.in_organisations().filter(organisation=organisation, pk=pk).with_names().first()
    if held is None:
        raise NotFoundError
    return organisation, held


def role_edit(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    organisation, held = _role(request, slug, pk)
    last_day = timezone.localtime(held.ends_at - timedelta(microseconds=1)).date() if held.ends_at else None
    initial = {name: getattr(held, name) for name in ("unit", "job_title", "limits", "version")}
    form = RoleForm(sent(request), organisation=organisation, role=held.role, initial=initial | {"last_day": last_day})

    def change() -> str:
        edit_role(membership=held, by=request.user, **form.details())
        messages.success(request, _("The role was changed."))
        return reverse("collab:organisation_people", args=[slug])

    context = {"form": form, "organisation": organisation, "held": held}
    return submit(request, form, change) or show(request, "collab/accounts/role_edit.html", context, form)


def role_end(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    organisation, held = _role(request, slug, pk)
    mine = held.user_id == request.user.pk
    return act(
        request,
        lambda: end_role(membership=held, by=request.user),
        to=organisation.get_absolute_url() if mine else reverse("collab:organisation_people", args=[slug]),
        said=_("The role of %(name)s has ended.") % {"name": held.user},
    )


def organisation_leave(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = get_or_404(request.user, "organisation.view", Organisation.objects.all(), slug=slug)
    if request.method == "POST":
        return act(
            request,
            lambda: leave_organisation(organisation=organisation, by=request.user),
            to=organisation.get_absolute_url(),
            said=_("You have left %(name)s.") % {"name": organisation},
        )
    leaving = what_leaving_ends(user=request.user, organisation=organisation)
    return show(request, "collab/accounts/leave.html", {"organisation": organisation, "leaving": leaving})


def _project(request: HttpRequest, word: str, slug: str) -> Any:
    model: Any = Membership._meta.get_field("project").related_model  # the projects' slice lies above this one
    return get_or_404(request.user, word, model._default_manager.all(), slug=slug)


def project_leave(request: HttpRequest, slug: str) -> HttpResponse:
    project = _project(request, "project.view", slug)
    if request.method == "POST":
        return act(
            request,
            lambda: leave_project(project=project, by=request.user),
            to=reverse("collab:projects"),
            said=_("You have left “%(name)s”.") % {"name": project},
        )
    mine = Membership.objects.of(request.user).of_project(project).active().with_names()
    return show(request, "collab/accounts/leave_project.html", {"project": project, "roles": list(mine)})


# --- units
def organisation_units(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = get_or_404(request.user, "organisation.manage", Organisation.objects.all(), slug=slug)
    form = UnitForm(sent(request), organisation=organisation)

    def add() -> str:
        add_unit(organisation=organisation, by=request.user, **form.values())
        return reverse("collab:organisation_units", args=[slug])

    context = {"form": form, "organisation": organisation, "units": unit_tree(organisation)}
    return submit(request, form, add) or show(request, "collab/accounts/units.html", context, form)


def _unit(request: HttpRequest, slug: str, pk: UUID) -> tuple[Organisation, OrganisationUnit]:
    organisation = get_or_404(request.user, "organisation.manage", Organisation.objects.all(), slug=slug)
    unit = organisation.units.select_related("organisation").filter(pk=pk).first()
    if unit is None:
        raise NotFoundError
    return organisation, unit


def unit_edit(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    organisation, unit = _unit(request, slug, pk)
    initial = {name: getattr(unit, name) for name in ("name", "name_zh", "parent", "version")}
    form = EditUnitForm(sent(request), organisation=organisation, initial=initial)

    def change() -> str:
        edit_unit(unit=unit, by=request.user, **form.values())
        return reverse("collab:organisation_units", args=[slug])

    context = {"form": form, "organisation": organisation, "unit": unit}
    return submit(request, form, change) or show(request, "collab/accounts/unit_edit.html", context, form)


def unit_remove(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    _organisation, unit = _unit(request, slug, pk)
    return act(
        request,
        lambda: remove_unit(unit=unit, by=request.user),
        to=reverse("collab:organisation_units", args=[slug]),
        said=_("The unit was removed."),
    )


# --- invitations
def organisation_invitations(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = get_or_404(request.user, "organisation.manage", Organisation.objects.all(), slug=slug)
    form = InviteForm(
        sent(request), organisation=organisation, user=request.user, initial={"language": request.LANGUAGE_CODE}
    )

    def ask() -> str:
        made = invite(organisation=organisation, by=request.user, **form.details())
        if isinstance(made, Membership):
            messages.info(request, _("%(name)s holds this role already; nothing was sent.") % {"name": made.user})
        else:
            messages.success(request, _("The invitation goes to %(email)s.") % {"email": made.email})
        return reverse("collab:organisation_invitations", args=[slug])

    rows = Invitation.objects.filter(organisation=organisation).with_names()
    context = {"form": form, "organisation": organisation, "page": page_of(request, rows.order_by("-created_at", "pk"))}
    return submit(request, form, ask) or show(request, "collab/accounts/invitations.html", context, form)


def _invitation(request: HttpRequest, slug: str, pk: UUID) -> Invitation:
    organisation = get_or_404(request.user, "organisation.manage", Organisation.objects.all(), slug=slug)
    found = Invitation.objects.filter(organisation=organisation, pk=pk).with_names().first()
    if found is None:
        raise NotFoundError
    return found


def invitation_resend(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    invitation = _invitation(request, slug, pk)
    return act(
        request,
        lambda: resend_invitation(invitation=invitation, by=request.user),
        to=reverse("collab:organisation_invitations", args=[slug]),
        said=_("The invitation goes to %(email)s again; the link before works no more.") % {"email": invitation.email},
    )


def invitation_revoke(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    invitation = _invitation(request, slug, pk)
    return act(
        request,
        lambda: revoke_invitation(invitation=invitation, by=request.user),
        to=reverse("collab:organisation_invitations", args=[slug]),
        said=_("The invitation was taken back; its link works no more."),
    )


# --- reviews
def organisation_reviews(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = get_or_404(request.user, "organisation.manage", Organisation.objects.all(), slug=slug)
    return _reviews(request, {"organisation": organisation})


def project_membership_reviews(request: HttpRequest, slug: str) -> HttpResponse:
    return _reviews(request, {"project": _project(request, "member.manage", slug)})


def _reviews(request: HttpRequest, scope: dict[str, Any]) -> HttpResponse:
    due = getattr(scope.get("organisation"), "review_due_on", None)
    in_a_month = timezone.localdate() + timedelta(days=30)
    form = ReviewForm(sent(request), initial={"due_on": max(due or in_a_month, timezone.localdate())})

    def begin() -> str:
        return open_review(by=request.user, **scope, **form.values()).get_absolute_url()

    rows = MembershipReview.objects.filter(**scope).select_related(
        "opened_by", "finished_by", "organisation", "project"
    )
    page = page_of(request, rows.order_by("-created_at", "pk"))
    under_way = MembershipReview.objects.unfinished().filter(**scope).exists()
    context = {"form": form, "page": page, "under_way": under_way, **scope}
    return submit(request, form, begin) or show(request, "collab/accounts/reviews.html", context, form)


def _review(request: HttpRequest, pk: UUID) -> MembershipReview:
    rows = MembershipReview.objects.select_related("organisation", "project", "opened_by", "finished_by")
    return get_or_404(request.user, "member.view", rows, pk=pk)


def review_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    review = _review(request, pk)
    word = "organisation.manage" if review.organisation_id else "member.manage"
    rows = review.items.select_related(
        "membership__user", "membership__organisation", "membership__unit", "membership__granted_by", "decided_by"
    )
    context = {
        "review": review,
        "page": page_of(request, rows.order_by("decision", "created_at", "pk"), size=50),
        "left": undecided(review),
        "may_decide": review.finished_at is None and word in allowed(request.user, review.scope, word),
    }
    return show(request, "collab/accounts/review.html", context)


def review_decide(request: HttpRequest, pk: UUID, item: UUID) -> HttpResponse:
    review = _review(request, pk)
    row = ReviewItem.objects.filter(review=review, pk=item).select_related("review", "membership").first()
    if row is None:
        raise NotFoundError
    form = DecisionForm(request.POST)
    if not form.is_valid():
        raise InvalidError(_("Confirm the role or end it."), field="decision")
    return act(
        request,
        lambda: decide_item(item=row, by=request.user, **form.cleaned_data),
        to=review.get_absolute_url(),
        said=_("Decided."),
    )


def review_finish(request: HttpRequest, pk: UUID) -> HttpResponse:
    review = _review(request, pk)
    return act(
        request,
        lambda: finish_review(review=review, by=request.user),
        to=review.get_absolute_url(),
        said=_("The review is finished."),
    )
