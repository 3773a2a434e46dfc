"""How pages send forms: once, and with each error at its field."""

from __future__ import annotations

import pytest
from django import forms
from django.http import HttpResponse
from django.test import RequestFactory

from collab.kernel.errors import ConflictError, Fault, FaultyInputError, InvalidError, RefusedError, StaleError
from collab.web.forms import OnceForm, errors_on, put_error, show, submit


class NameForm(OnceForm):
    name = forms.CharField()


@pytest.fixture
def post(db, aurora):
    def send(**fields):
        request = RequestFactory().post("/x/", {"name": "A", **fields})
        request.user = aurora.lead
        request.htmx = False
        return request

    return send


def test_a_form_acts_once_and_sends_both_to_the_same_place(post):
    acts = []

    def act():
        acts.append(1)
        return "/done/"

    answers = []
    for _ in range(2):
        request = post(once="abc")
        answers.append(submit(request, NameForm(request.POST), act))
    assert [answer.url for answer in answers] == ["/done/", "/done/"]
    assert len(acts) == 1


def test_a_form_that_failed_may_be_sent_again(post):
    def fail():
        raise InvalidError("No.", field="name")

    request = post(once="abd")
    assert submit(request, NameForm(request.POST), fail) is None
    assert submit(request, NameForm(request.POST), lambda: "/done/").url == "/done/"


def test_what_is_shown_once_is_not_shown_to_a_second_sending(post):
    request = post(once="abe")
    first = submit(request, NameForm(request.POST), lambda: HttpResponse("secret"))
    again = NameForm(request.POST)
    second = submit(request, again, lambda: HttpResponse("secret"))
    assert first.content == b"secret"
    assert second is None
    assert "a moment ago" in str(again.non_field_errors())


def test_an_upload_by_script_is_told_where_to_go(post):
    request = post(once="abf")
    request.htmx = True
    response = submit(request, NameForm(request.POST), lambda: "/done/")
    assert response["HX-Redirect"] == "/done/"


@pytest.mark.parametrize(
    ("error", "field", "status"),
    [
        (InvalidError("Taken.", field="name"), "name", 422),
        (InvalidError("Somewhere.", field="elsewhere"), "__all__", 422),
        (ConflictError("Moved on."), "__all__", 409),
        (StaleError("Changed."), "__all__", 412),
        (FaultyInputError([Fault("name", "Bad.", "Write it so.")], field="name"), "name", 422),
    ],
)
def test_an_error_finds_its_field_and_its_status(error, field, status):
    form = NameForm({"name": "A"})
    form.is_valid()
    put_error(form, error)
    assert list(form.errors) == [field]
    assert form.error_status == status


def test_a_fault_without_a_field_stays_in_the_list():
    form = NameForm({"name": "A"})
    form.is_valid()
    put_error(form, FaultyInputError([Fault("spec.train.lr", "Too high.")], field="spec"))
    assert [fault.path for fault in form.faults] == ["spec.train.lr"]
    assert not form.errors


def test_a_refusal_is_no_matter_of_the_form():
    form = NameForm({"name": "A"})
    form.is_valid()
    with pytest.raises(RefusedError), errors_on(form):
        raise RefusedError([])


def test_a_page_with_errors_is_no_success(post):
    request = post()
    form = NameForm({"name": ""})
    form.is_valid()
    assert show(request, "collab/web/_faults.html", {}, form).status_code == 422
    assert show(request, "collab/web/_faults.html", {}, NameForm()).status_code == 200


def test_a_form_of_a_model_has_the_ids_of_its_page(aurora):
    """Its base hands on the pattern of ids by place, not by name."""

    class TitleForm(forms.ModelForm, OnceForm):
        ids = "title-%s"

        class Meta:
            model = type(aurora.project)
            fields = ["title"]

    assert TitleForm(instance=aurora.project)["title"].id_for_label == "title-title"
