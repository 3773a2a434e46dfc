"""Pages of rows: at most 100, and a bad number is told."""

from __future__ import annotations

import contextlib

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from collab.kernel.errors import NotFoundError
from collab.web.pagination import PAGE_SIZE, CursorOrPagePagination, page_of

ROWS = list(range(230))


def page(query: str):
    paginator = CursorOrPagePagination()
    return paginator.paginate_queryset(ROWS, Request(RequestFactory().get(f"/?{query}")))


def test_sizes():
    assert page("") == ROWS[:PAGE_SIZE]
    assert page("page=2&page_size=100") == ROWS[100:200]
    assert page("page_size=1000") == ROWS[:100]
    with pytest.raises(NotFound):
        page("page=99")


@pytest.mark.parametrize("raw", ["0", "-1", "1.0", "", "+1", " 1", "１", "x", "9" * 30])
@pytest.mark.parametrize("name", ["page", "page_size"])
def test_what_is_no_page_number(name, raw):
    with pytest.raises(ValidationError):
        page(f"{name}={raw}")


@given(st.text(max_size=12))
def test_any_text_is_a_page_or_a_refusal(raw):
    request = RequestFactory().get("/", {"page": raw})
    for ask in (
        lambda: CursorOrPagePagination().paginate_queryset(ROWS, Request(request)),
        lambda: page_of(request, ROWS),
    ):
        with contextlib.suppress(ValidationError, NotFound, NotFoundError):
            ask()


def test_pages_of_the_site():
    assert list(page_of(RequestFactory().get("/?page=2"), ROWS, size=10)) == ROWS[10:20]
    with pytest.raises(NotFoundError):
        page_of(RequestFactory().get("/?page=24"), ROWS, size=10)
