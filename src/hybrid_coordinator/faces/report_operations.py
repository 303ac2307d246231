"""What it all came to."""

from hybrid_coordinator.app import House
from hybrid_coordinator.faces.operation import Operation
from hybrid_coordinator.faces.report_shapes import ReportRequest, ReportResult


async def report(house: House, request: ReportRequest) -> ReportResult:
    return ReportResult.of(await house.reporter.report(request.days))


REPORT_OPERATIONS = (
    Operation("report", "What it all came to, and how learning goes.", ReportRequest, ReportResult, report),
)
