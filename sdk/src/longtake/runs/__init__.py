"""How a segment comes about: from a request to a plan, to values, to a result."""
