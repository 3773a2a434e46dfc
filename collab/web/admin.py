"""The project admin: every table, only the rows one may see, and history that cannot be rewritten.

A superuser sees all rows here (and only here); other staff see what their memberships show them. Tables are read here;
what may be changed goes through the same verbs as everywhere, or leaves an act in the history.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from collab.access.policy import SCOPES, visible_to
from collab.accounts import second_factor
from collab.audit.services import record
from collab.kernel.errors import DomainError, RefusedError

# What a list filter adds to the name of its field; any other look-up would walk to what the page does not show.
_LOOKUPS = ("", "__exact", "__id__exact", "__isnull", "__gte", "__lt", "__in")


class TandemAdminSite(AdminSite):
    site_title = _("Tandem admin")
    site_header = _("Tandem admin")
    index_title = _("Tables")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Only scoped tables come in; those that libraries bring along would show every row to whoever has a group."""
        if admin_class is not None and issubclass(admin_class, ScopedModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[Any]:
        """Without “view on site”: it looks up any row of any table by its id and says where it is."""
        return [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff, with a second factor where the installation asks for one."""
        allowed = super().has_permission(request)
        if allowed and second_factor.is_required() and not second_factor.has_second_factor(request.user):
            raise RefusedError([second_factor.missing()])
        return allowed

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One sign-in for the whole site, so that second factors and rate limits hold here too."""
        return redirect_to_login(request.GET.get("next", reverse("admin:index")))

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One place for passwords."""
        return redirect("account_change_password")

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("account_change_password")


class ScopedRelatedFilter(admin.RelatedFieldListFilter):
    """A list filter whose choices are only those one may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        rows = model_admin.scoped(request, field.remote_field.model._default_manager.all())
        return [(row.pk, str(row)) for row in rows[:200]]


class ScopedModelAdmin(admin.ModelAdmin):
    """Rows, choices and look-ups all come from the policy.

    `hidden`: fields nobody sees here, such as hashes of secrets. `editable_fields`: what a superuser may change.
    `adds`: whether a superuser may add rows, by the verb that `add` calls.
    """

    hidden: tuple[str, ...] = ()
    editable_fields: tuple[str, ...] = ()
    added_fields: tuple[str, ...] = ()
    superuser_only = False
    show_full_result_count = False
    view_on_site = False
    list_per_page = 50
    actions = None

    # --- which rows
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if self.superuser_only and not request.user.is_superuser:
            return rows.none()
        return self.scoped(request, rows)

    def scoped(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the rows, of this or any other table, that the person may see here."""
        if request.user.is_superuser:
            return rows
        scope = SCOPES.get(rows.model)
        return visible_to(request.user, scope.view, rows) if scope else rows.none()

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = self.scoped(request, db_field.remote_field.model._default_manager.all())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = self.scoped(request, db_field.remote_field.model._default_manager.all())
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Filters on a relation offer only what one may see."""
        return [
            (name, ScopedRelatedFilter) if isinstance(self._field(name), ForeignKey) else name
            for name in super().get_list_filter(request)
        ]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        allowed = {f"{self.date_hierarchy}__{part}" for part in ("year", "month", "day", "gte", "lt")}
        for name in self.list_filter:
            if isinstance(name, str):
                allowed |= {f"{name}{suffix}" for suffix in _LOOKUPS}
            else:
                allowed.add(name.parameter_name)
        return lookup in allowed

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return to_field == self.model._meta.pk.name

    # --- which fields
    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None and self.added_fields:
            return list(self.added_fields)
        names = [f.name for f in (*self.model._meta.fields, *self.model._meta.many_to_many)]
        return [*(name for name in names if name not in self.hidden), *self.extra_fields(request, obj)]

    def extra_fields(self, request: HttpRequest, obj: Any) -> Iterable[str]:
        """Names of methods to show beside the fields."""
        return ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        changeable = self.added_fields if obj is None else self.editable_fields
        return [name for name in self.get_fields(request, obj) if name not in changeable]

    def _field(self, name: Any) -> Field | None:
        return next((f for f in self.model._meta.fields if f.name == name), None)

    # --- who
    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        user = request.user
        return user.is_active and user.is_staff and (user.is_superuser or not self.superuser_only)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(self.added_fields) and request.user.is_active and request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(self.editable_fields) and request.user.is_active and request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # nothing is deleted by hand: rows are ended, and history stays

    # --- changes
    def add(self, request: HttpRequest, obj: Any) -> Any:
        """Add the row by its verb and return it. Raises DomainError."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            made = self.add(request, obj)
            obj.pk, obj._state.adding = made.pk, False
            obj.refresh_from_db()
            return
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            record(verb="admin.change", subject=obj, by=request.user, data={"fields": sorted(form.changed_data)})

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A verb that refuses says so above the form."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as fault:
            self.message_user(request, str(fault), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


def as_json(value: Any) -> str:
    """JSON as people read it, cut where nobody reads on."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return format_html("<pre>{}</pre>", Truncator(text).chars(20_000))


def short_hash(value: str) -> str:
    """The beginning of a hash, enough to compare by eye."""
    return value[:12]
