"""The demo story's money: the disclosed model is licensed, sublicensed, reported on for two quarters, paid for, and
what came in is distributed; what both of its owners license is shared; and a start-up builds on it.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Model
from django.utils import timezone

from collab.accounts.models import User
from collab.agreements.services import send_for_signature, sign_version
from collab.inbox.models import Request
from collab.inbox.services import decide_request
from collab.projects.models import Project
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.models import Licence, Sublicence
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.transfer.licences.services import current_version, draft_licence, open_obstacles, see_obstacles
from collab.transfer.licences.sublicensing import CONSENT, register_sublicence
from collab.transfer.portfolio.services import change_equity, found_startup, move_startup
from collab.transfer.royalties.distributing import request_of
from collab.transfer.royalties.models import RoyaltyReport, ScheduledPayment
from collab.transfer.royalties.services import (
    accept_report,
    enter_rate,
    enter_receipt,
    invoice_payments,
    invoice_report,
    pay_partner,
    propose_distribution,
    set_interest,
    set_policy,
    submit_report,
)
from registry.catalog.models import ModelVersion
from training.demo_days import Thread
from training.demo_neighbours import Cast
from training.demo_transfer import MODEL

POLICY = {
    "deductions": [{"kind": "office", "percent": "15", "of": "gross"}, {"kind": "costs"}],
    "tiers": [
        {"up_to": "100000", "shares": {"inventors": "50", "unit": "25", "central": "25"}},
        {"shares": {"inventors": "1/3", "unit": "1/3", "central": "1/3"}},
    ],
}
YEARLY, DEVICE = "Robot help, yearly licence", "Robot help, single device"
SALES = (
    [(YEARLY, "120", "61500.00", "1500.00"), (DEVICE, "340", "13600.00", "0")],
    [(YEARLY, "155", "79750.00", "2250.00"), (DEVICE, "410", "16400.00", "0")],
)


def tell_the_royalties(cast: Cast, project: Project, case: TransferCase, officer: User, second: User) -> Thread[None]:
    """Two reports, both paid; the first receipt is distributed, a second distribution waits for approval."""
    university = cast.lakeside
    first = _quarter(timezone.localdate(), back=2)
    yield 17
    set_policy(
        organisation=university, currency="EUR", content=POLICY, effective_on=first, by=officer,
        note="Decided by the senate.",
    )  # fmt: skip
    set_interest(organisation=university, from_on=first, percent=Decimal(6), by=officer)
    enter_rate(
        organisation=university, source="USD", target="EUR", from_on=first,
        until_on=timezone.localdate() + timedelta(days=60), rate=Decimal("0.91"), reference="Central bank, mean",
        by=officer,
    )  # fmt: skip
    licence = yield from _licensed(cast, project, case, officer, first)
    reports = list(RoyaltyReport.objects.filter(licence=licence).order_by("starts_on")[:2])
    shared = yield from _shared(cast, project, case, officer)
    yield 14
    sublicence = _sublicensed(cast, licence, officer, reports[1].starts_on)
    fee = invoice_payments(payments=list(ScheduledPayment.objects.filter(licence=licence)), by=officer)
    enter_receipt(
        licence=licence, received_on=timezone.localdate(), amount=Decimal("12000.00"), currency="EUR",
        reference=f"NW {fee.reference}", by=officer,
    )  # fmt: skip
    for number, (report, sales) in enumerate(zip(reports, SALES, strict=True)):
        yield 12 - 4 * number
        sent = submit_report(
            report=report, currency="EUR", by=cast.director,
            lines=[
                {"product": name, "units": Decimal(units), "gross": Decimal(gross), "deductions": Decimal(less)}
                for name, units, gross, less in sales
            ],
            sublicences=[{"sublicence": sublicence.pk, "amount": "8000.00"}] if number else [],
        )  # fmt: skip
        invoice = invoice_report(report=accept_report(report=sent, by=officer), by=officer)
        yield 11 - 4 * number
        paid = Decimal(invoice.total) / 100
        enter_receipt(
            licence=licence, received_on=timezone.localdate(), amount=paid + (Decimal(250) if number else 0),
            currency="EUR", reference=f"NW {invoice.reference}", by=officer,
        )  # fmt: skip
        if number == 0:
            yield 10
            fee = invoice_payments(payments=list(ScheduledPayment.objects.filter(licence=shared)), by=officer)
            enter_receipt(
                licence=shared, received_on=timezone.localdate(), amount=Decimal("6000.00"), currency="EUR",
                reference=f"HS {fee.reference}", by=officer,
            )  # fmt: skip
            yield 9
            row = propose_distribution(organisation=university, by=officer, reason="First income")
            asked = request_of(row)
            assert asked is not None
            decide_request(request=asked, decision="approved", by=second)
    yield 3
    pay_partner(
        licence=shared, partner=cast.northwind, paid_on=timezone.localdate(), reference="LU 26-0412", by=officer
    )
    yield 1
    propose_distribution(organisation=university, by=officer)


def _licensed(cast: Cast, project: Project, case: TransferCase, officer: User, first: date) -> Thread[Licence]:
    """Exclusive in one field, from the beginning of a quarter on; both sides sign."""
    yield 17
    licence = draft_licence(
        project=project,
        kind="licence",
        reference="LIC-1",
        title="A small language model for robots",
        title_zh="用于机器人的小型语言模型",
        licensor=cast.lakeside,
        licensee=cast.northwind,
        case=case,
        effective_on=first,
        expires_on=date(first.year + 5, first.month, 1),
        by=officer,
        terms={
            "exclusivity": "exclusive",
            "fields": ["industry.robotics"],
            "territories": ["WORLD"],
            "assets": [
                _asset("technology", case, "60"),
                _asset("model_version", ModelVersion.objects.get(model__name=MODEL), "40"),
            ],
            "currency": "EUR",
            "issue_fee": "12000.00",
            "annual_minimum": "10000.00",
            "royalty_basis": "net_sales",
            "tiers": [{"from": "0", "rate": "5"}, {"from": "100000", "rate": "4"}],
            "sublicensing": "consent",
            "sublicence_percent": "25",
            "diligence": [
                {
                    "title": "First robot sold with the model inside",
                    "title_zh": "售出首台内置该模型的机器人",
                    "due_on": date(first.year + 1, first.month, 1).isoformat(),
                }
            ],
            "report_frequency": "quarterly",
            "report_days": 30,
            "audit_cost_percent": "5",
        },
    )
    yield 16
    see_obstacles(licence=licence, keys=[one.key for one in open_obstacles(licence)], by=officer)
    version = current_version(licence)
    assert version is not None
    version = send_for_signature(version=version, by=officer)
    yield 15
    for signer, party, capacity in (
        (cast.chancellor, cast.lakeside, "Vice-Chancellor"),
        (cast.director, cast.northwind, "Managing director"),
    ):
        version = sign_version(
            version=version, party=party, typed_name=signer.name, capacity=capacity,
            document_sha256=version.document_sha256, by=signer,
        )  # fmt: skip
    licence.refresh_from_db()
    return licence


def _sublicensed(cast: Cast, licence: Licence, officer: User, starts_on: date) -> Sublicence:
    """The licensee lets a maker of its spare parts use the model in Europe; the university consents."""
    row = register_sublicence(
        licence=licence,
        name="Kestrel Field Service",
        fields=list(FieldOfUse.objects.filter(code="industry.robotics")),
        territories=list(Territory.objects.filter(code="EU")),
        starts_on=starts_on,
        by=cast.director,
    )
    decide_request(
        request=Request.objects.open().get(topic=CONSENT, subject_id=str(row.pk)), decision="approved", by=officer
    )
    row.refresh_from_db()
    return row


def _shared(cast: Cast, project: Project, case: TransferCase, officer: User) -> Thread[Licence]:
    """The model belongs to both parties, so in another field both license it, and share what that brings."""
    yield 14
    licence = draft_licence(
        project=project,
        kind="licence",
        reference="LIC-2",
        title="A small language model for speech devices",
        title_zh="用于语音设备的小型语言模型",
        licensor=cast.lakeside,
        co_licensors=[cast.northwind],
        licensee=cast.harbour,
        case=case,
        effective_on=timezone.localdate(),
        expires_on=date(timezone.localdate().year + 3, timezone.localdate().month, 1),
        by=officer,
        terms={
            "exclusivity": "non_exclusive",
            "fields": ["consumer"],
            "territories": ["EU"],
            "assets": [_asset("model_version", ModelVersion.objects.get(model__name=MODEL), "100")],
            "currency": "EUR",
            "issue_fee": "6000.00",
        },
    )
    see_obstacles(licence=licence, keys=[one.key for one in open_obstacles(licence)], by=officer)
    version = current_version(licence)
    assert version is not None
    version = send_for_signature(version=version, by=officer)
    for signer, party, capacity in (
        (cast.chancellor, cast.lakeside, "Vice-Chancellor"),
        (cast.director, cast.northwind, "Managing director"),
        (cast.counsel, cast.harbour, "General counsel"),
    ):
        version = sign_version(
            version=version, party=party, typed_name=signer.name, capacity=capacity,
            document_sha256=version.document_sha256, by=signer,
        )  # fmt: skip
    licence.refresh_from_db()
    return licence


def tell_the_startup(cast: Cast, case: TransferCase, officer: User) -> Thread[None]:
    """A company of the inventors builds on the case; the university's share was diluted when others came in."""
    yield 16
    startup = found_startup(
        organisation=cast.lakeside,
        name="Fieldnote AB",
        name_zh="田野笔记公司",
        country="SE",
        founded_on=timezone.localdate(),
        cases=[case],
        founders=[cast.researcher],
        other_founders="Maja Ekström",
        note="Reading aids for technicians, on devices without a network.",
        by=officer,
    )
    change_equity(
        startup=startup, holder=cast.lakeside, percent=Decimal(10), from_on=timezone.localdate(), event="founding",
        by=officer,
    )  # fmt: skip
    yield 7
    startup = move_startup(startup=startup, move="start", on=timezone.localdate(), by=officer)
    yield 2
    change_equity(
        startup=startup, holder=cast.lakeside, percent=Decimal("8.5"), from_on=timezone.localdate(), event="dilution",
        note="First round: new shares for two investors.", by=officer,
    )  # fmt: skip


def _asset(kind: str, row: Model, percent: str) -> dict[str, str]:
    return {"kind": kind, "subject_type": row._meta.label_lower, "subject_id": str(row.pk), "percent": percent}


def _quarter(day: date, *, back: int) -> date:
    """The first day of the quarter so many before the one of the day."""
    number = day.year * 4 + (day.month - 1) // 3 - back
    return date(number // 4, number % 4 * 3 + 1, 1)
