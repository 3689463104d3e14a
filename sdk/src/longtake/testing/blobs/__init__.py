"""The contract of blob stores. See `longtake.testing.BlobStoreContract`."""
