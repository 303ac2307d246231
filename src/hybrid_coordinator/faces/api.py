"""HTTP: parse, one flow call, format."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from hybrid_coordinator.app import House
from hybrid_coordinator.errors import BadInput, CoordinatorError, NotFound
from hybrid_coordinator.faces import shapes
from hybrid_coordinator.faces.events import encode_event
from hybrid_coordinator.faces.failures import error_body, failure_of
from hybrid_coordinator.faces.gap_operations import encode_filling, fill
from hybrid_coordinator.faces.gap_shapes import FillRequest
from hybrid_coordinator.faces.guard import MAX_BODY, BodyTooLarge, too_large
from hybrid_coordinator.faces.index_events import encode_index_run
from hybrid_coordinator.faces.learning_operations import encode_learning, learn
from hybrid_coordinator.faces.learning_shapes import LearningProcessRequest
from hybrid_coordinator.faces.metrics import CONTENT_TYPE, render_metrics
from hybrid_coordinator.faces.openapi import openapi_document, openapi_page
from hybrid_coordinator.faces.operation import Operation, parse_fields, parse_request
from hybrid_coordinator.faces.operations import OPERATIONS, health, query_of
from hybrid_coordinator.faces.training_operations import measure, train
from hybrid_coordinator.faces.training_shapes import TrainRequest, VersionRequest

NDJSON = "application/x-ndjson"

ALIASES = {
    "/learning/export": "generate_training_data",
    "/learning/process": "learning_process",
    "/learning/ab_compare": "ab_compare",
}
"""The users' own paths, and the operations they stand for."""

logger = logging.getLogger(__name__)


class Api:
    """The routes over one house."""

    def __init__(self, house: House, instance: str) -> None:
        """`instance` is what `/health` proves to a client that it speaks to the server its data folder names."""
        self._house = house
        self._instance = instance

    def routes(self) -> list[Route]:
        """Every route but MCP."""
        return [
            Route("/", _go_to_docs),
            Route("/docs", _docs),
            Route("/openapi.json", _openapi),
            Route("/health", self.health),
            Route("/metrics", self.metrics),
            *(Route(path, self._alias(name), methods=["POST"]) for path, name in ALIASES.items()),
            Route("/api/learn", self.learn, methods=["POST"]),
            Route("/api/fill_gap", self.fill_gap, methods=["POST"]),
            Route("/api/train", self.train, methods=["POST"]),
            Route("/api/measure", self.measure, methods=["POST"]),
            Route("/api/index", self.index, methods=["POST"]),
            Route("/api/import", self.import_answers, methods=["POST"]),
            Route("/api/{operation}", self.call, methods=["GET", "POST"]),
        ]

    async def call(self, request: Request) -> Response:
        """Any operation of the table: POST with a JSON object, or GET with a query string for one that only reads."""
        operation = _find(request.path_params["operation"])
        if request.method == "GET" and not operation.read_only:
            raise HTTPException(405, f"{operation.name} changes something: POST a JSON object", {"Allow": "POST"})
        fields = _query_fields(request) if request.method == "GET" else await _read_json(request)
        parsed = parse_request(operation, fields)
        if isinstance(parsed, shapes.AskRequest) and NDJSON in request.headers.get("accept", ""):
            return StreamingResponse(_lines(self._answer(parsed)), media_type=NDJSON)
        return _json(await operation.run(self._house, parsed))

    async def _answer(self, request: shapes.AskRequest) -> AsyncGenerator[dict[str, Any], None]:
        async with aclosing(self._house.answerer.stream(query_of(request))) as events:
            async for event in events:
                yield encode_event(event)

    async def index(self, request: Request) -> Response:
        """Index paths of this machine; the progress comes as one JSON object a line."""
        parsed = parse_fields(shapes.IndexRequest, "index", await _read_json(request))
        return StreamingResponse(_lines(encode_index_run(self._house.indexer.index(parsed.paths))), media_type=NDJSON)

    async def import_answers(self, request: Request) -> Response:
        """Import a file of questions and answers of this machine; the progress comes as one JSON object a line."""
        parsed = parse_fields(shapes.ImportRequest, "import", await _read_json(request))
        run = self._house.importer.import_answers(parsed.path, untrusted=parsed.untrusted)
        return StreamingResponse(_lines(encode_index_run(run)), media_type=NDJSON)

    async def learn(self, request: Request) -> Response:
        """A round of learning; the progress comes as one JSON object a line."""
        parsed = parse_fields(LearningProcessRequest, "learn", await _read_json(request))
        return StreamingResponse(_lines(encode_learning(learn(self._house, parsed))), media_type=NDJSON)

    async def fill_gap(self, request: Request) -> Response:
        """Fill a gap; the progress comes as one JSON object a line."""
        parsed = parse_fields(FillRequest, "fill_gap", await _read_json(request))
        return StreamingResponse(_lines(encode_filling(fill(self._house, parsed))), media_type=NDJSON)

    async def train(self, request: Request) -> Response:
        """Train to the decision; the progress comes as one JSON object a line. A run goes on without its listener."""
        parsed = parse_fields(TrainRequest, "train", await _read_json(request))
        return StreamingResponse(_lines(train(self._house, parsed)), media_type=NDJSON)

    async def measure(self, request: Request) -> Response:
        """Measure a version to the decision; the progress comes as one JSON object a line."""
        parsed = parse_fields(VersionRequest, "measure", await _read_json(request))
        return StreamingResponse(_lines(measure(self._house, parsed)), media_type=NDJSON)

    def _alias(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        operation = OPERATIONS[name]

        async def run(request: Request) -> Response:
            return _json(await operation.run(self._house, parse_request(operation, await _read_json(request))))

        return run

    async def health(self, request: Request) -> Response:
        """200 while the stores are up, 503 when one is not; without the key only the word."""
        result = await health(self._house, shapes.HealthRequest())
        status = 503 if result.status == "down" else 200
        told = (
            result.model_dump(mode="json")
            if request.scope["coordinator.asker"] is not None
            else {"status": result.status}
        )
        return JSONResponse(told | {"instance": self._instance}, status)

    async def metrics(self, _request: Request) -> Response:
        """What Prometheus scrapes."""
        house = self._house
        body = render_metrics(await house.reporter.report(), await house.health(), await house.daemon.status())
        return Response(body, media_type=CONTENT_TYPE)


def _find(name: str) -> Operation:
    if name not in OPERATIONS:
        raise NotFound(f"there is no operation {name!r}; there are {', '.join(OPERATIONS)}")
    return OPERATIONS[name]


def _query_fields(request: Request) -> dict[str, Any]:
    values = {name: request.query_params.getlist(name) for name in request.query_params}
    return {name: value[0] if len(value) == 1 else value for name, value in values.items()}


async def _read_json(request: Request) -> Any:
    try:
        body = await request.body()
    except BodyTooLarge as error:
        raise HTTPException(413, str(too_large(MAX_BODY))) from error
    if not body.strip():
        return {}
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the body is not a JSON object in UTF-8: {error}") from error


def _json(result: Any) -> Response:
    return Response(result.model_dump_json(), media_type="application/json")


async def _lines(events: AsyncGenerator[dict[str, Any], None]) -> AsyncIterator[bytes]:
    """One JSON object a line. The status is sent by then, so an error is told as the last line."""
    async with aclosing(events):
        try:
            async for event in events:
                yield json.dumps(event, ensure_ascii=False).encode() + b"\n"
        except CoordinatorError as error:
            yield json.dumps({"event": "error", **error_body(error)}).encode() + b"\n"
        except Exception as error:
            logger.exception("a stream broke off")
            yield json.dumps({"event": "error", **error_body(error)}).encode() + b"\n"


async def _go_to_docs(_request: Request) -> Response:
    return RedirectResponse("/docs")


async def _docs(_request: Request) -> Response:
    return HTMLResponse(openapi_page())


async def _openapi(_request: Request) -> Response:
    return JSONResponse(openapi_document())


async def tell_error(_request: Request, error: Exception) -> Response:
    """One of our errors as its status and body."""
    failure = failure_of(error)
    body = error_body(error)
    wait = body["error"].get("retry_after_s")
    return JSONResponse(body, failure.http_status, {"Retry-After": str(round(float(wait)))} if wait else None)


async def tell_http_error(_request: Request, error: Exception) -> Response:
    """The framework's own errors (no such path, wrong method) in our shape."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": {"type": "bad_input", "message": error.detail}}, error.status_code, error.headers)


async def tell_unexpected(request: Request, error: Exception) -> Response:
    """Anything else: told without its text, logged with it."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)
    logger.error("request failed", extra={"path": request.url.path}, exc_info=error)
    return JSONResponse(error_body(error), 500)
