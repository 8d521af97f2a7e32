"""`python -m knowarchive` is the `knowarchive` command."""

from knowarchive.cli import main

if __name__ == "__main__":
    main()
