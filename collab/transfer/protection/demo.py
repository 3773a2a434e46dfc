"""Protection and offer in the demo story: an application, copyright in the weights, a cost, and a public offer."""

from __future__ import annotations

from collections.abc import Generator

from django.utils import timezone

from collab.accounts.models import User
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.protection.offering import leave_interest, publish_offer, write_offer
from collab.transfer.protection.ruling import load_shipped
from collab.transfer.protection.services import add_cost, add_counsel, add_protection, begin_family


def tell_protection(case: TransferCase, officer: User) -> Generator[int, None, None]:
    """Go on with a case that was decided to be protected, 17 days ago; yields how many days ago the next act was."""
    yield 17
    load_shipped()
    counsel = add_counsel(
        organisation=case.organisation, name="Astrid Holm", firm="Holm & Lindqvist", jurisdictions="EP, SE", by=officer
    )
    family = begin_family(
        case=case, title="Small language models on robots", title_zh="机器人上的小型语言模型", by=officer
    )
    add_protection(family=family, kind="copyright", filed_on=timezone.localdate(), title="Weights", by=officer)
    yield 15
    filed = add_protection(
        family=family, kind="national", jurisdiction="EP", filed_on=timezone.localdate(),
        application_number="EP26199001.4", counsel=counsel, counsel_reference="HL-2216", by=officer,
    )  # fmt: skip
    add_protection(family=family, kind="pct", parent=filed, by=officer)
    yield 13
    offer = write_offer(
        case=case,
        title="Technical English on a robot's own processor",
        title_zh="在机器人自身处理器上运行的技术英语模型",
        field="Field service",
        field_zh="现场维修",
        text="A language model small enough for the processor that is in the robot already. It answers questions about "
        "manuals where there is no network.",
        text_zh="小到可在机器人现有处理器上运行的语言模型，可在没有网络的地方回答有关手册的问题。",
        advantages="No data centre\nWorks without a network\nTrained on licensed manuals only",
        advantages_zh="无需数据中心\n无需网络\n仅用获授权的手册训练",
        readiness=5,
        sought="Makers of hand-held devices, for a licence in one field",
        sought_zh="手持设备制造商，单一领域许可",
        more="Evaluation on three held-out manuals, and the table of part-number formats.",
        contact=officer,
        by=officer,
    )
    offer = publish_offer(offer=offer, by=officer)
    yield 6
    add_cost(
        protection=filed, kind="counsel", amount="4200.00", currency="EUR", incurred_on=timezone.localdate(),
        paid_on=timezone.localdate(), counsel=counsel, reference="HL-26-118", by=officer,
    )  # fmt: skip
    yield 4
    leave_interest(
        offer=offer, company="Kestrel Handhelds", name="Jo Marsh", email="jo.marsh@kestrel.example", country="GB",
        message="Could it run on our field units? We would like to try it.",
    )  # fmt: skip
