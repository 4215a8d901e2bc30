"""One self-contained HTML page of what a topic set holds: every parent, its decision, and what it looked like."""

from deploy.report.data import Report, Row, read_report
from deploy.report.page import render

__all__ = ["Report", "Row", "read_report", "render"]
