"""A model of a joint project, and an office that licenses it to a company outside."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Organisation, User
from collab.agreements.models import AgreementVersion
from collab.agreements.services import send_for_signature, sign_version
from collab.transfer.licences.models import Licence
from collab.transfer.licences.services import current_version, draft_licence, open_obstacles, see_obstacles
from registry.catalog.models import ModelVersion
from registry.catalog.services import TrainedModel, register_version
from tests.cast import Joint, employ, organisation, person
from tests.kept import kept


def trained(aurora: Joint, by: User, name: str = "Reader", **facts: Any) -> ModelVersion:
    """A registered version, as a finished job of the person leaves it."""
    made = TrainedModel(
        task="text",
        architecture="gpt",
        parameters=10,
        metrics={"test/loss": 1.0},
        primary_metric="test/loss",
        baseline={},
        card="# Reader",
        manifest=facts.pop("manifest", {"files": {}}),
        manifest_sha256="0" * 64,
        size_bytes=1,
        **facts,
    )
    return register_version(project=aurora.project, name=name, trained=made, job_id=uuid.uuid4(), by=by)


def asset(version: ModelVersion, percent: str = "100") -> dict[str, Any]:
    return {
        "kind": "model_version",
        "subject_type": "registry.modelversion",
        "subject_id": str(version.pk),
        "percent": percent,
    }


@dataclass
class Office:
    """The university's office, and two companies that want its model."""

    joint: Joint
    officer: User
    model: ModelVersion
    firm: Organisation
    firm_signatory: User
    firm_engineer: User
    rival: Organisation
    rival_signatory: User
    count: int = field(default=0)

    def terms(self, **changes: Any) -> dict[str, Any]:
        return {
            "exclusivity": "exclusive",
            "fields": ["health"],
            "territories": ["EU"],
            "assets": [asset(self.model)],
            "currency": "EUR",
            "issue_fee": "5000.00",
            "royalty_basis": "net_sales",
            "tiers": [{"from": "0", "rate": "3"}],
            "report_frequency": "quarterly",
        } | changes

    def draft(self, *, licensee: Organisation | None = None, **changes: Any) -> Licence:
        self.count += 1
        today = timezone.localdate()
        facts = {
            name: changes.pop(name)
            for name in ("kind", "effective_on", "expires_on", "option", "case", "co_licensors")
            if name in changes
        }
        facts = {"kind": "licence", "effective_on": today, "expires_on": today + timedelta(days=365)} | facts
        return draft_licence(
            project=self.joint.project,
            reference=f"LIC-{self.count}",
            title="Reader",
            licensor=self.joint.university,
            licensee=licensee or self.firm,
            terms=self.terms(**changes),
            by=self.officer,
            **facts,
        )

    def send(self, licence: Licence) -> AgreementVersion:
        see_obstacles(licence=licence, keys=[one.key for one in open_obstacles(licence)], by=self.officer)
        version = current_version(licence)
        assert version is not None
        return send_for_signature(version=version, by=self.officer)

    def sign(self, version: AgreementVersion) -> AgreementVersion:
        """All parties sign; the licensee is the last."""
        signers = {
            self.joint.university: self.joint.university_signatory,
            self.joint.company: self.joint.company_signatory,
            self.firm: self.firm_signatory,
            self.rival: self.rival_signatory,
        }
        parties = [row.organisation for row in version.parties.all()]
        for party in sorted(parties, key=lambda one: one in (self.firm, self.rival)):
            version = sign_version(
                version=version,
                party=party,
                typed_name=signers[party].name,
                capacity="Director",
                document_sha256=version.document_sha256,
                by=signers[party],
            )
        return version

    def execute(self, **changes: Any) -> Licence:
        licence = self.draft(**changes)
        self.sign(self.send(licence))
        licence.refresh_from_db()
        return licence


def office_of(joint: Joint) -> Office:
    """The university's office, with what it needs to license."""
    firm, rival = organisation("Eastwind", "company"), organisation("Westwind", "company")
    return Office(
        joint=joint,
        officer=employ(person("Olga Officer"), joint.university, Role.TRANSFER_OFFICER),
        model=trained(joint, joint.researcher),
        firm=firm,
        firm_signatory=employ(person("Fred Firm"), firm, Role.SIGNATORY),
        firm_engineer=employ(person("Erin Engineer"), firm),
        rival=rival,
        rival_signatory=employ(person("Rita Rival"), rival, Role.SIGNATORY),
    )


@pytest.fixture
def office(aurora: Joint) -> Office:
    return kept("office", lambda: office_of(aurora), aurora)
