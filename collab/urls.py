"""Pages of the people side."""

from collab.access.rules import PUBLIC, SIGNED_IN, route, rule
from collab.accounts import views as accounts
from collab.accounts.urls import urlpatterns as of_organisations
from collab.agreements import views as agreements
from collab.agreements import views_library as library
from collab.audit import views as audit
from collab.casefile import views as casefile
from collab.courses.urls import urlpatterns as of_courses
from collab.ethics.urls import urlpatterns as of_ethics
from collab.graph import views as graph
from collab.inbox import views as inbox
from collab.internships import urls as internships
from collab.projects import budget_views as budget
from collab.projects import review_views as review
from collab.projects import views as projects
from collab.projects import work_views as work
from collab.publications import views as publications
from collab.terms import views as terms
from collab.transfer.urls import urlpatterns as of_transfer
from collab.web import views as web

app_name = "collab"
urlpatterns = [
    route("", web.dashboard, rule(SIGNED_IN), name="dashboard"),
    *of_organisations,
    *of_courses,
    *of_transfer,
    *of_ethics,
    # projects
    route("projects/", projects.project_list, rule(SIGNED_IN), name="projects"),
    route("projects/new/", projects.project_new, rule(SIGNED_IN, "GET", "POST"), name="project_new"),
    route("projects/<slug:slug>/", projects.project_page, rule("project.view"), name="project"),
    route(
        "projects/<slug:slug>/edit/", projects.project_edit, rule("project.edit", "GET", "POST"), name="project_edit"
    ),
    route("projects/<slug:slug>/move/", projects.project_move, rule("project.edit", "POST"), name="project_move"),
    route(
        "projects/<slug:slug>/parties/",
        projects.project_parties,
        rule("project.edit", "GET", "POST"),
        name="project_parties",
    ),
    route(
        "projects/<slug:slug>/members/",
        projects.project_members,
        rule("member.manage", "GET", "POST"),
        name="project_members",
    ),
    route(
        "projects/<slug:slug>/members/<uuid:pk>/end/",
        projects.member_end,
        rule("project.view", "POST"),
        name="member_end",
    ),
    route("projects/<slug:slug>/history/", projects.project_history, rule("audit.view"), name="project_history"),
    route("projects/<slug:slug>/history/case.zip", casefile.project_case, rule("audit.view"), name="project_case"),
    # … their review
    route("projects/<slug:slug>/review/", review.project_review, rule("review.view"), name="project_review"),
    route(
        "projects/<slug:slug>/review/new/",
        review.review_step_new,
        rule("review.manage", "GET", "POST"),
        name="review_step_new",
    ),
    route(
        "projects/<slug:slug>/approvals/<uuid:pk>/",
        review.approval_answer,
        rule("project.approve", "POST"),
        name="approval_answer",
    ),
    route("review-steps/<uuid:pk>/", review.review_step, rule("review.view"), name="review_step"),
    route(
        "review-steps/<uuid:pk>/edit/",
        review.review_step_edit,
        rule("review.manage", "GET", "POST"),
        name="review_step_edit",
    ),
    route(
        "review-steps/<uuid:pk>/decide/",
        review.review_step_decide,
        rule("review.chair", "POST"),
        name="review_step_decide",
    ),
    route(
        "review-steps/<uuid:pk>/conflicts/<uuid:conflict>/",
        review.review_conflict_decide,
        rule("review.chair", "POST"),
        name="review_conflict_decide",
    ),
    route("reviews/", review.reviews, rule(SIGNED_IN), name="reviews"),
    route("reviews/<uuid:pk>/", review.review, rule("review.view", "GET", POST="review.give"), name="review"),
    route("reviews/<uuid:pk>/conflict/", review.review_conflict, rule("review.give", "POST"), name="review_conflict"),
    route("questionnaires/", review.questionnaires, rule(SIGNED_IN), name="questionnaires"),
    route("questionnaires/new/", review.questionnaire_new, rule(SIGNED_IN, "GET", "POST"), name="questionnaire_new"),
    route("questionnaires/<uuid:pk>/", review.questionnaire, rule("organisation.view"), name="questionnaire"),
    route(
        "questionnaires/<uuid:pk>/new/",
        review.questionnaire_version_new,
        rule("review.manage", "GET", "POST"),
        name="questionnaire_version_new",
    ),
    # … their work
    route("projects/<slug:slug>/work/", work.work, rule("project.view"), name="work"),
    route("projects/<slug:slug>/work/new/", work.work_new, rule("project.edit", "GET", "POST"), name="work_new"),
    route("projects/<slug:slug>/work/<uuid:pk>/", work.work_item, rule("project.view"), name="work_item"),
    route(
        "projects/<slug:slug>/work/<uuid:pk>/edit/",
        work.work_edit,
        rule("project.edit", "GET", "POST"),
        name="work_edit",
    ),
    route("projects/<slug:slug>/work/<uuid:pk>/move/", work.work_move, rule("work.deliver", "POST"), name="work_move"),
    route(
        "projects/<slug:slug>/reports/",
        work.reports,
        rule("project.view", "GET", POST="project.edit"),
        name="reports",
    ),
    route(
        "projects/<slug:slug>/reports/<uuid:pk>/",
        work.report,
        rule("project.view", "GET", POST="work.deliver"),
        name="report",
    ),
    route(
        "projects/<slug:slug>/reports/<uuid:pk>/move/",
        work.report_move,
        rule("work.deliver", "POST"),
        name="report_move",
    ),
    route("projects/<slug:slug>/outputs/", work.outputs, rule("project.view"), name="outputs"),
    route("projects/<slug:slug>/outputs/new/", work.output_new, rule("output.edit", "GET", "POST"), name="output_new"),
    route("projects/<slug:slug>/outputs/<uuid:pk>/", work.output, rule("project.view"), name="output"),
    route(
        "projects/<slug:slug>/outputs/<uuid:pk>/edit/",
        work.output_edit,
        rule("output.edit", "GET", "POST"),
        name="output_edit",
    ),
    route("projects/<slug:slug>/closure/", work.closure, rule("project.view", "GET", "POST"), name="closure"),
    route(
        "projects/<slug:slug>/parties/<uuid:pk>/",
        work.party,
        rule("project.view", "GET", POST="project.edit"),
        name="party",
    ),
    route(
        "projects/<slug:slug>/parties/<uuid:pk>/contribute/",
        work.contribution_new,
        rule("project.edit", "GET", "POST"),
        name="contribution_new",
    ),
    route(
        "projects/<slug:slug>/parties/<uuid:pk>/remove/",
        work.party_remove,
        rule("project.edit", "POST"),
        name="party_remove",
    ),
    route(
        "projects/<slug:slug>/parties/<uuid:pk>/leave/",
        work.party_leave,
        rule("project.edit", "POST"),
        name="party_leave",
    ),
    # … their money
    route("projects/<slug:slug>/budget/", budget.budget, rule("budget.view", "GET", POST="budget.edit"), name="budget"),
    route("projects/<slug:slug>/budget/burn/", budget.budget_burn, rule("budget.view"), name="budget_burn"),
    route("projects/<slug:slug>/budget.csv", budget.budget_csv, rule("budget.view"), name="budget_csv"),
    route(
        "projects/<slug:slug>/budget/lines/new/",
        budget.budget_line_new,
        rule("budget.edit", "GET", "POST"),
        name="budget_line_new",
    ),
    route(
        "projects/<slug:slug>/budget/lines/<uuid:pk>/book/",
        budget.cost_new,
        rule("budget.edit", "GET", "POST"),
        name="cost_new",
    ),
    route(
        "projects/<slug:slug>/budget/settings/",
        budget.budget_settings,
        rule("budget.edit", "GET", "POST"),
        name="budget_settings",
    ),
    route(
        "projects/<slug:slug>/budget/price/",
        budget.training_rate_new,
        rule("budget.edit", "GET", "POST"),
        name="training_rate_new",
    ),
    # who works with whom
    route("graph/", graph.graph, rule("project.view"), name="graph"),
    route("graph/nodes.csv", graph.graph_nodes_file, rule("project.view"), name="graph_nodes_file"),
    route("graph/links.csv", graph.graph_links_file, rule("project.view"), name="graph_links_file"),
    route("graph/graph.json", graph.graph_file, rule("project.view"), name="graph_file"),
    # agreements
    route(
        "projects/<slug:slug>/agreements/",
        agreements.project_agreements,
        rule("agreement.view"),
        name="project_agreements",
    ),
    route(
        "projects/<slug:slug>/agreements/new/",
        agreements.agreement_new,
        rule("agreement.draft", "GET", "POST"),
        name="agreement_new",
    ),
    route("agreements/", agreements.agreement_list, rule(SIGNED_IN), name="agreements"),
    route("agreements/templates/", library.template_list, rule(SIGNED_IN), name="templates"),
    route("agreements/templates/new/", library.template_new, rule(SIGNED_IN, "GET", "POST"), name="template_new"),
    route(
        "agreements/templates/<slug:code>/file/",
        library.template_file,
        rule("organisation.view"),
        name="template_file",
    ),
    route(
        "agreements/templates/<slug:code>/retire/",
        library.template_retire,
        rule("organisation.manage", "POST"),
        name="template_retire",
    ),
    route("agreements/templates/<slug:code>/", library.template_page, rule("organisation.view"), name="template"),
    route("agreements/approval-steps/", library.approval_steps, rule(SIGNED_IN, "GET", "POST"), name="approval_steps"),
    route(
        "agreements/approval-steps/<uuid:pk>/edit/",
        library.approval_step_edit,
        rule("organisation.manage", "GET", "POST"),
        name="approval_step_edit",
    ),
    route(
        "agreements/approval-steps/<uuid:pk>/retire/",
        library.approval_step_retire,
        rule("organisation.manage", "POST"),
        name="approval_step_retire",
    ),
    route(
        "projects/<slug:slug>/background/",
        library.background,
        rule("agreement.view", "GET", POST="background.declare"),
        name="background",
    ),
    route(
        "background/<uuid:pk>/edit/",
        library.background_edit,
        rule("background.declare", "GET", "POST"),
        name="background_edit",
    ),
    route(
        "background/<uuid:pk>/withdraw/",
        library.background_withdraw,
        rule("background.declare", "POST"),
        name="background_withdraw",
    ),
    route(
        "agreements/<uuid:pk>/template/",
        agreements.version_template,
        rule("agreement.draft", "GET", "POST"),
        name="version_template",
    ),
    route("agreements/<uuid:pk>/diff/", agreements.version_diff, rule("agreement.view"), name="version_diff"),
    route(
        "agreements/<uuid:pk>/v<int:number>/edit/",
        agreements.version_edit,
        rule("agreement.draft", "GET", "POST"),
        name="version_edit",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/counter/",
        agreements.version_counter,
        rule("agreement.draft", "GET", "POST"),
        name="version_counter",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/ip/",
        agreements.version_ip,
        rule("agreement.draft", "GET", "POST"),
        name="version_ip",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/comment/",
        agreements.version_comment,
        rule("agreement.comment", "POST"),
        name="version_comment",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/negotiate/",
        agreements.version_negotiate,
        rule("agreement.draft", "POST"),
        name="version_negotiate",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/submit/",
        agreements.version_submit,
        rule("agreement.draft", "POST"),
        name="version_submit",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/decline/",
        agreements.version_decline,
        rule("agreement.sign", "GET", "POST"),
        name="version_decline",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/suspend/",
        agreements.version_suspend,
        rule("agreement.end", "GET", "POST"),
        name="version_suspend",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/resume/",
        agreements.version_resume,
        rule("agreement.end", "POST"),
        name="version_resume",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/stop-renewal/",
        agreements.version_stop_renewal,
        rule("agreement.end", "POST"),
        name="version_stop_renewal",
    ),
    route(
        "agreements/<uuid:pk>/edit/",
        agreements.agreement_edit,
        rule("agreement.draft", "GET", "POST"),
        name="agreement_edit",
    ),
    route("agreements/<uuid:pk>/", agreements.agreement_page, rule("agreement.view"), name="agreement"),
    route(
        "agreements/<uuid:pk>/draft/",
        agreements.version_new,
        rule("agreement.draft", "GET", "POST"),
        name="version_new",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/send/",
        agreements.version_send,
        rule("agreement.draft", "POST"),
        name="version_send",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/sign/",
        agreements.version_sign,
        rule("agreement.sign", "GET", "POST"),
        name="version_sign",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/withdraw/",
        agreements.version_withdraw,
        rule("agreement.draft", "POST"),
        name="version_withdraw",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/terminate/",
        agreements.version_terminate,
        rule("agreement.end", "GET", "POST"),
        name="version_terminate",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/sealed/",
        agreements.version_sealed,
        rule("agreement.view"),
        name="version_sealed",
    ),
    route(
        "agreements/<uuid:pk>/v<int:number>/sealed.pdf",
        agreements.version_sealed_file,
        rule("agreement.view"),
        name="version_sealed_file",
    ),
    # publications
    route(
        "projects/<slug:slug>/publications/",
        publications.publications,
        rule("publication.view"),
        name="publications",
    ),
    route(
        "projects/<slug:slug>/publications/new/",
        publications.publication_new,
        rule("publication.give", "GET", "POST"),
        name="publication_new",
    ),
    route("publications/<uuid:pk>/", publications.publication, rule("publication.view"), name="publication"),
    route(
        "publications/<uuid:pk>/edit/",
        publications.publication_edit,
        rule("publication.give", "GET", "POST"),
        name="publication_edit",
    ),
    route(
        "publications/<uuid:pk>/object/",
        publications.publication_object,
        rule("publication.object", "GET", "POST"),
        name="publication_object",
    ),
    route(
        "publications/<uuid:pk>/agree/",
        publications.publication_agree,
        rule("publication.object", "POST"),
        name="publication_agree",
    ),
    route(
        "publications/<uuid:pk>/revise/",
        publications.publication_revise,
        rule("publication.give", "GET", "POST"),
        name="publication_revise",
    ),
    route(
        "publications/<uuid:pk>/objections/<uuid:objection>/wait/",
        publications.publication_wait,
        rule("publication.give", "GET", "POST"),
        name="publication_wait",
    ),
    route(
        "publications/<uuid:pk>/objections/<uuid:objection>/lift/",
        publications.publication_lift,
        rule("publication.object", "GET", "POST"),
        name="publication_lift",
    ),
    route(
        "publications/<uuid:pk>/publish/",
        publications.publication_publish,
        rule("publication.give", "GET", "POST"),
        name="publication_publish",
    ),
    route(
        "publications/<uuid:pk>/withdraw/",
        publications.publication_withdraw,
        rule("publication.give", "POST"),
        name="publication_withdraw",
    ),
    route(
        "publications/<uuid:pk>/manuscripts/<int:number>/",
        publications.publication_manuscript,
        rule("publication.view"),
        name="publication_manuscript",
    ),
    # evidence: what happened, and what anybody may check
    route("verify/", agreements.verify, rule(PUBLIC, "GET", "POST"), name="verify"),
    route("verify.json", agreements.verify_json, rule(PUBLIC), name="verify_json"),
    route("history/", audit.history, rule("audit.view"), name="history"),
    route("history.csv", audit.history_csv, rule("audit.view"), name="history_csv"),
    route("audit/anchors/", audit.anchors, rule(PUBLIC), name="audit_anchors"),
    route("audit/anchors.json", audit.anchors_json, rule(PUBLIC), name="audit_anchors_json"),
    # terms
    route("projects/<slug:slug>/rights/", terms.project_rights, rule("project.view"), name="project_rights"),
    route(
        "projects/<slug:slug>/rights/table.csv",
        terms.project_rights_file,
        rule("project.view"),
        name="project_rights_file",
    ),
    route(
        "projects/<slug:slug>/rights/<uuid:pk>/<str:word>/",
        terms.project_right,
        rule("project.view"),
        name="project_right",
    ),
    route("people/<uuid:pk>/access/", terms.person_access, rule(SIGNED_IN), name="person_access"),
    route("people/<uuid:pk>/access/table.csv", terms.person_access_file, rule(SIGNED_IN), name="person_access_file"),
    route("terms/", terms.terms_list, rule(SIGNED_IN), name="terms"),
    route(
        "agreements/<uuid:pk>/v<int:number>/accept/",
        terms.terms_accept,
        rule("terms.accept", "GET", "POST"),
        name="terms_accept",
    ),
    # inbox
    route("inbox/", inbox.inbox, rule(SIGNED_IN), name="inbox"),
    route("inbox/waiting/", inbox.waiting_panel, rule(SIGNED_IN), name="waiting"),
    route("inbox/new/", inbox.request_new, rule(SIGNED_IN, "GET", "POST"), name="request_new"),
    route("inbox/<uuid:pk>/", inbox.request_page, rule("request.view"), name="request"),
    route("inbox/<uuid:pk>/decide/", inbox.request_decide, rule("request.answer", "POST"), name="request_decide"),
    route(
        "inbox/<uuid:pk>/withdraw/", inbox.request_withdraw, rule("request.withdraw", "POST"), name="request_withdraw"
    ),
    route("inbox/<uuid:pk>/comment/", inbox.request_comment, rule("request.comment", "POST"), name="request_comment"),
    route("inbox/<uuid:pk>/advise/", inbox.request_advise, rule("request.advise", "POST"), name="request_advise"),
    route("inbox/<uuid:pk>/reviewer/", inbox.request_reviewer, rule("request.direct", "POST"), name="request_reviewer"),
    route(
        "inbox/<uuid:pk>/hand-over/", inbox.request_hand_over, rule("request.direct", "POST"), name="request_hand_over"
    ),
    route(
        "inbox/<uuid:pk>/conditions/<int:number>/",
        inbox.condition_meet,
        rule("request.meet", "POST"),
        name="condition_meet",
    ),
    route("notifications/", inbox.notification_list, rule("notification.view"), name="notifications"),
    route(
        "notifications/read/", inbox.notifications_read, rule("notification.manage", "POST"), name="notifications_read"
    ),
    route("notifications/<uuid:pk>/", inbox.notification_open, rule("notification.view"), name="notification"),
    route("calendar/", inbox.calendar, rule(SIGNED_IN), name="calendar"),
    route("calendar/dates/", inbox.date_new, rule(SIGNED_IN, "POST"), name="date_new"),
    route(
        "calendar/dates/<uuid:pk>/edit/",
        inbox.date_edit,
        rule("obligation.manage", "GET", "POST"),
        name="date_edit",
    ),
    route("calendar/dates/<uuid:pk>/settle/", inbox.date_settle, rule("obligation.manage", "POST"), name="date_settle"),
    route("calendar/link/", inbox.calendar_link, rule("calendar.manage", "POST"), name="calendar_link"),
    route("calendar/link/revoke/", inbox.calendar_revoke, rule("calendar.manage", "POST"), name="calendar_revoke"),
    route("calendar/feed/<str:secret>.ics", inbox.calendar_feed, rule(PUBLIC), name="calendar_feed"),
    # one's own account
    route("account/absences/", inbox.absences, rule(SIGNED_IN, "GET", "POST"), name="absences"),
    route("account/absences/<uuid:pk>/end/", inbox.absence_end, rule("delegation.manage", "POST"), name="absence_end"),
    route(
        "account/notifications/",
        inbox.notification_settings,
        rule(SIGNED_IN, "GET", "POST"),
        name="notification_settings",
    ),
    route("account/", accounts.profile, rule(SIGNED_IN, "GET", "POST"), name="profile"),
    route("account/tokens/", accounts.tokens, rule(SIGNED_IN, "GET", "POST"), name="tokens"),
    route("account/tokens/<uuid:pk>/revoke/", accounts.token_revoke, rule("token.manage", "POST"), name="token_revoke"),
    *internships.urlpatterns,
]
