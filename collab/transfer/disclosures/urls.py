"""Addresses of disclosures, cases and assessments, below /transfer/."""

from collab.access.rules import SIGNED_IN, route, rule
from collab.transfer.disclosures import note_views, views, views_office

CASE = "transfer/cases/<uuid:pk>/"
urlpatterns = [
    route("transfer/", views_office.board, rule(SIGNED_IN), name="transfer"),
    route("transfer/cases/", views_office.case_list, rule(SIGNED_IN), name="transfer_cases"),
    route("transfer/cases.csv", views_office.case_file, rule("case.view"), name="transfer_cases_file"),
    route("transfer/stages/", views_office.stages, rule("transfer.report"), name="transfer_stages"),
    route("transfer/mine/", views.mine, rule(SIGNED_IN), name="transfer_mine"),
    route("transfer/disclose/", views.disclosure_new, rule(SIGNED_IN, "GET", "POST"), name="disclosure_new"),
    route(CASE, views.case_page, rule("disclosure.view"), name="transfer_case"),
    # the inventors
    route(f"{CASE}edit/", views.edit, rule("disclosure.edit", "GET", "POST"), name="disclosure_edit"),
    route(f"{CASE}inventors/", views.inventors, rule("disclosure.edit", "GET", "POST"), name="disclosure_inventors"),
    route(f"{CASE}funding/", views.funding, rule("disclosure.edit", "GET", "POST"), name="disclosure_funding"),
    route(f"{CASE}funding/find/", views.find, rule("disclosure.edit", "POST"), name="disclosure_find"),
    route(f"{CASE}prior-art/", views.prior_art, rule("disclosure.edit", "GET", "POST"), name="disclosure_prior_art"),
    route(f"{CASE}results/", views.results, rule("disclosure.edit", "GET", "POST"), name="disclosure_results"),
    route(f"{CASE}sign/", views.sign, rule("disclosure.sign", "GET", "POST"), name="disclosure_sign"),
    route(f"{CASE}step-back/", views.back_out, rule("disclosure.sign", "GET", "POST"), name="disclosure_step_back"),
    route(f"{CASE}submit/", views.hand_in, rule("disclosure.edit", "POST"), name="disclosure_submit"),
    route(f"{CASE}withdraw/", views.withdraw, rule("disclosure.edit", "GET", "POST"), name="disclosure_withdraw"),
    # the office
    route(f"{CASE}paper/", views_office.paper, rule("case.manage", "GET", "POST"), name="disclosure_paper"),
    route(f"{CASE}take-up/", views_office.take, rule("case.manage", "GET", "POST"), name="case_take_up"),
    route(f"{CASE}assign/", views_office.assign, rule("case.manage", "GET", "POST"), name="case_assign"),
    route(f"{CASE}return/", views_office.give_back, rule("case.manage", "GET", "POST"), name="case_return"),
    route(f"{CASE}pass/", views_office.complete, rule("case.manage", "POST"), name="case_pass"),
    route(f"{CASE}assessors/", views_office.assessor, rule("case.manage", "GET", "POST"), name="case_assessor"),
    route(f"{CASE}propose/", views_office.propose, rule("case.manage", "GET", "POST"), name="case_propose"),
    route(f"{CASE}take-back/", views_office.take_back, rule("case.manage", "POST"), name="case_take_back"),
    route(f"{CASE}decide/", views_office.decide, rule("case.decide", "GET", "POST"), name="case_decide"),
    route(f"{CASE}resume/", views_office.resume, rule("case.manage", "POST"), name="case_resume"),
    route(f"{CASE}reconsider/", views_office.reconsider, rule("case.manage", "GET", "POST"), name="case_reconsider"),
    route(f"{CASE}reopen/", views_office.reopen, rule("case.manage", "GET", "POST"), name="case_reopen"),
    route(f"{CASE}move/", views_office.move, rule("case.manage", "GET", "POST"), name="case_move"),
    route(f"{CASE}notes/", note_views.case_notes, rule("case.view"), name="case_notes"),
    route(f"{CASE}notes/new/", note_views.case_note_new, rule("case.manage", "GET", "POST"), name="case_note_new"),
    route(f"{CASE}notes/<uuid:note>/file/", note_views.case_note_file, rule("case.view"), name="case_note_file"),
    route(
        f"{CASE}notes/<uuid:note>/withdraw/",
        note_views.case_note_withdraw,
        rule("case.manage", "GET", "POST"),
        name="case_note_withdraw",
    ),
    route(
        "transfer/assessments/<uuid:pk>/",
        views_office.assessment,
        rule("assessment.view"),
        name="transfer_assessment",
    ),
    route(
        "transfer/assessments/<uuid:pk>/write/",
        views_office.assessment_write,
        rule("assessment.give", "POST"),
        name="assessment_write",
    ),
    route(
        "transfer/assessments/<uuid:pk>/conflict/",
        views_office.assessment_declare,
        rule("assessment.give", "POST"),
        name="assessment_declare",
    ),
    route(
        "transfer/assessments/<uuid:pk>/step-back/",
        views_office.assessment_step_back,
        rule("assessment.give", "POST"),
        name="assessment_step_back",
    ),
    route(
        "transfer/assessments/<uuid:pk>/dismiss/",
        views_office.assessment_dismiss,
        rule("case.manage", "POST"),
        name="assessment_dismiss",
    ),
    route(
        "transfer/assessments/<uuid:pk>/waive/",
        views_office.assessment_waive,
        rule("case.manage", "GET", "POST"),
        name="assessment_waive",
    ),
    route("transfer/criteria/<slug:slug>/", views_office.criteria, rule("case.manage", "GET", "POST"), name="criteria"),
    route(
        "transfer/criteria/<slug:slug>/<uuid:pk>/",
        views_office.criterion,
        rule("case.manage", "POST"),
        name="criterion",
    ),
]
