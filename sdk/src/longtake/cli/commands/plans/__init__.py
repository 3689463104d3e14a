"""What ``longtake plan`` finds out, and how it is shown."""
