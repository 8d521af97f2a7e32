"""Bluesky, and whatever else serves the app.bsky lexicons of the AT Protocol."""
