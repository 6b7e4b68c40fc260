"""The SDK's wheel, as this server has it."""

from fastapi import APIRouter
from fastapi.responses import FileResponse

from app.api.deps import SIGNED_IN, AppSettings, Caller
from app.api.problems import documented
from app.services.sdk_wheel import sdk_wheel

_WHEEL = {"application/octet-stream": {"schema": {"$ref": "#/components/schemas/SdkWheel"}}}
router = APIRouter(prefix="/sdk", tags=["system"], responses=SIGNED_IN)


@router.get(
    "/wheel",
    operation_id="downloadSdk",
    response_class=FileResponse,
    responses={
        200: {"content": _WHEEL},
        **documented("sdk_not_offered"),
    },
)
async def download_sdk(settings: AppSettings, _caller: Caller) -> FileResponse:
    """Download the wheel of `streamweave-sdk`: client, command line, contracts and test kits."""
    wheel = await sdk_wheel(settings)
    return FileResponse(wheel, filename=wheel.name, media_type="application/octet-stream")
