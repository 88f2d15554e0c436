"""Pure rules: how long customers stay away, who came back, and how recently, often and much they bought."""
