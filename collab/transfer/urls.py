"""Gathers the addresses of technology transfer."""

from collab.transfer.disclosures.urls import urlpatterns as disclosures
from collab.transfer.royalties.urls import urlpatterns as royalties

urlpatterns = [*disclosures, *royalties]
