"""Gathers the addresses of technology transfer."""

from collab.transfer.disclosures.urls import urlpatterns as disclosures
from collab.transfer.licences.urls import urlpatterns as licences
from collab.transfer.portfolio.urls import urlpatterns as portfolio
from collab.transfer.protection.urls import urlpatterns as protection
from collab.transfer.royalties.urls import urlpatterns as royalties

urlpatterns = [*disclosures, *protection, *licences, *royalties, *portfolio]
