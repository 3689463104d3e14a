"""Which plugins are installed, which of them load, and what they bring."""
