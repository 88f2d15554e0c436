"""Vouchers over HTTP: campaigns, codes and the jobs that make them, assignments."""

from fastapi import APIRouter

from services.loyalty.vouchers.api import assignments, campaigns, codes

router = APIRouter()
for _page in (campaigns, codes, assignments):
    router.include_router(_page.router)
