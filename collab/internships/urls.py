"""Addresses of internships."""

from collab.access.rules import PUBLIC, SIGNED_IN, route, rule
from collab.internships.applications import ranking
from collab.internships.applications import views as applications
from collab.internships.placements import books, offices
from collab.internships.placements import views as placements
from collab.internships.programmes import views as programmes

_READ = rule("placement.view")
_SIGN = rule("placement.sign", "GET", "POST")
_MANAGE = rule("placement.manage", "GET", "POST")

urlpatterns = [
    route("internships/open/", programmes.open_postings, rule(PUBLIC), name="open_postings"),
    route("internships/open/<uuid:pk>/", programmes.open_posting, rule(PUBLIC), name="open_posting"),
    route("internships/", programmes.home, rule(SIGNED_IN), name="internships"),
]
for _pattern, _view, _access, _name in (
    ("programmes/new/", programmes.programme_new, rule("programme.manage", "GET", "POST"), "programme_new"),
    (
        "programmes/<uuid:pk>/edit/",
        programmes.programme_edit,
        rule("programme.manage", "GET", "POST"),
        "programme_edit",
    ),
    ("programmes/<uuid:pk>/cohorts/new/", programmes.cohort_new, rule("programme.manage", "GET", "POST"), "cohort_new"),
    ("cohorts/<uuid:pk>/", programmes.cohort, rule("programme.view"), "cohort"),
    ("cohorts/<uuid:pk>/edit/", programmes.cohort_edit, rule("programme.manage", "GET", "POST"), "cohort_edit"),
    ("cohorts/<uuid:pk>/move/", programmes.cohort_move, rule("programme.manage", "POST"), "cohort_move"),
    (
        "cohorts/<uuid:pk>/check-points/",
        programmes.cohort_check_point,
        rule("programme.manage", "GET", "POST"),
        "cohort_check_point",
    ),
    ("cohorts/<uuid:pk>/rank/", ranking.cohort_rank, rule("programme.rank", "GET", "POST"), "cohort_rank"),
    ("cohorts/<uuid:pk>/board/", programmes.cohort_board, rule("programme.manage"), "cohort_board"),
    ("cohorts/<uuid:pk>/board.csv", programmes.cohort_board_file, rule("programme.manage"), "cohort_board_file"),
    ("cohorts/<uuid:pk>/remind/", programmes.cohort_remind, rule("programme.manage", "POST"), "cohort_remind"),
    ("cohorts/<uuid:pk>/roster/", programmes.cohort_roster, rule("programme.manage"), "cohort_roster"),
    ("cohorts/<uuid:pk>/roster.csv", programmes.cohort_roster_file, rule("programme.manage"), "cohort_roster_file"),
    (
        "cohorts/<uuid:pk>/check-points/<uuid:point>/",
        programmes.cohort_check_point_edit,
        rule("programme.manage", "GET", "POST"),
        "cohort_check_point_edit",
    ),
    (
        "cohorts/<uuid:pk>/check-points/<uuid:point>/drop/",
        programmes.cohort_check_point_drop,
        rule("programme.manage", "POST"),
        "cohort_check_point_drop",
    ),
    ("cohorts/<uuid:pk>/pairs/", programmes.cohort_pairs, rule("programme.manage"), "cohort_pairs"),
    ("cohorts/<uuid:pk>/pairs.csv", programmes.cohort_pairs_file, rule("programme.manage"), "cohort_pairs_file"),
    (
        "cohorts/<uuid:pk>/rules/<uuid:rule>/drop/",
        programmes.cohort_drop_rule,
        rule("programme.manage", "POST"),
        "cohort_drop_rule",
    ),
    ("cohorts/<uuid:pk>/match/", programmes.cohort_match, rule("programme.manage", "POST"), "cohort_match"),
    (
        "cohorts/<uuid:pk>/certificates/",
        programmes.cohort_certificates,
        rule("programme.manage", "POST"),
        "cohort_certificates",
    ),
    ("cohorts/<uuid:pk>/report/", programmes.cohort_report, rule("programme.manage"), "cohort_report"),
    ("cohorts/<uuid:pk>/report.csv", programmes.cohort_report_file, rule("programme.manage"), "cohort_report_file"),
    ("cohorts/<uuid:pk>/postings/new/", programmes.posting_new, rule("posting.manage", "GET", "POST"), "posting_new"),
    ("postings/<uuid:pk>/", programmes.posting, rule("posting.view"), "posting"),
    ("postings/<uuid:pk>/edit/", programmes.posting_edit, rule("posting.manage", "GET", "POST"), "posting_edit"),
    (
        "postings/<uuid:pk>/resources/",
        programmes.posting_resources,
        rule("posting.manage", "GET", "POST"),
        "posting_resources",
    ),
    ("postings/<uuid:pk>/move/", programmes.posting_move, rule("posting.manage", "POST"), "posting_move"),
    ("postings/<uuid:pk>/publish/", programmes.posting_publish, rule("programme.manage", "POST"), "posting_publish"),
    ("postings/<uuid:pk>/apply/", programmes.posting_apply, rule("posting.apply", "POST"), "posting_apply"),
    ("postings/<uuid:pk>/board/", ranking.posting_board, rule("posting.manage", "GET", "POST"), "posting_board"),
    ("postings/<uuid:pk>/board.csv", ranking.posting_board_file, rule("posting.manage"), "posting_board_file"),
    ("applications/<uuid:pk>/", applications.application, rule("application.view"), "application"),
    (
        "applications/<uuid:pk>/edit/",
        applications.application_edit,
        rule("application.write", "GET", "POST"),
        "application_edit",
    ),
    (
        "applications/<uuid:pk>/documents/",
        applications.application_document,
        rule("application.write", "GET", "POST"),
        "application_document",
    ),
    (
        "applications/<uuid:pk>/documents/<uuid:document>/",
        applications.application_file,
        rule("application.view"),
        "application_file",
    ),
    (
        "applications/<uuid:pk>/documents/<uuid:document>/remove/",
        applications.application_remove,
        rule("application.write", "POST"),
        "application_remove",
    ),
    (
        "applications/<uuid:pk>/withdraw/",
        applications.application_withdraw,
        rule("application.write", "POST"),
        "application_withdraw",
    ),
    (
        "applications/<uuid:pk>/answer/",
        applications.application_answer,
        rule("application.write", "POST"),
        "application_answer",
    ),
    (
        "applications/<uuid:pk>/time/",
        applications.application_time,
        rule("application.write", "POST"),
        "application_time",
    ),
    (
        "applications/<uuid:pk>/other-times/",
        applications.application_other_times,
        rule("application.write", "GET", "POST"),
        "application_other_times",
    ),
    (
        "applications/<uuid:pk>/decide/",
        applications.application_decide,
        rule("application.decide", "GET", "POST"),
        "application_decide",
    ),
    (
        "applications/<uuid:pk>/interview/",
        applications.application_interview,
        rule("application.decide", "GET", "POST"),
        "application_interview",
    ),
    (
        "applications/<uuid:pk>/reviewers/",
        applications.application_reviewers,
        rule("application.decide", "GET", "POST"),
        "application_reviewers",
    ),
    (
        "applications/<uuid:pk>/review/",
        applications.application_review,
        rule("application.review", "GET", "POST"),
        "application_review",
    ),
    (
        "applications/<uuid:pk>/rule/",
        applications.application_rule,
        rule("programme.manage", "GET", "POST"),
        "application_rule",
    ),
    ("placements/", offices.placement_list, _READ, "placements"),
    ("placements/<uuid:pk>/", placements.placement, _READ, "placement"),
    ("placements/<uuid:pk>/frame/", placements.placement_frame, rule("placement.manage", "POST"), "placement_frame"),
    ("placements/<uuid:pk>/edit/", placements.placement_edit, rule("placement.write", "GET", "POST"), "placement_edit"),
    (
        "placements/<uuid:pk>/answer/",
        placements.placement_answer,
        rule("placement.approve", "POST"),
        "placement_answer",
    ),
    ("placements/<uuid:pk>/agreement/", placements.placement_agreement, _MANAGE, "placement_agreement"),
    ("placements/<uuid:pk>/sign/", placements.placement_sign, _SIGN, "placement_sign"),
    ("placements/<uuid:pk>/decline/", placements.placement_decline, _SIGN, "placement_decline"),
    (
        "placements/<uuid:pk>/take-back/",
        placements.placement_take_back,
        rule("placement.manage", "POST"),
        "placement_take_back",
    ),
    ("placements/<uuid:pk>/signed/", placements.placement_signed, _READ, "placement_signed"),
    (
        "placements/<uuid:pk>/onboard/",
        placements.placement_onboard,
        rule("placement.manage", "POST"),
        "placement_onboard",
    ),
    ("placements/<uuid:pk>/move/", placements.placement_move, _MANAGE, "placement_move"),
    ("placements/<uuid:pk>/change/", placements.placement_change, _MANAGE, "placement_change"),
    (
        "placements/<uuid:pk>/mentor/",
        placements.placement_mentor,
        rule("placement.approve", "GET", "POST"),
        "placement_mentor",
    ),
    ("placements/<uuid:pk>/supervisor/", placements.placement_supervisor, _MANAGE, "placement_supervisor"),
    ("placements/<uuid:pk>/check-points/<uuid:point>/", placements.placement_point, _MANAGE, "placement_point"),
    ("placements/<uuid:pk>/log/", placements.placement_log, rule("placement.intern", "GET", "POST"), "placement_log"),
    ("placements/<uuid:pk>/log/all/", books.log_book, _READ, "log_book"),
    ("placements/<uuid:pk>/log.csv", books.log_file, _READ, "log_file"),
    ("placements/<uuid:pk>/log/confirm/", books.log_confirm, rule("placement.confirm", "POST"), "log_confirm"),
    ("placements/<uuid:pk>/notes/all/", books.note_list, _READ, "placement_notes"),
    ("placements/<uuid:pk>/log/<uuid:entry>/", placements.log_answer, rule("placement.confirm", "POST"), "log_answer"),
    (
        "placements/<uuid:pk>/notes/",
        placements.placement_note,
        rule("placement.write", "GET", "POST"),
        "placement_note",
    ),
    ("placements/<uuid:pk>/notes/<uuid:note>/", placements.note_settle, _MANAGE, "note_settle"),
    (
        "placements/<uuid:pk>/evaluate/",
        placements.placement_evaluate,
        rule("placement.evaluate", "GET", "POST"),
        "placement_evaluate",
    ),
    (
        "placements/<uuid:pk>/certificate/",
        placements.placement_certificate,
        rule("placement.manage", "POST"),
        "placement_certificate",
    ),
    ("placements/<uuid:pk>/remind/", placements.placement_remind, rule("programme.manage", "POST"), "placement_remind"),
):
    urlpatterns.append(route(f"internships/{_pattern}", _view, _access, name=_name))
