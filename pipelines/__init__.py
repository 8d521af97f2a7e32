"""The steps: plain functions that join connectors, storage and transcripts. They work without a scheduler."""
