"""Surveys: what is asked, in versions that never change; questions to use again; surveys that are ready to use."""
