"""The service over HTTP: JSON, events and media, with a tenant for each caller."""
