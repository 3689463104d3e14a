"""Blob stores: where bytes too big for a continuation state live, by id.

The protocol has four methods; everything else is an optional power. The built-in stores are
`longtake.blobs.memory.MemoryBlobStore` and `longtake.blobs.file.store.FileBlobStore`.
"""
