"""What a command shows: progress, tables, logs, failures."""
