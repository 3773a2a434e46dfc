"""How protections, deadlines and offers hang on organisations. Imported once, when Django is ready."""

from django.db.models import Q
from django.utils.translation import gettext_lazy

from collab.access.policy import Scope, register_requirement, register_scope
from collab.inbox.kinds import Kind, register_kind
from collab.inbox.states import Mail
from collab.inbox.telling import tell_dates_to
from collab.transfer.disclosures.hooks import register_bond, register_turned
from collab.transfer.protection.counting import count_turned
from collab.transfer.protection.models import Counsel, Family, Protection, ProtectionCost
from collab.transfer.protection.offering import offers_of
from collab.transfer.protection.offers import Interest, Offer
from collab.transfer.protection.rules import Deadline, DeadlineRule, DeadlineRuleSet, FunderRules
from collab.transfer.protection.standing import NDA, explain, grants, published

for model, path in (
    (Counsel, ""),
    (Family, "case__"),
    (Protection, "family__case__"),
    (ProtectionCost, "protection__family__case__"),
    (FunderRules, "case__"),
    (Deadline, "case__"),
    (Interest, "offer__case__"),
):
    register_scope(model, Scope(view="case.view", organisation=f"{path}organisation"))
register_scope(
    DeadlineRuleSet, Scope(view="organisation.view", organisation="organisation", also=lambda *_: Q(organisation=None))
)
register_scope(
    DeadlineRule,
    Scope(
        view="organisation.view",
        organisation="rule_set__organisation",
        also=lambda *_: Q(rule_set__organisation=None),
    ),
)
register_scope(
    Offer,
    Scope(view="offer.view", organisation="case__organisation", also=published, grants=grants, explain=explain),
)
register_requirement(NDA)
register_bond("offers", offers_of)
register_turned("deadlines", count_turned)
tell_dates_to(Protection, Deadline, words=("case.view",))
register_kind(Kind("offer", gettext_lazy("A company is interested in what we offer"), "send", Mail.NOW))
register_kind(Kind("deadline", gettext_lazy("A deadline of a protection is near or missed"), "clock-history", Mail.NOW))
