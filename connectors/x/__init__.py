"""X (Twitter): what its APIs of two generations returned, and the tables that people made from it."""
