"""People, organisations, roles and tokens in the admin."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import ApiToken, Membership, Organisation, User
from collab.accounts.services import found_organisation, grant_organisation_role
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
    list_display = ["name", "kind", "country", "email_domain", "people", "slug"]
    list_filter = ["kind", "country"]
    search_fields = ["name", "name_zh", "slug"]
    ordering = ["name"]
    added_fields = ("name", "name_zh", "kind", "country", "email_domain")
    editable_fields = added_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(people_count=Count("memberships__user", distinct=True))

    @admin.display(description=_("people"), ordering="people_count")
    def people(self, obj: Any) -> int:
        return obj.people_count

    def add(self, request: HttpRequest, obj: Organisation) -> Organisation:
        return found_organisation(by=request.user, **{name: getattr(obj, name) for name in self.added_fields})


@admin.register(User)
class UserAdmin(ScopedModelAdmin):
    """People. A password is set by its owner, by mail; nobody reads or writes it here."""

    list_display = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login", "date_joined"]
    list_filter = ["is_active", "is_staff", "is_superuser", "language"]
    search_fields = ["email", "name"]
    hidden = ("password", "groups", "user_permissions")
    editable_fields = ("name", "language", "is_active", "is_staff")
    superuser_only = True


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

    list_display = ["user", "role", "organisation", "project", "starts_at", "ends_at", "granted_by"]
    list_filter = [ActiveFilter, "role", "organisation", "project"]
    search_fields = ["user__name", "organisation__name", "project__title"]
    list_select_related = ["user", "organisation", "project", "granted_by"]
    autocomplete_fields = ["user", "organisation"]
    date_hierarchy = "starts_at"
    added_fields = ("user", "organisation", "role", "ends_at")

    def add(self, request: HttpRequest, obj: Membership) -> Membership:
        return grant_organisation_role(
            organisation=obj.organisation, user=obj.user, role=obj.role, ends_at=obj.ends_at, by=request.user
        )


@admin.register(ApiToken)
class ApiTokenAdmin(ScopedModelAdmin):
    list_display = ["name", "hint", "user", "scope", "project", "expires_at", "last_used_at", "revoked_at"]
    list_filter = [LiveTokenFilter, "scope"]
    search_fields = ["name", "hint"]
    list_select_related = ["user", "project"]
    hidden = ("digest",)
