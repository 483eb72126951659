"""`python -m provenance.cli`, where no console script is installed."""

from provenance.cli import main

main()
