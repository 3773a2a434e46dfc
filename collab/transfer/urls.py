"""Gathers the addresses of technology transfer."""

from collab.transfer.disclosures.urls import urlpatterns as disclosures

urlpatterns = [*disclosures]
