"""“Disclose this model”: what the version knows is filled in, and only for whoever may."""

from __future__ import annotations

import pytest

from collab.access.roles import Role
from collab.transfer.disclosures.models import TransferCase
from registry.catalog.services import register_version
from tests.cast import employ, person, token_for
from tests.pages import as_, text
from tests.registry.catalog.test_services import trained

pytestmark = pytest.mark.django_db


def test_a_model_version_is_disclosed_with_its_people_and_shown_on_its_page(aurora):
    aurora.cover(reference="DUA-1")
    version = register_version(
        project=aurora.project, name="Writer", trained=trained(), job_id=None, by=aurora.engineer
    )
    page = version.get_absolute_url()
    link = f"/transfer/disclose/?from=registry.modelversion:{version.pk}"
    client = as_(aurora.researcher)
    assert link in text(client.get(page)) and link not in text(as_(aurora.observer).get(page))
    assert as_(aurora.observer).get(link).status_code in {403, 404}
    form = text(client.get(link))
    assert "Writer v1" in form and "Fingerprint of the files" in form
    api = {"Authorization": f"Bearer {token_for(aurora.researcher)}"}
    body = {
        "project": aurora.project.slug,
        "organisation": aurora.university.slug,
        "subject": f"registry.modelversion:{version.pk}",
    }

    made = client.post("/api/v1/transfer-cases/", body, "application/json", headers=api)

    assert made.status_code == 201, made.content
    case = TransferCase.objects.get()
    assert (case.disclosure.kind, case.results.get().subject_id) == ("trained_model", version.pk)
    assert [row.person for row in case.disclosure.inventors.all()] == [aurora.engineer]
    assert sum(row.share_percent for row in case.disclosure.inventors.all()) == 100
    assert case.get_absolute_url() in text(client.get(page))
    assert case.get_absolute_url() not in text(as_(aurora.observer).get(page))
    officer = employ(person("Officer"), aurora.university, Role.TRANSFER_OFFICER)
    assert case.get_absolute_url() in text(as_(officer).get(page))


def test_a_dataset_version_is_disclosed_from_its_page(aurora):
    """Found by whoever sees the dataset; its people are those who announced and uploaded it."""
    version = aurora.dataset(name="Letters").versions.get()
    page = version.get_absolute_url()
    link = f"/transfer/disclose/?from=registry.datasetversion:{version.pk}"
    client = as_(aurora.lead)
    assert link in text(client.get(page)) and link not in text(as_(aurora.observer).get(page))
    form = text(client.get(link))
    assert "Letters v1" in form and version.sha256 in form
    api = {"Authorization": f"Bearer {token_for(aurora.lead)}"}
    body = {
        "project": aurora.project.slug,
        "organisation": aurora.university.slug,
        "subject": f"registry.datasetversion:{version.pk}",
    }
    assert client.post("/api/v1/transfer-cases/", body, "application/json", headers=api).status_code == 201
    case = TransferCase.objects.get()
    assert (case.disclosure.kind, case.results.get().subject_id) == ("dataset", version.pk)
    assert aurora.researcher in [row.person for row in case.disclosure.inventors.all()]
    assert case.get_absolute_url() in text(client.get(page))
    assert case.get_absolute_url() not in text(as_(aurora.observer).get(page))


def test_no_way_in_by_another_table_or_somebody_elses_row(aurora, borealis):
    client = as_(aurora.researcher)
    for subject in ("collab.user:" + str(aurora.lead.pk), "registry.modelversion:x", "x"):
        assert client.get(f"/transfer/disclose/?from={subject}").status_code == 404
