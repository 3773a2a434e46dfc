"""The books of one side of the scene: a licence with one row of everything that royalties keep, in several states."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Model
from django.utils import timezone

from collab.agreements.models import Agreement
from collab.inbox.services import ask
from collab.transfer.models import (
    CostRepayment,
    Distribution,
    ExchangeRate,
    InterestRule,
    Inventor,
    Invoice,
    InvoiceLine,
    LateStep,
    LedgerEntry,
    Licence,
    PartnerPayment,
    PolicyVersion,
    ProtectionCost,
    Receipt,
    ReceiptMatch,
    ReportLine,
    RoyaltyPolicy,
    RoyaltyReport,
    ScheduledPayment,
    Statement,
    Sublicence,
    SublicenceIncome,
    ThirdPartyShare,
)
from collab.transfer.royalties.audit_models import AuditCorrection, AuditFinding, RoyaltyAudit
from collab.transfer.royalties.policies import EXAMPLES
from collab.transfer.royalties.refund_models import Refund
from collab.transfer.royalties.write_off_models import WriteOff

OF_LICENCE = (
    ScheduledPayment, RoyaltyReport, ReportLine, SublicenceIncome, Invoice, InvoiceLine, WriteOff, RoyaltyAudit,
    AuditFinding, AuditCorrection,
)  # fmt: skip
OF_BOOKS = (
    Receipt, ReceiptMatch, Refund, ExchangeRate, InterestRule, RoyaltyPolicy, PolicyVersion, ThirdPartyShare,
    Distribution, CostRepayment, LedgerEntry, PartnerPayment, LateStep,
)  # fmt: skip

# What each act needs: the row of that name.
ON_REPORT = {
    "submit": "due", "write": "due", "receive": "due", "send_back": "submitted", "return": "submitted",
    "accept": "submitted", "invoice": "accepted",
}  # fmt: skip
ON_AUDIT = {"begin": "announced", "report": "under_way", "cancel": "announced"}
ON_INVOICE = {"interest": "late", "undo_write_off": "other", "undo": "other"}
ON_RECEIPT = {
    "match": "free", "reverse": "free", "edit": "free", "partial_update": "free", "unmatch": "matched",
    "refund": "free", "undo_refund": "refunded",
}  # fmt: skip
ON_DISTRIBUTION = {"decide": "proposed", "withdraw": "proposed"}


def row_for(books: dict[str, Model], model: type[Model], action: str) -> Model | None:
    """The row on which the act is possible, for tables that keep several."""
    for table, acts, usual, name in (
        (RoyaltyReport, ON_REPORT, "submitted", "report"),
        (RoyaltyAudit, ON_AUDIT, "reported", "audit"),
        (Invoice, ON_INVOICE, "open", "invoice"),
        (Receipt, ON_RECEIPT, "matched", "receipt"),
        (Distribution, ON_DISTRIBUTION, "posted", "distribution"),
    ):
        if model is table:
            return books[f"{name} {acts.get(action, usual)}"]
    return None


def is_of_books(obj: Model) -> bool:
    """The licence whose books are kept: no version of it was laid before the licensee."""
    return isinstance(obj, Licence) and obj.reference.startswith("ROY ")


def words_on(obj: Model, posts: Any, words: Any, person: Any) -> set[str]:
    """What people of these (organisation, role) may do: the licensor's office, the licensee, the inventor."""
    if isinstance(obj, Statement):
        held = {w for org, role in posts if org == obj.distribution.organisation_id for w in words[role]}
        mine = person is not None and obj.person_id == person
        return {"statement.view"} if mine or "royalty.view" in held else set()
    if isinstance(obj, PartnerPayment):
        held = {w for org, role in posts if org == obj.organisation_id for w in words[role]}
        theirs = {w for org, role in posts if org == obj.partner_id for w in words[role]}
        return held | (theirs & {"royalty.view"})
    if isinstance(obj, OF_BOOKS):
        return {w for org, role in posts if org == house_of(obj) for w in words[role]}
    if isinstance(obj, Licence):
        return {w for org, role in posts if org == obj.licensor_id for w in words[role]}
    licence: Any = getattr(obj, "licence", None) or getattr(obj, "report", getattr(obj, "invoice", None)).licence
    held = {w for org, role in posts if org == licence.licensor_id for w in words[role]}
    theirs = {w for org, role in posts if org == licence.licensee_id for w in words[role]}
    if isinstance(obj, RoyaltyReport | RoyaltyAudit):
        held -= {"royalty.report"}  # the licensor does not report for the licensee
    return held | ({"royalty.view", "royalty.report"} if "royalty.report" in theirs else set())


def house_of(obj: Any) -> Any:
    """The organisation in whose books the row stands."""
    if isinstance(obj, LateStep):
        return obj.licence.licensor_id
    for name in ("organisation_id", "receipt", "policy", "case", "distribution"):
        part = getattr(obj, name, None)
        if name == "organisation_id" and part is not None:
            return part
        if part is not None:
            return house_of(part)
    raise AssertionError(f"say whose books {type(obj).__name__} belongs to")


def keep_audits(here: Any, agreement: Agreement, licence: Licence) -> dict[type[Model], Model]:
    """Audits in three states, each of a licence of its own: one is open at a time."""
    made, canary, today = here.joint, here.canary, timezone.localdate()
    told = {
        "reported_by": here.transfer_officer, "reported_at": timezone.now(), "summary": f"Found {canary}",
        "answer_by": today + timedelta(days=30),
    }  # fmt: skip
    for number, (state, facts) in enumerate({"announced": {}, "under_way": {}, "reported": told}.items(), 1):
        one = Agreement.objects.create(
            project=made.project, reference=f"ROY {canary} {number}", kind="licence", title=f"Audited {canary}",
            created_by=made.lead, confidential=True,
        )  # fmt: skip
        audited = Licence.objects.create(
            agreement=one, case=licence.case, licensor=made.university, licensee=made.company, currency="EUR",
            exclusivity="non_exclusive", starts_on=licence.starts_on, created_by=here.transfer_officer,
        )  # fmt: skip
        here.books[f"audit {state}"] = RoyaltyAudit.objects.create(
            licence=audited, number=1, starts_on=licence.starts_on, ends_on=today, auditor=f"Auditor {canary}",
            begins_on=today, currency="EUR", state=state, announced_by=here.transfer_officer, **facts,
        )  # fmt: skip
    audit, report = here.books["audit reported"], here.books["report accepted"]
    return {
        RoyaltyAudit: audit,
        AuditFinding: AuditFinding.objects.create(
            audit=audit, report=report, position=1, product=f"Left out {canary}", gross=1_00
        ),
        AuditCorrection: AuditCorrection.objects.create(audit=audit, report=report, royalty=5),
    }


def keep_books(here: Any) -> None:
    """One of everything, through no verb: what the verbs refuse has its own tests."""
    made, canary, today, now = here.joint, here.canary, timezone.localdate(), timezone.now()
    officer, firm = here.transfer_officer, made.company_signatory
    case = here.cases["decided"]
    inventor = Inventor.objects.create(
        disclosure=case.disclosure, person=made.researcher, name=made.researcher.name, employer=made.university,
        share_percent=100,
    )  # fmt: skip
    agreement = Agreement.objects.create(
        project=made.project, reference=f"ROY {canary}", kind="licence", title=f"Royalties {canary}",
        created_by=made.lead, confidential=True,
    )  # fmt: skip
    licence = Licence.objects.create(
        agreement=agreement, case=case, licensor=made.university, licensee=made.company, currency="EUR",
        exclusivity="non_exclusive", starts_on=today - timedelta(days=800), royalty_basis="net_sales",
        report_frequency="quarterly", late_interest_percent=5, created_by=officer,
    )  # fmt: skip
    books: dict[str, Model] = here.books
    books["licence"] = licence
    of = {"licence": licence, "currency": "EUR"}
    submitted = {"submitted_by": firm, "submitted_at": now}
    checked = {"checked_by": officer, "checked_at": now}
    for number, (name, facts) in enumerate(
        {
            "accepted": {"state": "accepted", "royalty": 500_00, **submitted, **checked},
            "submitted": {"state": "submitted", "royalty": 500_00, **submitted},
            "due": {"state": "due"},
        }.items()
    ):
        starts = today - timedelta(days=100 * (4 - number))
        books[f"report {name}"] = RoyaltyReport.objects.create(
            starts_on=starts, ends_on=starts + timedelta(days=89), due_on=today, note=f"Note {canary}", **of, **facts
        )
    audits = keep_audits(here, agreement, licence)
    line = ReportLine.objects.create(
        report=books["report accepted"], position=1, product=f"Product {canary}", gross=10_000_00
    )
    payment = ScheduledPayment.objects.create(  # of one that was signed: nothing is owed under the others
        kind="issue_fee", source="issue_fee", title=f"Fee {canary}", due_on=today, amount=100_00,
        **of | {"licence": here.licences["active"]},
    )  # fmt: skip
    late = {"issued_on": today - timedelta(days=400), "due_on": today - timedelta(days=380)}
    for number, (name, facts) in enumerate(
        {
            "open": {"due_on": today + timedelta(days=9), "total": 50_00},
            "late": late | {"total": 1000_00, "paid": 1000_00, "state": "paid"},
            "other": {"due_on": today + timedelta(days=9), "total": 70_00},
        }.items(),
        1,
    ):
        books[f"invoice {name}"] = Invoice.objects.create(
            organisation=made.university, number=number, issued_by=officer, **of, **facts
        )
    invoice_line = InvoiceLine.objects.create(
        invoice=books["invoice open"], position=1, title=f"For {canary}", amount=50_00
    )
    policy = RoyaltyPolicy.objects.create(organisation=made.university, currency="EUR")
    version = PolicyVersion.objects.create(
        policy=policy, number=1, effective_on=today - timedelta(days=900), content=EXAMPLES["notre_dame"],
        note=f"Policy {canary}", created_by=officer,
    )  # fmt: skip
    ahead = PolicyVersion.objects.create(  # so that it can be withdrawn
        policy=policy, number=2, effective_on=today + timedelta(days=5), content=EXAMPLES["notre_dame"],
        note=f"Next policy {canary}", created_by=officer,
    )  # fmt: skip
    share = ThirdPartyShare.objects.create(
        case=here.cases["assessed"], name=f"Party {canary}", percent=5, from_on=today, entered_by=officer
    )
    divided = {"organisation": made.university, "policy": version, "currency": "EUR", "proposed_by": officer}
    books["distribution posted"] = posted = Distribution.objects.create(
        number=1, receipts=1, amount=1000_00, distributed=900_00, retained=0, passed_on=100_00, digest="0" * 64,
        reason=f"First {canary}", **divided,
    )  # fmt: skip
    received = {
        "organisation": made.university, "licence": licence, "currency": "EUR", "book_currency": "EUR",
        "received_on": today, "entered_by": officer,
    }  # fmt: skip
    books["receipt given"] = given = Receipt.objects.create(
        amount=1000_00, booked=1000_00, undistributed=1000_00, matched=1000_00, reference=f"B {canary}", **received
    )
    books["receipt free"] = Receipt.objects.create(
        amount=30_00, booked=30_00, undistributed=30_00, note=f"Note {canary}", **received
    )
    books["receipt matched"] = matched = Receipt.objects.create(
        amount=40_00, booked=40_00, undistributed=40_00, matched=40_00, note=f"Matched {canary}", **received
    )
    ReceiptMatch.objects.create(receipt=given, invoice=books["invoice late"], amount=1000_00, matched_by=officer)
    match = ReceiptMatch.objects.create(
        receipt=matched, invoice=books["invoice other"], amount=40_00, matched_by=officer
    )
    books["receipt refunded"] = Receipt.objects.create(
        amount=20_00, booked=20_00, undistributed=20_00, note=f"Too much {canary}", **received
    )
    refund = Refund.objects.create(
        receipt=books["receipt refunded"], amount=5_00, booked=5_00, reason=f"Twice {canary}", entered_by=officer
    )
    Receipt.objects.filter(pk=books["receipt refunded"].pk).update(paid_back=5_00, refunded=5_00, undistributed=15_00)
    off = WriteOff.objects.create(
        invoice=books["invoice other"], kind="bank_charge", amount=10_00, reason=f"Charge {canary}", written_by=officer
    )
    Invoice.objects.filter(pk=books["invoice other"].pk).update(paid=40_00, waived=10_00, state="part_paid")
    statement = Statement.objects.create(
        distribution=posted, person=made.researcher, key=str(made.researcher.pk), name=f"Name {canary}", amount=900_00
    )
    entry = LedgerEntry.objects.create(
        distribution=posted, receipt=given, account="inventors", amount=900_00, inventor=inventor,
        statement=statement, rule="tier:1:100",
    )  # fmt: skip
    LedgerEntry.objects.create(
        distribution=posted, receipt=given, account="licensors", amount=100_00, licensor=made.company
    )
    LedgerEntry.objects.create(distribution=posted, receipt=given, account="undistributed", amount=-1000_00)
    Receipt.objects.filter(pk=given.pk).update(distributed=900_00, passed_on=100_00, undistributed=0)
    Distribution.objects.filter(pk=posted.pk).update(state="posted", decided_by=here.organisation_admin, posted_at=now)
    books["distribution proposed"] = proposed = Distribution.objects.create(
        number=2, receipts=0, amount=0, distributed=0, retained=0, digest="1" * 64, reason=f"Next {canary}", **divided
    )
    ask(
        topic="distribution", subject=proposed, organisation=made.university, word="distribution.approve",
        title=f"Distribution {canary}", by=officer,
    )  # fmt: skip
    cost: Any = here.objects[ProtectionCost]
    rate = {"organisation": made.university, "from_on": today, "entered_by": officer}
    here.objects |= {
        ScheduledPayment: payment,
        RoyaltyReport: books["report submitted"],
        ReportLine: line,
        SublicenceIncome: SublicenceIncome.objects.create(
            report=line.report,
            amount=0,
            sublicence=Sublicence.objects.create(
                licence=licence, name=f"Sub {canary}", starts_on=today, state="asked", registered_by=officer
            ),
        ),
        **audits,
        Invoice: books["invoice open"],
        InvoiceLine: invoice_line,
        RoyaltyPolicy: policy,
        PolicyVersion: ahead,
        ThirdPartyShare: share,
        Receipt: given,
        ReceiptMatch: match,
        Refund: refund,
        WriteOff: off,
        ExchangeRate: ExchangeRate.objects.create(
            source="USD",
            target="EUR",
            until_on=today + timedelta(days=30),
            rate=Decimal("0.9"),
            reference=f"Bank {canary}",
            **rate,
        ),
        InterestRule: InterestRule.objects.create(percent=5, **rate),
        Distribution: posted,
        CostRepayment: CostRepayment.objects.create(distribution=posted, cost=cost, booked=1, amount=Decimal("0.01")),
        Statement: statement,
        LedgerEntry: entry,
        PartnerPayment: PartnerPayment.objects.create(
            organisation=made.university,
            partner=made.company,
            licence=licence,
            paid_on=today,
            amount=40_00,
            currency="EUR",
            note=f"Passed {canary}",
            entered_by=officer,
        ),
        LateStep: LateStep.objects.create(licence=licence, invoice=books["invoice other"], stage=2, told_on=today),
    }
    here.objects.setdefault(Licence, licence)
    for row in books.values():
        row.refresh_from_db()
