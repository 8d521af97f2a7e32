"""Mastodon, and the servers that speak its API: GoToSocial, Akkoma, Pleroma, Friendica and others."""
