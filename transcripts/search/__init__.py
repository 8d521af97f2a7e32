"""The search index: what it keeps of a post, how it is asked, and how its answers read. Derived; can be deleted."""
