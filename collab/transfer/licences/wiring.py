"""What licences bring along: how their tables hang on organisations, and what they hear of agreements."""

from django.apps import apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy

from collab.access.policy import Scope, register_scope
from collab.agreements.hooks import register_ended, register_executed
from collab.agreements.particulars import register_particulars
from collab.graph.sources import register_graph_source
from collab.inbox.states import Decision
from collab.inbox.telling import tell_dates_to
from collab.inbox.topics import Topic, register_topic
from collab.transfer.disclosures.hooks import register_bond
from collab.transfer.licences.access import licence_grants, release_grants, why_closed
from collab.transfer.licences.binding import LicenceTerms, take_effect
from collab.transfer.licences.drawing import KINDS, draw_licences
from collab.transfer.licences.ending import terminated
from collab.transfer.licences.licensable import register_licensable
from collab.transfer.licences.models import (
    Breach,
    Diligence,
    Grant,
    Licence,
    LicensedAsset,
    LicensedThing,
    LicensorShare,
    MilestonePayment,
    RoyaltyTier,
    Sublicence,
)
from collab.transfer.licences.own import CaseTechnology, Protections, licences_on
from collab.transfer.licences.places import FieldOfUse, Territory, load_places
from collab.transfer.licences.services import KINDS as LICENCE_KINDS
from collab.transfer.licences.sublicensing import CONSENT, consent_decided, consent_withdrawn, facts_of_consent

register_scope(Licence, Scope(view="licence.view", organisation="licensor", grants=licence_grants("")))
for part in (Grant, LicensorShare, RoyaltyTier, MilestonePayment, Diligence, Breach, Sublicence):
    register_scope(
        part, Scope(view="licence.view", organisation="licence__licensor", grants=licence_grants("licence__"))
    )
register_scope(LicensedAsset, Scope(view="release.view", grants=release_grants, explain=why_closed))
register_scope(LicensedThing, Scope(view="licence.view", organisation="assets__licence__licensor"))
register_scope(FieldOfUse, Scope(view="organisation.view", everyone=True))
register_scope(Territory, Scope(view="organisation.view", everyone=True))

tell_dates_to(Licence, Diligence, Breach, words=("licence.view",))
register_particulars("licences", LicenceTerms(), kinds=dict.fromkeys(LICENCE_KINDS, "collab:licence_new"))
register_executed("licences", take_effect)
register_ended("licences", terminated)
register_bond("licences", licences_on)
register_licensable("collab.transfercase", CaseTechnology())
register_licensable("collab.protection", Protections())
register_topic(
    Topic(
        CONSENT,
        gettext_lazy("Consent to a sublicence"),
        decisions=(Decision.APPROVED, Decision.REJECTED),
        on_decided=consent_decided,
        on_withdrawn=consent_withdrawn,
        facts=facts_of_consent,
        effect=lambda request: gettext_lazy("The licensee may grant this sublicence, within its own licence."),
    )
)
register_graph_source("licences", draw_licences, kinds=KINDS)
post_migrate.connect(load_places, sender=apps.get_app_config("collab"), dispatch_uid="licences_load_places")
