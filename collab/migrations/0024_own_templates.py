
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0023_party_lead'),
    ]

    operations = [
        migrations.AddField(
            model_name='agreementtemplate',
            name='organisation',
            field=models.ForeignKey(blank=True, help_text='Whose own text it is; empty: one for everybody.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='agreement_templates', to='collab.organisation', verbose_name='organisation'),
        ),
        migrations.AlterField(
            model_name='agreementtemplate',
            name='code',
            field=models.SlugField(max_length=100, unique=True, verbose_name='code'),
        ),
        migrations.AlterField(
            model_name='templateversion',
            name='fields',
            field=models.JSONField(blank=True, default=list, verbose_name='fields'),
        ),
    ]
