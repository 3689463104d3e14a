"""The transformer's forward passes: all that is known of diffusers' module tree is known here."""
