"""Archive files as people have them, of any compression, found by content: see `reader.read_file`."""
