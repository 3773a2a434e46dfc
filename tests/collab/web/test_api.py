"""The base classes of the API: scoped relations, strict bodies, entity tags, moments with their zone."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from rest_framework import serializers
from rest_framework.request import Request

from collab.kernel.errors import NotFoundError, RefusedError, StaleError
from collab.projects.models import Project
from collab.web.api import (
    DayField,
    MomentField,
    PreconditionRequired,
    ScopedRelatedField,
    StrictSerializer,
    as_uuid,
    etag_of,
    named_row,
    require_match,
)


class Form(StrictSerializer):
    name = serializers.CharField()
    made = serializers.CharField(read_only=True)


def test_unknown_and_read_only_keys_are_refused():
    for extra in ("nmae", "made", "__class__"):
        form = Form(data={"name": "a", extra: "b"})
        assert not form.is_valid() and list(form.errors) == [extra]
    assert Form(data={"name": "a"}).is_valid()


def asked_by(user):
    request = RequestFactory().get("/")
    request.user = user
    return {"request": request}


class Relation(StrictSerializer):
    project = ScopedRelatedField(word="project.edit", model=Project, slug_field="slug")


@pytest.mark.django_db
def test_a_relation_is_scoped(aurora, borealis):
    for name in (aurora.project.slug, str(aurora.project.pk)):
        form = Relation(data={"project": name}, context=asked_by(aurora.lead))
        assert form.is_valid() and form.validated_data["project"] == aurora.project
    for name in (borealis.project.slug, str(borealis.project.pk), "nowhere", "\x00", "é" * 99):
        with pytest.raises(NotFoundError):
            Relation(data={"project": name}, context=asked_by(aurora.lead)).is_valid()
    with pytest.raises(RefusedError):
        Relation(data={"project": aurora.project.slug}, context=asked_by(aurora.observer)).is_valid()
    for odd in (7, None, [], {}, True):
        assert not Relation(data={"project": odd}, context=asked_by(aurora.lead)).is_valid()


@pytest.mark.django_db
def test_a_short_name_that_looks_like_an_id_is_found_first(aurora):
    Project.objects.filter(pk=aurora.project.pk).update(slug="11111111-1111-1111-1111-111111111111")
    assert named_row(Project.objects.all(), "11111111-1111-1111-1111-111111111111") == aurora.project
    assert as_uuid("11111111111111111111111111111111") is not None and as_uuid("x") is None


@pytest.mark.parametrize(
    "raw", ["2031-05-01T12:00:00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "x", 7]
)
def test_a_moment_needs_its_zone_and_a_sane_year(raw):
    with pytest.raises(serializers.ValidationError):
        MomentField().run_validation(raw)


def test_a_moment_is_kept_as_it_was_meant():
    moment = MomentField().run_validation("2031-05-01T23:59:00+14:00")
    assert moment.isoformat() == "2031-05-01T09:59:00+00:00"


@pytest.mark.parametrize("raw", ["2027-02-29", "9999-01-01", "0001-01-01", "1.5.2031", 20310501, None])
def test_a_day(raw):
    with pytest.raises(serializers.ValidationError):
        DayField().run_validation(raw)


def test_entity_tags():
    assert etag_of("a", "b") != etag_of("ab") != etag_of("a", "c")
    assert etag_of("\ud800")  # whatever a text holds

    def request(**headers):
        return Request(RequestFactory().get("/", headers=headers))

    tag = etag_of(1)
    require_match(request(**{"If-Match": tag}), tag)
    require_match(request(**{"If-Match": f'"x", {tag}'}), tag)
    for headers in ({}, {"If-Match": ""}, {"If-Match": "*"}):
        with pytest.raises(PreconditionRequired):
            require_match(request(**headers), tag)
    for given in ('"x"', f"W/{tag}", tag.strip('"')):
        with pytest.raises(StaleError):
            require_match(request(**{"If-Match": given}), tag)
