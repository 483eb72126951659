"""The report of the demonstration, as one HTML file."""

from provenance.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
