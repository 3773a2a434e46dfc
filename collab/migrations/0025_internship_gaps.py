
import collab.kernel.names
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0024_own_templates'),
    ]

    operations = [
        migrations.CreateModel(
            name='MovedCheckPoint',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('due_on', models.DateField(verbose_name='due on')),
                ('reason', models.CharField(max_length=500, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='reason')),
            ],
            options={
                'verbose_name': 'check-point moved for an intern',
                'verbose_name_plural': 'check-points moved for interns',
                'ordering': ['due_on'],
            },
        ),
        migrations.AddField(
            model_name='ethicscase',
            name='appeals_conditions',
            field=models.BooleanField(default=False, help_text='The approval stands until it is decided.', verbose_name='the appeal is against conditions'),
        ),
        migrations.AddField(
            model_name='ethicscommittee',
            name='seals_reviews',
            field=models.BooleanField(default=False, help_text="Reviewers read each other's only once all of the round are in.", verbose_name='reviews are sealed'),
        ),
        migrations.AddField(
            model_name='ethicscommittee',
            name='shows_reviewers',
            field=models.BooleanField(default=False, help_text='With what was advised, once it is decided. Otherwise they read neither.', verbose_name='applicants see who reviewed'),
        ),
        migrations.AddField(
            model_name='ethicscondition',
            name='lifted_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='lifted on appeal at'),
        ),
        migrations.AddField(
            model_name='licensedasset',
            name='project',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.project', verbose_name='other project it came out of'),
        ),
        migrations.AddField(
            model_name='project',
            name='is_frame',
            field=models.BooleanField(default=False, editable=False, help_text='Of two organisations without a joint project; no work is done in it.', verbose_name='only keeps agreements'),
        ),
        migrations.AlterField(
            model_name='placement',
            name='project',
            field=models.ForeignKey(blank=True, help_text='Where the learning agreement is kept; without one, in a frame of host and university.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='placements', to='collab.project', verbose_name='joint project'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('is_frame', False), ('state', 'idea'), _connector='OR'), name='project_frame_does_no_work'),
        ),
        migrations.AddField(
            model_name='movedcheckpoint',
            name='check_point',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='moved', to='collab.checkpoint', verbose_name='check-point'),
        ),
        migrations.AddField(
            model_name='movedcheckpoint',
            name='moved_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='moved by'),
        ),
        migrations.AddField(
            model_name='movedcheckpoint',
            name='placement',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='moved_points', to='collab.placement', verbose_name='placement'),
        ),
        migrations.AddConstraint(
            model_name='movedcheckpoint',
            constraint=models.UniqueConstraint(fields=('placement', 'check_point'), name='check_point_moved_once'),
        ),
        migrations.AddConstraint(
            model_name='movedcheckpoint',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='check_point_moved_for_a_reason'),
        ),
    ]
