"""People, organisations, roles and tokens in the admin."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import (
    AnsweredRequest,
    ApiToken,
    Invitation,
    Membership,
    MembershipReview,
    Organisation,
    OrganisationUnit,
    ReviewItem,
    User,
)
from collab.accounts.services import (
    deactivate_person,
    edit_organisation,
    found_organisation,
    grant_organisation_role,
    reactivate_person,
)
from collab.web.admin import ScopedModelAdmin


class ActiveFilter(admin.SimpleListFilter):
    """Roles in force, or ended."""

    title = _("in force")
    parameter_name = "active"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("in force")), ("no", _("not yet, or no longer"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return queryset.filter(pk__in=Membership.objects.active().values("pk"))
        if self.value() == "no":
            return queryset.exclude(pk__in=Membership.objects.active().values("pk"))
        return queryset


class LiveTokenFilter(admin.SimpleListFilter):
    """Tokens that work now, or no longer."""

    title = _("works")
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("works")), ("no", _("expired or revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        over = Q(expires_at__lte=timezone.now()) | Q(revoked_at__isnull=False) | Q(user__is_active=False)
        return {"yes": queryset.exclude(over), "no": queryset.filter(over)}.get(self.value() or "", queryset)


@admin.register(Organisation)
class OrganisationAdmin(ScopedModelAdmin):
    list_display = ["name", "kind", "country", "ror", "people", "slug"]
    list_filter = ["kind", "country"]
    search_fields = ["name", "name_zh", "slug", "ror", "registration_id"]
    ordering = ["name"]
    added_fields = ("name", "name_zh", "kind", "country", "ror", "registration_id", "website")
    editable_fields = added_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(people_count=Count("memberships__user", distinct=True))

    @admin.display(description=_("people"), ordering="people_count")
    def people(self, obj: Any) -> int:
        return obj.people_count

    def add(self, request: HttpRequest, obj: Organisation) -> Organisation:
        return found_organisation(by=request.user, **self._facts(obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            return super().save_model(request, obj, form, change)
        edit_organisation(organisation=obj, by=request.user, version=obj.version, **self._facts(obj))
        return None

    def _facts(self, obj: Organisation) -> dict[str, Any]:
        return {name: getattr(obj, name) for name in self.added_fields}


@admin.register(OrganisationUnit)
class OrganisationUnitAdmin(ScopedModelAdmin):
    list_display = ["name", "organisation", "parent"]
    list_filter = ["organisation"]
    search_fields = ["name", "name_zh", "organisation__name"]
    list_select_related = ["organisation", "parent"]


@admin.register(User)
class UserAdmin(ScopedModelAdmin):
    """People. A password is set by its owner, by mail; nobody reads or writes it here."""

    list_display = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login", "date_joined"]
    list_filter = ["is_active", "is_staff", "is_superuser", "language"]
    search_fields = ["email", "name"]
    hidden = ("password", "groups", "user_permissions")
    editable_fields = ("name", "language", "is_active", "is_staff")
    superuser_only = True

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Whether somebody may sign in goes through its verb: it ends tokens and sessions, and keeps a last admin."""
        if change and "is_active" in form.changed_data:
            verb = reactivate_person if obj.is_active else deactivate_person
            now = verb(user=User.objects.get(pk=obj.pk), by=request.user)
            obj.sign_outs = now.sign_outs
            form.changed_data.remove("is_active")
        if form.changed_data or not change:
            super().save_model(request, obj, form, change)


@admin.register(EmailAddress)
class EmailAddressAdmin(ScopedModelAdmin):
    """Addresses that people have confirmed, or not."""

    list_display = ["email", "user", "verified", "primary"]
    list_filter = ["verified", "primary"]
    search_fields = ["email"]
    list_select_related = ["user"]
    superuser_only = True


@admin.register(Membership)
class MembershipAdmin(ScopedModelAdmin):
    """Roles. Those in a project are given and ended by its lead; here a superuser gives those in an organisation."""

    list_display = ["user", "role", "organisation", "unit", "project", "starts_at", "ends_at", "granted_by"]
    list_filter = [ActiveFilter, "role", "organisation", "project"]
    search_fields = ["user__name", "organisation__name", "project__title"]
    list_select_related = ["user", "organisation", "unit", "project", "granted_by"]
    autocomplete_fields = ["user", "organisation"]
    date_hierarchy = "starts_at"
    added_fields = ("user", "organisation", "role", "ends_at")

    def add(self, request: HttpRequest, obj: Membership) -> Membership:
        return grant_organisation_role(
            organisation=obj.organisation, user=obj.user, role=obj.role, ends_at=obj.ends_at, by=request.user
        )


@admin.register(Invitation)
class InvitationAdmin(ScopedModelAdmin):
    list_display = ["email", "organisation", "role", "project", "state", "invited_by", "expires_at", "sent_at"]
    list_filter = ["state", "role", "organisation"]
    search_fields = ["email", "organisation__name"]
    list_select_related = ["organisation", "project", "invited_by"]
    date_hierarchy = "created_at"
    hidden = ("digest",)


@admin.register(MembershipReview)
class MembershipReviewAdmin(ScopedModelAdmin):
    list_display = ["due_on", "organisation", "project", "opened_by", "finished_by", "finished_at"]
    list_filter = ["organisation", "project"]
    search_fields = ["organisation__name", "project__title"]
    list_select_related = ["organisation", "project", "opened_by", "finished_by"]
    date_hierarchy = "due_on"


@admin.register(ReviewItem)
class ReviewItemAdmin(ScopedModelAdmin):
    list_display = ["membership", "review", "decision", "decided_by", "decided_at"]
    list_filter = ["decision"]
    search_fields = ["membership__user__name", "reason"]
    list_select_related = [
        "membership__user",
        "membership__organisation",
        "membership__project",
        "review__organisation",
        "review__project",
        "decided_by",
    ]


@admin.register(ApiToken)
class ApiTokenAdmin(ScopedModelAdmin):
    list_display = ["name", "hint", "user", "scope", "project", "expires_at", "last_used_at", "revoked_at"]
    list_filter = [LiveTokenFilter, "scope"]
    search_fields = ["name", "hint"]
    list_select_related = ["user", "project"]
    hidden = ("digest",)


@admin.register(AnsweredRequest)
class AnsweredRequestAdmin(ScopedModelAdmin):
    list_display = ["path", "user", "status", "created_at"]
    list_filter = ["status"]
    search_fields = ["path", "user__name"]
    list_select_related = ["user"]
    date_hierarchy = "created_at"
    hidden = ("key", "body_sha256", "answer", "headers")
    superuser_only = True
