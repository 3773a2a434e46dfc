import collab.kernel.names
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0036_reports_received_and_receipts_refunded'),
    ]

    operations = [
        migrations.CreateModel(
            name='CaseNote',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('noted_on', models.DateField(default=django.utils.timezone.localdate, verbose_name='about the day')),
                ('text', models.TextField(blank=True, max_length=8000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='text')),
                ('file_name', models.CharField(blank=True, max_length=200, verbose_name='file')),
                ('media_type', models.CharField(blank=True, max_length=60, verbose_name='kind of file')),
                ('sha256', models.CharField(blank=True, max_length=64, verbose_name='hash')),
                ('size_bytes', models.PositiveBigIntegerField(default=0, verbose_name='size in bytes')),
                ('withdrawn_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='taken back')),
                ('withdrawn_reason', models.CharField(blank=True, max_length=1000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='why')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='written by')),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notes', to='collab.transfercase', verbose_name='case')),
                ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='taken back by')),
            ],
            options={
                'verbose_name': 'note on a case',
                'verbose_name_plural': 'notes on cases',
                'ordering': ['-noted_on', '-created_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('text', ''), _negated=True), models.Q(('sha256', ''), _negated=True), _connector='OR'), name='case_note_says_something'), models.CheckConstraint(condition=models.Q(models.Q(('file_name', ''), ('media_type', ''), ('sha256', ''), ('size_bytes', 0)), models.Q(models.Q(('sha256', ''), _negated=True), models.Q(('file_name', ''), _negated=True), models.Q(('media_type', ''), _negated=True)), _connector='OR'), name='case_note_file_is_whole'), models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at', None), ('withdrawn_by', None), ('withdrawn_reason', '')), models.Q(('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False), models.Q(('withdrawn_reason', ''), _negated=True)), _connector='OR'), name='case_note_taken_back_with_reason')],
            },
        ),
    ]
