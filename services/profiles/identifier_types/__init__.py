"""Types of identifiers as the firm declares them: their form, who keeps a value, and which evidence comes first.

Undeclared types work as they always did: any text, the first fifty of a key, shared by whoever goes by it, joining
nobody. A declaration holds for what is said from then on. What is stored stays as it was judged, and evidence keeps the
priority that was declared when it came: so no change of a declaration merges or splits anybody.
"""
