"""Vouchers over HTTP: campaigns, codes and the jobs that make them, assignments."""

from fastapi import APIRouter

from services.loyalty.vouchers.api import assignments, campaigns, codes, imports

router = APIRouter()
for _page in (campaigns, codes, imports, assignments):
    router.include_router(_page.router)
router.include_router(imports.files)
