"""Pages of rows: at most 100, and a bad page number is told, not guessed."""

from __future__ import annotations

from typing import Any

from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination

from collab.kernel.errors import NotFoundError

PAGE_SIZE = 25


class CursorOrPagePagination(PageNumberPagination):
    page_size = PAGE_SIZE
    max_page_size = 100
    page_size_query_param = "page_size"

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        for name in ("page", "page_size"):
            raw = request.query_params.get(name)
            if raw is not None and (not raw.isascii() or not raw.isdigit() or not int(raw[:9]) >= 1 or len(raw) > 8):
                raise ValidationError({name: [_("Write a whole number from 1.")]})
        return super().paginate_queryset(queryset, request, view)


class CappedPaginator(Paginator):
    """Counts and pages the first rows only: to ask for the rights on each of 50,000 rows takes too long.

    `is_capped` says that there are more.
    """

    def __init__(self, rows: Any, size: int, most: int) -> None:
        self.most = most
        super().__init__(rows, size)

    @cached_property
    def counted(self) -> int:
        return self.object_list[: self.most + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self.counted, self.most)

    @property
    def is_capped(self) -> bool:
        return self.counted > self.most


def page_of(request: HttpRequest, rows: Any, *, size: int = PAGE_SIZE, most: int | None = None) -> Page:
    """The page that `?page=` asks for; raises NotFoundError beyond the end. `most`: pages of the first rows only."""
    paginator = Paginator(rows, size) if most is None else CappedPaginator(rows, size, most)
    try:
        return paginator.page(request.GET.get("page", 1))
    except (PageNotAnInteger, EmptyPage):
        raise NotFoundError from None
