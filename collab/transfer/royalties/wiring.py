"""What royalties bring along: how their tables hang on organisations, what is asked in the inbox, what they hear."""

from django.utils.translation import gettext_lazy

from collab.access.policy import Scope, register_requirement, register_scope
from collab.agreements.hooks import register_ended, register_executed
from collab.inbox.kinds import Kind, register_kind
from collab.inbox.states import Decision, Mail
from collab.inbox.telling import tell_dates_to
from collab.inbox.topics import Topic, register_topic
from collab.transfer.disclosures.hooks import register_bond
from collab.transfer.licences.hooks import register_kept
from collab.transfer.licences.models import LicensorShare
from collab.transfer.protection.hooks import register_asked
from collab.transfer.royalties.audit_models import AuditCorrection, AuditFinding, RoyaltyAudit
from collab.transfer.royalties.distributing import (
    DISTRIBUTION,
    distribution_decided,
    distribution_withdrawn,
    facts_of_distribution,
    only_a_second_person,
)
from collab.transfer.royalties.hearing import licence_moved, money_of
from collab.transfer.royalties.invoicing import invoices_for
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
from collab.transfer.royalties.scheduling import kept_titles
from collab.transfer.royalties.standing import (
    ONLY_THE_LICENSEE_ANSWERS,
    ONLY_THE_LICENSEE_REPORTS,
    as_licensee,
    as_officer,
    as_partner,
)
from collab.transfer.royalties.write_off_models import WriteOff

for table, path in (
    (ScheduledPayment, "licence__"),
    (RoyaltyReport, "licence__"),
    (ReportLine, "report__licence__"),
    (SublicenceIncome, "report__licence__"),
    (Invoice, "licence__"),
    (InvoiceLine, "invoice__licence__"),
    (WriteOff, "invoice__licence__"),
    (RoyaltyAudit, "licence__"),
    (AuditFinding, "audit__licence__"),
    (AuditCorrection, "audit__licence__"),
):
    register_scope(table, Scope(view="royalty.view", organisation=f"{path}licensor", grants=as_licensee(path)))
for table, path in (
    (Receipt, "organisation"),
    (ReceiptMatch, "receipt__organisation"),
    (Refund, "receipt__organisation"),
    (ExchangeRate, "organisation"),
    (InterestRule, "organisation"),
    (RoyaltyPolicy, "organisation"),
    (PolicyVersion, "policy__organisation"),
    (ThirdPartyShare, "case__organisation"),
    (Distribution, "organisation"),
    (CostRepayment, "distribution__organisation"),
    (LedgerEntry, "distribution__organisation"),
    (LateStep, "licence__licensor"),  # what the licensor thinks of doing is not for the licensee
):
    register_scope(table, Scope(view="royalty.view", organisation=path))
register_scope(PartnerPayment, Scope(view="royalty.view", organisation="organisation", grants=as_partner))
register_scope(Statement, Scope(view="statement.view", person="person", grants=as_officer))
register_requirement(ONLY_THE_LICENSEE_REPORTS)
register_requirement(ONLY_THE_LICENSEE_ANSWERS)
tell_dates_to(
    RoyaltyReport,
    RoyaltyAudit,
    ScheduledPayment,
    Invoice,
    LicensorShare,
    LateStep,
    words=("royalty.view", "royalty.report"),
)

register_kind(Kind("royalty", gettext_lazy("Reports, invoices and statements under licences"), "receipt", Mail.NOW))
register_executed("royalties", licence_moved)
register_ended("royalties", licence_moved)
register_bond("royalties", money_of)
register_kept("royalties", kept_titles)
register_asked("royalties", invoices_for)
register_topic(
    Topic(
        DISTRIBUTION,
        gettext_lazy("Distribution of licence income"),
        decisions=(Decision.APPROVED, Decision.REJECTED),
        on_decided=distribution_decided,
        on_withdrawn=distribution_withdrawn,
        may_answer=only_a_second_person,
        facts=facts_of_distribution,
        effect=lambda request: gettext_lazy(
            "The entries are written into the ledger and every inventor gets a statement. Only a reversal undoes it."
        ),
    )
)
