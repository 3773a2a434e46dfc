"""Admin of royalties: the books are read here, and changed by their verbs."""

from __future__ import annotations

from django.contrib import admin

from collab.transfer.royalties.audit_models import AuditCorrection, AuditFinding, RoyaltyAudit
from collab.transfer.royalties.models import (
    CostRepayment,
    Distribution,
    ExchangeRate,
    InterestRule,
    Invoice,
    InvoiceLine,
    LateStep,
    LedgerEntry,
    PartnerPayment,
    PolicyVersion,
    Receipt,
    ReceiptMatch,
    ReportLine,
    RoyaltyPolicy,
    RoyaltyReport,
    ScheduledPayment,
    Statement,
    SublicenceIncome,
    ThirdPartyShare,
)
from collab.transfer.royalties.refund_models import Refund
from collab.transfer.royalties.write_off_models import WriteOff
from collab.web.admin import ScopedModelAdmin


@admin.register(ScheduledPayment)
class ScheduledPaymentAdmin(ScopedModelAdmin):
    list_display = ["title", "licence", "kind", "due_on", "amount", "currency", "state"]
    list_filter = ["kind", "state", "currency"]
    search_fields = ["title", "title_zh", "licence__agreement__reference"]
    list_select_related = ["licence__agreement__project"]
    date_hierarchy = "due_on"


@admin.register(RoyaltyReport)
class RoyaltyReportAdmin(ScopedModelAdmin):
    list_display = [
        "licence", "starts_on", "ends_on", "due_on", "received_on", "state", "royalty", "minimum", "currency",
    ]  # fmt: skip
    list_filter = ["state", "currency"]
    search_fields = ["licence__agreement__reference", "sent_by"]
    list_select_related = ["licence__agreement__project"]
    date_hierarchy = "starts_on"


@admin.register(ReportLine)
class ReportLineAdmin(ScopedModelAdmin):
    list_display = ["report", "position", "product", "units", "gross", "deductions"]
    search_fields = ["product"]
    list_select_related = ["report__licence__agreement__project"]


@admin.register(Invoice)
class InvoiceAdmin(ScopedModelAdmin):
    list_display = ["reference", "licence", "issued_on", "due_on", "total", "paid", "currency", "state"]
    list_filter = ["state", "currency"]
    search_fields = ["number", "licence__agreement__reference"]
    list_select_related = ["organisation", "licence__agreement__project"]
    date_hierarchy = "issued_on"


@admin.register(InvoiceLine)
class InvoiceLineAdmin(ScopedModelAdmin):
    list_display = ["invoice", "position", "title", "amount"]
    search_fields = ["title", "title_zh"]
    list_select_related = ["invoice__organisation"]


@admin.register(ExchangeRate)
class ExchangeRateAdmin(ScopedModelAdmin):
    list_display = ["organisation", "source", "target", "rate", "from_on", "until_on", "entered_by"]
    list_filter = ["source", "target"]
    list_select_related = ["organisation", "entered_by"]
    date_hierarchy = "from_on"


@admin.register(InterestRule)
class InterestRuleAdmin(ScopedModelAdmin):
    list_display = ["organisation", "from_on", "percent", "entered_by"]
    list_select_related = ["organisation", "entered_by"]


@admin.register(RoyaltyPolicy)
class RoyaltyPolicyAdmin(ScopedModelAdmin):
    list_display = ["organisation", "currency"]
    list_select_related = ["organisation"]


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ScopedModelAdmin):
    list_display = ["policy", "number", "effective_on", "note", "created_by"]
    list_select_related = ["policy__organisation", "created_by"]


@admin.register(ThirdPartyShare)
class ThirdPartyShareAdmin(ScopedModelAdmin):
    list_display = ["name", "case", "percent", "from_on", "until_on"]
    search_fields = ["name", "case__docket"]
    list_select_related = ["case__disclosure"]


@admin.register(SublicenceIncome)
class SublicenceIncomeAdmin(ScopedModelAdmin):
    list_display = ["report", "sublicence", "amount"]
    search_fields = ["sublicence__name"]
    list_select_related = ["report__licence__agreement__project", "sublicence"]


@admin.register(LateStep)
class LateStepAdmin(ScopedModelAdmin):
    list_display = ["told_on", "stage", "report", "invoice"]
    list_filter = ["stage"]
    list_select_related = ["report__licence__agreement__project", "invoice__organisation"]
    date_hierarchy = "told_on"


@admin.register(Receipt)
class ReceiptAdmin(ScopedModelAdmin):
    list_display = [
        "received_on", "licence", "amount", "currency", "booked", "distributed", "retained", "passed_on", "refunded",
        "undistributed", "reference",
    ]  # fmt: skip
    list_filter = ["currency", "book_currency"]
    search_fields = ["reference", "note", "licence__agreement__reference"]
    list_select_related = ["licence__agreement__project"]
    date_hierarchy = "received_on"


@admin.register(Refund)
class RefundAdmin(ScopedModelAdmin):
    list_display = ["refunded_on", "receipt", "amount", "booked", "reference", "reason", "entered_by"]
    search_fields = ["reference", "reason", "receipt__licence__agreement__reference"]
    list_select_related = ["receipt__licence__agreement__project", "entered_by"]
    date_hierarchy = "refunded_on"


@admin.register(WriteOff)
class WriteOffAdmin(ScopedModelAdmin):
    list_display = ["invoice", "kind", "amount", "reason", "written_by", "undone_at"]
    list_filter = ["kind"]
    search_fields = ["invoice__licence__agreement__reference", "reason"]
    list_select_related = ["invoice__organisation", "invoice__licence__agreement__project", "written_by"]


@admin.register(ReceiptMatch)
class ReceiptMatchAdmin(ScopedModelAdmin):
    list_display = ["receipt", "invoice", "amount", "matched_by", "undone_at"]
    list_select_related = ["receipt", "invoice__organisation", "matched_by"]


@admin.register(Distribution)
class DistributionAdmin(ScopedModelAdmin):
    hidden = ("digest",)
    list_display = [
        "number", "organisation", "state", "receipts", "amount", "distributed", "retained", "passed_on", "currency",
        "proposed_by", "decided_by",
    ]  # fmt: skip
    list_filter = ["state", "currency"]
    list_select_related = ["organisation", "proposed_by", "decided_by"]
    date_hierarchy = "posted_at"


@admin.register(CostRepayment)
class CostRepaymentAdmin(ScopedModelAdmin):
    list_display = ["distribution", "cost", "booked", "amount"]
    list_select_related = ["distribution", "cost"]


@admin.register(Statement)
class StatementAdmin(ScopedModelAdmin):
    hidden = ("key",)
    list_display = ["name", "distribution", "amount"]
    search_fields = ["name"]
    list_select_related = ["distribution"]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ScopedModelAdmin):
    list_display = ["distribution", "receipt", "account", "amount", "rule", "inventor", "third_party", "licensor"]
    list_filter = ["account"]
    list_select_related = ["distribution", "receipt", "inventor", "third_party", "licensor"]


@admin.register(PartnerPayment)
class PartnerPaymentAdmin(ScopedModelAdmin):
    list_display = ["paid_on", "licence", "organisation", "partner", "amount", "currency", "reference"]
    list_filter = ["currency"]
    search_fields = ["reference", "licence__agreement__reference", "partner__name"]
    list_select_related = ["licence__agreement__project", "organisation", "partner"]
    date_hierarchy = "paid_on"


@admin.register(RoyaltyAudit)
class RoyaltyAuditAdmin(ScopedModelAdmin):
    list_display = ["licence", "number", "auditor", "begins_on", "state", "underpaid", "interest", "currency"]
    list_filter = ["state", "currency"]
    search_fields = ["auditor", "licence__agreement__reference"]
    list_select_related = ["licence__agreement__project"]
    date_hierarchy = "announced_on"


@admin.register(AuditFinding)
class AuditFindingAdmin(ScopedModelAdmin):
    list_display = ["audit", "position", "report", "product", "units", "gross", "disallowed"]
    search_fields = ["product"]
    list_select_related = ["audit__licence__agreement__project", "report__licence__agreement__project"]


@admin.register(AuditCorrection)
class AuditCorrectionAdmin(ScopedModelAdmin):
    list_display = ["audit", "report", "royalty", "minimum", "sublicence_share"]
    list_select_related = ["audit__licence__agreement__project", "report__licence__agreement__project"]
