"""The cast of the tracking tests, their tokens, and a gate to call."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.conf import settings as django_settings
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import ApiToken, Membership, Organisation, OrganisationKind, TokenScope, User
from collab.accounts.tokens import digest_of, new_secret
from collab.projects.models import Project, ProjectParty
from collab.projects.states import ProjectState
from registry.tracking import fence_checks, job_token, setup
from tests.registry.tracking import servers

JOB = "0b8e5a0e-5d2c-4f43-9a56-7e4f5cb1a001"
CACHE = servers.ROOT / "var" / "test-cache"


@dataclass
class Someone:
    """A person with a personal token."""

    user: User
    token: str
    row: ApiToken


@dataclass
class Cast:
    """Two projects that know nothing of each other, and who works in them."""

    project: Project
    foreign: Project
    lead: Someone
    engineer: Someone
    reader: Someone  # the engineer's read-only token
    observer: Someone  # in the project, without tracking words
    stranger: Someone  # lead of the foreign project
    make_token: Callable[..., Someone]


@pytest.fixture(scope="session")
def mlflow_template() -> Path:
    """A prepared MLflow database to copy, so that no suite pays for migrations twice."""
    return setup.template_store(CACHE)


@pytest.fixture(scope="session")
def mlflow_store(mlflow_template: Path) -> str:
    """The embedded MLflow's database of this test process, made before MLflow opens it."""
    path = setup.sqlite_path(django_settings.MLFLOW_STORE_URI)
    assert path is not None, "the embedded tests run on SQLite"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mlflow_template, path)
    return django_settings.MLFLOW_STORE_URI


def _someone(user: User, *, scope: str = TokenScope.WRITE, project: Project | None = None, days: float = 1) -> Someone:
    secret = new_secret()
    row = ApiToken.objects.create(
        user=user,
        name="laptop",
        scope=scope,
        hint=secret[:8],
        digest=digest_of(secret),
        project=project,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return Someone(user, secret, row)


def _project(lead: User, organisation: Organisation) -> Project:
    # Workspaces outlive the rolled-back tables, so each test has slugs of its own.
    project = Project.objects.create(
        slug=f"p-{uuid.uuid4().hex[:12]}", title="Speech", created_by=lead, state=ProjectState.ACTIVE
    )
    ProjectParty.objects.create(project=project, organisation=organisation, role="lead")
    Membership.objects.create(user=lead, organisation=organisation, project=project, role=Role.LEAD)
    return project


def make_cast() -> Cast:
    """Rows for everybody; usable wherever a database is."""
    university = Organisation.objects.create(slug="uni", name="University", kind=OrganisationKind.UNIVERSITY)
    company = Organisation.objects.create(slug="com", name="Company", kind=OrganisationKind.COMPANY)
    people = {
        name: User.objects.create_user(f"{name}@example.org", None, name=name)
        for name in ("lead", "engineer", "observer", "stranger")
    }
    project = _project(people["lead"], university)
    foreign = _project(people["stranger"], company)
    for name, role in (("engineer", Role.ENGINEER), ("observer", Role.OBSERVER)):
        Membership.objects.create(user=people[name], organisation=university, project=project, role=role)
    return Cast(
        project=project,
        foreign=foreign,
        lead=_someone(people["lead"]),
        engineer=_someone(people["engineer"]),
        reader=_someone(people["engineer"], scope=TokenScope.READ),
        observer=_someone(people["observer"]),
        stranger=_someone(people["stranger"]),
        make_token=_someone,
    )


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def gate(mlflow_store: str, transactional_db: None) -> Iterator[str]:
    """The gate before the embedded MLflow, listening; its address."""
    with servers.gate_server() as url:
        yield url


class Caller:
    """A program that speaks HTTP to the gate without the stock client, for what that would never send."""

    def __init__(self, url: str, project: str, token: str | None) -> None:
        self._base = f"{url}/mlflow/{project}"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.session = requests.Session()
        self.session.trust_env = False

    def __call__(self, method: str, path: str, **more: object) -> requests.Response:
        headers = {**self._headers, **more.pop("headers", {})}  # type: ignore[dict-item]
        if not path.startswith(("/api/", "/version", "/health")):
            path = f"/api/2.0/mlflow/{path}"
        request = requests.Request(method, "http://unused/", headers=headers, **more).prepare()  # type: ignore[arg-type]
        # Set afterwards, so that dots and escapes in the path reach the gate as they are.
        query = request.url.partition("?")[2] if request.url else ""
        request.url = self._base + path + (f"?{query}" if query else "")
        return self.session.send(request, timeout=60)


@pytest.fixture
def call(gate: str) -> Callable[..., Caller]:
    return lambda project, token: Caller(gate, getattr(project, "slug", project), token)


@pytest.fixture
def fences(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The current fence of each job, as the layer above would answer."""
    current: dict[str, int] = {}
    monkeypatch.setattr(fence_checks, "_checks", [lambda job_id, fence: current.get(job_id) == fence])
    return current


@pytest.fixture
def job(cast: Cast, fences: dict[str, int]) -> Callable[..., str]:
    """A token for a job of the project; `fence` 3 is the current attempt."""
    fences[JOB] = 3

    def issue(project: Project = cast.project, fence: int = 3, ttl_s: int = 600) -> str:
        return job_token.issue(job_id=JOB, project=project.slug, fence=fence, ttl_s=ttl_s)

    return issue
