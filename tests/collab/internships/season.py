"""A season: Riverside's programme, Northwind as host, students, a mentor and a supervisor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Membership, Organisation, User
from collab.internships.applications.deciding import make_offer
from collab.internships.applications.services import (
    answer_offer,
    begin_application,
    submit_application,
    write_application,
)
from collab.internships.models import Application, Cohort, Placement, Posting
from collab.internships.placements.approving import answer_placement
from collab.internships.placements.models import Placement as _Placement
from collab.internships.placements.services import edit_placement, onboard
from collab.internships.placements.signing import draft_learning_agreement, sign_as_student, version_to_sign
from collab.internships.programmes.services import (
    begin_cohort,
    begin_programme,
    move_cohort,
    move_posting,
    write_posting,
)
from tests.cast import Joint, employ, person

PDF = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n0000IEND0000"


@dataclass
class Season:
    joint: Joint
    coordinator: User
    host: User  # runs internships for the company
    mentor: User
    supervisor: User
    cohort: Cohort
    posting: Posting

    @property
    def university(self) -> Organisation:
        return self.joint.university

    @property
    def company(self) -> Organisation:
        return self.joint.company

    def student(self, name: str = "Student") -> User:
        return employ(person(name), self.university, Role.STUDENT)

    def offer(self, **changes: Any) -> Posting:
        """A published posting of the company."""
        posting = write_posting(cohort=self.cohort, organisation=self.company, by=self.host, **posting_facts(**changes))
        posting = move_posting(posting=posting, move="submit", by=self.host)
        return move_posting(posting=posting, move="publish", by=self.coordinator)

    def apply(self, student: User, posting: Posting | None = None) -> Application:
        posting = posting or self.posting
        draft = begin_application(posting=posting, by=student)
        draft = write_application(application=draft, by=student, version=draft.version, statement="Because I can.")
        return submit_application(application=draft, by=student, version=draft.version)

    def accepted(self, student: User) -> Placement:
        application = make_offer(application=self.apply(student), by=self.host)
        return answer_offer(application=application, accept=True, by=student).placement

    def described(self, placement: Placement) -> Placement:
        """With all that approvals and signatures need."""
        placement = edit_placement(
            placement=placement, by=self.host, version=placement.version, mentor=self.mentor, tasks="Clean the corpus."
        )
        return edit_placement(
            placement=placement,
            by=self.coordinator,
            version=placement.version,
            supervisor=self.supervisor,
            outcomes="Reads and writes data pipelines.",
            monitoring="A talk every second week.",
            dates_reason="As the host asks.",
            host_agreement=self.joint.agreements[0].agreement,
            insurer="Mutual",
            insured_until=placement.ends_on + timedelta(days=400),
        )

    def approved(self, placement: Placement) -> Placement:
        placement = answer_placement(placement=placement, organisation=self.company, approve=True, by=self.host)
        return answer_placement(placement=placement, organisation=self.university, approve=True, by=self.coordinator)

    def signed(self, placement: Placement) -> Placement:
        version = draft_learning_agreement(placement=placement, governing_law="Scotland", by=self.coordinator)
        self.sign(placement, version)
        placement.refresh_from_db()
        return placement

    def sign(self, placement: Placement, version: Any) -> None:
        sign_parties(self.joint, version)
        version = version_to_sign(_Placement.objects.get(pk=placement.pk))
        assert version is not None
        sign_as_student(
            placement=placement, typed_name=placement.student.name, document_sha256=version.document_sha256,
            by=placement.student,
        )  # fmt: skip

    def ready(self, student: User) -> Placement:
        """Onboarded."""
        placement = self.signed(self.approved(self.described(self.accepted(student))))
        placement = edit_placement(
            placement=placement,
            by=student,
            version=placement.version,
            contact_name="A parent",
            contact_phone="+44 20 123",
        )
        return onboard(placement=placement, by=self.coordinator)


def sign_parties(joint: Joint, version: Any) -> None:
    from collab.agreements.services import sign_version

    for signer, party in (
        (joint.university_signatory, joint.university),
        (joint.company_signatory, joint.company),
    ):
        sign_version(
            version=version,
            party=party,
            typed_name=signer.name,
            capacity="Director",
            document_sha256=version.document_sha256,
            by=signer,
        )


def posting_facts(**changes: Any) -> dict[str, Any]:
    today = timezone.localdate()
    facts = {
        "title": "Corpus work",
        "duties": "Clean a corpus.",
        "places": 1,
        "starts_on": today + timedelta(days=30),
        "ends_on": today + timedelta(days=90),
        "place": "Leith",
        "pay": 900,
    }
    return facts | changes


def season(joint: Joint) -> Season:
    """A cohort that takes applications now, with one posting that gives access to the project."""
    call_command("load_templates", verbosity=0)
    joint.cover(reference="HOST-1")
    coordinator = employ(person("Coordinator"), joint.university, Role.COORDINATOR)
    host = employ(person("Talent Office"), joint.company, Role.COORDINATOR)
    now = timezone.now()
    programme = begin_programme(organisation=joint.university, name="Summer of models", by=coordinator)
    cohort = begin_cohort(
        programme=programme,
        by=coordinator,
        name="2027",
        publishes_at=now - timedelta(days=2),
        opens_at=now - timedelta(days=1),
        closes_at=now + timedelta(days=10),
        ranking_ends_at=now + timedelta(days=20),
        starts_on=timezone.localdate() + timedelta(days=30),
        ends_on=timezone.localdate() + timedelta(days=120),
    )
    cohort = move_cohort(cohort=cohort, move="publish", by=coordinator)
    made = Season(
        joint=joint,
        coordinator=coordinator,
        host=host,
        mentor=employ(person("Mentor"), joint.company),
        supervisor=employ(person("Supervisor"), joint.university),
        cohort=cohort,
        posting=None,  # type: ignore[arg-type]
    )
    made.posting = made.offer(project=joint.project)
    return made


def belongs(user: User) -> Membership:
    return Membership.objects.get(user=user, project=None)
