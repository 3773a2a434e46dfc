"""Admin of start-ups: read here, changed by their verbs."""

from django.contrib import admin

from collab.transfer.portfolio.models import EquityHolding, StartUp
from collab.web.admin import ScopedModelAdmin


@admin.register(StartUp)
class StartUpAdmin(ScopedModelAdmin):
    list_display = ["name", "organisation", "country", "state", "founded_on", "platform"]
    list_filter = ["state", "organisation"]
    search_fields = ["name", "name_zh", "acquired_by"]
    list_select_related = ["organisation", "platform"]
    date_hierarchy = "founded_on"


@admin.register(EquityHolding)
class EquityHoldingAdmin(ScopedModelAdmin):
    list_display = ["startup", "holder", "percent", "from_on", "event", "licence"]
    list_filter = ["event"]
    search_fields = ["startup__name", "startup__name_zh", "holder__name"]
    list_select_related = ["startup", "holder", "licence__agreement"]
    date_hierarchy = "from_on"
