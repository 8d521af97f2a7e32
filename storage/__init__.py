"""The archive: Delta Lake tables of payloads, observations and runs, queried through DuckDB."""
