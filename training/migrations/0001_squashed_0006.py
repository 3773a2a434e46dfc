"""All tables in one step, for new installations; those that have run the replaced steps go on from there."""

import collab.kernel.names
import django.db.models.deletion
import django.utils.timezone
import training.jobs.states
import training.playground.states
import uuid
from django.conf import settings
from django.db import migrations, models

from collab.kernel.migrating import CreateTables


class Migration(migrations.Migration):

    replaces = [('training', '0001_initial'), ('training', '0002_purpose'), ('training', '0003_waiting'), ('training', '0004_job_start_version'), ('training', '0005_playground'), ('training', '0006_playground_inputs')]

    initial = True

    dependencies = [
        ('collab', '0022_names_as_they_were_sent'),
        ('registry', '0003_modelversion_started_from'),
    ]

    operations = [
        CreateTables(
            tables=[migrations.CreateModel(
                name='Attempt',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('number', models.PositiveIntegerField(verbose_name='number')),
                    ('fence', models.BigIntegerField(verbose_name='fence')),
                    ('host', models.CharField(max_length=120, verbose_name='host')),
                    ('boot_id', models.CharField(blank=True, max_length=64, verbose_name='boot')),
                    ('engine_pid', models.IntegerField(blank=True, null=True, verbose_name='engine process')),
                    ('engine_started', models.FloatField(blank=True, null=True, verbose_name='engine process start')),
                    ('started_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='started at')),
                    ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                    ('reason', models.CharField(blank=True, max_length=40, verbose_name='reason')),
                    ('exit_code', models.IntegerField(blank=True, null=True, verbose_name='exit code')),
                    ('peak_rss_bytes', models.BigIntegerField(blank=True, null=True, verbose_name='peak memory, bytes')),
                    ('last_step', models.BigIntegerField(blank=True, null=True, verbose_name='last step')),
                    ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='training.job', verbose_name='job')),
                ],
                options={
                    'verbose_name': 'attempt',
                    'verbose_name_plural': 'attempts',
                    'ordering': ['-number'],
                    'constraints': [models.UniqueConstraint(fields=('job', 'fence'), name='attempt_once_per_fence'), models.CheckConstraint(condition=models.Q(('ended_at', None), ('ended_at__gte', models.F('started_at')), _connector='OR'), name='attempt_ends_after_start')],
                },
            ), migrations.CreateModel(
                name='Job',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('name', models.CharField(max_length=80, validators=[collab.kernel.names.DisplayNameValidator()], verbose_name='name')),
                    ('spec', models.JSONField(verbose_name='spec')),
                    ('spec_sha256', models.CharField(max_length=64, verbose_name='spec hash')),
                    ('task', models.CharField(max_length=40, verbose_name='task')),
                    ('idempotency_key', models.CharField(blank=True, editable=False, max_length=80)),
                    ('state', models.CharField(choices=[('waiting', 'waiting'), ('queued', 'queued'), ('starting', 'starting'), ('running', 'running'), ('stopping', 'stopping'), ('paused', 'paused'), ('done', 'done'), ('failed', 'failed'), ('stopped', 'stopped')], default=training.jobs.states.JobState['QUEUED'], max_length=20, verbose_name='state')),
                    ('desired', models.CharField(choices=[('run', 'run'), ('stop', 'stop'), ('kill', 'kill')], default=training.jobs.states.Desired['RUN'], max_length=20, verbose_name='desired')),
                    ('reason', models.CharField(blank=True, max_length=40, verbose_name='reason')),
                    ('reason_detail', models.CharField(blank=True, max_length=500, verbose_name='detail')),
                    ('queued_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='queued at')),
                    ('not_before', models.DateTimeField(blank=True, null=True, verbose_name='not before')),
                    ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started at')),
                    ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished at')),
                    ('fence', models.BigIntegerField(default=0, verbose_name='fence')),
                    ('owner', models.CharField(blank=True, max_length=120, verbose_name='supervisor')),
                    ('lease_until', models.DateTimeField(blank=True, null=True, verbose_name='lease until')),
                    ('attempt_count', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                    ('no_progress', models.PositiveIntegerField(default=0, verbose_name='attempts without progress')),
                    ('progress', models.JSONField(default=dict, verbose_name='progress')),
                    ('checkpoint_step', models.BigIntegerField(blank=True, null=True, verbose_name='checkpoint at step')),
                    ('metrics', models.JSONField(default=dict, verbose_name='metrics')),
                    ('baseline', models.JSONField(default=dict, verbose_name='trivial baseline')),
                    ('mlflow_run_id', models.CharField(blank=True, max_length=64, verbose_name='MLflow run')),
                    ('dataset_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='registry.datasetversion', verbose_name='dataset')),
                    ('model_version', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='job', to='registry.modelversion', verbose_name='model version')),
                    ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='collab.project', verbose_name='project')),
                    ('runs_as', models.ForeignKey(help_text='Whoever submitted or last resumed it; their rights are asked for again while it runs.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='runs under the rights of')),
                    ('submitted_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to=settings.AUTH_USER_MODEL, verbose_name='submitted by')),
                    ('terms', models.ManyToManyField(blank=True, related_name='+', to='collab.agreementversion', verbose_name='submitted under')),
                    ('purpose', models.JSONField(blank=True, default=dict, verbose_name='purpose')),
                    ('start_version', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='started_jobs', to='registry.modelversion', verbose_name='starts from')),
                ],
                options={
                    'verbose_name': 'training job',
                    'verbose_name_plural': 'training jobs',
                    'ordering': ['-created_at'],
                    'indexes': [models.Index(fields=['state', 'queued_at'], name='job_queue'), models.Index(fields=['project', '-created_at'], name='job_by_project')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('idempotency_key', ''), _negated=True), fields=('submitted_by', 'idempotency_key'), name='job_submitted_once'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', [training.jobs.states.JobState['RUNNING'], training.jobs.states.JobState['STARTING'], training.jobs.states.JobState['STOPPING']]), _negated=True), ('lease_until__isnull', False), _connector='OR'), name='job_live_has_lease'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', [training.jobs.states.JobState['DONE'], training.jobs.states.JobState['FAILED'], training.jobs.states.JobState['STOPPED']]), _negated=True), ('finished_at__isnull', False), _connector='OR'), name='job_ended_has_time'), models.CheckConstraint(condition=models.Q(models.Q(('state', training.jobs.states.JobState['DONE']), _negated=True), ('model_version__isnull', False), _connector='OR'), name='job_done_has_version')],
                },
            ), migrations.CreateModel(
                name='Trial',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('kind', models.CharField(choices=[('text', 'a text'), ('numbers', 'a series of numbers'), ('image', 'an image'), ('audio', 'a recording'), ('question', 'a question and a text that holds its answer'), ('pair', 'two texts'), ('captions', 'an image and texts that may belong to it')], max_length=10, verbose_name='kind')),
                    ('text', models.TextField(blank=True, verbose_name='text')),
                    ('state', models.CharField(choices=[('waiting', 'WAITING'), ('running', 'RUNNING'), ('answered', 'ANSWERED'), ('failed', 'FAILED')], default=training.playground.states.TrialState['WAITING'], max_length=10, verbose_name='state')),
                    ('reason', models.CharField(blank=True, max_length=20, verbose_name='reason')),
                    ('reason_detail', models.TextField(blank=True, verbose_name='in detail')),
                    ('answer', models.JSONField(blank=True, null=True, verbose_name='answer')),
                    ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='begun at')),
                    ('ends_by', models.DateTimeField(blank=True, null=True, verbose_name='given up at')),
                    ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                    ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='trials', to=settings.AUTH_USER_MODEL, verbose_name='asked by')),
                    ('asset', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='collab.licensedasset', verbose_name='licensed as')),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='trials', to='registry.modelversion', verbose_name='model version')),
                    ('file', models.BinaryField(blank=True, null=True, verbose_name='file')),
                ],
                options={
                    'verbose_name': 'question to a model',
                    'verbose_name_plural': 'questions to models',
                    'ordering': ['-created_at', 'pk'],
                    'indexes': [models.Index(fields=['state', 'created_at'], name='trial_by_state'), models.Index(fields=['asked_by', 'created_at'], name='trial_by_person')],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('state', 'answered'), _negated=True), ('answer__isnull', False), _connector='OR'), name='trial_answered_has_answer')],
                },
            )],
        ),
    ]
