"""Data: sources, schema inference, snapshots, splits. Everything becomes a Polars table."""
