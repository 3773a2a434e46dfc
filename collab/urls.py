"""Pages of the people side."""

from collab.access.rules import SIGNED_IN, route, rule
from collab.accounts import views as accounts
from collab.agreements import views as agreements
from collab.projects import views as projects
from collab.terms import views as terms
from collab.web import views as web

app_name = "collab"
urlpatterns = [
    route("", web.dashboard, rule(SIGNED_IN), name="dashboard"),
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
        rule("agreement.end", "POST"),
        name="version_terminate",
    ),
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
    # one's own account
    route("account/", accounts.profile, rule(SIGNED_IN, "GET", "POST"), name="profile"),
    route("account/tokens/", accounts.tokens, rule(SIGNED_IN, "GET", "POST"), name="tokens"),
    route("account/tokens/<uuid:pk>/revoke/", accounts.token_revoke, rule("token.manage", "POST"), name="token_revoke"),
]
