"""What a committee answers to a claim and puts right in a decision; trainings whose acceptance was taken back."""

import collab.courses.states
import collab.kernel.names
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0031_transfer_income_per_sublicence'),
    ]

    operations = [
        migrations.CreateModel(
            name='EthicsCorrection',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('reason', models.TextField(max_length=4000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='reason')),
                ('changes', models.JSONField(verbose_name='changes')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='corrected by')),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='collab.ethicscase', verbose_name='application')),
            ],
            options={
                'verbose_name': 'correction of an ethics decision',
                'verbose_name_plural': 'corrections of ethics decisions',
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='EthicsRefusal',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('evidence', models.TextField(max_length=5000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='evidence of the applicants')),
                ('claimed_at', models.DateTimeField(verbose_name='given at')),
                ('reason', models.TextField(max_length=4000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='why it is not enough')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='answered by')),
                ('claimed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='given by')),
                ('condition', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refusals', to='collab.ethicscondition', verbose_name='condition of an ethics decision')),
            ],
            options={
                'verbose_name': 'claim that was not enough',
                'verbose_name_plural': 'claims that were not enough',
                'ordering': ['created_at'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='trainingrecord',
            name='training_state_is_known',
        ),
        migrations.RemoveConstraint(
            model_name='trainingrecord',
            name='training_reviewed_has_its_time',
        ),
        migrations.AlterField(
            model_name='trainingrecord',
            name='state',
            field=models.CharField(choices=[('submitted', 'submitted'), ('accepted', 'accepted'), ('rejected', 'rejected'), ('returned', 'returned'), ('withdrawn', 'withdrawn'), ('revoked', 'revoked')], default=collab.courses.states.TrainingState['SUBMITTED'], max_length=20, verbose_name='state'),
        ),
        migrations.AddConstraint(
            model_name='trainingrecord',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['submitted', 'accepted', 'rejected', 'returned', 'withdrawn', 'revoked'])), name='training_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='trainingrecord',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['accepted', 'rejected', 'revoked']), _negated=True), ('reviewed_at__isnull', False), _connector='OR'), name='training_reviewed_has_its_time'),
        ),
        migrations.AddField(
            model_name='ethicsform',
            name='version',
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
    ]
