"""Every service's own copy of who is whom: facts stay under the raw person key, reads resolve it to a root.

Whatever order merges, unmerges, late events and duplicates come in, the mapping ends the same.
`members` locks a person whole, for services that change something of somebody.
"""
