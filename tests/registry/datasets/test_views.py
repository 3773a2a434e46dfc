"""Pages of datasets."""

from __future__ import annotations

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from collab.agreements.models import AgreementVersion
from collab.audit.models import AuditEvent
from collab.projects.services import move_project
from registry.datasets.models import Dataset, DatasetVersion
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db

CSV = b"text,label\n" + b"".join(b"secret words %d,%s\n" % (n, [b"good", b"bad"][n % 2]) for n in range(40))


@pytest.fixture
def notes(aurora) -> Dataset:
    return aurora.dataset(name="Notes", content=CSV, file="notes.csv")


def page(dataset: Dataset, rest: str = "") -> str:
    return f"{dataset.get_absolute_url()}{rest}"


# --- list
def test_the_list_shows_mine_found_by_words_project_and_kind(aurora, borealis, notes):
    letters, theirs = aurora.dataset(), borealis.dataset()
    client = as_(aurora.observer)
    seen = text(client.get("/datasets/"))
    assert page(notes) in seen and page(letters) in seen and page(theirs) not in seen
    assert page(letters) not in text(client.get("/datasets/?q=notes"))
    assert page(letters) not in text(client.get("/datasets/?kind=csv"))
    assert page(notes) in text(client.get(f"/datasets/?project={aurora.project.slug}"))


def test_a_project_of_others_is_no_filter(aurora, borealis, notes):
    response = as_(aurora.lead).get(f"/datasets/?project={borealis.project.slug}")
    assert response.status_code == 200
    assert borealis.project.title not in text(response)


def test_more_datasets_take_no_more_queries(aurora):
    client = as_(aurora.researcher)
    panel = f"/projects/{aurora.project.slug}/datasets/"
    for number in range(2):
        aurora.dataset(name=f"D{number}", content=b"line %d\n" % number * 20)
    few = queries(client, "/datasets/"), queries(client, panel)
    for number in range(2, 6):
        aurora.dataset(name=f"D{number}", content=b"line %d\n" % number * 20)
    assert (queries(client, "/datasets/"), queries(client, panel)) == few


def test_the_panels_of_a_suspended_project_hold_no_link_without_words(aurora):
    client, panels = as_(aurora.lead), [f"/projects/{aurora.project.slug}/{name}/" for name in ("datasets", "jobs")]
    assert ["/new/" in text(client.get(panel)) for panel in panels] == [True, True]
    move_project(project=aurora.project, move="suspend", by=aurora.lead)
    assert ["/new/" in text(client.get(panel)) for panel in panels] == [False, False]


# --- new
def test_a_dataset_is_announced_and_goes_on_to_its_file(aurora):
    form = {"project": aurora.project.slug, "name": "Photos", "description": "Of trains."}
    response = as_(aurora.researcher).post("/datasets/new/", form)
    dataset = Dataset.objects.get()
    assert response.url == page(dataset, "upload/")
    assert dataset.organisation == aurora.university


def test_a_taken_name_is_told_at_its_field(aurora, notes):
    response = as_(aurora.researcher).post("/datasets/new/", {"project": aurora.project.slug, "name": "Notes"})
    assert response.status_code == 422
    assert "choose another" in str(response.context["form"]["name"].errors)


def test_whoever_may_not_add_data_is_told_what_it_takes(aurora):
    assert "No active project takes data from you" in text(as_(aurora.engineer).get("/datasets/new/"))


# --- page
def test_the_profile_is_drawn_and_the_rows_are_closed_without_terms(aurora, notes):
    seen = text(as_(aurora.engineer).get(page(notes)))
    assert '"labels": ["bad", "good"]' in seen
    assert "secret words" not in seen
    assert "No agreement of this project lets Northwind read the data" in seen
    assert "v1/download/" not in seen


def test_the_contributors_read_their_own(aurora, notes):
    seen = text(as_(aurora.researcher).get(page(notes)))
    assert "secret words" in seen
    assert "v1/download/" in seen


def test_terms_open_the_rows_and_are_named(aurora, notes):
    version = aurora.cover(reference="DUA-1")
    seen = text(as_(aurora.engineer).get(page(notes)))
    assert "secret words" in seen
    assert f'<a href="{version.get_absolute_url()}">DUA-1</a>' in seen
    AgreementVersion.objects.filter(pk=version.pk).update(expires_on=timezone.localdate())
    closed = text(as_(aurora.engineer).get(page(notes)))
    assert "secret words" not in closed
    assert "The agreement DUA-1 expired" in closed


def test_an_observer_sees_that_it_exists_and_no_row(aurora, notes):
    aurora.cover(reference="DUA-1")
    seen = text(as_(aurora.observer).get(page(notes)))
    assert "secret words" not in seen
    assert "Your role does not let you" in seen


def test_older_versions_stay_and_unknown_ones_are_not_there(aurora, notes):
    aurora.version_of(notes, content=CSV + b"one more,good\n", file="more.csv")
    client = as_(aurora.researcher)
    assert "Version 2" in text(client.get(page(notes)))
    assert "Version 1" in text(client.get(page(notes, "?version=1")))
    for number in ("3", "0", "x", "-1", "9" * 30):
        assert client.get(page(notes, f"?version={number}")).status_code == 404


def test_a_dataset_without_a_version_says_what_comes_next(aurora):
    as_(aurora.researcher).post("/datasets/new/", {"project": aurora.project.slug, "name": "Photos"})
    assert "Upload the first version" in text(as_(aurora.researcher).get(page(Dataset.objects.get())))


def test_others_find_nothing(aurora, borealis, notes):
    client = as_(borealis.lead)
    for rest in ("", "upload/", "v1/download/", "jobs/"):
        assert client.get(page(notes, rest)).status_code == 404


def test_more_versions_take_no_more_queries(aurora, notes):
    client = as_(aurora.researcher)
    aurora.cover(reference="DUA-1")

    def add(count: int) -> None:
        for _ in range(count):
            number = DatasetVersion.objects.count()
            aurora.version_of(notes, content=CSV + b"row %d,good\n" % number, file="more.csv")

    add(1)
    few = queries(client, page(notes))
    add(3)
    assert queries(client, page(notes)) == few


# --- upload
def send(client, dataset: Dataset, content: bytes, name: str = "notes.csv", **headers):
    file = SimpleUploadedFile(name, content)
    return client.post(page(dataset, "upload/"), {"file": file}, headers=headers)


def test_a_file_becomes_the_next_version(aurora, notes):
    response = send(as_(aurora.researcher), notes, CSV + b"one more,good\n")
    version = notes.latest()
    assert version.number == 2
    assert response.url == version.get_absolute_url()


def test_a_script_is_told_where_to_go(aurora, notes):
    response = send(as_(aurora.researcher), notes, CSV + b"one more,good\n", **{"hx-request": "true"})
    assert response["HX-Redirect"] == notes.latest().get_absolute_url()


@pytest.mark.parametrize(
    ("content", "name", "status", "said"),
    [
        (b"", "empty.txt", 422, "The file is empty"),
        (b"a,b\n1,2\n3\n", "ragged.csv", 422, "Row 3 has 1 cell where the header has 2"),
        (b"caf\xe9 " * 40, "latin.txt", 422, "not valid UTF-8"),
        (b"\x80\x05\x95\x1e" + b"\x00" * 60, "data.csv", 415, "pickle"),
        (CSV, "same.csv", 409, "already version 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_at_it_and_nothing_is_kept(aurora, notes, content, name, status, said):
    response = send(as_(aurora.researcher), notes, content, name)
    assert response.status_code == status
    assert said in str(response.context["form"]["file"].errors)
    assert notes.versions.count() == 1


def test_the_form_says_what_is_taken(aurora, notes):
    response = as_(aurora.researcher).get(page(notes, "upload/"))
    assert response.status_code == 200
    assert "Plain text in UTF-8, CSV" in text(response)
    assert "invalid-feedback" not in text(response)


def test_no_file_at_all_is_told_too(aurora, notes):
    response = as_(aurora.researcher).post(page(notes, "upload/"), {})
    assert response.status_code == 422
    assert response.context["form"].errors["file"]


def test_an_engineer_does_not_upload(aurora, notes):
    assert send(as_(aurora.engineer), notes, CSV + b"x,good\n").status_code == 403
    assert notes.versions.count() == 1


# --- download
def test_the_bytes_come_as_they_were_and_cannot_act(aurora, notes):
    response = as_(aurora.researcher).get(page(notes, "v1/download/"))
    content = b"".join(response.streaming_content)
    assert hashlib.sha256(content).hexdigest() == notes.latest().sha256
    assert response["Content-Disposition"] == 'attachment; filename="notes.csv"'
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert AuditEvent.objects.filter(verb="dataset.download", actor_id=aurora.researcher.pk).count() == 1


def test_a_download_without_terms_names_what_is_missing(aurora, notes):
    response = as_(aurora.engineer).get(page(notes, "v1/download/"))
    assert response.status_code == 403
    assert "No agreement of this project lets Northwind" in text(response)
    assert not AuditEvent.objects.filter(verb="dataset.download").exists()


def test_a_name_that_would_break_out_of_the_header_does_not(aurora):
    dataset = aurora.dataset(name="Odd", file='a";b=c.txt')
    response = as_(aurora.researcher).get(page(dataset, "v1/download/"))
    assert response["Content-Disposition"] == 'attachment; filename="a\\";b=c.txt"'
