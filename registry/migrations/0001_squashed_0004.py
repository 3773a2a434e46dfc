"""All tables in one step, for new installations; those that have run the replaced steps go on from there."""

import collab.kernel.names
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from collab.kernel.migrating import CreateTables


class Migration(migrations.Migration):

    replaces = [('registry', '0001_initial'), ('registry', '0002_uses_codes'), ('registry', '0003_modelversion_started_from'), ('registry', '0004_audio_kind')]

    initial = True

    dependencies = [
        ('collab', '0006_projects_life_cycle'),
    ]

    operations = [
        CreateTables(
            tables=[migrations.CreateModel(
                name='Dataset',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('name', models.CharField(max_length=80, validators=[collab.kernel.names.DisplayNameValidator()], verbose_name='name')),
                    ('description', models.TextField(blank=True, max_length=5000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='description')),
                    ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='added by')),
                    ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='datasets', to='collab.organisation', verbose_name='contributed by')),
                    ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='datasets', to='collab.project', verbose_name='project')),
                ],
                options={
                    'verbose_name': 'dataset',
                    'verbose_name_plural': 'datasets',
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('project', 'name'), name='dataset_name_once_per_project')],
                },
            ), migrations.CreateModel(
                name='DatasetVersion',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('number', models.PositiveIntegerField(verbose_name='version')),
                    ('kind', models.CharField(choices=[('text', 'Text'), ('csv', 'Table (CSV)'), ('jsonl', 'Records (JSON lines)'), ('images', 'Images'), ('audio', 'Recordings')], max_length=20, verbose_name='kind')),
                    ('sha256', models.CharField(db_index=True, max_length=64, verbose_name='sha256')),
                    ('size_bytes', models.BigIntegerField(verbose_name='size')),
                    ('rows', models.BigIntegerField(verbose_name='rows')),
                    ('profile', models.JSONField(verbose_name='profile')),
                    ('file_name', models.CharField(max_length=150, verbose_name='file name')),
                    ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='uploaded by')),
                    ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='registry.dataset', verbose_name='dataset')),
                ],
                options={
                    'verbose_name': 'dataset version',
                    'verbose_name_plural': 'dataset versions',
                    'ordering': ['-number'],
                    'constraints': [models.UniqueConstraint(fields=('dataset', 'number'), name='dataset_version_number_once'), models.UniqueConstraint(fields=('dataset', 'sha256'), name='dataset_version_bytes_once'), models.CheckConstraint(condition=models.Q(('size_bytes__gt', 0)), name='dataset_version_has_bytes')],
                },
            ), migrations.CreateModel(
                name='ModelMetric',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=60, verbose_name='name')),
                    ('value', models.FloatField(verbose_name='value')),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='metrics', to='registry.modelversion', verbose_name='version')),
                ],
                options={
                    'verbose_name': 'model metric',
                    'verbose_name_plural': 'model metrics',
                    'ordering': ['name'],
                    'indexes': [models.Index(fields=['name', 'value'], name='model_metric_by_value')],
                    'constraints': [models.UniqueConstraint(fields=('version', 'name'), name='model_metric_once')],
                },
            ), migrations.CreateModel(
                name='ModelVersion',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('number', models.PositiveIntegerField(verbose_name='version')),
                    ('architecture', models.CharField(max_length=40, verbose_name='architecture')),
                    ('parameters', models.BigIntegerField(default=0, verbose_name='parameters')),
                    ('primary_metric', models.CharField(blank=True, max_length=60, verbose_name='primary metric')),
                    ('primary_value', models.FloatField(blank=True, null=True, verbose_name='value')),
                    ('baseline', models.JSONField(default=dict, verbose_name='trivial baseline')),
                    ('card', models.TextField(blank=True, max_length=100000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='model card')),
                    ('manifest', models.JSONField(default=dict, verbose_name='files')),
                    ('manifest_sha256', models.CharField(max_length=64, verbose_name='manifest hash')),
                    ('size_bytes', models.BigIntegerField(default=0, verbose_name='size')),
                    ('job_id', models.UUIDField(blank=True, null=True, unique=True, verbose_name='training job')),
                    ('mlflow_run_id', models.CharField(blank=True, max_length=64, verbose_name='MLflow run')),
                    ('mlflow_model_id', models.CharField(blank=True, max_length=64, verbose_name='MLflow model')),
                    ('mlflow_version', models.CharField(blank=True, max_length=20, verbose_name='MLflow version')),
                    ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='trained by')),
                    ('dataset_versions', models.ManyToManyField(related_name='model_versions', to='registry.datasetversion', verbose_name='trained on')),
                    ('terms', models.ManyToManyField(blank=True, related_name='+', to='collab.agreementversion', verbose_name='trained under')),
                    ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='registry.registeredmodel', verbose_name='model')),
                    ('started_from', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='continued_by', to='registry.modelversion', verbose_name='started from')),
                ],
                options={
                    'verbose_name': 'model version',
                    'verbose_name_plural': 'model versions',
                    'ordering': ['-number'],
                    'constraints': [models.UniqueConstraint(fields=('model', 'number'), name='model_version_number_once'), models.CheckConstraint(condition=models.Q(('manifest_sha256', ''), _negated=True), name='model_version_has_manifest')],
                },
            ), migrations.CreateModel(
                name='RegisteredModel',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('name', models.CharField(max_length=80, validators=[collab.kernel.names.DisplayNameValidator()], verbose_name='name')),
                    ('task', models.CharField(max_length=40, verbose_name='task')),
                    ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='registered by')),
                    ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='models', to='collab.project', verbose_name='project')),
                ],
                options={
                    'verbose_name': 'registered model',
                    'verbose_name_plural': 'registered models',
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('project', 'name'), name='model_name_once_per_project')],
                },
            ), migrations.CreateModel(
                name='UseCode',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('code', models.CharField(choices=[('general_research', 'General research'), ('non_commercial', 'Non-commercial use only'), ('not_for_profit', 'Not-for-profit organisations only'), ('publication_required', 'Publication required'), ('collaboration_required', 'Collaboration required'), ('no_methods', 'No methods research'), ('time_limit', 'Time limit'), ('geography', 'Certain territories only'), ('ethics_required', 'Ethics approval required'), ('return_results', 'Derived data is returned'), ('user_specific', 'Named people only'), ('institution_specific', 'Named organisations only'), ('project_specific', 'One piece of work only'), ('topic_specific', 'One topic only')], max_length=40, verbose_name='code')),
                    ('until', models.DateField(blank=True, null=True, verbose_name='until')),
                    ('territories', models.JSONField(blank=True, default=list, verbose_name='territories')),
                    ('text', models.TextField(blank=True, max_length=2000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='description')),
                    ('organisations', models.ManyToManyField(blank=True, related_name='+', to='collab.organisation', verbose_name='organisations')),
                    ('people', models.ManyToManyField(blank=True, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='people')),
                    ('terms', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='codes', to='registry.useterms', verbose_name='data-use terms')),
                ],
                options={
                    'verbose_name': 'data-use code',
                    'verbose_name_plural': 'data-use codes',
                    'ordering': ['code'],
                    'constraints': [models.UniqueConstraint(fields=('terms', 'code'), name='use_code_once_per_terms'), models.CheckConstraint(condition=models.Q(('code__in', ['general_research', 'non_commercial', 'not_for_profit', 'publication_required', 'collaboration_required', 'no_methods', 'time_limit', 'geography', 'ethics_required', 'return_results', 'user_specific', 'institution_specific', 'project_specific', 'topic_specific'])), name='use_code_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('code', 'time_limit'), _negated=True), ('until__isnull', False), _connector='OR'), name='use_code_time_limit_has_day')],
                },
            ), migrations.CreateModel(
                name='UseTerms',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('number', models.PositiveIntegerField(verbose_name='number')),
                    ('current', models.BooleanField(default=True, verbose_name='counts now')),
                    ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='use_terms', to='registry.dataset', verbose_name='dataset')),
                    ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='set by')),
                ],
                options={
                    'verbose_name': 'data-use terms',
                    'verbose_name_plural': 'data-use terms',
                    'ordering': ['-number'],
                    'constraints': [models.UniqueConstraint(fields=('dataset', 'number'), name='use_terms_number_once'), models.UniqueConstraint(condition=models.Q(('current', True)), fields=('dataset',), name='use_terms_one_counts_per_dataset')],
                },
            )],
        ),
    ]
