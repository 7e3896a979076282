"""The `severity` command."""
