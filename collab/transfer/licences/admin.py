"""Admin of licences: read here, changed by their verbs. Fields of use and territories are extended here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from collab.transfer.licences.models import (
    Breach,
    Diligence,
    Grant,
    Licence,
    LicensedAsset,
    LicensedThing,
    LicensorShare,
    MilestonePayment,
    RoyaltyTier,
    Sublicence,
)
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.transfer.licences.services import add_place
from collab.transfer.licences.states import STATE_WORDS, LicenceState
from collab.web.admin import ScopedModelAdmin


@admin.register(Licence)
class LicenceAdmin(ScopedModelAdmin):
    list_display = ["agreement", "licensor", "licensee", "exclusivity", "starts_on", "ends_on", "now"]
    list_filter = ["exclusivity", "agreement__kind", "licensor"]
    search_fields = ["agreement__reference", "agreement__title", "licensee__name"]
    list_select_related = ["agreement", "licensor", "licensee"]
    date_hierarchy = "starts_on"

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).with_state()

    @admin.display(description=_("state"))
    def now(self, obj: Any) -> str:
        return str(STATE_WORDS[LicenceState(obj.state)])


@admin.register(LicensedAsset)
class LicensedAssetAdmin(ScopedModelAdmin):
    list_display = ["label", "licence", "kind", "allocation_percent"]
    list_filter = ["kind"]
    search_fields = ["label", "licence__agreement__reference"]
    list_select_related = ["licence__agreement"]


@admin.register(LicensedThing)
class LicensedThingAdmin(ScopedModelAdmin):
    list_display = ["label", "name"]
    search_fields = ["label", "name"]


@admin.register(Grant)
class GrantAdmin(ScopedModelAdmin):
    list_display = ["licence", "thing", "field_of_use", "territory", "shuts", "starts_on", "ends_on"]
    list_filter = ["shuts"]
    search_fields = ["licence__agreement__reference", "thing__label"]
    list_select_related = ["licence__agreement", "thing", "field_of_use", "territory"]


@admin.register(LicensorShare)
class LicensorShareAdmin(ScopedModelAdmin):
    list_display = ["licence", "organisation", "percent"]
    search_fields = ["licence__agreement__reference", "organisation__name"]
    list_select_related = ["licence__agreement", "organisation"]


@admin.register(RoyaltyTier)
class RoyaltyTierAdmin(ScopedModelAdmin):
    list_display = ["licence", "from_amount", "rate_percent", "per_unit"]
    search_fields = ["licence__agreement__reference"]
    list_select_related = ["licence__agreement"]


@admin.register(MilestonePayment)
class MilestonePaymentAdmin(ScopedModelAdmin):
    list_display = ["title", "licence", "amount", "due_on", "met_on"]
    search_fields = ["title", "licence__agreement__reference"]
    list_select_related = ["licence__agreement"]


@admin.register(Diligence)
class DiligenceAdmin(ScopedModelAdmin):
    list_display = ["title", "licence", "due_on", "met_on"]
    search_fields = ["title", "licence__agreement__reference"]
    list_select_related = ["licence__agreement"]


@admin.register(Breach)
class BreachAdmin(ScopedModelAdmin):
    list_display = ["licence", "reason", "noticed_on", "cure_by", "cured_on"]
    search_fields = ["licence__agreement__reference"]
    list_select_related = ["licence__agreement"]


@admin.register(Sublicence)
class SublicenceAdmin(ScopedModelAdmin):
    list_display = ["name", "licence", "starts_on", "ends_on", "state"]
    list_filter = ["state"]
    search_fields = ["name", "licence__agreement__reference"]
    list_select_related = ["licence__agreement"]


class PlaceAdmin(ScopedModelAdmin):
    """A list that the platform's administrators extend."""

    list_display = ["code", "name", "name_zh", "path"]
    search_fields = ["code", "name", "name_zh"]
    added_fields = ("code", "name", "name_zh", "parent")

    def add(self, request: HttpRequest, obj: Any) -> Any:
        facts = {name: getattr(obj, name) for name in self.added_fields}
        return add_place(model=self.model, by=request.user, **facts)


admin.site.register(FieldOfUse, PlaceAdmin)
admin.site.register(Territory, PlaceAdmin)
