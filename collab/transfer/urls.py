"""Gathers the addresses of technology transfer."""

from collab.transfer.disclosures.urls import urlpatterns as disclosures
from collab.transfer.licences.urls import urlpatterns as licences

urlpatterns = [*disclosures, *licences]
