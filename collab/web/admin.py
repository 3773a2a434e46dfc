"""The project admin: every table, only the rows one may see, and history that cannot be rewritten.

A superuser sees all rows here (and only here); other staff see what their memberships show them.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from collab.access.policy import SCOPES, visible_to


class TandemAdminSite(AdminSite):
    site_title = _("Tandem admin")
    site_header = _("Tandem admin")
    index_title = _("Tables")

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One sign-in for the whole site, so that second factors and rate limits hold here too."""
        return redirect_to_login(request.GET.get("next", reverse("admin:index")))


class ScopedModelAdmin(admin.ModelAdmin):
    """Rows, choices and look-ups all come from the policy. Changes go through verbs, so tables are read here."""

    readable_by_staff = True
    editable_fields: tuple[str, ...] = ()
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self._scoped(request, super().get_queryset(request))

    def _scoped(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        if request.user.is_superuser:
            return rows
        scope = SCOPES.get(rows.model)
        return visible_to(request.user, scope.view, rows) if scope else rows.none()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [f.name for f in self.model._meta.fields if f.name not in self.editable_fields]

    def formfield_for_foreignkey(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = self._scoped(request, db_field.remote_field.model._default_manager.all())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in {str(f) for f in self.list_filter} or lookup.split("__")[0] in {
            str(f) for f in self.list_filter if isinstance(f, str)
        }

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return to_field == self.model._meta.pk.name

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_active and request.user.is_staff and self.readable_by_staff | request.user.is_superuser

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(self.editable_fields) and request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if not self.get_queryset(request).filter(pk=object_id).exists():
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        from django.db import transaction

        from collab.audit.services import record

        with transaction.atomic():
            super().save_model(request, obj, form, change)
            record(verb="admin.change", subject=obj, by=request.user, data={"fields": sorted(form.changed_data)})
