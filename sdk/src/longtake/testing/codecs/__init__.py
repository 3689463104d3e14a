"""The contract of continuation codecs, by topic."""
