"""Flash sales over HTTP: sales and claims, draws, waiting rooms."""

from fastapi import APIRouter

from services.loyalty.flash.api import draws, rooms, sales

router = APIRouter()
for _page in (sales, draws, rooms):
    router.include_router(_page.router)
