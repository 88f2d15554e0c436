"""Segments: rules and static lists, made, changed, looked at before saving; `membership/` keeps their members."""
