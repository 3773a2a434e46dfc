"""Pages of protections, deadlines, counsel and offers, and the public pages of technologies."""

from collab.access.rules import PUBLIC, SIGNED_IN, route, rule
from collab.transfer.protection import offer_views as offers
from collab.transfer.protection import rule_views as rules
from collab.transfer.protection import views

_MANAGE = rule("protection.manage", "GET", "POST")
_POST = rule("protection.manage", "POST")

urlpatterns = [
    route("transfer/protections/", views.protections, rule(SIGNED_IN), name="protections"),
    route("transfer/deadlines/", views.deadlines, rule(SIGNED_IN), name="deadlines"),
    route("transfer/cases/<uuid:pk>/protection/", views.case_protection, rule("case.view"), name="case_protection"),
    route("transfer/cases/<uuid:pk>/families/new/", views.family_new, _MANAGE, name="family_new"),
    route("transfer/cases/<uuid:pk>/deadlines/new/", views.deadline_new, _MANAGE, name="deadline_new"),
    route("transfer/cases/<uuid:pk>/funder/new/", views.funder_new, _MANAGE, name="funder_new"),
    route(
        "transfer/cases/<uuid:pk>/offers/new/", offers.offer_new, rule("offer.manage", "GET", "POST"), name="offer_new"
    ),
    route("transfer/families/<uuid:pk>/", views.family, rule("case.view"), name="family"),
    route("transfer/families/<uuid:pk>/edit/", views.family_edit, _MANAGE, name="family_edit"),
    route("transfer/families/<uuid:pk>/members/new/", views.protection_new, _MANAGE, name="protection_new"),
    route("transfer/protections/<uuid:pk>/", views.protection, rule("case.view"), name="protection"),
    route("transfer/protections/<uuid:pk>/edit/", views.protection_edit, _MANAGE, name="protection_edit"),
    route("transfer/protections/<uuid:pk>/correct/", views.protection_correct, _MANAGE, name="protection_correct"),
    route("transfer/protections/<uuid:pk>/move/<slug:move>/", views.protection_move, _MANAGE, name="protection_move"),
    route("transfer/protections/<uuid:pk>/costs/new/", views.protection_cost_new, _MANAGE, name="protection_cost_new"),
    route("transfer/costs/<uuid:pk>/pay/", views.protection_cost_pay, _MANAGE, name="protection_cost_pay"),
    route("transfer/costs/<uuid:pk>/cancel/", views.protection_cost_cancel, _MANAGE, name="protection_cost_cancel"),
    route("transfer/deadlines/<uuid:pk>/edit/", views.deadline_edit, _MANAGE, name="deadline_edit"),
    route("transfer/deadlines/<uuid:pk>/meet/", views.deadline_meet, _MANAGE, name="deadline_meet"),
    route("transfer/deadlines/<uuid:pk>/waive/", views.deadline_waive, _MANAGE, name="deadline_waive"),
    route("transfer/deadlines/<uuid:pk>/reopen/", views.deadline_reopen, _POST, name="deadline_reopen"),
    route("transfer/funder-rules/<uuid:pk>/edit/", views.funder_edit, _MANAGE, name="funder_edit"),
    route("transfer/funder-rules/<uuid:pk>/drop/", views.funder_drop, _POST, name="funder_drop"),
    route("transfer/counsel/", views.counsel, rule(SIGNED_IN), name="counsel"),
    route("transfer/counsel/new/", views.counsel_new, rule(SIGNED_IN, "GET", "POST"), name="counsel_new"),
    route("transfer/counsel/<uuid:pk>/edit/", views.counsel_edit, _MANAGE, name="counsel_edit"),
    route("transfer/rules/", rules.rule_sets, rule(SIGNED_IN), name="rule_sets"),
    route("transfer/rules/new/", rules.rule_set_begin, rule(SIGNED_IN, "GET", "POST"), name="rule_set_begin"),
    route("transfer/rules/<uuid:pk>/", rules.rule_set, rule("organisation.view"), name="rule_set"),
    route(
        "transfer/rules/<uuid:pk>/new/",
        rules.rule_set_new,
        _MANAGE,
        name="rule_set_new",
    ),
    # offers
    route("transfer/offers/", offers.offers, rule(SIGNED_IN), name="offers"),
    route("transfer/offers/<uuid:pk>/", offers.offer, rule("case.view"), name="offer"),
    route("transfer/offers/<uuid:pk>/edit/", offers.offer_edit, rule("offer.manage", "GET", "POST"), name="offer_edit"),
    route(
        "transfer/offers/<uuid:pk>/publish/", offers.offer_publish, rule("offer.manage", "POST"), name="offer_publish"
    ),
    route(
        "transfer/offers/<uuid:pk>/withdraw/",
        offers.offer_withdraw,
        rule("offer.manage", "POST"),
        name="offer_withdraw",
    ),
    route(
        "transfer/offers/<uuid:pk>/interests/new/",
        offers.interest_new,
        rule("offer.manage", "GET", "POST"),
        name="offer_interest_new",
    ),
    route(
        "transfer/interests/<uuid:pk>/", offers.interest, rule("case.view", "GET", POST="offer.manage"), name="interest"
    ),
    route(
        "transfer/interests/<uuid:pk>/move/", offers.interest_move, rule("offer.manage", "POST"), name="interest_move"
    ),
    # for everybody
    route("technologies/", offers.technologies, rule(PUBLIC), name="technologies"),
    route("technologies/<slug:slug>/", offers.technology, rule(PUBLIC, "GET", "POST"), name="technology"),
    route("technologies/<slug:slug>/more/", offers.technology_more, rule("offer.read"), name="technology_more"),
]
