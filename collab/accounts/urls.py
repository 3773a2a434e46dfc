"""Pages of organisations, the people in them, invitations and reviews."""

from collab.access.rules import PUBLIC, SIGNED_IN, STAFF, route, rule
from collab.accounts import organisation_views as organisations
from collab.accounts import views as accounts

_MANAGE = rule("organisation.manage", "GET", "POST")
_ACT = rule("organisation.manage", "POST")
_HERE = "organisations/<slug:slug>/"

urlpatterns = [
    route("organisations/", organisations.organisation_list, rule(SIGNED_IN), name="organisations"),
    route(
        "organisations/new/", organisations.organisation_new, rule(SIGNED_IN, "GET", "POST"), name="organisation_new"
    ),
    route(_HERE, organisations.organisation_page, rule("organisation.view"), name="organisation"),
    route(f"{_HERE}edit/", organisations.organisation_edit, _MANAGE, name="organisation_edit"),
    route(f"{_HERE}people/", organisations.organisation_people, _MANAGE, name="organisation_people"),
    route(f"{_HERE}people/<uuid:pk>/", organisations.role_edit, _MANAGE, name="role_edit"),
    route(f"{_HERE}people/<uuid:pk>/end/", organisations.role_end, _ACT, name="role_end"),
    route(f"{_HERE}units/", organisations.organisation_units, _MANAGE, name="organisation_units"),
    route(f"{_HERE}units/<uuid:pk>/", organisations.unit_edit, _MANAGE, name="unit_edit"),
    route(f"{_HERE}units/<uuid:pk>/remove/", organisations.unit_remove, _ACT, name="unit_remove"),
    route(f"{_HERE}invitations/", organisations.organisation_invitations, _MANAGE, name="organisation_invitations"),
    route(f"{_HERE}invitations/<uuid:pk>/resend/", organisations.invitation_resend, _ACT, name="invitation_resend"),
    route(f"{_HERE}invitations/<uuid:pk>/revoke/", organisations.invitation_revoke, _ACT, name="invitation_revoke"),
    route(f"{_HERE}reviews/", organisations.organisation_reviews, _MANAGE, name="organisation_reviews"),
    route(
        f"{_HERE}leave/",
        organisations.organisation_leave,
        rule("organisation.view", "GET", "POST"),
        name="organisation_leave",
    ),
    # reviews of members, also those of a project
    route(
        "projects/<slug:slug>/membership-reviews/",
        organisations.project_membership_reviews,
        rule("member.manage", "GET", "POST"),
        name="project_membership_reviews",
    ),
    route(
        "projects/<slug:slug>/leave/",
        organisations.project_leave,
        rule("project.view", "GET", "POST"),
        name="project_leave",
    ),
    route("membership-reviews/<uuid:pk>/", organisations.review_page, rule("member.view"), name="membership_review"),
    route(
        "membership-reviews/<uuid:pk>/items/<uuid:item>/",
        organisations.review_decide,
        rule("member.view", "POST"),
        name="membership_review_decide",
    ),
    route(
        "membership-reviews/<uuid:pk>/finish/",
        organisations.review_finish,
        rule("member.view", "POST"),
        name="membership_review_finish",
    ),
    # the link of an invitation
    route("invitations/<str:secret>/", accounts.invitation, rule(PUBLIC), name="invitation"),
    route(
        "invitations/<str:secret>/accept/",
        accounts.invitation_accept,
        rule(SIGNED_IN, "POST"),
        name="invitation_accept",
    ),
    route(
        "invitations/<str:secret>/decline/",
        accounts.invitation_decline,
        rule(PUBLIC, "POST"),
        name="invitation_decline",
    ),
    # people
    route("people/<uuid:pk>/", accounts.person_page, rule("person.view"), name="person"),
    route("people/<uuid:pk>/close/", accounts.person_close, rule(STAFF, "POST"), name="person_close"),
    route("people/<uuid:pk>/open/", accounts.person_open, rule(STAFF, "POST"), name="person_open"),
    route(
        "account/sign-out-everywhere/",
        accounts.sign_out_everywhere_view,
        rule(SIGNED_IN, "POST"),
        name="sign_out_everywhere",
    ),
]
