"""Pages of courses, certificates and the library."""

from collab.access.rules import PUBLIC, SIGNED_IN, route, rule
from collab.courses import learning_views as learning
from collab.courses import preview_views as preview
from collab.courses import project_views as project
from collab.courses import reviewing_views as reviewing
from collab.courses import views as courses
from collab.courses.certificates import views as certificates
from collab.courses.certificates import views_public as public
from collab.courses.library import views as library

_EDIT = rule("course.edit", "GET", "POST")
_POST = rule("course.edit", "POST")

urlpatterns = [
    # courses, for those who make them
    route("courses/", courses.course_list, rule(SIGNED_IN), name="courses"),
    route("courses/new/", courses.course_new, rule(SIGNED_IN, "GET", "POST"), name="course_new"),
    route("courses/<slug:slug>/", courses.course, rule("course.view"), name="course"),
    route("courses/<slug:slug>/edit/", courses.course_edit, _EDIT, name="course_edit"),
    route("courses/<slug:slug>/draft/", courses.course_draft, _EDIT, name="course_draft"),
    route("courses/<slug:slug>/terms/", courses.course_terms, _EDIT, name="course_terms"),
    route("courses/<slug:slug>/modules/new/", courses.module_new, _EDIT, name="module_new"),
    route("courses/<slug:slug>/modules/<uuid:pk>/", courses.module_edit, _EDIT, name="module_edit"),
    route(
        "courses/<slug:slug>/modules/<uuid:pk>/preview/",
        preview.module_preview,
        rule("course.edit"),
        name="module_preview",
    ),
    route("courses/<slug:slug>/modules/<uuid:pk>/file/", preview.module_file, rule("course.edit"), name="module_file"),
    route(
        "courses/<slug:slug>/versions/<int:number>/", preview.course_version, rule("course.edit"), name="course_version"
    ),
    route("courses/<slug:slug>/modules/<uuid:pk>/remove/", courses.module_remove, _POST, name="module_remove"),
    route("courses/<slug:slug>/questions/new/", courses.question_new, _EDIT, name="question_new"),
    route("courses/<slug:slug>/questions/<uuid:pk>/", courses.question_edit, _EDIT, name="question_edit"),
    route("courses/<slug:slug>/questions/<uuid:pk>/remove/", courses.question_remove, _POST, name="question_remove"),
    route("courses/<slug:slug>/publish/", courses.course_publish, _POST, name="course_publish"),
    route("courses/<slug:slug>/retire/", courses.course_retire, _POST, name="course_retire"),
    route("courses/<slug:slug>/people/", courses.course_people, rule("enrolment.view"), name="course_people"),
    route(
        "courses/<slug:slug>/people.csv", courses.course_people_file, rule("enrolment.view"), name="course_people_file"
    ),
    route("courses/<slug:slug>/enrol/", learning.course_enrol, rule("course.take", "POST"), name="course_enrol"),
    # … and for those who take them
    route("learning/", learning.learning, rule(SIGNED_IN), name="learning"),
    route("learning/<uuid:pk>/", learning.enrolment, rule("enrolment.view"), name="enrolment"),
    route("learning/<uuid:pk>/leave/", learning.enrolment_leave, rule("course.take", "POST"), name="enrolment_leave"),
    route("learning/<uuid:pk>/move/", learning.enrolment_move, rule("course.take", "POST"), name="enrolment_move"),
    route("learning/<uuid:pk>/grant/", learning.enrolment_grant, _POST, name="enrolment_grant"),
    route(
        "learning/<uuid:pk>/modules/<uuid:module>/",
        learning.learn_module,
        rule("course.take", "GET", "POST"),
        name="learn_module",
    ),
    route(
        "learning/<uuid:pk>/modules/<uuid:module>/file/", learning.learn_file, rule("course.take"), name="learn_file"
    ),
    route("learning/<uuid:pk>/quiz/", learning.quiz_begin, rule("course.take", "POST"), name="quiz_begin"),
    route("learning/<uuid:pk>/attempts/<int:number>/", learning.quiz, rule("course.take", "GET", "POST"), name="quiz"),
    route("trainings/", reviewing.trainings, rule(SIGNED_IN), name="trainings"),
    route("trainings/new/", learning.training_new, rule(SIGNED_IN, "GET", "POST"), name="training_new"),
    route("trainings/<uuid:pk>/", learning.training_record, rule("training.view"), name="training_record"),
    route(
        "trainings/<uuid:pk>/again/",
        learning.training_again,
        rule("training.submit", "GET", "POST"),
        name="training_again",
    ),
    route(
        "trainings/<uuid:pk>/withdraw/",
        learning.training_withdraw,
        rule("training.submit", "POST"),
        name="training_withdraw",
    ),
    route(
        "trainings/<uuid:pk>/revoke/",
        reviewing.training_revoke,
        rule("training.review", "GET", "POST"),
        name="training_revoke",
    ),
    route("trainings/<uuid:pk>/document/", learning.training_document, rule("training.view"), name="training_document"),
    # what a project asks for, and offers
    route("projects/<slug:slug>/training/", project.project_training, rule("project.view"), name="project_training"),
    route(
        "projects/<slug:slug>/training/conditions/",
        project.condition_new,
        rule("course.require", "POST"),
        name="condition_new",
    ),
    route(
        "projects/<slug:slug>/training/conditions/<uuid:pk>/end/",
        project.condition_end,
        rule("course.require", "POST"),
        name="condition_end",
    ),
    route(
        "projects/<slug:slug>/training/resources/",
        project.resource_attach,
        rule("library.attach", "POST"),
        name="resource_attach",
    ),
    route(
        "projects/<slug:slug>/training/resources/<uuid:pk>/remove/",
        project.resource_detach,
        rule("library.attach", "POST"),
        name="resource_detach",
    ),
    # the library
    route("library/", library.library, rule(SIGNED_IN), name="library"),
    route("library/new/", library.resource_new, rule(SIGNED_IN, "GET", "POST"), name="resource_new"),
    route("library/<uuid:pk>/", library.resource, rule("library.view"), name="resource"),
    route("library/<uuid:pk>/edit/", library.resource_edit, rule("library.edit", "GET", "POST"), name="resource_edit"),
    route(
        "library/<uuid:pk>/attach/",
        library.resource_attach_to,
        rule("library.view", "POST"),
        name="resource_attach_to",
    ),
    route(
        "library/<uuid:pk>/archive/", library.resource_archive, rule("library.edit", "POST"), name="resource_archive"
    ),
    route(
        "library/<uuid:pk>/restore/", library.resource_restore, rule("library.edit", "POST"), name="resource_restore"
    ),
    # certificates
    route("certificates/", certificates.certificates, rule(SIGNED_IN), name="certificates"),
    route("certificates/certificates.csv", certificates.certificates_file, rule(SIGNED_IN), name="certificates_file"),
    route("certificates/new/", certificates.batch_new, rule(SIGNED_IN, "GET", "POST"), name="batch_new"),
    route("certificates/<uuid:pk>/", certificates.certificate, rule("certificate.view"), name="certificate"),
    route(
        "certificates/<uuid:pk>/certificate.pdf",
        certificates.certificate_pdf,
        rule("certificate.view"),
        name="certificate_pdf",
    ),
    route(
        "certificates/<uuid:pk>/change/",
        certificates.certificate_change,
        rule("certificate.revoke", "GET", "POST"),
        name="certificate_change",
    ),
    # … for anybody who checks one
    route("check/", public.credential_check, rule(PUBLIC, "GET", "POST"), name="credential_check"),
    route("check.json", public.credential_json, rule(PUBLIC), name="credential_json"),
    route("credentials/<uuid:pk>/", public.credential, rule(PUBLIC), name="credential"),
    route("credentials/<uuid:pk>/credential.jwt", public.credential_token, rule(PUBLIC), name="credential_token"),
    route("credentials/keys/<str:kid>/", public.issuer_key, rule(PUBLIC), name="issuer_key"),
    route(
        "credentials/status/<slug:purpose>/<int:number>/",
        public.credential_status,
        rule(PUBLIC),
        name="credential_status",
    ),
    route(".well-known/did.json", public.issuer_did, rule(PUBLIC), name="issuer_did"),
    route(".well-known/jwks.json", public.issuer_keys, rule(PUBLIC), name="issuer_keys"),
]
