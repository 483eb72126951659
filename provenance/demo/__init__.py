"""The demonstration: real images sealed, forged in every way, and each forgery found."""

from provenance.demo.result import CaseResult, DemoResult
from provenance.demo.run import run_demo

__all__ = ["CaseResult", "DemoResult", "run_demo"]
