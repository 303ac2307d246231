"""Answers that documents hold: FAQs and troubleshooting guides in Markdown."""

from typing import Any

from pydantic import Field

from hybrid_coordinator.app import House
from hybrid_coordinator.faces.operation import Operation
from hybrid_coordinator.faces.shapes import Request, Result


class ImportDocumentsRequest(Request):
    paths: list[str] = Field(min_length=1, description="Absolute paths of Markdown files on this machine.")
    verified: bool = Field(False, description="Has somebody tried these answers?")
    untrusted: bool = Field(False, description="Were they written by strangers? Then they wait for a person's word.")


class ImportDocumentsResult(Result):
    seeds: dict[str, int] = Field(description="How many questions each document answers.")
    added: int
    changed: int
    retired: int
    quarantined: int
    unchanged: int


class ConvertDocumentsRequest(Request):
    paths: list[str] = Field(min_length=1, description="Absolute paths of Markdown files on this machine.")
    verified: bool = Field(False, description="Has somebody tried these answers?")


class ConvertDocumentsResult(Result):
    rows: list[dict[str, Any]] = Field(description="Training rows in the OpenAI chat format.")


async def import_documents(house: House, request: ImportDocumentsRequest) -> ImportDocumentsResult:
    done = await house.learning.import_documents(
        request.paths, verified=request.verified, trusted=not request.untrusted
    )
    return ImportDocumentsResult(
        seeds=done.seeds,
        added=done.added,
        changed=done.changed,
        retired=done.retired,
        quarantined=done.quarantined,
        unchanged=done.unchanged,
    )


async def convert_documents(house: House, request: ConvertDocumentsRequest) -> ConvertDocumentsResult:
    rows = await house.learning.documents.convert(request.paths, verified=request.verified)
    return ConvertDocumentsResult(rows=[dict(row) for row in rows])


DOCUMENT_OPERATIONS = (
    Operation(
        "import_documents",
        "Take in what FAQ and troubleshooting documents answer: served from now on, and rows of the training data.",
        ImportDocumentsRequest,
        ImportDocumentsResult,
        import_documents,
        read_only=False,
    ),
    Operation(
        "convert_documents",
        "The training rows that FAQ and troubleshooting documents hold, without taking anything in.",
        ConvertDocumentsRequest,
        ConvertDocumentsResult,
        convert_documents,
    ),
)
