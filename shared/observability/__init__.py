"""Seeing: metrics, logs, traces, health."""
