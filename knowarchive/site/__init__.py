"""The site: what the reading room shows, written down as files that any web server or folder can hold for ever.

It stands on the room: the same catalogue, cards and templates, with other addresses and with everybody's wishes heeded.
"""
