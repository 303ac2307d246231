"""The OpenAPI document and a page that shows it, both made from the table of operations."""

import html
import json
from typing import Any

from pydantic import BaseModel

from hybrid_coordinator import __version__
from hybrid_coordinator.faces.operation import Operation
from hybrid_coordinator.faces.operations import OPERATIONS
from hybrid_coordinator.faces.shapes import ImportRequest, IndexRequest

_PREFIX = "#/components/schemas/{model}"


def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1 of every route but the pages and MCP."""
    schemas: dict[str, Any] = {}
    paths = {f"/api/{operation.name}": _path(operation, schemas) for operation in OPERATIONS.values()}
    paths["/learning/export"] = _path(OPERATIONS["generate_training_data"], schemas, name="learning_export")
    paths["/api/index"] = _streamed("index", "Index files and folders of this machine.", IndexRequest, schemas)
    paths["/api/import"] = _streamed("import", "Import a JSONL file of questions and answers.", ImportRequest, schemas)
    paths["/health"] = _plain("health_page", "What is up; 503 when a store is not.", "application/json")
    paths["/metrics"] = _plain("metrics", "Figures for Prometheus.", "text/plain")
    return {
        "openapi": "3.1.0",
        "info": {"title": "hybrid-coordinator", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
        },
    }


def _plain(name: str, summary: str, media_type: str) -> dict[str, Any]:
    answer = {"description": "done", "content": {media_type: {"schema": {}}}}
    return {"get": {"operationId": name, "summary": summary, "responses": {"200": answer}}}


def _streamed(name: str, summary: str, request: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    described = {
        "operationId": name,
        "summary": f"{summary} The progress comes as one JSON object a line, the summary last.",
        "requestBody": {"content": {"application/json": {"schema": _schema(request, schemas)}}},
        "responses": {"200": {"description": "progress", "content": {"application/x-ndjson": {"schema": {}}}}},
    }
    return {"post": described}


def _path(operation: Operation, schemas: dict[str, Any], name: str = "") -> dict[str, Any]:
    described = {
        "operationId": name or operation.name,
        "summary": operation.summary,
        "requestBody": {"content": {"application/json": {"schema": _schema(operation.request, schemas)}}},
        "responses": {
            "200": {
                "description": "done",
                "content": {"application/json": {"schema": _schema(operation.result, schemas)}},
            },
            "400": {"description": "the request is not right; the body's error.message says what would be"},
            "404": {"description": "nothing has that id"},
            "503": {"description": "a model or store is not up"},
        },
    }
    return {"post": described}


def _schema(model: Any, schemas: dict[str, Any]) -> dict[str, str]:
    schema = model.model_json_schema(ref_template=_PREFIX)
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
    return {"$ref": _PREFIX.format(model=model.__name__)}


def openapi_page() -> str:
    """A page that needs nothing from elsewhere: every operation with its fields and a command that calls it."""
    sections = "\n".join(_section(operation) for operation in OPERATIONS.values())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>hybrid-coordinator API</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 52rem; padding: 1rem; color: #1c2733; }}
h2 {{ border-top: 1px solid #d7dee6; padding-top: 1rem; font-size: 1.1rem; }}
code, pre {{ font-family: ui-monospace, monospace; font-size: .85rem; }}
pre {{ background: #f3f6f9; padding: .75rem; overflow-x: auto; border-radius: 6px; }}
table {{ border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }}
td, th {{ text-align: left; padding: .3rem .6rem .3rem 0; vertical-align: top; border-bottom: 1px solid #eef2f5; }}
@media (prefers-color-scheme: dark) {{
 body {{ background: #10161c; color: #dbe4ec; }} pre {{ background: #1a232c; }}
 td, th, h2 {{ border-color: #2a3641; }} a {{ color: #7db8ff; }} }}
</style></head><body>
<h1>hybrid-coordinator API</h1>
<p>Every operation is a POST of a JSON object. The document behind this page: <a href="/openapi.json">/openapi.json</a>.
Also here: <a href="/health">/health</a>, <a href="/metrics">/metrics</a>, and MCP at <code>/mcp</code>.</p>
{sections}
</body></html>"""


def _section(operation: Operation) -> str:
    schema = operation.request.model_json_schema()
    required = set(schema.get("required", []))
    rows = "".join(
        f"<tr><td><code>{html.escape(name)}</code></td><td>{'required' if name in required else ''}</td>"
        f"<td>{html.escape(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    example = json.dumps(dict.fromkeys(required, "...")) if required else "{}"
    call = f"curl -s http://127.0.0.1:8092/api/{operation.name} -H 'content-type: application/json' -d '{example}'"
    return (
        f"<h2><code>/api/{operation.name}</code></h2><p>{html.escape(operation.summary)}</p>"
        f"{f'<table>{rows}</table>' if rows else ''}<pre>{html.escape(call)}</pre>"
    )
