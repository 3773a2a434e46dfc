"""How courses, certificates and the library hang on organisations and people. Imported once, when Django is ready."""

from django.utils.translation import gettext_lazy

from collab.access.policy import Scope, register_scope
from collab.courses.certificates.models import Certificate, CertificateBatch, IssuerKey, own
from collab.courses.certificates.services import (
    BATCH,
    batch_decided,
    batch_withdrawn,
    facts_of_batch,
    register_on_change,
)
from collab.courses.conditions import needs_course
from collab.courses.expiring import certificate_changed, remind_days
from collab.courses.library.attaching import Attachable, register_attachable
from collab.courses.library.models import Resource, ResourceLink
from collab.courses.models import (
    ConditionScope,
    Course,
    CourseCondition,
    CourseModule,
    CourseVersion,
    Enrolment,
    ModuleDone,
    QuizAttempt,
    QuizQuestion,
    TrainingRecord,
)
from collab.courses.standing import (
    attached_in_public,
    explain,
    explain_training,
    own_training,
    takes,
    takes_off,
    takes_version,
)
from collab.courses.trainings import TRAINING, facts_of_training, training_decided, training_withdrawn
from collab.inbox.kinds import Kind, register_kind
from collab.inbox.reminding import register_ending
from collab.inbox.states import Decision, Mail
from collab.inbox.topics import Topic, register_topic
from collab.projects.models import Project

register_scope(Course, Scope(view="course.view", organisation="organisation", grants=takes, explain=explain))
register_scope(
    CourseVersion,
    Scope(view="course.view", organisation="course__organisation", grants=takes_version, explain=explain),
)
for _part in (CourseModule, QuizQuestion):  # learners meet them through their enrolment; questions hold the answers
    register_scope(_part, Scope(view="course.edit", organisation="edition__course__organisation"))
register_scope(Enrolment, Scope(view="enrolment.view", organisation="course__organisation", person="person"))
for _part in (ModuleDone, QuizAttempt):
    register_scope(
        _part,
        Scope(view="enrolment.view", organisation="enrolment__course__organisation", person="enrolment__person"),
    )
register_scope(
    TrainingRecord,
    Scope(view="training.view", organisation="organisation", grants=own_training, explain=explain_training),
)
register_scope(CourseCondition, Scope(view="project.view", project="project"))
register_scope(Certificate, Scope(view="certificate.view", organisation="organisation", also=own))
register_scope(CertificateBatch, Scope(view="certificate.view", organisation="organisation"))
register_scope(IssuerKey, Scope(view="organisation.view", everyone=True))  # published: everybody checks with it
register_scope(Resource, Scope(view="library.view", organisation="organisation", everyone=True))
register_scope(ResourceLink, Scope(view="project.view", project="project", also=attached_in_public, grants=takes_off))

register_kind(Kind("course", gettext_lazy("A course that I take has a new version"), "journal-text", Mail.DAILY))
register_kind(Kind("certificate", gettext_lazy("A certificate of mine is issued or taken back"), "award", Mail.NOW))
register_topic(
    Topic(
        BATCH,
        gettext_lazy("Approval of certificates"),
        on_decided=batch_decided,
        on_withdrawn=batch_withdrawn,
        facts=facts_of_batch,
        effect=lambda request: gettext_lazy(
            "All certificates of the batch are signed and issued, and their recipients are told."
        ),
    )
)
register_topic(
    Topic(
        TRAINING,
        gettext_lazy("Review of a training done elsewhere"),
        decisions=(Decision.APPROVED, Decision.RETURNED, Decision.REJECTED),
        on_decided=training_decided,
        on_withdrawn=training_withdrawn,
        facts=facts_of_training,
        effect=lambda request: gettext_lazy("It counts for this person until its last day."),
        private=True,
    )
)

register_ending(Enrolment, remind_days)
register_ending(TrainingRecord, remind_days)
register_on_change(certificate_changed)
needs_course(Project, "job.submit", needed_for=ConditionScope.JOBS, project="pk")
register_attachable(Attachable(Project, "library.attach", gettext_lazy("Project"), project=lambda project: project))
