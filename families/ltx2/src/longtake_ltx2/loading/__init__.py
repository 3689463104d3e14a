"""From a checkpoint's files to networks that are whole, aligned and where they belong."""
