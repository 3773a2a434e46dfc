"""Pages of ethics; collab/urls.py takes them in."""

from collab.access.rules import SIGNED_IN, route, rule
from collab.ethics import correcting_views as correcting
from collab.ethics import file_views as files
from collab.ethics import views

_APPLY = rule("ethics.apply", "POST")
_CHAIR = rule("ethics.chair", "POST")
_CASE = "ethics/cases/<uuid:pk>/"
_REVIEW = "ethics/reviews/<uuid:pk>/"

urlpatterns = [
    route("projects/<slug:slug>/ethics/", views.project_ethics, rule("ethics.view"), name="project_ethics"),
    route(
        "projects/<slug:slug>/ethics/new/",
        views.ethics_case_new,
        rule("ethics.apply", "GET", "POST"),
        name="ethics_case_new",
    ),
    route("projects/<slug:slug>/ethics/assess/", views.ethics_assessment_new, _APPLY, name="ethics_assessment_new"),
    route("ethics/", views.ethics, rule(SIGNED_IN), name="ethics"),
    # questionnaires
    route("ethics/forms/", views.ethics_forms, rule(SIGNED_IN), name="ethics_forms"),
    route("ethics/forms/new/", views.ethics_form_new, rule(SIGNED_IN, "GET", "POST"), name="ethics_form_new"),
    route("ethics/forms/<uuid:pk>/", views.ethics_form, rule("organisation.view"), name="ethics_form"),
    route(
        "ethics/forms/<uuid:pk>/new/",
        views.ethics_form_version,
        rule("ethics.manage", "GET", "POST"),
        name="ethics_form_version",
    ),
    route(
        "ethics/forms/<uuid:pk>/edit/",
        correcting.ethics_form_edit,
        rule("ethics.manage", "GET", "POST"),
        name="ethics_form_edit",
    ),
    # committees
    route(
        "ethics/committees/new/",
        views.ethics_committee_new,
        rule(SIGNED_IN, "GET", "POST"),
        name="ethics_committee_new",
    ),
    route("ethics/committees/<slug:slug>/", views.ethics_committee, rule("ethics.sit"), name="ethics_committee"),
    route(
        "ethics/committees/<slug:slug>/cases.csv",
        views.ethics_committee_file,
        rule("ethics.sit"),
        name="ethics_committee_file",
    ),
    route(
        "ethics/committees/<slug:slug>/edit/",
        views.ethics_committee_edit,
        rule("ethics.manage", "GET", "POST"),
        name="ethics_committee_edit",
    ),
    # a case: those who apply
    route(_CASE, views.ethics_case, rule("ethics.view"), name="ethics_case"),
    route(
        f"{_CASE}answers/", views.ethics_case_answers, rule("ethics.apply", "GET", "POST"), name="ethics_case_answers"
    ),
    route(f"{_CASE}carry/", views.ethics_case_carry, _APPLY, name="ethics_case_carry"),
    route(f"{_CASE}withdraw/", views.ethics_case_withdraw, _APPLY, name="ethics_case_withdraw"),
    route(f"{_CASE}follow/", views.ethics_case_follow, rule("ethics.apply", "GET", "POST"), name="ethics_case_follow"),
    route(f"{_CASE}appeal/", views.ethics_case_appeal, rule("ethics.apply", "GET", "POST"), name="ethics_case_appeal"),
    route(f"{_CASE}report/", views.ethics_case_report, rule("ethics.apply", "GET", "POST"), name="ethics_case_report"),
    route(f"{_CASE}questions/<uuid:question>/", views.ethics_case_reply, _APPLY, name="ethics_case_reply"),
    route(f"{_CASE}conditions/<int:number>/claim/", views.ethics_case_claim, _APPLY, name="ethics_case_claim"),
    # … its files
    route(
        f"{_CASE}files/new/",
        files.ethics_case_file_new,
        rule("ethics.apply", "GET", "POST"),
        name="ethics_case_file_new",
    ),
    route(f"{_CASE}files/<uuid:file>/", files.ethics_case_file, rule("ethics.view"), name="ethics_case_file"),
    route(
        f"{_CASE}files/<uuid:file>/replace/",
        files.ethics_case_file_replace,
        rule("ethics.apply", "GET", "POST"),
        name="ethics_case_file_replace",
    ),
    route(f"{_CASE}files/<uuid:file>/remove/", files.ethics_case_file_remove, _APPLY, name="ethics_case_file_remove"),
    # … the committee
    route(f"{_CASE}assign/", views.ethics_case_assign, rule("ethics.chair", "GET", "POST"), name="ethics_case_assign"),
    route(f"{_CASE}ask/", views.ethics_case_ask, rule("ethics.deliberate", "POST"), name="ethics_case_ask"),
    route(f"{_CASE}decide/", views.ethics_case_decide, rule("ethics.decide", "GET", "POST"), name="ethics_case_decide"),
    route(f"{_CASE}conditions/<int:number>/confirm/", views.ethics_case_confirm, _CHAIR, name="ethics_case_confirm"),
    route(f"{_CASE}conditions/<int:number>/refuse/", correcting.ethics_case_refuse, _CHAIR, name="ethics_case_refuse"),
    route(
        f"{_CASE}correct/",
        correcting.ethics_case_correct,
        rule("ethics.chair", "GET", "POST"),
        name="ethics_case_correct",
    ),
    route(
        f"{_CASE}hold/<slug:move>/",
        views.ethics_case_hold,
        rule("ethics.chair", "GET", "POST"),
        name="ethics_case_hold",
    ),
    route(f"{_CASE}reports/<uuid:report>/close/", views.ethics_case_close, _CHAIR, name="ethics_case_close"),
    # reviews and self-assessments
    route(_REVIEW, views.ethics_review, rule("ethics.deliberate", "GET", POST="ethics.review"), name="ethics_review"),
    route(
        f"{_REVIEW}conflict/",
        views.ethics_review_conflict,
        rule("ethics.review", "POST"),
        name="ethics_review_conflict",
    ),
    route(
        f"{_REVIEW}reopen/",
        correcting.ethics_review_reopen,
        rule("ethics.review", "POST"),
        name="ethics_review_reopen",
    ),
    route(f"{_REVIEW}settle/", views.ethics_review_settle, _CHAIR, name="ethics_review_settle"),
    route(
        "ethics/assessments/<uuid:pk>/",
        views.ethics_assessment,
        rule("ethics.view", "GET", POST="ethics.apply"),
        name="ethics_assessment",
    ),
]
