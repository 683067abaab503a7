"""Fakes over mocks: real loopback servers that record what they saw and answer what a test tells them to."""
