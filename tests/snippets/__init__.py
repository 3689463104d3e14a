"""The commands and snippets of all documents, and how they are run."""
