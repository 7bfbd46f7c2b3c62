"""Liveness, readiness and metrics."""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from engine.ports import PortError
from ningju.console.services import AtSite

router = APIRouter(tags=["health"])


@router.get("/healthz/live")
async def live() -> Response:
    """200 while the process answers at all."""
    return JSONResponse({"status": "live"})


@router.get("/healthz/ready")
async def ready(site: AtSite) -> Response:
    """200 when calls are worth sending here; else 503 with what is waited for."""
    if site.services.stopping.is_set():
        waiting: dict[str, str] = {"server": "is draining"}
    else:
        try:
            await site.store.heads()
            waiting = dict(await site.services.ready()) if site.services.ready else {}
        except PortError as error:
            waiting = {"store": str(error)}
    if waiting:
        return JSONResponse({"status": "waiting", "waiting": waiting}, 503, {"Retry-After": "1"})
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
async def metrics(site: AtSite, request: Request) -> Response:
    """Figures in Prometheus' text format."""
    text = await request.app.state.metrics.expose(site.store, site.services.stats, site.services.consumers)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
