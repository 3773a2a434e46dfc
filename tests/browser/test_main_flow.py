"""The main way through the pages in a browser: from an agreement to a job. And every page at a glance."""

from __future__ import annotations

import json
import re
import uuid
from contextlib import suppress

import pytest
from playwright.sync_api import TimeoutError

from collab.accounts.models import User
from collab.projects.models import Project
from registry.catalog.services import TrainedModel, register_version
from registry.datasets.models import DatasetVersion
from tests.browser.conftest import DESKTOP, PHONE, see
from tests.cast import PASSWORD, Joint
from training.engine.contract import default_spec
from training.jobs.models import Job
from training.jobs.services import submit_job
from training.runner.dispatch import run_dir

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = "note,severity\n" + "".join(f"door {n} sticks,{['low', 'high'][n % 2]}\n" for n in range(80))


def sign_in(page, live_server, user: User) -> None:
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live_server.url}/")


def sign(page, live_server, enter, user: User) -> None:
    # A late answer to the page before may set the cookie of whoever was here before; come in again then.
    link = page.get_by_role("link", name="Sign DUA-1")
    for _attempt in range(4):
        enter(user)
        page.goto(live_server.url)
        with suppress(TimeoutError):
            link.wait_for(timeout=8_000)
            break
    link.click()
    page.get_by_label("Your full name").fill(user.name)
    page.get_by_label("Your capacity").fill("Director")
    page.get_by_label("I have read this version").check()
    page.get_by_role("button", name="Sign", exact=True).click()
    page.get_by_text(re.compile(r"Signed\. Thank you|Signed by all parties")).first.wait_for()  # and no label before it


def test_from_agreement_to_job(page, live_server, enter, aurora: Joint, complaints, axe, tmp_path):
    see(page)
    sign_in(page, live_server, aurora.lead)
    page.get_by_role("link", name="Aurora", exact=True).click()
    page.get_by_role("link", name="New agreement").first.click()
    page.get_by_label("Reference").fill("DUA-1")
    page.get_by_label("Kind").select_option("data_use")
    page.get_by_label("Title", exact=False).first.fill("Use of notes")
    page.get_by_role("button", name="Go on to the text").click()
    page.get_by_label("Text", exact=False).first.fill("The parties may use the notes.")
    for box in page.get_by_role("checkbox", name="Every dataset, also later ones").all():
        box.check()
    assert axe() == []
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_role("button", name="Send for signature").click()
    page.get_by_role("dialog").get_by_role("button", name="Send for signature").click()
    page.get_by_text("Sent for signature").wait_for()

    for signatory in (aurora.university_signatory, aurora.company_signatory):
        sign(page, live_server, enter, signatory)
    page.get_by_text("the agreement is in force").wait_for()

    enter(aurora.researcher)
    page.goto(f"{live_server.url}/terms/")
    page.get_by_role("link", name="Read and accept").click()
    page.get_by_label("I have read this and will keep to it").check()
    assert axe() == []
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("What this version covers is open to you").wait_for()
    page.goto(f"{live_server.url}/datasets/")
    page.get_by_role("link", name="New dataset").first.click()
    page.get_by_label("Project").select_option("aurora")
    page.get_by_label("Name").fill("Notes")
    page.get_by_role("button", name="Go on to the file").click()
    file = tmp_path / "notes.csv"
    file.write_text(TABLE)
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_text("Version 1 is checked and stored.").wait_for()
    page.get_by_text("door 1").first.wait_for()
    assert axe() == []

    page.get_by_role("link", name="Train a model").click()
    advice = page.locator("#advice")
    before = advice.inner_text()
    assert "Time, about" in before
    page.get_by_label("Passes over the data").fill("3")
    page.get_by_label("Passes over the data").blur()
    page.wait_for_function("(before) => document.querySelector('#advice').innerText !== before", arg=before)
    assert axe() == []
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("Waiting for a free place").wait_for()
    job = Job.objects.get()
    assert (job.spec["train"]["epochs"], job.submitted_by) == (3, aurora.researcher)
    assert complaints == []


def test_a_refused_file_is_told_in_place(page, live_server, enter, aurora: Joint, tmp_path):
    dataset = aurora.dataset()
    enter(aurora.researcher)
    page.goto(f"{live_server.url}{dataset.get_absolute_url()}upload/")
    file = tmp_path / "ragged.csv"
    file.write_text("a,b\n1,2\n3\n")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_text("Row 3 has 1 cell where the header has 2").wait_for()
    assert page.get_by_role("button", name="Upload and check").is_enabled()
    assert dataset.versions.count() == 1


def test_the_list_follows_what_is_typed(page, live_server, enter, aurora: Joint):
    aurora.dataset(name="Letters")
    aurora.dataset(name="Numbers", content=b"1\n2\n3\n" * 20)
    enter(aurora.researcher)
    page.goto(f"{live_server.url}/datasets/")
    page.get_by_role("searchbox").press_sequentially("numb")
    page.get_by_text("1 dataset", exact=True).wait_for()
    assert page.get_by_role("link", name="Letters").count() == 0
    assert page.url.endswith("q=numb&project=&kind=")


@pytest.fixture
def furnished(aurora: Joint) -> list[str]:
    """Something in every room, and the addresses of the pages that show it."""
    terms = aurora.cover(reference="DUA-1")
    version = aurora.dataset(name="Notes", content=TABLE.encode(), file="notes.csv").latest()
    job = _job(aurora, version)
    model = _model(aurora, version, terms, job)
    project = f"/projects/{aurora.project.slug}/"
    return [
        "/",
        "/projects/",
        "/projects/new/",
        project,
        f"{project}members/",
        f"{project}rights/",
        f"{project}history/",
        terms.agreement.get_absolute_url(),
        f"{terms.agreement.get_absolute_url()}draft/",
        "/datasets/",
        version.get_absolute_url(),
        f"{version.dataset.get_absolute_url()}upload/",
        "/jobs/",
        "/jobs/new/",
        f"/jobs/new/?version={version.pk}",
        job.get_absolute_url(),
        "/models/",
        model.model.get_absolute_url(),
        model.get_absolute_url(),
        f"{model.get_absolute_url()}card/",
        "/account/",
        "/account/tokens/",
    ]


def _job(joint: Joint, version: DatasetVersion) -> Job:
    spec = default_spec("text-classification", version.profile, str(version.pk)).to_json()
    job = submit_job(project=joint.project, name="Severity", spec=spec, by=joint.researcher)
    folder = run_dir(job.pk)
    folder.mkdir(parents=True)
    lines = [
        {"e": "metric", "step": n, "values": {"train/loss": 3 / n, "valid/accuracy": n / 20}} for n in range(1, 12)
    ]
    lines.append({"e": "sample", "step": 11, "kind": "row", "prompt": "door 3 sticks", "text": "low", "label": "high"})
    text = "".join(json.dumps({"t": 0.0, "n": n, **line}) + "\n" for n, line in enumerate(lines))
    (folder / "events.jsonl").write_text(text)
    (folder / "log.txt").write_text("begun\nWARNING slow disk\n")
    return job


def _model(joint: Joint, version: DatasetVersion, terms, job: Job):  # type: ignore[no-untyped-def]
    trained = TrainedModel(
        task="text-classification",
        architecture="bert",
        parameters=12_345,
        metrics={"test/macro_f1": 0.8, "test/loss": 0.4},
        primary_metric="test/macro_f1",
        baseline={"name": "majority", "metrics": {"test/macro_f1": 0.33, "test/loss": 0.69}},
        card="# Severity\n\n| metric | value |\n|---|--:|\n| macro F1 | 0.8 |\n\n[terms](/agreements/)\n",
        manifest={"files": {"model.safetensors": {"sha256": "ab" * 32, "size_bytes": 49_380}}},
        manifest_sha256="cd" * 32,
        size_bytes=49_380,
        mlflow_run_id="ef" * 16,
        dataset_versions=[version],
        terms=[terms],
    )
    return register_version(
        project=Project.objects.get(pk=joint.project.pk),
        name="Severity",
        trained=trained,
        job_id=uuid.UUID(str(job.pk)),
        by=joint.lead,
    )


@pytest.mark.parametrize(
    ("theme", "size", "language"),
    [("light", DESKTOP, "en"), ("dark", PHONE, "zh-hans")],
    ids=["light-desktop-en", "dark-phone-zh"],
)
def test_every_page_is_accessible_and_quiet(
    page, live_server, enter, aurora, furnished, complaints, axe, too_wide, theme, size, language
):
    enter(aurora.lead)
    see(page, theme=theme, size=size, language=language)
    found = {}
    for address in furnished:
        page.goto(live_server.url + address)
        page.locator("section[hx-trigger=load]").first.wait_for(state="detached")
        if address == furnished[15]:
            page.locator("td-curve canvas").wait_for()
        faults = [*axe(), *too_wide(), *complaints]
        complaints.clear()
        if faults:
            found[address] = faults
    assert found == {}
