"""The service that takes what happened to customers; what shops send is on a page of its own."""

from drawing.every_service import of_service

DASHBOARD = of_service("touchpoints")
