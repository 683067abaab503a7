"""The benchmark's own logic; nothing is timed here."""
