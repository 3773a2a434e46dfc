"""Explanations in both languages, what is new between versions of a course, and edits that must have seen what they change."""

import collab.courses.states
import collab.kernel.names
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0029_late_steps_and_sublicences'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='enrolment',
            name='enrolment_state_is_known',
        ),
        migrations.AddField(
            model_name='checkpoint',
            name='version',
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
        migrations.AddField(
            model_name='coursemodule',
            name='origin',
            field=models.UUIDField(blank=True, editable=False, null=True, verbose_name='copied from'),
        ),
        migrations.AddField(
            model_name='coursemodule',
            name='version',
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
        migrations.AddField(
            model_name='courseversion',
            name='note_zh',
            field=models.CharField(blank=True, max_length=500, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='what is new, in Chinese'),
        ),
        migrations.AddField(
            model_name='enrolment',
            name='moved_from',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='moved_to', to='collab.enrolment', verbose_name='goes on from'),
        ),
        migrations.AddField(
            model_name='quizquestion',
            name='version',
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
        migrations.AddField(
            model_name='quizquestion',
            name='why_zh',
            field=models.TextField(blank=True, max_length=2000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='explanation in Chinese'),
        ),
        migrations.AlterField(
            model_name='enrolment',
            name='state',
            field=models.CharField(choices=[('enrolled', 'enrolled'), ('passed', 'passed'), ('left', 'left'), ('moved', 'moved')], default=collab.courses.states.EnrolmentState['ENROLLED'], max_length=20, verbose_name='state'),
        ),
        migrations.AddConstraint(
            model_name='enrolment',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['enrolled', 'passed', 'left', 'moved'])), name='enrolment_state_is_known'),
        ),
    ]
