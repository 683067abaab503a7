"""Whole-process tests that read as stories: what viewer, content and authorization server saw."""
