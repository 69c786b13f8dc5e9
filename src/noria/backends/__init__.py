"""Implementations of the ports in `noria.core.ports`, one file each."""
