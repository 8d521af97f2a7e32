"""From the posts of a session to something a person can read. Pure: no network, no clock, no archive."""
