"""The contract of session stores. See `longtake.testing.SessionStoreContract`."""
