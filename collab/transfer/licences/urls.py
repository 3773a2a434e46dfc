"""Pages of options and licences."""

from collab.access.rules import SIGNED_IN, route, rule
from collab.transfer.licences import views

_AT = "transfer/licences/<uuid:pk>/"
urlpatterns = [
    route("transfer/licences/", views.licences, rule("licence.view"), name="licences"),
    route("transfer/licences/new/", views.licence_new, rule(SIGNED_IN, "GET", "POST"), name="licence_new"),
    route(_AT, views.licence, rule("licence.view"), name="licence"),
    route(f"{_AT}terms/", views.licence_terms, rule("agreement.draft", "GET", "POST"), name="licence_terms"),
    route(f"{_AT}obstacles/", views.licence_obstacles, rule("licence.draft", "POST"), name="licence_obstacles"),
    route(f"{_AT}case/", views.licence_case, rule("licence.draft", "GET", "POST"), name="licence_case"),
    route(f"{_AT}breach/", views.licence_breach, rule("licence.end", "GET", "POST"), name="licence_breach"),
    route(
        f"{_AT}sublicences/new/",
        views.sublicence_new,
        rule("sublicence.register", "GET", "POST"),
        name="sublicence_new",
    ),
    route(
        "transfer/sublicences/<uuid:pk>/end/",
        views.sublicence_end,
        rule("sublicence.register", "POST"),
        name="sublicence_end",
    ),
    route(f"{_AT}cure/", views.licence_cure, rule("licence.end", "POST"), name="licence_cure"),
    route(f"{_AT}end/", views.licence_end, rule("licence.end", "GET", "POST"), name="licence_end"),
    route(f"{_AT}convert/", views.licence_convert, rule("licence.end", "GET", "POST"), name="licence_convert"),
    route(f"{_AT}exercise/", views.licence_exercise, rule("licence.exercise", "POST"), name="licence_exercise"),
    route(
        f"{_AT}diligence/<uuid:diligence>/",
        views.licence_diligence,
        rule("licence.end", "GET", "POST"),
        name="licence_diligence",
    ),
]
