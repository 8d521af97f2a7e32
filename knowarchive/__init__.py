"""Knowarchive keeps what communities say in hashtag chats."""

__version__ = "0.1.0"
