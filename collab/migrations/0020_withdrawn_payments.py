
import collab.transfer.royalties.states
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0019_change_of_supervisor'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='scheduledpayment',
            name='payment_state_is_known',
        ),
        migrations.AlterField(
            model_name='scheduledpayment',
            name='state',
            field=models.CharField(choices=[('planned', 'planned'), ('invoiced', 'invoiced'), ('waived', 'waived'), ('withdrawn', 'withdrawn')], default=collab.transfer.royalties.states.PaymentState['PLANNED'], max_length=20, verbose_name='state'),
        ),
        migrations.AddConstraint(
            model_name='scheduledpayment',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['planned', 'invoiced', 'waived', 'withdrawn'])), name='payment_state_is_known'),
        ),
    ]
