"""The reading room: the archive as pages that work without JavaScript, as feeds, and as an API. It only reads."""
