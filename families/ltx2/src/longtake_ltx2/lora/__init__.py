"""LoRAs: what their files hold, and how they change the transformer."""
