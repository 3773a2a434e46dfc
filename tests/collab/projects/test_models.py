"""What the tables of projects refuse by themselves."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from collab.projects.models import PartyRole, Project, ProjectParty
from tests.cast import organisation

pytestmark = pytest.mark.django_db


def refused(make) -> str:
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        make()
    return str(error.value)


def project(aurora, **fields) -> Project:
    return Project.objects.create(**({"slug": "new", "title": "New", "created_by": aurora.lead} | fields))


def test_constraints(aurora):
    early, late = date(2026, 1, 1), date(2026, 1, 2)
    assert "project_ends_after_start" in refused(lambda: project(aurora, starts_on=late, ends_on=early))
    assert "project_state_is_known" in refused(lambda: project(aurora, state="dreaming"))
    assert refused(lambda: project(aurora, slug=aurora.project.slug))
    assert project(aurora, starts_on=early, ends_on=early).ends_on == early


def test_a_party_is_in_a_project_once_and_one_leads(aurora):
    assert refused(lambda: ProjectParty.objects.create(project=aurora.project, organisation=aurora.company))
    other = organisation("Other")
    assert refused(lambda: ProjectParty.objects.create(project=aurora.project, organisation=other, role=PartyRole.LEAD))
    ProjectParty.objects.create(project=aurora.project, organisation=other)


def test_names_in_the_readers_language(aurora):
    from django.utils import translation

    aurora.project.title, aurora.project.title_zh = "Aurora", "极光"
    aurora.project.summary, aurora.project.summary_zh = "Light", ""
    with translation.override("zh-hans"):
        assert (str(aurora.project), aurora.project.summary_text) == ("极光", "Light")
    with translation.override("en"):
        assert str(aurora.project) == "Aurora"
