"""Knowarchive's own exports, taken back: JSON lines, CSV and Parquet of posts, reposts and accounts."""
