"""The five collections, on embedded Qdrant or on a Qdrant server."""
