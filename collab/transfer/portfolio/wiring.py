"""How start-ups and the shares in them hang on organisations. Imported once, when Django is ready."""

from collab.access.policy import Scope, register_scope
from collab.transfer.portfolio.models import EquityHolding, StartUp

register_scope(StartUp, Scope(view="startup.view", organisation="organisation"))
register_scope(EquityHolding, Scope(view="startup.view", organisation="startup__organisation"))
