"""Runs services: the manifest, start and drain in order, supervision."""
