"""Self-contained HTML pages with charts: one file, nothing from the network."""
