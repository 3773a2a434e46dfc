"""Pages of those who lead or guide many placements: the offices of university, host and programme, a supervisor."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from collab.internships.forms import PlacementListFilter
from collab.internships.models import Placement
from collab.web.forms import show
from collab.web.pagination import page_of


def placement_list(request: HttpRequest) -> HttpResponse:
    """Every placement that one may see: one's own, those one guides, and those of one's organisations."""
    rows = Placement.objects.visible_to(request.user).with_names().order_by("-starts_on", "student__name", "pk")
    found = PlacementListFilter(request.GET, queryset=rows)
    context = {"page": page_of(request, found.qs), "filter": found}
    return show(request, "collab/internships/placements.html", context)
