"""The cast: everybody knows who the lead, the engineer and the outsider are.

Project A ("aurora") joins Riverside University and Northwind; project B ("borealis") joins two others and holds the
secrets that must never come back to anyone of A.
"""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import ApiToken, Membership, Organisation, User
from collab.accounts.tokens import digest_of, new_secret
from collab.agreements.models import AgreementVersion, Purpose
from collab.agreements.services import (
    CoverageTerm,
    draft_agreement,
    draft_version,
    send_for_signature,
    sign_version,
)
from collab.projects.models import Project
from collab.projects.services import add_member, create_project
from collab.projects.states import ProjectState
from collab.terms.models import TermsAcceptance
from registry.datasets.models import Dataset, DatasetVersion
from registry.datasets.services import add_version, create_dataset
from tests.kept import kept

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


def person(name: str, **fields: object) -> User:
    email = f"{name.lower().replace(' ', '.')}.{next(_numbers)}@example.org"
    return User.objects.create_user(email, PASSWORD, name=name, **fields)


def organisation(name: str, kind: str = "university") -> Organisation:
    return Organisation.objects.create(slug=f"org-{next(_numbers)}", name=name, kind=kind)


def employ(user: User, org: Organisation, role: Role = Role.EMPLOYEE) -> User:
    Membership.objects.create(user=user, organisation=org, role=role)
    return user


def token_for(user: User, *, scope: str = "write", project: Project | None = None, days: int = 30) -> str:
    secret = new_secret()
    ApiToken.objects.create(
        user=user,
        name="test",
        hint=secret[:8],
        digest=digest_of(secret),
        scope=scope,
        project=project,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return secret


def upload(content: bytes, name: str) -> TemporaryUploadedFile:
    """A file as the upload handler leaves it: on disk."""
    file = TemporaryUploadedFile(name, "application/octet-stream", len(content), None)
    file.write(content)
    file.flush()
    file.seek(0)
    return file


@dataclass
class Joint:
    """A joint project of a university and a company, with the people in it."""

    project: Project
    university: Organisation
    company: Organisation
    lead: User
    researcher: User
    engineer: User
    observer: User
    university_signatory: User
    company_signatory: User
    former: User
    agreements: list[AgreementVersion] = field(default_factory=list)

    def cover(
        self, *, reference: str, expires_on: date | None = None, purposes: tuple[str, ...] = tuple(Purpose.values)
    ) -> AgreementVersion:
        """An executed agreement that covers both parties for the purposes."""
        what = f"cover {self.project.pk} {reference} {expires_on} {purposes}"
        version = kept(what, lambda: self._cover(reference, expires_on, purposes), self)
        self.agreements.append(version)
        return version

    def _cover(self, reference: str, expires_on: date | None, purposes: tuple[str, ...]) -> AgreementVersion:
        agreement = draft_agreement(
            project=self.project, reference=reference, kind="data_use", title="Data use", by=self.lead
        )
        version = draft_version(
            agreement=agreement,
            text="The parties may use the data.",
            effective_on=timezone.localdate() - timedelta(days=30),
            expires_on=expires_on,
            by=self.lead,
            coverage=[CoverageTerm(p, purpose) for p in (self.university, self.company) for purpose in purposes],
        )
        version = send_for_signature(version=version, by=self.lead)
        for signer, party in (
            (self.university_signatory, self.university),
            (self.company_signatory, self.company),
        ):
            version = sign_version(
                version=version,
                party=party,
                typed_name=signer.name,
                capacity="Director",
                document_sha256=version.document_sha256,
                by=signer,
            )
        self.accept(version)
        return version

    def accept(self, version: AgreementVersion, *people: User) -> None:
        """Those who work with the data (or these people) have accepted the version."""
        parties = {self.engineer.pk: self.company}
        TermsAcceptance.objects.bulk_create(
            TermsAcceptance(
                version=version,
                user=user,
                organisation=parties.get(user.pk, self.university),
                document_sha256=version.document_sha256,
            )
            for user in people or (self.lead, self.researcher, self.engineer, self.former)
        )

    def dataset(self, *, name: str = "Letters", content: bytes | None = None, file: str = "letters.txt") -> Dataset:
        """A dataset with one checked version of plain text, or of what is given."""

        def build() -> Dataset:
            dataset = create_dataset(project=self.project, name=name, by=self.researcher)
            self.version_of(dataset, content=content, file=file)
            return dataset

        return kept(f"dataset {self.project.pk} {name} {content!r} {file}", build, self)

    def version_of(
        self, dataset: Dataset, *, content: bytes | None = None, file: str = "letters.txt"
    ) -> DatasetVersion:
        content = content if content is not None else ("The quick brown fox jumps over the lazy dog.\n" * 400).encode()
        return add_version(dataset=dataset, file=upload(content, file), by=self.researcher)


def active(project: Project) -> Project:
    """The project as after review, approval and contracting, which tests of their own go through."""
    Project.objects.filter(pk=project.pk).update(state=ProjectState.ACTIVE, round=1)
    project.refresh_from_db()
    return project


def joint(title: str, university: str, company: str) -> Joint:
    """Build a joint project through the verbs."""
    uni, firm = organisation(university), organisation(company, "company")
    lead = employ(person(f"{title} Lead"), uni)
    people = {
        "researcher": employ(person(f"{title} Researcher"), uni),
        "engineer": employ(person(f"{title} Engineer"), firm),
        "observer": employ(person(f"{title} Observer"), uni),
        "former": employ(person(f"{title} Former"), uni),
    }
    project = create_project(title=title, lead_organisation=uni, partners=[firm], by=lead)
    project = active(project)
    for name, role, org in (
        ("researcher", Role.RESEARCHER, uni),
        ("engineer", Role.ENGINEER, firm),
        ("observer", Role.OBSERVER, uni),
        ("former", Role.RESEARCHER, uni),
    ):
        add_member(project=project, user=people[name], organisation=org, role=role, by=lead)
    yesterday = timezone.now() - timedelta(days=1)
    Membership.objects.filter(user=people["former"], project=project).update(
        starts_at=yesterday - timedelta(days=30), ends_at=yesterday
    )
    return Joint(
        project=project,
        university=uni,
        company=firm,
        lead=lead,
        university_signatory=employ(person(f"{title} Chancellor"), uni, Role.SIGNATORY),
        company_signatory=employ(person(f"{title} Director"), firm, Role.SIGNATORY),
        **people,
    )


@pytest.fixture
def aurora(db) -> Joint:
    """Project A, without an agreement yet."""
    return kept("aurora", lambda: joint("Aurora", "Riverside University", "Northwind"))


@pytest.fixture
def borealis(db) -> Joint:
    """Project B, of other people."""
    return kept("borealis", lambda: joint("Borealis", "Hillside University", "Southwind"))


def png_zip(files: dict[str, bytes]) -> bytes:
    """A zip with these members."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
