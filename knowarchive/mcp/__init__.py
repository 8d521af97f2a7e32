"""Tools for assistants: the archive searched, read and cited over the Model Context Protocol. They only read."""
