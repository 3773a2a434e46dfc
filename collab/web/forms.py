"""Forms of pages: one way to send them, and one place where domain errors find the field that a person mends."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from collab.kernel.errors import (
    ConflictError,
    DomainError,
    Fault,
    FaultyInputError,
    NotFoundError,
    RefusedError,
    StaleError,
)
from collab.web.errors import status_of

ONCE_S = 3600
_BEGUN = "…"


class PageForm(forms.Form):
    """What every form of a page has: the status it is answered with, and faults that belong to no single field.

    `ids`: the pattern of the ids of its fields; forms that stand on one page and share names of fields have their own.
    """

    error_status = 422
    ids = "id_%s"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "auto_id" not in kwargs:
            self.auto_id = self.ids
        self.faults: list[Fault] = []
        self.was_saved = False

    def carry(self, **now: Any) -> None:
        """A form that comes back says this `now` instead of what it was sent with."""
        self.data = self.data.copy()
        for name, value in now.items():
            self.data[self.add_prefix(name)] = str(value)

    def saved(self, *, version: int) -> None:
        """It is kept as this version, whatever is refused next: sent again, it is not taken for a stale one."""
        self.carry(version=version)
        self.was_saved = True

    def place_of(self, fault: Fault, field: str | None) -> str | None:
        """The field where a fault is shown; None keeps it for the list above the form."""
        return next((name for name in (fault.path, field) if name in self.fields), None)


def _fresh() -> str:
    return uuid.uuid4().hex


class OnceForm(PageForm):
    """A form that acts once, however often the browser sends it: `once` names the form that was shown."""

    once = forms.CharField(
        max_length=32,
        required=False,
        widget=forms.HiddenInput(attrs={"id": False}),  # many such forms stand on one page, and it needs no label
        initial=_fresh,
    )

    def values(self) -> dict[str, Any]:
        """What was filled in."""
        return {key: value for key, value in self.cleaned_data.items() if key != "once"}


class ListFilter(django_filters.FilterSet):
    """The filters above a list; what does not fit is passed over, so an old bookmark still shows rows."""

    @cached_property
    def form(self) -> forms.Form:
        made = super().form
        made.auto_id = "filter-%s"  # a form on the same page has fields of the same names
        for field in made.fields.values():
            chooses = isinstance(field.widget, forms.Select)
            field.widget.attrs["class"] = "form-select form-select-sm" if chooses else "form-control form-control-sm"
        return made


class SearchInput(forms.TextInput):
    """The search of a list: its label is read aloud, the placeholder shows it."""

    input_type = "search"

    def __init__(self, placeholder: Any) -> None:
        super().__init__(attrs={"placeholder": placeholder, "autocomplete": "off"})


class DayInput(forms.DateInput):
    """The browser's own calendar."""

    input_type = "date"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%d", **kwargs)


def sent(request: HttpRequest) -> QueryDict | None:
    """What a form was sent with, be it nothing at all; None while it is only shown."""
    return request.POST if request.method == "POST" else None


def submit(request: HttpRequest, form: PageForm, act: Callable[[], str | HttpResponse]) -> HttpResponse | None:
    """For a valid POST run `act` (one verb; it gives the address to go to) and go there. None: show the form.

    `act` may give a response instead, for what may be shown only this once.
    """
    if request.method != "POST" or not form.is_valid():
        return None
    once = form.cleaned_data.get("once")
    key = f"once:{request.user.pk}:{request.path}:{once}" if once else ""
    if key and not cache.add(key, _BEGUN, ONCE_S):
        url = cache.get(key)
        if url and url != _BEGUN:
            return _go(request, url)
        form.error_status = 409
        form.add_error(None, _("This was sent a moment ago and is being saved. Look for it before you send it again."))
        return None
    kept = False
    try:
        with errors_on(form):
            done = act()
            kept = True
            if key:
                cache.set(key, done if isinstance(done, str) else _BEGUN, ONCE_S)
            return _go(request, done) if isinstance(done, str) else done
    finally:
        if key and not kept:
            cache.delete(key)  # nothing was done: the form may be mended and sent again
    return None


def act(
    request: HttpRequest, verb: Callable[[], object], *, to: str, said: str | Promise | Callable[[Any], str]
) -> HttpResponse:
    """For a button: run one verb and go on. A state that has moved on in between is told on the page one comes from.

    `said` is what is told then, or a function that says it of what the verb gave.
    """
    try:
        done = verb()
    except ConflictError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said(done) if callable(said) else str(said))
    return redirect(to)


def show(request: HttpRequest, template: str, context: dict[str, Any], form: PageForm | None = None) -> HttpResponse:
    """The page; 4xx when the form came back with errors, so that scripts and people's tools can tell."""
    failed = form is not None and form.is_bound and bool(form.errors or form.faults)
    return render(request, template, context, status=form.error_status if failed and form else 200)


@contextmanager
def errors_on(form: PageForm) -> Iterator[None]:
    """What a verb refuses is shown on the form; what one may not see or do goes on to the page of its own."""
    try:
        yield
    except (NotFoundError, RefusedError):
        raise
    except DomainError as error:
        put_error(form, error)


def put_error(form: PageForm, error: DomainError) -> None:
    """Show a domain error where it can be mended: at its field, or above the form."""
    form.error_status = status_of(error)
    if not isinstance(error, FaultyInputError):
        differing = both_versions(form, error) if isinstance(error, StaleError) else []
        form.add_error(error.field if error.field in form.fields else None, str(error))
        for line in differing:  # above the form, where every page shows them
            form.add_error(None, line)
        return
    for fault in error.faults:
        field = form.place_of(fault, error.field)
        if field is None:
            form.faults.append(fault)
        else:
            form.add_error(field, f"{fault.text} {fault.hint}".strip())


def both_versions(form: PageForm, error: StaleError) -> list[str]:
    """What stands there now beside what was written, for each field in which they differ."""
    found = []
    for name, value in error.now.items():
        if name not in form.fields:
            continue
        now, mine = _as_text(value), _as_text(form.cleaned_data.get(name))
        if now != mine:
            said = {"field": form.fields[name].label, "now": now, "mine": mine}
            found.append(_("%(field)s: now “%(now)s”, you wrote “%(mine)s”") % said)
    return found


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _go(request: HttpRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", False) else redirect(url)
