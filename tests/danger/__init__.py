"""The fourteen danger points of a proxy in Python: each with faults, and the tests that fail when one is put in."""
