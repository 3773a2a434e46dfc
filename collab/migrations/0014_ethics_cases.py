"""Ethics: committees, forms, cases, assessments."""

import collab.ethics.states
import collab.kernel.names
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from collab.kernel.migrating import CreateTables


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0013_transfer_from_disclosure_to_royalties'),
    ]

    operations = [
        CreateTables(
            tables=[migrations.CreateModel(
                name='EthicsAssessment',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('answers', models.JSONField(blank=True, default=dict, verbose_name='answers')),
                    ('version', models.PositiveIntegerField(default=1, editable=False)),
                    ('state', models.CharField(choices=[('draft', 'draft'), ('done', 'done')], default=collab.ethics.states.AssessmentState['DRAFT'], max_length=10, verbose_name='state')),
                    ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished at')),
                    ('begun_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='begun by')),
                    ('finished_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='finished by')),
                    ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)ss', to='collab.project', verbose_name='project')),
                    ('carried_from', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.ethicsformversion', verbose_name='carried over from')),
                    ('form_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.ethicsformversion', verbose_name='questionnaire')),
                ],
                options={
                    'verbose_name': 'self-assessment',
                    'verbose_name_plural': 'self-assessments',
                    'ordering': ['-created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('state', 'draft')), models.Q(('finished_at__isnull', False), ('finished_by__isnull', False), ('state', 'done')), _connector='OR'), name='ethics_assessment_done_has_who_and_when')],
                },
            ), migrations.CreateModel(
                name='EthicsCase',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('answers', models.JSONField(blank=True, default=dict, verbose_name='answers')),
                    ('version', models.PositiveIntegerField(default=1, editable=False)),
                    ('kind', models.CharField(choices=[('initial', 'First application'), ('amendment', 'Amendment'), ('renewal', 'Renewal'), ('again', 'Application on new grounds')], default='initial', max_length=20, verbose_name='kind')),
                    ('title', models.CharField(max_length=200, validators=[collab.kernel.names.DisplayNameValidator()], verbose_name='title')),
                    ('state', models.CharField(choices=[('draft', 'draft'), ('submitted', 'submitted'), ('in_review', 'in_review'), ('changes_requested', 'changes_requested'), ('approved', 'approved'), ('rejected', 'rejected'), ('appealed', 'appealed'), ('suspended', 'suspended'), ('revoked', 'revoked'), ('withdrawn', 'withdrawn'), ('superseded', 'superseded')], default=collab.ethics.states.CaseState['DRAFT'], max_length=20, verbose_name='state')),
                    ('route', models.CharField(blank=True, choices=[(collab.ethics.states.Route['SHORT'], 'Short route'), (collab.ethics.states.Route['FULL'], 'Full route')], max_length=10, verbose_name='route')),
                    ('reasons', models.JSONField(blank=True, default=list, verbose_name='reasons for the route')),
                    ('round', models.PositiveIntegerField(default=0, verbose_name='round')),
                    ('submitted_at', models.DateTimeField(blank=True, null=True, verbose_name='submitted at')),
                    ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided at')),
                    ('first_decided_at', models.DateTimeField(blank=True, null=True, verbose_name='first decided at')),
                    ('decision_reason', models.TextField(blank=True, max_length=5000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='reason')),
                    ('appealed_at', models.DateTimeField(blank=True, null=True, verbose_name='appealed at')),
                    ('appeal_text', models.TextField(blank=True, max_length=5000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='ground of the appeal')),
                    ('blocks_jobs', models.BooleanField(default=False, verbose_name='training needs the approval')),
                    ('blocks_releases', models.BooleanField(default=False, verbose_name='downloads of models need the approval')),
                    ('blocks_data', models.BooleanField(default=False, verbose_name='data needs the approval')),
                    ('valid_until', models.DateField(blank=True, null=True, verbose_name='valid until')),
                    ('monitor_months', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='months between reports')),
                    ('monitor_on', models.DateField(blank=True, null=True, verbose_name='next report due')),
                    ('begun_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='begun by')),
                    ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                    ('previous', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='followers', to='collab.ethicscase', verbose_name='follows')),
                    ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)ss', to='collab.project', verbose_name='project')),
                    ('request', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.request', verbose_name='in the inbox')),
                    ('submitted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='submitted by')),
                    ('committee', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='collab.ethicscommittee', verbose_name='committee')),
                    ('carried_from', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.ethicsformversion', verbose_name='carried over from')),
                    ('form_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.ethicsformversion', verbose_name='questionnaire')),
                ],
                options={
                    'verbose_name': 'ethics application',
                    'verbose_name_plural': 'ethics applications',
                    'ordering': ['-created_at'],
                    'indexes': [models.Index(fields=['project', 'state'], name='ethics_case_by_project'), models.Index(fields=['committee', 'state', '-submitted_at'], name='ethics_case_by_committee')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'submitted', 'in_review', 'changes_requested', 'approved', 'rejected', 'appealed', 'suspended', 'revoked', 'withdrawn', 'superseded'])), name='ethics_case_state_known'), models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'withdrawn']), models.Q(('route__in', ['short', 'full']), ('submitted_at__isnull', False), ('submitted_by__isnull', False)), _connector='OR'), name='ethics_case_submitted_has_who_when_route'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['approved', 'rejected', 'revoked', 'suspended']), _negated=True), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='ethics_case_is_decided_by_a_person'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['approved', 'suspended']), _negated=True), ('valid_until__isnull', False), _connector='OR'), name='ethics_case_approval_has_an_end'), models.UniqueConstraint(condition=models.Q(('state__in', ['appealed', 'changes_requested', 'draft', 'in_review', 'submitted'])), fields=('previous',), name='ethics_case_one_follower_at_a_time')],
                },
            ), migrations.CreateModel(
                name='EthicsCommittee',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('name', models.CharField(max_length=120, validators=[collab.kernel.names.DisplayNameValidator()], verbose_name='name')),
                    ('name_zh', models.CharField(blank=True, max_length=120, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='Chinese name')),
                    ('reviewers_see_all', models.BooleanField(default=False, help_text='Otherwise only those they were asked to review.', verbose_name='reviewers see all cases')),
                    ('minimum_reviews', models.PositiveSmallIntegerField(default=2, verbose_name='fewest reviews on the full route')),
                    ('short_days', models.PositiveSmallIntegerField(default=10, verbose_name='days to decide on the short route')),
                    ('full_days', models.PositiveSmallIntegerField(default=40, verbose_name='days to decide on the full route')),
                    ('validity_months', models.PositiveSmallIntegerField(default=24, verbose_name='months that an approval usually holds')),
                    ('holds_jobs', models.BooleanField(default=False, verbose_name='training waits for the decision')),
                    ('holds_releases', models.BooleanField(default=False, verbose_name='downloads of models wait for the decision')),
                    ('holds_data', models.BooleanField(default=False, verbose_name='data waits for the decision')),
                    ('version', models.PositiveIntegerField(default=1, editable=False)),
                    ('organisation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='ethics_committee', to='collab.organisation', verbose_name='organisation')),
                ],
                options={
                    'verbose_name': 'ethics committee',
                    'verbose_name_plural': 'ethics committees',
                    'ordering': ['name'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('full_days__gte', 1), ('short_days__gte', 1), ('validity_months__gte', 1)), name='ethics_committee_takes_its_time')],
                },
            ), migrations.CreateModel(
                name='EthicsCondition',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('number', models.PositiveSmallIntegerField(verbose_name='number')),
                    ('blocks_jobs', models.BooleanField(default=False, verbose_name='blocks training jobs')),
                    ('blocks_releases', models.BooleanField(default=False, verbose_name='blocks downloads of models')),
                    ('blocks_data', models.BooleanField(default=False, verbose_name='blocks data')),
                    ('due_on', models.DateField(blank=True, help_text='It blocks after this day; without one it blocks at once.', null=True, verbose_name='to be met by')),
                    ('evidence', models.TextField(blank=True, max_length=5000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='evidence of the applicants')),
                    ('claimed_at', models.DateTimeField(blank=True, null=True, verbose_name='given at')),
                    ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='conditions', to='collab.ethicscase', verbose_name='application')),
                    ('claimed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='given by')),
                    ('condition', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='ethics', to='collab.condition', verbose_name='in the inbox')),
                ],
                options={
                    'verbose_name': 'condition of an ethics decision',
                    'verbose_name_plural': 'conditions of ethics decisions',
                    'ordering': ['case', 'number'],
                    'constraints': [models.UniqueConstraint(fields=('case', 'number'), name='ethics_condition_number_once'), models.CheckConstraint(condition=models.Q(models.Q(('claimed_at', None), ('evidence', '')), models.Q(models.Q(('evidence', ''), _negated=True), ('claimed_at__isnull', False)), _connector='OR'), name='ethics_condition_claim_has_when')],
                },
            ), migrations.CreateModel(
                name='EthicsForm',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('code', models.SlugField(max_length=60, unique=True, verbose_name='code')),
                    ('purpose', models.CharField(choices=[('review', 'Application to an ethics committee'), ('assessment', 'Self-assessment'), ('checklist', 'Checklist')], max_length=20, verbose_name='purpose')),
                    ('name', models.CharField(max_length=120, validators=[collab.kernel.names.DisplayNameValidator()], verbose_name='name')),
                    ('name_zh', models.CharField(blank=True, max_length=120, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='Chinese name')),
                    ('note', models.TextField(blank=True, max_length=2000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='note')),
                    ('note_zh', models.TextField(blank=True, max_length=2000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='Chinese note')),
                    ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='written by')),
                    ('organisation', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.organisation', verbose_name='organisation')),
                ],
                options={
                    'verbose_name': 'ethics questionnaire',
                    'verbose_name_plural': 'ethics questionnaires',
                    'ordering': ['purpose', 'name'],
                },
            ), migrations.CreateModel(
                name='EthicsFormVersion',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('number', models.PositiveIntegerField(verbose_name='version')),
                    ('questions', models.JSONField(default=list, verbose_name='questions')),
                    ('rules', models.JSONField(blank=True, default=list, verbose_name='rules of triage')),
                    ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='written by')),
                    ('form', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='collab.ethicsform', verbose_name='questionnaire')),
                ],
                options={
                    'verbose_name': 'version of an ethics questionnaire',
                    'verbose_name_plural': 'versions of ethics questionnaires',
                    'ordering': ['form', '-number'],
                    'constraints': [models.UniqueConstraint(fields=('form', 'number'), name='ethics_form_version_once')],
                },
            ), migrations.CreateModel(
                name='EthicsQuestion',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('about_key', models.CharField(blank=True, max_length=40, verbose_name='about the question')),
                    ('text', models.TextField(max_length=4000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='question')),
                    ('answer', models.TextField(blank=True, max_length=4000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='answer')),
                    ('answered_at', models.DateTimeField(blank=True, null=True, verbose_name='answered at')),
                    ('answered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='answered by')),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='asked by')),
                    ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='asked', to='collab.ethicscase', verbose_name='application')),
                ],
                options={
                    'verbose_name': 'question of the committee',
                    'verbose_name_plural': 'questions of the committee',
                    'ordering': ['created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('answer', ''), ('answered_at', None)), models.Q(models.Q(('answer', ''), _negated=True), ('answered_at__isnull', False)), _connector='OR'), name='ethics_question_answered_has_when')],
                },
            ), migrations.CreateModel(
                name='EthicsReport',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('kind', models.CharField(choices=[('monitoring', 'Monitoring report'), ('incident', 'Incident report')], max_length=20, verbose_name='kind')),
                    ('severity', models.CharField(blank=True, choices=[('minor', 'Minor'), ('serious', 'Serious')], max_length=20, verbose_name='severity')),
                    ('happened_on', models.DateField(blank=True, null=True, verbose_name='happened on')),
                    ('text', models.TextField(max_length=8000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='report')),
                    ('state', models.CharField(choices=[('open', 'open'), ('closed', 'closed')], default=collab.ethics.states.ReportState['OPEN'], max_length=10, verbose_name='state')),
                    ('outcome', models.TextField(blank=True, max_length=4000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='what the committee says')),
                    ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed at')),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='reported by')),
                    ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='collab.ethicscase', verbose_name='application')),
                    ('closed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='closed by')),
                ],
                options={
                    'verbose_name': 'ethics report',
                    'verbose_name_plural': 'ethics reports',
                    'ordering': ['-created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('happened_on__isnull', False), ('kind', 'incident'), models.Q(('severity', ''), _negated=True)), models.Q(('happened_on', None), ('kind', 'monitoring'), ('severity', '')), _connector='OR'), name='ethics_incident_has_its_day_and_severity'), models.CheckConstraint(condition=models.Q(models.Q(('closed_at', None), ('state', 'open')), models.Q(('closed_at__isnull', False), ('closed_by__isnull', False), ('state', 'closed')), _connector='OR'), name='ethics_report_closed_by_a_person')],
                },
            ), migrations.CreateModel(
                name='EthicsReview',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('round', models.PositiveIntegerField(verbose_name='round')),
                    ('state', models.CharField(choices=[('asked', 'asked'), ('submitted', 'submitted'), ('recused', 'recused'), ('lapsed', 'lapsed')], default=collab.ethics.states.ReviewState['ASKED'], max_length=20, verbose_name='state')),
                    ('opinion', models.CharField(blank=True, choices=[('favour', 'in favour'), ('conditions', 'in favour, with conditions'), ('against', 'against')], max_length=20, verbose_name='advice')),
                    ('text', models.TextField(blank=True, max_length=8000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='text')),
                    ('due_on', models.DateField(blank=True, null=True, verbose_name='due on')),
                    ('submitted_at', models.DateTimeField(blank=True, null=True, verbose_name='submitted at')),
                    ('conflict_kind', models.CharField(blank=True, choices=[('personal', 'Family or friendship'), ('professional', 'Works or worked together'), ('financial', 'Money'), ('competing', 'Competes'), ('other', 'Other')], max_length=20, verbose_name='conflict of interest')),
                    ('conflict_text', models.TextField(blank=True, max_length=2000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='what it is')),
                    ('conflict_state', models.CharField(blank=True, choices=[('declared', 'declared'), ('waived', 'waived'), ('recused', 'recused'), ('dismissed', 'dismissed')], max_length=20, verbose_name='conflict')),
                    ('conflict_plan', models.TextField(blank=True, max_length=2000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='plan')),
                    ('version', models.PositiveIntegerField(default=1, editable=False)),
                    ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='collab.ethicscase', verbose_name='application')),
                    ('conflict_decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='conflict decided by')),
                    ('reviewer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='reviewer')),
                ],
                options={
                    'verbose_name': 'ethics review',
                    'verbose_name_plural': 'ethics reviews',
                    'ordering': ['-created_at'],
                    'indexes': [models.Index(fields=['reviewer', 'state'], name='ethics_review_by_person')],
                    'constraints': [models.UniqueConstraint(fields=('case', 'reviewer', 'round'), name='ethics_review_once'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'submitted'), _negated=True), models.Q(('submitted_at__isnull', False), models.Q(('opinion', ''), _negated=True)), _connector='OR'), name='ethics_review_submitted_is_complete'), models.CheckConstraint(condition=models.Q(models.Q(('conflict_kind', ''), ('conflict_state', '')), models.Q(models.Q(('conflict_state', ''), _negated=True), models.Q(('conflict_kind', ''), _negated=True)), _connector='OR'), name='ethics_conflict_has_its_kind'), models.CheckConstraint(condition=models.Q(('conflict_state__in', ['', 'declared']), ('conflict_decided_by__isnull', False), _connector='OR'), name='ethics_conflict_is_decided_by_a_person')],
                },
            ), migrations.CreateModel(
                name='EthicsSubmission',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('number', models.PositiveIntegerField(verbose_name='round')),
                    ('answers', models.JSONField(default=dict, verbose_name='answers')),
                    ('reasons', models.JSONField(blank=True, default=list, verbose_name='reasons for the route')),
                    ('note', models.TextField(blank=True, max_length=4000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='what was changed')),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='submitted by')),
                    ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='submissions', to='collab.ethicscase', verbose_name='application')),
                    ('form_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.ethicsformversion', verbose_name='questionnaire')),
                ],
                options={
                    'verbose_name': 'submission',
                    'verbose_name_plural': 'submissions',
                    'ordering': ['case', '-number'],
                    'constraints': [models.UniqueConstraint(fields=('case', 'number'), name='ethics_submission_once')],
                },
            )],
        ),
    ]
