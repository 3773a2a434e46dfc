"""Several licensors: in what parts a licence's receipts are theirs, who passes them on, and where each cent is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Organisation, User
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Obligation
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, NotReadyError, RefusedError
from collab.projects.models import Output, OutputShare, ProjectParty
from collab.transfer.disclosures.models import DisclosedResult
from collab.transfer.licences.models import Licence
from collab.transfer.licences.services import current_version, edit_terms
from collab.transfer.portfolio.metrics import METRICS, Span
from collab.transfer.royalties.models import LedgerEntry, PartnerPayment, Receipt, Statement
from collab.transfer.royalties.passing import owed_to_partners
from collab.transfer.royalties.policies import EXAMPLES
from collab.transfer.royalties.services import (
    book_partner_payment,
    decide_distribution,
    enter_rate,
    enter_receipt,
    invoice_payments,
    pay_partner,
    propose_distribution,
    propose_reversal,
    reverse_partner_payment,
    reverse_receipt,
    set_policy,
)
from registry.catalog.models import ModelVersion
from tests.cast import employ, person, token_for
from tests.collab.transfer.royalties.test_services import balance, reconcile
from tests.licensing import Office, asset, trained
from tests.pages import as_, queries
from tests.royalties import FIRST, case_of

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate


def own(model: ModelVersion, *owners: Organisation, parts: tuple[str, ...] = ()) -> ModelVersion:
    """The register of outputs says whose it is."""
    output = Output.objects.create(
        project=model.model.project, kind="model", title=str(model), row_id=model.pk, created_by=model.created_by
    )
    percent = {owner: Decimal(part) for owner, part in zip(owners, parts or ["50"] * len(owners), strict=True)}
    for party in ProjectParty.objects.filter(project=model.model.project, organisation__in=owners):
        OutputShare.objects.create(output=output, party=party, percent=percent[party.organisation])
    return model


@dataclass
class Shared:
    """The university licenses a model of its own and one that it owns with the company; both have books."""

    office: Office
    licence: Licence
    officer: User
    second: User
    partner: Organisation
    partner_officer: User
    partner_second: User

    def receive(self, amount: str = "5000.00", **more: Any) -> Receipt:
        payments = list(self.licence.payments.filter(state="planned"))
        if payments:
            invoice_payments(payments=payments, by=self.officer)
        return enter_receipt(
            licence=self.licence, received_on=TODAY(), amount=Decimal(amount), currency="EUR", by=self.officer, **more
        )

    def distribute(self) -> Any:
        row = propose_distribution(organisation=self.licence.licensor, by=self.officer)
        return decide_distribution(distribution=row, decision="approved", by=self.second)

    def owed(self) -> int:
        return owed_to_partners([self.licence.pk])[0].amount

    def pay(self, **more: Any) -> PartnerPayment:
        facts = {"paid_on": TODAY(), "by": self.officer, "licence": self.licence, "partner": self.partner}
        return pay_partner(**(facts | more))

    def book(self, payment: PartnerPayment, **more: Any) -> Receipt:
        facts = {"received_on": TODAY(), "by": self.partner_officer, "payment": payment}
        return book_partner_payment(**(facts | more))


@pytest.fixture
def shared(office):
    joint = office.joint
    mine = own(office.model, joint.university)
    ours = own(trained(joint, joint.researcher, "Ours"), joint.university, joint.company)
    case = case_of(joint.university, "RU-1", office.officer, (joint.researcher, "100"))
    licence = office.execute(
        case=case, co_licensors=[joint.company], assets=[asset(mine, "60"), asset(ours, "40")], issue_fee="5000.00"
    )
    partner_officer = employ(person("Pia Partner"), joint.company, Role.TRANSFER_OFFICER)
    partner_second = employ(person("Paul Partner"), joint.company, Role.TRANSFER_OFFICER)
    theirs = case_of(joint.company, "NW-1", partner_officer, (joint.engineer, "100"))
    DisclosedResult.objects.create(
        case=theirs, subject_type="registry.modelversion", subject_id=str(ours.pk), label=str(ours)
    )
    for house, by in ((joint.university, office.officer), (joint.company, partner_officer)):
        set_policy(organisation=house, currency="EUR", content=EXAMPLES["dayton"], effective_on=FIRST, by=by)
    second = employ(person("Sam Second"), joint.university, Role.TRANSFER_OFFICER)
    return Shared(office, licence, office.officer, second, joint.company, partner_officer, partner_second)


# --- the terms
def test_without_more_the_parts_follow_the_assets_and_their_owners(shared):
    assert [(row.organisation, row.percent) for row in shared.licence.shares.all()] == [
        (shared.licence.licensor, Decimal(80)),
        (shared.partner, Decimal(20)),
    ]
    signed = current_version(shared.licence)
    assert signed.particulars["shares"][1] == {"licensor": str(shared.partner.pk), "percent": "20"}
    said = dict(signed.document()["terms"]) if "terms" in signed.document() else str(signed.document())
    assert "20" in str(said)  # what is signed says it


def test_owners_share_an_asset_as_the_register_of_outputs_says(office):
    joint = office.joint
    own(office.model, joint.university, joint.company, parts=("75", "25"))
    licence = office.draft(co_licensors=[joint.company])
    assert [row.percent for row in licence.shares.all()] == [75, 25]


def test_parts_that_do_not_divide_evenly_make_exactly_100(office):
    joint = office.joint
    ours = own(office.model, joint.university, joint.company)
    mine = own(trained(joint, joint.researcher, "Mine"), joint.university)
    licence = office.draft(co_licensors=[joint.company], assets=[asset(ours, "33.3333"), asset(mine, "66.6667")])
    assert [row.percent for row in licence.shares.all()] == [Decimal("83.3334"), Decimal("16.6666")]


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (("70", "20"), "make 90 per cent"),
        (("70",), "name the part of each once"),
        (("70", "x"), "percentage from 0 to 100"),
        (("70", None), "Write the part"),
    ],
)
def test_agreed_parts_name_every_licensor_and_make_100(office, parts, told):
    joint = office.joint
    own(office.model, joint.university, joint.company)
    keys = [str(joint.university.pk), str(joint.company.pk)]
    shares = [{"licensor": key, "percent": part} for key, part in zip(keys, parts, strict=False)]
    with pytest.raises(FaultyInputError, match=told):
        office.draft(co_licensors=[joint.company], shares_by="agreed", shares=shares)


def test_agreed_parts_are_signed_and_change_by_further_terms_alone(shared):
    keys = [str(shared.licence.licensor.pk), str(shared.partner.pk)]
    agreed = {
        "shares_by": "agreed",
        "shares": [{"licensor": k, "percent": p} for k, p in zip(keys, ("55", "45"), strict=True)],
    }
    version = edit_terms(licence=shared.licence, edit=0, terms=agreed, by=shared.officer)
    assert shared.licence.shares.last().percent == 20
    shared.office.sign(shared.office.send(shared.licence))
    assert [row.percent for row in Licence.objects.get(pk=shared.licence.pk).shares.all()] == [55, 45]
    assert version.agreement.versions.count() == 2


def test_whoever_owns_nothing_of_it_is_no_licensor(office):
    joint = office.joint
    own(office.model, joint.university)
    with pytest.raises(FaultyInputError, match="Nothing of what is licensed is Northwind"):
        office.draft(co_licensors=[joint.company])


# --- the money
def test_a_part_is_owed_paid_and_booked_where_it_is_distributed(shared):
    receipt = shared.receive()
    row = shared.distribute()
    receipt.refresh_from_db()
    assert (row.passed_on, receipt.passed_on, balance("licensors")) == (1000_00, 1000_00, 1000_00)
    assert receipt.undistributed == 0 and receipt.distributed + receipt.retained == 4000_00
    due = Obligation.objects.open().get(organisation=shared.licence.licensor, kind="payment")
    assert due.due_on == TODAY() + timedelta(days=30) and "Northwind" in due.title

    payment = shared.pay(reference="TX-1")
    assert (payment.amount, payment.currency, shared.owed()) == (1000_00, "EUR", 0)
    due.refresh_from_db()
    assert due.settled_at is not None
    assert Notification.objects.filter(person=shared.partner_officer, url=payment.get_absolute_url()).count() == 1
    reconcile()

    theirs = shared.book(payment, reference="IN-7")
    assert (theirs.organisation, theirs.booked, theirs.undistributed) == (shared.partner, 1000_00, 1000_00)
    acts = AuditEvent.objects.filter(verb__in=["royalty.pay_licensor", "royalty.book_part"]).order_by("id")
    assert [act.organisation_id for act in acts] == [shared.licence.licensor.pk, shared.partner.pk]
    proposed = propose_distribution(organisation=shared.partner, by=shared.partner_officer)
    decide_distribution(distribution=proposed, decision="approved", by=shared.partner_second)
    theirs.refresh_from_db()
    # Dayton: 20 % of gross to the office, half of the rest to the inventor
    assert (theirs.passed_on, theirs.undistributed) == (0, 0)
    assert Statement.objects.get(distribution=proposed).amount == 400_00
    reconcile()


def test_the_part_of_an_asset_goes_to_the_case_of_its_owner_alone(shared):
    """One's part is cut by what one has disclosed, not by the asset behind which only the partner's case is."""
    second, model = shared.office.joint.researcher, shared.office.model
    case = case_of(shared.licence.licensor, "RU-2", shared.officer, (second, "100"))
    DisclosedResult.objects.create(
        case=case, subject_type="registry.modelversion", subject_id=str(model.pk), label=str(model)
    )
    shared.receive()
    shared.distribute()
    cases = set(LedgerEntry.objects.exclude(case=None).values_list("case__docket", flat=True))
    assert cases == {"RU-2"}


def test_corrections_are_reversals(shared):
    receipt = shared.receive()
    row = shared.distribute()
    payment = shared.pay(amount=Decimal("400.00"))
    assert shared.owed() == 600_00
    theirs = shared.book(payment)
    with pytest.raises(ConflictError, match="takes its receipt back first"):
        reverse_partner_payment(payment=payment, reason="Wrong", by=shared.officer)
    reverse_receipt(receipt=theirs, reason="Wrong account", by=shared.partner_officer)
    assert AuditEvent.objects.get(verb="royalty.reverse_receipt").organisation_id == shared.partner.pk
    back = reverse_partner_payment(payment=payment, reason="Wrong account", by=shared.officer)
    assert (back.amount, shared.owed()) == (-400_00, 1000_00)
    assert Obligation.objects.open().filter(organisation=shared.licence.licensor, kind="payment").count() == 1
    with pytest.raises(ConflictError, match="taken back"):
        shared.book(payment)
    again = propose_reversal(distribution=row, reason="Wrong", by=shared.officer)
    decide_distribution(distribution=again, decision="approved", by=shared.second)
    receipt.refresh_from_db()
    assert (shared.owed(), receipt.passed_on, receipt.undistributed) == (0, 0, 5000_00)
    assert not Obligation.objects.open().filter(organisation=shared.licence.licensor, kind="payment").exists()
    reconcile()


def test_what_was_paid_too_much_is_set_off(shared):
    shared.receive()
    row = shared.distribute()
    shared.book(shared.pay())
    back = propose_reversal(distribution=row, reason="Wrong", by=shared.officer)
    decide_distribution(distribution=back, decision="approved", by=shared.second)
    assert shared.owed() == -1000_00
    with pytest.raises(ConflictError, match="Nothing is owed"):
        shared.pay()
    shared.distribute()
    assert shared.owed() == 0
    reconcile()


def test_a_partner_converts_by_its_own_rate_and_needs_books(shared):
    shared.receive()
    shared.distribute()
    payment = shared.pay()
    policy = shared.partner.royalty_policy
    policy.versions.all().delete()
    policy.delete()
    with pytest.raises(NotReadyError, match="no royalty policy"):
        shared.book(payment)
    facts = {"organisation": shared.partner, "by": shared.partner_officer}
    set_policy(currency="USD", content=EXAMPLES["dayton"], effective_on=FIRST, **facts)
    with pytest.raises(InvalidError, match="No rate from EUR to USD"):
        shared.book(payment)
    enter_rate(source="EUR", target="USD", from_on=TODAY(), rate=Decimal("1.25"), **facts)
    theirs = shared.book(payment)
    assert (theirs.booked, theirs.book_currency, theirs.amount) == (1250_00, "USD", 1000_00)


def test_what_cannot_be_is_refused(shared):
    with pytest.raises(ConflictError, match="Nothing is owed to Northwind"):
        shared.pay()
    shared.receive()
    shared.distribute()
    with pytest.raises(InvalidError, match=r"is owed 1,000.00 EUR"):
        shared.pay(amount=Decimal("1000.01"))
    with pytest.raises(InvalidError, match="not come yet"):
        shared.pay(paid_on=TODAY() + timedelta(days=1))
    with pytest.raises(RefusedError):
        shared.pay(by=shared.partner_officer)
    payment = shared.pay(amount=Decimal("1.00"), reference="TX-1", paid_on=TODAY() - timedelta(days=2))
    with pytest.raises(ConflictError, match="TX-1 was entered already"):
        shared.pay(reference="TX-1")
    reverse_partner_payment(payment=payment, reason="Sent to the wrong account", by=shared.officer)
    payment = shared.pay(amount=Decimal("1.00"), reference="TX-1", paid_on=TODAY() - timedelta(days=2))
    with pytest.raises(InvalidError, match="did not arrive before"):
        shared.book(payment, received_on=TODAY() - timedelta(days=3))
    with pytest.raises(RefusedError):
        shared.book(payment, by=shared.officer)
    first = shared.book(payment, reference="IN-1")
    with pytest.raises(ConflictError, match="booked already"):
        shared.book(payment)
    reverse_receipt(receipt=first, reason="Another day", by=shared.partner_officer)
    assert shared.book(payment, reference="IN-1").reference == "IN-1"


def test_the_database_holds_what_the_verbs_promise(shared):
    shared.receive()
    shared.distribute()
    facts = {
        "organisation": shared.licence.licensor, "partner": shared.partner, "licence": shared.licence,
        "paid_on": TODAY(), "currency": "EUR", "entered_by": shared.officer,
    }  # fmt: skip
    payment = shared.pay(amount=Decimal("100.00"))
    attempts = [
        lambda: PartnerPayment.objects.create(amount=900_01, **facts),  # more than is owed
        lambda: PartnerPayment.objects.create(amount=-99_00, reverses=payment, **facts),  # not what it was
        lambda: payment.delete(),
        lambda: PartnerPayment.objects.filter(pk=payment.pk).update(amount=1),
        lambda: Receipt.objects.filter(organisation=shared.licence.licensor).update(passed_on=0, undistributed=1000_00),
        lambda: LedgerEntry.objects.filter(account="licensors").update(licensor=None),
        lambda: shared.book(payment) and _book_twice(payment),
    ]
    for attempt in attempts:
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    reconcile()


def _book_twice(payment: PartnerPayment) -> None:
    row = Receipt.objects.get(partner_payment=payment)
    values = {field.name: getattr(row, field.name) for field in Receipt._meta.fields if field.name != "id"}
    Receipt.objects.create(**values | {"reference": ""})


# --- faces
def test_both_sides_on_their_pages(shared, client):
    shared.receive()
    client.force_login(shared.officer)
    preview = client.get(reverse("collab:distribution_new", args=[shared.licence.licensor.slug])).content.decode()
    assert "Further licensors" in preview and "Northwind" in preview
    row = shared.distribute()
    assert "Passed on" in client.get(row.get_absolute_url()).content.decode()
    money = reverse("collab:licence_royalties", args=[shared.licence.pk])
    url = reverse("collab:partner_pay", args=[shared.licence.pk, shared.partner.pk])
    assert url in client.get(money).content.decode()
    assert "Parts of further licensors" in client.get(reverse("collab:royalties")).content.decode()
    sent = {"paid_on": TODAY().isoformat(), "amount": "9999", "reference": "TX-9", "once": "a"}
    assert "is owed 1,000.00 EUR" in client.post(url, sent).content.decode()
    done = client.post(url, sent | {"amount": "", "once": "b"}, follow=True)
    assert "On its way" in done.content.decode()
    payment = PartnerPayment.objects.get()
    assert reverse("collab:partner_reverse", args=[payment.pk]) in done.content.decode()

    client.force_login(shared.partner_officer)
    assert payment.get_absolute_url() in client.get(reverse("collab:royalties")).content.decode()
    assert payment.get_absolute_url() in client.get(money).content.decode()
    assert client.get(url).status_code == 403
    assert client.get(reverse("collab:partner_reverse", args=[payment.pk])).status_code == 403
    book = reverse("collab:partner_book", args=[payment.pk])
    assert book in client.get(payment.get_absolute_url()).content.decode()
    got = client.post(book, {"received_on": TODAY().isoformat(), "reference": "", "once": "c"}, follow=True)
    assert "Part of a shared licence" in got.content.decode()
    client.force_login(shared.office.rival_signatory)
    assert client.get(payment.get_absolute_url()).status_code == 404


def test_over_the_api(shared, client):
    shared.receive()
    shared.distribute()
    mine = {"Authorization": f"Bearer {token_for(shared.officer)}"}
    theirs = {"Authorization": f"Bearer {token_for(shared.partner_officer)}"}
    body = {"licence": str(shared.licence.pk), "partner": shared.partner.slug, "paid_on": TODAY().isoformat()}
    made = client.post("/api/v1/licensor-payments/", body, "application/json", headers=mine)
    assert made.status_code == 201 and made.json()["amount"] == "1000.00", made.content
    url = f"/api/v1/licensor-payments/{made.json()['id']}/"
    assert client.get(url, headers=theirs).json()["partner"] == shared.partner.slug
    got = client.post(f"{url}book/", {"received_on": TODAY().isoformat()}, "application/json", headers=theirs)
    assert got.status_code == 201 and got.json()["partner_payment"] == made.json()["id"]
    licence = client.get(f"/api/v1/licences/{shared.licence.pk}/", headers=mine).json()
    assert [row["percent"] for row in licence["shares"]] == ["80.0000", "20.0000"]
    assert client.post(f"{url}reverse/", {"reason": "No"}, "application/json", headers=mine).status_code == 409


def test_figures_count_money_once_for_whoever_reads_them(shared):
    shared.receive()
    shared.distribute()
    shared.book(shared.pay())
    for house, income, passed in ((shared.licence.licensor, 5000, {"EUR": Decimal(1000)}), (shared.partner, 1000, {})):
        span = Span((house.pk,), TODAY().year)
        assert METRICS["other"].value(span)["EUR"] == income
        assert METRICS["passed_on"].value(span) == passed


def test_pages_of_money_take_the_same_queries_for_more_rows(shared):
    house = shared.licence.licensor
    program = Client(headers={"Authorization": f"Bearer {token_for(shared.officer)}"})
    mine, theirs = as_(shared.officer), as_(shared.partner_officer)
    money = reverse("collab:licence_royalties", args=[shared.licence.pk])
    urls = [
        (mine, reverse("collab:royalties")),
        (mine, money),
        (mine, reverse("collab:royalty_policy", args=[house.slug])),
        (mine, reverse("collab:distribution_new", args=[house.slug])),
        (program, "/api/v1/licensor-payments/"),
        (program, "/api/v1/receipts/"),
        (theirs, reverse("collab:royalties")),
        (theirs, money),
    ]

    def more() -> None:
        shared.licence.payments.create(
            kind="other", source=f"other:{Receipt.objects.count()}", title="Fee", due_on=TODAY(), amount=100_00,
            currency="EUR",
        )  # fmt: skip
        shared.receive("100.00", reference=f"R {Receipt.objects.count()}")
        shared.distribute()
        shared.pay(amount=Decimal("1.00"))
        shared.book(shared.pay(amount=Decimal("1.00")))
        shared.licence.payments.create(
            kind="other", source=f"open:{Receipt.objects.count()}", title="Fee", due_on=TODAY(), amount=100_00,
            currency="EUR",
        )  # fmt: skip
        shared.receive("100.00")  # waits to be distributed

    shared.receive()
    more()
    queries(*urls[4])  # the first use of a token is noted
    few = [queries(*one) for one in urls]
    more()
    more()
    assert [queries(*one) for one in urls] == few
