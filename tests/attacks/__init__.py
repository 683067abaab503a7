"""Hostile requests over a raw socket: a client library would clean the bytes."""
