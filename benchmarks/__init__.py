"""Benchmarks: how each of Noria's bars is measured. Nothing here is installed with the package."""
