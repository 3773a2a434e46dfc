
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0025_internship_gaps'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='licence',
            name='licence_money_is_sound',
        ),
        migrations.RemoveConstraint(
            model_name='licence',
            name='licence_percentages_are_sound',
        ),
        migrations.AddField(
            model_name='licence',
            name='costs_cap',
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=17, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='costs repaid at most'),
        ),
        migrations.AddField(
            model_name='licence',
            name='costs_days',
            field=models.PositiveSmallIntegerField(default=30, verbose_name='days to repay a cost'),
        ),
        migrations.AddField(
            model_name='licence',
            name='costs_of',
            field=models.CharField(choices=[('cases', 'of every right of the licensed cases'), ('assets', 'of the licensed rights alone')], default='cases', max_length=20, verbose_name='costs are those'),
        ),
        migrations.AddField(
            model_name='licence',
            name='costs_percent',
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=7, null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='part of the costs that is repaid, per cent'),
        ),
        migrations.AddField(
            model_name='scheduledpayment',
            name='cost',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reimbursements', to='collab.protectioncost', verbose_name='repays the cost'),
        ),
        migrations.AddConstraint(
            model_name='licence',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('issue_fee', None), models.Q(('issue_fee__gte', 0), ('issue_fee__lte', 1000000000000)), _connector='OR'), models.Q(('annual_minimum', None), models.Q(('annual_minimum__gte', 0), ('annual_minimum__lte', 1000000000000)), _connector='OR'), models.Q(('royalty_cap', None), models.Q(('royalty_cap__gte', 0), ('royalty_cap__lte', 1000000000000)), _connector='OR'), models.Q(('costs_cap', None), models.Q(('costs_cap__gte', 0), ('costs_cap__lte', 1000000000000)), _connector='OR')), name='licence_money_is_sound'),
        ),
        migrations.AddConstraint(
            model_name='licence',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('sublicence_percent', None), models.Q(('sublicence_percent__gte', 0), ('sublicence_percent__lte', 100)), _connector='OR'), models.Q(('equity_percent', None), models.Q(('equity_percent__gte', 0), ('equity_percent__lte', 100)), _connector='OR'), models.Q(('late_interest_percent', None), models.Q(('late_interest_percent__gte', 0), ('late_interest_percent__lte', 100)), _connector='OR'), models.Q(('costs_percent', None), models.Q(('costs_percent__gte', 0), ('costs_percent__lte', 100)), _connector='OR')), name='licence_percentages_are_sound'),
        ),
    ]
