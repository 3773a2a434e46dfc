"""What clients should not send, and the exact answer. Nothing is half-written; no answer tells of our insides."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from collab.audit.models import AuditEvent
from collab.projects.models import Project
from registry.datasets.models import Dataset, DatasetVersion
from tests.api.conftest import Program, decent, program_of
from tests.cast import upload
from training.jobs.models import Job
from training.jobs.services import suggest

pytestmark = pytest.mark.django_db
DATASETS = "/api/v1/datasets/"


def nested(depth: int) -> bytes:
    return b'{"spec":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


def spec_with(value: str) -> bytes:
    return f'{{"spec": {{"x": {value}}}}}'.encode()


# (what, body, content type, status, code)
JSON_BODIES: list[tuple[str, bytes, str, int, str]] = [
    ("NUL in a JSON field", spec_with(r'"\u0000"'), "application/json", 400, "parse_error"),
    ("lone surrogate in a JSON field", spec_with(r'"\ud800"'), "application/json", 400, "parse_error"),
    ("NUL in a key", rb'{"spec": {"\u0000": 1}}', "application/json", 400, "parse_error"),
    ("NUL in a text field", rb'{"name": "a\u0000b"}', "application/json", 400, "parse_error"),
    ("lone surrogate in a text field", rb'{"name": "a\udfffb"}', "application/json", 400, "parse_error"),
    ("1,000 levels", nested(1_000), "application/json", 400, "parse_error"),
    ("100,000 levels", nested(100_000), "application/json", 400, "parse_error"),
    ("33 levels", nested(32), "application/json", 400, "parse_error"),
    ("NaN", spec_with("NaN"), "application/json", 400, "parse_error"),
    ("Infinity", spec_with("Infinity"), "application/json", 400, "parse_error"),
    ("-Infinity", spec_with("-Infinity"), "application/json", 400, "parse_error"),
    ("1e400", spec_with("1e400"), "application/json", 400, "parse_error"),
    ("5,000 digits", spec_with("9" * 5_000), "application/json", 400, "parse_error"),
    ("4,000 digits", spec_with("9" * 4_000), "application/json", 400, "parse_error"),
    ("beyond 2**53", spec_with(str(2**53 + 1)), "application/json", 400, "parse_error"),
    ("the same key twice", b'{"name": "a", "name": "b"}', "application/json", 400, "parse_error"),
    ("the same key twice, deep", b'{"spec": {"a": {"b": 1, "b": 2}}}', "application/json", 400, "parse_error"),
    ("a list", b"[1, 2]", "application/json", 400, "invalid"),
    ("a string", b'"name"', "application/json", 400, "invalid"),
    ("null", b"null", "application/json", 400, "invalid"),
    ("nothing", b"", "application/json", 400, "invalid"),
    ("half", b'{"name": ', "application/json", 400, "parse_error"),
    ("byte order mark", b"\xef\xbb\xbf{}", "application/json", 400, "parse_error"),
    ("no UTF-8", b'{"name": "\xff"}', "application/json", 400, "parse_error"),
    ("UTF-16", '{"name": "a"}'.encode("utf-16"), "application/json; charset=utf-16", 415, "unsupported_media_type"),
    ("bogus charset", b"{}", "application/json; charset=bogus", 415, "unsupported_media_type"),
    ("a form", b"name=a", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    ("plain text", b"{}", "text/plain", 415, "unsupported_media_type"),
    ("XML", b"<a/>", "application/xml", 415, "unsupported_media_type"),
    ("3 MB", b'{"name": "' + b"a" * 3_000_000 + b'"}', "application/json", 413, "too_large"),
]


@pytest.mark.parametrize(
    "path", [DATASETS, "/api/v1/jobs/", "/api/v1/specs/check/", "/api/v1/projects/", "/api/v1/ethics-cases/"]
)
def test_bodies(path: str, program: Program) -> None:
    wrong = []
    before = AuditEvent.objects.count()
    for what, body, kind, status, code in JSON_BODIES:
        response = program.send("POST", path, body, kind=kind)
        if (response.status_code, response.json()["code"]) != (status, code):
            wrong.append(f"{what}: {response.status_code} {response.content[:200]!r}, expected {status} {code}")
    assert not wrong, "\n".join(wrong)
    assert AuditEvent.objects.count() == before


def test_good_json_passes_the_same_checks(program: Program, covered: Any) -> None:
    """32 levels, 2**53, an emoji, an escaped pair: all fine; so the parser refuses nothing good."""
    name = 'Gr\u00fc\u00dfe \U0001f600 \\ " {[ ok'
    body = json.dumps({"project": covered.project.slug, "name": name}).encode()
    made = program.send("POST", DATASETS, body, kind='application/json; charset="UTF-8"')
    assert (made.status_code, made.json()["name"]) == (201, name)
    levels = program.send("POST", "/api/v1/specs/check/", nested(31))
    assert (levels.status_code, levels.json()["code"]) == (422, "faulty_input")


def test_unknown_keys_are_told(program: Program, covered: Any) -> None:
    body = {"project": covered.project.slug, "name": "Letters", "is_staff": True}
    response = program.post(DATASETS, body)
    assert (response.status_code, response.json()["field"]) == (400, "is_staff")
    assert Dataset.objects.count() == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=-1", "page"),
        ("page=0", "page"),
        ("page=abc", "page"),
        ("page=%00", "page"),
        ("page=1e3", "page"),
        ("page=%D9%A1", "page"),
        ("page_size=10000000000000000000000", "page_size"),
        ("page_size=0", "page_size"),
        ("limit=10000000000000000000000", "limit"),
        ("ordering=password", "ordering"),
        ("owner__password__startswith=a", "owner__password__startswith"),
        ("created_by__password__startswith=a", "created_by__password__startswith"),
        ("_connector=OR 1=1", "_connector"),
        ("format=html", "format"),
        ("name__startswith=a", "name__startswith"),
    ],
)
def test_queries(query: str, field: str, program: Program) -> None:
    response = program.get(f"{DATASETS}?{query}")
    assert (response.status_code, response.json()["field"]) == (400, field)


def test_filters_take_anything_as_a_value(program: Program) -> None:
    for value in ("%00", "a%00b", "%ff", "'; DROP TABLE x", "%F0%9F%98%80", "x" * 5000):
        for name in ("name", "project"):
            response = program.get(f"{DATASETS}?{name}={value}")
            assert response.status_code in {200, 400}, (name, value)
    for path in (
        "/api/v1/dataset-versions/?dataset=abc",
        "/api/v1/jobs/?state=flying",
        "/api/v1/model-versions/?model=1",
    ):
        assert program.get(path).status_code == 400


def test_a_page_beyond_the_end_is_not_there(program: Program) -> None:
    response = program.get(f"{DATASETS}?page=999")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert program.get(f"{DATASETS}?page_size=500").status_code == 200  # capped at 100


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/datasets/%00/",
        "/api/v1/datasets/%ff/",
        "/api/v1/datasets/99999999999999999999/",
        "/api/v1/datasets/-1/",
        "/api/v1/datasets/abc/",
        "/api/v1/datasets/------------------------------------/",
        "/api/v1/datasets/00000000-0000-0000-0000-000000000000%0a/",
        "/api/v1/datasets/00000000-0000-0000-0000-000000000000/%0a",
        "/api/v1/datasets/00000000-0000-0000-0000-000000000000/",
        "/api/v1/projects/..%2f..%2fetc/",
        "/api/v1/nothing/",
        "/api/",
    ],
)
def test_addresses(path: str, program: Program) -> None:
    response = program.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_methods(program: Program, covered: Any) -> None:
    one = f"/api/v1/projects/{covered.project.slug}/"
    for method, path in (("FOO", DATASETS), ("PUT", DATASETS), ("DELETE", one), ("OPTIONS", DATASETS), ("TRACE", one)):
        response = program.send(method, path)
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed"), (method, path)
        assert "GET" in response["Allow"]
    sneaky = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    assert program.send("GET", one, **sneaky).status_code == 200
    assert program.send("HEAD", one).content == b""


@pytest.mark.parametrize("accept", ["text/html", "text/csv", "application/x-ndjson", "text/html,application/xml"])
def test_only_json_is_answered(program: Program, accept: str) -> None:
    response = program.get(DATASETS, Accept=accept)
    told = response.json()
    assert (response.status_code, told["code"], told["field"]) == (406, "not_acceptable", "Accept")
    assert told["available"] == ["application/json"] and "application/json" in told["detail"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/*;q=0.5", "text/html, */*;q=0.1"])
def test_whoever_takes_json_gets_it(program: Program, accept: str) -> None:
    assert program.get(DATASETS, Accept=accept).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "a b"])
def test_a_foreign_host_is_refused(program: Program, host: str) -> None:
    assert program.get(DATASETS, Host=host).status_code == 400


def test_a_forwarded_host_counts_for_nothing(program: Program) -> None:
    response = program.get(DATASETS, **{"X-Forwarded-Host": "evil.example"})
    assert response.status_code == 200 and b"evil" not in response.content


def test_tokens_only_in_their_header(covered: Any) -> None:
    from tests.cast import token_for

    secret = token_for(covered.lead)
    bare = Program(Client(raise_request_exception=False))
    asked = (
        bare.get(f"{DATASETS}?token={secret}"),
        bare.get(f"{DATASETS}?access_token={secret}"),
        bare.get(DATASETS, Authorization=f"Token {secret}"),
        bare.get(DATASETS, Authorization=f"Bearer {secret}x"),
        bare.get(DATASETS, Authorization="Bearer"),
        bare.get(DATASETS, Authorization="Bearer " + "a" * 5000),
        bare.get(DATASETS, Authorization="Basic YTpi"),
        bare.get(DATASETS),
    )
    for response in asked:
        assert response.status_code == 401 and response["WWW-Authenticate"].startswith("Bearer"), response.content
        assert secret not in response.content.decode()


def test_a_session_needs_its_csrf_token(covered: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(covered.lead)
    response = client.post(DATASETS, {"project": covered.project.slug, "name": "a"}, content_type="application/json")
    decent(response)
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    assert Dataset.objects.count() == 0


# --- relations
def test_foreign_and_missing_relations_look_alike(program: Program, borealis: Any) -> None:
    spec_of = lambda key: {  # noqa: E731
        "v": 1,
        "task": "causal-lm",
        "data": {"dataset_version": key},
        "model": {"arch": "gpt"},
        "tokenizer": {"kind": "byte"},
        "train": {"epochs": 1},
    }
    version = borealis.dataset().latest()
    mine = Project.objects.exclude(pk=borealis.project.pk).get()
    pairs: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        (DATASETS, {"project": borealis.project.slug, "name": "a"}, {"project": "nowhere", "name": "a"}),
        (DATASETS, {"project": str(borealis.project.pk), "name": "a"}, {"project": str(version.pk), "name": "a"}),
        (
            "/api/v1/jobs/",
            {"project": mine.slug, "name": "a", "spec": spec_of(str(version.pk))},
            {"project": mine.slug, "name": "a", "spec": spec_of(str(mine.pk))},
        ),
        ("/api/v1/specs/check/", {"spec": spec_of(str(version.pk))}, {"spec": spec_of(str(mine.pk))}),
        (
            "/api/v1/agreements/",
            {"project": borealis.project.slug, "reference": "X", "kind": "nda", "title": "X"},
            {"project": "nowhere", "reference": "X", "kind": "nda", "title": "X"},
        ),
    ]
    for path, foreign, missing in pairs:
        answers = [program.post(path, body) for body in (foreign, missing)]
        assert [one.status_code for one in answers] == [404, 404], path
        bodies = [{key: value for key, value in one.json().items() if key != "request_id"} for one in answers]
        assert bodies[0] == bodies[1], path
    assert not Dataset.objects.filter(name="a").exists() and Job.objects.count() == 0


@pytest.mark.parametrize("value", [None, 7, True, [], {}, "", "a\tb"])
def test_a_relation_of_a_wrong_type(program: Program, value: Any) -> None:
    response = program.post(DATASETS, {"project": value, "name": "a"})
    assert response.status_code in {400, 404}, response.content


# --- edits
def test_an_edit_says_what_it_has_seen(program: Program, covered: Any) -> None:
    path = f"/api/v1/projects/{covered.project.slug}/"
    etag = program.get(path)["ETag"]
    without = program.send("PATCH", path, {"title": "New"})
    assert (without.status_code, without.json()["code"]) == (428, "precondition_required")
    any_state = program.send("PATCH", path, {"title": "New"}, **{"If-Match": "*"})
    assert any_state.status_code == 428
    good = program.send("PATCH", path, {"title": "New"}, **{"If-Match": f'"other", {etag}'})
    assert (good.status_code, good.json()["title"]) == (200, "New")
    stale = program.send("PATCH", path, {"title": "Newer"}, **{"If-Match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert stale.json()["now"] == {"title": "New"}, "their version stands beside what was sent"
    weak = program.send("PATCH", path, {"title": "Newer"}, **{"If-Match": f"W/{good['ETag']}"})
    assert weak.status_code == 412  # only strong tags compare
    assert Project.objects.get(pk=covered.project.pk).title == "New"


# --- files
def multipart(*parts: tuple[str, str | None, bytes], boundary: str = "xyz", end: bool = True) -> bytes:
    lines = b""
    for name, file_name, content in parts:
        file = f'; filename="{file_name}"' if file_name is not None else ""
        lines += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
        )
    return lines + (f"--{boundary}--\r\n".encode() if end else b"")


TEXT = ("Some words on a line.\n" * 50).encode()
FORM = "multipart/form-data; boundary=xyz"


@pytest.fixture
def versions(covered: Any) -> str:
    from registry.datasets.services import create_dataset

    dataset = create_dataset(project=covered.project, name="Letters", by=covered.researcher)
    return f"{DATASETS}{dataset.pk}/versions/"


def test_a_form_cut_anywhere_stores_nothing(program: Program, versions: str) -> None:
    whole = multipart(("file", "a.txt", TEXT))
    cuts = [0, 1, 40, 60, 90, 100, 500, len(whole) - 60, *range(len(whole) - 12, len(whole) - 2)]
    for cut in cuts:
        response = program.send("POST", versions, whole[:cut], kind=FORM)
        assert response.status_code == 400, (cut, response.content)
    assert DatasetVersion.objects.count() == 0
    assert program.send("POST", versions, whole, kind=FORM).status_code == 201


def test_a_form_shorter_than_announced_stores_nothing(program: Program, versions: str) -> None:
    from io import BytesIO

    whole = multipart(("file", "a.txt", TEXT))
    environ = {"wsgi.input": BytesIO(whole), "CONTENT_LENGTH": str(len(whole) + 10), "CONTENT_TYPE": FORM}
    response = program.client.generic("POST", versions, b"", content_type=FORM, **environ)
    decent(response)
    assert (response.status_code, response.json()["code"]) == (400, "cut_off")
    assert DatasetVersion.objects.count() == 0


@pytest.mark.parametrize("length", ["-5", "abc", "", "9" * 40])
def test_a_nonsense_length(program: Program, versions: str, length: str) -> None:
    response = program.client.generic(
        "POST", versions, multipart(("file", "a.txt", TEXT)), content_type=FORM, CONTENT_LENGTH=length
    )
    decent(response)
    assert response.status_code in {400, 413}


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(program: Program, versions: str, settings: Any) -> None:
    class Unread:
        def read(self, size: int = -1) -> bytes:
            raise AssertionError("a byte was read")

        readline = read

    length = settings.UPLOAD_MAX_BYTES + 2 * 1024**2
    environ = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(length), "CONTENT_TYPE": FORM}
    response = program.client.generic("POST", versions, b"", **environ)
    decent(response)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("no file", multipart(("other", None, b"a")), 400),
        ("a field beside it", multipart(("file", "a.txt", TEXT), ("owner", None, b"me")), 400),
        ("a field instead", multipart(("file", None, TEXT)), 400),
        ("two files", multipart(("file", "a.txt", TEXT), ("file", "b.txt", TEXT)), 400),
        ("21 files", multipart(*[(f"f{n}", "a.txt", b"a") for n in range(21)]), 400),
        ("5,000 fields", multipart(*[(f"f{n}", None, b"a") for n in range(5_000)]), 400),
        ("name ..", multipart(("file", "..", TEXT)), 400),
        ("name .", multipart(("file", ".", TEXT)), 400),
        ("no name", multipart(("file", "", TEXT)), 400),
        ("an empty file", multipart(("file", "a.txt", b"")), 422),
        (
            "a pickle called csv",
            multipart(("file", "a.csv", b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00K\x01.")),
            415,
        ),
        ("a PNG called csv", multipart(("file", "a.csv", b"\x89PNG\r\n\x1a\n" + b"\0" * 200)), 415),
        ("HTML called txt", multipart(("file", "a.txt", b"<!doctype html><script>alert(1)</script>" + TEXT)), 415),
        ("another boundary", multipart(("file", "a.txt", TEXT), boundary="abc"), 400),
    ],
)
def test_forms(program: Program, versions: str, what: str, body: bytes, status: int) -> None:
    response = program.send("POST", versions, body, kind=FORM)
    assert response.status_code == status, (what, response.content)
    assert DatasetVersion.objects.count() == 0


def test_a_form_without_a_boundary_or_as_json(program: Program, versions: str) -> None:
    assert (
        program.send("POST", versions, multipart(("file", "a.txt", TEXT)), kind="multipart/form-data").status_code
        == 400
    )
    assert program.post(versions, {"file": "a"}).status_code == 415


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\boot.txt", "boot.txt"),
        ("/etc/passwd.txt", "passwd.txt"),
        ("n" * 300 + ".txt", "n" * 146 + ".txt"),
        ("<script>.txt", "<script>.txt"),
        ("信件.txt", "信件.txt"),
    ],
)
def test_file_names(program: Program, versions: str, name: str, kept: str) -> None:
    response = program.form(versions, {"file": upload(TEXT, name)})
    assert (response.status_code, response.json().get("file_name")) == (201, kept), response.content
    got = program.client.get(f"/api/v1/dataset-versions/{response.json()['id']}/content/")
    assert b"".join(got.streaming_content) == TEXT
    assert "\n" not in got["Content-Disposition"] and got["Content-Disposition"].startswith("attachment; filename=")
    assert got["X-Content-Type-Options"] == "nosniff" and "sandbox" in got["Content-Security-Policy"]
    assert got["Content-Type"] == "application/octet-stream" and "no-store" in got["Cache-Control"]
    assert got["Content-Length"] == str(len(TEXT))


@pytest.mark.parametrize(
    ("name", "shown"), [("a\u202etxt.csv.txt", "atxt.csv.txt"), ("a\u200b.txt", "a.txt"), ("b\u2028.txt", "b.txt")]
)
def test_file_names_never_keep_what_hides_something(program: Program, versions: str, name: str, shown: str) -> None:
    response = program.send("POST", versions, multipart(("file", name, TEXT)), kind=FORM)
    assert (response.status_code, response.json().get("file_name")) == (201, shown), response.content


# --- specs
@pytest.fixture
def spec(covered: Any) -> dict[str, Any]:
    return suggest("causal-lm", covered.dataset().latest())["spec"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *[("train.epochs", value) for value in (0, -1, 10**9, 1.5, "3", True)],
        *[("train.lr", value) for value in (0, -1, 1e308, "1e-3; rm")],
        *[("train.batch", value) for value in (0, 10**9, None)],
        ("train.seed", 2**53 - 1 + 0.5),
        *[("data.split.valid", value) for value in (0, 1, 1.5)],
        ("data.columns", {"text": "no_such_column"}),
        ("data.dataset_version", "abc"),
        ("data.dataset_version", "../../etc/passwd"),
        ("output_dir", "/etc"),
        ("model.url", "http://169.254.169.254/"),
        ("env", {"PATH": "/"}),
        ("train.callback", "os.system"),
        ("v", 99),
        ("task", "steal"),
    ],
)
def test_specs(program: Program, covered: Any, spec: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    part = spec
    for parent in parents:
        part = part[parent]
    part[last] = value
    body = {"project": covered.project.slug, "name": "a", "spec": spec}
    for address in ("/api/v1/jobs/", "/api/v1/specs/check/"):
        response = program.post(address, body if "jobs" in address else {"spec": spec})
        assert (response.status_code, response.json()["code"]) == (422, "faulty_input"), response.content
        assert response.json()["field"] == "spec"
        assert any(
            fault["path"].startswith(f"spec.{parents[0] if parents else last}") for fault in response.json()["errors"]
        )
    assert Job.objects.count() == 0


@pytest.mark.parametrize("value", [None, [], "x", 3, True])
def test_a_spec_that_is_no_object(program: Program, covered: Any, value: Any) -> None:
    body = {"project": covered.project.slug, "name": "a", "spec": value}
    response = program.post("/api/v1/jobs/", body)
    assert (response.status_code, response.json()["field"]) == (400, "spec")


def test_an_idempotency_key_is_short_and_plain(program: Program, covered: Any, spec: dict[str, Any]) -> None:
    body = {"project": covered.project.slug, "name": "a", "spec": spec}
    for key in ("k" * 81, "schlüssel", "a\tb"):
        response = program.post("/api/v1/jobs/", body, **{"Idempotency-Key": key})
        assert (response.status_code, response.json()["field"]) == (400, "Idempotency-Key")
    assert Job.objects.count() == 0


@pytest.mark.parametrize(
    "query", ["", "?task=causal-lm", "?task=x&dataset_version=abc", "?task=causal-lm&dataset_version=abc", "?tusk=1"]
)
def test_a_default_spec_needs_its_parameters(program: Program, query: str) -> None:
    assert program.get(f"/api/v1/specs/default/{query}").status_code in {400, 404}


@pytest.mark.parametrize("after", ["-1", "abc", "9" * 30, "1.5", "%00"])
def test_offsets(program: Program, covered: Any, spec: dict[str, Any], after: str) -> None:
    made = program.post("/api/v1/jobs/", {"project": covered.project.slug, "name": "a", "spec": spec}).json()
    for what in ("events", "log"):
        response = program.get(f"/api/v1/jobs/{made['id']}/{what}/?after={after}")
        assert (response.status_code, response.json()["field"]) == (400, "after")


def test_stopping_and_resuming_twice(program: Program, covered: Any, spec: dict[str, Any]) -> None:
    made = program.post("/api/v1/jobs/", {"project": covered.project.slug, "name": "a", "spec": spec}).json()
    one = f"/api/v1/jobs/{made['id']}/"
    running = program.post(f"{one}resume/")
    assert (running.status_code, running.json()["code"]) == (409, "conflict")
    assert [program.post(f"{one}stop/").status_code for _ in range(2)] == [200, 200]
    assert program.post(f"{one}kill/").status_code == 200
    assert program.post(f"{one}resume/").json()["state"] == "queued"
    version = covered.project.datasets.get().latest()
    from registry.catalog.models import ModelVersion, RegisteredModel

    model = RegisteredModel.objects.create(project=covered.project, name="m", task="t", created_by=covered.lead)
    result = ModelVersion.objects.create(
        model=model, number=1, architecture="gpt", manifest_sha256="1", created_by=covered.lead
    )
    Job.objects.filter(pk=made["id"]).update(state="done", finished_at=timezone.now(), model_version=result)
    for act in ("stop", "kill", "resume"):
        assert program.post(f"{one}{act}/").status_code == 409, act
    assert version is not None


def test_without_terms_the_refusal_names_them(aurora: Any) -> None:
    program = program_of(aurora.engineer)
    spec = suggest("causal-lm", aurora.dataset().latest())["spec"]
    response = program.post("/api/v1/jobs/", {"project": aurora.project.slug, "name": "a", "spec": spec})
    assert (response.status_code, response.json()["code"]) == (403, "access_refused")
    assert response.json()["missing"][0]["code"] == "no_agreement"


# --- agreements and dates
def test_dates(program: Program, covered: Any) -> None:
    today = timezone.localdate()
    base = {"title": "New", "lead_organisation": covered.university.slug}
    for key, value, status in (
        ("ends_on", (today - timedelta(days=1)).isoformat(), 422),
        ("ends_on", "9999-12-31", 400),
        ("ends_on", "2027-02-29", 400),
        ("ends_on", "tomorrow", 400),
        ("starts_on", "0001-01-01", 400),
        ("starts_on", 20270101, 400),
    ):
        response = program.post("/api/v1/projects/", base | {key: value})
        assert (response.status_code, response.json()["field"]) == (status, key), (value, response.content)
    people = f"/api/v1/projects/{covered.project.slug}/people/"
    role = {"person": covered.researcher.email, "organisation": covered.university.slug, "role": "observer"}
    for moment, status in (
        ("2031-05-01T12:00:00", 400),
        ("2031-05-01", 400),
        ("9999-12-31T23:59:59-12:00", 400),
        ("2001-05-01T12:00:00Z", 422),
        ("2031-05-01T23:59:00+14:00", 201),
    ):
        response = program.post(people, role | {"ends_at": moment})
        assert response.status_code == status, (moment, response.content)
    assert Project.objects.count() == 1


def test_signing(covered: Any) -> None:
    """Not by a token, not for others, not twice by two people, not another document, not after withdrawal."""
    from tests.cast import Role, employ, person

    lead = program_of(covered.lead)
    made = lead.post(
        "/api/v1/agreements/",
        {"project": covered.project.slug, "reference": "NDA-7", "kind": "nda", "title": "Silence"},
    ).json()
    versions = f"/api/v1/agreements/{made['id']}/versions/"
    text = {"text": "We keep silent.", "effective_on": timezone.localdate().isoformat()}
    draft = lead.post(versions, text).json()
    one = f"/api/v1/agreement-versions/{draft['id']}/"
    second = lead.post(versions, text)
    assert (second.status_code, second.json()["code"]) == (409, "conflict")
    sent = lead.post(f"{one}send/").json()
    assert lead.post(f"{one}send/").status_code == 409
    body = {
        "party": covered.company.slug,
        "typed_name": covered.company_signatory.name,
        "capacity": "Director",
        "document_sha256": sent["document_sha256"],
    }
    by_token = program_of(covered.company_signatory).post(f"{one}sign/", body)
    assert (by_token.status_code, by_token.json()["missing"][0]["code"]) == (403, "token_session")

    def session(user: Any) -> Program:
        client = Client(raise_request_exception=False)
        client.force_login(user)
        return Program(client)

    signer = session(covered.company_signatory)
    assert session(covered.lead).post(f"{one}sign/", body).status_code == 403  # no signatory
    for change, status in (
        ({"party": covered.university.slug}, 403),
        ({"party": "nowhere"}, 404),
        ({"typed_name": "Somebody Else"}, 422),
        ({"document_sha256": "0" * 64}, 409),
        ({"document_sha256": "x"}, 400),
        ({"capacity": ""}, 400),
    ):
        assert signer.post(f"{one}sign/", body | change).status_code == status, change
    assert [signer.post(f"{one}sign/", body).status_code for _ in range(2)] == [200, 200]
    colleague = employ(person("Second Director"), covered.company, Role.SIGNATORY)
    twice = session(colleague).post(f"{one}sign/", body | {"typed_name": colleague.name})
    assert (twice.status_code, twice.json()["code"]) == (409, "conflict")
    assert lead.post(f"{one}withdraw/").status_code == 200
    other = body | {"party": covered.university.slug, "typed_name": covered.university_signatory.name}
    assert session(covered.university_signatory).post(f"{one}sign/", other).status_code == 409
    assert lead.post(f"{one}terminate/", {"reason": " "}).status_code == 400
    assert lead.post(f"{one}terminate/", {"reason": "No."}).status_code == 409


@pytest.mark.parametrize(
    "name", ["", "   ", "\u200b\u200b", "\u0301" * 60, "a\u202eb", "a\x07b", "x" * 81, "---", "\u00ad", "a\nb"]
)
def test_names_that_nobody_can_read(program: Program, covered: Any, name: str) -> None:
    response = program.post(DATASETS, {"project": covered.project.slug, "name": name})
    assert response.status_code in {400, 422}, response.content
    assert response.json()["field"] == "name"
    assert Dataset.objects.count() == 0


def test_the_same_name_twice(program: Program, covered: Any) -> None:
    body = {"project": covered.project.slug, "name": "Letters"}
    assert program.post(DATASETS, body).status_code == 201
    again = program.post(DATASETS, body)
    assert (again.status_code, again.json()["field"]) == (422, "name")


def test_text_is_kept_as_it_is(program: Program, covered: Any) -> None:
    for text in ("{{7*7}}", "${jndi:ldap://x}", "[x](javascript:alert(1))", "<b>bold</b>", "=cmd|' /C calc'!A0"):
        made = program.post(DATASETS, {"project": covered.project.slug, "name": f"d {text}"[:80], "description": text})
        assert (made.status_code, made.json()["description"]) == (201, text)
