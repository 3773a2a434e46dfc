"""The way of a partner's program: announce data, upload, ask for a spec, submit, follow."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from tests.cast import token_for, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(aurora):
    """A client with the researcher's write token."""
    aurora.cover(reference="DUA-1")
    secret = token_for(aurora.researcher, project=aurora.project)
    return Client(headers={"Authorization": f"Bearer {secret}", "Accept": "application/json"})


def post(client, path, body, **headers):
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def test_upload_submit_and_follow(program, aurora, django_capture_on_commit_callbacks):
    slug = aurora.project.slug
    assert program.get("/api/v1/datasets/", {"project": slug, "page_size": 100}).json()["results"] == []

    dataset = post(program, "/api/v1/datasets/", {"project": slug, "name": "Letters", "description": "Old ones."})
    assert dataset.status_code == 201, dataset.content
    versions = f"/api/v1/datasets/{dataset.json()['id']}/versions/"

    text = ("The quick brown fox jumps over the lazy dog.\n" * 400).encode()
    version = program.post(versions, {"file": upload(text, "letters.txt")})
    assert version.status_code == 201, version.content
    version = version.json()
    assert (version["state"], version["number"], version["kind"], version["size_bytes"]) == (
        "ready",
        1,
        "text",
        len(text),
    )
    assert [row["sha256"] for row in program.get(versions).json()["results"]] == [version["sha256"]]

    advice = program.get("/api/v1/specs/default/", {"dataset_version": version["id"], "task": "causal-lm"})
    assert advice.status_code == 200, advice.content
    spec = advice.json()["spec"]

    checked = post(program, "/api/v1/specs/check/", {"spec": spec})
    assert checked.status_code == 200, checked.content
    assert checked.json()["spec"] == spec

    body = {"project": slug, "name": "Small GPT", "spec": spec}
    job = post(program, "/api/v1/jobs/", body, **{"Idempotency-Key": "once"})
    assert job.status_code == 201, job.content
    again = post(program, "/api/v1/jobs/", body, **{"Idempotency-Key": "once"})
    assert (again.status_code, again.json()["id"]) == (201, job.json()["id"])

    found = program.get("/api/v1/jobs/", {"project": slug, "name": "Small GPT", "page_size": 100}).json()
    assert [row["id"] for row in found["results"]] == [job.json()["id"]]
    followed = program.get(f"/api/v1/jobs/{job.json()['id']}/").json()
    assert (followed["state"], followed["desired"], followed["percent"]) == ("queued", "run", 0)
    assert followed["terms"][0]["agreement"] == "DUA-1"
    assert program.get(reverse("api:job-events", args=[followed["id"]]), {"after": 0}).json() == {
        "events": [],
        "next": 0,
        "state": "queued",
    }

    stopped = post(program, f"/api/v1/jobs/{followed['id']}/stop/", {})
    assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")


def test_a_key_is_for_one_job(program, aurora):
    version = aurora.dataset().latest()
    spec = program.get("/api/v1/specs/default/", {"dataset_version": str(version.pk), "task": "causal-lm"}).json()[
        "spec"
    ]
    body = {"project": aurora.project.slug, "name": "One", "spec": spec}
    assert post(program, "/api/v1/jobs/", body, **{"Idempotency-Key": "k"}).status_code == 201
    spec["train"]["seed"] += 1
    other = post(program, "/api/v1/jobs/", body, **{"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")
