"""Every integration type against a double of its vendor: the real flows, the real HTTP client, TLS, the vendor's own names."""
