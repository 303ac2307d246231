"""What it all came to."""

from hybrid_coordinator.app import House
from hybrid_coordinator.faces.operation import Operation
from hybrid_coordinator.faces.report_shapes import ReportRequest, ReportResult
from hybrid_coordinator.faces.training_shapes import VersionResult


async def report(house: House, request: ReportRequest) -> ReportResult:
    versions = [VersionResult.of(version) for version in await house.training.versions.list()]
    told = ReportResult.of(await house.reporter.report(request.days))
    return told.model_copy(update={"answering": house.training.answering(), "versions": versions})


REPORT_OPERATIONS = (
    Operation("report", "What it all came to, and how learning goes.", ReportRequest, ReportResult, report),
)
